"""The page of samples: which run, which step, which latents, and a view of what the generator makes of them."""

from __future__ import annotations

import streamlit as st

from pages.ui.live import storing
from pages.ui.runs.columns import config_of
from pages.ui.samples import VIEWS, controls, message, views_of
from pages.ui.samples.look import Look
from pages.ui.scripts import address
from pages.ui.text import plain
from wgan_core.datasets import DataError
from wgan_core.explore import NoWeights, Sampler, sampler, steps
from wgan_core.history import LIVE
from wgan_core.host import Cache
from wgan_core.lessons.presets import PRESETS
from wgan_core.runs import UnknownRun
from wgan_core.runs.past import RECORDINGS
from wgan_core.store import NotStored, StoredRun, StoreProblem, store

REFRESH_SECONDS = 3.0
LISTED = 50
PRESET = "fashion-wgan-gp"

_component = st.components.v2.component(
    "wgan_samples",
    js=f"""
const samples = import(new URL("{address("samples.js")}", document.baseURI).href);
export default function (component) {{
  samples.then((module) => module.show(component));
  return () => samples.then((module) => module.dismiss(component.parentElement));
}}
""",
    isolate_styles=False,  # plotly's own styles live in the document
)
_messages: Cache[bytes] = Cache(48)


def show() -> None:
    """The whole page."""
    try:
        with st.sidebar:
            run = _choose_run()
            lane = _choose_lane(run)
            # The last checkpoint of a run that has just ended may be on its way.
            storing.settle(1.0)
            there = steps(store(), run.id, lane)
            step = _choose_step(run.id, lane, there)
            found = sampler(store(), run.id, lane, step)
            look = controls.latents_form(found)
    except StoreProblem as problem:
        storing.tell(problem, "No weights can be looked into: the store cannot be read.")
        return
    except (NoWeights, DataError) as why:
        st.info(plain(str(why)), icon=":material/info:")
        st.page_link(
            "pages/train.py",
            label=f"Train a generator: {PRESETS[PRESET].title}",
            icon=":material/play_arrow:",
            query_params={"preset": PRESET},
        )
        return
    polling = run.status in LIVE
    st.fragment(_stage, run_every=REFRESH_SECONDS if polling else None)(run.id, lane, there, found, look, polling)


# Which generator


def _choose_run() -> StoredRun:
    """The run that the address names, or else the newest that has weights. NoWeights where there is none."""
    runs = {run.id: run for run in store().runs(limit=LISTED)}
    asked = st.query_params.get("run", "")[:64]
    refused: NoWeights | None = None
    if not asked:
        asked = next((run_id for run_id in runs if store().checkpoints(run_id)), "")
        if asked:
            st.query_params["run"] = asked
    elif asked not in runs:
        try:
            runs[asked] = store().run(asked)
        except NotStored:
            refused = _refusal(asked)
    key = f"samples.run.{asked}"  # another one when the address has changed

    def chosen() -> None:
        for name in ("lane", "step"):
            st.query_params.pop(name, None)
        st.query_params["run"] = st.session_state[key]

    st.selectbox(
        "Run",
        list(runs),
        index=list(runs).index(asked) if asked in runs else None,
        key=key,
        format_func=lambda run_id: _label(runs[run_id]),
        placeholder="Choose a run" if runs else "No runs yet",
        on_change=chosen,
        help="Stored runs, the newest first, also those that train now. Of several seeds you see the first.",
    )
    if asked not in runs:
        raise refused or NoWeights("No run has a checkpoint yet. Train one, and look into its generator here.")
    return runs[asked]


def _refusal(run_id: str) -> NoWeights:
    if run_id in RECORDINGS:
        return NoWeights(
            f"“{RECORDINGS[run_id].title}” is a recording: its pictures came with the software, its weights did not. Train a"
            " run of your own to look into its generator."
        )
    return NoWeights(str(UnknownRun(run_id)))


