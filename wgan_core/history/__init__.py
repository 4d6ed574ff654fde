"""What a training leaves behind: snapshots, events, a bounded history, and the view that charts read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wgan_core.config import TrainingConfig

Array = NDArray[Any]
Floats = NDArray[np.float64]
# A run is interrupted when the process that trained it is gone without having said how it ended.
Status = Literal["starting", "running", "paused", "finished", "stopped", "failed", "interrupted"]
LIVE: frozenset[str] = frozenset({"starting", "running", "paused"})
# A run of several lanes shows the first of these that one of its lanes has.
SHOWN_FIRST: tuple[Status, ...] = ("running", "paused", "starting", "interrupted", "finished", "stopped", "failed")
# Rows kept of a history; frames kept for looking back: about 4 MB a lane of points, and 20 MB of images.
HISTORY_ROWS, POINT_FRAMES, IMAGE_FRAMES = 1024, 256, 48


@dataclass(frozen=True)
class Snapshot:
    """The state of a training at one step. Its arrays are read-only.

    Attributes
    ----------
    step, critic_steps : int
        Generator steps and critic steps done.
    seconds : float
        Seconds of training so far, without pauses and measurements.
    scalars : Mapping[str, float | ndarray]
        Finite numbers by name; what makes no sense is absent. Of a training with K seeds an array of shape (K,) each, NaN
        where a number is absent for one seed.
    arrays : Mapping[str, ndarray]
        Samples, surface, histogram and the like, by name. Of a training with K seeds, those of the first.
    """

    step: int
    critic_steps: int
    seconds: float
    scalars: Mapping[str, float | Floats]
    arrays: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """Something that happened at a step: the fork that a run began with, an edit of a knob, a failure, what the coach found,
    data that are others than before."""

    step: int
    critic_steps: int
    seconds: float
    kind: Literal["fork", "edit", "failure", "finding", "data"]
    text: str


@dataclass(frozen=True)
class Failure:
    """Why a run ended early: what happened, the likely cause in plain words, and the traceback for the curious."""

    message: str
    cause: str
    traceback: str = ""


CLOCKS = ("step", "critic_steps", "seconds")


def overall(found: Iterable[Status]) -> Status:
    """The status of a run from those of its lanes: of those that still train, or else finished if any lane did."""
    there = set(found)
    return next(status for status in SHOWN_FIRST if status in there)


def frames_kept(config: TrainingConfig) -> int:
    """How many frames of a training are kept."""
    return IMAGE_FRAMES if config.dataset.is_image else POINT_FRAMES


class Thinning:
    """Which of an endless row of things to keep when there is room for ``capacity``.

    When all places are taken, every other thing is dropped, and from then on only every second one is kept: what stays is
    evenly spaced over the whole row, however long it is.
    """

    def __init__(self, capacity: int, seen: int = 0) -> None:
        self.capacity, self._seen = capacity, seen
        self._stride = 1
        while (capacity - 1) * self._stride < seen - 1:
            self._stride *= 2
        self._kept = self.kept_of(seen)

    def kept_of(self, seen: int) -> int:
        """How many of the first things are among those kept now."""
        return -(-seen // self._stride)

    def offer(self) -> tuple[bool, bool]:
        """For the next thing: whether to drop every other one first, and whether to keep this one."""
        halve = self._kept == self.capacity
        if halve:
            self._kept = (self._kept + 1) // 2
            self._stride *= 2
        keep = self._seen % self._stride == 0
        self._kept += keep
        self._seen += 1
        return halve, keep


class Frames:
    """Whole snapshots over time, evenly thinned, the newest always among them: what looking back shows.

    Examples
    --------
    >>> frames = Frames(capacity=4)
    >>> for step in range(100):
    ...     frames.append(Snapshot(step, step, 0.0, {}))
    >>> [frame.step for frame in frames.all()]
    [0, 64, 99]
    """

    def __init__(self, capacity: int) -> None:
        self._thinning = Thinning(capacity)
        self._kept: list[Snapshot] = []
        self._newest: Snapshot | None = None

    @classmethod
    def resumed(cls, capacity: int, frames: Sequence[Snapshot], seen: int) -> Frames:
        """Those of a training that goes on after ``seen`` snapshots, from what :meth:`all` gave then."""
        found = cls(capacity)
        found._thinning = Thinning(capacity, seen)
        kept = found._thinning.kept_of(seen)
        found._kept = list(frames[:kept])
        found._newest = frames[-1] if len(frames) > kept else None
        return found

    def append(self, snapshot: Snapshot) -> None:
        halve, keep = self._thinning.offer()
        if halve:
            self._kept = self._kept[::2]
        if keep:
            self._kept.append(snapshot)
        self._newest = None if keep else snapshot

    def all(self) -> tuple[Snapshot, ...]:
        """The frames, oldest first."""
        return (*self._kept, self._newest) if self._newest is not None else tuple(self._kept)


class History:
    """The scalars of a run over time, in bounded memory, evenly thinned. The newest row is always there.

    Parameters
    ----------
    capacity : int
        Most rows.
    seeds : int
        Numbers in each scalar of the snapshots: 1 for plain numbers, K for arrays of shape (K,).

    Examples
    --------
    >>> history = History(capacity=4)
    >>> for step in range(100):
    ...     history.append(Snapshot(step, step, 0.0, {"w1": float(step)}))
    >>> history.columns()["step"].tolist()
    [0.0, 64.0, 99.0]
    """

    def __init__(self, capacity: int = HISTORY_ROWS, seeds: int = 1) -> None:
        self.seeds = seeds
        self._names: dict[str, int] = {name: i for i, name in enumerate(CLOCKS)}
        self._rows = np.full((capacity, len(CLOCKS) + 24, seeds), np.nan)
        self._thinning = Thinning(capacity)
        self._count = 0
        self._newest: Floats | None = None

    @classmethod
    def resumed(cls, columns: Mapping[str, Floats], seen: int, capacity: int = HISTORY_ROWS, seeds: int = 1) -> History:
        """That of a training that goes on after ``seen`` snapshots, from what :meth:`columns` gave then."""
        found = cls(capacity, seeds)
        found._thinning = Thinning(capacity, seen)
        found._names = {name: i for i, name in enumerate(columns)}
        wide = [column if column.ndim > 1 else column[:, None] for column in columns.values()]
        table = np.stack([np.broadcast_to(column, (len(column), seeds)) for column in wide], axis=1)
        found._count = min(found._thinning.kept_of(seen), len(table))
        found._rows = np.full((capacity, max(table.shape[1], found._rows.shape[1]), seeds), np.nan)
        found._rows[: found._count, : table.shape[1]] = table[: found._count]
        if len(table) > found._count:
            found._newest = np.full(found._rows.shape[1:], np.nan)
            found._newest[: table.shape[1]] = table[-1]
        return found

    def append(self, snapshot: Snapshot) -> None:
        values = {name: getattr(snapshot, name) for name in CLOCKS} | dict(snapshot.scalars)
        for name in values:
            self._names.setdefault(name, len(self._names))
        if (missing := len(self._names) - self._rows.shape[1]) > 0:
            self._rows = np.pad(self._rows, ((0, 0), (0, missing), (0, 0)), constant_values=np.nan)
        row = np.full(self._rows.shape[1:], np.nan)
        for name, value in values.items():
            row[self._names[name]] = value
        halve, keep = self._thinning.offer()
        if halve:
            self._rows[: (self._count + 1) // 2] = self._rows[: self._count : 2].copy()
            self._count = (self._count + 1) // 2
        if keep:
            self._rows[self._count] = row
            self._count += 1
        self._newest = None if keep else row

    def columns(self) -> dict[str, Floats]:
        """Each clock and scalar as a float64 array, oldest first, NaN where it was absent. The arrays are copies.

        Clocks have shape (rows,), as have the scalars of one seed; those of K > 1 seeds have (rows, K).
        """
        rows = self._rows[: self._count]
        if self._newest is not None:
            newest = np.full((1, *rows.shape[1:]), np.nan)
            newest[0, : len(self._newest)] = self._newest
            rows = np.concatenate([rows, newest])
        columns = np.ascontiguousarray(rows.swapaxes(0, 1))
        first = columns[:, :, 0]
        return {name: first[i] if self.seeds == 1 or name in CLOCKS else columns[i] for name, i in self._names.items()}


@dataclass(frozen=True)
class LaneView:
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
        The clocks ``step``, ``critic_steps``, ``seconds`` and each scalar, as arrays of one length; the scalars of K > 1 seeds
        have shape (rows, K).
    latest : Snapshot or None
        The newest snapshot with its arrays, None before the first. Of a view back in time (:meth:`at`), the one looked at.
    frames : tuple[Snapshot, ...]
        Snapshots with their arrays over the whole run, evenly thinned, oldest first.
    seeds : int
        How many trainings with seeds ``config.seed``, ``config.seed + 1``, … this is.
    steps_per_second : float
        Generator steps a second of the recent past, measuring included, 0 when not running.
    activity : str
        What it is at where it is not training, in words: getting ready to score images. Empty otherwise.
    before : Mapping[str, ndarray] or None
        Of a fork, the history of its forebears up to where it began, where that is still stored.
    """

    id: str
    version: int
    config: TrainingConfig
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
    frames: tuple[Snapshot, ...] = ()
    seeds: int = 1
    before: Mapping[str, Floats] | None = None
    activity: str = ""

    @property
    def live(self) -> bool:
        return self.status in LIVE

    def at(self, value: float, clock: str = "step") -> LaneView:
        """The same run, showing its last frame up to a value of a clock (its first frame before that)."""
        if not self.frames:
            return self
        place = bisect_right(self.frames, value, key=lambda frame: getattr(frame, clock))
        return replace(self, latest=self.frames[max(0, place - 1)])

    def member(self, i: int) -> LaneView:
        """The history of one of K seeds as a view of a single run."""
        if self.seeds == 1:
            return self
        history = {name: column if name in CLOCKS else column[:, i] for name, column in self.history.items()}
        return replace(
            self, history=history, seeds=1, config=self.config.model_copy(update={"seed": self.config.seed + i})
        )
