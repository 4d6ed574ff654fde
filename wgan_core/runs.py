"""Runs: races in background threads, and the manager that owns them.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from wgan_core.config import RunConfig
from wgan_core.explain import ConfigError, Problem
from wgan_core.forks import described, forked
from wgan_core.lanes import Lane, Trains
from wgan_core.race import Race
from wgan_core.records import LIVE, RunView, Snapshot, Status, overall
from wgan_core.states import progress_of
from wgan_core.store import NotStored, Parent, Recorder, Store, store
from wgan_core.training import Training, check_edit

T = TypeVar("T")
HEARTBEAT_SECONDS = 0.5
DEFAULT_LIVE_RUNS = 4
MOST_LIVE_RUNS = 64
KEPT_RUNS = 20
# Snapshots that training may be ahead of one who reads them all.
MOST_AHEAD = 100
# On Windows a signal is noticed between two waits only.
SIGNAL_SECONDS = 0.5


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
    """A race in one background thread: one lane is a plain training, several go in lockstep.

    Every method may be called from any thread and returns at once.

    Parameters
    ----------
    store : Store, optional
        Writes down all that the run leaves behind, from its start on.
    """

    def __init__(self, race: Race | RunConfig, run_id: str | None = None, store: Store | None = None) -> None:
        self.race = race if isinstance(race, Race) else Race.solo(race)
        self.id = run_id or secrets.token_hex(4)
        several = len(self.race.lanes) > 1
        self.lanes = tuple(
            Lane(f"{self.id}.{i}" if several else self.id, config, self.race.seeds)
            for i, config in enumerate(self.race.lanes)
        )
        self._store = store
        self._recorder: Recorder | None = None
        self._parent: Parent | None = None
        self._changed = threading.Condition()
        self._readers: list[deque[tuple[int, Snapshot]]] = []
        self._paused = self._stopping = self._one_step = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"run-{self.id}", daemon=True)

    @classmethod
    def resumed(cls, store: Store, run_id: str, more: int | None = None) -> Run:
        """A stored run that goes on from its checkpoints once it is started. See :meth:`wgan_core.store.Store.take_over`."""
        found, recorder = store.take_over(run_id, more)
        run = cls(found.race, run_id)
        for lane, start in zip(run.lanes, found.lanes, strict=True):
            lane.go_on(start)
        run._recorder = recorder
        return run

    @classmethod
    def forked(cls, store: Store, parent: Parent, config: RunConfig | None = None) -> Run:
        """A run that goes on from a checkpoint of a stored one once it is started. See :meth:`RunManager.fork`."""
        found = store.checkpoint(parent.run_id, parent.lane, parent.step)
        step = progress_of(found.state)[0]
        config = found.config if config is None else config
        run = cls(config, store=store)
        run._parent = replace(parent, step=step)
        run.lanes[0].branch_off(
            forked(found.state, found.config, config),
            store.history_before(run._parent),
            described(parent.run_id, step, found.config, config),
        )
        return run

    def let_go(self) -> None:
        """Leave a run that was taken over to others, without having started it."""
        if self._recorder is not None:
            self._recorder.close()

    # What a person may do

    def start(self) -> None:
        if self._store is not None:
            self._recorder = self._store.recorder(self.id, self.race, [x.device for x in self.lanes], self._parent)
        if self._recorder is not None:
            for number, lane in enumerate(self.lanes):
                lane.write_to(self._recorder, number)
        self._thread.start()

    def pause(self) -> None:
        """Stop after the present update, until resumed."""
        with self._changed:
            self._paused = True
            self._forget_goals()
            self._changed.notify_all()

    def resume(self) -> None:
        with self._changed:
            self._paused = False
            self._forget_goals()
            self._changed.notify_all()

    def step(self) -> None:
        """Pause, and train each lane one more generator step with its critic steps; then measure.

        With several seeds a step goes to the next snapshot.
        """
        with self._changed:
            self._paused = self._one_step = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End the run. What it has measured stays."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def edit(self, changes: Mapping[str, Any], lane: int = 0) -> None:
        """Turn live knobs of a lane, by dotted path; they hold from the next update on.

        Raises
        ------
        ConfigError
            A path is not a live knob, or a value is out of range. Nothing has changed then.
        """
        if not changes:
            return
        with self._changed:
            turned = self.lanes[lane]
            config = turned.config
            for earlier in turned.edits:
                config = check_edit(config, earlier)
            check_edit(config, changes)
            turned.edits.append(dict(changes))
            self._changed.notify_all()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end. True if it has ended."""
        # Python 3.11 takes a thread for dead when a signal's exception breaks into Thread.join with a timeout, and a torch
        # thread that still runs at the exit aborts the process. Waiting for an event has no such trap.
        if self._thread.ident is not None:
            if not self._ended.wait(timeout):
                return False
            self._thread.join()
        return True

    def wait_for_snapshot(self, timeout: float) -> None:
        """Wait until there is something to draw in each lane, or the run has ended, at most ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: all(x.snapshots or not x.active for x in self.lanes), timeout)

    def follow(self) -> Iterator[tuple[int, Snapshot]]:
        """Every snapshot from now on, with the number of its lane, until the run has ended.

        For one who writes each down, as the command line does; charts ask for views. Training waits for a reader that is far
        behind, and for one that reads no more until the run is told to stop.
        """
        coming: deque[tuple[int, Snapshot]] = deque()
        with self._changed:
            self._readers.append(coming)
        return self._read(coming)

    def _read(self, coming: deque[tuple[int, Snapshot]]) -> Iterator[tuple[int, Snapshot]]:
        while True:
            with self._changed:
                while not coming and not self._ended.is_set():
                    self._changed.wait(SIGNAL_SECONDS)
                if not coming:
                    return
                found = coming.popleft()
                self._changed.notify_all()
            yield found

    @property
    def status(self) -> Status:
        """That of the lanes that still train, or else: finished if any lane did, stopped, failed if all did."""
        return overall(lane.status for lane in self.lanes)

    def view(self, lane: int = 0) -> RunView:
        """All that charts need of a lane, frozen. The cost does not grow with the run's length."""
        with self._changed:
            return self.lanes[lane].view()

    def views(self) -> tuple[RunView, ...]:
        """The views of all lanes, of one moment."""
        with self._changed:
            return tuple(lane.view() for lane in self.lanes)

    # What the thread does

    def _live(self) -> None:
        try:
            self._work()
        finally:
            with self._changed:
                self._ended.set()
                self._changed.notify_all()

    def _work(self) -> None:
        with ExitStack() as stack:
            try:
                for lane, make in zip(self.lanes, self._trainings(stack), strict=True):
                    training = self._attempt(lane, make) if lane.active else None
                    if training is not None:
                        with self._changed:
                            lane.begin(training)
                while behind := [lane for lane in self.lanes if lane.active]:
                    # The lane that is furthest behind on the clock goes next; of equals the first.
                    waiting = [x for x in behind if x.until is None or x.position("step") < x.until] or behind
                    lane = min(waiting, key=lambda lane: lane.position(self.race.clock))
                    self._advance(lane)
                    self._heed()
            except _Stopped:
                with self._changed:
                    for lane in self.lanes:
                        if lane.active:
                            lane.become("stopped")
            except BaseException as error:  # a thread's last line of defence: whatever it was, the run says so
                with self._changed:
                    for lane in self.lanes:
                        if lane.active:
                            lane.fail(error)
            finally:
                try:
                    with self._changed:
                        for lane in self.lanes:
                            lane.conclude()
                        self._changed.notify_all()
                finally:
                    if self._recorder is not None:
                        self._recorder.close()

    def _trainings(self, stack: ExitStack) -> list[Callable[[], Trains]]:
        """For each lane what makes its training."""
        if self.race.seeds == 1:
            return [
                partial(Training, lane.config)
                if lane.state is None
                else partial(Training.resume, lane.config, lane.state)
                for lane in self.lanes
            ]
        # Processes are only for those who ask for several seeds.
        from wgan_core.ensemble import Crew, many

        crew = stack.enter_context(closing(Crew()))

        def make(config: RunConfig) -> Trains:
            return stack.enter_context(closing(many(config, self.race.seeds, crew)))

        return [partial(make, config) for config in self.race.lanes]

    def _attempt(self, lane: Lane, action: Callable[[], T]) -> T | None:
        """Do something for one lane. What goes wrong there ends this lane only."""
        try:
            return action()
        except (_Stopped, KeyboardInterrupt, SystemExit):
            raise
        except StopIteration:
            lane.save()
            with self._changed:
                lane.become("finished")
        except BaseException as error:
            with self._changed:
                lane.fail(error)
                self._changed.notify_all()
        return None

    def _advance(self, lane: Lane) -> None:
        snapshot = self._attempt(lane, lane.advance)
        if snapshot is not None:
            self._record(lane, snapshot)
        if lane.active and lane.due:
            self._attempt(lane, lane.save)
        if self.race.clock == "seconds" and lane.active and lane.position("seconds") >= self.race.length:
            self._round_off(lane)
            with self._changed:
                lane.become("finished")

    def _round_off(self, lane: Lane) -> None:
        """Train a lane to the end of its round, where there is a state to go on from, and measure and save it there."""
        while lane.within_round and lane.active:
            snapshot = self._attempt(lane, lane.advance)
            if snapshot is not None:
                self._record(lane, snapshot)
        self._measure(lane)
        self._attempt(lane, lane.save)

    def _record(self, lane: Lane, snapshot: Snapshot) -> None:
        with self._changed:
            lane.record(snapshot)
            while any(len(coming) >= MOST_AHEAD for coming in self._readers) and not self._stopping:
                self._changed.wait()
            for coming in self._readers:
                coming.append((self.lanes.index(lane), snapshot))
            self._changed.notify_all()

    def _measure(self, lane: Lane) -> None:
        """Measure a lane where it stands, if its latest snapshot is older."""
        if lane.unmeasured and lane.training is not None:
            snapshot = self._attempt(lane, lane.training.snapshot)
            if snapshot is not None:
                self._record(lane, snapshot)

    def _heed(self) -> None:
        """Between two updates: apply edits, wait while paused, stop when told to."""
        while True:
            with self._changed:
                lanes = [lane for lane in self.lanes if lane.active]
                for lane in lanes:
                    lane.turn_knobs()
                if self._paused and self._one_step:
                    self._one_step = False
                    for lane in lanes:
                        lane.until = int(lane.position("step")) + 1
                held = self._paused and all(x.until is None or x.position("step") >= x.until for x in lanes)
                stepped = [lane for lane in lanes if held and lane.until is not None]
                for lane in stepped:
                    lane.until = None
                # After the last step there is nothing left to wait for.
                ended = all(lane.position("step") >= lane.config.steps for lane in lanes)
                if not self._stopping and not stepped:
                    if not held or ended:
                        self._go_on(lanes)
                        return
                    for lane in lanes:
                        if lane.status != "paused":
                            lane.beat()  # progress as it stands, not as of the last heartbeat
                            lane.become("paused")
                        lane.rest()
                    self._changed.wait()
                    continue
            for lane in lanes if self._stopping else stepped:
                (self._round_off if self._stopping else self._measure)(lane)
            if self._stopping:
                raise _Stopped

    def _go_on(self, lanes: Sequence[Lane]) -> None:
        now = monotonic()
        for lane in lanes:
            if not self._paused:
                lane.become("running")
            if now - lane.beaten > HEARTBEAT_SECONDS:
                lane.beat()

    def _forget_goals(self) -> None:
        for lane in self.lanes:
            lane.until = None


