"""Piles of earth: finitely many masses at places on a line or in the plane, and how people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_PILES = 40
SMALLEST_MASS, LARGEST_MASS, FARTHEST = 1e-3, 1e4, 1e3
MOST_CHARACTERS = 4_000
HOW_TO_WRITE = "write masses, 3, 2, 1, 4, or place: mass, 0: 3, 2.5: 1, or in the plane (0, 1): 3, (2, 0): 1"

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PILE = re.compile(
    rf"""\(\s*(?P<x>{_NUMBER})\s*[,\s]\s*(?P<y>{_NUMBER})\s*\)\s*:\s*(?P<there>{_NUMBER})
    | (?P<place>{_NUMBER})\s*:\s*(?P<mass>{_NUMBER})
    | (?P<alone>{_NUMBER})""",
    re.VERBOSE | re.ASCII,
)
_GAP = re.compile(r"[\s,;]*")
_WORD = re.compile(r"\([^()]*\)[^\s,;]*|[^\s,;]+")


class PilesError(ValueError):
    """Piles that cannot be. The message says what is wrong and what is allowed."""


@dataclass(frozen=True, eq=False)
class Piles:
    """Masses at places.

    Attributes
    ----------
    places : ndarray
        Shape (n, d), each place once, in order; d is 1 or 2.
    masses : ndarray
        Shape (n,), none negative. A place may be empty.
    """

    places: Floats
    masses: Floats

    @property
    def total(self) -> float:
        return float(self.masses.sum())

    @property
    def shares(self) -> Floats:
        """The masses as probabilities, shape (n,)."""
        shares: Floats = self.masses / self.masses.sum()
        return shares

    @property
    def dimension(self) -> int:
        return int(self.places.shape[1])

    @property
    def line(self) -> Floats:
        """The places of piles on a line, shape (n,)."""
        return self.places[:, 0]


def read_piles(text: str) -> Piles:
    """Piles from text: masses at 1, 2, 3, …, or ``place: mass``, or ``(x, y): mass``. Earth at one place adds up.

    Raises
    ------
    PilesError
        Text that is no piles, a negative mass, no mass at all, too many piles, numbers too large.

    Examples
    --------
    >>> read_piles("3, 2, 1, 4").line.tolist()
    [1.0, 2.0, 3.0, 4.0]
    >>> read_piles("(0, 1): 2; (1, 0): 1").masses.tolist()
    [2.0, 1.0]
    """
    found = [_pile(match, i) for i, match in enumerate(_matches(text.replace("−", "-")))]
    if len({len(place) for place, _, _ in found}) > 1:
        raise PilesError("some piles lie on a line and some in the plane; write all of them the same way")
    if len({named for _, _, named in found}) > 1:
        raise PilesError("some masses have a place and some have none; " + HOW_TO_WRITE)
    places, inverse = np.unique(np.array([place for place, _, _ in found]), axis=0, return_inverse=True)
    masses = np.zeros(len(places))
    np.add.at(masses, inverse.ravel(), [mass for _, mass, _ in found])
    if masses.sum() == 0:
        raise PilesError("there is no earth: at least one mass must be above 0")
    return Piles(places, masses)


def _matches(text: str) -> list[re.Match[str]]:
    if (words := len(_WORD.findall(text))) > 3 * MOST_PILES:
        raise PilesError(f"at most {MOST_PILES} piles; you gave {words:,} numbers")
    if len(text) > MOST_CHARACTERS:
        raise PilesError(f"at most {MOST_CHARACTERS:,} characters; you gave {len(text):,}")
    found: list[re.Match[str]] = []
    at = _end(_GAP, text, 0)
    while at < len(text):
        match = _PILE.match(text, at)
        # What follows a pile is a gap or the end: "3x" is no pile of 3.
        if match is None or (match.end() < len(text) and _end(_GAP, text, match.end()) == match.end()):
            word = _WORD.match(text, at)
            raise PilesError(f"“{(word[0] if word else text[at:])[:30]}” is no pile; {HOW_TO_WRITE}")
        found.append(match)
        at = _end(_GAP, text, match.end())
    if not found:
        raise PilesError("there are no piles; " + HOW_TO_WRITE)
    if len(found) > MOST_PILES:
        raise PilesError(f"at most {MOST_PILES} piles; you gave {len(found):,}")
    return found


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _pile(match: re.Match[str], index: int) -> tuple[tuple[float, ...], float, bool]:
    """Place, mass, and whether the place was named."""
    place: tuple[float, ...]
    if match["there"] is not None:
        place, mass = (float(match["x"]), float(match["y"])), float(match["there"])
    elif match["mass"] is not None:
        place, mass = (float(match["place"]),), float(match["mass"])
    else:
        place, mass = (float(index + 1),), float(match["alone"])
    if mass < 0:
        raise PilesError(f"a pile cannot hold {mass:g}: masses are 0 or more")
    if 0 < mass < SMALLEST_MASS or mass > LARGEST_MASS:
        raise PilesError(f"masses are 0 or from {SMALLEST_MASS:g} to {LARGEST_MASS:,.0f}; you gave {mass:g}")
    if max(map(abs, place)) > FARTHEST:
        raise PilesError(f"places lie from −{FARTHEST:,.0f} to {FARTHEST:,.0f}; you gave {max(place, key=abs):g}")
    return tuple(x + 0.0 for x in place), mass, match["alone"] is None


def check_totals(**piles: Piles) -> None:
    """All earth has to go somewhere.

    Raises
    ------
    PilesError
        The piles hold unequal totals.
    """
    (first, reference), *others = piles.items()
    for name, other in others:
        if abs(other.total - reference.total) > 1e-9 * reference.total:
            raise PilesError(
                f"{first.upper()} holds {reference.total:g} and {name.upper()} holds {other.total:g}: "
                "one can become the other only if both hold the same amount"
            )
