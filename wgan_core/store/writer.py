"""The writer: one thread a process that brings what was recorded to the disk, in batches, so that no training waits for it."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from time import monotonic, time
from typing import Any, Protocol, TypeVar

from wgan_core.store import retention
from wgan_core.store.database import StoreProblem, explained, open_to_write, transaction
from wgan_core.store.jobs import Job, Session, let_go
from wgan_core.store.levels import level
from wgan_core.store.owners import HEARTBEAT_SECONDS, this_process
from wgan_core.store.saving import CheckpointJob, save_checkpoint

T = TypeVar("T")
FLUSH_SECONDS, RETRY_SECONDS, TIDY_SECONDS = 0.5, 3.0, 60.0
# What may wait for a slow disk: frames first make way, then, evenly, every other metric row.
MOST_WAITING_BYTES, MOST_WAITING_ROWS = 64_000_000, 50_000


class Recording(Protocol):
    """A recorder, as the writer sees it."""

    run_id: str

    def collect(self, force: bool) -> list[Job]: ...
    def checkpoints(self) -> list[CheckpointJob]: ...
    def saved(self, job: CheckpointJob) -> None: ...


class Writer:
    """A queue in front of the database.

    Attributes
    ----------
    problem : StoreProblem or None
        What keeps it from writing now.
    dropped_frames, dropped_rows : int
        What had to make way because the disk did not keep up.
    """

    def __init__(self, path: Path, limits: retention.Limits) -> None:
        self.path, self.limits = path, limits
        self.problem: StoreProblem | None = None
        self.dropped_frames = self.dropped_rows = 0
        self._changed = threading.Condition()
        self._queue: deque[Job] = deque()
        self._sources: list[Recording] = []
        self._barriers: list[threading.Event] = []
        self._calls: list[tuple[Callable[[Session], Any], Future[Any]]] = []
        self._parting: list[tuple[Recording, Job]] = []
        self._waiting_bytes = self._waiting_rows = self._row_level = 0
        self._urgent = self._closing = self._given_up = False
        self._refused: dict[str, StoreProblem] = {}
        self._session: Session | None = None
        self._owner: int | None = None
        self._beaten = self._tidied = 0.0
        self._thread: threading.Thread | None = None

    # For any thread

    def begin_with(self, problem: StoreProblem) -> None:
        """The database could not be opened. What will not mend itself ends it all, the rest is tried again."""
        self.problem, self._given_up = problem, problem.lasting
        if not problem.lasting:
            with self._changed:
                self._wake(urgent=False)

    def put(self, job: Job, urgent: bool = False) -> None:
        """Add a job. Returns at once, whatever the disk does."""
        with self._changed:
            if self._given_up or self._closing or job.run_id in self._refused:
                return
            if job.row is not None:
                if level(job.row) < self._row_level:
                    self.dropped_rows += 1
                    return
                self._waiting_rows += 1
            elif job.size and self._waiting_bytes + job.size > MOST_WAITING_BYTES:
                self.dropped_frames += 1
                return
            self._waiting_bytes += job.size
            self._queue.append(job)
            if self._waiting_rows > MOST_WAITING_ROWS:
                self._thin_waiting()
            self._wake(urgent)

    def watch(self, source: Recording) -> None:
        """Ask a recorder for what it holds back, from now on."""
        with self._changed:
            self._sources.append(source)

    def part(self, source: Recording, farewell: Job) -> None:
        """Write what a recorder still holds back, then its last job, and ask it no more."""
        with self._changed:
            self._parting.append((source, farewell))
            self._wake(urgent=True)

    def records(self, run_id: str) -> bool:
        """This process is writing down this run."""
        with self._changed:
            return any(source.run_id == run_id for source in self._sources)

    def flush(self, timeout: float) -> bool:
        """Wait until all that was recorded so far is in the database. False if it is not, in this time."""
        done = threading.Event()
        with self._changed:
            if self._given_up:
                return False
            self._barriers.append(done)
            self._wake(urgent=True)
        return done.wait(timeout) and not self._given_up

    def call(self, action: Callable[[Session], T], timeout: float) -> T:
        """Do something with the database in the writer's thread, after all that was recorded so far, and wait for its result.

        Raises
        ------
        StoreProblem
            The database cannot be written to now. What the action raises.
        """
        answer: Future[T] = Future()
        with self._changed:
            if self._given_up or self._closing:
                raise self.problem or StoreProblem("The store is closed.")
            self._calls.append((action, answer))
            self._wake(urgent=True)
        try:
            return answer.result(timeout)
        except TimeoutError:
            answer.cancel()
            raise self.problem or StoreProblem("The disk does not keep up. Try again in a moment.") from None

    def close(self, timeout: float) -> None:
        """Write what there is and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _wake(self, urgent: bool) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
            self._thread.start()
        if urgent and not self._urgent:
            self._urgent = True
            self._changed.notify_all()

    def _thin_waiting(self) -> None:
        """Drop every other waiting row, and from now on what is as low: an even loss, rather than one at the end."""
        self._row_level += 1
        kept = deque(job for job in self._queue if job.row is None or level(job.row) >= self._row_level)
        self.dropped_rows += len(self._queue) - len(kept)
        self._waiting_rows -= len(self._queue) - len(kept)
        self._queue = kept

    # The thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._urgent or self._closing, FLUSH_SECONDS)
                self._urgent = False
                closing = self._closing
            try:
                self._write(force=closing)
            except Exception as error:
                self._failed(_told(error, self.path))
            if closing or self._given_up:
                break
            if self.problem is not None:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, RETRY_SECONDS)
        self._let_go()

    def _write(self, force: bool) -> None:
        with self._changed:
            jobs, self._queue = self._queue, deque()
            barriers, self._barriers = self._barriers, []
            calls, self._calls = self._calls, []
            sources, parting = list(self._sources), list(self._parting)
            self._waiting_bytes = self._waiting_rows = 0
        force = force or bool(barriers or parting)
        jobs += [job for source in sources for job in source.collect(force)]
        due = bool(sources) and monotonic() - self._beaten > HEARTBEAT_SECONDS
        # Where the database was let go of, only what is written down shows that all is well again.
        lost = self._session is None and self.problem is not None
        try:
            self._enter(jobs, due or lost)
            for source in sources:
                for state in source.checkpoints():
                    if state.run_id not in self._refused:
                        save_checkpoint(self._opened(), self.path.parent, state)
                    source.saved(state)
            jobs = deque(farewell for _, farewell in parting)
            self._enter(jobs, False)
        except BaseException as error:
            self._put_back(jobs, barriers)
            for _, answer in calls:  # whoever waits hears of it now
                if answer.set_running_or_notify_cancel():
                    answer.set_exception(_told(error, self.path))
            raise
        with self._changed:
            self._row_level = 0
            gone = [id(source) for source, _ in parting]
            self._sources = [each for each in self._sources if id(each) not in gone]
            self._parting = [each for each in self._parting if id(each[0]) not in gone]
        self.problem = next(iter(self._refused.values()), None)
        for action, answer in calls:
            self._answer(action, answer)
        for barrier in barriers:
            barrier.set()
        if monotonic() - self._tidied > TIDY_SECONDS and self._session is not None:
            self._tidied = monotonic()
            retention.tidy(self._session.db, self.path.parent, self.limits)
            self._session.lanes.clear()  # it may have thinned what is being recorded

    def _answer(self, action: Callable[[Session], Any], answer: Future[Any]) -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            session = self._opened()
            session.lanes.clear()
            session.begin()
            answer.set_result(action(session))
        except (sqlite3.Error, OSError) as error:
            answer.set_exception(explained(error, self.path))
        except BaseException as error:
            answer.set_exception(error)

    def _enter(self, jobs: Sequence[Job], beat: bool) -> None:
        """Write jobs in one transaction, together with a sign of life; that alone too, if it is to."""
        while jobs or beat:
            session = self._opened()
            job: Job | None = None
            try:
                with transaction(session.db):
                    session.begin()
                    for job in jobs:
                        job.do(session)
                    job = None
                    session.end()
                    session.db.execute("UPDATE owners SET heartbeat = ? WHERE number = ?", (time(), session.owner))
            except (
                sqlite3.IntegrityError,
                sqlite3.ProgrammingError,
                sqlite3.DataError,
                TypeError,
                ValueError,
            ) as error:
                session.lanes.clear()
                if job is None:
                    raise
                # One run that cannot be stored must not keep the others from it.
                self._refused[job.run_id] = StoreProblem(
                    f"Run {job.run_id} cannot be stored ({error}). Other runs are."
                )
                jobs = [each for each in jobs if each.run_id != job.run_id]
                continue
            except BaseException:
                session.lanes.clear()
                raise
            self._beaten = monotonic()
            return

    def _opened(self) -> Session:
        if self._session is None:
            db = open_to_write(self.path)
            if self._owner is None:
                me = this_process()
                self._owner = db.execute(
                    "INSERT INTO owners (host, pid, started, heartbeat) VALUES (?, ?, ?, ?)",
                    (me.host, me.pid, me.started, time()),
                ).lastrowid
            assert self._owner is not None
            self._session = Session(db, self._owner)
        return self._session

    def _put_back(
        self,
        jobs: Sequence[Job],
        barriers: Sequence[threading.Event],
    ) -> None:
        with self._changed:
            # Farewells stand in their own list, and come again from there.
            self._queue.extendleft(reversed([job for job in jobs if job.action is not let_go]))
            self._waiting_bytes = sum(job.size for job in self._queue)
            self._waiting_rows = sum(job.row is not None for job in self._queue)
            self._barriers[:0] = barriers
            if self._waiting_rows > MOST_WAITING_ROWS:
                self._thin_waiting()

    def _failed(self, problem: StoreProblem) -> None:
        self.problem = problem
        self._let_go()
        if problem.lasting:
            with self._changed:
                self._given_up = True
                self._queue.clear()
                for barrier in self._barriers:
                    barrier.set()
                for _, answer in self._calls:
                    if answer.set_running_or_notify_cancel():
                        answer.set_exception(problem)
                self._barriers, self._calls = [], []

    def _let_go(self) -> None:
        if self._session is not None:
            with suppress(sqlite3.Error):
                self._session.db.close()
            self._session = None


def _told(error: BaseException, path: Path) -> StoreProblem:
    """What went wrong with the writing, in words."""
    if isinstance(error, sqlite3.Error | OSError | StoreProblem):
        return explained(error, path)
    text = f"Runs can no longer be stored, by a fault in the software: {type(error).__name__}: {error}"
    return StoreProblem(text, lasting=True)