class RunManager:
    """The runs of one process.

    Parameters
    ----------
    live_limit : int
        Most runs that may be live (starting, running or paused) at once.
    kept : int
        Ended runs that are remembered; the oldest are forgotten first.
    store : Store, optional
        Where runs are written down.
    """

    def __init__(self, live_limit: int = DEFAULT_LIVE_RUNS, kept: int = KEPT_RUNS, store: Store | None = None) -> None:
        self.live_limit, self.kept, self.store = live_limit, kept, store
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._closed = False

    def start(self, race: Race | RunConfig) -> str:
        """Start a run in the background and return its id.

        Raises
        ------
        TooManyRuns
            The limit is reached. DeviceError if the device is absent.
        """
        return self._begin(Run(race, store=self.store))

    def resume(self, run_id: str, more: int | None = None) -> str:
        """Go on with a stored run in the background, and return its id.

        Parameters
        ----------
        more : int, optional
            Train so many generator steps, rather than to the end that was planned.

        Raises
        ------
        TooManyRuns
            The limit is reached. UnknownRun if it is not stored, StoreProblem if it cannot go on.
        """
        if self.store is None:
            raise UnknownRun(run_id)
        with self._lock:
            self._check_limit()
        try:
            run = Run.resumed(self.store, run_id, more)
        except NotStored:
            raise UnknownRun(run_id) from None
        try:
            return self._begin(run)
        except TooManyRuns:
            run.let_go()
            raise

    def fork(self, parent: Parent, config: RunConfig | None = None) -> str:
        """Start a run from a checkpoint of a stored one, and return its id.

        Parameters
        ----------
        parent : Parent
            The run, its lane, and a step; of its checkpoints the latest up to that step is taken.
        config : RunConfig, optional
            The knobs from there on; those of the checkpoint if left out. See :func:`wgan_core.forks.forked`.

        Raises
        ------
        ConfigError
            The settings do not fit that checkpoint. BadCheckpoint if there is none, UnknownRun if no such run is stored,
            TooManyRuns if the limit is reached, DeviceError if the device is absent.
        """
        if self.store is None:
            raise UnknownRun(parent.run_id)
        try:
            return self._begin(Run.forked(self.store, parent, config))
        except NotStored:
            raise UnknownRun(parent.run_id) from None

    def _begin(self, run: Run) -> str:
        with self._lock:
            self._check_limit()
            self._runs.pop(run.id, None)  # what was remembered of it before it went on
            ended = [r for r in self._runs.values() if r.status not in LIVE]
            for old in ended[: max(0, len(ended) - self.kept + 1)]:
                del self._runs[old.id]
            self._runs[run.id] = run
            run.start()
        return run.id

    def _check_limit(self) -> None:
        live = [r for r in self._runs.values() if r.status in LIVE]
        if self._closed:
            raise TooManyRuns("The server is shutting down and starts no more runs.")
        if len(live) >= self.live_limit:
            raise TooManyRuns(
                f"{len(live)} runs are live on this server, which is its limit. Stop one of them, or wait for one to end."
            )

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
        if self.store is not None:
            self.store.close()


def manager() -> RunManager:
    """The one manager of this process.

    It lives in a module of its own that no source watcher evicts, so that it outlives edits of this file. A torch thread
    that still runs when Python exits aborts the process, so shutdown is registered for the exit.
    """
    home = sys.modules.setdefault("_wgan_live_process", types.ModuleType("_wgan_live_process"))
    with home.__dict__.setdefault("lock", threading.Lock()):
        if "manager" not in home.__dict__:
            limit = _live_limit(os.environ.get("WGAN_LIVE_RUNS", str(DEFAULT_LIVE_RUNS)))
            home.__dict__["manager"] = RunManager(limit, store=store())
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
