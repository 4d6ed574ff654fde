"""One picture from a file of any common format, as bytes of one size; or the reason why not."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = NDArray[np.uint8]
# Formats that Pillow decodes itself; others start programs (EPS) or are rarely read, and so rarely tested.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS = 50_000_000
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf")


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


def decode(data: bytes, style: Style) -> Pixels:
    """Decode one picture.

    The camera's rotation is applied, what is transparent shows white, 16 bits become 8, CMYK becomes RGB, and of an
    animation the first frame is taken.

    Returns
    -------
    array
        uint8, shape (channels, side, side).

    Raises
    ------
    Unusable
        It is no picture, or damaged, or too large. The size is read from the header, before anything is decoded.
    """
    if not data:
        raise Unusable("empty")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Unusable(f"larger than {MAX_PIXELS // 1_000_000} megapixels")
            # JPEGs shrink while they are decoded: a photograph then costs little more than a thumbnail.
            image.draft(None, (2 * style.side, 2 * style.side))
            return _fitted(_plain(ImageOps.exif_transpose(image), style.channels), style)
    except Unusable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unusable(f"larger than {MAX_PIXELS // 1_000_000} megapixels") from None
    except UnidentifiedImageError:
        if data.startswith(ARCHIVES):
            raise Unusable("an archive inside; archives are not opened") from None
        raise Unusable("not a picture (JPEG, PNG, WebP, BMP, TIFF or GIF)") from None
    except Exception:
        # Damaged files make decoders raise almost anything: OSError, SyntaxError, struct.error, IndexError …
        raise Unusable("damaged or cut off") from None


def _plain(image: Image.Image, channels: int) -> Image.Image:
    """The picture in eight bits, on white, in RGB or grey."""
    mode = "RGB" if channels == 3 else "L"
    if image.mode == "F":
        raise Unusable("made of floating point numbers; save it with 8 or 16 bits")
    if image.mode == "I" or image.mode.startswith("I;"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65_535:
            raise Unusable("made of numbers beyond 16 bits; save it with 8 or 16 bits")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.new("RGBA", clear.size, "white")
        image.alpha_composite(clear)
    return image.convert("RGB").convert(mode)


def _fitted(image: Image.Image, style: Style) -> Pixels:
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
