"""Going on with a stored run: whose it is, from which checkpoint each lane goes on, and what was recorded up to there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import LIVE, LaneView, overall
from wgan_core.store.checkpoints import BadCheckpoint, Checkpoint, load, path_of
from wgan_core.store.database import StoreProblem, transaction
from wgan_core.store.jobs import Session
from wgan_core.store.levels import TOP
from wgan_core.store.reading import NotStored, lane_row, living_owners, parent_of, view_of
from wgan_core.training.forks import forked
from wgan_core.training.several import check_resumable
from wgan_core.training.state import BadState, State, progress_of

# A run without a checkpoint that has trained for longer is not begun again. One that was killed before its first is shorter.
MOST_LOST_SECONDS = 10.0


@dataclass(frozen=True)
class LaneStart:
    """Where a lane goes on.

    Attributes
    ----------
    config : TrainingConfig
        As it was at the checkpoint, edits before it included.
    state : State or None
        None where there is no usable checkpoint: the lane then begins anew.
    view : LaneView
        What was recorded up to there.
    """

    config: TrainingConfig
    state: State | None
    view: LaneView


@dataclass(frozen=True)
class Resumption:
    """A run that this process has taken over."""

    run_id: str
    config: RunConfig
    lanes: tuple[LaneStart, ...]


Fits = Callable[[TrainingConfig, State], object]


def usable_checkpoint(
    db: sqlite3.Connection,
    folder: Path,
    run_id: str,
    lane: int,
    step: int | None = None,
    fits: Fits | None = None,
) -> Checkpoint:
    """The latest checkpoint of a lane (up to a step) that can be read and fits its config.

    Parameters
    ----------
    fits : callable, optional
        Raises BadState where a state does not fit a config. By default what is asked is a run that can go on here.

    Raises
    ------
    BadCheckpoint
        There is none; says what was wrong with the latest.
    """
    row = lane_row(db, run_id, lane)
    files = db.execute(
        "SELECT file FROM checkpoints WHERE lane = ? AND step <= ? ORDER BY idx DESC",
        (row.number, row.step if step is None else step),
    ).fetchall()
    first: Exception | None = None
    for (name,) in files:
        try:
            found = load(path_of(folder, run_id, name), row.seeds)
            if fits is None:
                check_resumable(found.config, found.state, row.seeds)
            else:
                fits(found.config, found.state)
            return found
        except (BadCheckpoint, BadState) as error:
            first = first or error
    raise BadCheckpoint(str(first) if first else f"Lane {lane + 1} of run {run_id} has no checkpoint.")


def take_over(session: Session, folder: Path, run_id: str, more: int | None = None) -> Resumption:
    """Make a run this process's and take back what was recorded after the checkpoints that it goes on from.

    Without ``more``, lanes go on to the end that they were started for, and those that have ended by themselves stay as they
    are. With it, all but failed ones train so many generator steps from their checkpoints.

    Raises
    ------
    NotStored
    StoreProblem
        It is deleted, is live in some process, or has trained for long and has no usable checkpoint.
    """
    db = session.db
    with transaction(db):
        row = db.execute("SELECT number, race, status, owner, deleted FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise NotStored(run_id)
        number, text, status, owner, deleted = row
        if deleted is not None:
            raise StoreProblem(f"Run {run_id} is deleted. Bring it back before you go on with it.")
        if status in LIVE and owner in living_owners(db):
            raise StoreProblem(f"Run {run_id} is live already; there is nothing to resume.")
        whole = RunConfig.from_json(text)
        if more is not None and whole.clock != "step":
            raise StoreProblem(f"Run {run_id} is not timed by steps, so that it cannot be made longer by steps.")
        starts = tuple(_rewound(db, folder, run_id, lane, config, more) for lane, config in enumerate(whole.lanes))
        db.execute(
            "UPDATE runs SET owner = ?, status = ? WHERE number = ?",
            (session.owner, overall(start.view.status for start in starts), number),
        )
    return Resumption(run_id, whole, starts)


def _rewound(
    db: sqlite3.Connection, folder: Path, run_id: str, lane: int, config: TrainingConfig, more: int | None
) -> LaneStart:
    row = lane_row(db, run_id, lane)
    if row.status == "failed" or (row.status == "finished" and more is None):
        view = view_of(db, run_id, row)
        return LaneStart(view.config, None, view)
    state: State | None = None
    snapshots = events = 0
    try:
        found = usable_checkpoint(db, folder, run_id, lane)
        config, state, snapshots, events = found.config, found.state, found.snapshots, found.events
    except BadCheckpoint as why:
        # From the start, with the config of the start, unless that would give up what has been trained.
        state = _fork_point(db, folder, run_id, config)
        trained = row.seconds - (progress_of(state)[2] if state else 0.0)
        if row.status == "finished" or trained > MOST_LOST_SECONDS:
            raise StoreProblem(f"Run {run_id} cannot go on, and stays as it is. {why}") from None
    step, critic_steps, seconds = progress_of(state) if state else (0, 0, 0.0)
    if more is not None:
        config = config.edited({"steps": step + more})
    for each in (*range(row.snapshots.bit_length()), TOP):  # rows of one level stand together
        db.execute("DELETE FROM rows WHERE lane = ? AND level = ? AND idx >= ?", (row.number, each, snapshots))
    db.execute("DELETE FROM frames WHERE lane = ? AND idx >= ?", (row.number, snapshots))
    db.execute("DELETE FROM events WHERE lane = ? AND idx >= ?", (row.number, events))
    db.execute("DELETE FROM checkpoints WHERE lane = ? AND step > ?", (row.number, step))
    db.execute(
        "UPDATE lanes SET config = ?, status = 'starting', failure = NULL, step = ?, critic_steps = ?, seconds = ?,"
        " snapshots = MIN(snapshots, ?), version = version + 2, row_bytes = row_bytes * MIN(snapshots, ?) / MAX(snapshots, 1)"
        " WHERE number = ?",
        (config.model_dump_json(), step, critic_steps, seconds, snapshots, snapshots, row.number),
    )
    kept = replace(lane_row(db, run_id, lane), status="starting")
    return LaneStart(config, state, view_of(db, run_id, kept))


def _fork_point(db: sqlite3.Connection, folder: Path, run_id: str, config: TrainingConfig) -> State | None:
    """Where a fork began that left no checkpoint of its own. None for a run that is no fork."""
    if (parent := parent_of(db, run_id)) is None:
        return None
    found = usable_checkpoint(db, folder, parent.run_id, parent.lane, parent.step)
    if progress_of(found.state)[0] != parent.step:
        raise BadCheckpoint(f"The checkpoint at step {parent.step:,} from which run {run_id} was forked is gone.")
    return forked(found.state, found.config, config, lane_row(db, parent.run_id, parent.lane).seeds)
