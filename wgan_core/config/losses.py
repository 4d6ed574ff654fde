"""What critic and generator minimise in all: the objective's losses, with what constraint and remedies add."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from wgan_core.config import TrainingConfig
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import scores
from wgan_core.objectives.penalties import Rng


def critic_loss(config: TrainingConfig, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
    """Named terms; the critic minimises their sum. ``fake`` carries no graph."""
    on_real, on_fake = scores(critic, real, fake)
    terms = config.objective.critic_terms(on_real, on_fake)
    for remedy in config.remedies.active:
        terms |= remedy.critic_terms(config.objective, on_real, on_fake)
    for part in (config.objective, config.constraint):
        terms |= part.penalty(critic, real, fake, rng)
    return terms


def generator_loss(config: TrainingConfig, critic: Net, fake: Tensor, real: Callable[[str], Tensor]) -> Tensor:
    """What the generator minimises through ``fake``. ``real`` draws a batch of real samples for the remedy of that name."""
    for remedy in config.remedies.active:
        if (loss := remedy.generator_loss(critic, fake, partial(real, remedy.name))) is not None:
            return loss
    return config.objective.generator_loss(critic, fake)


def constrain(config: TrainingConfig, weights: Tensor) -> None:
    """Project the critic's parameters after its step."""
    config.objective.constrain(weights)
    config.constraint.constrain(weights)
