"""One moment of a lane as a picture: points over the critic's surface, or a grid of images, with its name and step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from wgan_core.charts import theme
from wgan_core.history import LaneView, Snapshot


def _on_paper(colour: str) -> tuple[int, int, int]:
    red, green, blue, *_ = ImageColor.getrgb(theme.printed(colour))
    return red, green, blue


# The colours of the page.
REAL, GENERATED, INK = _on_paper(theme.REAL), _on_paper(theme.GENERATED), _on_paper(theme.INK)
LOW, HIGH = _on_paper(theme.LOW), _on_paper(theme.HIGH)
QUIET, PAPER = (120, 120, 120), (255, 255, 255)
STRONGEST = 0.75  # opacity of the surface where it is farthest from its mean
SIDE, HEAD, MARGIN = 420, 44, 10
# Drawn this much larger and made smaller again: smooth edges.
FINE = 2
Pixels = NDArray[np.uint8]


def moment(view: LaneView, title: str) -> Image.Image | None:
    """What a view shows now, as an RGB picture; None before its first snapshot."""
    if view.latest is None or not view.latest.arrays:
        return None
    image = _grid(view.latest) if view.config.dataset.is_image else _points(view.latest, view.config.dataset.extent)
    paper = Image.new("RGB", (SIDE + 2 * MARGIN, HEAD + SIDE + MARGIN), PAPER)
    paper.paste(image, (MARGIN, HEAD))
    pen = ImageDraw.Draw(paper)
    _write(pen, (MARGIN, 5), title, 15, INK)
    right = f"step {view.latest.step:,}"
    _write(pen, (MARGIN + SIDE - pen.textlength(right, _font(13)), 25), right, 13, INK)
    if not view.config.dataset.is_image:
        x: float = MARGIN
        for name, color in (("real", REAL), ("generated", GENERATED)):
            pen.ellipse((x, 29, x + 8, 37), fill=color)
            _write(pen, (x + 12, 25), name, 13, QUIET)
            x += 24 + pen.textlength(name, _font(13))
    return paper


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of one size in a row."""
    paper = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height), PAPER)
    x = 0
    for picture in pictures:
        paper.paste(picture, (x, 0))
        x += picture.width
    return paper


def _points(at: Snapshot, extent: float) -> Image.Image:
    """Real and generated points over the critic's score, y upwards; the same square of the plane at every step."""
    side = SIDE * FINE
    paper = _surface(at.arrays["surface"]).resize((side, side), Image.Resampling.BICUBIC)
    for points, color, radius, opacity in (
        (at.arrays["real"], REAL, 2.0, 0.45),
        (at.arrays["fake"], GENERATED, 2.5, 0.8),
    ):
        layer = Image.new("L", (side, side), 0)
        pen, r = ImageDraw.Draw(layer), radius * FINE
        where = (np.clip(points / extent, -9, 9) * [1, -1] + 1) * side / 2
        for x, y in where.tolist():
            pen.ellipse((x - r, y - r, x + r, y + r), fill=round(255 * opacity))
        paper.paste(color, (0, 0), layer)
    return paper.resize((SIDE, SIDE), Image.Resampling.BOX)


def _surface(score: NDArray[Any]) -> Image.Image:
    """Brown where the score is low, green where it is high, clear at its mean."""
    from_mean = score.astype(float) - score.mean()
    strength = from_mean / (np.abs(from_mean).max() or 1.0)
    color = np.where(strength[..., None] < 0, LOW, HIGH)
    opacity = STRONGEST * np.abs(strength)[..., None]
    mixed: Pixels = np.round(color * opacity + np.array(PAPER) * (1 - opacity)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(mixed[::-1]))  # rows come from low to high y


def _grid(at: Snapshot) -> Image.Image:
    """The images of the fixed latents, as large as fits; whole multiples keep their pixels square."""
    grid = Image.fromarray(at.arrays["fake_grid"])
    factor = max(1, SIDE // max(grid.size))
    size = grid.width * factor, grid.height * factor
    if max(size) < 0.8 * SIDE or max(size) > SIDE:
        scale = SIDE / max(grid.size)
        size = round(grid.width * scale), round(grid.height * scale)
    paper = Image.new("RGB", (SIDE, SIDE), PAPER)
    paper.paste(grid.resize(size, Image.Resampling.NEAREST), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return paper


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _write(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, color: tuple[int, int, int]
) -> None:
    # The font that comes with Pillow has the letters of western Europe.
    shown = text.encode("latin-1", "replace").decode("latin-1")
    while len(shown) > 1 and pen.textlength(shown, _font(size)) > SIDE:
        shown = shown[:-1]
    pen.text(at, shown, fill=color, font=_font(size))