def _label(run: StoredRun) -> str:
    config = config_of(run)
    objective = config.lanes[0].objective.label if config else run.lanes[0].objective
    return f"{run.name or run.id} · {run.dataset}, {objective}, step {run.step:,}"


def _choose_lane(run: StoredRun) -> int:
    """Which lane of a comparison."""
    if len(run.lanes) == 1:
        return 0
    given = st.query_params.get("lane", "")
    numbers = range(len(run.lanes))
    key = f"samples.lane.{run.id}"
    if key not in st.session_state and given.isdecimal() and int(given) in numbers:
        st.session_state[key] = int(given)
    lane: int = st.selectbox("Lane", numbers, key=key, format_func=lambda i: f"Lane {i + 1}: {run.lanes[i].objective}")
    _remember("lane", str(lane))
    return lane


def _choose_step(run_id: str, lane: int, there: list[int]) -> int | None:
    """A step that has weights, or None for the newest, whichever that is."""
    key = f"samples.step.{run_id}.{lane}.{hash(tuple(there))}"
    kept = f"samples.step.{run_id}.{lane}"  # over a list that grows
    given = st.query_params.get("step", "")
    if kept not in st.session_state:
        st.session_state[kept] = int(given) if given.isdecimal() and int(given) in there else None
    if st.session_state[kept] not in there:
        st.session_state[kept] = None
    if len(there) > 1:
        chosen = st.select_slider(
            "Step",
            there,
            value=st.session_state[kept] or there[-1],
            key=key,
            format_func=lambda step: f"{step:,}{' (newest)' if step == there[-1] else ''}",
            help="Where weights are kept: checkpoints come every few seconds of training, and old ones are thinned out.",
        )
        st.session_state[kept] = chosen if chosen != there[-1] else None
    else:
        st.caption(f"Weights are kept of step {there[-1]:,}.")
    step: int | None = st.session_state[kept]
    _remember("step", "" if step is None else str(step))
    return step


def _remember(name: str, value: str) -> None:
    """Put a choice into the address, so that a link opens the same."""
    if not value:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value


# The stage


def _stage(run_id: str, lane: int, there: list[int], found: Sampler, look: Look, polling: bool) -> None:
    """The views: the one fragment of the page."""
    if polling:
        try:
            newer = steps(store(), run_id, lane) != there or store().run(run_id).status not in LIVE
        except (NoWeights, NotStored, StoreProblem):
            newer = True  # the page says what has become of them
        if newer:
            st.rerun()  # there are newer weights, or the run has ended
    view = _choose_view(found)
    st.caption(VIEWS[view].says)
    if view in ("sliders", "plane"):
        look = controls.base(look)
    if view == "sliders":
        left, picture = st.columns([3, 9], gap="medium")
        with left:
            look = controls.sliders(found, look)
    else:
        picture = st.container()
    if view == "between":
        with picture:
            look = controls.ends(look)
    with picture:
        _draw(found, view, look)
    if view == "samples":
        controls.downloads(run_id, found, look)


def _choose_view(found: Sampler) -> str:
    names = views_of(found)
    key = f"samples.view.{found.config.dataset.is_image}"
    given = st.query_params.get("view", "")
    st.session_state.setdefault(key, given if given in names else names[0])
    view = st.segmented_control(
        "View",
        names,
        key=key,
        format_func=lambda name: VIEWS[name].title,
        required=True,
        label_visibility="collapsed",
    )
    view = view or names[0]
    _remember("view", "" if view == names[0] else view)
    return view


def _draw(found: Sampler, view: str, look: Look) -> None:
    """Mount the panels of a view, or say why there are none."""
    look = look.seen_in(view)
    try:
        data = _messages.get((found.mark, look), lambda: message(found, look))
    except DataError as error:
        st.error(plain(str(error)), icon=":material/folder_off:")
        return
    _component(key=controls.KEY, data=data, on_picked_change=controls.picked, default={})
