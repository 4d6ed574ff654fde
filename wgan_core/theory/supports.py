"""Distributions on curves in the plane, and what Gaussian noise makes of them (Arjovsky, Bottou 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from wgan_core.theory.divergences import LOG_2, js
from wgan_core.theory.result import Floats

ATOMS = 200  # points that stand for a curve; even, so that crossing lines share none
# The grid's spacing in standard deviations of the noise, how far it reaches beyond the curves, and its most places a side.
SPACING, MARGIN, MOST = 0.35, 6.0, 400
COARSE = 0.8  # a spacing for curves: off by less than a line is wide


def _line(x: float, y: float, dx: float, dy: float) -> Floats:
    t = np.linspace(-1, 1, ATOMS)
    return np.stack([x + t * dx, y + t * dy], 1)


def _circle(radius: float) -> Floats:
    angle = 2 * np.pi * np.arange(ATOMS) / ATOMS
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


# By name: the curves of P and of Q a gap apart, (ATOMS, 2) each.
CURVES: dict[str, Callable[[float], tuple[Floats, Floats]]] = {
    "lines": lambda gap: (_line(0, 0, 0, 1), _line(gap, 0, 0, 1)),
    "circles": lambda gap: (_circle(1.0), _circle(1.0 + gap)),
    "crossing": lambda gap: (_line(0, 0, 1, 0), _line(gap - 0.75, 0, 0, 1)),
}


def clean_js(name: str, gap: float) -> float:
    """JS of the curves themselves: ln 2 where they share no more than a point, 0 where they are the same."""
    return 0.0 if gap == 0 and name != "crossing" else LOG_2


def axes(points: Floats, sigma: float, spacing: float = SPACING) -> tuple[Floats, Floats]:
    """Grid lines in x and in y that resolve noise of this σ > 0 and reach MARGIN σ beyond the points (n, 2)."""
    low, high = points.min(0) - MARGIN * sigma, points.max(0) + MARGIN * sigma
    sides = np.minimum(MOST, np.ceil((high - low) / (spacing * sigma))).astype(int) + 1
    return np.linspace(low[0], high[0], sides[0]), np.linspace(low[1], high[1], sides[1])


def blurred(points: Floats, sigma: float, x: Floats, y: Floats) -> Floats:
    """Masses of points (n, 2) with noise N(0, σ² I) on a grid, shape (len(y), len(x)), total 1.

    The Gaussian is a product of one in x and one in y, so that the mean over points is one product of matrices.
    """

    def along(axis: Floats, at: Floats) -> Floats:
        return np.exp(-0.5 * ((axis[:, None] - at) / sigma) ** 2)

    density: Floats = along(y, points[:, 1]) @ along(x, points[:, 0]).T
    total: float = density.sum()
    return density / total


def noisy_js(p: Floats, q: Floats, sigma: float, spacing: float = SPACING) -> float:
    """JS of two curves, (n, 2) each, after noise of standard deviation σ > 0, from their densities on a grid, in nats."""
    x, y = axes(np.concatenate([p, q]), sigma, spacing)
    return js(blurred(p, sigma, x, y).ravel(), blurred(q, sigma, x, y).ravel())


def blur(sigma: float) -> float:
    """E‖ε‖ = σ √(π/2) of noise N(0, σ² I) in the plane: W1 between a distribution and its noisy self is at most this.

    Examples
    --------
    >>> round(blur(1.0), 4)
    1.2533
    """
    return sigma * math.sqrt(math.pi / 2)
