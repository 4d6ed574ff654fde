"""Pictures and films of a run: its samples as PNG, its frames as GIF, WebP and MP4, lanes side by side on the race's clock."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from wgan_core.export.format import export
from wgan_core.export.frames import GENERATED, HIGH, INK, LOW, PAPER, QUIET, REAL, moment, side_by_side
from wgan_core.export.subject import Bundle, ExportProblem, File

# Enough for a film of ten seconds, and little enough to send to someone.
MOST_FRAMES = 100
FRAME_MS, LAST_MS = 100, 1500
NO_FRAMES = "There is nothing to show yet: this run has not been measured."


def without_frames(bundle: Bundle) -> str | None:
    """Why there is nothing to draw, or None."""
    return None if all(view.latest and view.latest.arrays for view in bundle.view.lanes) else NO_FRAMES


def picture(bundle: Bundle) -> Image.Image:
    """What each lane shows now, side by side.

    Raises
    ------
    ExportProblem
        A lane has not been measured yet.
    """
    found = [moment(view, title) for view, title in zip(bundle.view.lanes, bundle.titles, strict=True)]
    drawn = [image for image in found if image is not None]
    if len(drawn) < len(found):
        raise ExportProblem(NO_FRAMES)
    return side_by_side(drawn)


def moments(bundle: Bundle, most: int = MOST_FRAMES) -> list[float]:
    """Values of the race's clock to show, evenly thinned, first and last among them: the times of all lanes' frames."""
    clock = bundle.view.config.clock
    times = sorted({float(getattr(frame, clock)) for view in bundle.view.lanes for frame in view.frames})
    if not times:
        return []
    kept = np.unique(np.linspace(0, len(times) - 1, min(most, len(times))).round().astype(int))
    return [times[i] for i in kept]


def film(bundle: Bundle) -> Iterator[Image.Image]:
    """The run from its start to its end, one picture after another, all of one size.

    Raises
    ------
    ExportProblem
        There are no frames.
    """
    times = moments(bundle)
    if not times:
        raise ExportProblem(NO_FRAMES)
    for time in times:
        yield picture(Bundle(bundle.view.at(time, bundle.view.config.clock), bundle.states))


@export("png", "Picture", "The samples as they are now.", ".png", "image/png", unfit=without_frames)
def png(bundle: Bundle) -> Iterable[File]:
    out = io.BytesIO()
    picture(bundle).save(out, "PNG", optimize=True)
    return [File("samples.png", out.getvalue())]


@export("gif", "Film, GIF", "The samples over the whole run.", ".gif", "image/gif", unfit=without_frames)
def gif(bundle: Bundle) -> Iterable[File]:
    drawn = list(film(bundle))
    palette = _palette(drawn[-1])
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in drawn]
    return [File("samples.gif", _animated(frames, "GIF", optimize=False))]


def _palette(picture: Image.Image) -> Image.Image:
    """One palette for a whole film, so that colours do not flicker; small things have their place in it."""
    ours = [channel for color in (REAL, GENERATED, INK, QUIET, PAPER, LOW, HIGH) for channel in color]
    found = picture.quantize(256 - len(ours) // 3)
    counted = list(found.getpalette() or [])
    image = Image.new("P", (1, 1))
    image.putpalette((counted + ours)[: 3 * 256])
    return image


@export(
    "webp",
    "Film, WebP",
    "The samples over the whole run, in a smaller file than GIF.",
    ".webp",
    "image/webp",
    unfit=without_frames,
)
def webp(bundle: Bundle) -> Iterable[File]:
    return [File("samples.webp", _animated(list(film(bundle)), "WEBP", quality=80, method=2))]


def _animated(frames: list[Image.Image], kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=durations, loop=0, **options)
    return out.getvalue()


@export(
    "mp4",
    "Film, MP4",
    "The samples over the whole run, for slides.",
    ".mp4",
    "video/mp4",
    requires=("imageio_ffmpeg",),
    unfit=without_frames,
)
def mp4(bundle: Bundle) -> Iterable[File]:
    """H.264, which every browser and every slide program plays."""
    import imageio_ffmpeg

    frames = [np.asarray(_even(image)) for image in film(bundle)]
    frames += [frames[-1]] * (LAST_MS // FRAME_MS)
    height, width = frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(path),
            (width, height),
            fps=1000 / FRAME_MS,
            codec="libx264",
            pix_fmt_out="yuv420p",
            macro_block_size=1,
            ffmpeg_log_level="error",
            output_params=["-crf", "20", "-movflags", "+faststart", "-threads", "1"],
        )
        try:
            writer.send(None)
            for frame in frames:
                writer.send(np.ascontiguousarray(frame))
        finally:
            writer.close()
        return [File("samples.mp4", path.read_bytes())]


def _even(image: Image.Image) -> Image.Image:
    """H.264 in its common form wants even sides."""
    width, height = (side + side % 2 for side in image.size)
    if (width, height) == image.size:
        return image
    paper = Image.new("RGB", (width, height), "white")
    paper.paste(image, (0, 0))
    return paper
