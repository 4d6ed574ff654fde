"""What belongs to one member of a training: its config, its networks, a stream of random numbers for each purpose."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from hashlib import blake2b

import numpy as np
import torch
from torch import Generator

from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import critic_inputs, generator_inputs
from wgan_core.metrics import Probe
from wgan_core.metrics.images import Scorer
from wgan_core.networks import materialise
from wgan_core.training.failures import Diverged

# The critic's and the generator's steps draw their latents from streams of their own, a batch a step. So the k-th critic steps of
# two runs see the same latents whatever n_critic is, and so do their t-th generator steps.
STREAMS = (
    "generator-init",
    "critic-init",
    "real",
    "critic-latent",
    "penalty",
    "measurement",
    "generator-latent",
    "scores",
)
STREAMS_OF_TRAINING = ("real", "critic_latent", "penalty", "generator_latent")


def stream_number(name: str) -> int:
    """What tells a stream from others of the same seed: its place among those above, of a remedy a hash of its name.

    No remedy that comes or goes changes the numbers of another.

    Examples
    --------
    >>> stream_number("critic-init"), stream_number("instance_noise")
    (1, 1624310547639328489)
    """
    if name in STREAMS:
        return STREAMS.index(name)
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def stream(seed: int, name: str, device: torch.device) -> Generator:
    """A generator of random numbers of its own for each purpose, so that none disturbs another."""
    state = np.random.SeedSequence([seed, stream_number(name)]).generate_state(1, np.uint64)
    return Generator(device).manual_seed(int(state[0]) % 2**63)


class Member:
    """What belongs to one member: its config, networks, streams of random numbers, its probe, and its newest loss terms.

    Attributes
    ----------
    config : TrainingConfig
        As it is now: edits replace it.
    diverged : Diverged or None
        What ended it, where others train on.
    """

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        self.config, seed = config, config.seed
        self.diverged: Diverged | None = None
        self.terms: dict[str, float] = {}
        cpu = torch.device("cpu")
        generator, critic = config.nets()
        draw = stream(seed, "generator-init", cpu)
        self.generator = materialise(generator, config.generator, draw, device, config.dataset.start)
        self.critic = materialise(critic, config.critic, stream(seed, "critic-init", cpu), device)
        for net in (self.generator, self.critic):
            config.speed.prepare(net)
        self.remedies = {remedy.name: stream(seed, remedy.name, device) for remedy in config.remedies.active}
        for remedy in config.remedies.active:
            inputs = partial(generator_inputs, config, rng=self.remedies[remedy.name], device=device)
            remedy.fill("generator", self.generator, stream(seed, remedy.name, cpu), inputs)
            inputs = partial(critic_inputs, config, rng=self.remedies[remedy.name], device=device)
            remedy.fill("critic", self.critic, stream(seed, remedy.name, cpu), inputs)
        self.real, self.penalty = (stream(seed, name, device) for name in ("real", "penalty"))
        self.critic_latent, self.generator_latent = (
            stream(seed, name, device) for name in ("critic-latent", "generator-latent")
        )
        self._draw_probe = partial(Probe.draw, config, stream(seed, "measurement", device), device)
        self.scorer = Scorer(config, stream(seed, "scores", device), device) if config.dataset.is_image else None

    @cached_property
    def probe(self) -> Probe:
        """Drawn when first asked for: its floor of W1 costs more than many steps of training."""
        return self._draw_probe()

    def streams(self) -> dict[str, Generator]:
        """The random numbers that training draws. The probe has been drawn already, from a stream of its own."""
        own = {f"random.{name}": getattr(self, name) for name in STREAMS_OF_TRAINING}
        return own | {f"random.{name}": rng for name, rng in self.remedies.items()}


def of_remedy(name: str) -> Callable[[Member], Generator]:
    """Which stream of a member is that of a remedy."""
    return lambda member: member.remedies[name]
