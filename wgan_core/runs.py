"""Runs: trainings in background threads, and the manager that owns them.

A thread appends snapshots under a short lock and never touches a page; pages ask for a view, as often as they like.
"""

from __future__ import annotations

import atexit
import os
import secrets
import sys
import threading
import types
from collections import deque
from collections.abc import Mapping
from time import monotonic
from typing import Any

from wgan_core.config import RunConfig
from wgan_core.devices import describe, resolve
from wgan_core.explain import ConfigError, Problem
from wgan_core.records import LIVE, Event, Failure, History, RunView, Snapshot, Status
from wgan_core.training import Training, check_edit, failure_of

HEARTBEAT_SECONDS = 0.5
RATE_SECONDS = 5.0
DEFAULT_LIVE_RUNS = 4
MOST_LIVE_RUNS = 64
KEPT_RUNS = 20


class TooManyRuns(Exception):
    """The server trains as many runs as it may."""


class UnknownRun(KeyError):
    """No run has this id (it may have been forgotten since)."""

    def __str__(self) -> str:
        return (
            f"There is no run {self.args[0]!r} on this server. It may have ended long ago, or the server was restarted."
        )


class _Stopped(Exception):
    """Ends the training thread from inside."""


class Run:
    """One training in one background thread.

    Every method may be called from any thread and returns at once.
    """

    def __init__(self, config: RunConfig, run_id: str | None = None) -> None:
        self.id = run_id or secrets.token_hex(4)
        self._config = config
        self._device = describe(resolve(config.device))
        self._changed = threading.Condition()
        self._status: Status = "starting"
        self._history = History()
        self._latest: Snapshot | None = None
        self._events: list[Event] = []
        self._failure: Failure | None = None
        self._edits: deque[dict[str, Any]] = deque()
        self._paused = self._stopping = self._one_step = False
        self._until: int | None = None
        self._version = self._snapshots = 0
        self._progress = (0, 0, 0.0)
        self._beats: deque[tuple[float, int]] = deque()
        self._view: RunView | None = None
        self._thread = threading.Thread(target=self._work, name=f"run-{self.id}", daemon=True)

    # What a person may do

    def start(self) -> None:
        self._thread.start()

    def pause(self) -> None:
        """Stop after the present update, until resumed."""
        with self._changed:
            self._paused, self._until = True, None
            self._changed.notify_all()

    def resume(self) -> None:
        with self._changed:
            self._paused, self._until = False, None
            self._changed.notify_all()

    def step(self) -> None:
        """Pause, and train one more generator step with its critic steps; then measure."""
        with self._changed:
            self._paused = self._one_step = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End the run. What it has measured stays."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def edit(self, changes: Mapping[str, Any]) -> None:
        """Turn live knobs, by dotted path; they hold from the next update on.

        Raises
        ------
        ConfigError
            A path is not a live knob, or a value is out of range. Nothing has changed then.
        """
        if not changes:
            return
        with self._changed:
            config = self._config
            for earlier in self._edits:
                config = check_edit(config, earlier)
            check_edit(config, changes)
            self._edits.append(dict(changes))
            self._changed.notify_all()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end. True if it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def wait_for_snapshot(self, timeout: float) -> None:
        """Wait until there is something to draw, or the run has ended, at most ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._snapshots > 0 or self._status not in LIVE, timeout)

    @property
    def status(self) -> Status:
        return self._status

    def view(self) -> RunView:
        """All that charts need, frozen. The cost does not grow with the run's length; equal versions share one view."""
        with self._changed:
            if self._view is None or self._view.version != self._version:
                step, critic_steps, seconds = self._progress
                self._view = RunView(
                    id=self.id,
                    version=self._version,
                    snapshots=self._snapshots,
                    config=self._config,
                    status=self._status,
                    device=self._device,
                    step=step,
                    critic_steps=critic_steps,
                    seconds=seconds,
                    steps_per_second=self._rate(),
                    history=self._history.columns(),
                    latest=self._latest,
                    events=tuple(self._events),
                    failure=self._failure,
                )
            return self._view

    # What the thread does

    def _work(self) -> None:
        training: Training | None = None
        try:
            training = Training(self._config)
            self._become("running")
            for snapshot in training.updates():
                if snapshot is not None:
                    self._record(training, snapshot)
                self._heed(training)
            self._become("finished")
        except _Stopped:
            self._become("stopped")
        except BaseException as error:  # a thread's last line of defence: whatever it was, the run says so
            failure = failure_of(error)
            with self._changed:
                self._failure = failure
                if training is not None:
                    self._progress = self._progress_of(training)
                self._events.append(Event(*self._progress, "failure", failure.message))
            self._become("failed")

    def _record(self, training: Training, snapshot: Snapshot) -> None:
        with self._changed:
            self._history.append(snapshot)
            self._latest = snapshot
            self._snapshots += 1
            self._beat(training)
            self._changed.notify_all()

    def _heed(self, training: Training) -> None:
        """Between two updates: apply edits, wait while paused, stop when told to."""
        while True:
            measure = False
            unmeasured = self._latest is not None and self._latest.step < training.step
            with self._changed:
                while self._edits:
                    self._events.append(training.edit(self._edits.popleft()))
                    self._config = training.config
                    self._version += 1
                if self._stopping:
                    measure = unmeasured
                elif not self._paused:
                    self._set_status("running")
                elif self._one_step:
                    self._one_step, self._until = False, training.step + 1
                elif self._until is not None and training.step >= self._until:
                    self._until, measure = None, unmeasured
                # After the last step there is nothing left to wait for.
                stay = self._paused and self._until is None and training.step < training.config.steps
                if not measure and not self._stopping:
                    if not stay:
                        if monotonic() - (self._beats[-1][0] if self._beats else 0.0) > HEARTBEAT_SECONDS:
                            self._beat(training)
                        return
                    if self._status != "paused":
                        self._beat(training)  # progress as it stands, not as of the last heartbeat
                        self._set_status("paused")
                    self._beats.clear()
                    self._changed.wait()
            if measure:
                self._record(training, training.snapshot())
            if self._stopping:
                raise _Stopped

    def _beat(self, training: Training) -> None:
        now = monotonic()
        self._beats.append((now, training.step))
        while len(self._beats) > 2 and now - self._beats[0][0] > RATE_SECONDS:
            self._beats.popleft()
        self._progress = self._progress_of(training)
        self._version += 1

    def _rate(self) -> float:
        if self._status != "running" or len(self._beats) < 2:
            return 0.0
        (t0, s0), (t1, s1) = self._beats[0], self._beats[-1]
        return (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0

    def _become(self, status: Status) -> None:
        with self._changed:
            self._set_status(status)
            self._changed.notify_all()

    def _set_status(self, status: Status) -> None:
        if status != self._status:
            self._status = status
            self._version += 1

    @staticmethod
    def _progress_of(training: Training) -> tuple[int, int, float]:
        return training.step, training.critic_steps, training.seconds


class RunManager:
    """The runs of one process.

    Parameters
    ----------
    live_limit : int
        Most runs that may be live (starting, running or paused) at once.
    kept : int
        Ended runs that are remembered; the oldest are forgotten first.
    """

    def __init__(self, live_limit: int = DEFAULT_LIVE_RUNS, kept: int = KEPT_RUNS) -> None:
        self.live_limit, self.kept = live_limit, kept
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._closed = False

    def start(self, config: RunConfig) -> str:
        """Start a run in the background and return its id.

        Raises
        ------
        TooManyRuns
            The limit is reached. DeviceError if the device is absent.
        """
        run = Run(config)
        with self._lock:
            live = [r for r in self._runs.values() if r.status in LIVE]
            if self._closed:
                raise TooManyRuns("The server is shutting down and starts no more runs.")
            if len(live) >= self.live_limit:
                raise TooManyRuns(
                    f"{len(live)} runs are live on this server, which is its limit. Stop one of them, or wait for one to end."
                )
            ended = [r for r in self._runs.values() if r.status not in LIVE]
            for old in ended[: max(0, len(ended) - self.kept + 1)]:
                del self._runs[old.id]
            self._runs[run.id] = run
            run.start()
        return run.id

    def get(self, run_id: str) -> Run:
        """The run with this id, or UnknownRun."""
        with self._lock:
            if run_id not in self._runs:
                raise UnknownRun(run_id)
            return self._runs[run_id]

    def view(self, run_id: str) -> RunView:
        return self.get(run_id).view()

    def runs(self) -> list[Run]:
        """All runs that are remembered, the newest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def shutdown(self, timeout: float = 4.0) -> None:
        """Stop every run and wait for its thread. May be called again. Starts are refused from then on."""
        with self._lock:
            self._closed = True
            runs = list(self._runs.values())
        for run in runs:
            run.stop()
        deadline = monotonic() + timeout
        for run in runs:
            run.join(max(0.0, deadline - monotonic()))


def manager() -> RunManager:
    """The one manager of this process.

    It lives in a module of its own that no source watcher evicts, so that it outlives edits of this file. A torch thread
    that still runs when Python exits aborts the process, so shutdown is registered for the exit.
    """
    home = sys.modules.setdefault("_wgan_live_process", types.ModuleType("_wgan_live_process"))
    with home.__dict__.setdefault("lock", threading.Lock()):
        if "manager" not in home.__dict__:
            home.__dict__["manager"] = RunManager(_live_limit(os.environ.get("WGAN_LIVE_RUNS", str(DEFAULT_LIVE_RUNS))))
            atexit.register(home.__dict__["manager"].shutdown)
        found: RunManager = home.__dict__["manager"]
        return found


def _live_limit(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST_LIVE_RUNS):
        problem = Problem(
            "WGAN_LIVE_RUNS", f"must be a whole number from 1 to {MOST_LIVE_RUNS}; you gave “{text[:40]}”"
        )
        raise ConfigError([problem])
    return int(text)
