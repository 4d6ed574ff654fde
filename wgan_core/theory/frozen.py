"""Generators frozen on their way through a GAN's training, and what new discriminators and critics send them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from wgan_core.datasets import Ring
from wgan_core.networks import FlatParameters, Mlp, build_generator
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import Gan, Objective, WganGp
from wgan_core.optimisers import Adam
from wgan_core.theory.learner import CPU, WIDTH, stream
from wgan_core.theory.result import Floats
from wgan_core.theory.scorer import TrainedCritic

BATCH, MEASURED, SHOWN = 128, 512, 250
LATENT = 2
RING = Ring(sigma=0.05)
GOALS = {"saturating": Gan(generator_goal="saturating"), "other": Gan(generator_goal="non-saturating")}
LEAST = 1e-12


class Game:
    """A GAN in training on a ring that lies in a plane of R^d.

    Attributes
    ----------
    generator : Net
    frame : Tensor
        The plane's two directions, (2, d), orthonormal.
    """

    def __init__(self, dimensions: int, seed: int) -> None:
        optimiser = Adam(lr=1e-3, beta1=0.5)
        # The first, since it goes to one thread: sums split over several have other last digits.
        self._discriminator = TrainedCritic(Gan(), dimensions, seed, optimiser=optimiser)
        q, _ = torch.linalg.qr(
            torch.randn(dimensions, dimensions, generator=stream(seed, 20), dtype=torch.float32, device=CPU)
        )
        self.frame: Tensor = q[:2]
        self.generator = build_generator(Mlp(depth=2, width=WIDTH), LATENT, (dimensions,), stream(seed, 21), CPU)
        self._theta = FlatParameters(self.generator)
        self._optimiser, self._memory = optimiser, optimiser.start(self._theta.weights)
        self._real, self._latents = stream(seed, 22), stream(seed, 23)

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        """Real samples, (n, d)."""
        return RING.sample(n, rng, CPU) @ self.frame

    def round(self) -> None:
        """A discriminator step and a generator step, non-saturating."""
        with torch.no_grad():
            fake = self.generator(latents(BATCH, self._latents))
        self._discriminator.learn(self.real(BATCH, self._real), fake)
        with self._discriminator.flat.frozen():
            loss = GOALS["other"].generator_loss(self._discriminator.net, self.generator(latents(BATCH, self._latents)))
            self._theta.backward(loss)
        self._optimiser.step(self._theta.weights, self._theta.gradient, self._memory)


def latents(n: int, rng: torch.Generator) -> Tensor:
    return torch.randn(n, LATENT, generator=rng, dtype=torch.float32, device=CPU)


@dataclass(eq=False)
class Judged:
    """A generator as it was frozen, a new discriminator and a new critic that learn to judge it, and what they send it."""

    game: Game
    made: int
    objective: Objective
    seed: int
    at: list[int] = field(default_factory=list)
    norms: dict[str, list[float]] = field(default_factory=lambda: {"saturating": [], "other": [], "critic": []})
    right: float = 0.5
    mismatch: float = 0.0

    def __post_init__(self) -> None:
        self.generator: Net = copy.deepcopy(self.game.generator)
        self._theta = FlatParameters(self.generator)
        dimensions = self.game.frame.shape[1]
        self.discriminator = TrainedCritic(Gan(), dimensions, self.seed + 1, optimiser=Adam(lr=1e-3, beta1=0.5))
        self.critic = TrainedCritic(self.objective, dimensions, self.seed + 1)
        self._rngs = stream(self.seed, 30), stream(self.seed, 31)
        self._z = latents(MEASURED, stream(self.seed, 32))
        self._seen = self.game.real(MEASURED, stream(self.seed, 33))
        with torch.no_grad():
            self._fake = self.generator(self._z)
        flat = self._fake @ self.game.frame.t()
        self.shown: Floats = flat[:SHOWN].double().numpy()
        self.off = float((self._fake - flat @ self.game.frame).norm(dim=1).mean())

    @property
    def name(self) -> str:
        return f"after {self.made:,}"

    def learn(self) -> None:
        """A step of both, on the same samples."""
        with torch.no_grad():
            fake = self.generator(latents(BATCH, self._rngs[1]))
        real = self.game.real(BATCH, self._rngs[0])
        self.discriminator.learn(real, fake)
        self.critic.learn(real, fake)

    def gradient(self, objective: Objective, scorer: TrainedCritic) -> Tensor:
        """Of the generator's loss in all its weights, (p,)."""
        with scorer.flat.frozen():
            self._theta.backward(objective.generator_loss(scorer.net, self.generator(self._z)))
        gradient: Tensor = self._theta.gradient.double()
        return gradient

    def look(self, step: int) -> None:
        found = {name: self.gradient(goal, self.discriminator) for name, goal in GOALS.items()}
        logit = self.gradient(WganGp(), self.discriminator)  # of −E[logit D]
        self.mismatch = float((found["saturating"] + found["other"] - logit).norm() / logit.norm())
        found["critic"] = self.gradient(self.objective, self.critic)
        self.at.append(step)
        for name, gradient in found.items():
            self.norms[name].append(float(gradient.norm()))
        with torch.no_grad():
            on = (self.discriminator.net(x) > 0 for x in (self._seen, self._fake))
            real, fake = (float(each.double().mean()) for each in on)
        self.right = (real + 1 - fake) / 2

    @property
    def faded(self) -> float:
        """How many powers of ten the saturating gradient is below its highest."""
        values = self.norms["saturating"]
        return float(np.log10(max(values) / max(values[-1], LEAST))) if values else 0.0
