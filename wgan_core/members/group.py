"""Members of an ensemble: plain trainings of one config that differ in their seed, and the snapshot they have in common."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.history import Failure, Snapshot
from wgan_core.members.stacked import StackedTraining, stacks
from wgan_core.training import Training, failure_of

Changes = Mapping[str, Any]
# What became of each member in one chunk of work, by seed.
Report = dict[int, "Snapshot | Failure"]


def member_config(config: TrainingConfig, seed: int) -> TrainingConfig:
    """The config of the member with this seed.

    It has one torch thread: members fill the cores between them, and threads that fight over a core take ten times as long.
    """
    return config.model_copy(update={"seed": seed, "threads": 1})


class Group:
    """Some members, in this process, that go on in turn from snapshot to snapshot.

    Parameters
    ----------
    config : TrainingConfig
        That of all members, but for their seed.
    seeds : Sequence[int]
        One member each.
    """

    def __init__(self, config: TrainingConfig, seeds: Sequence[int]) -> None:
        self._config = config
        self._waiting = list(seeds)
        self._members: dict[int, tuple[Training, Iterator[Snapshot | None]]] = {}

    def advance(self, edits: Sequence[Changes] = ()) -> Generator[None, None, Report]:
        """Train each member to its next snapshot, one after another; stops between any two updates.

        A member that fails is reported once and trains no more. Arrays come with the first that goes on, and only with it.

        Parameters
        ----------
        edits : Sequence[Mapping[str, Any]]
            Live knobs to turn first, by dotted path.
        """
        report: Report = {}
        bare = False
        for seed in self._waiting or list(self._members):
            try:
                if seed not in self._members:
                    training = Training(member_config(self._config, seed))
                    self._members[seed] = training, training.updates()
                training, updates = self._members[seed]
                for changes in edits:
                    training.edit(changes)
                while (snapshot := next(updates)) is None:
                    yield
                report[seed] = replace(snapshot, arrays={}) if bare else snapshot
                bare = True
            except Exception as error:
                report[seed] = failure_of(error)
                self._members.pop(seed, None)
        self._waiting = []
        return report


class StackedGroup:
    """Some members, in this process, as one program: on the CPU half the time of one after another, or less.

    Parameters are those of :class:`Group`.
    """

    def __init__(self, config: TrainingConfig, seeds: Sequence[int]) -> None:
        self._config = member_config(config, seeds[0])
        self._seeds, self._left = list(seeds), list(seeds)
        self._started: tuple[StackedTraining, Iterator[Snapshot | None]] | None = None

    def advance(self, edits: Sequence[Changes] = ()) -> Generator[None, None, Report]:
        """Train all members to their next snapshot; see :meth:`Group.advance`."""
        try:
            if self._started is None:
                training = StackedTraining(self._config, self._seeds)
                self._started = training, training.updates()
            training, updates = self._started
            for changes in edits:
                training.edit(changes)
            while (snapshot := next(updates)) is None:
                yield
        except Exception as error:
            lost, self._left = self._left, []
            why = self._started[0].diverged if self._started else {}
            return {seed: failure_of(why.get(seed, error)) for seed in lost}
        report: Report = {}
        diverged = training.diverged
        arrays = snapshot.arrays
        for k, seed in enumerate(self._seeds):
            if seed not in self._left:
                continue
            if seed in diverged:
                report[seed] = failure_of(diverged[seed])
                self._left.remove(seed)
                continue
            numbers = {name: float(np.asarray(values)[k]) for name, values in snapshot.scalars.items()}
            scalars = {name: value for name, value in numbers.items() if np.isfinite(value)}
            # What a member costs: its share of the time that all took.
            seconds = snapshot.seconds / len(self._seeds)
            report[seed] = Snapshot(snapshot.step, snapshot.critic_steps, seconds, scalars, arrays)
            arrays = {}
        return report


def group(config: TrainingConfig, seeds: Sequence[int]) -> Group | StackedGroup:
    """Members in this process, in the faster of the two ways.

    Measured once, in ``members/stacked.py`` and ``benchmarks/seeds.py``, not at each start: what is chosen decides the last
    digits, and the same config and seeds are to give the same numbers.
    """
    return StackedGroup(config, seeds) if len(seeds) > 1 and stacks(config) else Group(config, seeds)


def common_snapshot(seeds: Sequence[int], found: Mapping[int, Snapshot], at_least: float = 0.0) -> Snapshot:
    """One snapshot of all members at one step.

    Parameters
    ----------
    seeds : Sequence[int]
        Of all K members, in order.
    found : Mapping[int, Snapshot]
        The snapshots by seed, at least one; members without one have failed.
    at_least : float
        Lower bound of the seconds: their mean falls back when a slow member fails.

    Returns
    -------
    Snapshot
        Each scalar of shape (K,), NaN where a member lacks it; arrays of the first member that has some; the mean of the
        members' seconds.

    Examples
    --------
    >>> a, b = Snapshot(5, 25, 1.0, {"w1": 0.5, "reverse_kl": 0.1}), Snapshot(5, 25, 3.0, {"w1": 0.25})
    >>> both = common_snapshot([7, 8, 9], {7: a, 8: b})
    >>> both.seconds, {name: column.tolist() for name, column in both.scalars.items()}
    (2.0, {'w1': [0.5, 0.25, nan], 'reverse_kl': [0.1, nan, nan]})
    """
    ordered = [found[seed] for seed in seeds if seed in found]
    names = dict.fromkeys(name for snapshot in ordered for name in snapshot.scalars)
    scalars = {
        name: np.array([found[seed].scalars.get(name, np.nan) if seed in found else np.nan for seed in seeds], float)
        for name in names
    }
    arrays = next((snapshot.arrays for snapshot in ordered if snapshot.arrays), {})
    for array in (*scalars.values(), *arrays.values()):
        array.setflags(write=False)
    seconds = sum(snapshot.seconds for snapshot in ordered) / len(ordered)
    return Snapshot(ordered[0].step, ordered[0].critic_steps, max(at_least, seconds), scalars, arrays)
