"""The loop, as a generator that reads like the papers' algorithm boxes.

Pausing is not calling ``next``. The command line, the background thread and a test are three drivers of one generator.
It prints nothing, writes no file, starts no thread.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from time import perf_counter
from typing import Any, Self

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import cosine_similarity

from wgan_core.conditional import (
    critic_given,
    critic_inputs,
    draw_labels,
    draw_reals,
    generator_input,
    generator_inputs,
)
from wgan_core.config import RunConfig, live_paths
from wgan_core.datasets import DataError
from wgan_core.devices import DeviceError, resolve
from wgan_core.explain import ConfigError, Problem
from wgan_core.losses import constrain, critic_loss, generator_loss
from wgan_core.metrics import Probe, measure
from wgan_core.networks import Average, FlatParameters, materialise
from wgan_core.objectives import FGan
from wgan_core.penalties import Rng
from wgan_core.piecewise import Net
from wgan_core.records import Array, Event, Failure, Floats, Snapshot
from wgan_core.remedies import REMEDIES
from wgan_core.scores import Scorer, due
from wgan_core.states import DIVERGED, TERM, BadState, State, check

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
FIRST_OF_REMEDIES = 1000
# Loss terms wait on the device for the next snapshot, but no more than this many.
MOST_GATHERED = 1000
# All fakes of a round come from one pass through the generator up to this many samples.
MOST_IN_ONE_PASS = 8192


class Diverged(Exception):
    """Training left the finite numbers: at which step, in which term, and ``who`` did where several train together."""

    def __init__(self, step: int, term: str, value: float, config: RunConfig, who: str = "") -> None:
        self.step, self.term, self.value = step, term, value
        what = f"{value:.3g}" if math.isfinite(value) else "not finite"
        self.cause = likely_cause(config)
        super().__init__(f"Training{who} diverged at generator step {step}: {term} was {what}.")


def likely_cause(config: RunConfig) -> str:
    """One sentence on why training most likely diverged, and what to try."""
    for name, role in (("critic_optimiser", "critic"), ("generator_optimiser", "generator")):
        if (lr := getattr(config, name).lr) > 0.01:
            return f"The {role}'s learning rate, {lr:g}, is very high. Try 1e-4 to 1e-3."
    weights = [part.penalty_weight for part in (config.objective, config.constraint) if hasattr(part, "penalty_weight")]
    if any(weight > 100 for weight in weights):
        return f"The penalty weight λ = {max(weights):g} is very high. Try 0.1 to 10."
    if weights and not any(weights):
        return "With λ = 0 nothing holds the critic, and its scores grow without bound. Try λ from 0.1 to 10."
    if isinstance(config.objective, FGan) and config.constraint.kind == "none":
        return (
            f"The {config.objective.estimate_label} bound has no limit where data and samples do not overlap, and exponentials"
            " in it run away. Try a constraint (r1, gradient-penalty), instance noise, or lower learning rates."
        )
    return "Lower the learning rates, or give the critic a stronger constraint (larger λ, smaller c)."


def failure_of(error: BaseException) -> Failure:
    """Say in plain words why a training ended with an exception."""
    trace = "".join(traceback.format_exception(error))
    text = str(error)
    if isinstance(error, Diverged):
        return Failure(text, error.cause, trace)
    if isinstance(error, DeviceError | DataError | ConfigError):
        return Failure(text, "Change the setting that the message names and start again.", trace)
    if (
        isinstance(error, torch.OutOfMemoryError | MemoryError)
        or "not enough memory" in text
        or "out of memory" in text
    ):
        return Failure("Memory ran out.", "Lower the batch size, the width or the base channels.", trace)
    return Failure(
        f"{type(error).__name__}: {text}", "This is likely a fault in the software; the traceback says where.", trace
    )


def stream_number(name: str) -> int:
    """What tells a stream from others of the same seed. Those of the remedies, by their names, have numbers of their own."""
    return STREAMS.index(name) if name in STREAMS else FIRST_OF_REMEDIES + list(REMEDIES).index(name)


def stream(seed: int, name: str, device: torch.device) -> Generator:
    """A generator of random numbers of its own for each purpose, so that none disturbs another."""
    state = np.random.SeedSequence([seed, stream_number(name)]).generate_state(1, np.uint64)
    return Generator(device).manual_seed(int(state[0]) % 2**63)


class Member:
    """What belongs to one seed: its networks, its streams of random numbers, its probe, and its newest loss terms."""

    def __init__(self, config: RunConfig, seed: int, device: torch.device) -> None:
        self.seed = seed
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


def of_remedy(name: str) -> Callable[[Member], Generator]:
    """Which stream of a member is that of a remedy."""
    return lambda member: member.remedies[name]


class Loop:
    """The papers' algorithm box, for one seed and for several as one program alike.

    What differs stands in the subclasses: which networks are trained, how members' draws and numbers are put together.

    Attributes
    ----------
    config : RunConfig
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

    def __init__(self, config: RunConfig, seeds: Sequence[int]) -> None:
        self.config = config
        self.within_round = False
        self.activity = ""
        self.device = resolve(config.device)
        self.step = self.critic_steps = 0
        self.seconds = 0.0
        self._use_threads()
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

    def _scalars(self, readings: Sequence[Mapping[str, float]]) -> Mapping[str, float | Floats]:
        """A snapshot's scalars from those of each member; empty for members that have diverged."""
        raise NotImplementedError

    def updates(self) -> Iterator[Snapshot | None]:
        """Train: one item for each update of a network, a snapshot where one is due, None elsewhere.

        The first item is the snapshot of the untrained networks, the last that of the final step. A training that goes on from
        a state has measured there already, and starts with the next update.
        """
        if self.step == 0:
            yield self.snapshot()
        while self.step < self.config.steps:
            if due(self.config, self.step + 1):
                yield from self._prepare_scores()
            yield from self.round()
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
            start = self._tick()
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
        start = self._tick()
        critic = critic_given(self.critic, labels)
        terms = critic_loss(self.config, critic, self._seen(real), self._seen(fake), self._penalty)
        self._w.backward(_total(terms))
        terms |= self._pulls("critic", self._w)
        self.config.critic_optimiser.step(self._w.weights, self._w.gradient, self._w_memory)
        constrain(self.config, self._w.weights)
        self.critic_steps += 1
        self._gather(self.step + 1, terms)
        self._tock(start)

    def _update_generator(self) -> None:
        start = self._tick()
        z = self._latents(lambda member: member.generator_latent)
        m, device = self.config.batch_size, self.device
        labels = self._labels([draw_labels(self.config, m, each.generator_latent, device) for each in self._members])
        with self._w.frozen():
            fake = self._seen(self.generator(generator_input(z, labels)))
            critic = critic_given(self.critic, labels)
            loss = generator_loss(self.config, critic, fake, partial(self._reals_for, labels))
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
            New values by dotted path, of :func:`wgan_core.config.live_paths`.

        Raises
        ------
        ConfigError
            A path is not a live knob, or a value is out of its range. Nothing has changed then.
        """
        before, after = self.config, check_edit(self.config, changes)
        self.config = after
        turned = [f"{path}: {_at(before, path):g} → {_at(after, path):g}" for path in changes]
        return Event(self.step, self.critic_steps, self.seconds, "edit", ", ".join(turned))

    # Measuring

    def snapshot(self) -> Snapshot:
        """Measure now. Changes nothing but what has been read so far.

        Raises
        ------
        Diverged
            A loss term or a parameter is no longer finite: of every member, where several train together.
        """
        start = self._tick()
        self._read_gathered()
        # Waiting for a GPU to catch up belongs to training, the measurements do not.
        finite = [flat.rows().isfinite().all(-1).tolist() for flat in (self._w, self._theta)]
        self._tock(start)
        for member, *oks in zip(self._members, *finite, strict=True):
            for ok, name in zip(oks, ("a critic parameter", "a generator parameter"), strict=True):
                if not ok:
                    self._lose(member, self.step, name, math.nan)
        readings: list[dict[str, float]] = []
        arrays: dict[str, Array] = {}
        for k, member in enumerate(self._members):
            scalars, found = self._reading(k) if member.diverged is None else ({}, {})
            readings.append(scalars)
            arrays = arrays or found
        self._end_if_all_are_lost()
        return Snapshot(self.step, self.critic_steps, self.seconds, self._scalars(readings), arrays)

    def _reading(self, k: int) -> tuple[dict[str, float], dict[str, Array]]:
        """The scalars and arrays of one member; none where one shows that it has diverged."""
        member, generator, w = self._members[k], self._shown[k], self._w.rows()[k]
        found = dict(measure(self.config, generator, member.critic, w, member.probe))
        if member.scorer is not None and due(self.config, self.step):
            found |= member.scorer.score(generator)
        scalars, arrays = self._training_scalars(k), {}
        for name, value in found.items():
            if isinstance(value, np.ndarray):
                arrays[name] = value
            elif math.isfinite(value):
                scalars[name] = float(value)
            else:
                self._lose(member, self.step, name, float(value))
                return {}, {}
        return scalars, arrays

    def _training_scalars(self, k: int) -> dict[str, float]:
        """The newest minibatch's loss terms, the estimate they give, and the norms of the gradients they left.

        They come from training itself, so there are none before the first step. Both networks minimise: the critic of a WGAN
        has the loss E[f(x̃)] − E[f(x)] + penalty, and Ŵ = E[f(x)] − E[f(x̃)] is that loss with the sign turned and without
        the penalty. f is the critic's raw output, for a GAN the logit of D.

        Returns
        -------
        w_estimate : float, data units × the critic's slope, about 0 and up
            Ŵ = E[f(x)] − E[f(x̃)], what a WGAN's critic says the EM distance is. Below 0 only where the critic is worse than a
            constant.
        js_estimate : float, nats, up to ln 2
            ½ (E[log D(x)] + E[log(1 − D(x̃))]) + ln 2, what a GAN's discriminator says JS is: a lower bound, which ignorance
            can bring below 0.
        kl_estimate, reverse_kl_estimate, pearson_estimate, hellinger_estimate : float, nats, for Pearson and Hellinger no unit
            E[g(f(x))] − E[f*(g(f(x̃)))], what an f-GAN's critic says its divergence is: a lower bound. Its JS is ``js_estimate``.
        chi2_estimate : float, no unit, up to 2
            2 − 8 L / (b − a)², what an LSGAN's critic with the loss L says ∫ (p − q)² / (p + q) is: a lower bound.
        tv_estimate : float, no unit, up to 1
            1 − L / 2, what a critic with the hinge loss L says the total variation distance is: a lower bound.
        critic_loss : float, loss
            The sum of the critic's terms, the penalty too.
        critic_real : float, loss
            The critic's term on real samples: −E[f(x)], for a GAN −E[log D(x)].
        critic_fake : float, loss
            The critic's term on generated samples: E[f(x̃)], for a GAN −E[log(1 − D(x̃))].
        gradient_penalty : float, loss, 0 and up
            λ E[(‖∇f(x̂)‖₂ − 1)²], with its weight; one-sided, slopes below 1 are free.
        dragan_penalty : float, loss, 0 and up
            λ E[(‖∇f(x + δ)‖₂ − 1)²], with its weight.
        r1_penalty : float, loss, 0 and up
            ½ γ E[‖∇f(x)‖₂²], with its weight.
        label_smoothing : float, loss
            What the labels 1 − s of real samples add to the critic's loss.
        critic_historical_averaging, generator_historical_averaging : float, loss, 0 and up
            w ‖θ − mean of θ so far‖² of each network, with its weight.
        generator_loss : float, loss
            −E[f(x̃)], for a GAN −E[log D(x̃)] or, saturating, E[log(1 − D(x̃))].
        critic_grad_norm, generator_grad_norm : float, loss per parameter, 0 and up
            ‖∇ loss‖₂ over all parameters of the network, at its newest step.
        critic_step_cosine : float, cosine, −1 to 1
            Between the critic's newest step, before any clipping, and −∇ loss. 1 for plain descent; below 0 the optimiser's
            memory of earlier gradients drives the critic uphill.

        References
        ----------
        The WGAN paper, Algorithm 1 and §4.3; Goodfellow et al. 2014, Algorithm 1; Gulrajani et al. 2017, equation 3; Nowozin
        et al. 2016, Table 2; Mao et al. 2017, §3.2; Kodali et al. 2017; Mescheder et al. 2018; Salimans et al. 2016, §3.
        """
        if self.step == 0:
            return {}
        newest = self._members[k].terms
        terms = {name: value for name, value in newest.items() if not name.startswith("generator_")}
        return {
            self.config.objective.estimate_name: self.config.objective.estimate(terms),
            "critic_loss": math.fsum(terms.values()),
            **newest,
            "critic_grad_norm": float(self._w.rows(self._w.gradient)[k].norm()),
            "generator_grad_norm": float(self._theta.rows(self._theta.gradient)[k].norm()),
            "critic_step_cosine": self._step_cosine(k),
        }

    def _step_cosine(self, k: int) -> float:
        """Between the critic's newest step and its descent; 0 where there is no gradient (WGAN paper, §4.3, momentum)."""
        taken = self.config.critic_optimiser.direction(self._w.gradient, self._w_memory)
        return float(cosine_similarity(self._w.rows(taken)[k], -self._w.rows(self._w.gradient)[k], dim=0, eps=1e-30))

    def _gather(self, step: int, terms: Mapping[str, Tensor]) -> None:
        self._gathered.append((step, {name: term.detach() for name, term in terms.items()}))
        if len(self._gathered) >= MOST_GATHERED:
            self._read_gathered()

    def _read_gathered(self) -> None:
        """Bring all terms since the last reading over in one transfer, and look for each member's first bad one."""
        if self._gathered:
            names = [(step, name) for step, terms in self._gathered for name in terms]
            values = torch.stack([term for _, terms in self._gathered for term in terms.values()])
            of_each = values.view(len(names), -1).t().tolist()
            for member, row in zip(self._members, of_each, strict=True):
                for (step, name), value in zip(names, row, strict=True):
                    if not abs(value) < DIVERGED:
                        self._lose(member, step, name, value)
                        break
                    member.terms[name] = value
            self._gathered.clear()
        self._end_if_all_are_lost()

    def _lose(self, member: Member, step: int, term: str, value: float) -> None:
        """Write down what a member diverged in, if it has not before."""
        who = f" with seed {member.seed}" if len(self._members) > 1 else ""
        member.diverged = member.diverged or Diverged(step, term, value, self.config, who)

    def _end_if_all_are_lost(self) -> None:
        lost = [(member.diverged.step, member.seed, member.diverged) for member in self._members if member.diverged]
        if len(lost) == len(self._members):
            _, seed, error = max(lost, key=lambda each: each[0])
            who = f" with all {len(lost)} seeds, last with seed {seed}," if len(lost) > 1 else ""
            raise Diverged(error.step, error.term, error.value, self.config, who)

    def _tick(self) -> float:
        self._use_threads()
        return perf_counter()

    def _tock(self, start: float) -> None:
        self.seconds += perf_counter() - start

    def _use_threads(self) -> None:
        # The count belongs to the calling thread. Sums split differently give other last digits: it is in the config.
        if torch.get_num_threads() != self.config.threads:
            torch.set_num_threads(self.config.threads)


