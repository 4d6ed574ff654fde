"""What the table of stored runs has in its columns, and the orders that it can be in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache, partial
from typing import Any

import streamlit as st

from wgan_core.charts.lanes import knob_columns
from wgan_core.config import RunConfig
from wgan_core.objectives import Objective
from wgan_core.schema import ConfigError
from wgan_core.store import StoredRun

# Columns that say the same as one that is always there.
REPEATED = ("Data set", "steps")


@dataclass(frozen=True)
class Order:
    """An order of the table, and the column whose head switches it on."""

    title: str
    sort: str
    descending: bool
    column: str = ""


ORDERS = {
    "newest": Order("Newest first", "created", True, "When"),
    "oldest": Order("Oldest first", "created", False, "When"),
    "family": Order("Forks below their run", "family", False, "Family"),
    "w1": Order("Smallest W1", "w1", False, "Best W1"),
    "w1-down": Order("Largest W1", "w1", True, "Best W1"),
    "modes": Order("Most modes", "modes", True, "Best modes"),
    "modes-up": Order("Fewest modes", "modes", False, "Best modes"),
    "steps": Order("Most steps", "step", True, "Steps"),
    "steps-up": Order("Fewest steps", "step", False, "Steps"),
    "longest": Order("Longest training", "seconds", True),
    "name": Order("Name, A to Z", "name", False, "Name"),
    "name-down": Order("Name, Z to A", "name", True, "Name"),
    "status": Order("Status", "status", False, "Status"),
    "status-down": Order("Status, backwards", "status", True, "Status"),
}


def columns_of(found: Sequence[StoredRun], zone: tzinfo, families: bool = False) -> dict[str, list[Any]]:
    """The table's columns: what all runs have, what some of them have, and the knobs in which these runs differ.

    Numbers are those of the best lane, and medians over the seeds.
    """
    columns: dict[str, list[Any]] = {
        "Name": [f"↳ {title(run)}" if families and run.parent else title(run) for run in found],
        "When": [datetime.fromtimestamp(run.created, zone) for run in found],
        "Status": [run.status for run in found],
        "Data set": [run.dataset for run in found],
        "Objective": [_joined(_label(lane.objective) for lane in run.lanes) for run in found],
        "Steps": [run.step for run in found],
    }
    for name, field, best in (("modes", "modes", max), ("W1", "w1", min)):
        for when in ("last", "best"):
            values = [[getattr(lane, f"{when}_{field}") for lane in run.lanes] for run in found]
            there = [[value for value in lanes if value is not None] for lanes in values]
            columns[f"{when.title()} {name}"] = [best(lanes) if lanes else None for lanes in there]
    if any(run.deleted for run in found):
        columns["Deleted"] = [run.deleted and datetime.fromtimestamp(run.deleted, zone) for run in found]
    if any(run.pinned for run in found):
        columns["Pin"] = ["★" if run.pinned else "" for run in found]
    if any(run.tags for run in found):
        columns["Tags"] = [list(run.tags) for run in found]
    if any(run.parent for run in found):
        columns["Family"] = [
            f"from {run.parent.run_id} at step {run.parent.step:,}" if run.parent else "" for run in found
        ]
    if any(run.seeds > 1 for run in found):
        columns["Seeds"] = [run.seeds for run in found]
    return columns | _knobs(found)


def _knobs(found: Sequence[StoredRun]) -> dict[str, list[str]]:
    """The knobs in which runs differ. What a run's lanes have of each stands in one cell."""
    read = [config_of(run) for run in found]
    configs = [config.lanes if config else () for config in read]
    places = [place for place, lanes in enumerate(configs) for _ in lanes]
    knobs: dict[str, list[str]] = {}
    for name, values in knob_columns([config for lanes in configs for config in lanes]).items() if places else ():
        cells: list[list[str]] = [[] for _ in found]
        for place, value in zip(places, values, strict=True):
            cells[place].append(value)
        joined = [_joined(cell) for cell in cells]
        if name not in REPEATED and len(set(joined)) > 1:
            knobs[name] = joined
    return knobs


def config_of(run: StoredRun) -> RunConfig | None:
    """A run's config as it was started; None where this version cannot read it."""
    try:
        return _config(run.config_json)
    except ConfigError:
        return None


@lru_cache(512)  # it takes about a millisecond, and a stored config never changes
def _config(text: str) -> RunConfig:
    return RunConfig.from_json(text)


def title(run: StoredRun) -> str:
    """What a run is called: its name, or its id."""
    return run.name or run.id


def _label(objective: str) -> str:
    return Objective.kinds[objective].label if objective in Objective.kinds else objective


def _joined(values: Iterable[str]) -> str:
    return " · ".join(dict.fromkeys(values))


def heads(columns: dict[str, list[Any]], order: Order) -> dict[str, Any]:
    """How columns are shown. The one that runs are sorted by has an arrow."""
    config = st.column_config
    kinds: dict[str, Any] = {
        "Name": partial(config.TextColumn, pinned=True, width=170),
        "When": partial(config.DatetimeColumn, format="YYYY-MM-DD HH:mm", width=135),
        "Deleted": partial(config.DatetimeColumn, format="YYYY-MM-DD HH:mm", width=135),
        "Status": partial(config.TextColumn, width=85),
        "Data set": partial(config.TextColumn, width=110),
        "Objective": partial(config.TextColumn, width=150),
        "Steps": partial(config.NumberColumn, format="localized", width=80),
        "Tags": partial(config.ListColumn, width=140),
        "Pin": partial(config.TextColumn, help="Pinned runs keep all their frames when room is made for others."),
        "Family": partial(config.TextColumn, help="The run that it was forked from."),
    }
    for name in ("Last modes", "Best modes", "Last W1", "Best W1"):
        about = "Of several lanes the best one's, of several seeds the median."
        kinds[name] = partial(config.NumberColumn, format="%.3g", width=90, help=about)
    arrow = " ↓" if order.descending else " ↑"
    sortable = {each.column for each in ORDERS.values()}
    found = {}
    for name in columns:
        head = kinds.get(name, partial(config.TextColumn))
        found[name] = head(f"{name}{arrow}" if name == order.column and name in sortable else name)
    return found
