"""The database file: where it is, how it is opened, how old ones are brought up to date, and what can be wrong with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import sleep
from urllib.parse import quote

NAME = "runs.sqlite3"
APPLICATION = 0x5747414E  # "WGAN", in the file's header
BUSY_SECONDS = 5.0

# One entry brings a database from the version of its place to the next. Entries are never changed once released.
MIGRATIONS: list[Sequence[str]] = [
    (
        "CREATE TABLE owners (number INTEGER PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,"
        " heartbeat REAL NOT NULL)",
        "CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, created REAL NOT NULL, race TEXT NOT NULL,"
        " status TEXT NOT NULL, owner INTEGER REFERENCES owners ON DELETE SET NULL, dataset TEXT NOT NULL,"
        " seeds INTEGER NOT NULL, name TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '',"
        " tags TEXT NOT NULL DEFAULT '[]', pinned INTEGER NOT NULL DEFAULT 0, deleted REAL, parent TEXT,"
        " parent_lane INTEGER, parent_step INTEGER)",
        "CREATE TABLE lanes (number INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,"
        " lane INTEGER NOT NULL, config TEXT NOT NULL, objective TEXT NOT NULL, device TEXT NOT NULL, status TEXT NOT NULL,"
        " failure TEXT, step INTEGER NOT NULL DEFAULT 0, critic_steps INTEGER NOT NULL DEFAULT 0,"
        " seconds REAL NOT NULL DEFAULT 0, version INTEGER NOT NULL DEFAULT 0, snapshots INTEGER NOT NULL DEFAULT 0,"
        " columns TEXT NOT NULL DEFAULT '[]', row_bytes INTEGER NOT NULL DEFAULT 0, row_level INTEGER NOT NULL DEFAULT 0,"
        " frame_level INTEGER NOT NULL DEFAULT 0, last_modes REAL, best_modes REAL, last_w1 REAL, best_w1 REAL,"
        " UNIQUE (run, lane))",
        # Clustered by level: an evenly thinned history lies in one place of the file, however long the run is.
        "CREATE TABLE rows (lane INTEGER NOT NULL REFERENCES lanes ON DELETE CASCADE, level INTEGER NOT NULL,"
        " idx INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (lane, level, idx)) WITHOUT ROWID",
        "CREATE TABLE frames (number INTEGER PRIMARY KEY, lane INTEGER NOT NULL REFERENCES lanes ON DELETE CASCADE,"
        " level INTEGER NOT NULL, idx INTEGER NOT NULL, bytes INTEGER NOT NULL, row BLOB NOT NULL, data BLOB NOT NULL,"
        " UNIQUE (lane, idx))",
        "CREATE TABLE events (number INTEGER PRIMARY KEY, lane INTEGER NOT NULL REFERENCES lanes ON DELETE CASCADE,"
        " idx INTEGER NOT NULL, step INTEGER NOT NULL, critic_steps INTEGER NOT NULL, seconds REAL NOT NULL,"
        " kind TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (lane, idx))",
        "CREATE TABLE checkpoints (number INTEGER PRIMARY KEY, lane INTEGER NOT NULL REFERENCES lanes ON DELETE CASCADE,"
        " idx INTEGER NOT NULL, step INTEGER NOT NULL, critic_steps INTEGER NOT NULL, seconds REAL NOT NULL,"
        " snapshots INTEGER NOT NULL, events INTEGER NOT NULL, file TEXT NOT NULL, bytes INTEGER NOT NULL,"
        " created REAL NOT NULL, UNIQUE (lane, idx))",
        "CREATE INDEX frames_by_level ON frames (lane, level, idx, bytes)",
        "CREATE INDEX runs_by_time ON runs (created)",
        "CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL",
    ),
]


class StoreProblem(Exception):
    """Why runs cannot be stored or read, in a sentence, and what to do.

    Attributes
    ----------
    lasting : bool
        It will not go away by itself: nothing is written from now on.
    """

    def __init__(self, message: str, lasting: bool = False) -> None:
        self.lasting = lasting
        super().__init__(message)


def explained(error: Exception, path: Path) -> StoreProblem:
    """What an error of SQLite or of the file system means for the one who runs this."""
    if isinstance(error, StoreProblem):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kept = "New runs are kept in memory only and are gone when this program ends"
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreProblem(
            f"The file {path} is damaged ({error}), so it is left as it is. {kept}. Put a backup in its place, or move it"
            " away and start again with an empty one.",
            lasting=True,
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreProblem(
            f"Another program holds {path} locked. Runs are kept in memory until it lets go; close that program."
        )
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", 0) in (28, 122):  # ENOSPC, EDQUOT
        return StoreProblem(
            f"The disk that holds {path.parent} is full. Runs are kept in memory until there is room; free some, or delete"
            " runs that you no longer need."
        )
    if code == sqlite3.SQLITE_READONLY or isinstance(error, PermissionError):
        return StoreProblem(
            f"{path.parent} cannot be written to ({error}). {kept}. Allow this user to write there, or set WGAN_HOME to"
            " another folder and start again."
        )
    return StoreProblem(
        f"{path.parent} cannot be used to store runs ({error}). {kept}. Look after that folder and its disk, or set"
        " WGAN_HOME to another folder and start again."
    )


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in autocommit mode. ``mode`` is rwc, rw or ro."""
    db = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
    )
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    return db


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can change nothing, with one state of the database for all that is read within.

    Raises
    ------
    StoreProblem
    """
    try:
        with closing(_opened_to_read(path)) as db:
            db.execute("BEGIN")
            yield db
    except (sqlite3.Error, OSError) as error:
        raise explained(error, path) from error


def _opened_to_read(path: Path) -> sqlite3.Connection:
    db = connect(path, "ro")
    try:
        db.execute("SELECT 1 FROM sqlite_schema LIMIT 1")
    except sqlite3.OperationalError:
        # In a folder that cannot be written to, readers have nowhere to meet writers: there are none then.
        db.close()
        if os.access(path.parent, os.W_OK):
            raise
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of what is written within, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself where the disk failed
            db.execute("ROLLBACK")
        raise


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the database, making it or bringing it up to date where necessary.

    A file that is not ours, is damaged, or comes from a newer version is not touched.

    Raises
    ------
    StoreProblem
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size:
            with closing(_opened_to_read(path)) as db:
                _check(db, path)
        db = connect(path, "rwc")
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError, StoreProblem) as error:
        raise explained(error, path) from error
    return db


def version_of(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _check(db: sqlite3.Connection, path: Path) -> None:
    version, known = version_of(db), len(MIGRATIONS)
    ours = db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
    if not ours and db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        raise StoreProblem(
            f"{path} is a database of another program, so it is left as it is. New runs are kept in memory only. Set"
            " WGAN_HOME to another folder and start again.",
            lasting=True,
        )
    if version > known:
        raise StoreProblem(
            f"{path} was written by a newer WGAN Live (format {version}; this one knows formats up to {known}), so it is left"
            " as it is. New runs are kept in memory only. Update WGAN Live, or set WGAN_HOME to another folder.",
            lasting=True,
        )


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    if not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _use_wal(db)
    # In WAL mode this survives the death of the process at any moment; a power cut may take the last second with it.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA journal_size_limit = {64_000_000}")
    if version_of(db) < len(MIGRATIONS):
        with transaction(db):
            _check(db, path)  # another process may have been quicker
            for steps in MIGRATIONS[version_of(db) :]:
                for statement in steps:
                    db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _use_wal(db: sqlite3.Connection) -> None:
    # Changing the mode does not wait for others as other statements do.
    for attempt in range(50):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt == 49:
                raise
            sleep(0.1)
