"""The store: whatever was trained can be looked at, gone on with, and compared later.

One SQLite database in a data folder, and checkpoints as files beside it. A run's thread hands what it has to a
:class:`Recorder`, which never waits; one writer thread a process brings it to the disk. Where the disk fails,
:attr:`Store.problem` says why, and runs go on in memory.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, TypeVar

from wgan_core.config import RunConfig
from wgan_core.history import Floats, LaneView, RunView
from wgan_core.host import Cache, data_folder, single
from wgan_core.host.folders import NoFolder
from wgan_core.schema import ConfigError, Problem
from wgan_core.store import adding, resuming, retention, table
from wgan_core.store import reading as _reading
from wgan_core.store.adding import AddedLane as AddedLane
from wgan_core.store.checkpoints import BadCheckpoint as BadCheckpoint
from wgan_core.store.checkpoints import Checkpoint as Checkpoint
from wgan_core.store.database import NAME, connect, explained, open_to_write, reading, transaction
from wgan_core.store.database import StoreProblem as StoreProblem
from wgan_core.store.jobs import Job, Session, add_run
from wgan_core.store.reading import NotStored as NotStored
from wgan_core.store.reading import Parent as Parent
from wgan_core.store.recorder import Recorder as Recorder
from wgan_core.store.resuming import Fits
from wgan_core.store.resuming import LaneStart as LaneStart
from wgan_core.store.resuming import Resumption as Resumption
from wgan_core.store.retention import Limits as Limits
from wgan_core.store.table import Sort as Sort
from wgan_core.store.table import StoredLane as StoredLane
from wgan_core.store.table import StoredRun as StoredRun
from wgan_core.store.writer import Writer

T = TypeVar("T")
KEPT_VIEWS = 16
CALL_SECONDS = 20.0
ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class Store:
    """The runs of one data folder. Every method may be called from any thread.

    Parameters
    ----------
    folder : Path, optional
        Made if it is not there. By default that of :func:`wgan_core.host.folders.data_folder`.
    limits : Limits, optional
        How much is kept.

    Notes
    -----
    What reads or changes stored runs raises :class:`StoreProblem` where the database does not let it, and
    :class:`NotStored` where there is no such run.
    """

    def __init__(self, folder: Path | None = None, limits: Limits | None = None) -> None:
        self._nowhere: StoreProblem | None = None
        try:
            self.folder = folder or data_folder()
        except NoFolder as why:
            self.folder = Path(os.devnull)  # never looked at
            self._nowhere = StoreProblem(
                f"Runs are not stored, and are gone when this program ends. {why}", lasting=True
            )
        self.path = self.folder / NAME
        self._writer = Writer(self.path, limits or Limits.from_environment())
        self._views: Cache[LaneView] = Cache(KEPT_VIEWS)
        try:
            if self._nowhere is not None:
                raise self._nowhere
            open_to_write(self.path).close()
        except StoreProblem as problem:
            self._writer.begin_with(problem)

    @property
    def problem(self) -> str | None:
        """What keeps runs from being stored now, and what to do; None when all is well."""
        found = self._writer.problem
        return str(found) if found else None

    @property
    def dropped(self) -> tuple[int, int]:
        """Frames and metric rows that had to make way because the disk did not keep up."""
        return self._writer.dropped_frames, self._writer.dropped_rows

    # Writing down

    def recorder(
        self, run_id: str, config: RunConfig, devices: Sequence[str], parent: Parent | None = None
    ) -> Recorder:
        """Begin to write down a new run.

        Parameters
        ----------
        devices : Sequence[str]
            What each lane trains on, in words.
        parent : Parent, optional
            The run, lane and step that it was forked from.
        """
        _check_id(run_id)
        self._writer.put(Job(run_id, add_run, (config, tuple(devices), parent)), urgent=True)
        return Recorder(self._writer, run_id, config.lanes)

    def take_over(self, run_id: str, more: int | None = None) -> tuple[Resumption, Recorder]:
        """Go on with a stored run that is no longer live: where each of its lanes goes on, and what writes it down from there.

        Parameters
        ----------
        more : int, optional
            Train so many generator steps from the checkpoints, rather than to the end that was planned.

        Raises
        ------
        NotStored
        StoreProblem
            It is live, deleted, or the database cannot be written to.
        """
        found = self._writer.call(lambda session: resuming.take_over(session, self.folder, run_id, more), CALL_SECONDS)
        self._forget_views(run_id)
        counts = [(lane.view.snapshots, len(lane.view.events)) for lane in found.lanes]
        return found, Recorder(self._writer, run_id, [lane.config for lane in found.lanes], counts)

    def add(self, run_id: str, config: RunConfig, lanes: Sequence[AddedLane]) -> str:
        """Enter a run that was trained elsewhere: all of it or, where something fails, nothing.

        Returns
        -------
        str
            Its id, which is another one if there is a run of this id already.

        Raises
        ------
        StoreProblem
            The database cannot be written to.
        """
        _check_id(run_id)

        def enter(session: Session) -> str:
            found = adding.add(session, self.folder, run_id, config, lanes)
            retention.tidy(session.db, self.folder, self._writer.limits)
            session.lanes.clear()  # it may have thinned what is being recorded
            return found

        found = self._writer.call(enter, CALL_SECONDS)
        self._forget_views(found)
        return found

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was recorded so far is stored. False if it is not, in this time."""
        return self._writer.flush(timeout)

    def close(self, timeout: float = 4.0) -> None:
        """Write what there is and end the writer's thread. May be called again."""
        self._writer.close(timeout)

    # Looking

    def lane_view(self, run_id: str, lane: int = 0) -> LaneView:
        """A lane of a stored run, as charts see a live one. The cost does not grow with the run's length."""
        with self._reading() as db, _reading.sound(run_id):
            row = _reading.lane_row(db, run_id, lane)
            key = run_id, lane, row.version
            self._views.drop(lambda other: other[:2] == key[:2] and other != key)
            return self._views.get(key, lambda: _reading.view_of(db, run_id, row))

    def view(self, run_id: str) -> RunView:
        """A stored run with all its lanes."""
        row = self.run(run_id)
        return RunView(run_id, row.config, tuple(self.lane_view(run_id, lane) for lane in range(len(row.lanes))))

    def whole_view(self, run_id: str, rows: int) -> RunView:
        """A stored run at one moment, with up to so many rows of history a lane, evenly thinned where there are more."""
        config = self.run(run_id).config
        with self._reading() as db, _reading.sound(run_id):
            lanes = range(_reading.lane_row(db, run_id, 0).lanes)
            views = tuple(_reading.view_of(db, run_id, _reading.lane_row(db, run_id, lane), rows) for lane in lanes)
        return RunView(run_id, config, views)

    def rows(
        self, run_id: str, lane: int = 0, after: int = -1, most: int = 10_000
    ) -> tuple[list[int], dict[str, Floats]]:
        """Metric rows whose index is above ``after``, oldest first: their indices, and columns as in a view's history.

        Going through a whole run, or following one, is to ask again with the last index that came.
        """
        with self._reading() as db, _reading.sound(run_id):
            return _reading.rows_after(db, _reading.lane_row(db, run_id, lane), after, most)

    def runs(
        self,
        *,
        search: str = "",
        statuses: Sequence[str] = (),
        tags: Sequence[str] = (),
        objectives: Sequence[str] = (),
        datasets: Sequence[str] = (),
        pinned: bool | None = None,
        parent: str | None = None,
        deleted: bool = False,
        sort: str = "created",
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[StoredRun]:
        """Stored runs, the newest first unless sorted otherwise.

        Parameters
        ----------
        search : str
            Words that must each occur in the id, name, note, tags, data set or an objective. Upper and lower case are one.
        statuses, objectives, datasets : Sequence[str]
            Any of these; of any kind if empty.
        tags : Sequence[str]
            All of these.
        parent : str
            The run that they were forked from.
        deleted : bool
            The deleted ones that can still be brought back, rather than the others.
        sort : str
            One of ``created``, ``name``, ``status``, ``step``, ``seconds``, ``w1`` (the best), ``modes`` (the best), and
            ``family``: ascending, a run stands right before those that were forked from it, the newest family first.

        Raises
        ------
        ConfigError
            There is no such order.
        """
        with self._reading() as db:
            return table.find(
                db,
                search=search,
                statuses=statuses,
                tags=tags,
                objectives=objectives,
                datasets=datasets,
                pinned=pinned,
                parent=parent,
                deleted=deleted,
                sort=sort,
                descending=descending,
                limit=limit,
                offset=offset,
            )

    def count(self, **wanted: Any) -> int:
        """How many runs :meth:`runs` gives for what is asked for, without a limit."""
        with self._reading() as db:
            return table.count(db, **wanted)

    def tags(self) -> list[str]:
        """Every tag in use."""
        with self._reading() as db:
            return table.tags_in_use(db)

    def run(self, run_id: str) -> StoredRun:
        """One stored run, deleted ones included."""
        with self._reading() as db:
            found = table.find(db, run_id=run_id)
        if not found:
            raise NotStored(run_id)
        return found[0]

    def checkpoints(self, run_id: str, lane: int = 0) -> list[int]:
        """The steps of a lane at which a run can be forked."""
        with self._reading() as db:
            number = _reading.lane_row(db, run_id, lane).number
            return [
                step for (step,) in db.execute("SELECT step FROM checkpoints WHERE lane = ? ORDER BY step", (number,))
            ]

    def checkpoint(self, run_id: str, lane: int = 0, step: int | None = None, fits: Fits | None = None) -> Checkpoint:
        """The latest checkpoint of a lane, up to a step if one is given, that can be used.

        Parameters
        ----------
        fits : callable, optional
            Raises BadState where a state does not fit a config. By default what is asked is a run that can go on here.

        Raises
        ------
        BadCheckpoint
            There is none.
        """
        with self._reading() as db:
            return resuming.usable_checkpoint(db, self.folder, run_id, lane, step, fits)

    def history_before(self, parent: Parent) -> dict[str, Floats] | None:
        """What a run and its forebears measured up to a fork; see :attr:`wgan_core.history.LaneView.before`."""
        with self._reading() as db:
            return _reading.history_before(db, parent)

    # Changing

    def rename(self, run_id: str, name: str) -> None:
        """Give a run a name, "" for none. ConfigError if it is too long, as with notes and tags."""
        self._change(lambda db: table.rename(db, run_id, name))

    def annotate(self, run_id: str, note: str) -> None:
        """Write a note to a run, in place of the one before."""
        self._change(lambda db: table.annotate(db, run_id, note))

    def tag(self, run_id: str, tags: Sequence[str]) -> None:
        """Give a run these tags, in place of those before."""
        self._change(lambda db: table.tag(db, run_id, tags))

    def pin(self, run_id: str, pinned: bool = True) -> None:
        """Keep all frames of a run when room is made for others; or no longer."""
        self._change(lambda db: table.pin(db, run_id, pinned))

    def delete(self, run_ids: Sequence[str]) -> list[str]:
        """Delete runs; for a week :meth:`undelete` brings them back. Returns those that were not deleted already.

        Raises
        ------
        ConfigError
            One of them is live. None is deleted then.
        """
        return self._change(lambda db: table.delete(db, run_ids))

    def undelete(self, run_ids: Sequence[str]) -> None:
        """Bring deleted runs back."""
        self._change(lambda db: table.undelete(db, run_ids))

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        if self._nowhere is not None:
            raise self._nowhere
        return reading(self.path)

    def _change(self, action: Callable[[sqlite3.Connection], T]) -> T:
        if self._nowhere is not None:
            raise self._nowhere
        try:
            with closing(connect(self.path, "rw")) as db, transaction(db):
                return action(db)
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.path) from error

    def _forget_views(self, run_id: str) -> None:
        self._views.drop(lambda key: bool(key[0] == run_id))


def _check_id(run_id: str) -> None:
    if not (0 < len(run_id) <= 64 and set(run_id) <= ID_CHARACTERS):
        raise ConfigError([Problem("run", f"an id has 1 to 64 letters and digits; you gave “{run_id[:40]}”")])


def store() -> Store:
    """The one store of this process, kept where no source watcher evicts it. Whoever trains closes it at the end."""
    return single("store", Store)
