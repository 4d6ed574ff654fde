"""Where members train: in worker processes (:class:`wgan_core.members.crew.Crew`) or here, and what both have in common."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol

from wgan_core.config import TrainingConfig
from wgan_core.history import FailureKind
from wgan_core.members.group import Group, Report, States
from wgan_core.members.stacked import faster
from wgan_core.training import Diverged
from wgan_core.training.state import State


class EnsembleFailed(Diverged):
    """An ensemble cannot go on: all of its members have failed, or a worker has ended.

    It is a :class:`Diverged` in that it brings its likely cause along for people to read.
    """

    def __init__(self, message: str, cause: str, details: str = "", kind: FailureKind = "worker") -> None:
        Exception.__init__(self, message)
        self.cause, self.details, self.kind = cause, details, kind
        if details:
            self.add_note(details)


class Site(Protocol):
    """Where some members of a lane are: it takes orders."""

    def send(self, message: tuple[int, str, Any]) -> None: ...


class Sites(Protocol):
    """Where the members of ensembles train. See :class:`wgan_core.members.crew.Crew`.

    Attributes
    ----------
    ahead : int
        How many chunks members may be ahead of the one that is waited for.
    """

    ahead: int

    def hold(
        self, members: Mapping[int, TrainingConfig], states: Mapping[int, State]
    ) -> tuple[int, Sequence[Site]]: ...
    def leave(self, lane: int) -> None: ...
    def wait(self, lane: int, seconds: float) -> Sequence[tuple[Site, Report]]: ...
    def states(self, lane: int, sites: Sequence[Any], chunk: int, seconds: float) -> States: ...
    def close(self) -> None: ...


class InThisProcess:
    """The members of one ensemble in this process, which trains whenever it is waited for. For a GPU.

    Parameters
    ----------
    partition : Callable
        Which of several configs train as one program.
    """

    ahead = 0

    def __init__(self, partition: Callable[[Sequence[TrainingConfig]], list[list[int]]] = faster) -> None:
        self._partition = partition
        self._work: Generator[None, None, Report] | None = None

    def hold(
        self, members: Mapping[int, TrainingConfig], states: Mapping[int, State]
    ) -> tuple[int, list[InThisProcess]]:
        """Take the members. DeviceError, DataError as of a training."""
        self._group = Group(members, states, self._partition)
        return 0, [self]

    def leave(self, lane: int) -> None:
        """Nothing needs to be put away."""

    def send(self, message: tuple[int, str, Any]) -> None:
        """Begin with a chunk."""
        _, _, edits = message
        self._work = self._group.advance(edits)

    def wait(self, lane: int, seconds: float) -> list[tuple[InThisProcess, Report]]:
        """Train by one update, and give what there is at the end of a chunk."""
        assert self._work is not None
        try:
            next(self._work)
        except StopIteration as done:
            self._work = None
            return [(self, done.value)]
        return []

    def states(self, lane: int, sites: Sequence[Any], chunk: int, seconds: float) -> States:
        """As :meth:`wgan_core.members.crew.Crew.states`."""
        return self._group.states(chunk)

    def close(self) -> None:
        """Nothing needs to be put away."""
