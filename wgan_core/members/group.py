"""Members in one process: stacks of those that are alike, and the snapshot that all members have in common."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.history import Failure, Snapshot
from wgan_core.members.stacked import stack, stacks
from wgan_core.training import Training, failure_of
from wgan_core.training.state import State

Changes = Mapping[str, Any]
# What became of each member in one chunk of work, by its place among all.
Report = dict[int, "Snapshot | Failure"]
States = dict[int, State]
# An owner may ask for the states of a chunk that it has from all, while some members are up to two chunks further.
CHUNKS_KEPT = 3


class Group:
    """Some members, in this process, that go on from snapshot to snapshot: stack after stack.

    Parameters
    ----------
    configs : Mapping[int, TrainingConfig]
        One for each member, by its place.
    states : Mapping[int, State]
        What members go on from that do not start anew.
    partition : Callable
        Which of several configs train as one program; see :func:`wgan_core.members.stacked.stacks`.
    """

    def __init__(
        self,
        configs: Mapping[int, TrainingConfig],
        states: Mapping[int, State],
        partition: Callable[[Sequence[TrainingConfig]], list[list[int]]] = stacks,
    ) -> None:
        places = list(configs)
        self._stacks: list[_Stack] = []
        for stack_of in partition(list(configs.values())):
            its = [places[i] for i in stack_of]
            self._stacks.append(_Stack({k: configs[k] for k in its}, {k: states[k] for k in its if k in states}))
        self._kept: deque[States] = deque(maxlen=CHUNKS_KEPT)
        self._chunks = 0

    def advance(self, edits: Sequence[Changes] = ()) -> Generator[None, None, Report]:
        """Train each member to its next snapshot; stops between any two updates.

        A member that fails is reported once and trains no more. Arrays come with the first that goes on, and only with it.

        Parameters
        ----------
        edits : Sequence[Mapping[str, Any]]
            Live knobs to turn first, by dotted path.
        """
        report: Report = {}
        for each in self._stacks:
            bare = any(isinstance(found, Snapshot) for found in report.values())
            report |= yield from each.advance(edits, bare)
        self._stacks = [each for each in self._stacks if each.left]
        self._kept.append({k: state for each in self._stacks for k, state in each.states().items()})
        self._chunks += 1
        return report

    def states(self, chunk: int) -> States:
        """The states of members at the end of one of the newest chunks, by place. The first chunk is number 0."""
        return self._kept[chunk - self._chunks]


class _Stack:
    """Members that train as one program, or one that trains alone. Started when it is first to advance."""

    def __init__(self, configs: Mapping[int, TrainingConfig], states: Mapping[int, State]) -> None:
        self._places, self._configs, self._states = list(configs), list(configs.values()), states
        self.left = set(configs)
        self._training: Training | None = None
        self._updates: Iterator[Snapshot | None] = iter(())

    def advance(self, edits: Sequence[Changes], bare: bool) -> Generator[None, None, Report]:
        try:
            if self._training is None:
                self._training = self._started()
                self._updates = self._training.updates()
            for changes in edits:
                self._training.edit(changes)
            while (snapshot := next(self._updates)) is None:
                yield
        except Exception as error:
            lost, self.left = self.left, set()
            why = self._training.diverged if self._training else {}
            places = enumerate(self._places)
            return {place: failure_of(why.get(k, error)) for k, place in places if place in lost}
        report: Report = {}
        arrays = {} if bare else snapshot.arrays
        for k, place in enumerate(self._places):
            if place not in self.left:
                continue
            if k in self._training.diverged:
                report[place] = failure_of(self._training.diverged[k])
                self.left.remove(place)
                continue
            numbers = {name: float(np.atleast_1d(values)[k]) for name, values in snapshot.scalars.items()}
            scalars = {name: value for name, value in numbers.items() if np.isfinite(value)}
            # What a member costs: its share of the time that all took.
            seconds = snapshot.seconds / len(self._places)
            report[place] = Snapshot(snapshot.step, snapshot.critic_steps, seconds, scalars, arrays)
            arrays = {}
        return report

    def states(self) -> States:
        assert self._training is not None
        shared = len(self._places)
        return {
            self._places[k]: state | {"seconds": self._training.seconds / shared}
            for k, state in self._training.states().items()
            if self._places[k] in self.left
        }

    def _started(self) -> Training:
        training = Training(*self._configs) if len(self._configs) == 1 else stack(self._configs)
        if self._states:
            training.restore(*(self._states[place] for place in self._places))
            training.seconds *= len(self._places)
        return training


def common_snapshot(count: int, found: Mapping[int, Snapshot], at_least: float = 0.0) -> Snapshot:
    """One snapshot of all members at one step.

    Parameters
    ----------
    count : int
        K, how many members there are.
    found : Mapping[int, Snapshot]
        The snapshots by place, at least one; members without one have failed.
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
    >>> both = common_snapshot(3, {0: a, 1: b})
    >>> both.seconds, {name: column.tolist() for name, column in both.scalars.items()}
    (2.0, {'w1': [0.5, 0.25, nan], 'reverse_kl': [0.1, nan, nan]})
    """
    ordered = [found[k] for k in sorted(found)]
    names = dict.fromkeys(name for snapshot in ordered for name in snapshot.scalars)
    scalars = {
        name: np.array([found[k].scalars.get(name, np.nan) if k in found else np.nan for k in range(count)], float)
        for name in names
    }
    arrays = next((snapshot.arrays for snapshot in ordered if snapshot.arrays), {})
    for array in (*scalars.values(), *arrays.values()):
        array.setflags(write=False)
    seconds = sum(snapshot.seconds for snapshot in ordered) / len(ordered)
    return Snapshot(ordered[0].step, ordered[0].critic_steps, max(at_least, seconds), scalars, arrays)
