"""A fork that is being prepared: where it begins, and what will be other from there on.

The address names it, ``?fork=RUN.LANE.STEP``: the form then holds the settings of that checkpoint, and Start forks.
"""

from __future__ import annotations

import streamlit as st

from pages.ui.live import component as live
from pages.ui.text import plain
from wgan_core.charts.lanes import knob_columns
from wgan_core.charts.plotting import Clock
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import RunView
from wgan_core.schema import ConfigError, Problem
from wgan_core.store import BadCheckpoint, NotStored, Parent, StoreProblem, store


def address(parent: Parent) -> str:
    """The value of ``?fork=``."""
    return f"{parent.run_id}.{parent.lane}.{parent.step}"


def asked() -> Parent | None:
    """The fork that the address asks for. None also where it is badly written."""
    run_id, _, place = st.query_params.get("fork", "").partition(".")
    lane, _, step = place.partition(".")
    if not (run_id and lane.isdecimal() and step.isdecimal() and len(place) < 20):
        return None
    return Parent(run_id, int(lane), int(step))


def config_of(text: str) -> TrainingConfig:
    """The settings with which a fork would go on if none is changed, or ConfigError."""
    parent = asked()
    if parent is None:
        raise ConfigError([Problem("fork", f"must be RUN.LANE.STEP; you gave “{text[:60]}”")])
    try:
        return store().checkpoint(parent.run_id, parent.lane, parent.step).config
    except (BadCheckpoint, NotStored, StoreProblem) as error:
        stop()
        raise ConfigError([Problem("fork", str(error))]) from None


def stop() -> None:
    """Prepare no fork any more. The form keeps its settings."""
    st.query_params.pop("fork", None)


def draw(config: RunConfig | None, clock: Clock) -> bool:
    """Show the lane that is forked, as it was there, and in what the fork will differ. False if there is none."""
    if (parent := asked()) is None:
        return False
    try:
        view = store().lane_view(parent.run_id, parent.lane)
        was = store().checkpoint(parent.run_id, parent.lane, parent.step).config
    except (BadCheckpoint, NotStored, StoreProblem):
        return False
    changed = []
    if config is not None:
        for name, (before, after) in knob_columns([was, config.lanes[0]]).items():
            changed.append(f"{name} {before} → {after}")
    what = "; ".join(changed) or "nothing is changed yet: turn knobs in the form first"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.info(
            f"**Fork** of run {plain(parent.run_id)} at step {parent.step:,}: {plain(what)}.",
            icon=":material/call_split:",
            width="stretch",
        )
        st.button("Do not fork", key="no_fork", on_click=stop)
    at = next((getattr(f, clock) for f in reversed(view.frames) if f.step <= parent.step), None)
    live.mount(live.message(RunView(view.run_id, RunConfig.solo(view.config), (view,)), clock, at))
    return True
