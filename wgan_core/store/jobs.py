"""What the writer enters into the database: each job is a function of a session, run within one transaction.

A job never trusts that the run is still this process's: another one may have taken it over, or a person deleted it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from time import time
from typing import Any

import numpy as np

from wgan_core.config import RunConfig
from wgan_core.history import LIVE, Event, Failure, Snapshot, overall
from wgan_core.store.codec import pack_arrays, pack_row
from wgan_core.store.levels import level
from wgan_core.store.reading import Parent


@dataclass
class LaneRecord:
    """What is known of a lane in the database, between the reading and the writing of its row."""

    number: int
    seeds: int
    names: list[str]
    snapshots: int
    row_bytes: int
    step: int
    critic_steps: int
    seconds: float
    version: int
    last_modes: float | None
    best_modes: float | None
    last_w1: float | None
    best_w1: float | None
    changed: bool = False

    def progressed(self, step: int, critic_steps: int, seconds: float) -> None:
        if step >= self.step:
            self.step, self.critic_steps, self.seconds = step, critic_steps, seconds

    def summarise(self, snapshot: Snapshot) -> None:
        """Keep what the table of runs shows: of several seeds the median."""
        if (modes := _middle(snapshot, "modes_covered")) is not None:
            self.last_modes = modes
            self.best_modes = modes if self.best_modes is None else max(modes, self.best_modes)
        if (w1 := _middle(snapshot, "w1")) is not None:
            self.last_w1 = w1
            self.best_w1 = w1 if self.best_w1 is None else min(w1, self.best_w1)


LANE_COLUMNS = (
    "number, seeds, columns, snapshots, row_bytes, step, critic_steps, seconds, lanes.version, last_modes, best_modes,"
    " last_w1, best_w1"
)


@dataclass
class Session:
    """The writer's connection and what it remembers between transactions; forgotten when one of them fails."""

    db: sqlite3.Connection
    owner: int
    lanes: dict[tuple[str, int], LaneRecord] = field(default_factory=dict)
    _ours: dict[str, int | None] = field(default_factory=dict)

    def begin(self) -> None:
        self._ours.clear()

    def run(self, run_id: str) -> int | None:
        """The run's number, if it is there and this process's; asked once a transaction."""
        if run_id not in self._ours:
            found = self.db.execute("SELECT number, owner FROM runs WHERE id = ?", (run_id,)).fetchone()
            self._ours[run_id] = found[0] if found and found[1] == self.owner else None
        return self._ours[run_id]

    def lane(self, run_id: str, lane: int) -> LaneRecord:
        key = run_id, lane
        if key not in self.lanes:
            row = self.db.execute(
                f"SELECT lanes.{LANE_COLUMNS} FROM lanes JOIN runs ON runs.number = lanes.run WHERE id = ? AND lane = ?",
                key,
            ).fetchone()
            number, seeds, columns, *others = row
            self.lanes[key] = LaneRecord(number, seeds, json.loads(columns), *others)
        record = self.lanes[key]
        if not record.changed:
            record.changed = True
            record.version += 1
        return record

    def end(self) -> None:
        """Write down what has changed of the lanes. To be called before the transaction ends."""
        for record in self.lanes.values():
            if record.changed:
                self.db.execute(
                    "UPDATE lanes SET columns = ?, snapshots = ?, row_bytes = ?, step = ?, critic_steps = ?, seconds = ?,"
                    " version = ?, last_modes = ?, best_modes = ?, last_w1 = ?, best_w1 = ? WHERE number = ?",
                    (
                        json.dumps(record.names),
                        record.snapshots,
                        record.row_bytes,
                        record.step,
                        record.critic_steps,
                        record.seconds,
                        record.version,
                        record.last_modes,
                        record.best_modes,
                        record.last_w1,
                        record.best_w1,
                        record.number,
                    ),
                )
                record.changed = False


