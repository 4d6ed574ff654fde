"""A lane: one training of a run, and what it has left behind so far.

A run of one lane is what the live page shows; a comparison has several on one clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any, Protocol

from wgan_core.coach import findings
from wgan_core.config import TrainingConfig
from wgan_core.history import LIVE, Event, Failure, Floats, Frames, History, LaneView, Snapshot, Status, frames_kept
from wgan_core.host import describe, resolve
from wgan_core.metrics.images import due
from wgan_core.store import LaneStart, Recorder
from wgan_core.training import failure_of
from wgan_core.training.state import DATA, State, progress_of

RATE_SECONDS = 5.0
# Updates that take longer can be stopped within, and so can the first few.
LONG_SECONDS, FRESH = 0.2, 20


def other_data(config: TrainingConfig, state: State | None) -> str:
    """What to say where the data have changed since a state was taken, or "". DataError where they cannot be read."""
    before = state.get(DATA) if state else None
    if not before or before == config.dataset.fingerprint():
        return ""
    where = f" in {config.dataset.path}" if hasattr(config.dataset, "path") else ""
    return (
        f"The images{where} have changed since: from here on this trains on those that are there now. To go on with the"
        " earlier ones, put them back first."
    )


class Trains(Protocol):
    """What a lane needs of what trains: a training, or an ensemble of several.

    Attributes
    ----------
    within_round : bool
        There is a generator step to come before its state is whole.
    whole : bool
        It has a state now.
    activity : str
        What it is at, in words, where it is not training.
    failures : Mapping[int, Failure]
        Why, by place, some of several members have failed.
    """

    step: int
    critic_steps: int
    seconds: float
    activity: str

    @property
    def config(self) -> TrainingConfig: ...
    @property
    def within_round(self) -> bool: ...
    @property
    def whole(self) -> bool: ...
    @property
    def failures(self) -> Mapping[int, Failure]: ...
    def updates(self) -> Iterator[Snapshot | None]: ...
    def snapshot(self) -> Snapshot: ...
    def edit(self, changes: Mapping[str, Any]) -> Event: ...
    def state(self) -> State: ...


class Lane:
    """One training and its record. The run's thread writes, under the run's lock; :meth:`view` reads under it too."""

    def __init__(self, run_id: str, number: int, config: TrainingConfig, seeds: int) -> None:
        self.run_id, self.number, self.config, self.seeds = run_id, number, config, seeds
        self.device = describe(resolve(config.device))
        self.status: Status = "starting"
        self.version = self.snapshots = 0
        self.training: Trains | None = None
        self._updates: Iterator[Snapshot | None] = iter(())
        self._history = History(seeds=seeds)
        self._frames = Frames(frames_kept(config))
        self.latest: Snapshot | None = None
        self._events: list[Event] = []
        self._failure: Failure | None = None
        self._progress = (0, 0, 0.0)
        self._activity = self._waiting = ""
        # Seconds that the last thing took which it did, and since when it has been at another.
        self.takes, self.since = 0.0, 0.0
        self.fresh = FRESH  # things to do yet of which nobody knows how long they take
        self._beats: deque[tuple[float, int]] = deque()
        self._view: LaneView | None = None
        self.state: State | None = None  # what it goes on from, rather than from the start
        self._before: Mapping[str, Floats] | None = None
        self._origin = ""  # of a fork, what it was forked from, in words
        self._recorder: Recorder | None = None

    def go_on(self, start: LaneStart) -> None:
        """Begin where a stored lane stopped, with all that it had left behind up to there."""
        view = start.view
        self.config, self.state, self.status = start.config, start.state, view.status
        self._history = History.resumed(view.history, view.snapshots, seeds=view.seeds)
        self._frames = Frames.resumed(frames_kept(start.config), view.frames, view.snapshots)
        self.latest, self.snapshots = view.latest, view.snapshots
        self._events, self._failure = list(view.events), view.failure
        self._progress = view.step, view.critic_steps, view.seconds
        self._before = view.before
        self.version = 2 * view.snapshots + len(view.events)

    def branch_off(self, state: State, before: Mapping[str, Floats] | None, origin: str) -> None:
        """Begin with what another training left behind, rather than from the start."""
        self.state, self._before, self._origin = state, before, origin
        self._progress = progress_of(state)

    def write_to(self, recorder: Recorder) -> None:
        """Write down everything from now on."""
        self._recorder = recorder

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
        if other := other_data(self.config, self.state):
            self._happened(Event(*self._progress, "data", other))
        if self._origin:
            self._happened(Event(*self._progress, "fork", self._origin))
            self.save()  # it stands on its own from its first step on

    def advance(self) -> Snapshot | None:
        """Train by one update. Called without the lock. StopIteration at the end, any exception where it fails."""
        return next(self._updates)

    def position(self, clock: str) -> float:
        return float(getattr(self.training, clock)) if self.training else 0.0

    @property
    def step(self) -> int:
        """Generator steps that it has trained."""
        return self.training.step if self.training else 0

    @property
    def through(self) -> bool:
        """It has come to its last step."""
        return self.step >= self.config.steps

    @property
    def unmeasured(self) -> bool:
        """The latest snapshot is older than the training."""
        return self.training is not None and self.latest is not None and self.latest.step < self.training.step

    def record(self, snapshot: Snapshot) -> None:
        self._history.append(snapshot)
        self._frames.append(snapshot)
        self.latest = snapshot
        self.snapshots += 1
        if self._recorder is not None:
            self._recorder.snapshot(self.number, snapshot)
        self.beat()

    def turn_knobs(self, changes: Mapping[str, Any]) -> None:
        """Turn live knobs, to values that were found to fit."""
        assert self.training is not None
        event = self.training.edit(changes)
        self.config = self.training.config
        self._happened(event, self.config)

    def fail(self, error: BaseException) -> None:
        self._failure = failure_of(error)
        self._write_progress()
        self._happened(Event(*self._progress, "failure", self._failure.message))
        self.become("failed")

    def _happened(self, event: Event, config: TrainingConfig | None = None) -> None:
        self._events.append(event)
        self.version += 1
        if self._recorder is not None:
            self._recorder.event(self.number, event, config)

    @property
    def long(self) -> bool:
        """What it does next may take long: the last did, it is among the first, or images are to be scored."""
        scored = self.training is not None and due(self.config, self.training.step + 1)
        return self.fresh > 0 or self.takes > LONG_SECONDS or scored

    def wait_for(self, doing: str) -> None:
        """Say that it is stopping or pausing, once the present update has ended, where that may take a while."""
        before, self._waiting = self._waiting, ""
        if doing and self.active and self.since and (self.fresh or self.takes > 1):
            about = f", about {self.takes:.0f} s" if self.takes > 1 else ""
            self._waiting = f"{doing} after this step{about}"
        self.version += self._waiting != before

    def become(self, status: Status) -> None:
        self.wait_for("")
        if status != self.status:
            self.status = status
            self.version += 1
            if self._recorder is not None:
                self._recorder.status(self.number, status, self._progress, self._failure)

    def conclude(self) -> None:
        """Keep what the coach says of a training that has ended, unless it failed, which says enough."""
        if self.training is not None and self.status in ("finished", "stopped"):
            for found in findings(self.view()):
                self._happened(Event(*self._progress, "finding", found.title))

    @property
    def within_round(self) -> bool:
        """There is a generator step to come before the training's state is whole."""
        return self.training is not None and self.training.within_round

    @property
    def due(self) -> bool:
        """It is time to write down the training's state, and there is one."""
        recorder, training = self._recorder, self.training
        return bool(recorder and training and training.whole and recorder.wants_checkpoint(self.number))

    def save(self) -> None:
        """Hand the training's state to the store, if it has one now."""
        if self._recorder is not None and self.training is not None and self.training.whole:
            self._recorder.checkpoint(self.number, self.training.state())

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
            self._activity = t.activity

    def _rate(self) -> float:
        if self.status != "running" or len(self._beats) < 2:
            return 0.0
        (t0, s0), (t1, s1) = self._beats[0], self._beats[-1]
        return (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0

    def view(self) -> LaneView:
        """All that charts need, frozen; the cost does not grow with the run's length. Equal versions share one view."""
        if self._view is None or self._view.version != self.version:
            step, critic_steps, seconds = self._progress
            self._view = LaneView(
                run_id=self.run_id,
                lane=self.number,
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
                before=self._before,
                activity=(self._waiting or self._activity) if self.active else "",
            )
        return self._view
