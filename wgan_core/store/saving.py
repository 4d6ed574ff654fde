"""A state's way to its file, and which files stay."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import time

from wgan_core.store import checkpoints
from wgan_core.store.database import transaction
from wgan_core.store.jobs import Session
from wgan_core.store.levels import least_level
from wgan_core.training.state import State, progress_of

# Checkpoints kept of a lane: the latest ones to resume from, and so many more over the whole run to fork from.
LATEST_CHECKPOINTS, SPREAD_CHECKPOINTS = 2, 8


class CheckpointJob:
    """A state on its way to its file."""

    def __init__(self, run_id: str, lane: int, config: str, state: State, snapshots: int, events: int) -> None:
        self.run_id, self.lane, self.config, self.state = run_id, lane, config, state
        self.snapshots, self.events = snapshots, events
        self.progress = progress_of(state)
        self.name = f"{lane}-{self.progress[0]:08d}.safetensors"


def save_checkpoint(session: Session, folder: Path, job: CheckpointJob) -> None:
    """Write the file, enter it, and remove those that it supersedes. The database never names a file that is not whole."""
    session.begin()
    if session.run(job.run_id) is None:
        return
    size = write_file(folder, job)
    with transaction(session.db):
        session.begin()
        if session.run(job.run_id) is None:
            return
        superseded = enter(session, job, size)
        session.end()
    for name in superseded:
        with suppress(OSError):
            checkpoints.path_of(folder, job.run_id, name).unlink()


def write_file(folder: Path, job: CheckpointJob) -> int:
    """Write a state's file. Returns its size in bytes."""
    path = checkpoints.path_of(folder, job.run_id, job.name)
    return checkpoints.save(path, job.config, job.state, job.snapshots, job.events)


def enter(session: Session, job: CheckpointJob, size: int) -> list[str]:
    """Enter a file that has been written, within a transaction. Returns the names of those that it supersedes."""
    db = session.db
    record = session.lane(job.run_id, job.lane)
    record.progressed(*job.progress)
    replaced = db.execute(
        "DELETE FROM checkpoints WHERE lane = ? AND step = ? RETURNING file", (record.number, job.progress[0])
    ).fetchall()
    (index,) = db.execute(
        "SELECT COALESCE(MAX(idx) + 1, 0) FROM checkpoints WHERE lane = ?", (record.number,)
    ).fetchone()
    db.execute(
        "INSERT INTO checkpoints (lane, idx, step, critic_steps, seconds, snapshots, events, file, bytes, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (record.number, index, *job.progress, job.snapshots, job.events, job.name, size, time()),
    )
    least = least_level(max(1, index + 1 - LATEST_CHECKPOINTS), SPREAD_CHECKPOINTS)
    superseded = db.execute(
        "DELETE FROM checkpoints WHERE lane = ? AND idx <= ? AND idx & ? <> 0 RETURNING file",
        (record.number, index - LATEST_CHECKPOINTS, (1 << least) - 1),
    )
    return [name for (name,) in (*replaced, *superseded.fetchall()) if name != job.name]