Action = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to write. ``row`` is the index of a metric row, ``size`` about what it holds in memory."""

    run_id: str
    action: Action
    arguments: tuple[Any, ...] = ()
    row: int | None = None
    size: int = 0

    def do(self, session: Session) -> None:
        if self.action is add_run or session.run(self.run_id) is not None:
            self.action(session, self.run_id, *self.arguments)


def add_run(session: Session, run_id: str, config: RunConfig, devices: tuple[str, ...], parent: Parent | None) -> None:
    origin = (parent.run_id, parent.lane, parent.step) if parent else (None, None, None)
    run = session.db.execute(
        "INSERT INTO runs (id, created, race, status, owner, dataset, seeds, parent, parent_lane, parent_step)"
        " VALUES (?, ?, ?, 'starting', ?, ?, ?, ?, ?, ?)",
        (run_id, time(), config.to_json(), session.owner, config.lanes[0].dataset.kind, config.seeds, *origin),
    ).lastrowid
    for i, (lane, device) in enumerate(zip(config.lanes, devices, strict=True)):
        session.db.execute(
            "INSERT INTO lanes (run, lane, config, objective, device, status) VALUES (?, ?, ?, ?, ?, 'starting')",
            (run, i, lane.model_dump_json(), lane.objective.kind, device),
        )


def add_row(session: Session, run_id: str, lane: int, index: int, snapshot: Snapshot) -> None:
    record = session.lane(run_id, lane)
    data = pack_row(snapshot, record.names, record.seeds)
    session.db.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", (record.number, level(index), index, data))
    record.row_bytes += len(data)
    record.snapshots = max(record.snapshots, index + 1)
    record.progressed(snapshot.step, snapshot.critic_steps, snapshot.seconds)
    record.summarise(snapshot)


def add_frame(session: Session, run_id: str, lane: int, index: int, snapshot: Snapshot, least: int) -> None:
    """Add a frame. Those below the level ``least`` go, as does what was the newest until now and is on no level to keep."""
    record = session.lane(run_id, lane)
    row, data = pack_row(snapshot, record.names, record.seeds), pack_arrays(snapshot.arrays)
    (thinned,) = session.db.execute("SELECT frame_level FROM lanes WHERE number = ?", (record.number,)).fetchone()
    session.db.execute(
        "INSERT OR REPLACE INTO frames (lane, level, idx, bytes, row, data) VALUES (?, ?, ?, ?, ?, ?)",
        (record.number, level(index), index, len(row) + len(data), row, data),
    )
    session.db.execute(
        "DELETE FROM frames WHERE lane = ? AND level < ? AND idx < (SELECT MAX(idx) FROM frames WHERE lane = ?)",
        (record.number, max(least, thinned), record.number),
    )


def add_event(session: Session, run_id: str, lane: int, index: int, event: Event, config: str | None) -> None:
    record = session.lane(run_id, lane)
    session.db.execute(
        "INSERT OR REPLACE INTO events (lane, idx, step, critic_steps, seconds, kind, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (record.number, index, event.step, event.critic_steps, event.seconds, event.kind, event.text),
    )
    if config is not None:
        session.db.execute("UPDATE lanes SET config = ? WHERE number = ?", (config, record.number))


def set_status(
    session: Session,
    run_id: str,
    lane: int,
    status: str,
    progress: tuple[int, int, float],
    failure: Failure | None,
) -> None:
    record, db = session.lane(run_id, lane), session.db
    record.progressed(*progress)
    why = json.dumps(astuple(failure)) if failure else None
    db.execute("UPDATE lanes SET status = ?, failure = ? WHERE number = ?", (status, why, record.number))
    run = session.run(run_id)
    whole = overall(found for (found,) in db.execute("SELECT status FROM lanes WHERE run = ?", (run,)))
    db.execute("UPDATE runs SET status = ? WHERE number = ?", (whole, run))


def let_go(session: Session, run_id: str) -> None:
    """This process has nothing more to say about a run. One that still counts as live has been interrupted."""
    run, db = session.run(run_id), session.db
    found = dict(db.execute("SELECT lane, status FROM lanes WHERE run = ?", (run,)).fetchall())
    for lane in (lane for lane, status in found.items() if status in LIVE):
        found[lane] = "interrupted"
        record = session.lane(run_id, lane)
        db.execute("UPDATE lanes SET status = 'interrupted' WHERE number = ?", (record.number,))
    db.execute("UPDATE runs SET status = ?, owner = NULL WHERE number = ?", (overall(found.values()), run))
    session.end()
    session.lanes = {key: record for key, record in session.lanes.items() if key[0] != run_id}
    session.begin()


def _middle(snapshot: Snapshot, name: str) -> float | None:
    value = snapshot.scalars.get(name)
    if value is None or np.isnan(value).all():
        return None
    return float(np.nanmedian(value))
