"""Critics that learn the optimal potential between two piles, each held near 1-Lipschitz in its own way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Generator, Tensor

from wgan_core.objectives import Objective, WganClip, WganGp
from wgan_core.optimisers import Adam, RmsProp
from wgan_core.theory.learner import CPU, Learner, stream, tensor
from wgan_core.theory.piles import Piles
from wgan_core.theory.result import Floats

BATCH = 128
Method = Literal["gradient-penalty", "weight-clipping", "spectral-norm"]


@dataclass(frozen=True)
class Recipe:
    """How a critic is held: its method with the one knob that the method has, and its depth in hidden layers."""

    method: Method
    clip: float = 0.1
    penalty_weight: float = 10.0
    depth: int = 2

    @property
    def objective(self) -> Objective:
        """The losses. With spectral norm the layers hold the critic, and nothing is penalised or clipped."""
        if self.method == "gradient-penalty":
            return WganGp(penalty_weight=self.penalty_weight)
        return WganClip(clip=self.clip)


@dataclass(frozen=True)
class CriticReading:
    """What a critic says of two piles.

    Attributes
    ----------
    estimate : float
        E_P[f] − E_Q[f], over the piles themselves.
    slope : float
        K, the steepest \\|f(x) − f(y)\\| / ‖x − y‖ between any two places of the piles. Since a plan pays ‖x − y‖ where the
        critic gains at most K ‖x − y‖, the estimate is at most K · W1.
    """

    estimate: float
    slope: float


class Critic:
    """One critic in training between P and Q.

    Parameters
    ----------
    p, q : Piles
        Real and generated.
    seed : int
        Of the first weights and of the batches.
    """

    def __init__(self, p: Piles, q: Piles, recipe: Recipe, seed: int) -> None:
        self._p, self._q, self._recipe = p, q, recipe
        clipped = recipe.method == "weight-clipping"
        self._learner = Learner(
            p.dimension,
            stream(seed),
            depth=recipe.depth,
            optimiser=RmsProp(lr=1e-3) if clipped else Adam(lr=1e-3, beta1=0.5, beta2=0.9),
            spectral=recipe.method == "spectral-norm",
        )
        self._objective = recipe.objective
        self._real, self._fake, self._penalty = (stream(seed, number) for number in (1, 2, 3))
        self._places = np.concatenate([p.places, q.places])
        apart = cdist(self._places, self._places)
        self._apart = np.where(apart > 0, apart, math.inf)

    def step(self) -> None:
        """One critic step on a batch of either pile."""
        batches = batch(self._p, self._real), batch(self._q, self._fake)
        terms = self._objective.critic_loss(self._learner.net, *batches, self._penalty)
        self._learner.descend(torch.stack(list(terms.values())).sum())
        if self._recipe.method == "weight-clipping":
            self._objective.constraint.constrain(self._learner.flat.weights)

    def at(self, x: Floats) -> Floats:
        """f, shape (n,), at places (n, d)."""
        return self._learner.at(x)

    def read(self) -> CriticReading:
        f = self.at(self._places)
        n = len(self._p.places)
        estimate = float(self._p.shares @ f[:n] - self._q.shares @ f[n:])
        return CriticReading(estimate, float((np.abs(f[:, None] - f) / self._apart).max()))


def batch(piles: Piles, rng: Generator) -> Tensor:
    """Samples (BATCH, d) in random order, each pile as often as its share says, up to one more or less."""
    level = (
        torch.arange(BATCH, dtype=torch.float32, device=CPU)
        + torch.rand((), generator=rng, dtype=torch.float32, device=CPU)
    ) / BATCH
    which = np.searchsorted(np.cumsum(piles.shares), level.numpy()).clip(max=len(piles.masses) - 1)
    order = torch.randperm(BATCH, generator=rng, device=CPU).numpy()
    return tensor(piles.places[which[order]])