class Training(Loop):
    """One training with the config's seed.

    Parameters
    ----------
    config : RunConfig

    Raises
    ------
    DeviceError, DataError
        The device or the data cannot be had.
    """

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config, [config.seed])
        _ = self._member.probe  # what is wrong with the data shows now

    @property
    def _member(self) -> Member:
        return self._members[0]

    def _networks(self) -> tuple[Net, Net]:
        return self._member.generator, self._member.critic

    def _each(self, net: Net, like: Sequence[Net]) -> list[Net]:
        return [net]

    def _together(self, drawn: Sequence[Tensor]) -> Tensor:
        return drawn[0]

    def _rng(self, of: Callable[[Member], Generator]) -> Generator:
        return of(self._member)

    def _scalars(self, readings: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
        return readings[0]

    # Stopping here and going on elsewhere

    def state(self) -> State:
        """All that this training needs in order to go on, copied to the CPU.

        Raises
        ------
        RuntimeError
            In the middle of a round, where a batch of fakes is in use that no state holds.
        Diverged
            A loss term is no longer finite.
        """
        if self.within_round:
            raise RuntimeError("a training has a state between two rounds only, after a generator step")
        self._read_gathered()
        numbers: State = {
            "step": self.step,
            "critic_steps": self.critic_steps,
            "seconds": self.seconds,
            "device": self.device.type,
        }
        terms = {TERM + name: value for name, value in self._member.terms.items()}
        tensors = {name: tensor.detach().to("cpu", copy=True) for name, tensor in self._tensors().items()}
        return numbers | terms | tensors | {name: rng.get_state() for name, rng in self._streams().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of a training with this config, rather than from the start.

        Raises
        ------
        BadState
            It does not fit. Nothing has changed then.
        """
        check(state, self.state())
        for name, rng in self._streams().items():
            try:
                Generator(rng.device).set_state(state[name])
            except RuntimeError as error:
                raise BadState(f"{name} is no state of random numbers ({error})") from None
        for name, rng in self._streams().items():
            rng.set_state(state[name])
        for name, tensor in self._tensors().items():
            tensor.copy_(state[name])
        self.step, self.critic_steps, self.seconds = state["step"], state["critic_steps"], state["seconds"]
        self._member.terms = {name.removeprefix(TERM): value for name, value in state.items() if name.startswith(TERM)}

    @classmethod
    def resume(cls, config: RunConfig, state: Mapping[str, Any]) -> Self:
        """A training that goes on from a state: on the CPU with the numbers of one that was never stopped, to the last digit.

        Parameters
        ----------
        config : RunConfig
            As it was when the state was taken, edits included.
        state : Mapping[str, Any]
            What :meth:`state` gave.

        Raises
        ------
        BadState
            The state does not fit the config. DeviceError, DataError as of a new training.

        Examples
        --------
        >>> config = RunConfig.parse({"steps": 4, "snapshot_every": 2, "device": "cpu"})
        >>> training = Training(config.edited({"steps": 2}))
        >>> _ = list(training.updates())
        >>> [s.step for s in Training.resume(config, training.state()).updates() if s is not None]
        [4]
        """
        training = cls(config)
        training.restore(state)
        return training

    def _tensors(self) -> dict[str, Tensor]:
        """The tensors that training changes, by name."""
        found: dict[str, Tensor] = {}
        for role, net, flat, memory in (
            ("generator", self.generator, self._theta, self._theta_memory),
            ("critic", self.critic, self._w, self._w_memory),
        ):
            found |= {f"{role}.weights": flat.weights, f"{role}.gradient": flat.gradient}
            found |= {f"{role}.buffer.{name}": buffer for name, buffer in net.named_buffers()}
            found |= {f"{role}.memory.{name}": tensor for name, tensor in memory.items()}
        if self._average is not None:
            found["average.weights"] = self._average.weights
            found |= {f"average.buffer.{name}": buffer for name, buffer in self._average.net.named_buffers()}
        for (role, name), memory in self._remedies.items():
            found |= {f"remedy.{role}.{name}.{key}": tensor for key, tensor in memory.items()}
        return found

    def _streams(self) -> dict[str, Generator]:
        """The random numbers that training draws. The probe has been drawn already, from a stream of its own."""
        own = {f"random.{name}": getattr(self._member, name) for name in STREAMS_OF_TRAINING}
        return own | {f"random.{name}": rng for name, rng in self._member.remedies.items()}


def train(config: RunConfig) -> Iterator[Snapshot]:
    """Train to the end, yielding each snapshot.

    Examples
    --------
    >>> config = RunConfig.parse({"steps": 4, "snapshot_every": 2})
    >>> [snapshot.step for snapshot in train(config)]
    [0, 2, 4]
    """
    return (snapshot for snapshot in Training(config).updates() if snapshot is not None)


def check_edit(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
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


def _at(config: RunConfig, path: str) -> float:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return float(value)
