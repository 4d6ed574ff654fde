"""What a run's thread does: it drives the lanes, and between two updates does what it was told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, nullcontext, suppress
from functools import partial
from time import monotonic
from typing import NoReturn, TypeVar

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import Snapshot
from wgan_core.host import resolve
from wgan_core.runs.commands import Command, Turn
from wgan_core.runs.following import Followers
from wgan_core.runs.interrupt import Interruptible
from wgan_core.runs.lane import Lane, Trains
from wgan_core.runs.states import Next, Reached, Running, State, Stopping, after
from wgan_core.store import Recorder
from wgan_core.training import Training, check_edit
from wgan_core.training.several import seeded

T = TypeVar("T")
HEARTBEAT_SECONDS = 0.5


class _Stopped(BaseException):
    """Ends the training thread from inside, past those who deal with errors."""


class Work:
    """The lanes of a run, the state it is in, and an inbox. Any thread may tell it something; one thread drives.

    Parameters
    ----------
    config : RunConfig
        Its clock, length and seeds; each lane has the config that it trains by.
    lanes : tuple of Lane
    changed : threading.Condition
        The run's lock. The thread holds it for moments only, and never while it trains.
    followers : Followers
    """

    def __init__(
        self, config: RunConfig, lanes: tuple[Lane, ...], changed: threading.Condition, followers: Followers
    ) -> None:
        self._config, self._lanes, self._changed, self._followers = config, lanes, changed, followers
        # The thread alone moves on to another state and empties the inbox, so it may look at both without the lock.
        self._state: State = Running()
        self._inbox: tuple[Command, ...] = ()

    # For any thread

    def tell(self, command: Command) -> None:
        """Put a command into the inbox, and say what lanes wait for that are within a long update."""
        with self._changed:
            self._inbox += (command,)
            doing = self._ahead.waits_for
            for lane in self._lanes:
                lane.wait_for(doing)
            self._changed.notify_all()

    def config_ahead(self, lane: int) -> TrainingConfig:
        """A lane's config once it has taken the edits that wait. Called under the lock."""
        config = self._lanes[lane].config
        for waiting in self._inbox:
            if isinstance(waiting, Turn) and waiting.lane == lane:
                config = check_edit(config, waiting.changes)
        return config

    @property
    def _ahead(self) -> State:
        """The state as it will be once the inbox was read."""
        state = self._state
        for command in self._inbox:
            state = after(state, command, self._lanes)
        return state

    # For the run's thread

    def drive(self, workers: int, recorder: Recorder | None) -> None:
        """All that there is to do, to the end; then close the recorder."""
        with ExitStack() as stack:
            try:
                self._begin(self._trainings(workers, stack))
                while lanes := self._active:
                    # The lane that is furthest behind on the clock goes next; of equals the first.
                    self._advance(min(self._state.train(lanes), key=lambda lane: lane.position(self._config.clock)))
                    self._heed()
            except _Stopped:
                with self._changed:
                    for lane in self._active:
                        lane.become("stopped")
            except BaseException as error:  # a thread's last line of defence: whatever it was, the run says so
                with self._changed:
                    for lane in self._active:
                        lane.fail(error)
            finally:
                try:
                    with self._changed:
                        for lane in self._lanes:
                            lane.conclude()
                        self._changed.notify_all()
                finally:
                    if recorder is not None:
                        recorder.close()

    @property
    def _active(self) -> list[Lane]:
        return [lane for lane in self._lanes if lane.active]

    def _begin(self, trainings: Sequence[Callable[[], Trains]]) -> None:
        for lane, make in zip(self._lanes, trainings, strict=True):
            training = self._attempt(lane, self._timed(lane, make)) if lane.active else None
            if training is not None:
                with self._changed:
                    lane.begin(training)

    def _trainings(self, workers: int, stack: ExitStack) -> list[Callable[[], Trains]]:
        """For each lane what makes its training."""
        if self._config.seeds == 1:
            return [partial(_alone, lane) for lane in self._lanes]
        # Processes are only for those who ask for several seeds.
        from wgan_core.members.ensemble import Crew, Ensemble

        crew = stack.enter_context(closing(Crew(workers or 1)))

        def make(lane: Lane) -> Trains:
            configs = seeded(lane.config, self._config.seeds)
            sites = crew if resolve(lane.config.device).type == "cpu" else None
            return stack.enter_context(closing(Ensemble(configs, sites, lane.state)))

        return [partial(make, lane) for lane in self._lanes]

    # Between two updates

    def _heed(self) -> None:
        """Read the inbox, and do what the state then asks for, until it asks for an update."""
        deeds = {Next.MEASURE: self._arrive, Next.WAIT: self._rest, Next.END: self._end}
        while (asked := self._read()) is not Next.UPDATE:
            deeds[asked]()
        self._go_on()

    def _read(self) -> Next:
        with self._changed:
            self._state, inbox, self._inbox = self._ahead, self._inbox, ()
            for command in inbox:
                if isinstance(command, Turn) and (lane := self._lanes[command.lane]).active:
                    lane.turn_knobs(command.changes)
            return self._state.next(self._active)

    def _go_on(self) -> None:
        with self._changed:
            for lane in self._active:
                if self._state == Running():
                    lane.become("running")
                if monotonic() - lane.beaten > HEARTBEAT_SECONDS:
                    lane.beat()

    def _arrive(self) -> None:
        self._with_each(self._measure)
        with self._changed:
            self._state = after(self._state, Reached(), self._lanes)

    def _rest(self) -> None:
        with self._changed:
            for lane in self._active:
                if lane.status != "paused":
                    lane.beat()  # progress as it stands, not as of the last heartbeat
                lane.become("paused")
                lane.rest()
            self._changed.wait_for(lambda: self._inbox)

    def _end(self) -> NoReturn:
        self._with_each(self._round_off)
        raise _Stopped

    def _with_each(self, action: Callable[[Lane], None]) -> None:
        for lane in self._active:
            with suppress(_Stopped):  # of one lane, which others must not suffer for
                action(lane)

    # What is done with one lane

    def _advance(self, lane: Lane) -> None:
        self._update(lane)
        if lane.active and lane.due:
            self._attempt(lane, lane.save)
        if self._config.clock == "seconds" and lane.active and lane.position("seconds") >= self._config.length:
            self._round_off(lane)
            with self._changed:
                lane.become("finished")

    def _update(self, lane: Lane) -> None:
        self._record(lane, self._attempt(lane, self._timed(lane, lane.advance)))

    def _round_off(self, lane: Lane) -> None:
        """Train a lane to the end of its round, where there is a state to go on from, and measure and save it there."""
        while lane.within_round and lane.active:
            self._leave()
            self._update(lane)
        self._measure(lane)
        self._attempt(lane, lane.save)

    def _measure(self, lane: Lane) -> None:
        """Measure a lane where it stands, if its latest snapshot is older."""
        if lane.unmeasured and lane.training is not None:
            self._record(lane, self._attempt(lane, self._timed(lane, lane.training.snapshot)))

    def _record(self, lane: Lane, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            with self._changed:
                lane.record(snapshot)
                self._followers.hand_out(lane.number, snapshot, lambda: isinstance(self._ahead, Stopping))

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
        match self._ahead:
            case Stopping(by) if monotonic() > by:
                raise _Stopped


def _alone(lane: Lane) -> Training:
    """The training of a lane of one seed."""
    return Training(lane.config) if lane.state is None else Training.resume(lane.config, lane.state)
