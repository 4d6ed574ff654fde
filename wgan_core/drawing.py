"""Points as text: what configs hold, and whatever comes from outside.

A config holds points as text that is short enough for a link: thousandths in a square around the origin, four characters
a point. Everything else, a CSV or a list of pairs, is read here, and what cannot be read is refused in a sentence.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from wgan_core.datasets import DataError
from wgan_core.shapes import SHAPES, Coordinates

MAX_POINTS = 20_000
MAX_BYTES = 2_000_000
RADIUS = 2.0
"""Points from elsewhere are fitted into this radius; a drawing lies in the square with this half-side."""

# Smaller than this, points that lie in the square already are fitted all the same: a generator starts around 1.
SMALLEST_RADIUS = 0.5
LARGEST_NUMBER = 1e12


@dataclass(frozen=True)
class Frame:
    """How points were fitted: theirs = (x, y) + unit · ours."""

    x: float
    y: float
    unit: float

    def __str__(self) -> str:
        return "".join(f"~{value:.7g}" for value in (self.x, self.y, self.unit))


# Text and points

PREFIX = "p1."
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LETTERS = np.frombuffer(_ALPHABET, np.uint8)
_VALUES = np.zeros(256, np.int64)
_VALUES[_LETTERS] = np.arange(64)
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_PACKED = re.compile(rf"p1\.((?:[A-Za-z0-9_-]{{4}})*)(?:~{_NUMBER}~{_NUMBER}~{_NUMBER})?", re.ASCII)


def pack(points: Coordinates, frame: Frame | None = None) -> str:
    """Points as text: to thousandths, two base64url characters a coordinate, and the frame where there is one.

    Parameters
    ----------
    points : array
        Shape (n, 2), within ±2.047.

    Examples
    --------
    >>> pack(np.array([[0.0, 0.0], [-2.0, 1.5]]))
    'p1.gAgAAw3c'
    """
    number = np.clip(np.rint(np.asarray(points) * 1000) + 2048, 0, 4095).astype(np.int64)
    letters = bytes(_LETTERS[np.stack([number >> 6, number & 63], -1)].tobytes())
    return f"{PREFIX}{letters.decode('ascii')}{'' if frame is None else frame}"


def unpack(text: str) -> tuple[Coordinates, Frame | None]:
    """The points (n, 2) in a text that :func:`pack` made, or of a built-in shape, and their frame.

    Raises
    ------
    DataError
        The text is neither.

    Examples
    --------
    >>> unpack("p1.gAgAAw3c")[0].tolist()
    [[0.0, 0.0], [-2.0, 1.5]]
    """
    if (found := _PACKED.fullmatch(shapes().get(text, text))) is None:
        raise DataError("this is no drawing of WGAN Live: the text is damaged or was cut off; copy it once more, whole")
    value = _VALUES[np.frombuffer(found[1].encode("ascii"), np.uint8)].reshape(-1, 2, 2)
    frame = None if found[2] is None else Frame(*(float(number) for number in found.groups()[1:]))
    return (value[..., 0] * 64 + value[..., 1] - 2048) / 1000, frame


def packed(given: Any) -> str:
    """Any form of points as the text that configs hold.

    Parameters
    ----------
    given : str, bytes or sequence of pairs
        The name of a built-in shape, packed points, a CSV, or pairs of numbers. Points of a CSV or of pairs are moved
        and scaled alike in x and y to fit the radius 2, unless they lie in that square already.

    Raises
    ------
    DataError
        What is wrong and what is allowed.

    Examples
    --------
    >>> packed("x,y\\n10,10\\n14,10\\n") == packed([(10, 10), (14, 10)]) == "p1.AwgA_QgA~12~10~1"
    True
    """
    text = decoded(given) if isinstance(given, bytes | bytearray) else given
    if isinstance(text, str):
        text = text.strip().lstrip("\ufeff")
        if text in shapes():
            return text
        if text.startswith(PREFIX):
            checked(unpack(text)[0])
            return _names().get(text, text)
        points = read_rows(text)
    else:
        points = read_pairs(text)
    return pack(*fitted(checked(points)))


def checked(points: Coordinates) -> Coordinates:
    """The points, if they are neither too few nor too many."""
    if len(points) == 0:
        raise DataError("there are no points; two different ones are needed at least")
    if len(points) > MAX_POINTS:
        raise DataError(_too_many(len(points), "points"))
    if (points == points[0]).all():
        what = "there is one point only" if len(points) == 1 else f"all {len(points):,} points are the same"
        raise DataError(f"{what}; two different ones are needed at least")
    return points


def fitted(points: Coordinates) -> tuple[Coordinates, Frame | None]:
    """Points moved and scaled to fit the radius 2, and how; those that suit as they are stay where they are.

    Parameters
    ----------
    points : array
        Shape (n, 2), not all equal.
    """
    low, high = points.min(0), points.max(0)
    centre = (low + high) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    if np.abs(points).max() <= RADIUS and radius >= SMALLEST_RADIUS:
        return points, None
    unit = radius / RADIUS
    return (points - centre) / unit, Frame(float(centre[0]), float(centre[1]), unit)


def _too_many(count: int, what: str) -> str:
    every = math.ceil(count / MAX_POINTS)
    return f"{count:,} {what} are too many, {MAX_POINTS:,} are allowed; keep one of every {every}, for example"


@cache
def shapes() -> dict[str, str]:
    """The built-in shapes by name, packed."""
    return {name: pack(draw()) for name, draw in SHAPES.items()}


@cache
def _names() -> dict[str, str]:
    return {text: name for name, text in shapes().items()}


# From elsewhere

_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(raw: bytes | bytearray) -> str:
    """The text of a file: UTF-8, or UTF-16 that says so."""
    if len(raw) > MAX_BYTES:
        raise DataError(
            f"the file is too large: {MAX_BYTES // 1_000_000} MB and {MAX_POINTS:,} points are allowed; keep fewer rows"
        )
    encoding = next((name for bom, name in _BOMS.items() if raw.startswith(bom)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"the file is no text in UTF-8 (byte {error.start + 1:,} is {raw[error.start]:#04x}); save it as CSV in UTF-8,"
            " two numbers a row"
        ) from None
    if "\0" in text:
        raise DataError("the file is no text: it holds zero bytes; save it as CSV in UTF-8, two numbers a row")
    return text.lstrip("\ufeff")


def read_rows(text: str) -> Coordinates:
    """The points in a CSV: two numbers a row, parted by commas, semicolons, tabs or spaces; one header row may stand first.

    Where semicolons or tabs part the columns, a number may have a decimal comma.

    Raises
    ------
    DataError
        Names the row (counted as an editor counts lines) and the column.

    Examples
    --------
    >>> read_rows("x;y\\n0,5;1\\n\\n2;3").tolist()
    [[0.5, 1.0], [2.0, 3.0]]
    """
    if len(text) > MAX_BYTES:
        raise DataError(f"the text is too long: {MAX_POINTS:,} points are allowed; keep fewer rows")
    rows = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(rows) > MAX_POINTS + 1:
        raise DataError(_too_many(len(rows), "rows"))
    if rows and not any(_is_number(cell) for cell in _cells(rows[0][1])):
        if len(rows) == 1 and len(_cells(rows[0][1])) == 1:
            raise DataError(
                f"“{_short(rows[0][1])}” is neither points nor the name of a shape; give two numbers a row, x and y, or one of "
                + ", ".join(shapes())
            )
        del rows[0]
    points = [_point(number, _cells(line)) for number, line in rows]
    return np.array(points, float).reshape(-1, 2)


def read_pairs(given: Any) -> Coordinates:
    """The points in a sequence of pairs, e.g. from JSON."""
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if not isinstance(given, Sequence):
        raise DataError(f"points are a list of pairs, [[x, y], …], or text, not {type(given).__name__}")
    if len(given) > MAX_POINTS:
        raise DataError(_too_many(len(given), "points"))
    points = []
    for number, pair in enumerate(given, 1):
        if not isinstance(pair, Sequence) or isinstance(pair, str | bytes) or len(pair) != 2:
            raise DataError(f"point {number:,} is no pair of numbers, [x, y]")
        for value in pair:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError(f"point {number:,} holds {_short(repr(value))}, which is no number")
            if not abs(value) <= LARGEST_NUMBER:
                raise DataError(f"point {number:,} holds {_out_of_bounds(_shown(value))}")
        points.append((float(pair[0]), float(pair[1])))
    return np.array(points, float).reshape(-1, 2)


def _cells(line: str) -> list[str]:
    separator = next((s for s in ";\t," if s in line), None)
    cells = line.strip().rstrip(separator).split(separator)
    cells = [cell.strip().strip("\"'").strip() for cell in cells]
    return [cell.replace(",", ".") for cell in cells] if separator in (";", "\t") else cells


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_000 as a number, nobody else does


def _point(number: int, cells: list[str]) -> tuple[float, float]:
    if len(cells) != 2:
        columns = "1 column" if len(cells) == 1 else f"{len(cells):,} columns"
        raise DataError(f"row {number:,} has {columns}; two are needed, x and y")
    for name, cell in zip(("1 (x)", "2 (y)"), cells, strict=True):
        place = f"row {number:,}, column {name}"
        if not cell:
            raise DataError(f"{place} is empty; a number is needed")
        if not _is_number(cell):
            raise DataError(f"{place} holds “{_short(cell)}”, which is no number; write it like 0.5 or 1e-3")
        if not abs(float(cell)) <= LARGEST_NUMBER:
            raise DataError(f"{place} holds {_out_of_bounds(f'“{_short(cell)}”')}")
    return float(cells[0]), float(cells[1])


def _out_of_bounds(what: str) -> str:
    return f"{what}; numbers from -1e12 to 1e12 are allowed, and neither nan nor inf"


def _shown(value: float) -> str:
    return _short(repr(value)) if isinstance(value, float) or abs(value) < 1e300 else "a very large number"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 30 else text[:29] + "…"
