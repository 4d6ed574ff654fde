"""A run: a race in a background thread, which appends snapshots under a short lock and never touches a page."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import LaneView, RunView, Snapshot, Status, overall
from wgan_core.limits import Claim, claim
from wgan_core.members.crew import usable_cores
from wgan_core.runs.interrupt import Interruptible
from wgan_core.runs.lane import Lane, Trains
from wgan_core.store import Parent, Recorder, Store
from wgan_core.training import Training, check_edit
from wgan_core.training.forks import described, forked
from wgan_core.training.state import progress_of

T = TypeVar("T")
HEARTBEAT_SECONDS = 0.5
# Snapshots that training may be ahead of one who reads them all.
MOST_AHEAD = 100
# On Windows a signal is noticed between two waits only.
SIGNAL_SECONDS = 0.5


# After Stop rounds are brought to their end for so long; then they are left where they are.
ROUND_OFF_SECONDS = 0.7


class _Stopped(BaseException):
    """Ends the training thread from inside, past those who deal with errors."""


class Run:
    """A race in one background thread: one lane is a plain training, several go in lockstep.

    Every method may be called from any thread and returns at once.

    Parameters
    ----------
    store : Store, optional
        Writes down all that the run leaves behind, from its start on.
    """

    def __init__(self, race: RunConfig | TrainingConfig, run_id: str | None = None, store: Store | None = None) -> None:
        self.config = (race if isinstance(race, RunConfig) else RunConfig.solo(race)).settled()
        self.id = run_id or secrets.token_hex(4)
        self.lanes = tuple(
            Lane(self.id, number, config, self.config.seeds) for number, config in enumerate(self.config.lanes)
        )
        self._store = store
        self._recorder: Recorder | None = None
        self._parent: Parent | None = None
        self._claim: Claim | None = None
        self._changed = threading.Condition()
        self._readers: list[deque[tuple[int, Snapshot]]] = []
        self._paused = self._stopping = self._one_step = False
        self._stop_at = 0.0  # when rounds are left where they are
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"run-{self.id}", daemon=True)

    @classmethod
    def resumed(cls, store: Store, run_id: str, more: int | None = None) -> Run:
        """A stored run that goes on from its checkpoints once it is started. See :meth:`wgan_core.store.Store.take_over`."""
        found, recorder = store.take_over(run_id, more)
        run = cls(found.config, run_id)
        run.config = found.config  # as it is stored
        for lane, start in zip(run.lanes, found.lanes, strict=True):
            lane.go_on(start)
        run._recorder = recorder
        return run

    @classmethod
    def forked(cls, store: Store, parent: Parent, config: TrainingConfig | None = None) -> Run:
        """A run that goes on from a checkpoint of a stored one once it is started. See :meth:`RunManager.fork`."""
        found = store.checkpoint(parent.run_id, parent.lane, parent.step)
        step = progress_of(found.state)[0]
        config = found.config if config is None else config.settled()
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
        """Begin.

        Raises
        ------
        ConfigError
            There is no room for it; see :func:`wgan_core.limits.claim`.
        """
        self._claim = claim(self.config, usable_cores(), f"run {self.id}")
        try:
            self._record_from_now_on()
        except BaseException:
            self._claim.give_back()
            raise
        self._thread.start()

    def _record_from_now_on(self) -> None:
        if self._store is not None:
            self._recorder = self._store.recorder(self.id, self.config, [x.device for x in self.lanes], self._parent)
        if self._recorder is not None:
            for lane in self.lanes:
                lane.write_to(self._recorder)

    def pause(self) -> None:
        """Stop after the present update, until resumed."""
        with self._changed:
            self._paused = True
            self._forget_goals()
            self._say("pausing")
            self._changed.notify_all()

    def resume(self) -> None:
        with self._changed:
            self._paused = False
            self._forget_goals()
            self._say("")
            self._changed.notify_all()

    def step(self) -> None:
        """Pause, and train each lane one more generator step with its critic steps; then measure.

        With several seeds a step goes to the next snapshot.
        """
        with self._changed:
            self._paused = self._one_step = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End the run within about a second. What it has measured stays.

        Rounds are brought to their end where that takes no longer. Otherwise a later resume goes on from the last checkpoint.
        """
        with self._changed:
            if not self._stopping:
                self._stopping, self._stop_at = True, monotonic() + ROUND_OFF_SECONDS
                self._say("stopping")
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

    def lane_view(self, lane: int = 0) -> LaneView:
        """All that charts need of a lane, frozen. The cost does not grow with the run's length."""
        with self._changed:
            return self.lanes[lane].view()

    def view(self) -> RunView:
        """The views of all lanes, of one moment."""
        with self._changed:
            return RunView(self.id, self.config, tuple(lane.view() for lane in self.lanes))

    # What the thread does

    def _live(self) -> None:
        try:
            self._work()
        finally:
            assert self._claim is not None
            self._claim.give_back()
            with self._changed:
                self._ended.set()
                self._changed.notify_all()

    def _work(self) -> None:
        with ExitStack() as stack:
            try:
                for lane, make in zip(self.lanes, self._trainings(stack), strict=True):
                    training = self._attempt(lane, self._timed(lane, make)) if lane.active else None
                    if training is not None:
                        with self._changed:
                            lane.begin(training)
                while behind := [lane for lane in self.lanes if lane.active]:
                    # The lane that is furthest behind on the clock goes next; of equals the first.
                    waiting = [x for x in behind if x.until is None or x.position("step") < x.until] or behind
                    lane = min(waiting, key=lambda lane: lane.position(self.config.clock))
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
        if self.config.seeds == 1:
            return [
                partial(Training, lane.config)
                if lane.state is None
                else partial(Training.resume, lane.config, lane.state)
                for lane in self.lanes
            ]
        # Processes are only for those who ask for several seeds.
        from wgan_core.members.ensemble import Crew, many

        assert self._claim is not None
        crew = stack.enter_context(closing(Crew(self._claim.workers or 1)))

        def make(config: TrainingConfig) -> Trains:
            return stack.enter_context(closing(many(config, self.config.seeds, crew)))

        return [partial(make, config) for config in self.config.lanes]

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

    def _timed(self, lane: Lane, action: Callable[[], T]) -> Callable[[], T]:
        """Something that a lane does, with a clock; where the last took long, or there was none, with a way out."""

        def timed() -> T:
            lane.since = monotonic()
            way_out = Interruptible(self._leave) if lane.long else nullcontext()
            try:
                with way_out:
                    return action()
            finally:
                lane.takes, lane.since = monotonic() - lane.since, 0.0
                lane.fresh = max(0, lane.fresh - 1)

        return timed

    def _leave(self) -> None:
        """Within an update: leave it where the run was to stop and has not for a while."""
        if self._stopping and monotonic() > self._stop_at:
            raise _Stopped

    def _say(self, doing: str) -> None:
        """Tell those who watch what lanes wait for that are within a long update."""
        for lane in self.lanes:
            lane.wait_for(doing)

    def _advance(self, lane: Lane) -> None:
        snapshot = self._attempt(lane, self._timed(lane, lane.advance))
        if snapshot is not None:
            self._record(lane, snapshot)
        if lane.active and lane.due:
            self._attempt(lane, lane.save)
        if self.config.clock == "seconds" and lane.active and lane.position("seconds") >= self.config.length:
            self._round_off(lane)
            with self._changed:
                lane.become("finished")

    def _round_off(self, lane: Lane) -> None:
        """Train a lane to the end of its round, where there is a state to go on from, and measure and save it there."""
        while lane.within_round and lane.active:
            self._leave()
            snapshot = self._attempt(lane, self._timed(lane, lane.advance))
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
                coming.append((lane.number, snapshot))
            self._changed.notify_all()

    def _measure(self, lane: Lane) -> None:
        """Measure a lane where it stands, if its latest snapshot is older."""
        if lane.unmeasured and lane.training is not None:
            snapshot = self._attempt(lane, self._timed(lane, lane.training.snapshot))
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
                with suppress(_Stopped):  # of one lane, which others must not suffer for
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
