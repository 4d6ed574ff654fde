"""The bench: one experiment, from the claim and a prediction over the running to the verdict."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.ui.experiments import material, reader, verdicts, words
from pages.ui.live import component as live
from pages.ui.live import storing, transport
from pages.ui.text import plain
from pages.ui.theory import lab
from wgan_core.experiments import PAPERS, Computed, Experiment, Size
from wgan_core.experiments.attempts import Attempt, Computing, TrainingAttempt, attempts
from wgan_core.experiments.reopening import reopened
from wgan_core.experiments.standing import Standing
from wgan_core.history import LIVE
from wgan_core.host import DeviceError
from wgan_core.runs import Run, TooManyRuns, UnknownRun
from wgan_core.schema import ConfigError
from wgan_core.store import StoreProblem, store

FIRST_SECONDS = 1.0  # that a click waits, for what is computed at once or a first chart


def show(experiment: Experiment) -> None:
    """The whole page of an experiment."""
    with st.container(key="experiments-head", horizontal=True, vertical_alignment="center", gap="small"):
        # Without any part of an address, a link from a page to itself would keep the one that is there.
        st.page_link(
            "pages/experiments.py",
            label="All experiments",
            icon=":material/arrow_back:",
            query_params={"view": "cards"},
        )
        st.markdown(f"#### {plain(experiment.title)}", width="content")
        st.caption(plain(f"{PAPERS[experiment.paper]}. {experiment.source}"), width="content")
    st.markdown(f"**The claim.** {plain(experiment.claim)}")
    if refused := st.session_state.pop("refused", None):
        st.error(plain(refused), icon=":material/block:")
    attempt, standing = _shown(experiment)
    if attempt is not None and standing is None:
        verdicts.prediction(experiment)
        st.fragment(_running, run_every=live.REFRESH_SECONDS)(attempt)
    elif standing is not None:
        verdicts.show(experiment, standing, _start)
    else:
        _before(experiment)


def _shown(experiment: Experiment) -> tuple[Attempt | None, Standing | None]:
    """What the address names: an attempt of this process, and what it came to or what an older one did."""
    if not (run_id := st.query_params.get("run", "")[:64]):
        return None, None
    attempt = attempts().get(run_id)
    if attempt is not None and attempt.name == experiment.name:
        return attempt, attempt.standing
    try:
        return None, reopened(store(), experiment, run_id)
    except UnknownRun:
        said = f"No run “{run_id}” of this experiment is stored here. It may have been deleted."
        st.warning(plain(said), icon=":material/search_off:")
    except StoreProblem as problem:
        storing.tell(problem, f"Run {run_id} cannot be shown: the store cannot be read.")
    return None, None


# Before


def _before(experiment: Experiment) -> None:
    """The question, what is measured, and the start."""
    left, right = st.columns([5, 6], gap="large")
    with left:
        _predict(experiment)
    with right:
        st.markdown(f"**What decides.** {plain(experiment.criterion)}")
        st.markdown(f"**Why these thresholds.** {plain(experiment.why)}")
    size = _size(experiment)
    asked = reader.answer(experiment) is None and size != "control"
    if size == "control":
        st.caption(f"The claim must not hold here. {plain(experiment.control)}")
    wanted = material.choose(experiment, size)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Run",
            icon=":material/play_arrow:",
            type="primary",
            key="start",
            disabled=asked or wanted is None,
            help="First choose what you expect." if asked else None,
        ):
            _start(wanted or experiment, size)
        for other in attempts().live(experiment.name):
            st.page_link(
                "pages/experiments.py",
                label=f"Watch the one that runs now ({words.TITLES[other.size].lower()})",
                icon=":material/visibility:",
                query_params=reader.address(experiment, run=other.id),
            )
        st.caption(_limits(experiment, size), width="content")
    verdicts.earlier(experiment)


def _predict(experiment: Experiment) -> None:
    question = experiment.question
    key = f"predict.{experiment.name}"
    # Once a widget has a value, its index is not asked for: the address may have come to hold another answer.
    st.session_state[key] = reader.answer(experiment)
    st.radio(
        f"**What do you expect?** {plain(question.text)}",
        range(len(question.options)),
        format_func=lambda place: plain(question.options[place]),
        key=key,
        on_change=lambda: reader.predict(experiment, st.session_state[key]),
    )


def _size(experiment: Experiment) -> Size:
    def chosen() -> None:
        reader.go(experiment, size=st.session_state[key])

    key = f"size.{experiment.name}"
    st.session_state[key] = reader.size(experiment)
    size: Size | None = st.segmented_control(
        "Size",
        words.sizes(experiment),
        format_func=lambda size: words.size_title(experiment, size),
        required=True,
        key=key,
        on_change=chosen,
        help="The times were measured on two CPU cores.",
        label_visibility="collapsed",
    )
    return size or reader.size(experiment)


def _limits(experiment: Experiment, size: Size) -> str:
    if isinstance(experiment, Computed):
        return "Computed from definitions, without a stored run."
    legs = len(experiment.legs[size])
    one = "One run" if legs == 1 else f"{legs} runs, one after another"
    return f"{one} on this server, which trains at most {transport.runs.live_limit} at once. All is kept if you leave."


def _start(experiment: Experiment, size: Size, before: dict[str, str] | None = None) -> None:
    """Start an experiment and show it, or say why it cannot be."""
    try:
        attempt = attempts().start(experiment, size, before)
    except (TooManyRuns, DeviceError, ConfigError, StoreProblem) as reason:
        transport.refuse(str(reason))
        st.rerun()
    if isinstance(attempt, TrainingAttempt) and attempt.now is not None:
        attempt.now.wait_for_snapshot(FIRST_SECONDS)
    else:
        attempt.join(FIRST_SECONDS)
    reader.go(experiment, run=attempt.id, size=size)
    st.rerun()


# While it runs


def _running(attempt: Attempt) -> None:
    """The bar and what trains or is computed now: the one fragment of the page."""
    if attempt.standing is not None:
        st.rerun()
    if isinstance(attempt, TrainingAttempt):
        _training(attempt)
    elif isinstance(attempt, Computing):
        _computing(attempt)


def _training(attempt: TrainingAttempt) -> None:
    legs = attempt.experiment.legs[attempt.size]
    run, begun = attempt.now, len(attempt.runs)
    if run is None:  # all legs were trained before: it is being judged
        return
    leg = next(leg for leg in legs if attempt.runs.get(leg.name) == run.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        transport.pause(run)
        _stop_button(attempt.stop)
        share = (begun - 1 + _share(run)) / len(legs)
        size = words.TITLES[attempt.size]
        st.markdown(
            f"{size}: run {begun} of {len(legs)}, **{plain(leg.name)}** · {share:.0%} in all"
            if len(legs) > 1
            else f"{size} · the verdict comes at the end",
            width="content",
        )
        st.space("stretch")
        clock = live.choose_clock("clock")
    if attempt.waiting:
        st.info(plain(attempt.waiting), icon=":material/hourglass_empty:")
    live.draw(run, clock, leg.lanes if len(leg.lanes) > 1 else None, attempt.experiment.shows)


def _share(run: Run) -> float:
    """How far a run has come, 0 to 1."""
    if run.status not in LIVE:
        return 1.0
    views = run.view().lanes
    clock = [view.seconds / run.config.length for view in views]
    steps = [view.step / view.config.steps for view in views]
    return min(1.0, *(clock if run.config.clock == "seconds" else steps))


def _computing(attempt: Computing) -> None:
    progress = attempt.progress
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _stop_button(attempt.stop)
        if progress is not None:
            st.markdown(f"**{plain(progress.part)}** · {progress.share:.0%} in all", width="content")
    if progress is not None:
        lab.mount(progress.figure, progress.result)


def _stop_button(stop: Callable[[], None]) -> None:
    st.button("Stop", icon=":material/stop:", key="stop", on_click=stop)
