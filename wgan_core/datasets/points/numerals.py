"""How programs of many countries write a number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_SPACE = "\u00a0"
# Which of the many spaces, minus signs and apostrophes is written hangs on the program; marks of direction say nothing.
_ALIKE = str.maketrans(
    dict.fromkeys("\u2007\u2009\u202f", _SPACE)
    | dict.fromkeys("−–‒‐‑﹣－", "-")
    | {"’": "'"}
    | dict.fromkeys("\u200b\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff")
)
_MISSING = {
    "na",
    "n/a",
    "<na>",
    "nan",
    "-nan",
    "null",
    "none",
    "inf",
    "+inf",
    "-inf",
    "infinity",
    "-infinity",
    "-",
    "--",
    "?",
    ".",
}
_ERROR = re.compile(r"#([A-Z/0]+[!?]|N/A)")
_NUMBER_LIKE = re.compile(r"\W*\d")


@dataclass(frozen=True)
class NumberStyle:
    """A way to write numbers: the decimal mark, and the marks that may part groups of three digits."""

    decimal: str
    groups: str

    def read(self, cell: str) -> float | None:
        """The number in a cell, or None.

        Examples
        --------
        >>> NumberStyle(",", ".").read("-1.250,5"), NumberStyle(".", ",").read("10%"), NumberStyle(".", ",").read("1_0")
        (-1250.5, 0.1, None)
        """
        if (found := _pattern(self).fullmatch(cell)) is None:
            return None
        digits = found["digits"].replace(found["mark"] or "\0", "").replace(self.decimal, ".")
        # As an exponent the percent sign costs no precision; Fortran's doubles have a D.
        return float(found["sign"] + digits + ("e-2" if found["percent"] else f"e{found['exponent'] or 0}"))


# In the order of trust: a lone mark is a decimal mark.
STYLES = (
    NumberStyle(".", f"{_SPACE}'"),
    NumberStyle(",", f"{_SPACE}'"),
    NumberStyle(".", f"{_SPACE}',"),
    NumberStyle(",", f"{_SPACE}'."),
)


@cache
def _pattern(style: NumberStyle) -> re.Pattern[str]:
    point, marks = re.escape(style.decimal), re.escape(style.groups)
    whole = rf"(?:[1-9]\d{{0,2}}(?P<mark>[{marks}])\d{{3}}(?:(?P=mark)\d{{3}})*|\d+)"
    end = rf"(?:[eEdD](?P<exponent>[+-]?\d+)|[{_SPACE} ]*(?P<percent>%))?"
    return re.compile(rf"(?P<sign>[+-]?)(?P<digits>{whole}(?:{point}\d*)?|{point}\d+){end}")


def spaced(style: NumberStyle) -> NumberStyle:
    """The same, where a common space parts groups too: it cannot where blanks or commas part the columns."""
    return NumberStyle(style.decimal, style.groups + " ")


def cleaned(cell: str) -> str:
    """A cell without quotes and blanks around it, and with one sign for what means the same."""
    return cell.translate(_ALIKE).strip().strip("\"'").strip()


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no number: NA, nan, inf, #DIV/0! and the like."""
    return cell.lower() in _MISSING or is_error(cell)


def is_error(text: str) -> bool:
    """Whether a text begins with an error of a spreadsheet, which looks like a comment."""
    return _ERROR.match(text) is not None


def is_heading(cells: list[str]) -> bool:
    """Whether a row holds words, none of which was to be a number."""
    return any(cells) and not any(_NUMBER_LIKE.match(cell) or is_missing(cell) for cell in cells)
