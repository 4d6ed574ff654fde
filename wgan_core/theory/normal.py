"""One-dimensional Gaussians: densities, and distances in closed form to hold against what the definitions give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from wgan_core.theory.divergences import RealLine

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Normal:
    """N(mean, sd²).

    Examples
    --------
    >>> round(float(np.exp(Normal(0.0, 1.0).log_density(0.0))), 4)
    0.3989
    """

    mean: float
    sd: float

    def log_density(self, x: ArrayLike) -> Floats:
        z = (np.asarray(x, float) - self.mean) / self.sd
        return np.asarray(-0.5 * z * z - math.log(self.sd * math.sqrt(2 * math.pi)))

    def below(self, x: ArrayLike) -> Floats:
        """P(X ≤ x)."""
        return np.asarray(ndtr((np.asarray(x, float) - self.mean) / self.sd))


def line_for(*normals: Normal) -> RealLine:
    """A line on which integrals over these densities are exact to about eight digits."""
    centre = sum(n.mean for n in normals) / len(normals)
    return RealLine.around(centre, max(abs(n.mean - centre) + n.sd for n in normals))


def closed_form(kind: str, p: Normal, q: Normal) -> float | None:
    """D(P‖Q) of two Gaussians by its formula; None for JS, which has none. Kinds as in ``DIVERGENCES``."""
    match kind:
        case "kl":
            return math.log(q.sd / p.sd) + (p.sd**2 + (p.mean - q.mean) ** 2) / (2 * q.sd**2) - 0.5
        case "pearson":
            # ∫p²/q − 1, which is finite only while p's tails are lighter than q's by more than half.
            if (rest := 2 * q.sd**2 - p.sd**2) <= 0:
                return math.inf
            gap = (p.mean - q.mean) ** 2
            with np.errstate(over="ignore"):
                return float(np.expm1(2 * math.log(q.sd) - math.log(p.sd) - 0.5 * math.log(rest) + gap / rest))
        case "hellinger":
            both = p.sd**2 + q.sd**2
            overlap = math.sqrt(2 * p.sd * q.sd / both) * math.exp(-((p.mean - q.mean) ** 2) / (4 * both))
            return 2 - 2 * overlap
        case "tv":
            # P − Q of each interval between the points where the densities cross.
            cuts = np.array([-math.inf, *crossings(p, q), math.inf])
            return float(0.5 * np.abs(np.diff(p.below(cuts)) - np.diff(q.below(cuts))).sum())
        case "reverse-kl":
            return closed_form("kl", q, p)
        case "neyman":
            return closed_form("pearson", q, p)
    return None


def crossings(p: Normal, q: Normal) -> list[float]:
    """Where the two densities are equal, from left to right: at most two points."""
    if p.sd == q.sd:
        return [] if p.mean == q.mean else [(p.mean + q.mean) / 2]
    a = 1 / p.sd**2 - 1 / q.sd**2
    b = p.mean / p.sd**2 - q.mean / q.sd**2
    c = (p.mean / p.sd) ** 2 - (q.mean / q.sd) ** 2 + 2 * math.log(p.sd / q.sd)
    root = math.sqrt(max(0.0, b * b - a * c))
    return sorted([(b - root) / a, (b + root) / a])


def wasserstein(p: Normal, q: Normal) -> float:
    """W1: E\\|(μ_p − μ_q) + (σ_p − σ_q) Z\\| with Z standard normal, the monotone map's cost; \\|μ_p − μ_q\\| for equal σ.

    Examples
    --------
    >>> wasserstein(Normal(0, 1), Normal(3, 1))
    3.0
    """
    shift, spread = abs(p.mean - q.mean), abs(p.sd - q.sd)
    if spread == 0:
        return float(shift)
    z = shift / spread
    folded = spread * math.sqrt(2 / math.pi) * math.exp(-z * z / 2) + shift * math.erf(z / math.sqrt(2))
    return float(folded)
