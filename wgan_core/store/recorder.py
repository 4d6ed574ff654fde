"""The recorder: what a run's thread tells the store. No method waits for anything, and none raises."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic

from wgan_core.config import TrainingConfig
from wgan_core.history import Event, Failure, Snapshot, Status, frames_kept
from wgan_core.store.jobs import Job, add_event, add_frame, add_row, let_go, set_status
from wgan_core.store.levels import least_level, level
from wgan_core.store.saving import CheckpointJob
from wgan_core.store.writer import Writer
from wgan_core.training.state import State

# A process that dies takes no more than this, and the time of writing it down, of training with it.
CHECKPOINT_SECONDS = 4.0
# The newest frame is written so often; the evenly spaced ones at once.
NEWEST_FRAME_SECONDS = 2.0


@dataclass
class _Lane:
    """How far a lane has been recorded, and what waits for its turn: only the newest frame and state count."""

    config: TrainingConfig
    snapshots: int = 0
    events: int = 0
    newest: tuple[int, Snapshot] | None = None
    newest_written: float = 0.0
    waiting: CheckpointJob | None = None
    saved: float = 0.0


class Recorder:
    """Writes down one run.

    Parameters
    ----------
    configs : Sequence[TrainingConfig]
        One for each lane, as they are now.
    counts : Sequence[tuple[int, int]], optional
        How many snapshots and events of each lane there are already, of a run that goes on.
    """

    def __init__(
        self,
        writer: Writer,
        run_id: str,
        configs: Sequence[TrainingConfig],
        counts: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.run_id = run_id
        self._writer = writer
        self._lock = threading.Lock()
        starts = counts or [(0, 0)] * len(configs)
        self._lanes = [
            _Lane(config, snapshots, events, saved=monotonic())
            for config, (snapshots, events) in zip(configs, starts, strict=True)
        ]
        self._keep = frames_kept(configs[0])
        writer.watch(self)

    # For the run's thread

    def snapshot(self, lane: int, snapshot: Snapshot) -> None:
        """Write down a snapshot: its row always, its frame if it is the newest or has its place among the evenly spaced."""
        with self._lock:
            found = self._lanes[lane]
            index, found.snapshots = found.snapshots, found.snapshots + 1
            lasting = level(index) >= least_level(index + 1, self._keep)
            found.newest = None if lasting else (index, snapshot)
        bare = replace(snapshot, arrays={})
        self._writer.put(Job(self.run_id, add_row, (lane, index, bare), row=index))
        if lasting:
            self._writer.put(self._frame(lane, index, snapshot))

    def event(self, lane: int, event: Event, config: TrainingConfig | None = None) -> None:
        """Write down an event, and the config as it is since then. A checkpoint is due then, so that the edit is not lost."""
        with self._lock:
            found = self._lanes[lane]
            index, found.events = found.events, found.events + 1
            if config is not None:
                found.config, found.saved = config, -math.inf
        text = config.model_dump_json() if config is not None else None
        self._writer.put(Job(self.run_id, add_event, (lane, index, event, text)))

    def status(
        self,
        lane: int,
        status: Status,
        progress: tuple[int, int, float] = (0, 0, 0.0),
        failure: Failure | None = None,
    ) -> None:
        """Write down what has become of a lane. ``progress`` is its step, critic steps and seconds."""
        self._writer.put(Job(self.run_id, set_status, (lane, status, progress, failure)), urgent=True)

    def wants_checkpoint(self, lane: int) -> bool:
        """It is time for a checkpoint, and the last one has been written."""
        found = self._lanes[lane]
        return found.waiting is None and monotonic() - found.saved >= CHECKPOINT_SECONDS

    def checkpoint(self, lane: int, state: State) -> None:
        """Hand over a state, taken after all that was recorded so far and before what comes next."""
        with self._lock:
            found = self._lanes[lane]
            counts = found.snapshots, found.events
            found.waiting = CheckpointJob(self.run_id, lane, found.config.model_dump_json(), state, *counts)
            found.saved = monotonic()

    def close(self) -> None:
        """Nothing more will come. What is still on its way will be written."""
        self._writer.part(self, Job(self.run_id, let_go))

    # For the writer

    def collect(self, force: bool) -> list[Job]:
        """The newest frames, where they are due."""
        jobs = []
        with self._lock:
            for number, lane in enumerate(self._lanes):
                due = force or monotonic() - lane.newest_written >= NEWEST_FRAME_SECONDS
                if lane.newest is not None and due:
                    jobs.append(self._frame(number, *lane.newest))
                    lane.newest, lane.newest_written = None, monotonic()
        return jobs

    def checkpoints(self) -> list[CheckpointJob]:
        """The states that wait to be written."""
        with self._lock:
            return [lane.waiting for lane in self._lanes if lane.waiting is not None]

    def saved(self, job: CheckpointJob) -> None:
        """This state is in its file."""
        with self._lock:
            if self._lanes[job.lane].waiting is job:
                self._lanes[job.lane].waiting = None

    def _frame(self, lane: int, index: int, snapshot: Snapshot) -> Job:
        size = sum(array.nbytes for array in snapshot.arrays.values()) + 1000
        least = least_level(index + 1, self._keep)
        return Job(self.run_id, add_frame, (lane, index, snapshot, least), size=size)
