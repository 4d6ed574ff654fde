"""What is known of one stored run, in a few lines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import streamlit as st

from pages.ui.runs.columns import config_of, title
from pages.ui.text import plain
from wgan_core.charts.lanes import summary
from wgan_core.store import StoredRun, store

Colour = Literal["green", "orange", "blue", "red", "gray"]
COLOURS: dict[str, Colour] = {"running": "green", "paused": "orange", "finished": "blue", "failed": "red"}
MOST_FORKS = 20
MOST_NAMED = 6


def draw_all(runs: Sequence[StoredRun], listed: Collection[str]) -> None:
    """What the ticked runs are: of one all that is known, of several their names.

    Parameters
    ----------
    listed : Collection[str]
        The ids of those in the table. Of others it is said that they are not.
    """
    if hidden := sum(run.id not in listed for run in runs):
        st.caption(f"{hidden} of the ticked runs {'is' if hidden == 1 else 'are'} not in the list above.")
    if len(runs) == 1:
        draw(runs[0])
    elif runs:
        named = ", ".join(f"**{plain(title(run))}**" for run in runs[:MOST_NAMED])
        more = f" and {len(runs) - MOST_NAMED} more" if len(runs) > MOST_NAMED else ""
        st.markdown(f"{len(runs)} runs: {named}{more}")


def draw(run: StoredRun) -> None:
    """What it is called, what was trained, how it did, and where it comes from."""
    config = config_of(run)
    configs = config.lanes if config else ()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(title(run))}**", width="content")
        st.badge(run.status, color=COLOURS.get(run.status, "gray"))
        for tag in run.tags:
            # A badge minds square brackets by itself.
            st.badge(plain(tag).replace(r"\[", "[").replace(r"\]", "]"), color="gray", icon=":material/label:")
    facts = [f"run {run.id}"]
    if configs:
        first = configs[0]
        seeds = f"{run.seeds} seeds from {first.seed}" if run.seeds > 1 else f"seed {first.seed}"
        facts += [summary(first.dataset), seeds]
    facts += [f"on {run.lanes[0].device}", f"{sum(lane.seconds for lane in run.lanes):.3g} s of training"]
    st.caption(" · ".join(map(plain, facts)))
    if run.note:
        st.markdown("  \n".join(map(plain, run.note.split("\n"))))
    views = store().view(run.id).lanes if config else ()
    for number, lane in enumerate(run.lanes):
        name = summary(configs[number].objective) if configs else lane.objective
        # A race by seconds has no last step, and a run that was made longer has another.
        end = configs[number].steps if config and config.clock == "step" else 0
        planned = f" of {end:,}" if lane.step <= end else ""
        said = [f"{lane.status}, step {lane.step:,}{planned}"]
        for label, last, best in (("modes", lane.last_modes, lane.best_modes), ("W1", lane.last_w1, lane.best_w1)):
            if last is not None and best is not None:
                said.append(f"{label} {last:.3g} (best {best:.3g})")
        if views and (found := [event.text for event in views[number].events if event.kind == "finding"]):
            said.append(f"coach: {plain(', '.join(found))}")
        if views:
            said += [plain(event.text) for event in views[number].events if event.kind == "data"]
        st.markdown(f"**{plain(name)}**: {' · '.join(said)}")
    for view in views:
        if view.failure is not None:
            st.markdown(f"**{plain(view.failure.message)}** {plain(view.failure.cause)}")
    _family(run)


def _family(run: StoredRun) -> None:
    """Where a run was forked from, and what was forked from it."""
    links = []
    if run.parent is not None:
        lane = f", lane {run.parent.lane + 1}" if run.parent.lane else ""
        links.append((f"Forked from {run.parent.run_id} at step {run.parent.step:,}{lane}", run.parent.run_id))
    for child in store().runs(parent=run.id, descending=False, limit=MOST_FORKS):
        assert child.parent is not None
        links.append((f"Fork at step {child.parent.step:,}: {title(child)}", child.id))
    if links:
        with st.container(horizontal=True, gap="small"):
            for label, run_id in links:
                st.page_link(
                    "pages/runs.py", label=plain(label), icon=":material/fork_right:", query_params={"run": run_id}
                )
