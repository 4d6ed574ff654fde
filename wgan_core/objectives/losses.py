"""What critic and generator minimise in all: an objective's losses, with what constraints and remedies add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.base import Objective, scores
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.penalties import Rng
from wgan_core.objectives.remedies import Remedy


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
