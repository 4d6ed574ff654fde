"""Sequences of distributions on the line that converge in some senses and not in others (the WGAN paper, Theorem 2).

A distribution is a part with a density and a part of atoms. The two kinds never share mass, so cells of the line and atoms
together are masses, and what holds for masses holds for the distribution: exactly where densities are constant in cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wgan_core.theory.divergences import LOG_2, js, kl, total_variation

Floats = NDArray[np.float64]
DISTANCES = ("kl", "reverse-kl", "tv", "js", "w", "law")
# Edges of cells in [0, 1] that are fine around ½, where waves touch 0 and a logarithm has its pole.
_HALF = 0.5 * np.linspace(0, 1, 129) ** 2
WAVE_EDGES: Floats = np.concatenate([0.5 - _HALF[::-1], 0.5 + _HALF[1:]])
PER_UNIT = 64  # cells in a unit of the line, at least


@dataclass(frozen=True, eq=False)
class Law:
    """A distribution on [0, ∞).

    Attributes
    ----------
    below : callable
        The mass of the part with a density that lies under x.
    edges : ndarray
        Where its density changes, (k,).
    atoms, masses : ndarray
        Places of single points, rising, and what they weigh, (m,).
    """

    below: Callable[[Floats], Floats] = np.zeros_like
    edges: Floats = field(default_factory=lambda: np.zeros(0))
    atoms: Floats = field(default_factory=lambda: np.zeros(0))
    masses: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, eq=False)
class TwoLaws:
    """Two laws on the same cells and places.

    Attributes
    ----------
    edges : ndarray
        Of the cells, (k + 1,).
    cells : tuple[ndarray, ndarray]
        The mass of each cell without atoms, for both, (k,).
    places : ndarray
        Of the atoms of both, (m,).
    atoms : tuple[ndarray, ndarray]
        Their masses, for both, (m,).
    """

    edges: Floats
    cells: tuple[Floats, Floats]
    places: Floats
    atoms: tuple[Floats, Floats]

    @classmethod
    def of(cls, a: Law, b: Law) -> TwoLaws:
        places = np.union1d(a.atoms, b.atoms)
        found = np.concatenate([a.edges, b.edges, places])
        top = max(1.0, float(found.max()))
        edges = np.union1d(found, np.linspace(0, top, PER_UNIT * math.ceil(top) + 1))
        cells = tuple(np.maximum(np.diff(law.below(edges)), 0.0) for law in (a, b))
        atoms = []
        for law in (a, b):
            masses = np.zeros(len(places))
            masses[np.searchsorted(places, law.atoms)] = law.masses
            atoms.append(masses)
        return cls(edges, (cells[0], cells[1]), places, (atoms[0], atoms[1]))

    def masses(self) -> tuple[Floats, Floats]:
        """Both as masses: of the cells, then of the atoms."""
        return np.concatenate([self.cells[0], self.atoms[0]]), np.concatenate([self.cells[1], self.atoms[1]])

    def cumulative(self, which: int) -> tuple[Floats, Floats]:
        """P(X ≤ x) at the left edge of each cell, and P(X < x) at its right edge, (k,) each."""
        jumps = np.zeros(len(self.edges))
        jumps[np.searchsorted(self.edges, self.places)] = self.atoms[which]
        cells = np.concatenate([[0.0], np.cumsum(self.cells[which])])
        return (cells + np.cumsum(jumps))[:-1], cells[1:] + np.cumsum(jumps)[:-1]

    def between(self, weight: Callable[[Floats], Floats] = np.ones_like) -> float:
        """∫ \\|F − G\\| weight dx: W1 for weight 1. In a cell both are straight lines; the weight is taken at its middle."""
        (f0, f1), (g0, g1) = self.cumulative(0), self.cumulative(1)
        left, right = f0 - g0, f1 - g1
        total = np.abs(left) + np.abs(right)
        crossing = np.divide(left**2 + right**2, total, out=np.zeros_like(total), where=total > 0)
        area = np.where(left * right >= 0, total, crossing) / 2
        middles = (self.edges[1:] + self.edges[:-1]) / 2
        return float((area * np.diff(self.edges)) @ weight(middles))

    def distances(self) -> dict[str, float]:
        """All of :data:`DISTANCES`, the first law in the place of P_n.

        ``law`` is ∫ \\|F_n − F\\| e^(−x) dx, which goes to 0 exactly when P_n converges in distribution.
        """
        p, q = self.masses()
        return {
            "kl": kl(p, q),
            "reverse-kl": kl(q, p),
            "tv": total_variation(p, q),
            "js": js(p, q),
            "w": self.between(),
            "law": self.between(lambda x: np.exp(-x)),
        }


@dataclass(frozen=True)
class Sequence:
    """P_n and its limit P.

    Attributes
    ----------
    says : str
        What P_n is, in words.
    at : callable
        From n to P_n.
    closed : callable
        From n to those distances between P_n and P that have a closed form.
    """

    says: str
    at: Callable[[int], Law]
    limit: Law
    closed: Callable[[int], Mapping[str, float]]


def _even(low: float, high: float, share: float = 1.0) -> Law:
    """``share`` spread evenly from low to high."""
    return Law(lambda x: share * np.clip((x - low) / (high - low), 0, 1), np.array([low, high]))


def _points(places: Floats, masses: Floats) -> Law:
    return Law(atoms=places, masses=masses)


def _leaking(n: int) -> Law:
    a = 1 / (n + 1)
    return Law(lambda x: (1 - a) * np.clip(x, 0, 1) + a * np.clip(x - 1, 0, 1), np.array([0.0, 1.0, 2.0]))


def _wave(n: int, height: float) -> Law:
    """Density 1 + height cos(2πnx) on [0, 1]."""
    edges = ((np.arange(n)[:, None] + WAVE_EDGES[None]) / n).ravel()
    return Law(
        lambda x: np.clip(x, 0, 1) + height * np.sin(2 * math.pi * n * np.clip(x, 0, 1)) / (2 * math.pi * n), edges
    )


APART: Mapping[str, float] = {"kl": math.inf, "reverse-kl": math.inf, "tv": 1.0, "js": LOG_2}


def _of_wave(n: int, height: float) -> dict[str, float]:
    root = math.sqrt(1 - height**2)
    log = math.log((1 + root) / 2)
    return {"kl": log + 1 - root, "reverse-kl": -log, "tv": height / math.pi, "w": height / (math.pi**2 * n)}


def _js_of_share(a: float) -> float:
    """JS between a law and the same with a share moved to where it had nothing."""
    return 0.5 * (math.log(2 / (2 - a)) + (1 - a) * math.log(2 * (1 - a) / (2 - a)) + a * LOG_2)


UNIT = _even(0, 1)
ZERO = _points(np.zeros(1), np.ones(1))
SEQUENCES: dict[str, Sequence] = {
    "point": Sequence(
        "all mass at 1/n, and P all mass at 0",
        lambda n: _points(np.array([1 / n]), np.ones(1)),
        ZERO,
        lambda n: {**APART, "w": 1 / n},
    ),
    "grid": Sequence(
        "n even atoms in [0, 1], and P even on [0, 1]",
        lambda n: _points((np.arange(n) + 0.5) / n, np.full(n, 1 / n)),
        UNIT,
        lambda n: {**APART, "w": 1 / (4 * n)},
    ),
    "ripples": Sequence(
        "density 1 + cos(2πnx) on [0, 1], and P even there",
        lambda n: _wave(n, 1.0),
        UNIT,
        lambda n: _of_wave(n, 1.0),
    ),
    "shift": Sequence(
        "even on [1/n, 1 + 1/n], and P even on [0, 1]",
        lambda n: _even(1 / n, 1 + 1 / n),
        UNIT,
        lambda n: {"kl": math.inf, "reverse-kl": math.inf, "tv": 1 / n, "js": LOG_2 / n, "w": 1 / n},
    ),
    "leaking": Sequence(
        "even on [0, 1] but for a share 1/(n + 1), which is even on [1, 2], and P even on [0, 1]",
        _leaking,
        UNIT,
        lambda n: {
            "kl": math.inf,
            "reverse-kl": math.log(1 + 1 / n),
            "tv": 1 / (n + 1),
            "js": _js_of_share(1 / (n + 1)),
            "w": 1 / (n + 1),
        },
    ),
    "cut": Sequence(
        "even on [0, n/(n + 1)], and P even on [0, 1]",
        lambda n: _even(0, n / (n + 1)),
        UNIT,
        lambda n: {
            "kl": math.log(1 + 1 / n),
            "reverse-kl": math.inf,
            "tv": 1 / (n + 1),
            "js": _js_of_share(1 / (n + 1)),
            "w": 1 / (2 * (n + 1)),
        },
    ),
    "fading": Sequence(
        "density 1 + cos(2πx)/n on [0, 1], and P even there",
        lambda n: _wave(1, 1 / n),
        UNIT,
        lambda n: _of_wave(1, 1 / n),
    ),
    "escaping": Sequence(
        "all mass at 0 but for a share 1/(n + 1), which is at n + 1, and P all mass at 0",
        lambda n: _points(np.array([0.0, n + 1]), np.array([n / (n + 1), 1 / (n + 1)])),
        ZERO,
        lambda n: {
            "kl": math.inf,
            "reverse-kl": math.log(1 + 1 / n),
            "tv": 1 / (n + 1),
            "js": _js_of_share(1 / (n + 1)),
            "w": 1.0,
        },
    ),
}


@lru_cache(maxsize=1024)
def distances(name: str, n: int) -> Mapping[str, float]:
    """All distances between P_n and P of a sequence."""
    sequence = SEQUENCES[name]
    return TwoLaws.of(sequence.at(n), sequence.limit).distances()
