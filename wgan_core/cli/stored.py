"""``runs``, ``export`` and ``import``: what is stored, as a list and as files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, get_args

from wgan_core.export import commands
from wgan_core.export.stored import find, keep
from wgan_core.history import Status
from wgan_core.schema import ConfigError
from wgan_core.store import Sort, Store, StoredLane, StoredRun, StoreProblem

USAGE = """\
python -m wgan_core runs [--json] [--search WORDS] [--status STATUS] [--sort ORDER] [--limit N]

The newest first, unless sorted otherwise: names in the order of the alphabet, W1 from the best on, the rest from the most"""
ASCENDING = ("name", "status", "w1", "family")
HEADER = ("id", "status", "step", "data set", "objectives", "best W1", "modes", "begun", "name")


def runs(arguments: Sequence[str]) -> int:
    """List stored runs, the command first. Returns the exit status: 0 done, 1 it could not be done, 2 bad arguments."""
    parser = argparse.ArgumentParser("python -m wgan_core", usage=USAGE, allow_abbrev=False)
    parser.add_argument("command")
    parser.add_argument("--json", action="store_true", help="one JSON array")
    parser.add_argument("--search", default="", metavar="WORDS")
    parser.add_argument("--status", action="append", default=[], choices=get_args(Status))
    parser.add_argument("--sort", default="created", choices=get_args(Sort))
    parser.add_argument("--limit", type=_positive, metavar="N")
    known = parser.parse_args(arguments)
    try:
        with closing(Store()) as store:
            found = store.runs(
                search=known.search,
                statuses=known.status,
                sort=known.sort,
                descending=known.sort not in ASCENDING,
                limit=known.limit,
            )
    except (ConfigError, StoreProblem) as error:
        for problem in getattr(error, "problems", [error]):
            print(f"error: {problem}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    if known.json:
        print(json.dumps([entry(run) for run in found], ensure_ascii=False))
    elif found:
        print("\n".join(_table(found)))
    else:
        print(f"There are no such runs in {store.folder}.")
    return 0


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text[:10]) > 0):
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more; you gave “{text[:40]}”")
    return int(text[:10])


def entry(run: StoredRun) -> dict[str, Any]:
    """A run as JSON. Of several lanes its numbers are the best ones, its seconds those of all; ``lanes`` has each by itself."""
    return {
        "id": run.id,
        "status": run.status,
        "step": run.step,
        "name": run.name,
        "created": datetime.fromtimestamp(run.created, UTC).isoformat(timespec="milliseconds"),
        "dataset": run.dataset,
        "objectives": [lane.objective for lane in run.lanes],
        "seeds": run.seeds,
        "seconds": sum(lane.seconds for lane in run.lanes),
        "last_modes": _best(max, run.lanes, "last_modes"),
        "best_modes": _best(max, run.lanes, "best_modes"),
        "last_w1": _best(min, run.lanes, "last_w1"),
        "best_w1": _best(min, run.lanes, "best_w1"),
        "note": run.note,
        "tags": list(run.tags),
        "pinned": run.pinned,
        "parent": None
        if run.parent is None
        else {"run": run.parent.run_id, "lane": run.parent.lane + 1, "step": run.parent.step},
        "lanes": [vars(lane) for lane in run.lanes],
    }


def _best(choose: Callable[[list[float]], float], lanes: Sequence[StoredLane], name: str) -> float | None:
    there = [value for lane in lanes if (value := getattr(lane, name)) is not None]
    return choose(there) if there else None


def _table(found: Sequence[StoredRun]) -> list[str]:
    rows = [HEADER, *map(_row, found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(run: StoredRun) -> tuple[str, ...]:
    about = entry(run)
    w1, modes = about["best_w1"], about["last_modes"]
    return (
        run.id,
        run.status,
        f"{run.step:,}",
        run.dataset,
        ", ".join(dict.fromkeys(about["objectives"])) + (f" × {run.seeds} seeds" if run.seeds > 1 else ""),
        "" if w1 is None else f"{w1:.4g}",
        "" if modes is None else f"{modes:g}",
        datetime.fromtimestamp(run.created).strftime("%Y-%m-%d %H:%M"),
        run.name,
    )


def transfer(arguments: Sequence[str]) -> int:
    """``export`` and ``import``, the command first; see :func:`wgan_core.export.commands.main`."""
    with closing(Store()) as store:
        return commands.main(arguments, lambda run_id: find(store, run_id), lambda bundle: keep(store, bundle))
