"""How members that train in step are put together: networks, streams of random numbers, draws and numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import draw_labels, draw_reals, generator_input
from wgan_core.history import Floats
from wgan_core.networks.piecewise import Net
from wgan_core.objectives.losses import Losses
from wgan_core.objectives.penalties import Rng
from wgan_core.training.member import Member

# All fakes of a round come from one pass through the generator up to this many samples.
MOST_IN_ONE_PASS = 8192
Of = Callable[[Member], Generator]


class Together(Protocol):
    """What differs between a training alone and several that are stacked."""

    def net(self, nets: Sequence[Net]) -> Net:
        """One network of those of all members."""

    def nets(self, net: Net, like: Sequence[Net]) -> list[Net]:
        """Each member's own within one of all, which shares its parameters; built like those given."""

    def tensor(self, drawn: Sequence[Tensor]) -> Tensor:
        """What each member has drawn, as the networks take it."""

    def losses(self, losses: Sequence[Losses], device: torch.device) -> Losses:
        """Those of all members."""

    def rng(self, rngs: Sequence[Generator]) -> Rng:
        """A stream of each member, as objectives, constraints and remedies take it."""

    def scalars(self, readings: Sequence[Mapping[str, float]]) -> Mapping[str, float | Floats]:
        """A snapshot's scalars from those of each member; empty for members that have diverged."""


class Alone:
    """A training of one member: everything is its own."""

    def net(self, nets: Sequence[Net]) -> Net:
        return nets[0]

    def nets(self, net: Net, like: Sequence[Net]) -> list[Net]:
        return [net]

    def tensor(self, drawn: Sequence[Tensor]) -> Tensor:
        return drawn[0]

    def losses(self, losses: Sequence[Losses], device: torch.device) -> Losses:
        return losses[0]

    def rng(self, rngs: Sequence[Generator]) -> Rng:
        return rngs[0]

    def scalars(self, readings: Sequence[Mapping[str, float]]) -> Mapping[str, float | Floats]:
        return readings[0]


class Draws:
    """What all members draw, each from streams of its own, put together. ``of`` says from which stream."""

    def __init__(self, members: Sequence[Member], together: Together, device: torch.device) -> None:
        self._members, self._together, self._device = members, together, device

    def rng(self, of: Of) -> Rng:
        """A stream of all members."""
        return self._together.rng([of(member) for member in self._members])

    def latents(self, config: TrainingConfig, of: Of) -> Tensor:
        """A batch from the prior."""
        sample, m = config.latent.sample, config.batch_size
        return self._together.tensor([sample(m, of(member), self._device) for member in self._members])

    def labels(self, config: TrainingConfig, of: Of) -> Tensor | None:
        """Classes as often as the data have them, where the run is conditional."""
        m = config.batch_size
        return self._joined([draw_labels(config, m, of(member), self._device) for member in self._members])

    def reals(self, config: TrainingConfig, of: Of) -> tuple[Tensor, Tensor | None]:
        """A batch of real samples, and their classes where the run is conditional."""
        m = config.batch_size
        drawn = [draw_reals(config, m, of(member), self._device) for member in self._members]
        return self._together.tensor([x for x, _ in drawn]), self._joined([labels for _, labels in drawn])

    def reals_of(self, config: TrainingConfig, labels: Tensor | None, of: Of) -> Tensor:
        """A batch of real samples, of these classes if any."""
        if labels is None:
            return self.reals(config, of)[0]
        numbers = labels.argmax(-1).view(len(self._members), -1)
        rngs = map(of, self._members)
        return self._together.tensor(
            [config.dataset.sample_of(asked, rng) for asked, rng in zip(numbers, rngs, strict=True)]
        )

    def batches(self, config: TrainingConfig, generator: Net) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """For each critic step of a round fresh real samples, as many from fresh latents, and the classes of both, if any."""
        m, n, dim = config.batch_size, config.n_critic, generator.batch_dim
        together = not generator.mixes_samples and n * m <= MOST_IN_ONE_PASS
        for _ in range(1 if together else n):
            drawn = [self.reals(config, lambda member: member.real) for _ in range(n if together else 1)]
            latents = [self.latents(config, lambda member: member.critic_latent) for _ in drawn]
            inputs = [generator_input(z, labels) for z, (_, labels) in zip(latents, drawn, strict=True)]
            with torch.no_grad():
                fakes = generator(inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim))
            for (real, labels), fake in zip(drawn, torch.split(fakes, m, dim), strict=True):
                yield real, fake, labels

    def _joined(self, drawn: Sequence[Tensor | None]) -> Tensor | None:
        found = [labels for labels in drawn if labels is not None]
        return self._together.tensor(found) if found else None
