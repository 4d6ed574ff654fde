"""Retention: how much is kept. What has to go is thinned evenly, so that a run can still be seen from its start to its end."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import time

from wgan_core.history import LIVE
from wgan_core.schema import ConfigError, Problem
from wgan_core.store.checkpoints import FOLDER, path_of
from wgan_core.store.database import transaction

MEGABYTE = 1_000_000
# A deleted run can be brought back for so long.
UNDO_SECONDS = 7 * 24 * 3600.0
FORGOTTEN_SECONDS = 24 * 3600.0
FREED_PAGES = 2_000
LIVE_STATUSES = ", ".join(f"'{status}'" for status in sorted(LIVE))


@dataclass(frozen=True)
class Limits:
    """Most bytes of one run, and of all runs together."""

    run_bytes: int = 512 * MEGABYTE
    all_bytes: int = 10_000 * MEGABYTE

    @classmethod
    def from_environment(cls) -> Limits:
        """``WGAN_RUN_MB`` and ``WGAN_STORE_MB``, or the defaults.

        Raises
        ------
        ConfigError
            Not a whole number of megabytes.
        """
        return cls(
            _megabytes("WGAN_RUN_MB", cls.run_bytes, least=10), _megabytes("WGAN_STORE_MB", cls.all_bytes, least=100)
        )


def _megabytes(name: str, default: int, least: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise ConfigError(
            [Problem(name, f"must be a whole number of megabytes, {least} or more; you gave “{text[:40]}”")]
        )
    return int(text) * MEGABYTE


def tidy(db: sqlite3.Connection, folder: Path, limits: Limits) -> None:
    """Purge what was deleted long ago, bring runs and the whole under their limits, and give room back to the disk."""
    purge(db, folder, time() - UNDO_SECONDS)
    for run, size in sizes(db).items():
        if size > limits.run_bytes:
            shrink(db, folder, run, size - limits.run_bytes)
    _shrink_all(db, folder, limits.all_bytes)
    db.execute(
        "DELETE FROM owners WHERE heartbeat < ? AND number NOT IN (SELECT owner FROM runs WHERE owner IS NOT NULL)",
        (time() - FORGOTTEN_SECONDS,),
    )
    db.execute(f"PRAGMA incremental_vacuum({FREED_PAGES})").fetchall()


def sizes(db: sqlite3.Connection) -> dict[int, int]:
    """Bytes of each run, by its number."""
    rows = db.execute("SELECT run, number, row_bytes FROM lanes").fetchall()
    of_lane = {lane: run for run, lane, _ in rows}
    found: dict[int, int] = {}
    for run, _, size in rows:
        found[run] = found.get(run, 0) + size
    for table in ("frames", "checkpoints"):
        for lane, size in db.execute(f"SELECT lane, SUM(bytes) FROM {table} GROUP BY lane"):
            found[of_lane[lane]] += size
    return found


def total(db: sqlite3.Connection) -> int:
    """Bytes of the database and of all checkpoint files."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    (files,) = db.execute("SELECT COALESCE(SUM(bytes), 0) FROM checkpoints").fetchone()
    return int((pages - free) * size + files)


def purge(db: sqlite3.Connection, folder: Path, deleted_before: float) -> int:
    """Remove runs that were deleted before a time, for good. Returns how many."""
    gone = db.execute(
        f"SELECT number, id FROM runs WHERE deleted < ? AND status NOT IN ({LIVE_STATUSES}) ORDER BY deleted",
        (deleted_before,),
    ).fetchall()
    for number, run_id in gone:
        with transaction(db):
            db.execute("DELETE FROM runs WHERE number = ? AND deleted < ?", (number, deleted_before))
            still_there = db.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone()
        if not still_there:
            shutil.rmtree(folder / FOLDER / Path(run_id).name, ignore_errors=True)
    return len(gone)


def shrink(db: sqlite3.Connection, folder: Path, run: int, excess: int) -> int:
    """Take about so many bytes from a run: frames first, then old checkpoints, then rows. Returns what it got.

    Each pass takes every other frame (or row), so that the rest stays evenly spaced; first and newest always stay.
    """
    got = 0
    while got < excess and (freed := thin_frames(db, run)):
        got += freed
    if got < excess:
        got += _thin_checkpoints(folder, db, run)
    while got < excess and (freed := _thin_rows(db, run)):
        got += freed
    return got


def thin_frames(db: sqlite3.Connection, run: int) -> int:
    """Drop every other frame of a run's lanes. Returns the bytes that this frees: 0 when only first and newest are left."""
    freed = 0
    with transaction(db):
        for (lane,) in db.execute("SELECT number FROM lanes WHERE run = ?", (run,)).fetchall():
            lowest, newest = db.execute(
                "SELECT MIN(level), (SELECT MAX(idx) FROM frames WHERE lane = ?1) FROM frames WHERE lane = ?1"
                " AND idx > 0 AND idx < (SELECT MAX(idx) FROM frames WHERE lane = ?1)",
                (lane,),
            ).fetchone()
            if lowest is not None:
                db.execute(
                    "UPDATE lanes SET frame_level = ?, version = version + 1 WHERE number = ?", (lowest + 1, lane)
                )
                dropped = db.execute(
                    "DELETE FROM frames WHERE lane = ? AND level <= ? AND idx < ? RETURNING bytes",
                    (lane, lowest, newest),
                )
                freed += sum(size for (size,) in dropped.fetchall())
    return freed


def _thin_checkpoints(folder: Path, db: sqlite3.Connection, run: int) -> int:
    """Drop all but the latest two checkpoints of each lane."""
    with transaction(db):
        (run_id,) = db.execute("SELECT id FROM runs WHERE number = ?", (run,)).fetchone()
        dropped = db.execute(
            "DELETE FROM checkpoints WHERE lane IN (SELECT number FROM lanes WHERE run = ?) AND idx <"
            " (SELECT MAX(idx) FROM checkpoints AS latest WHERE latest.lane = checkpoints.lane) - 1 RETURNING file, bytes",
            (run,),
        ).fetchall()
    for name, _ in dropped:
        with suppress(OSError):
            path_of(folder, run_id, name).unlink()
    return sum(size for _, size in dropped)


def _thin_rows(db: sqlite3.Connection, run: int) -> int:
    """Drop every other row of a run's lanes, down to about as many as charts show."""
    freed = 0
    with transaction(db):
        lanes = db.execute("SELECT number, snapshots, row_level FROM lanes WHERE run = ?", (run,)).fetchall()
        for lane, count, least in lanes:
            if count >> (least + 1) < 2048:
                continue
            dropped = db.execute(
                "DELETE FROM rows WHERE lane = ? AND level <= ? AND idx < ? RETURNING LENGTH(data)",
                (lane, least, count - 1),
            )
            size = sum(n for (n,) in dropped.fetchall())
            db.execute(
                "UPDATE lanes SET row_level = ?, row_bytes = row_bytes - ?, version = version + 1 WHERE number = ?",
                (least + 1, size, lane),
            )
            freed += size
    return freed


def _shrink_all(db: sqlite3.Connection, folder: Path, limit: int) -> None:
    """Bring the whole under its limit: deleted runs go first, then frames of the oldest runs that are not pinned."""
    if total(db) <= limit:
        return
    purge(db, folder, time())
    oldest = [
        number
        for (number,) in db.execute(
            f"SELECT number FROM runs WHERE NOT pinned AND status NOT IN ({LIVE_STATUSES}) ORDER BY created"
        )
    ]
    for thin in (thin_frames, partial(_thin_checkpoints, folder), _thin_rows):
        for run in oldest:
            while total(db) > limit and thin(db, run):
                pass
