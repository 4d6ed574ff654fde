"""K seeds of one config at once: on the CPU in worker processes over all cores, on a GPU in this process."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from operator import attrgetter
from time import monotonic
from typing import Protocol

import torch

from wgan_core.config import MOST_SEEDS, RunConfig, TrainingConfig
from wgan_core.history import Event, Failure, Snapshot
from wgan_core.host import resolve
from wgan_core.limits import claim
from wgan_core.members.crew import Crew as Crew
from wgan_core.members.crew import EnsembleFailed, Worker, usable_cores
from wgan_core.members.group import Changes, Group, Report, common_snapshot, member_config
from wgan_core.members.stacked import StackedTraining, choose
from wgan_core.schema import ConfigError, Problem
from wgan_core.training import check_edit, failure_of

LARGEST_SEED = 2**31 - 1
# A driver that waits for a snapshot gets to look at its buttons this often.
PATIENCE_SECONDS = 0.1


class Members(Protocol):
    """Several seeds in training, however they are trained: the interface of a training, and who has failed.

    Attributes
    ----------
    failures : Mapping[int, Failure]
        Why, by seed, members have failed that train no more.
    """

    config: TrainingConfig
    device: torch.device
    step: int
    critic_steps: int
    seconds: float

    @property
    def failures(self) -> Mapping[int, Failure]: ...
    def updates(self) -> Iterator[Snapshot | None]: ...
    def snapshot(self) -> Snapshot: ...
    def edit(self, changes: Changes) -> Event: ...
    def close(self) -> None: ...


def many(config: TrainingConfig, seeds: int, crew: Crew | None = None) -> Members:
    """Start to train seeds ``config.seed``, ``config.seed + 1``, … in the way that suits the device.

    Each member's numbers are those of a training of its own, to rounding, which training amplifies in time.

    Parameters
    ----------
    config : TrainingConfig
    seeds : int
        How many, 1 to 32.
    crew : Crew, optional
        Workers to share with others. Without it an ensemble on the CPU has its own.

    Raises
    ------
    ConfigError
        The number of seeds is not allowed with this config. DeviceError, DataError as of a training.
    """
    check_seeds(config, seeds)
    if resolve(config.device).type == "cpu":
        return Ensemble(config, seeds, crew)
    return Stacked(config, seeds) if choose(config, seeds) == "stacked" else InTurn(config, seeds)


def check_seeds(config: TrainingConfig, seeds: int) -> None:
    """Refuse, with a ConfigError, a number of seeds that this config cannot be trained with."""
    if not 1 <= seeds <= MOST_SEEDS:
        raise ConfigError([Problem("seeds", f"must be a whole number from 1 to {MOST_SEEDS}; you gave {seeds}")])
    if config.seed + seeds - 1 > LARGEST_SEED:
        most = LARGEST_SEED - seeds + 1
        raise ConfigError(
            [Problem("seed", f"with {seeds} seeds it must be at most {most:,}; you gave {config.seed:,}")]
        )
    if seeds > 1 and config.dataset.is_image:
        raise ConfigError([Problem("seeds", "several seeds at once are for data sets of points; images take one seed")])


class _Together:
    """What ensembles have in common: work in chunks, from snapshot to snapshot, and what is known after each."""

    def __init__(self, config: TrainingConfig, seeds: int) -> None:
        check_seeds(config, seeds)
        self.config = member_config(config, config.seed)
        self.seeds = range(config.seed, config.seed + seeds)
        self.failures: dict[int, Failure] = {}
        self.step = self.critic_steps = 0
        self.seconds = 0.0
        self._latest: Snapshot | None = None
        # Chunks that have begun, where members will be at the end of them, and what to turn before which chunk.
        self._begun = 0
        self._ahead = (0, 0)
        self._edits: dict[int, list[Changes]] = {}

    def updates(self) -> Iterator[Snapshot | None]:
        """Train: an item for each snapshot that all members have in common, at step 0, every ``snapshot_every``, and the end.

        None where there is none yet, several times a second, so that a driver can stop, pause or edit meanwhile.

        Raises
        ------
        EnsembleFailed
            The last member has failed, or a worker has ended.
        """
        while self._latest is None or self.step < self.config.steps:
            yield self._advance()

    def snapshot(self) -> Snapshot:
        """The newest common snapshot again; the first one if there is none yet."""
        while self._latest is None:
            self._advance()
        return self._latest

    def edit(self, changes: Changes) -> Event:
        """Turn live knobs of all members, from the next chunk on that none has begun.

        Returns
        -------
        Event
            At the step where the change takes hold, up to two snapshots ahead. Its seconds are an estimate.

        Raises
        ------
        ConfigError
            A path is not a live knob, or a value is out of its range. Nothing has changed then.
        """
        before, after = self.config, check_edit(self.config, changes)
        self._edits.setdefault(self._begun, []).append(dict(changes))
        self.config = after
        turned = [f"{path}: {attrgetter(path)(before):g} → {attrgetter(path)(after):g}" for path in changes]
        step, critic_steps = self._ahead
        seconds = self.seconds * step / self.step if self.step else self.seconds
        return Event(step, critic_steps, seconds, "edit", ", ".join(turned))

    def _advance(self) -> Snapshot | None:
        """Wait a little for the next common snapshot, or do a part of the work for it."""
        raise NotImplementedError

    def _begin(self) -> None:
        """Enter that the next chunk begins, with the config as it is now."""
        step = min(self._begun * self.config.snapshot_every, self.config.steps)
        before, critic_steps = self._ahead
        self._ahead = step, critic_steps + (step - before) * self.config.n_critic
        self._begun += 1

    def _accept(self, report: Report) -> Snapshot:
        """The common snapshot of one chunk of work."""
        found: dict[int, Snapshot] = {}
        for seed in self.seeds:
            result = report.get(seed)
            if isinstance(result, Failure):
                self.failures[seed] = result
            elif result is not None:
                found[seed] = result
        if not found:
            raise self._all_failed()
        new = common_snapshot(self.seeds, found, at_least=self.seconds)
        self._latest = new
        self.step, self.critic_steps, self.seconds = new.step, new.critic_steps, new.seconds
        return new

    def _all_failed(self) -> EnsembleFailed:
        first, why = next(iter(self.failures.items()))
        if len(self.seeds) == 1:
            return EnsembleFailed(why.message, why.cause, why.traceback, why.kind)
        return EnsembleFailed(
            f"All {len(self.seeds)} seeds, {self.seeds[0]} to {self.seeds[-1]}, have failed, seed {first} first."
            f" {why.message}",
            why.cause,
            why.traceback,
            why.kind,
        )


# On the CPU: worker processes


class Ensemble(_Together):
    """K members of one config on the CPU, dealt out to the workers of a crew.

    While one snapshot is looked at, the members are on their way to the next, and no further: a pause is overrun by one chunk
    at most.

    Parameters
    ----------
    config : TrainingConfig
        ``device`` and ``threads`` do not count: members train on the CPU with one thread each.
    seeds : int
        How many members, 1 to 32, with seeds ``config.seed``, ``config.seed + 1``, …
    crew : Crew, optional
        Workers to share with other ensembles. Without it this one has its own.

    Attributes
    ----------
    crew : Crew
    failures : dict[int, Failure]
        Why, by seed, members have failed. Their scalars are NaN from then on; the others go on, and arrays of snapshots are
        those of the first of them.

    Raises
    ------
    ConfigError
        The number of seeds is not allowed with this config, or there is no room for them.
    """

    def __init__(self, config: TrainingConfig, seeds: int, crew: Crew | None = None) -> None:
        super().__init__(config, seeds)
        self.device = torch.device("cpu")
        # Who brings a crew has made room for it.
        here = self.config.model_copy(update={"device": "cpu"})
        self._claim = None if crew else claim(RunConfig.solo(here, seeds), usable_cores())
        if self._claim is not None:
            weakref.finalize(self, self._claim.give_back)
        self.crew = crew or Crew(self._claim.workers if self._claim else None)
        self._closed = False
        self._chunks = 1 - (-config.steps // config.snapshot_every)
        self._done = 0
        self._lane, workers = self.crew.hold(here, self.seeds)
        self._asked_of = dict.fromkeys(workers, 0)
        self._reports: dict[Worker, deque[Report]] = {worker: deque() for worker in workers}
        self._ask()

    def close(self) -> None:
        """Train no more. May be called again, and from any thread; workers of an own crew have ended when it returns."""
        self._closed = True
        if self._claim is not None:
            self.crew.close()
            self._claim.give_back()
        else:
            self.crew.leave(self._lane)

    def _advance(self) -> Snapshot | None:
        if self._closed:
            raise EnsembleFailed("The ensemble was closed.", "Start it again.")
        deadline = monotonic() + PATIENCE_SECONDS
        self._ask()
        while not all(self._reports.values()):
            news = self.crew.wait(self._lane, deadline - monotonic())
            if not news:
                return None
            for worker, report in news:
                self._reports[worker].append(report)
            self._ask()
        self._done += 1
        return self._accept(
            {seed: found for reports in self._reports.values() for seed, found in reports.popleft().items()}
        )

    def _ask(self) -> None:
        """Give a chunk to each worker that has none, up to the one after that which is waited for."""
        for worker, asked in self._asked_of.items():
            idle = asked == self._done + len(self._reports[worker])
            if idle and asked <= self._done + 1 and asked < self._chunks:
                if asked == self._begun:
                    self._begin()
                self._asked_of[worker] += 1
                worker.send((self._lane, "advance", self._edits.get(asked, [])))


# On a GPU: in this process


class InTurn(_Together):
    """K members of one config in this process, one after another from snapshot to snapshot.

    Parameters, attributes and errors are those of :class:`Ensemble`.
    """

    def __init__(self, config: TrainingConfig, seeds: int) -> None:
        super().__init__(config, seeds)
        self.device = resolve(config.device)
        self._group = Group(self.config, self.seeds)
        self._work: Generator[None, None, Report] | None = None

    def close(self) -> None:
        """Nothing needs to be put away."""

    def _advance(self) -> Snapshot | None:
        if self._work is None:
            self._work = self._group.advance(self._edits.get(self._begun, []))
            self._begin()
        try:
            next(self._work)
        except StopIteration as done:
            self._work = None
            return self._accept(done.value)
        return None


class Stacked(StackedTraining):
    """K members of one config as one program, with the interface of :class:`Ensemble`."""

    def __init__(self, config: TrainingConfig, seeds: int) -> None:
        super().__init__(config, range(config.seed, config.seed + seeds))

    @property
    def failures(self) -> dict[int, Failure]:
        return {seed: failure_of(error) for seed, error in self.diverged.items()}

    def close(self) -> None:
        """Nothing needs to be put away."""
