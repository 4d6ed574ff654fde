"""Points from elsewhere: the tables that spreadsheets and programs write, or a list of pairs.

A table is read as a whole in the first of a few ways that fits all its rows; what none fits is refused in a sentence, and
no line is left out unsaid.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

from wgan_core.datasets.base import DataError
from wgan_core.datasets.points.numerals import STYLES, NumberStyle, cleaned, is_error, is_heading, is_missing, spaced
from wgan_core.datasets.points.pairs import LARGEST_NUMBER, MAX_POINTS, out_of_bounds, read_pairs, short, too_many
from wgan_core.datasets.points.shapes import SHAPES, Coordinates

MAX_BYTES = 2_000_000
MAX_APART = 1_000  # headings and comments

_SEPARATORS = "\t;|, "
_SEPARATOR_LINE = re.compile(r'\s*"?sep=([;,|\t])"?\s*', re.IGNORECASE)
_EMPTY = re.compile(r"[\s;|,\"']*")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class TextLine(NamedTuple):
    """A line of a file, its number as an editor counts, and the cells that a separator makes of it."""

    number: int
    text: str
    cells: list[str]


@dataclass(frozen=True)
class NumberTable:
    """Points as they were given, and what else stood with them.

    Attributes
    ----------
    points : array
        Shape (n, 2).
    apart : tuple[TextLine, ...]
        Those that hold no point: headings, comments, ``sep=;``.
    empty : int
        Rows of nothing but separators.
    numbered : bool
        Whether a first column without a name was taken for the rows' numbers.
    doubt : str
        What else could be meant, where 1,250 may be 1.25 or 1250, or "".
    """

    points: Coordinates
    apart: tuple[TextLine, ...] = ()
    empty: int = 0
    numbered: bool = False
    doubt: str = ""

    @property
    def note(self) -> str:
        """What was read and what was not, in sentences."""
        if not len(self.points):
            return "There are no points."
        x, y = self.points[0]
        count = "1 point was" if len(self.points) == 1 else f"{len(self.points):,} points were"
        found = [f"{count} read, the first is ({x:.12g}, {y:.12g})."]
        if self.apart:
            quoted = ", ".join(f"“{short(line.text)}” (row {line.number:,})" for line in self.apart[:3])
            more = f" and {len(self.apart) - 3:,} more" if len(self.apart) > 3 else ""
            found.append(f"Taken for headings or comments: {quoted}{more}.")
        else:
            found.append("No row was taken for a heading.")
        if self.empty:
            found.append(f"Left out: {self.empty:,} empty {'row' if self.empty == 1 else 'rows'}.")
        if self.numbered:
            found.append("The first column has no name and was taken for the numbers of the rows.")
        if self.doubt:
            found.append(self.doubt)
        return " ".join(found)


class _Misfit(DataError):
    """A way to read a table does not fit its rows, of which it got through so many."""

    def __init__(self, got: int, why: str) -> None:
        super().__init__(why)
        self.got = got


def decoded(raw: bytes | bytearray) -> str:
    """The text of a file: UTF-8, UTF-16 that says so, or else Windows-1252, in which Excel writes a plain CSV."""
    if len(raw) > MAX_BYTES:
        raise DataError(
            f"the file is too large: {MAX_BYTES // 1_000_000} MB and {MAX_POINTS:,} points are allowed; keep fewer rows"
        )
    boms = [name for bom, name in _BOMS.items() if raw.startswith(bom)]
    for encoding in boms or ("utf-8", "cp1252"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _CONTROL.search(text):
            return text.lstrip("\ufeff")
    raise DataError("the file is no text; save it as CSV in UTF-8, two numbers a row")


def read_table(text: str) -> NumberTable:
    """The points in a text: two numbers a row, or a list of pairs in JSON.

    Tabs, semicolons, bars, commas or spaces part the columns; the decimal mark is a point or a comma, digits may stand in
    groups of three, and 10% is 0.1. Headings stand first; comments begin with # or %.

    Raises
    ------
    DataError
        Names the row (counted as an editor counts lines) and the column.

    Examples
    --------
    >>> read_table("x;y\\n0,5;1\\n\\n2;3").points.tolist()
    [[0.5, 1.0], [2.0, 3.0]]
    >>> read_table("x;y\\n1.250,5;1\\n2;3").note
    '2 points were read, the first is (1250.5, 1). Taken for headings or comments: “x;y” (row 1).'
    """
    if len(text) > MAX_BYTES:
        raise DataError(f"the text is too long: {MAX_POINTS:,} points are allowed; keep fewer rows")
    if re.match(r"\s*\[\s*[\[(]", text):
        return NumberTable(read_pairs(_from_json(text)))
    lines, empty = [], 0
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not _EMPTY.fullmatch(line):
            lines.append(TextLine(number, line, []))
        elif line.strip(" "):
            empty += 1
    if len(lines) > MAX_POINTS + MAX_APART:
        raise DataError(too_many(len(lines), "rows"))
    separators = [s for s in _SEPARATORS if any(s in line.text.strip() for line in lines)] or [" "]
    apart = []
    if lines and (named := _SEPARATOR_LINE.fullmatch(lines[0].text)):
        separators = [named[1]]
        apart.append(lines.pop(0))
    apart += [line for line in lines if _is_comment(line.text)]
    lines = [line for line in lines if not _is_comment(line.text)]
    misfits: list[_Misfit] = []
    for separator in separators:
        try:
            return _table(lines, separator, apart, empty)
        except _Misfit as misfit:
            misfits.append(misfit)
    raise max(misfits, key=lambda misfit: misfit.got)


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise DataError("this list of pairs is no JSON; write it like [[0, 1], [2.5, -3]]") from None


def _is_comment(line: str) -> bool:
    return line.lstrip()[:1] in ("#", "%") and not is_error(line.lstrip())


def _table(lines: list[TextLine], separator: str, apart: list[TextLine], empty: int) -> NumberTable:
    """The table that this separator makes of the lines, in the first style of numbers that fits, or _Misfit."""
    rows = [line._replace(cells=cells) for line in lines if any(cells := _cells(line, separator))]
    headings = _headings(rows)
    data = rows[len(headings) :]
    if rows and not data:
        raise _Misfit(0, _no_numbers(rows))
    if len(data) > MAX_POINTS:
        raise DataError(too_many(len(data), "rows"))
    # Spreadsheets fill up rows with separators, and some programs end each with one: what is empty in all rows is no column.
    used = sorted({column for line in data for column, cell in enumerate(line.cells) if cell})
    # pandas and R leave the name of the rows' numbers empty, or out.
    numbered = len(used) == 3 and bool(headings) and len(headings[-1].cells) - (not headings[-1].cells[0]) == 2
    pairs = [(line.number, [line.cells[i] for i in used[numbered:] if i < len(line.cells)]) for line in data]
    points, doubt = _points(pairs, separator)
    return NumberTable(points, tuple(sorted((*apart, *headings))), empty + len(lines) - len(rows), numbered, doubt)


def _cells(line: TextLine, separator: str) -> list[str]:
    """The cells of a line, without the empty ones at its end."""
    if separator == " ":
        found = re.split(r"[ \t]+", line.text.strip())
    else:
        try:
            # One by one: a quote that is never closed shall not swallow the rows after it.
            found = next(csv.reader([line.text], delimiter=separator, skipinitialspace=True))
        except csv.Error:
            raise DataError(f"row {line.number:,} is too long; two numbers are needed, x and y") from None
    cells = list(map(cleaned, found))
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _headings(rows: list[TextLine]) -> list[TextLine]:
    found = list(takewhile(lambda line: is_heading(line.cells), rows))
    if (
        not found
        and len(rows) > 1
        and [bool(cell) for cell in rows[0].cells] == [False, True, True]
        and rows[1].cells[0]
    ):
        return rows[:1]  # columns without names, as pandas numbers them
    return found


def _no_numbers(rows: list[TextLine]) -> str:
    first = rows[0]
    if len(rows) == len(first.cells) == 1:
        return (
            f"“{short(first.text)}” is neither points nor the name of a shape; give two numbers a row, x and y, or one of "
            + ", ".join(SHAPES)
        )
    return f"there are no points: no row holds numbers, from “{short(first.text)}” (row {first.number:,}) on"


def _points(rows: list[tuple[int, list[str]]], separator: str) -> tuple[Coordinates, str]:
    """The points in pairs of cells, and what could also be meant, or ""."""
    readings: list[Coordinates] = []
    misfits: list[_Misfit] = []
    for style in STYLES:
        how = style if separator in ", " else spaced(style)
        try:
            readings.append(np.array([_pair(got, *row, how) for got, row in enumerate(rows)], float).reshape(-1, 2))
        except _Misfit as misfit:
            misfits.append(misfit)
    if not readings:
        raise max(misfits, key=lambda misfit: misfit.got)
    points = readings[0]
    for other in readings[1:]:
        if (apart := np.argwhere(other != points)).size:
            row, column = apart[0]
            cell, value, meant = rows[row][1][column], points[row, column], other[row, column]
            return points, f"“{cell}” was read as {value:.12g}; if {meant:.12g} is meant, write it without the mark."
    return points, ""


def _pair(got: int, row: int, cells: list[str], style: NumberStyle) -> list[float]:
    if (count := len(cells)) != 2:
        columns = "1 column" if count == 1 else f"{count:,} columns"
        raise _Misfit(got, f"row {row:,} has {columns}; two are needed, x and y")
    return [_number(got, row, column, cell, style) for column, cell in enumerate(cells)]


def _number(got: int, row: int, column: int, cell: str, style: NumberStyle) -> float:
    if (value := style.read(cell)) is not None and abs(value) <= LARGEST_NUMBER:
        return value
    held = f"holds “{short(cell)}”"
    if not cell:
        why = "is empty; a number is needed"
    elif value is not None:
        why = out_of_bounds(held)
    elif is_missing(cell):
        why = f"{held} in place of a number; fill it in, or leave the row out"
    else:
        why = f"{held}, which is no number; write it like 0.5 or 1e-3"
    raise _Misfit(got, f"row {row:,}, column {('1 (x)', '2 (y)')[column]} {why}")
