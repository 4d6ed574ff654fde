"""What a training leaves behind: snapshots, events, a bounded history, and the view that charts read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wgan_core.config import RunConfig

Array = NDArray[Any]
Floats = NDArray[np.float64]
Status = Literal["starting", "running", "paused", "finished", "stopped", "failed"]
LIVE: frozenset[str] = frozenset({"starting", "running", "paused"})


@dataclass(frozen=True)
class Snapshot:
    """The state of a training at one step. Its arrays are read-only.

    Attributes
    ----------
    step, critic_steps : int
        Generator steps and critic steps done.
    seconds : float
        Seconds of training so far, without pauses and measurements.
    scalars : Mapping[str, float]
        Finite numbers by name; what makes no sense is absent.
    arrays : Mapping[str, ndarray]
        Samples, surface, histogram and the like, by name.
    """

    step: int
    critic_steps: int
    seconds: float
    scalars: Mapping[str, float]
    arrays: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """Something that happened at a step: an edit of a knob, a failure."""

    step: int
    critic_steps: int
    seconds: float
    kind: Literal["edit", "failure"]
    text: str


@dataclass(frozen=True)
class Failure:
    """Why a run ended early: what happened, the likely cause in plain words, and the traceback for the curious."""

    message: str
    cause: str
    traceback: str = ""


CLOCKS = ("step", "critic_steps", "seconds")


class History:
    """The scalars of a run over time, in bounded memory.

    When ``capacity`` rows are full, every other one is dropped and from then on only every second snapshot is kept: the
    rows that stay are evenly spaced over the whole run, however long it is. The newest row is always there.

    Examples
    --------
    >>> history = History(capacity=4)
    >>> for step in range(100):
    ...     history.append(Snapshot(step, step, 0.0, {"w1": float(step)}))
    >>> history.columns()["step"].tolist()
    [0.0, 64.0, 99.0]
    """

    def __init__(self, capacity: int = 1024) -> None:
        self.capacity = capacity
        self._names: dict[str, int] = {name: i for i, name in enumerate(CLOCKS)}
        self._rows = np.full((capacity, len(CLOCKS) + 16), np.nan)
        self._count = 0
        self._seen = 0
        self._stride = 1
        self._newest: Floats | None = None

    def append(self, snapshot: Snapshot) -> None:
        values = {name: float(getattr(snapshot, name)) for name in CLOCKS} | dict(snapshot.scalars)
        for name in values.keys() - self._names.keys():
            self._names[name] = len(self._names)
        if (missing := len(self._names) - self._rows.shape[1]) > 0:
            self._rows = np.pad(self._rows, ((0, 0), (0, missing)), constant_values=np.nan)
        row = np.full(self._rows.shape[1], np.nan)
        for name, value in values.items():
            row[self._names[name]] = value
        if self._count == self.capacity:
            self._rows[: (self._count + 1) // 2] = self._rows[: self._count : 2].copy()
            self._count = (self._count + 1) // 2
            self._stride *= 2
        if self._seen % self._stride == 0:
            self._rows[self._count] = row
            self._count += 1
            self._newest = None
        else:
            self._newest = row
        self._seen += 1

    def columns(self) -> dict[str, Floats]:
        """Each clock and scalar as a float64 array, oldest first, NaN where it was absent. The arrays are copies."""
        rows = self._rows[: self._count]
        if self._newest is not None:
            newest = np.full((1, rows.shape[1]), np.nan)
            newest[0, : len(self._newest)] = self._newest
            rows = np.concatenate([rows, newest])
        columns = np.ascontiguousarray(rows.T)
        return {name: columns[i] for name, i in self._names.items()}


@dataclass(frozen=True)
class RunView:
    """All that a chart may know of a run, live or stored. Immutable.

    Attributes
    ----------
    version : int
        Grows with every change; equal versions of one run are equal views.
    snapshots : int
        Grows with every snapshot; equal numbers have equal history and latest.
    step, critic_steps, seconds
        Progress now, which may be ahead of the latest snapshot.
    history : Mapping[str, ndarray]
        The clocks ``step``, ``critic_steps``, ``seconds`` and each scalar, as arrays of one length.
    latest : Snapshot or None
        The newest snapshot with its arrays, None before the first.
    steps_per_second : float
        Generator steps a second of the recent past, measuring included, 0 when not running.
    """

    id: str
    version: int
    config: RunConfig
    status: Status
    device: str
    snapshots: int
    step: int
    critic_steps: int
    seconds: float
    steps_per_second: float
    history: Mapping[str, Floats]
    latest: Snapshot | None
    events: tuple[Event, ...] = ()
    failure: Failure | None = None

    @property
    def live(self) -> bool:
        return self.status in LIVE
