"""Verdicts: numbers over seeds, each with an interval and with what a claim says it should be.

A verdict is a function of its numbers alone, the same for every experiment.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wgan_core.theory.result import shown

Outcome = Literal["reproduced", "partly", "not"]
OUTCOMES: dict[Outcome, str] = {
    "reproduced": "Reproduced",
    "partly": "Partly reproduced",
    "not": "Not reproduced",
}
CONFIDENCE = 0.95
HOW_JUDGED = (
    "Each number is the median over seeds; its interval runs between those order statistics that hold the true median with"
    " at least 95 % (below six seeds: all seeds). Reproduced: every interval lies where the claim says. Not reproduced: a"
    " number that is the claim itself has its median elsewhere. Partly: all else."
)


@dataclass(frozen=True)
class Quantity:
    """A number of a verdict.

    Attributes
    ----------
    values : tuple[float, ...]
        One for each seed. NaN where a seed has none, which is never where a claim wants it.
    low, high : float
        Where the claim says it should be, ends included; without both the number is for information.
    key : bool
        It is the claim itself: with it on the wrong side nothing is reproduced.
    note : str
        What it is, if the name does not say it all.

    Examples
    --------
    >>> modes = Quantity("modes", (8.0, 8.0, 7.0), low=7)
    >>> modes.median, modes.interval, modes.should, modes.holds, modes.surely
    (8.0, (7.0, 8.0), 'at least 7', True, True)
    """

    name: str
    values: tuple[float, ...]
    low: float = -math.inf
    high: float = math.inf
    key: bool = False
    note: str = ""

    @property
    def judged(self) -> bool:
        """The claim says something of it."""
        return self.low > -math.inf or self.high < math.inf

    @property
    def _sorted(self) -> list[float]:
        worst = math.inf if self.high < math.inf else -math.inf
        return sorted(worst if math.isnan(value) else value for value in self.values)

    @property
    def median(self) -> float:
        values, n = self._sorted, len(self.values)
        low, high = values[(n - 1) // 2], values[n // 2]
        return low if low == high else (low + high) / 2

    @property
    def interval(self) -> tuple[float, float]:
        """See :func:`interval`."""
        return interval(self._sorted)

    @property
    def should(self) -> str:
        """What the claim says of it, in words; empty where it says nothing."""
        low, high = shown(self.low), shown(self.high)
        if not self.judged:
            return ""
        if self.low == self.high:
            return low
        if math.isinf(self.high):
            return f"at least {low}"
        return f"at most {high}" if math.isinf(self.low) else f"{low} to {high}"

    @property
    def holds(self) -> bool:
        """The median lies where it should."""
        return self.low <= self.median <= self.high and not math.isnan(self.median)

    @property
    def surely(self) -> bool:
        """The whole interval lies where it should."""
        low, high = self.interval
        return self.low <= low and high <= self.high

    def plain(self) -> dict[str, Any]:
        """As JSON has it, infinities as "inf" and "-inf", NaN as null."""
        low, high = self.interval
        return {
            "name": self.name,
            "median": _plain(self.median),
            "low": _plain(low),
            "high": _plain(high),
            "values": [_plain(value) for value in self.values],
            "should": self.should,
            "holds": self.holds if self.judged else None,
            "surely": self.surely if self.judged else None,
            "key": self.key,
            "note": self.note,
        }

    def __str__(self) -> str:
        low, high = self.interval
        spread = f" [{shown(low)}, {shown(high)}]" if len(self.values) > 1 else ""
        return f"{self.name} {shown(self.median)}{spread}"


def measured(name: str, values: Iterable[float], **fields: Any) -> Quantity:
    """A number from an array over the seeds; the fields are those of :class:`Quantity`."""
    return Quantity(name, tuple(float(value) for value in values), **fields)


@dataclass(frozen=True)
class Verdict:
    """What numbers say of a claim.

    Attributes
    ----------
    numbers : tuple[Quantity, ...]
        The first is the one to show where there is room for one.
    text : str
        The outcome and the numbers that decided it, in words.
    """

    outcome: Outcome
    numbers: tuple[Quantity, ...]
    text: str

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "outcome": self.outcome,
            "text": self.text,
            "numbers": [number.plain() for number in self.numbers],
        }


def verdict(numbers: Iterable[Quantity]) -> Verdict:
    """Judge a claim by its numbers; see :data:`HOW_JUDGED`.

    Examples
    --------
    >>> verdict([Quantity("modes", (8.0, 8.0), low=7, key=True), Quantity("W1", (0.2, 0.3, 0.4), high=0.3)]).text
    'Partly reproduced: all as claimed but W1 0.3 [0.2, 0.4] (should be at most 0.3, in some seeds it is not).'
    """
    numbers = tuple(numbers)
    judged = [number for number in numbers if number.judged]
    wrong = [number for number in judged if not number.holds]
    unsure = [number for number in judged if number.holds and not number.surely]
    outcome: Outcome = "partly" if wrong or unsure else "reproduced"
    if any(number.key for number in wrong):
        outcome = "not"
    if outcome == "reproduced":
        return Verdict(outcome, numbers, f"Reproduced: {', '.join(map(str, judged))}, all as claimed.")
    but = [f"{number} (should be {number.should})" for number in wrong]
    but += [f"{number} (should be {number.should}, in some seeds it is not)" for number in unsure]
    most = "all as claimed but " if len(but) < len(judged) else ""
    return Verdict(outcome, numbers, f"{OUTCOMES[outcome]}: {most}{'; '.join(but)}.")


def interval(values: Iterable[float]) -> tuple[float, float]:
    """An interval that holds the median of what values are drawn from, with at least 95 % whatever its distribution.

    Notes
    -----
    The k-th smallest and the k-th largest of n values, with the largest k for which 1 − 2 P(Binomial(n, ½) < k) ≥ 0.95.
    Below six values there is no such k: then it is all of them, and 1 − 2^(1 − n).

    Examples
    --------
    >>> interval([3.0, 1.0, 2.0]), interval(range(1, 17))
    ((1.0, 3.0), (4, 13))
    """
    ordered = sorted(values)
    n, k, outside = len(ordered), 1, 2.0 ** (1 - len(ordered))
    while 2 * k < n and (outside := outside + 2 * math.comb(n, k) / 2**n) <= 1 - CONFIDENCE:
        k += 1
    return ordered[k - 1], ordered[n - k]


def _plain(value: float) -> float | str | None:
    if np.isfinite(value):
        return value
    return None if math.isnan(value) else "inf" if value > 0 else "-inf"
