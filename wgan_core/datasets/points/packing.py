"""Points as text: what configs hold of a drawing, or of points that came from elsewhere.

What is drawn lies on thousandths of a square around the origin, and takes four characters a point. Points from elsewhere
keep all their digits: the text holds them as they were given, and the frame that places them in the square.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wgan_core.datasets.base import DataError
from wgan_core.datasets.points.shapes import SHAPES, Coordinates

DRAWN, EXACT = "p1.", "p2."
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LETTERS = np.frombuffer(_ALPHABET, np.uint8)
_VALUES = np.zeros(256, np.uint64)
_VALUES[_LETTERS] = np.arange(64, dtype=np.uint64)
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_FRAME = rf"(?:~{_NUMBER}~{_NUMBER}~{_NUMBER})?"
_DRAWN = re.compile(rf"p1\.((?:[A-Za-z0-9_-]{{4}})*){_FRAME}", re.ASCII)
_EXACT = re.compile(rf"p2\.(b|\d\d?)\.(\d\d?)\.(-?\d{{1,19}})\.(-?\d{{1,19}})\.([A-Za-z0-9_-]*){_FRAME}", re.ASCII)
_DAMAGED = "this is no drawing of WGAN Live: the text is damaged or was cut off; copy it once more, whole"
_MOST_LETTERS = 11  # 66 bits


@dataclass(frozen=True)
class Frame:
    """How points were fitted: theirs = (x, y) + unit · ours."""

    x: float
    y: float
    unit: float

    def __str__(self) -> str:
        return "".join(f"~{value!r}" for value in (self.x, self.y, self.unit))

    def placed(self, theirs: Coordinates) -> Coordinates:
        """Their points in our square. The centre is taken away first: what is left has all its digits."""
        return (theirs - [self.x, self.y]) / self.unit

    def theirs(self, placed: Coordinates) -> Coordinates:
        """The way back, which rounds."""
        return placed * self.unit + [self.x, self.y]


@dataclass(frozen=True)
class Drawing:
    """Points and where they came from.

    Attributes
    ----------
    given : array
        As they came, shape (n, 2).
    placed : array
        What is trained on: the same moved and scaled alike in x and y, within ±2.047.
    frame : Frame or None
        How they were moved and scaled, if they were.
    """

    given: Coordinates
    placed: Coordinates
    frame: Frame | None


def pack(points: Coordinates, frame: Frame | None = None) -> str:
    """Placed points as a drawing's text: to thousandths, two base64url characters a coordinate, and the frame if there is one.

    Parameters
    ----------
    points : array
        Shape (n, 2), within ±2.047.

    Examples
    --------
    >>> pack(np.array([[0.0, 0.0], [-2.0, 1.5]]))
    'p1.gAgAAw3c'
    """
    number = np.clip(np.rint(np.asarray(points) * 1000) + 2048, 0, 4095).astype(np.uint64)
    return f"{DRAWN}{_letters(number, 2)}{frame or ''}"


def pack_exact(given: Coordinates, frame: Frame | None = None) -> str:
    """Points as they were given, to the last bit, and the frame that places them.

    They are written as whole numbers from the smallest on: as decimals, or where that would lose something, as the bits of
    doubles.

    Examples
    --------
    >>> pack_exact(np.array([[4.5e6, 1.25], [4.5e6 + 0.01, 1.5]]), Frame(4.5e6, 1.375, 0.1))
    'p2.2.1.450000000.125.AABZ~4500000.0~1.375~0.1'
    """
    how, number = _whole(np.asarray(given, float))
    first = number.min(0)
    above = number.view(np.uint64) - first.view(np.uint64)
    width = max(1, -(-int(above.max()).bit_length() // 6))
    return f"{EXACT}{how}.{width}.{first[0]}.{first[1]}.{_letters(above, width)}{frame or ''}"


def unpack(text: str) -> Drawing:
    """The points in a text that :func:`pack` or :func:`pack_exact` made, or of a built-in shape.

    Raises
    ------
    DataError
        The text is neither.

    Examples
    --------
    >>> unpack("p1.gAgAAw3c").placed.tolist()
    [[0.0, 0.0], [-2.0, 1.5]]
    """
    text = shapes().get(text, text)
    if found := _DRAWN.fullmatch(text):
        placed = (_numbers(found[1], 2).astype(np.int64) - 2048) / 1000
        frame = _frame(found.groups()[1:])
        return Drawing(placed if frame is None else frame.theirs(placed), placed, frame)
    if not (found := _EXACT.fullmatch(text)) or not _fits(found):
        raise DataError(_DAMAGED)
    first = np.array([int(found[3]) % 2**64, int(found[4]) % 2**64], np.uint64)
    number = (_numbers(found[5], int(found[2])) + first).view(np.int64)
    given = number.view(float) if found[1] == "b" else number / 10.0 ** int(found[1])
    frame = _frame(found.groups()[5:])
    with np.errstate(all="ignore"):
        placed = given if frame is None else frame.placed(given)
        if (frame is None and found[6]) or not (np.abs(placed) <= 2.047).all():
            raise DataError(_DAMAGED)
    return Drawing(given, placed, frame)


def _fits(found: re.Match[str]) -> bool:
    """Whether the letters make pairs of numbers."""
    width = int(found[2])
    return 1 <= width <= _MOST_LETTERS and len(found[5]) % (2 * width) == 0


def _frame(values: tuple[str | None, ...]) -> Frame | None:
    found = [float(value) for value in values if value is not None]
    # No file gives larger ones, and of a unit of 0 there is no way back.
    return Frame(*found) if found and max(map(abs, found)) < 1e101 and found[2] > 0 else None


def _letters(number: NDArray[np.uint64], width: int) -> str:
    """Whole numbers as so many letters each."""
    shifts = np.arange(6 * width - 6, -1, -6, dtype=np.uint64)
    return bytes(_LETTERS[(number[..., None] >> shifts) & np.uint64(63)].tobytes()).decode("ascii")


def _numbers(letters: str, width: int) -> NDArray[np.uint64]:
    """The pairs of whole numbers in letters, shape (n, 2)."""
    shifts = np.arange(6 * width - 6, -1, -6, dtype=np.uint64)
    value = _VALUES[np.frombuffer(letters.encode("ascii"), np.uint8)].reshape(-1, 2, width)
    return np.asarray((value << shifts).sum(-1, dtype=np.uint64))


def _whole(given: Coordinates) -> tuple[str, NDArray[np.int64]]:
    """Doubles as whole numbers: how many decimals they have, or "b" for their bits, and the numbers."""
    for decimals in range(18):
        scale = 10.0**decimals
        with np.errstate(over="ignore"):
            number = np.rint(given * scale)
        if np.abs(number).max() > 2**53:
            break
        if (number / scale == given).all():
            return str(decimals), number.astype(np.int64)
    return "b", np.ascontiguousarray(given).view(np.int64)


@cache
def shapes() -> dict[str, str]:
    """The built-in shapes by name, packed."""
    return {name: pack(draw()) for name, draw in SHAPES.items()}
