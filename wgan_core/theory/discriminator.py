"""A discriminator that learns to tell two clouds of points apart, with or without noise on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid, sigmoid

from wgan_core.objectives import Gan, input_gradient_norms
from wgan_core.optimisers import Adam
from wgan_core.theory.learner import CPU, Learner, stream, tensor
from wgan_core.theory.result import Floats

BATCH, MEASURED = 256, 4096


@dataclass(frozen=True)
class DiscriminatorReading:
    """The discriminator at one step, on fresh samples: share that it calls right, the JS that its loss means, and its
    gradients at the generated ones."""

    step: int
    right: float
    js: float
    slope: float  # median ‖∇D‖
    saturating: float  # median ‖∇ log(1 − D)‖
    other: float  # median ‖∇ log D‖


class Discriminator:
    """D = sigmoid(f), trained as in the original GAN on samples of both curves with their noise."""

    def __init__(self, p: Floats, q: Floats, sigma: float, seed: int) -> None:
        self._learner = Learner(2, stream(seed), depth=2, optimiser=Adam(lr=2e-3, beta1=0.9))
        self._objective = Gan()
        self._curves = tensor(p), tensor(q)
        self._sigma = sigma
        self._rngs: tuple[Generator, Generator] = stream(seed, 1), stream(seed, 2)
        self._measure = stream(seed, 3), stream(seed, 4)

    def _batches(self, rngs: tuple[Generator, Generator], n: int) -> tuple[Tensor, Tensor]:
        """Real and generated samples with their noise, (n, 2) each."""

        def draw(curve: Tensor, rng: Generator) -> Tensor:
            which = torch.randint(len(curve), (n,), generator=rng, device=CPU)
            return curve[which] + self._sigma * torch.randn(n, 2, generator=rng, dtype=torch.float32, device=CPU)

        return draw(self._curves[0], rngs[0]), draw(self._curves[1], rngs[1])

    def _terms(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        return self._objective.critic_loss(self._learner.net, real, fake, self._rngs[0])

    def train(self) -> None:
        self._learner.descend(torch.stack(list(self._terms(*self._batches(self._rngs, BATCH)).values())).sum())

    def look(self, step: int) -> DiscriminatorReading:
        net = self._learner.net
        real, fake = self._batches(self._measure, MEASURED)
        with torch.no_grad():
            on_real, on_fake = net(real), net(fake).squeeze(1)
            terms = {name: float(term) for name, term in self._terms(real, fake).items()}
            slope = input_gradient_norms(net, fake)
            d = sigmoid(on_fake)
            right = 0.5 * (on_real > 0).double().mean() + 0.5 * (on_fake < 0).double().mean()
            # ln D(1 − D) by logsigmoid: the product itself underflows.
            both = logsigmoid(on_fake) + logsigmoid(-on_fake)
        return DiscriminatorReading(
            step,
            float(right),
            self._objective.estimate(terms),
            float((both.exp() * slope).median()),
            float((d * slope).median()),
            float(((1 - d) * slope).median()),
        )

    def map(self, x: Floats, y: Floats) -> Floats:
        """D on a grid, shape (len(y), len(x))."""
        places = np.stack([axis.ravel() for axis in np.meshgrid(x, y)], 1)
        f = self._learner.at(places)
        return np.asarray(0.5 * (1 + np.tanh(0.5 * f))).reshape(len(y), len(x))
