"""Stored lanes as views: what charts are given, the same as of a live run, at a cost that does not grow with its length."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.history import HISTORY_ROWS, LIVE, Event, Failure, Floats, LaneView, Snapshot, Status, frames_kept
from wgan_core.store.codec import StoredArrays, unpack_rows, unpack_snapshots
from wgan_core.store.database import StoreProblem
from wgan_core.store.levels import TOP, least_level, level
from wgan_core.store.owners import Owner, is_alive

# Versions of stored views are above those that a live run reaches, so that the two are never taken for each other.
STORED_VERSION = 1 << 40
MOST_FOREBEARS = 20


@dataclass(frozen=True)
class Parent:
    """What a run was forked from."""

    run_id: str
    lane: int
    step: int


class NotStored(KeyError):
    """No such run, or lane of a run, is stored."""

    def __str__(self) -> str:
        return f"There is no stored run {self.args[0]!r}. It may have been deleted."


def unreadable(run_id: str, error: Exception) -> StoreProblem:
    """What it means that the store gives something of a run that makes no sense."""
    return StoreProblem(
        f"Run {run_id} cannot be read: what is stored of it is damaged, or of another version of WGAN Live ({str(error)[:200]})."
        " Other runs can be. Delete it, or open it with the version that made it."
    )


@contextmanager
def sound(run_id: str) -> Iterator[None]:
    """Whatever within makes no sense is told as a :class:`StoreProblem` of this run."""
    try:
        yield
    except (ValueError, TypeError, IndexError, struct.error, zlib.error) as error:
        raise unreadable(run_id, error) from error


@dataclass(frozen=True)
class LaneRow:
    """What the database says of one lane."""

    number: int
    lane: int
    lanes: int
    seeds: int
    config: str
    device: str
    status: Status
    failure: str | None
    step: int
    critic_steps: int
    seconds: float
    version: int
    snapshots: int
    row_level: int
    names: tuple[str, ...]


def lane_row(db: sqlite3.Connection, run_id: str, lane: int) -> LaneRow:
    """What the database says of one lane, or NotStored. Live ones whose owner is gone are interrupted."""
    row = db.execute(
        "SELECT lanes.number, lane, (SELECT COUNT(*) FROM lanes AS l WHERE l.run = runs.number), seeds, config, device,"
        " lanes.status, failure, step, critic_steps, seconds, lanes.version, snapshots, row_level, columns, owner"
        " FROM lanes JOIN runs ON runs.number = lanes.run WHERE id = ? AND lane = ?",
        (run_id, lane),
    ).fetchone()
    if row is None:
        raise NotStored(run_id)
    *found, columns, owner = row
    if found[6] in LIVE and owner not in living_owners(db):
        found[6] = "interrupted"
        found[11] += 1  # it looks different from now on
    return LaneRow(*(*found, tuple(json.loads(columns))))


def living_owners(db: sqlite3.Connection) -> set[int]:
    """The numbers of the processes that train a run and are still there."""
    rows = db.execute(
        "SELECT number, host, pid, started, heartbeat FROM owners WHERE number IN"
        " (SELECT owner FROM runs WHERE owner IS NOT NULL)"
    )
    return {number for number, *who, heartbeat in rows if is_alive(Owner(*who), heartbeat)}


def view_of(db: sqlite3.Connection, run_id: str, row: LaneRow, rows: int = HISTORY_ROWS) -> LaneView:
    """A stored lane as charts see it, or with more rows."""
    config = TrainingConfig.parse(json.loads(row.config))
    frames = frames_of(db, row, frames_kept(config))
    return LaneView(
        run_id=run_id,
        lane=row.lane,
        version=STORED_VERSION + row.version,
        config=config,
        status=row.status,
        device=row.device,
        snapshots=row.snapshots,
        step=row.step,
        critic_steps=row.critic_steps,
        seconds=row.seconds,
        steps_per_second=0.0,
        history=history_of(db, row, rows),
        latest=frames[-1] if frames else None,
        events=events_of(db, row),
        failure=_failure(row.failure) if row.failure else None,
        frames=frames,
        seeds=row.seeds,
        before=history_before(db, parent_of(db, run_id)),
    )


def _failure(text: str) -> Failure:
    """Why a lane failed. What was written down before there were kinds says only in its traceback that it lacked its data."""
    failure = Failure(*json.loads(text))
    return failure if failure.kind or "DataError" not in failure.traceback else replace(failure, kind="data")


def parent_of(db: sqlite3.Connection, run_id: str) -> Parent | None:
    """What a stored run was forked from."""
    row = db.execute("SELECT parent, parent_lane, parent_step FROM runs WHERE id = ?", (run_id,)).fetchone()
    return Parent(*row) if row and row[0] is not None else None


def history_before(
    db: sqlite3.Connection, parent: Parent | None, capacity: int = HISTORY_ROWS
) -> dict[str, Floats] | None:
    """What the forebears of a fork measured up to where it began. None without a parent, or where it is no longer stored."""
    parts: list[dict[str, Floats]] = []
    step = math.inf
    for _ in range(MOST_FOREBEARS):
        if parent is None:
            break
        try:
            row = lane_row(db, parent.run_id, parent.lane)
        except NotStored:
            break
        columns = history_of(db, row, capacity)
        step = min(step, parent.step)
        there = columns["step"] <= step
        parts.insert(0, {name: column[there] for name, column in columns.items()})
        parent = parent_of(db, parent.run_id)
    if not parts:
        return None
    names = dict.fromkeys(name for part in parts for name in part)
    absent = [np.full(len(part["step"]), np.nan) for part in parts]
    return {
        name: np.concatenate([part.get(name, nothing) for part, nothing in zip(parts, absent, strict=True)])
        for name in names
    }


def history_of(db: sqlite3.Connection, row: LaneRow, capacity: int) -> dict[str, Floats]:
    """The evenly spaced rows that a live run of this length would hold with so much room, and the newest."""
    # Of those that room was made of, rows that have come since stand closer.
    least = max(least_level(row.snapshots, capacity), row.row_level)
    found = db.execute(
        "SELECT idx, data FROM rows WHERE lane = ? AND level >= ? AND idx < ?", (row.number, least, row.snapshots)
    ).fetchall()
    newest = row.snapshots - 1
    if newest >= 0 and level(newest) < least:
        found += db.execute(
            "SELECT idx, data FROM rows WHERE lane = ? AND level = ? AND idx = ?", (row.number, level(newest), newest)
        ).fetchall()
    found.sort()
    return unpack_rows([data for _, data in found], row.names, row.seeds)


def rows_after(db: sqlite3.Connection, row: LaneRow, after: int, most: int) -> tuple[list[int], dict[str, Floats]]:
    """The rows whose index is above ``after``, oldest first, no more than ``most``: their indices and columns."""
    found: list[tuple[int, bytes]] = []
    for each in (*range(row.snapshots.bit_length()), TOP):  # a short look into each: rows of one level stand together
        found += db.execute(
            "SELECT idx, data FROM rows WHERE lane = ? AND level = ? AND idx > ? ORDER BY idx LIMIT ?",
            (row.number, each, after, most),
        ).fetchall()
    found = sorted(found)[:most]
    return [index for index, _ in found], unpack_rows([data for _, data in found], row.names, row.seeds)


def frames_of(db: sqlite3.Connection, row: LaneRow, capacity: int) -> tuple[Snapshot, ...]:
    """The frames of a lane, oldest first."""
    found = db.execute(
        "SELECT row, data FROM frames WHERE lane = ?1 AND (level >= ?2 OR idx = (SELECT MAX(idx) FROM frames WHERE"
        " lane = ?1)) ORDER BY idx",
        (row.number, least_level(row.snapshots, capacity)),
    ).fetchall()
    rows, arrays = [data for data, _ in found], [StoredArrays(blob) for _, blob in found]
    return unpack_snapshots(rows, row.names, row.seeds, arrays)


def events_of(db: sqlite3.Connection, row: LaneRow) -> tuple[Event, ...]:
    found: list[Any] = db.execute(
        "SELECT step, critic_steps, seconds, kind, text FROM events WHERE lane = ? ORDER BY idx", (row.number,)
    ).fetchall()
    return tuple(Event(*each) for each in found)
