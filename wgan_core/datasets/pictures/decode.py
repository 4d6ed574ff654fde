"""One picture from a file of any common format, as bytes of one size; or the reason why not."""

from __future__ import annotations

import io
from collections.abc import Callable
from threading import BoundedSemaphore

from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base

from wgan_core.datasets.pictures.bare import bare
from wgan_core.datasets.pictures.pixels import Pixels, Style, Unusable, fitted, plain

# Formats that Pillow decodes itself; others start programs (EPS) or are rarely read, and so rarely tested.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
# Megapixels. Most formats take 4 bytes a pixel while they are decoded, and a progressive JPEG 6. An ordinary JPEG shrinks
# while it is decoded and takes next to nothing. WebP takes 15.
MOST, MOST_JPEG, MOST_WEBP = 50, 80, 20
# So many at once, in all threads, take memory.
AT_ONCE = 2
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf")
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")
NO_METADATA = "used without metadata that cannot be read, and so perhaps not upright"
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_memory = BoundedSemaphore(AT_ONCE)
Warn = Callable[[str], None]


class Undecodable(Unusable):
    """The decoder has given up, be it on the pixels or on what stands beside them."""


def _nobody(warning: str) -> None:
    """Nobody is warned."""


def decode(data: bytes, style: Style, warn: Warn = _nobody) -> Pixels:
    """Decode one picture.

    The camera's rotation is applied, what is transparent shows white, 16 bits become 8, CMYK and LAB become RGB, and of an
    animation the first frame is taken. Metadata that cannot be read are passed over.

    Parameters
    ----------
    data : bytes
        The file's content.
    style : Style
        Size, colour and fit.
    warn : callable
        Told, as half a sentence after its name, what may not be as expected of a picture that is used.

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
    with _memory:
        try:
            return _decoded(data, style, warn)
        except Undecodable:
            if (pixels_alone := bare(data)) == data:
                raise
        found = _decoded(pixels_alone, style, warn)
    warn(NO_METADATA)
    return found


def _decoded(data: bytes, style: Style, warn: Warn) -> Pixels:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > (most := _most(image)) * 1_000_000:
                raise Unusable(_too_large(most))
            image.draft(None, (2 * style.side, 2 * style.side))
            image.load()
            pixels = plain(image, style, warn)
            try:
                turn = TURNS.get(image.getexif().get(Base.Orientation, 1))
            except Exception:
                turn = None
                warn(NO_METADATA)
        return fitted(pixels if turn is None else pixels.transpose(turn), style)
    except Unusable:
        raise
    except Exception as error:  # damage makes decoders raise almost anything: SyntaxError, struct.error, IndexError …
        raise Undecodable(_why(data, error)) from None


def _why(data: bytes, error: Exception) -> str:
    """Why a file cannot be decoded."""
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return _too_large(MOST_JPEG if data.startswith(BEGINNINGS[0]) else MOST)
    if isinstance(error, MemoryError):
        return "too large for the memory that is free"
    known = data.startswith(BEGINNINGS) or data[:4] + data[8:12] == b"RIFFWEBP"
    if known and (isinstance(error, UnidentifiedImageError) or data.startswith((b"II", b"MM"))):
        return "damaged, or of a kind that is not read here"
    if not isinstance(error, UnidentifiedImageError):
        return "damaged or cut off"
    if data.startswith(ARCHIVES):
        return "an archive inside; archives are not opened"
    return "not a picture, or none that is read here (JPEG, PNG, WebP, BMP, TIFF or GIF)"


def _most(image: Image.Image) -> int:
    """How many megapixels a picture of this kind may have."""
    if image.format == "WEBP":
        return MOST_WEBP
    return MOST_JPEG if image.format in ("JPEG", "MPO") and "progressive" not in image.info else MOST


def _too_large(most: int) -> str:
    other = "" if most == MOST_JPEG else f", or as an ordinary JPEG of up to {MOST_JPEG}"
    return f"larger than {most} megapixels; save it smaller{other}"
