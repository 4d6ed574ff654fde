"""Pairs of distributions on common places, their f-divergences, and a network that climbs the variational bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import rel_entr

from wgan_core.optimisers import Adam
from wgan_core.theory.divergences import DIVERGENCES, FDivergence
from wgan_core.theory.learner import Learner, stream, tensor
from wgan_core.theory.normal import Normal, closed_form, line_for
from wgan_core.theory.piles import read_piles
from wgan_core.theory.result import Floats

NODES = 401  # places on the line that stand for two Gaussians
REACH = 6.0  # standard deviations that they cover
# Where T* is infinite the network's raw output would climb for ever.
LIMIT = 30.0
# The textbook sums, written without a generator, for piles.
TEXTBOOK: dict[str, tuple[str, Callable[[Floats, Floats], Any]]] = {
    "kl": ("Σ p ln(p/q)", lambda p, q: rel_entr(p, q).sum()),
    "reverse-kl": ("Σ q ln(q/p)", lambda p, q: rel_entr(q, p).sum()),
    "pearson": ("Σ (p − q)²/q", lambda p, q: _ratio((p - q) ** 2, q).sum()),
    "neyman": ("Σ (p − q)²/p", lambda p, q: _ratio((p - q) ** 2, p).sum()),
    "hellinger": ("Σ (√p − √q)²", lambda p, q: ((np.sqrt(p) - np.sqrt(q)) ** 2).sum()),
    "js": ("½ KL(P‖M) + ½ KL(Q‖M)", lambda p, q: (rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2)).sum() / 2),
    "tv": ("½ Σ |p − q|", lambda p, q: np.abs(p - q).sum() / 2),
}


@dataclass(frozen=True, eq=False)
class Pair:
    """P and Q as masses on common places: what the network sees; and the divergences as exact as they come.

    Attributes
    ----------
    x, p, q : ndarray
        Shape (n,). Of Gaussians p and q are density times spacing.
    log_ratio : ndarray
        ln(p/q), shape (n,).
    values : dict
        Each divergence from its generator.
    expected : dict
        What each one's formula gives, None where there is none, and the formula in words.
    discrete : bool
        Piles, not densities.
    """

    x: Floats
    p: Floats
    q: Floats
    log_ratio: Floats
    values: dict[str, float]
    expected: dict[str, tuple[float | None, str]]
    discrete: bool


def gaussians(p: Normal, q: Normal) -> Pair:
    """Two Gaussians on even places that reach REACH standard deviations of either."""
    x = np.linspace(min(n.mean - REACH * n.sd for n in (p, q)), max(n.mean + REACH * n.sd for n in (p, q)), NODES)
    spacing = x[1] - x[0]
    line = line_for(p, q)
    formulas = {kind: closed_form(kind, p, q) for kind in DIVERGENCES}
    return Pair(
        x,
        np.exp(p.log_density(x)) * spacing,
        np.exp(q.log_density(x)) * spacing,
        p.log_density(x) - q.log_density(x),
        {kind: each.of_densities(p.log_density, q.log_density, line) for kind, each in DIVERGENCES.items()},
        {
            kind: (value, "two Gaussians' formula" if value is not None else "no formula; never above ln 2 = 0.6931")
            for kind, value in formulas.items()
        },
        False,
    )


def written(p_text: str, q_text: str) -> Pair:
    """Two piles on a line, from text, as shares of 1.

    Raises
    ------
    PilesError
        As :func:`wgan_core.theory.piles.read_piles`.
    """
    piles = read_piles(p_text), read_piles(q_text)
    x = np.union1d(piles[0].line, piles[1].line)
    p, q = np.zeros(len(x)), np.zeros(len(x))
    for masses, each in zip((p, q), piles, strict=True):
        masses[np.searchsorted(x, each.line)] = each.shares
    there = p + q > 0
    x, p, q = x[there], p[there], q[there]
    with np.errstate(divide="ignore"):
        log_ratio = np.log(p) - np.log(q)
    return Pair(
        x,
        p,
        q,
        log_ratio,
        {kind: each.of_masses(p, q) for kind, each in DIVERGENCES.items()},
        {kind: (float(formula(p, q)), words) for kind, (words, formula) in TEXTBOOK.items()},
        True,
    )


def _ratio(a: Floats, b: Floats) -> Floats:
    """a/b, where 0/0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(a > 0, a / b, 0.0)


class VariationalFunction:
    """T = g(v(x)) with a small network v, and the bound E_P[T] − E_Q[f*(T)] over the whole pair."""

    def __init__(self, pair: Pair, divergence: FDivergence, seed: int) -> None:
        self._divergence = divergence
        # f* of float32 loses JS near its limit.
        self._learner = Learner(1, stream(seed), optimiser=Adam(lr=3e-3, beta1=0.9), dtype=torch.float64)
        spread = float(pair.x.std()) or 1.0
        self._x = tensor(((pair.x - pair.x.mean()) / spread)[:, None], torch.float64)
        self._p, self._q = (tensor(masses, torch.float64) for masses in (pair.p, pair.q))

    def _t(self) -> torch.Tensor:
        return self._divergence.output(self._learner.net(self._x).squeeze(1).clamp(-LIMIT, LIMIT))

    def bound(self) -> torch.Tensor:
        """E_P[T] − E_Q[f*(T)], a scalar with its graph; never above D(P‖Q) (f-GAN, equation 4)."""
        t = self._t()
        return (self._p * t - self._q * self._divergence.conjugate(t)).sum()

    def climb(self, bound: torch.Tensor) -> None:
        """One step up a bound."""
        self._learner.descend(-bound)

    def critic(self) -> Floats:
        """T at each place, shape (n,)."""
        with torch.no_grad():
            return np.asarray(self._t().numpy())
