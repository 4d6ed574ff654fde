"""The algorithm box: critic steps, then a generator step, for one seed and for several as one program alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Generator, Tensor

from wgan_core.config import TrainingConfig, live_paths
from wgan_core.config.conditional import critic_given, draw_labels, draw_reals, generator_input
from wgan_core.history import Event, Snapshot
from wgan_core.host import resolve
from wgan_core.host.devices import on_threads, threads
from wgan_core.metrics.images import due
from wgan_core.networks import Average, FlatParameters
from wgan_core.networks.piecewise import Net
from wgan_core.objectives.penalties import Rng
from wgan_core.schema import ConfigError, Problem
from wgan_core.training.measuring import Measured
from wgan_core.training.member import Member, of_remedy

# All fakes of a round come from one pass through the generator up to this many samples.
MOST_IN_ONE_PASS = 8192


class Loop(Measured):
    """The papers' algorithm box, for one seed and for several as one program alike.

    What differs stands in the subclasses: which networks are trained, how members' draws and numbers are put together.

    Attributes
    ----------
    config : TrainingConfig
        As it is now: edits replace it.
    device : torch.device
    step, critic_steps : int
        Generator steps and critic steps done.
    seconds : float
        Seconds of training so far, without pauses and measurements.
    generator, critic : Net
        The networks in training.
    within_round : bool
        Critic steps have been made whose generator step is still to come.
    activity : str
        What it is at, in words, where it is not training: getting ready to score images. Empty otherwise.
    """

    def __init__(self, config: TrainingConfig, seeds: Sequence[int]) -> None:
        self.config = config
        self.within_round = False
        self.activity = ""
        self.device = resolve(config.device)
        self.step = self.critic_steps = 0
        self.seconds = 0.0
        with threads(config.threads):
            self._build(seeds)

    def _build(self, seeds: Sequence[int]) -> None:
        config = self.config
        self._members = [Member(config, seed, self.device) for seed in seeds]
        self.generator, self.critic = self._networks()
        self._penalty = self._rng(lambda member: member.penalty)
        self._of_remedies = {remedy.name: self._rng(of_remedy(remedy.name)) for remedy in config.remedies.active}
        self._theta, self._w = FlatParameters(self.generator), FlatParameters(self.critic)
        self._theta_memory = config.generator_optimiser.start(self._theta.weights)
        self._w_memory = config.critic_optimiser.start(self._w.weights)
        self._average = Average(self.generator) if config.generator_average else None
        self._shown = [member.generator for member in self._members]
        if self._average is not None:
            self._shown = self._each(self._average.net, self._shown)
        self._remedies = {
            (role, remedy.name): remedy.start(flat.weights)
            for role, flat in (("generator", self._theta), ("critic", self._w))
            for remedy in config.remedies.active
        }
        self._gathered: list[tuple[int, dict[str, Tensor]]] = []

    def _networks(self) -> tuple[Net, Net]:
        """Generator and critic, of all members."""
        raise NotImplementedError

    def _each(self, net: Net, like: Sequence[Net]) -> list[Net]:
        """The members' own networks within one of all of them, which share its parameters."""
        raise NotImplementedError

    def _together(self, drawn: Sequence[Tensor]) -> Tensor:
        """What each member has drawn from streams of its own, as the networks take it."""
        raise NotImplementedError

    def _rng(self, of: Callable[[Member], Generator]) -> Rng:
        """A stream of random numbers of all members, as objectives, constraints and remedies take it."""
        raise NotImplementedError

    def updates(self) -> Iterator[Snapshot | None]:
        """Train: one item for each update of a network, a snapshot where one is due, None elsewhere.

        The first item is the snapshot of the untrained networks, the last that of the final step. A training that goes on from
        a state has measured there already, and starts with the next update. Closing it, and what it raises, leave torch's number
        of threads as it was, as it is between two updates.
        """
        return on_threads(self.config.threads, self._updates())

    def _updates(self) -> Iterator[Snapshot | None]:
        if self.step == 0:
            yield self.snapshot()
        while self.step < self.config.steps:
            if due(self.config, self.step + 1):
                yield from self._prepare_scores()
            yield from self._round()
            measured = self.step % self.config.snapshot_every == 0 or self.step >= self.config.steps
            yield self.snapshot() if measured else None

    def _prepare_scores(self) -> Iterator[None]:
        """Get ready to score images, in small parts, before a round: there the training has a state to stop at."""
        for member in self._members:
            if member.scorer is not None:
                for self.activity in member.scorer.prepare():
                    yield None
        self.activity = ""

    def round(self) -> Iterator[None]:
        """One round of the algorithm box: an item after each critic step, the generator's step at the end."""
        return on_threads(self.config.threads, self._round())

    def _round(self) -> Iterator[None]:
        self.within_round = True
        for real, fake, labels in self._batches():
            self._update_critic(real, fake, labels)
            yield None
        self._update_generator()
        self.within_round = False

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """For each critic step of this round fresh real samples, as many from fresh latents, and the classes of both, if any."""
        m, n, dim = self.config.batch_size, self.config.n_critic, self.generator.batch_dim
        together = not self.generator.mixes_samples and n * m <= MOST_IN_ONE_PASS
        for _ in range(1 if together else n):
            start = perf_counter()
            drawn = [self._reals(lambda member: member.real) for _ in range(n if together else 1)]
            inputs = [
                generator_input(self._latents(lambda member: member.critic_latent), labels) for _, labels in drawn
            ]
            with torch.no_grad():
                fakes = self.generator(inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim))
            self._tock(start)
            for (real, labels), fake in zip(drawn, torch.split(fakes, m, dim), strict=True):
                yield real, fake, labels

    def _latents(self, of: Callable[[Member], Generator]) -> Tensor:
        m = self.config.batch_size
        return self._together([self.config.latent.sample(m, of(member), self.device) for member in self._members])

    def _reals(self, of: Callable[[Member], Generator]) -> tuple[Tensor, Tensor | None]:
        """A batch of real samples, and their classes where the run is conditional."""
        drawn = [draw_reals(self.config, self.config.batch_size, of(member), self.device) for member in self._members]
        return self._together([x for x, _ in drawn]), self._labels([labels for _, labels in drawn])

    def _labels(self, drawn: Sequence[Tensor | None]) -> Tensor | None:
        found = [labels for labels in drawn if labels is not None]
        return self._together(found) if found else None

    def _seen(self, batch: Tensor) -> Tensor:
        """What the critic gets to see of a batch."""
        for remedy in self.config.remedies.active:
            batch = remedy.seen(batch, self.step, self._of_remedies[remedy.name])
        return batch

    def _reals_for(self, labels: Tensor | None, remedy: str) -> Tensor:
        """A batch of real samples as the critic sees them, of these classes if any, from a remedy's own stream."""
        if labels is None:
            return self._seen(self._reals(of_remedy(remedy))[0])
        numbers = labels.argmax(-1).view(len(self._members), -1)
        rngs = map(of_remedy(remedy), self._members)
        drawn = [self.config.dataset.sample_of(asked, rng) for asked, rng in zip(numbers, rngs, strict=True)]
        return self._seen(self._together(drawn))

    def _pulls(self, role: str, flat: FlatParameters) -> dict[str, Tensor]:
        """Terms in the parameters alone, whose slopes are added to the gradient."""
        found: dict[str, Tensor] = {}
        for remedy in self.config.remedies.active:
            pull = remedy.pull(flat.weights, flat.gradient, self._remedies[role, remedy.name])
            found |= {} if pull is None else {f"{role}_{remedy.name}": pull}
        return found

    def _update_critic(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> None:
        start = perf_counter()
        critic = critic_given(self.critic, labels)
        terms = self.config.losses.critic(critic, self._seen(real), self._seen(fake), self._penalty)
        self._w.backward(_total(terms))
        terms |= self._pulls("critic", self._w)
        self.config.critic_optimiser.step(self._w.weights, self._w.gradient, self._w_memory)
        self.config.losses.constrain(self._w.weights)
        self.critic_steps += 1
        self._gather(self.step + 1, terms)
        self._tock(start)

    def _update_generator(self) -> None:
        start = perf_counter()
        z = self._latents(lambda member: member.generator_latent)
        m, device = self.config.batch_size, self.device
        labels = self._labels([draw_labels(self.config, m, each.generator_latent, device) for each in self._members])
        with self._w.frozen():
            fake = self._seen(self.generator(generator_input(z, labels)))
            critic = critic_given(self.critic, labels)
            loss = self.config.losses.generator(critic, fake, partial(self._reals_for, labels))
            self._theta.backward(loss)
        terms = {"generator_loss": loss} | self._pulls("generator", self._theta)
        self.config.generator_optimiser.step(self._theta.weights, self._theta.gradient, self._theta_memory)
        self.step += 1
        if self._average is not None:
            self._average.step(self.generator, self._theta.weights, self.config.generator_average, self.step)
        self._gather(self.step, terms)
        self._tock(start)

    # Knobs that turn while it runs

    def edit(self, changes: Mapping[str, Any]) -> Event:
        """Turn knobs from the next update on.

        Parameters
        ----------
        changes : Mapping[str, Any]
            New values by dotted path, of :func:`wgan_core.config.training.live_paths`.

        Raises
        ------
        ConfigError
            A path is not a live knob, or a value is out of its range. Nothing has changed then.
        """
        before, after = self.config, check_edit(self.config, changes)
        self.config = after
        turned = [f"{path}: {_at(before, path):g} → {_at(after, path):g}" for path in changes]
        return Event(self.step, self.critic_steps, self.seconds, "edit", ", ".join(turned))


def check_edit(config: TrainingConfig, changes: Mapping[str, Any]) -> TrainingConfig:
    """The config after an edit, or ConfigError."""
    allowed = live_paths(config)
    if wrong := [path for path in changes if path not in allowed]:
        known = ", ".join(allowed)
        raise ConfigError(
            [Problem(path, f"cannot be changed while a run trains; these can: {known}") for path in wrong]
        )
    return config.edited(changes)


def _total(terms: Mapping[str, Tensor]) -> Tensor:
    first, *rest = terms.values()
    for term in rest:
        first = first + term
    return first


def _at(config: TrainingConfig, path: str) -> float:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return float(value)
