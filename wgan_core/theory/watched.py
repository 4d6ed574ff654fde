"""A round of a training that is watched: what it drew, computed and changed."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from wgan_core.config import TrainingConfig
from wgan_core.networks import FlatParameters
from wgan_core.networks.piecewise import Net
from wgan_core.objectives.losses import Losses
from wgan_core.objectives.penalties import Rng
from wgan_core.training import Training
from wgan_core.training.together import Alone


@dataclass(frozen=True, eq=False)
class Round:
    """What one round did. Of its n_critic critic steps it has the last.

    Attributes
    ----------
    latents, real, fake : Tensor
        The critic step's: what the prior, the data and the generator gave, m of each.
    rng : Generator
        The stream that penalties draw from, as it stood before the critic's step.
    terms : dict[str, float]
        The critic's loss, term by term.
    critic, critic_stepped, critic_held : Net
        The critic before its step, after it, and once the constraints have held it.
    critic_gradient, generator_gradient : Tensor
        Of the losses in all weights, (p,) each.
    latents_again, fake_again : Tensor
        The generator step's.
    generator_loss : float
        On them.
    generator, generator_stepped : Net
        The generator before its step and after it.
    """

    latents: Tensor
    real: Tensor
    fake: Tensor
    rng: Generator
    terms: dict[str, float]
    critic: Net
    critic_stepped: Net
    critic_held: Net
    critic_gradient: Tensor
    latents_again: Tensor
    fake_again: Tensor
    generator_loss: float
    generator: Net
    generator_stepped: Net
    generator_gradient: Tensor


def watch(config: TrainingConfig, rounds: int) -> Round:
    """The round after so many rounds of a training: on the CPU, without remedies and classes.

    Examples
    --------
    >>> seen = watch(TrainingConfig.parse({"device": "cpu", "batch_size": 8}), rounds=2)
    >>> tuple(seen.real.shape), sorted(seen.terms)
    ((8, 2), ['critic_fake', 'critic_real', 'gradient_penalty'])
    """
    before = Training(config)
    for _ in range(rounds):
        for _ in before.round():
            pass
    # Only the last round is watched: what it keeps are copies, which cost more than a step.
    training = Training(config, together=(watching := _Watching()))
    training.restore(before.state())
    generator = copy.deepcopy(training.generator)
    for _ in training.round():
        pass
    state = training.state()
    critic_gradient, generator_gradient = state["critic.gradient"], state["generator.gradient"]
    assert isinstance(critic_gradient, Tensor)
    assert isinstance(generator_gradient, Tensor)
    latents, latents_again = watching.drawn
    return Round(
        **watching.seen,
        latents=latents,
        latents_again=latents_again,
        critic_held=training.critic,
        critic_gradient=critic_gradient,
        generator=generator,
        generator_stepped=training.generator,
        generator_gradient=generator_gradient,
    )


class _Watching(Alone):
    """Stands where a training gets its draws and losses from, and keeps what comes by. The training is as if alone."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        # Latents are the last that a critic step draws, and all that the generator's step does.
        self.drawn: deque[Tensor] = deque(maxlen=2)

    def tensor(self, drawn: Sequence[Tensor]) -> Tensor:
        self.drawn.append(super().tensor(drawn))
        return self.drawn[-1]

    def losses(self, losses: Sequence[Losses], device: torch.device) -> Losses:
        found = super().losses(losses, device)
        return _Watched(found.objective, found.constraints, found.remedies, self.seen)


@dataclass(frozen=True)
class _Watched(Losses):
    """Losses that write down what they were asked, and what they answered."""

    seen: dict[str, Any] = field(default_factory=dict)

    def critic(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        assert isinstance(rng, Generator)
        self.seen.update(critic=copy.deepcopy(critic), real=real, fake=fake, rng=rng.clone_state())
        terms = super().critic(critic, real, fake, rng)
        self.seen["terms"] = {name: float(term.detach()) for name, term in terms.items()}
        return terms

    def constrain(self, weights: Tensor) -> None:
        stepped = copy.deepcopy(self.seen["critic"])
        FlatParameters(stepped).weights.copy_(weights)
        self.seen["critic_stepped"] = stepped
        super().constrain(weights)

    def generator(self, critic: Net, fake: Tensor, real: Callable[[str], Tensor]) -> Tensor:
        loss = super().generator(critic, fake, real)
        self.seen.update(fake_again=fake.detach(), generator_loss=float(loss.detach()))
        return loss
