"""The algorithm box: critic steps, then a generator step, for one member and for several as one program alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, Self

from torch import Tensor

from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import critic_given, generator_input
from wgan_core.history import Event, Failure, Snapshot
from wgan_core.host import resolve
from wgan_core.host.devices import on_threads, threads
from wgan_core.metrics.images import due
from wgan_core.networks import Average
from wgan_core.training.edits import check_edit, turned
from wgan_core.training.failures import Diverged, failure_of
from wgan_core.training.measuring import Measuring
from wgan_core.training.member import Member, of_remedy
from wgan_core.training.player import Player
from wgan_core.training.state import DATA, State, check, put_back, taken
from wgan_core.training.together import Alone, Draws, Together


class Training:
    """The papers' algorithm box, for one member and for several as one program alike.

    Parameters
    ----------
    *configs : TrainingConfig
        One for each member. Several agree in all but their seeds and in knobs that do not change what is computed.
    together : Together, optional
        How several members' networks, losses, draws and numbers are put together.

    Attributes
    ----------
    device : torch.device
    step, critic_steps : int
        Generator steps and critic steps done.
    seconds : float
        Seconds of training so far, without pauses and measurements.
    members : list[Member]
        What belongs to each member.
    generator, critic : Net
        The networks in training, of all members.
    within_round : bool
        Critic steps have been made whose generator step is still to come.
    activity : str
        What it is at, in words, where it is not training: getting ready to score images. Empty otherwise.

    Raises
    ------
    DeviceError, DataError
        The device or the data cannot be had.
    """

    def __init__(self, *configs: TrainingConfig, together: Together | None = None) -> None:
        self.within_round = False
        self.activity = ""
        self.device = resolve(configs[0].device)
        self.step = self.critic_steps = 0
        self.seconds = 0.0
        with threads(configs[0].threads):
            self._build(configs, Alone() if together is None else together)

    def _build(self, configs: Sequence[TrainingConfig], together: Together) -> None:
        self._together, remedies = together, configs[0].losses.remedies
        self.members = members = [Member(config, self.device) for config in configs]
        generators, critics = [member.generator for member in members], [member.critic for member in members]
        self.generator, self.critic = together.net(generators), together.net(critics)
        self._theta = Player("generator", self.generator, [each.generator_optimiser for each in configs], remedies)
        self._w = Player("critic", self.critic, [each.critic_optimiser for each in configs], remedies)
        generators, critics = together.nets(self.generator, generators), together.nets(self.critic, critics)
        for member, generator, critic in zip(members, generators, critics, strict=True):
            member.generator, member.critic = generator, critic
        self._average = Average(self.generator) if configs[0].generator_average else None
        shown = generators if self._average is None else together.nets(self._average.net, generators)
        self._measuring = Measuring(members, shown, self._theta, self._w, together.scalars)
        self._draws = Draws(members, together, self.device)
        self._penalty = self._draws.rng(lambda member: member.penalty)
        self._of_remedies = {remedy.name: self._draws.rng(of_remedy(remedy.name)) for remedy in remedies}
        self._follow()
        _ = members[0].probe  # what is wrong with the data shows now

    def _follow(self) -> None:
        """Take losses and optimisers from the members' configs as they are now."""
        configs = [member.config for member in self.members]
        self._losses = self._together.losses([config.losses for config in configs], self.device)
        self._theta.follow([config.generator_optimiser for config in configs])
        self._w.follow([config.critic_optimiser for config in configs])

    @property
    def config(self) -> TrainingConfig:
        """That of the first member as it is now, in which all agree but for seeds and knobs."""
        return self.members[0].config

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
        for member in self.members:
            if member.scorer is not None:
                for self.activity in member.scorer.prepare():
                    yield None
        self.activity = ""

    def round(self) -> Iterator[None]:
        """One round of the algorithm box: an item after each critic step, the generator's step at the end."""
        return on_threads(self.config.threads, self._round())

    def _round(self) -> Iterator[None]:
        """The box, on the clock while it works and not while it waits to be asked on."""
        box = self._box()
        while True:
            start = perf_counter()
            try:
                next(box)
            except StopIteration:
                return
            finally:
                self.seconds += perf_counter() - start
            yield None

    def _box(self) -> Iterator[None]:
        """Goodfellow et al. 2014 (GAN), the WGAN paper (W) and Gulrajani et al. 2017 (GP), Algorithm 1 of each, line by line.

        An edit between two updates holds from the next on.
        """
        self.within_round = True

        # W 2, GP 2, GAN: for n_critic (there: k) steps do.  W 3–4, GP 4–5: sample x ~ P_r and z ~ p(z); x̃ ← G(z)
        for real, fake, labels in self._draws.batches(self.config, self.generator):
            # W 5: E f_w(x̃) − E f_w(x).  GP 6–7: + λ (‖∇f_w(x̂)‖ − 1)².  GAN: −E log D(x) − E log(1 − D(x̃))
            critic = critic_given(self.critic, labels)
            terms = self._losses.critic(critic, self._seen(real), self._seen(fake), self._penalty)

            # W 5, GP 9, GAN: its gradient in w
            terms = self._w.differentiate(terms, self._losses.remedies)

            # W 6: w ← w + α RMSProp(w, g_w).  GP 9: w ← Adam(…).  GAN: update the discriminator
            self._w.step()

            # W 7: w ← clip(w, −c, c)
            self._losses.constrain(self._w.flat.weights)

            self.critic_steps += 1
            self._measuring.gather(self.step + 1, terms)
            yield None

        # W 9, GP 11, GAN: sample z ~ p(z)
        z = self._draws.latents(self.config, lambda member: member.generator_latent)
        labels = self._draws.labels(self.config, lambda member: member.generator_latent)

        # W 10, GP 12: −E f_w(G(z)).  GAN: −E log D(G(z)).  And its gradient in θ, while w stands still
        with self._w.flat.frozen():
            fake = self._seen(self.generator(generator_input(z, labels)))
            loss = self._losses.generator(critic_given(self.critic, labels), fake, self._reals_of(labels))
            terms = self._theta.differentiate({"generator_loss": loss}, self._losses.remedies)

        # W 11: θ ← θ − α RMSProp(θ, g_θ).  GP 12: θ ← Adam(…).  GAN: update the generator
        self._theta.step()
        self.step += 1

        if self._average is not None:
            self._average.step(self.generator, self._theta.flat.weights, self.config.generator_average, self.step)
        self._measuring.gather(self.step, terms)
        self.within_round = False

    def _seen(self, batch: Tensor) -> Tensor:
        """What the critic gets to see of a batch."""
        for remedy in self._losses.remedies:
            batch = remedy.seen(batch, self.step, self._of_remedies[remedy.name])
        return batch

    def _reals_of(self, labels: Tensor | None) -> Callable[[str], Tensor]:
        """Draws, for the remedy of a name, real samples as the critic sees them, of these classes if any."""
        return lambda remedy: self._seen(self._draws.reals_of(self.config, labels, of_remedy(remedy)))

    def snapshot(self) -> Snapshot:
        """Measure now. Changes nothing but what has been read so far.

        Raises
        ------
        Diverged
            A loss term or a parameter is no longer finite: of every member, where several train together.
        """
        with threads(self.config.threads):
            # Waiting for a GPU to catch up belongs to training, the measurements do not.
            start = perf_counter()
            self._measuring.catch_up(self.step)
            self.seconds += perf_counter() - start
            return self._measuring.snapshot(self.step, self.critic_steps, self.seconds)

    @property
    def whole(self) -> bool:
        """There is a state worth keeping: after a round."""
        return self.step > 0 and not self.within_round

    @property
    def failures(self) -> Mapping[int, Failure]:
        """Why members have diverged, by their place."""
        return {k: failure_of(why) for k, why in self.diverged.items()}

    @property
    def diverged(self) -> Mapping[int, Diverged]:
        """What ended members that have diverged, by their place."""
        return {k: member.diverged for k, member in enumerate(self.members) if member.diverged is not None}

    def edit(self, changes: Mapping[str, Any]) -> Event:
        """Turn knobs of all members from the next update on.

        Parameters
        ----------
        changes : Mapping[str, Any]
            New values by dotted path, of :func:`wgan_core.config.training.live_paths`.

        Raises
        ------
        ConfigError
            A path is not a live knob, or a value is out of its range. Nothing has changed then.
        """
        before, after = self.config, [check_edit(member.config, changes) for member in self.members]
        for member, config in zip(self.members, after, strict=True):
            member.config = config
        self._follow()
        return Event(self.step, self.critic_steps, self.seconds, "edit", turned(before, self.config, changes))

    def state(self) -> State:
        """All that this training of one member needs in order to go on, copied to the CPU. Raises as :meth:`states`."""
        (state,) = self.states().values()
        return state

    def states(self) -> dict[int, State]:
        """All that each member needs in order to go on, alone or with others, by its place; none of those that have diverged.

        Raises
        ------
        RuntimeError
            In the middle of a round, where a batch of fakes is in use that no state holds.
        Diverged
            A loss term is no longer finite, of any member.
        """
        if self.within_round:
            raise RuntimeError("a training has a state between two rounds only, after a generator step")
        self._measuring.read()
        numbers: State = {
            "step": self.step,
            "critic_steps": self.critic_steps,
            "seconds": self.seconds,
            "device": self.device.type,
            DATA: self.config.dataset.fingerprint(),
        }
        return {
            k: numbers | taken(member.terms, self._tensors(k), member.streams())
            for k, member in enumerate(self.members)
            if member.diverged is None
        }

    def restore(self, *states: Mapping[str, Any] | Diverged) -> None:
        """Go on from states of trainings with the members' configs, rather than from the start.

        Parameters
        ----------
        *states : State or Diverged
            One for each member, all of one step; of a member that had ended, what ended it.

        Raises
        ------
        BadState
            One does not fit. Nothing has changed then.
        """
        like = self.states()
        for k, state in enumerate(states):
            if not isinstance(state, Diverged):
                check(state, like[k])
        for k, (member, state) in enumerate(zip(self.members, states, strict=True)):
            if isinstance(state, Diverged):
                member.diverged = state
                continue
            member.terms = put_back(state, self._tensors(k), member.streams())
            self.step, self.critic_steps, self.seconds = state["step"], state["critic_steps"], state["seconds"]

    @classmethod
    def resume(cls, config: TrainingConfig, state: Mapping[str, Any]) -> Self:
        """A training that goes on from a state: on the CPU with the numbers of one that was never stopped, to the last digit.

        Parameters
        ----------
        config : TrainingConfig
            As it was when the state was taken, edits included.
        state : Mapping[str, Any]
            What :meth:`state` gave.

        Raises
        ------
        BadState
            The state does not fit the config. DeviceError, DataError as of a new training.

        Examples
        --------
        >>> config = TrainingConfig.parse({"steps": 4, "snapshot_every": 2, "device": "cpu"})
        >>> training = Training(config.edited({"steps": 2}))
        >>> _ = list(training.updates())
        >>> [s.step for s in Training.resume(config, training.state()).updates() if s is not None]
        [4]
        """
        training = cls(config)
        training.restore(state)
        return training

    def _tensors(self, k: int) -> dict[str, Tensor]:
        """The tensors of one member that training changes, by name."""
        average = {} if self._average is None else self._average.tensors(k)
        return self._theta.tensors(k) | self._w.tensors(k) | average
