"""What a run is at, what it does next then, and what each command makes of it. Nothing here knows of threads.

A state is a value. It says what comes next (:class:`Next`) and which lanes may train; :func:`after` is the one table of all that
leads from a state to another. What is done about it is :class:`wgan_core.runs.work.Work`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, Protocol, TypeAlias, TypeVar

from wgan_core.runs.commands import Command, OneStep, Pause, Resume, Stop, Turn


class Position(Protocol):
    """What a state has to know of a lane: which it is, how far it has come, and whether there is more to train."""

    @property
    def number(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def through(self) -> bool: ...


L = TypeVar("L", bound=Position)


class Next(Enum):
    """What the thread does next."""

    UPDATE = auto()  # of the lane that is furthest behind of those that may train
    MEASURE = auto()  # all lanes, which have come where they were to go
    WAIT = auto()  # for a command
    END = auto()  # round off, and leave


@dataclass(frozen=True)
class Running:
    """Trains lane after lane."""

    waits_for: ClassVar[str] = ""

    def next(self, lanes: Sequence[Position]) -> Next:
        return Next.UPDATE

    def train(self, lanes: Sequence[L]) -> Sequence[L]:
        """Those of the lanes that may train."""
        return lanes


@dataclass(frozen=True)
class Stepping:
    """Trains each lane to its goal, and no further.

    Attributes
    ----------
    goals : tuple of int
        For each lane the generator step to come to.
    """

    goals: tuple[int, ...]
    waits_for: ClassVar[str] = ""

    def next(self, lanes: Sequence[Position]) -> Next:
        return Next.UPDATE if self.train(lanes) else Next.MEASURE

    def train(self, lanes: Sequence[L]) -> Sequence[L]:
        return [lane for lane in lanes if lane.step < self.goals[lane.number]]


@dataclass(frozen=True)
class Paused:
    """Rests. After the last step there is nothing left to wait for: the next update says that the training has ended."""

    waits_for: ClassVar[str] = "pausing"

    def next(self, lanes: Sequence[Position]) -> Next:
        return Next.UPDATE if all(lane.through for lane in lanes) else Next.WAIT

    def train(self, lanes: Sequence[L]) -> Sequence[L]:
        return lanes


@dataclass(frozen=True)
class Stopping:
    """Brings rounds to their end where that takes no longer than to a moment, and leaves."""

    by: float
    waits_for: ClassVar[str] = "stopping"

    def next(self, lanes: Sequence[Position]) -> Next:
        return Next.END

    def train(self, lanes: Sequence[L]) -> Sequence[L]:
        return lanes


@dataclass(frozen=True)
class Reached:
    """Every lane has come to its goal and was measured there. The thread says so itself."""


State: TypeAlias = Running | Stepping | Paused | Stopping


def after(state: State, told: Command | Reached, lanes: Sequence[Position]) -> State:
    """The state that follows. ``lanes`` are all that the run has, whether or not they still train."""
    match state, told:
        case Stopping(), _:  # nothing brings a run back
            return state
        case _, Stop(by):
            return Stopping(by)
        case _, Pause():
            return Paused()
        case _, Resume():
            return Running()
        case _, OneStep():
            return Stepping(tuple(lane.step + 1 for lane in lanes))
        case Stepping(), Reached():
            return Paused()
        case _, Turn() | Reached():
            return state
