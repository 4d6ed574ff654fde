"""f-divergences from their definition: D_f(P‖Q) = Σ q f(p/q), for masses and for densities on a line.

One entry of :data:`DIVERGENCES` is a generator f with f(1) = 0, its conjugate f*, and the last layer that keeps a network
inside f*'s domain. Everything else follows: values, the best T = f'(p/q), the variational bound.

Where only P has mass the summand is P's mass times f̃(0), where f̃(u) = u f(1/u) generates D(Q‖P); where only Q has mass it
is Q's mass times f(0). So disjoint supports need no case of their own: D = f(0) + f̃(0), which is ln 2 for JS, 1 for TV, ∞ for KL.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import softplus

Floats = NDArray[np.float64]
LOG_2 = math.log(2)


@dataclass(frozen=True)
class FDivergence:
    """One f-divergence.

    Attributes
    ----------
    label, formula, conjugate_formula : str
        Its name, f(u) and f*(t) as people write them.
    regular, slope : callable
        u^pole · f and f' of (u, ln u): with ln u at hand nothing is lost where u under- or overflows.
    pole : int
        f grows as u^(−pole) towards u = 0; 0 where it grows more slowly or not at all.
    reverse : str
        The divergence whose value at (Q, P) is this one's at (P, Q).
    conjugate : callable
        f*(t) = sup over u ≥ 0 of (u t − f(u)), of a tensor, inf outside its domain.
    output : callable
        From any real number v into the domain of f*, rising (f-GAN, Table 2).
    greatest : float
        The value for disjoint supports, which no value exceeds.
    """

    label: str
    formula: str
    conjugate_formula: str
    regular: Callable[[Floats, Floats], Floats]
    slope: Callable[[Floats, Floats], Floats]
    reverse: str
    conjugate: Callable[[Tensor], Tensor]
    output: Callable[[Tensor], Tensor]
    greatest: float
    pole: int = 0

    def f(self, u: ArrayLike) -> Floats:
        """f(u) for u ≥ 0, its limit at 0."""
        u = np.asarray(u, float)
        with np.errstate(all="ignore"):
            return self._times(np.log(u), 0.0)

    def _times(self, log_u: Floats, log_weight: Floats | float) -> Floats:
        """Weight · f(u). The weight and f's pole meet as exponents, since either may be beyond all floats alone."""
        exponent = log_weight - self.pole * log_u if self.pole else log_weight
        return self.regular(np.exp(log_u), log_u) * np.exp(exponent)

    def best_t(self, log_ratio: ArrayLike) -> Floats:
        """T* = f'(p/q), which attains the supremum of the variational bound (f-GAN, equation 5), from ln(p/q)."""
        r = np.asarray(log_ratio, float)
        with np.errstate(all="ignore"):
            return self.slope(np.exp(r), r)

    def summand(self, log_p: ArrayLike, log_q: ArrayLike) -> Floats:
        """q f(p/q) at each point, from ln p and ln q (−inf where there is no mass)."""
        log_p, log_q = np.broadcast_arrays(np.asarray(log_p, float), np.asarray(log_q, float))
        more_p = log_p > log_q
        # With the larger of the two as the weight, f's argument stays in [0, 1].
        weight = np.maximum(log_p, log_q)
        with np.errstate(all="ignore"):
            r = np.minimum(log_p, log_q) - weight
            value = np.where(more_p, DIVERGENCES[self.reverse]._times(r, weight), self._times(r, weight))
        return np.where(weight > -np.inf, value, 0.0)

    def of_masses(self, p: ArrayLike, q: ArrayLike) -> float:
        """D(P‖Q) of two vectors of masses at the same points, each with sum 1.

        Examples
        --------
        >>> DIVERGENCES["js"].of_masses([1, 0], [0, 1]) == math.log(2)
        True
        >>> DIVERGENCES["kl"].of_masses([1, 0], [0, 1])
        inf
        """
        with np.errstate(divide="ignore"):
            return float(self.summand(np.log(np.asarray(p, float)), np.log(np.asarray(q, float))).sum())

    def of_densities(
        self, log_p: Callable[[Floats], Floats], log_q: Callable[[Floats], Floats], line: RealLine
    ) -> float:
        """D(P‖Q) of two densities given by their logarithms: the trapezoid rule on ``line``.

        Returns
        -------
        float
            inf where the summand has not died out at the line's ends, more than a thousand widths away.
        """
        terms = self.summand(log_p(line.x), log_q(line.x)) * line.weights
        total = float(terms.sum())
        ends = np.abs(terms[[0, -1]]).max()
        return total if ends <= 1e-12 * max(1.0, abs(total)) else math.inf


@dataclass(frozen=True)
class RealLine:
    """Points on the real line with the weights of a sum that stands for an integral: x = centre + width · sinh(t), t even.

    Dense around the centre and sparse far out, so that one sum sees narrow peaks and heavy tails.
    """

    x: Floats
    weights: Floats

    @classmethod
    def around(cls, centre: float, width: float, points: int = 16001, reach: float = 8.0) -> RealLine:
        """A line of ``points`` points out to ``width`` · sinh(``reach``) on both sides."""
        t = np.linspace(-reach, reach, points)
        return cls(centre + width * np.sinh(t), width * np.cosh(t) * (t[1] - t[0]))


