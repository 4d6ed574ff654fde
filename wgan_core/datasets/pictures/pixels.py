"""From what a decoder gives, in whatever mode and size, to eight bits in RGB or grey and one size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
# Larger pictures are shrunk tile by tile before they are brought to their size: whole copies of them take much memory.
LARGE_PIXELS = 4_000_000
TILE = 1024
# Then still so many times larger than the wanted size.
SPARE = 4
WHITES = (1, 255, 65_535)
STRETCHED = (
    "made of numbers below 0 or beyond 16 bits, of which the lowest was taken for black and the highest for white"
)


class Unusable(Exception):
    """Why a file is left out, as half a sentence after its name."""


@dataclass(frozen=True)
class Style:
    """How pictures are brought to one size.

    Attributes
    ----------
    side : int
        Height and width in pixels.
    channels : int
        3 for colour, 1 for grey.
    fit : {"crop", "pad"}
        Cut the middle square out, or shrink the whole picture into a white square.
    """

    side: int
    channels: int
    fit: Literal["crop", "pad"]

    @property
    def mode(self) -> str:
        return "RGB" if self.channels == 3 else "L"


def plain(image: Image.Image, style: Style, warn: Callable[[str], None]) -> Image.Image:
    """A picture in eight bits, on white, in RGB or grey; a large one already smaller, and of it what fit wants."""
    ends = _ends(image, warn)
    if image.width * image.height <= LARGE_PIXELS:
        return _eight_bits(image, style.mode, ends)
    size = image.size if style.fit == "pad" else (min(image.size),) * 2
    factor = max(1, max(size) // (SPARE * style.side))
    by = min(factor, size[0]), min(factor, size[1])
    small = Image.new(style.mode, (size[0] // by[0], size[1] // by[1]))
    # From the middle, whose sides are multiples of the factors.
    width, height = small.width * by[0], small.height * by[1]
    left, top = (image.width - width) // 2, (image.height - height) // 2
    for box in _tiles((left, top, left + width, top + height), by):
        tile = _eight_bits(image.crop(box), style.mode, ends).reduce(by)
        small.paste(tile, ((box[0] - left) // by[0], (box[1] - top) // by[1]))
    return small


def _tiles(box: Box, by: tuple[int, int] = (1, 1)) -> Iterator[Box]:
    """The tiles of a box, their sides multiples of ``by``."""
    wide, high = (one * max(1, TILE // one) for one in by)
    for top in range(box[1], box[3], high):
        for left in range(box[0], box[2], wide):
            yield left, top, min(left + wide, box[2]), min(top + high, box[3])


def _ends(image: Image.Image, warn: Callable[[str], None]) -> tuple[float, float]:
    """Which numbers are black and white in a picture of more than eight bits; (0, 255) in all others."""
    if image.mode.startswith("I;"):
        return 0, 65_535
    if image.mode not in ("I", "F"):
        return 0, 255
    low, high = np.inf, -np.inf
    for box in _tiles((0, 0, *image.size)):
        values = np.asarray(image.crop(box))
        if not np.isfinite(values).all():
            raise Unusable("made of numbers that are not all finite")
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low < 0 or high > WHITES[-1]:
        warn(STRETCHED)
        return low, high
    if image.mode == "I":
        return 0, WHITES[-1]
    white = next(white for white in WHITES if high <= white)
    warn(f"made of floating point numbers, of which {white:,} was taken for white")
    return 0, white


def _eight_bits(image: Image.Image, mode: str, ends: tuple[float, float]) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        black, white = ends
        values = (np.asarray(image).astype(np.float64) - black) * (255 / max(white - black, 1e-300))
        return Image.fromarray(np.rint(values).astype(np.uint8)).convert(mode)
    if image.mode == "LAB":
        return _from_lab(image).convert(mode)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.new("RGBA", clear.size, "white")
        image.alpha_composite(clear)
    try:
        return image.convert("RGB").convert(mode)
    except ValueError:
        raise Unusable(f"in colours that are not read here ({image.mode}); save it as RGB") from None


@cache
def _lab() -> Any:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    found = ImageCms.applyTransform(image, _lab())
    assert found is not None, "it is not changed in place"
    return found


def fitted(image: Image.Image, style: Style) -> Pixels:
    """The picture as a square of the wanted size, shape (channels, side, side)."""
    size = (style.side, style.side)
    if style.fit == "crop":
        image = ImageOps.fit(image, size, Image.Resampling.BICUBIC)
    else:
        scale = style.side / max(image.size)
        inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        paper = Image.new(image.mode, size, "white")
        corner = (style.side - inner[0]) // 2, (style.side - inner[1]) // 2
        paper.paste(image.resize(inner, Image.Resampling.BICUBIC), corner)
        image = paper
    pixels = np.asarray(image, np.uint8).reshape(style.side, style.side, style.channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
