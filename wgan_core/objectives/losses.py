"""What critic and generator minimise in all: an objective's losses, with what constraints and remedies add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.base import Objective, scores
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.penalties import Rng
from wgan_core.objectives.remedies import Remedy
from wgan_core.schema import Part

P = TypeVar("P", bound=Part)


@dataclass(frozen=True)
class Losses:
    """An objective, the constraints that hold its critic, and the remedies that are switched on."""

    objective: Objective
    constraints: tuple[Constraint, ...] = ()
    remedies: tuple[Remedy, ...] = ()

    def critic(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        """Named terms; the critic minimises their sum. ``fake`` carries no graph."""
        on_real, on_fake = scores(critic, real, fake)
        terms = self.objective.critic_terms(on_real, on_fake)
        for remedy in self.remedies:
            terms |= remedy.critic_terms(self.objective, on_real, on_fake)
        for constraint in self.constraints:
            terms |= constraint.penalty(critic, real, fake, rng)
        return terms

    def generator(self, critic: Net, fake: Tensor, real: Callable[[str], Tensor]) -> Tensor:
        """What the generator minimises through ``fake``. ``real`` draws real samples for the remedy of that name."""
        for remedy in self.remedies:
            if (loss := remedy.generator_loss(critic, fake, partial(real, remedy.name))) is not None:
                return loss
        return self.objective.generator_loss(critic, fake)

    def constrain(self, weights: Tensor) -> None:
        """Project the critic's parameters after its step."""
        for constraint in self.constraints:
            constraint.constrain(weights)


def in_vectors(several: Sequence[Losses], device: torch.device) -> Losses:
    """The losses of K members as one, for stacked networks: knobs in which they differ become vectors of length K.

    Examples
    --------
    >>> from wgan_core.objectives import WganClip
    >>> each = [Losses(WganClip(clip=c), (WganClip(clip=c).constraint,)) for c in (0.5, 0.25)]
    >>> in_vectors(each, torch.device("cpu")).constraints[0].clip
    tensor([0.5000, 0.2500])
    """
    first = several[0]
    return Losses(
        first.objective,
        tuple(_in_vectors(parts, device) for parts in zip(*(each.constraints for each in several), strict=True)),
        tuple(_in_vectors(parts, device) for parts in zip(*(each.remedies for each in several), strict=True)),
    )


def _in_vectors(parts: Sequence[P], device: torch.device) -> P:
    first = parts[0]
    values = {name: [getattr(part, name) for part in parts] for name in type(first).model_fields}
    differing = {name: each for name, each in values.items() if any(value != each[0] for value in each)}
    knobs = {name: torch.tensor(each, dtype=torch.float32, device=device) for name, each in differing.items()}
    return first.model_copy(update=knobs) if knobs else first