def _kl(u: Floats, log_u: Floats) -> Floats:
    return np.where(u > 0, u * log_u, 0.0)


def _js(u: Floats, log_u: Floats) -> Floats:
    return 0.5 * (_kl(u, log_u) - (u + 1) * (np.log1p(u) - LOG_2))


def _pearson_conjugate(t: Tensor) -> Tensor:
    # Below −2 the supremum over u ≥ 0 is at u = 0.
    return torch.where(t >= -2, t + 0.25 * t.square(), -torch.ones_like(t))


def _below(limit: float, inside: Callable[[Tensor], Tensor], *, closed: bool = False) -> Callable[[Tensor], Tensor]:
    """f* that is infinite from ``limit`` on (``closed``: beyond it)."""

    def conjugate(t: Tensor) -> Tensor:
        allowed = t <= limit if closed else t < limit
        # The inner where keeps a NaN of the unused branch out of the gradient.
        return torch.where(allowed, inside(torch.where(allowed, t, torch.full_like(t, limit - 1))), torch.inf)

    return conjugate


DIVERGENCES: dict[str, FDivergence] = {
    "kl": FDivergence(
        "KL(P‖Q)",
        "u ln u",
        "e^(t − 1)",
        _kl,
        lambda _, log_u: 1 + log_u,
        "reverse-kl",
        lambda t: torch.exp(t - 1),
        lambda v: v,
        math.inf,
    ),
    "reverse-kl": FDivergence(
        "reverse KL, KL(Q‖P)",
        "−ln u",
        "−1 − ln(−t), t < 0",
        lambda _, log_u: -log_u,
        lambda _, log_u: -np.exp(-log_u),
        "kl",
        _below(0.0, lambda t: -1 - torch.log(-t)),
        lambda v: -torch.exp(-v),
        math.inf,
    ),
    "pearson": FDivergence(
        "Pearson χ²",
        "(u − 1)²",
        "t + t²/4, t ≥ −2",
        lambda u, _: (u - 1) ** 2,
        lambda u, _: 2 * (u - 1),
        "neyman",
        _pearson_conjugate,
        lambda v: v,
        math.inf,
    ),
    "neyman": FDivergence(
        "Neyman χ²",
        "(1 − u)²/u",
        "2 − 2√(1 − t), t ≤ 1",
        lambda u, _: (1 - u) ** 2,
        lambda _, log_u: 1 - np.exp(-2 * log_u),
        "pearson",
        _below(1.0, lambda t: 2 - 2 * torch.sqrt(1 - t), closed=True),
        lambda v: 1 - torch.exp(-v),
        math.inf,
        pole=1,
    ),
    "hellinger": FDivergence(
        "squared Hellinger",
        "(√u − 1)²",
        "t/(1 − t), t < 1",
        lambda u, _: (np.sqrt(u) - 1) ** 2,
        lambda _, log_u: 1 - np.exp(-0.5 * log_u),
        "hellinger",
        _below(1.0, lambda t: t / (1 - t)),
        lambda v: 1 - torch.exp(-v),
        2.0,
    ),
    "js": FDivergence(
        "JS",
        "½ (u ln u − (u + 1) ln ½(u + 1))",
        "−½ ln(2 − e^(2t)), t < ½ ln 2",
        _js,
        lambda _, log_u: 0.5 * (LOG_2 - np.logaddexp(0.0, -log_u)),
        "js",
        _below(0.5 * LOG_2, lambda t: -0.5 * torch.log(2 - torch.exp(2 * t))),
        lambda v: 0.5 * (LOG_2 - softplus(-v)),
        LOG_2,
    ),
    "tv": FDivergence(
        "total variation",
        "½ |u − 1|",
        "t, |t| ≤ ½",
        lambda u, _: 0.5 * np.abs(u - 1),
        lambda _, log_u: 0.5 * np.sign(log_u),
        "tv",
        _below(0.5, lambda t: t.clamp(min=-0.5), closed=True),
        lambda v: 0.5 * torch.tanh(v),
        1.0,
    ),
}


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """KL(P‖Q) in nats of two vectors of masses; inf where Q lacks a point of P."""
    return DIVERGENCES["kl"].of_masses(p, q)


def js(p: ArrayLike, q: ArrayLike) -> float:
    """JS(P, Q) = ½ KL(P‖M) + ½ KL(Q‖M) in nats, M the mean of both; at most ln 2 (the WGAN paper, §2, leaves out the ½)."""
    return DIVERGENCES["js"].of_masses(p, q)


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """δ(P, Q) = sup over sets A of \\|P(A) − Q(A)\\| = ½ Σ \\|p − q\\|, from 0 to 1 (the WGAN paper, §2)."""
    return DIVERGENCES["tv"].of_masses(p, q)
