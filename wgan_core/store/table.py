"""The table of runs: finding, naming, pinning, deleting. It reads a few numbers of each run and none of its history."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import time
from typing import Any, Literal

from wgan_core.config import RunConfig
from wgan_core.history import LIVE, Status
from wgan_core.schema import ConfigError, Problem
from wgan_core.store.reading import NotStored, Parent, living_owners
from wgan_core.store.retention import LIVE_STATUSES

Sort = Literal["created", "name", "status", "step", "seconds", "w1", "modes", "family"]
ORDERS: dict[str, str] = {
    "created": "created",
    "name": "NULLIF(name, '') COLLATE NOCASE",  # what has none comes last
    "status": "shown",
    "step": "(SELECT MAX(step) FROM lanes WHERE run = runs.number)",
    "seconds": "(SELECT SUM(seconds) FROM lanes WHERE run = runs.number)",
    "w1": "(SELECT MIN(best_w1) FROM lanes WHERE run = runs.number)",
    "modes": "(SELECT MAX(best_modes) FROM lanes WHERE run = runs.number)",
    "family": "(SELECT place FROM families WHERE families.number = runs.number)",
}
# Families by their first run, the newest first; within one a run stands before those that were forked from it, the oldest first.
# Going up from each run finds its parents by their ids, which are indexed. More than 100 generations are not told apart.
FAMILIES = (
    "WITH RECURSIVE up (number, above, first, path, depth) AS (SELECT number, parent, number, '', 0 FROM runs UNION ALL"
    " SELECT up.number, runs.parent, runs.number, printf('%019d', first) || path, depth + 1 FROM up JOIN runs"
    " ON runs.id = above WHERE depth < 100), families AS MATERIALIZED (SELECT number,"
    " printf('%019d', (1 << 60) - first) || path AS place, MAX(depth) FROM up GROUP BY number) "
)
MOST_NAME, MOST_NOTE, MOST_TAG, MOST_TAGS = 120, 10_000, 40, 20


@dataclass(frozen=True)
class StoredLane:
    """One lane in the table. Of several seeds, numbers are medians; None where there is none."""

    objective: str
    device: str
    status: Status
    step: int
    critic_steps: int
    seconds: float
    last_modes: float | None
    best_modes: float | None
    last_w1: float | None
    best_w1: float | None


@dataclass(frozen=True)
class StoredRun:
    """One run in the table.

    Attributes
    ----------
    created : float
        Seconds since 1970.
    deleted : float or None
        When it was deleted; it can be brought back for a week.
    config_json : str
        See :attr:`config`.
    """

    id: str
    created: float
    status: Status
    dataset: str
    seeds: int
    name: str
    note: str
    tags: tuple[str, ...]
    pinned: bool
    deleted: float | None
    parent: Parent | None
    config_json: str
    lanes: tuple[StoredLane, ...]

    @property
    def config(self) -> RunConfig:
        """As it was started, before any edits. Read when asked for: it costs more than the rest of the row."""
        return RunConfig.from_json(self.config_json)

    @property
    def step(self) -> int:
        return max(lane.step for lane in self.lanes)


def find(
    db: sqlite3.Connection,
    *,
    sort: str = "created",
    descending: bool = True,
    limit: int | None = None,
    offset: int = 0,
    **wanted: Any,
) -> list[StoredRun]:
    """Runs that fit all that is asked for; the parameters are those of :meth:`wgan_core.store.Store.runs`."""
    if sort not in ORDERS:
        raise ConfigError([Problem("sort", f"must be one of {', '.join(ORDERS)}; you gave “{sort[:40]}”")])
    shown, wheres, values = _asked(db, **wanted)
    way = "DESC" if descending else "ASC"
    rows = db.execute(
        f"{FAMILIES if sort == 'family' else ''}SELECT number, id, created, {shown} AS shown, dataset, seeds, name, note,"
        f" tags, pinned, deleted, parent, parent_lane, parent_step, race FROM runs WHERE {wheres}"
        f" ORDER BY {ORDERS[sort]} {way} NULLS LAST, number DESC LIMIT ? OFFSET ?",
        (*values, -1 if limit is None else limit, offset),
    ).fetchall()
    lanes = _lanes(db, [row[0] for row in rows])
    return [_run(row, lanes[row[0]]) for row in rows]


def count(db: sqlite3.Connection, **wanted: Any) -> int:
    """How many runs :func:`find` finds without a limit."""
    shown, wheres, values = _asked(db, **wanted)
    sql = f"SELECT COUNT(*) FROM (SELECT {shown} AS shown FROM runs WHERE {wheres})"
    return int(db.execute(sql, values).fetchone()[0])


def tags_in_use(db: sqlite3.Connection) -> list[str]:
    """Every tag that a run has, in the order of the alphabet."""
    sql = "SELECT DISTINCT value FROM runs, json_each(tags) WHERE deleted IS NULL ORDER BY value COLLATE NOCASE, value"
    return [tag for (tag,) in db.execute(sql)]


def _asked(
    db: sqlite3.Connection,
    *,
    search: str = "",
    statuses: Sequence[str] = (),
    tags: Sequence[str] = (),
    objectives: Sequence[str] = (),
    datasets: Sequence[str] = (),
    pinned: bool | None = None,
    parent: str | None = None,
    deleted: bool = False,
    run_id: str | None = None,
) -> tuple[str, str, list[Any]]:
    """What is asked for as SQL: the status as it is shown, the condition, and the values for its marks."""
    living = ", ".join(map(str, living_owners(db)))
    shown = (
        f"CASE WHEN status IN ({LIVE_STATUSES}) AND (owner IS NULL OR owner NOT IN ({living})) THEN 'interrupted'"
        " ELSE status END"
    )
    values: list[Any] = [deleted if run_id is None else run_id]
    wheres = ["(deleted IS NOT NULL) = ?" if run_id is None else "id = ?"]
    for word in search.split()[:10]:
        wheres.append(
            "(instr(lower(id || ' ' || name || ' ' || note || ' ' || tags || ' ' || dataset), ?) OR EXISTS (SELECT 1 FROM"
            " lanes WHERE run = runs.number AND instr(objective, ?)))"
        )
        values += [word.lower()] * 2
    for column, wanted in (("shown", statuses), ("dataset", datasets)):
        if wanted:
            wheres.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values += wanted
    if objectives:
        marks = ", ".join("?" * len(objectives))
        wheres.append(f"EXISTS (SELECT 1 FROM lanes WHERE run = runs.number AND objective IN ({marks}))")
        values += objectives
    for tag in tags:
        wheres.append("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)")
        values.append(tag)
    for column, value in (("pinned", pinned), ("parent", parent)):
        if value is not None:
            wheres.append(f"{column} = ?")
            values.append(value)
    return shown, " AND ".join(wheres), values


def _lanes(db: sqlite3.Connection, runs: Sequence[int]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {run: [] for run in runs}
    sql = (
        "SELECT run, objective, device, status, step, critic_steps, seconds, last_modes, best_modes, last_w1, best_w1"
        " FROM lanes"
    )
    rows: Iterable[tuple[Any, ...]]
    if len(runs) < 500:
        marks = ", ".join("?" * len(runs))
        rows = db.execute(f"{sql} WHERE run IN ({marks}) ORDER BY run, lane", runs)
    else:
        rows = db.execute(f"{sql} ORDER BY run, lane")
    for run, *lane in rows:
        if run in found:
            found[run].append(tuple(lane))
    return found


def _run(row: tuple[Any, ...], lanes: Sequence[tuple[Any, ...]]) -> StoredRun:
    _, run_id, created, status, dataset, seeds, name, note, tags, pinned, deleted, parent, lane, step, config = row
    interrupted = status == "interrupted"
    return StoredRun(
        run_id,
        created,
        status,
        dataset,
        seeds,
        name,
        note,
        tuple(json.loads(tags)),
        bool(pinned),
        deleted,
        Parent(parent, lane, step) if parent is not None else None,
        config,
        tuple(_lane(each, interrupted) for each in lanes),
    )


def _lane(row: tuple[Any, ...], interrupted: bool) -> StoredLane:
    objective, device, status, *numbers = row
    found = [objective, device, "interrupted" if interrupted and status in LIVE else status, *numbers]
    return StoredLane(*found)


# Changes by a person


def rename(db: sqlite3.Connection, run_id: str, name: str) -> None:
    """Give a run a name, "" for none."""
    _change(db, run_id, "name", _text("name", " ".join(name.split()), MOST_NAME))


def annotate(db: sqlite3.Connection, run_id: str, note: str) -> None:
    """Write a note to a run, in place of the one before."""
    _change(db, run_id, "note", _text("note", note.strip(), MOST_NOTE))


def tag(db: sqlite3.Connection, run_id: str, tags: Sequence[str]) -> None:
    """Give a run these tags, in place of those before."""
    clean = list(dict.fromkeys(_text("tags", " ".join(each.split()), MOST_TAG) for each in tags if each.strip()))
    if len(clean) > MOST_TAGS:
        raise ConfigError([Problem("tags", f"a run has at most {MOST_TAGS} tags; you gave {len(clean)}")])
    _change(db, run_id, "tags", json.dumps(clean, ensure_ascii=False))


def pin(db: sqlite3.Connection, run_id: str, pinned: bool) -> None:
    """Keep all of a run's frames when room is made for others; or no longer."""
    _change(db, run_id, "pinned", pinned)


