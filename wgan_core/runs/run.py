"""A run: lanes that train in a background thread, which appends snapshots under a short lock and never touches a page."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import LaneView, RunView, Snapshot, Status, overall
from wgan_core.limits import Reservation, claim
from wgan_core.members.crew import usable_cores
from wgan_core.runs.commands import OneStep, Pause, Resume, Stop, Turn
from wgan_core.runs.following import Followers
from wgan_core.runs.lane import Lane
from wgan_core.runs.work import Work
from wgan_core.store import Parent, Recorder, Store
from wgan_core.training import check_edit
from wgan_core.training.forks import described, forked
from wgan_core.training.state import progress_of

# After Stop rounds are brought to their end for so long; then they are left where they are.
ROUND_OFF_SECONDS = 0.7


class Run:
    """One background thread: one lane is a plain training, several go in lockstep.

    Every method may be called from any thread and returns at once: what a person wants is put into an inbox, which the thread
    reads between two updates. What comes of it is the table of :mod:`wgan_core.runs.states`.

    Parameters
    ----------
    config : RunConfig or TrainingConfig
        What to train; a config of one training is a run of one lane.
    run_id : str, optional
        Its name everywhere; made up if left out.
    store : Store, optional
        Writes down all that the run leaves behind, from its start on.
    """

    def __init__(
        self, config: RunConfig | TrainingConfig, run_id: str | None = None, store: Store | None = None
    ) -> None:
        self.config = (config if isinstance(config, RunConfig) else RunConfig.solo(config)).settled()
        self.id = run_id or secrets.token_hex(4)
        self.lanes = tuple(
            Lane(self.id, number, lane, self.config.seeds) for number, lane in enumerate(self.config.lanes)
        )
        self._store = store
        self._recorder: Recorder | None = None
        self._parent: Parent | None = None
        self._claim: Reservation | None = None
        self._changed, self._ended = threading.Condition(), threading.Event()
        self._followers = Followers(self._changed, self._ended)
        self._work = Work(self.config, self.lanes, self._changed, self._followers)
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
        step, seeds = progress_of(found.state)[0], store.run(parent.run_id).seeds
        config = found.config if config is None else config.settled()
        run = cls(RunConfig.solo(config, seeds), store=store)
        run._parent = replace(parent, step=step)
        run.lanes[0].branch_off(
            forked(found.state, found.config, config, seeds),
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
        self._work.tell(Pause())

    def resume(self) -> None:
        """Train on."""
        self._work.tell(Resume())

    def step(self) -> None:
        """Pause, and train each lane one more generator step with its critic steps; then measure.

        With several seeds a step goes to the next snapshot.
        """
        self._work.tell(OneStep())

    def stop(self) -> None:
        """End the run within about a second. What it has measured stays.

        Rounds are brought to their end where that takes no longer. Otherwise a later resume goes on from the last checkpoint.
        """
        self._work.tell(Stop(monotonic() + ROUND_OFF_SECONDS))

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
            check_edit(self._work.config_ahead(lane), changes)
            self._work.tell(Turn(lane, dict(changes)))

    def config_ahead(self, lane: int = 0) -> TrainingConfig:
        """A lane's config once it has taken the edits that it was told of."""
        with self._changed:
            return self._work.config_ahead(lane)

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
        return self._followers.follow()

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

    def _live(self) -> None:
        """What the thread does."""
        assert self._claim is not None
        try:
            self._work.drive(self._claim.workers, self._recorder)
        finally:
            self._claim.give_back()
            with self._changed:
                self._ended.set()
                self._changed.notify_all()
