"""What can be done with the run that is shown: train it further, fork it, take it away, find it among all runs."""

from __future__ import annotations

import streamlit as st

from pages.ui.live import exports, forking, storing, transport
from pages.ui.text import plain
from wgan_core.charts.lanes import lane_names
from wgan_core.runs import Run, manager
from wgan_core.runs.past import Past
from wgan_core.store import NotStored, Parent, StoredRun, StoreProblem, store

MORE_STEPS = 500


def draw(run: Run | Past) -> None:
    """An expander in the sidebar."""
    if isinstance(run, Past) and not run.stored:
        st.caption("A recorded run. Move the slider, or press ▶ beside it, to see how it went.")
        return
    with st.expander("This run", icon=":material/more_horiz:"):
        _contents(run.id)


@st.fragment
def _contents(run_id: str) -> None:
    storing.settle(1.0)  # the last checkpoint of a run that has just ended may be on its way
    try:
        stored = store().run(run_id)
    except (NotStored, StoreProblem) as error:
        memory = "The run is in memory only, and gone when the server ends. What you export stays."
        st.caption(plain(memory if store().problem else str(error)))
        exports.menu(run_id)
        return
    try:
        _stored(stored)
    except (NotStored, StoreProblem) as error:
        st.caption(plain(str(error)))


def _stored(stored: StoredRun) -> None:
    """What can be done with a run that is in the store."""
    run_id = stored.id
    st.caption(plain(stored.name or f"Run {run_id}"))
    if stored.parent is not None:
        st.caption(f"Forked from run {plain(stored.parent.run_id)} at step {stored.parent.step:,}")
    with st.container(horizontal=True, gap="small"):
        st.page_link("pages/runs.py", label="In the table", icon=":material/table:", query_params={"run": run_id})
        st.page_link("pages/samples.py", label="Samples", icon=":material/grid_view:", query_params={"run": run_id})
        exports.menu(run_id)
    _fork(run_id, len(stored.lanes))
    if stored.status == "finished" and stored.config.clock == "step":
        _further(run_id)


def _fork(run_id: str, lanes: int) -> None:
    lane = 0
    if lanes > 1:
        names = lane_names([view.config for view in store().view(run_id).lanes])
        lane = st.selectbox("Lane to fork", range(lanes), format_func=lambda i: names[i], key=f"fork_lane.{run_id}")
    steps = store().checkpoints(run_id, lane)
    if not steps:
        st.caption("It can be forked once it has a checkpoint, which takes a few seconds of training.")
        return
    step = steps[-1]
    if len(steps) > 1:
        step = st.select_slider(
            "Fork at step", steps, value=step, key=f"fork_step.{run_id}.{lane}.{hash(tuple(steps))}"
        )
    if st.button(
        f"Fork at step {step:,}",
        icon=":material/call_split:",
        width="stretch",
        key=f"fork.{run_id}",
        help="Begin another run with the networks as they were there, and other knobs.",
    ):
        st.switch_page("pages/train.py", query_params={"fork": forking.address(Parent(run_id, lane, step))})


def _further(run_id: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        more = st.number_input("Further steps", 1, 1_000_000, MORE_STEPS, step=100, key=f"more.{run_id}")
        if st.button("Train further", icon=":material/resume:", key=f"further.{run_id}"):
            transport.begin(lambda: manager().resume(run_id, int(more)))
            st.rerun()