def delete(db: sqlite3.Connection, run_ids: Sequence[str]) -> list[str]:
    """Mark runs as deleted. Live ones are refused, as a whole. Returns the ids of those that it marked."""
    alive = living_owners(db)
    found = []
    for run_id in run_ids:
        row = db.execute("SELECT status, owner, deleted FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise NotStored(run_id)
        status, owner, deleted = row
        if status in LIVE and owner in alive:
            raise ConfigError([Problem("", f"run {run_id} is live; stop it before you delete it")])
        if deleted is None:
            found.append(run_id)
    for run_id in found:
        db.execute(
            f"UPDATE runs SET deleted = ?, status = CASE WHEN status IN ({LIVE_STATUSES}) THEN 'interrupted' ELSE status"
            " END, owner = NULL WHERE id = ?",
            (time(), run_id),
        )
    return found


def undelete(db: sqlite3.Connection, run_ids: Sequence[str]) -> None:
    """Bring deleted runs back. NotStored if one has been purged since."""
    for run_id in run_ids:
        _change(db, run_id, "deleted", None)


def _change(db: sqlite3.Connection, run_id: str, column: str, value: Any) -> None:
    if db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run_id)).rowcount == 0:
        raise NotStored(run_id)


def _text(what: str, given: str, most: int) -> str:
    if len(given) > most:
        raise ConfigError([Problem(what, f"at most {most:,} characters; you gave {len(given):,}")])
    if not given.replace("\n", " ").replace("\t", " ").isprintable():
        raise ConfigError([Problem(what, "control characters are not allowed")])
    return given
