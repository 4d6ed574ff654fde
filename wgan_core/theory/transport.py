"""Optimal transport between piles: the walk along a line, plans, maps, potentials (Kantorovich; Monge; POT solves).

A :class:`Walk` carries masses. All else compares shares, each pile's part of its own total, so that every cost is that of earth
of total 1, and two sums of different totals can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import ot
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.spatial.distance import cdist

from wgan_core.theory.piles import Piles

Floats = NDArray[np.float64]
# Longer than this a search for a map is given up: a slider is waiting.
MAP_SECONDS = 0.1


@dataclass(frozen=True)
class Move:
    """``mass`` goes from one place to another; both are positions in :attr:`Walk.places`."""

    source: int
    target: int
    mass: float


@dataclass(frozen=True, eq=False)
class Walk:
    """Earth carried along a line from left to right: δ_{i+1} = δ_i + P_i − Q_i (From GAN to WGAN, §6.1).

    Attributes
    ----------
    places : ndarray
        Where P or Q has a pile, rising, shape (k,).
    held, wanted : ndarray
        The masses of P and of Q there, shape (k,).
    """

    places: Floats
    held: Floats
    wanted: Floats

    @classmethod
    def between(cls, p: Piles, q: Piles) -> Walk:
        """The walk between two piles on a line."""
        places = np.union1d(p.line, q.line)
        held, wanted = np.zeros(len(places)), np.zeros(len(places))
        held[np.searchsorted(places, p.line)] = p.masses
        wanted[np.searchsorted(places, q.line)] = q.masses
        return cls(places, held, wanted)

    @property
    def delta(self) -> Floats:
        """δ_0 = 0, …, δ_k = 0, shape (k + 1,): what crosses to the right behind each place, negative for the other way."""
        delta = np.concatenate([[0.0], np.cumsum(self.held - self.wanted)])
        # Sums of tenths leave 1e-17 where there is nothing.
        delta[np.abs(delta) < 1e-12 * self.held.sum()] = 0.0
        return delta

    @property
    def cost(self) -> float:
        """Σ \\|δ_i\\| times the distance to the next place; W1 in units of mass times distance."""
        return float(np.abs(self.delta[1:-1]) @ np.diff(self.places))

    def moves(self) -> list[Move]:
        """The walk as moves between neighbours, each from a pile that has the earth by then (Figure 7)."""
        delta = self.delta
        right = [Move(i, i + 1, float(delta[i + 1])) for i in range(len(self.places) - 1) if delta[i + 1] > 0]
        left = [Move(i + 1, i, float(-delta[i + 1])) for i in range(len(self.places) - 1) if delta[i + 1] < 0]
        return right + left[::-1]

    def after(self, moves: list[Move]) -> Floats:
        """What P's places hold after some moves, shape (k,)."""
        held = self.held.copy()
        for move in moves:
            held[move.source] -= move.mass
            held[move.target] += move.mass
        return held


def costs(p: Piles, q: Piles, power: float = 1.0) -> Floats:
    """‖x − y‖₂^power between all places, shape (n, m)."""
    distance: Floats = cdist(p.places, q.places)
    return distance**power


