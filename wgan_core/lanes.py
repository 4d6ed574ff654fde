"""A lane: one training of a run, and what it has left behind so far.

A run of one lane is what the live page shows; a comparison has several on one clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any, Protocol

from wgan_core.config import RunConfig
from wgan_core.devices import describe, resolve
from wgan_core.records import LIVE, Event, Failure, Frames, History, RunView, Snapshot, Status
from wgan_core.training import failure_of

RATE_SECONDS = 5.0
# Frames kept for looking back: about 4 MB a lane of points, and 20 MB of images.
POINT_FRAMES, IMAGE_FRAMES = 256, 48


class Trains(Protocol):
    """What a lane needs of a training: of one seed, of many stacked in one program, of many in other processes."""

    config: RunConfig
    step: int
    critic_steps: int
    seconds: float

    def updates(self) -> Iterator[Snapshot | None]: ...
    def snapshot(self) -> Snapshot: ...
    def edit(self, changes: Mapping[str, Any]) -> Event: ...


class Lane:
    """One training and its record. The run's thread writes, under the run's lock; :meth:`view` reads under it too."""

    def __init__(self, lane_id: str, config: RunConfig, seeds: int) -> None:
        self.id, self.config, self.seeds = lane_id, config, seeds
        self.device = describe(resolve(config.device))
        self.status: Status = "starting"
        self.version = self.snapshots = 0
        self.until: int | None = None  # train on to this step, and no further
        self.edits: deque[Mapping[str, Any]] = deque()
        self.training: Trains | None = None
        self._updates: Iterator[Snapshot | None] = iter(())
        self._history = History(seeds=seeds)
        self._frames = Frames(IMAGE_FRAMES if config.dataset.is_image else POINT_FRAMES)
        self.latest: Snapshot | None = None
        self._events: list[Event] = []
        self._failure: Failure | None = None
        self._progress = (0, 0, 0.0)
        self._beats: deque[tuple[float, int]] = deque()
        self._view: RunView | None = None

    @property
    def active(self) -> bool:
        """There is something left to train."""
        return self.status in LIVE

    @property
    def beaten(self) -> float:
        """When progress was last written down, by the monotonic clock."""
        return self._beats[-1][0] if self._beats else 0.0

    def begin(self, training: Trains) -> None:
        self.training = training
        self._updates = training.updates()
        self.become("running")

    def advance(self) -> Snapshot | None:
        """Train by one update. Called without the lock. StopIteration at the end, any exception where it fails."""
        return next(self._updates)

    def position(self, clock: str) -> float:
        return float(getattr(self.training, clock)) if self.training else 0.0

    @property
    def unmeasured(self) -> bool:
        """The latest snapshot is older than the training."""
        return self.training is not None and self.latest is not None and self.latest.step < self.training.step

    def record(self, snapshot: Snapshot) -> None:
        self._history.append(snapshot)
        self._frames.append(snapshot)
        self.latest = snapshot
        self.snapshots += 1
        self.beat()

    def turn_knobs(self) -> None:
        """Apply the edits that wait."""
        assert self.training is not None
        while self.edits:
            self._events.append(self.training.edit(self.edits.popleft()))
            self.config = self.training.config
            self.version += 1

    def fail(self, error: BaseException) -> None:
        self._failure = failure_of(error)
        self._write_progress()
        self._events.append(Event(*self._progress, "failure", self._failure.message))
        self.become("failed")

    def become(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self.version += 1

    def beat(self) -> None:
        """Write down how far the training is now."""
        self._write_progress()
        now = monotonic()
        self._beats.append((now, self._progress[0]))
        while len(self._beats) > 2 and now - self._beats[0][0] > RATE_SECONDS:
            self._beats.popleft()
        self.version += 1

    def rest(self) -> None:
        """A pause is not part of the rate."""
        self._beats.clear()

    def _write_progress(self) -> None:
        if (t := self.training) is not None:
            self._progress = t.step, t.critic_steps, t.seconds

    def _rate(self) -> float:
        if self.status != "running" or len(self._beats) < 2:
            return 0.0
        (t0, s0), (t1, s1) = self._beats[0], self._beats[-1]
        return (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0

    def view(self) -> RunView:
        """All that charts need, frozen; the cost does not grow with the run's length. Equal versions share one view."""
        if self._view is None or self._view.version != self.version:
            step, critic_steps, seconds = self._progress
            self._view = RunView(
                id=self.id,
                version=self.version,
                snapshots=self.snapshots,
                config=self.config,
                status=self.status,
                device=self.device,
                step=step,
                critic_steps=critic_steps,
                seconds=seconds,
                steps_per_second=self._rate(),
                history=self._history.columns(),
                latest=self.latest,
                events=tuple(self._events),
                failure=self._failure,
                frames=self._frames.all(),
                seeds=self.seeds,
            )
        return self._view
