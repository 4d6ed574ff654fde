"""Runs that were trained elsewhere: entered whole, as runs that have ended, or not at all."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from wgan_core.config import RunConfig
from wgan_core.history import CLOCKS, LaneView, Snapshot, frames_kept
from wgan_core.store.checkpoints import path_of
from wgan_core.store.database import transaction
from wgan_core.store.jobs import Session, add_event, add_frame, add_row, add_run, let_go, set_status
from wgan_core.store.levels import least_level
from wgan_core.store.saving import CheckpointJob, enter, write_file
from wgan_core.training.state import State


@dataclass(frozen=True)
class AddedLane:
    """A lane on its way into the store.

    Attributes
    ----------
    view : LaneView
        Its config, device, status, clocks, events and failure. A live one becomes an interrupted one.
    snapshots : Sequence[Snapshot]
        One for each row of the view's history, with arrays where there is a frame of it.
    state : State or None
        What it can go on from.
    rows_before, events_before : int
        How many of the snapshots, and of the events, come before the state.
    """

    view: LaneView
    snapshots: Sequence[Snapshot]
    state: State | None = None
    rows_before: int = 0
    events_before: int = 0


def add(session: Session, folder: Path, run_id: str, config: RunConfig, lanes: Sequence[AddedLane]) -> str:
    """Enter a run under its id, or under a new one if that is taken. Returns the id that it has got."""
    written: list[Path] = []
    with transaction(session.db):
        session.begin()
        try:
            run_id = _begun(session, run_id, config, [lane.view.device for lane in lanes])
            for number, lane in enumerate(lanes):
                _add_lane(session, folder, run_id, number, lane, written)
            let_go(session, run_id)
        except BaseException:
            session.lanes.clear()
            for path in written:
                with suppress(OSError):
                    path.unlink()
            raise
    return run_id


def places(rows: int, count: int) -> Sequence[int]:
    """The indices of rows that were evenly thinned from ``count`` snapshots; where they were not, they are counted anew.

    Examples
    --------
    >>> list(places(4, 4)), list(places(4, 10)), list(places(5, 10))
    ([0, 1, 2, 3], [0, 4, 8, 9], [0, 1, 2, 3, 4])
    """
    stride = 1
    while -(-count // stride) > rows and stride < count:
        stride *= 2
    for each in (stride, 2 * stride):  # the newest stands beside those on the stride, or is one of them
        found = sorted({*range(0, count, each), count - 1} if count else ())
        if len(found) == rows:
            return found
    return range(rows)


def _begun(session: Session, run_id: str, config: RunConfig, devices: Sequence[str]) -> str:
    try:
        add_run(session, run_id, config, tuple(devices), None)
    except sqlite3.IntegrityError:
        run_id = secrets.token_hex(4)
        add_run(session, run_id, config, tuple(devices), None)
    return run_id


def _add_lane(session: Session, folder: Path, run_id: str, number: int, lane: AddedLane, written: list[Path]) -> None:
    view, indices = lane.view, places(len(lane.snapshots), lane.view.snapshots)
    record = session.lane(run_id, number)
    record.names = [name for name in view.history if name not in CLOCKS]
    config = view.config.model_dump_json()
    session.db.execute("UPDATE lanes SET config = ? WHERE number = ?", (config, record.number))
    least = least_level(indices[-1] + 1 if indices else 0, frames_kept(view.config))
    for index, snapshot in zip(indices, lane.snapshots, strict=True):
        add_row(session, run_id, number, index, replace(snapshot, arrays={}))
        if snapshot.arrays:
            add_frame(session, run_id, number, index, snapshot, least)
    for index, event in enumerate(view.events):
        add_event(session, run_id, number, index, event, None)
    if lane.state is not None:
        before = indices[lane.rows_before - 1] + 1 if lane.rows_before else 0
        job = CheckpointJob(run_id, number, config, lane.state, before, lane.events_before)
        written.append(path_of(folder, run_id, job.name))
        enter(session, job, write_file(folder, job))
    status = "interrupted" if view.live else view.status
    set_status(session, run_id, number, status, (view.step, view.critic_steps, view.seconds), view.failure)