@dataclass(frozen=True, eq=False)
class Transport:
    """The best plan from P to Q, and the prices that prove it (Kantorovich's primal and dual, from one linear program).

    Attributes
    ----------
    plan : ndarray
        γ, the share of all earth that goes from each pile of P to each of Q, shape (n, m): rows sum to P's shares, columns to
        Q's.
    cost : float
        Σ γ c.
    prices : ndarray
        The dual variable of each pile of Q that has mass, shape (k,); ``priced`` their places, (k, d).
    """

    p: Piles
    q: Piles
    power: float
    plan: Floats
    cost: float
    prices: Floats
    priced: Floats

    @classmethod
    def between(cls, p: Piles, q: Piles, power: float = 1.0) -> Transport:
        """Solve Kantorovich's problem with cost ‖x − y‖^power, by POT's network simplex."""
        some_p, some_q = p.masses > 0, q.masses > 0
        c = costs(p, q, power)
        gamma, log = ot.emd(p.shares[some_p], q.shares[some_q], c[np.ix_(some_p, some_q)], log=True)
        plan = np.zeros(c.shape)
        # The simplex leaves 1e-17 here and there.
        plan[np.ix_(some_p, some_q)] = np.where(gamma > 1e-14, gamma, 0.0)
        return cls(p, q, power, plan, float((plan * c).sum()), np.asarray(log["v"]), q.places[some_q])

    def potential(self, x: Floats) -> Floats:
        """f(x) = min over y of (c(x, y) − price of y), shape (k,) for places (k, d).

        As a minimum of functions with slope 1 it is 1-Lipschitz where the cost is the distance.
        """
        c: Floats = cdist(x, self.priced) ** self.power
        return np.asarray((c - self.prices).min(1))

    @property
    def dual(self) -> float:
        """E_P[f] − E_Q[f] of the potential f: for cost ‖x − y‖ a lower bound of any plan's cost."""
        return float(self.p.shares @ self.potential(self.p.places) - self.q.shares @ self.potential(self.q.places))

    @property
    def gap(self) -> float:
        """Cost minus dual value: 0 at the optimum."""
        return self.cost - self.dual

    def moves(self, walk: Walk) -> list[Move]:
        """The plan as moves of P's masses, from left to right, without what stays."""
        from_, to = np.searchsorted(walk.places, self.p.line), np.searchsorted(walk.places, self.q.line)
        return [
            Move(int(from_[i]), int(to[j]), float(self.plan[i, j]) * self.p.total)
            for i, j in np.argwhere(self.plan > 1e-12)
            if from_[i] != to[j]
        ]


def wasserstein(p: Piles, q: Piles, power: float = 1.0) -> float:
    """W_p of the piles: (Σ γ ‖x − y‖^p)^(1/p). Below p = 1 there is no root: ‖x − y‖^p is a distance then.

    Examples
    --------
    >>> from wgan_core.theory.piles import read_piles
    >>> round(wasserstein(read_piles("0: 1"), read_piles("3: 1"), 2), 12)
    3.0
    """
    return float(max(0.0, Transport.between(p, q, power).cost) ** min(1.0, 1 / power))


def monotone_cost(p: Piles, q: Piles, power: float) -> float:
    """Cost of the plan that keeps the order, ∫ \\|F_P⁻¹ − F_Q⁻¹\\|^power: the best plan on a line for power ≥ 1."""
    up, uq = np.cumsum(p.shares), np.cumsum(q.shares)
    levels = np.union1d(np.concatenate([[0.0], up]), uq).clip(0, 1)
    middle = (levels[:-1] + levels[1:]) / 2
    x = p.line[np.searchsorted(up, middle).clip(max=len(up) - 1)]
    y = q.line[np.searchsorted(uq, middle).clip(max=len(uq) - 1)]
    return float(np.diff(levels) @ np.abs(x - y) ** power)


@dataclass(frozen=True, eq=False)
class Map:
    """Monge's answer: each pile goes as a whole to one place.

    Attributes
    ----------
    exists : bool or None
        None where the search was given up.
    cost : float
        inf where there is no map, NaN where the search was given up.
    """

    exists: bool | None
    cost: float


def monge(p: Piles, q: Piles, power: float = 1.0) -> Map:
    """The cheapest map T with T#P = Q: which piles fill which places exactly, a mixed-integer program that HiGHS solves."""
    some_p, some_q = p.masses > 0, q.masses > 0
    shares, wanted = p.shares[some_p], q.shares[some_q]
    c = costs(p, q, power)[np.ix_(some_p, some_q)] * shares[:, None]
    n, m = c.shape
    once = np.kron(np.eye(n), np.ones(m))
    filled = np.kron(shares, np.eye(m))
    found = milp(
        c.ravel(),
        integrality=np.ones(n * m),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(once, 1, 1), LinearConstraint(filled, wanted - 1e-9, wanted + 1e-9)],
        options={"time_limit": MAP_SECONDS},
    )
    if found.status == 2:
        return Map(False, np.inf)
    if found.x is None or found.status != 0:
        return Map(None, np.nan)
    return Map(True, float(found.fun))
