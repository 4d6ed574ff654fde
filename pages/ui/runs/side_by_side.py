"""Stored runs beside each other: their curves in one place, to be looked at, or as the lanes of a new race."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui.live import component as live
from pages.ui.live.packets import KEPT_MESSAGES, join
from pages.ui.text import plain
from wgan_core.charts.lanes import Shown, lane_colours, lane_names, table
from wgan_core.charts.plotting import Clock
from wgan_core.config import MOST_LANES, RunConfig, TrainingConfig
from wgan_core.config.run import SHARED
from wgan_core.history import LIVE, LaneView, overall
from wgan_core.host import Cache
from wgan_core.runs import UnknownRun, manager
from wgan_core.schema import ConfigError, Problem
from wgan_core.store import NotStored, StoredRun, store

_messages: Cache[bytes] = Cache(KEPT_MESSAGES)


def views_of(run: StoredRun) -> tuple[LaneView, ...]:
    """A run's lanes: as they are now if it trains here, and else as they are stored."""
    if run.status in LIVE:
        try:
            return manager().get(run.id).view().lanes
        except UnknownRun:
            pass  # another process trains it
    return store().view(run.id).lanes


def overlaid(runs: Sequence[StoredRun]) -> list[Shown]:
    """The lanes of several runs under names that tell them apart.

    Raises
    ------
    ConfigError
        They are too many, or their data have another shape.
    """
    count = sum(len(run.lanes) for run in runs)
    if not 2 <= count <= MOST_LANES:
        raise ConfigError(
            [Problem("", f"2 to {MOST_LANES} lanes can be laid over each other; these runs have {count}")]
        )
    views = [view for run in runs for view in views_of(run)]
    shapes = {view.config.dataset.shape: view.config.dataset.label for view in views}
    if len(shapes) > 1:
        given = " and ".join(f"{label} ({' × '.join(map(str, shape))})" for shape, label in shapes.items())
        raise ConfigError(
            [Problem("", f"the data of these runs have other shapes, {given}: one chart cannot hold them")]
        )
    configs = [view.config for view in views]
    names = _names(runs, lane_names(configs))
    colours = lane_colours([config.objective.kind for config in configs])
    return [Shown(*lane) for lane in zip(views, names, colours, strict=True)]


def _names(runs: Sequence[StoredRun], labels: Sequence[str]) -> list[str]:
    """What lanes are called: by their run's name, or by what tells their configs apart."""
    owners = [run for run in runs for _ in run.lanes]
    names = []
    for run, label in zip(owners, labels, strict=True):
        if run.name and len(run.lanes) == 1:
            names.append(run.name)
        elif run.name:
            names.append(f"{label}, {run.name}")
        else:
            names.append(label)
    return [name if names.count(name) == 1 else f"{name} ({run.id})" for name, run in zip(names, owners, strict=True)]


def message(lanes: Sequence[Shown], clock: Clock, at: float | None = None) -> bytes:
    """What the live component draws of lanes that were trained apart from each other."""
    run = _name(lanes)

    def build() -> bytes:
        past = lanes if at is None else [Shown(x.view.at(at, clock), x.name, x.color) for x in lanes]
        views = [lane.view for lane in past]
        progress = [live.progress(lane, RunConfig.solo(lane.view.config, lane.view.seeds)) for lane in past]
        # What the strip says of all lanes of a race is said here of each run's.
        for name in ("dataset", "device"):
            together = " · ".join(dict.fromkeys(each[name] for each in progress))
            progress = [each | {name: together} for each in progress]
        head: dict[str, Any] = {
            "run": run,
            "view": f"{run}:{clock}",
            "file": f"overlay-{run}",
            "lanes": len(lanes),
            "status": overall(view.status for view in views),
            "progress": progress,
            "findings": live.coached([lane.view for lane in lanes]),
            "table": table(past),
            "clock": clock,
            "frames": live.frames(views, clock),
            "at": at,
        }
        return join(head, live.lanes_packets(past, clock))

    key = (*((lane.view.key, lane.view.version, lane.name) for lane in lanes), clock, at)
    return _messages.get(key, build)


def _name(lanes: Sequence[Shown]) -> str:
    return f"{zlib.crc32(' '.join(map(str, (lane.view.key for lane in lanes))).encode()):08x}"


def show(run_ids: Sequence[str]) -> None:
    """The whole of ``/runs?overlay=ID,ID``: the charts of these runs, read only."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link("pages/runs.py", label="All runs", icon=":material/arrow_back:")
        st.space("stretch")
        clock = live.choose_clock("overlay.clock")
    try:
        # As many as a race may have lanes, and one more so that too many are refused.
        runs = [store().run(run_id) for run_id in list(dict.fromkeys(run_ids))[: MOST_LANES + 1]]
        overlaid(runs)
    except (ConfigError, NotStored) as error:
        st.warning(plain(str(error)), icon=":material/search_off:")
        return
    training = any(run.status in LIVE for run in runs)
    st.fragment(_charts, run_every=live.REFRESH_SECONDS if training else None)(runs, clock, training)


def _charts(runs: Sequence[StoredRun], clock: Clock, training: bool) -> None:
    lanes = overlaid(runs)
    live.mount(message(lanes, clock, live.looking_back(_name(lanes), clock)))
    if training and not any(lane.view.live for lane in lanes) and store().flush(2.0):
        st.rerun()  # all have ended: the timer stops


def as_lanes(runs: Sequence[StoredRun]) -> tuple[RunConfig, list[str]]:
    """A race with the lanes of these runs, as their configs are now, and the fields that it takes from the first of them all.

    Raises
    ------
    ConfigError
        They are too many, or were trained on other data.
    """
    views = [view for run in runs for view in views_of(run)]
    configs = [view.config for view in views]
    first = configs[0]
    taken = [
        name for name in SHARED if name != "dataset" and any(getattr(c, name) != getattr(first, name) for c in configs)
    ]
    ruled = {name: value for name, value in first.model_dump().items() if name in taken}
    lanes = [config.model_dump(exclude={"steps", "snapshot_every"}) | ruled for config in configs]
    whole = [run.config for run in runs]
    clocks = {each.clock for each in whole}
    if clocks == {"step"}:
        length = max(config.steps for config in configs)  # a run that went on for longer has more than its race
    else:
        length = max(each.length for each in whole) if len(clocks) == 1 else max(1, *(view.step for view in views))
    race = RunConfig.parse(
        {
            "lanes": lanes,
            "clock": whole[0].clock if len(clocks) == 1 else "step",
            "length": length,
            "snapshot_every": whole[0].snapshot_every,
        }
    )
    return race, [str(TrainingConfig.model_fields[name].title) for name in taken]
