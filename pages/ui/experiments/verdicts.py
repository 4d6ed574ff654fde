"""What an experiment came to: the verdict beside the prediction, its charts, and where to go from there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from pages.ui.experiments import material, reader, words
from pages.ui.form.fields import too_long
from pages.ui.live import component as live
from pages.ui.live import storing, transport
from pages.ui.runs.table import zone
from pages.ui.text import plain
from pages.ui.theory import lab
from wgan_core.experiments import (
    OUTCOMES,
    Computation,
    Computed,
    Experiment,
    Leg,
    Standing,
    TrainedExperiment,
    standings,
)
from wgan_core.experiments.reopening import computed_id
from wgan_core.experiments.standing import runs_of, tag_of
from wgan_core.experiments.verdict import HOW_JUDGED, Verdict
from wgan_core.runs import Run, UnknownRun
from wgan_core.runs.past import Past, find
from wgan_core.store import StoreProblem, store

GO_ON = "Runs that have finished count. One that can go on does, any other is trained anew."
EARLIER = 8  # runs of each size that are listed

Start = Callable[..., None]


def prediction(experiment: Experiment) -> None:
    """What the reader expects."""
    place = reader.answer(experiment)
    if place is not None:
        question = experiment.question
        st.caption(f"{plain(question.text)} You expect: **{plain(question.options[place])}**")


def show(experiment: Experiment, standing: Standing, start: Start) -> None:
    """The whole reveal.

    Parameters
    ----------
    start : callable
        Starts the experiment, from its size and the runs to go on from.
    """
    left, right = st.columns([7, 5], gap="large")
    with left:
        if standing.verdict is None:
            _no_verdict(standing)
        else:
            _verdict(standing, standing.verdict)
        _about(experiment, standing)
    with right:
        if standing.verdict is not None:
            _compared(experiment, standing)
        st.markdown("**What to try next**\n\n" + "\n".join(f"- {plain(text)}" for text in experiment.tries))
        _onwards(experiment, standing, start)
    if isinstance(experiment, Computed):
        part = _chosen_part(experiment, standing)
        st.fragment(_figure, run_every=lab.REFRESH_SECONDS if _growing(part) else None)(part)
    else:
        _legs(experiment, standing)


def _verdict(standing: Standing, verdict: Verdict) -> None:
    # In the control the claim must fail: that is what is good there.
    good = (verdict.outcome == "reproduced") != (standing.size == "control")
    say = st.success if good else st.warning if verdict.outcome == "partly" else st.error
    control = "The control, in which the claim must not hold. " if standing.size == "control" else ""
    say(f"{control}**{OUTCOMES[verdict.outcome]}**{plain(verdict.text.removeprefix(OUTCOMES[verdict.outcome]))}")
    st.html(words.numbers(verdict))


def _no_verdict(standing: Standing) -> None:
    st.warning(f"**No verdict.** {plain(standing.problem)}", icon=":material/help:")
    for run_id in standing.runs.values():
        try:
            transport.failures(find(run_id).view().lanes)
        except (UnknownRun, StoreProblem):
            continue


def _about(experiment: Experiment, standing: Standing) -> None:
    began = datetime.fromtimestamp(standing.when, zone()).strftime("%Y-%m-%d %H:%M")
    said = f"{words.TITLES[standing.size]}, begun {began}"
    if standing.pictures is not None:
        said += f", on {plain(standing.stand_in)}"
    if standing.seconds:
        kind = "computing" if isinstance(experiment, Computed) else "training"
        said += f", {words.duration(standing.seconds / 60)} of {kind}"
    st.caption(said)
    with st.expander("How it is judged", icon=":material/gavel:"):
        st.markdown(f"**What decides.** {plain(experiment.criterion)}")
        st.markdown(f"**Why these thresholds.** {plain(experiment.why)}")
        st.markdown(f"**The control.** {plain(experiment.control)}")
        st.markdown(f"**The rule.** {plain(HOW_JUDGED)}")


def _compared(experiment: Experiment, standing: Standing) -> None:
    """The prediction beside what was measured."""
    if standing.size == "control":
        st.info(plain(experiment.control), icon=":material/balance:")
        return
    question, place = experiment.question, reader.answer(experiment)
    right = question.options[question.answer]
    expected = "" if place is None else f"You expected: **{plain(question.options[place])}**. "
    st.info(
        f"{plain(question.text)} {expected}Measured when this experiment was written: **{plain(right)}**. {plain(question.why)}",
        icon=":material/check:" if place == question.answer else ":material/lightbulb:",
    )


def _onwards(experiment: Experiment, standing: Standing, start: Start) -> None:
    """Again, further, the control, the table of runs."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        unfinished = standing.verdict is None and len(standing.runs) > 0
        if unfinished and st.button("Go on", icon=":material/resume:", key="go_on", help=GO_ON):
            start(material.again(experiment, standing), standing.size, dict(standing.runs))
        if st.button("Run again", icon=":material/replay:", key="start"):
            start(material.again(experiment, standing), standing.size)
        for size in words.sizes(experiment):
            if size != standing.size:
                st.page_link(
                    "pages/experiments.py",
                    label=words.size_title(experiment, size),
                    icon=":material/science:",
                    query_params=reader.address(experiment, size=size),
                )
        if isinstance(experiment, TrainedExperiment):
            st.page_link(
                "pages/runs.py",
                label="All its runs",
                icon=":material/table:",
                query_params={"tag": tag_of(experiment)},
            )


# Of a trained experiment: its runs


def _legs(experiment: TrainedExperiment, standing: Standing) -> None:
    legs = [leg for leg in experiment.legs[standing.size] if leg.name in standing.runs]
    if not legs:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        leg = legs[0]
        if len(legs) > 1:
            names = [each.name for each in legs]
            chosen = st.segmented_control(
                "Run",
                names,
                default=names[0],
                required=True,
                key=f"leg.{experiment.name}",
                label_visibility="collapsed",
            )
            leg = legs[names.index(chosen)]
        _ways(leg, standing.runs[leg.name])
        st.space("stretch")
        clock = live.choose_clock("clock")
    try:
        run = find(standing.runs[leg.name])
    except UnknownRun as error:
        st.caption(plain(str(error)))
        return
    except StoreProblem as problem:
        storing.tell(problem, "Its charts cannot be shown: the store cannot be read.")
        return
    st.fragment(_charts)(run, clock, leg, experiment.shows)


def _charts(run: Run | Past, clock: str, leg: Leg, shows: tuple[str, ...]) -> None:
    try:
        live.draw(run, clock, leg.lanes if len(leg.lanes) > 1 else None, shows)
    except StoreProblem as problem:
        storing.tell(problem, "Its charts cannot be shown: the store cannot be read.")


def _ways(leg: Leg, run_id: str) -> None:
    """To the run on its own page, and to a form with its settings."""
    several = len(leg.lanes) > 1
    page = "pages/compare.py" if several else "pages/train.py"
    st.page_link(page, label="This run on its page", icon=":material/monitoring:", query_params={"run": run_id})
    settings = leg.config.to_url() if several else leg.config.lanes[0].to_url()
    if too_long(settings) is None:
        st.page_link(
            page,
            label="Change its settings",
            icon=":material/tune:",
            query_params={"race" if several else "config": settings},
        )


# Of a computed experiment: its figures


def _chosen_part(experiment: Computed, standing: Standing) -> Computation:
    parts = {part.name: part for part in experiment.parts[standing.size]}
    name = next(iter(parts))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if len(parts) > 1:
            name = st.segmented_control(
                "Figure",
                list(parts),
                default=name,
                required=True,
                key=f"part.{experiment.name}",
                label_visibility="collapsed",
                wrap=True,
            )
        figure = parts[name].figures()[0]
        st.page_link(
            "pages/theory.py",
            label="Move its sliders on the theory page",
            icon=":material/tune:",
            query_params={"figure": figure.kind, **{knob: str(value) for knob, value in figure.settings().items()}},
        )
    return parts[name]


def _growing(part: Computation) -> bool:
    return st.session_state.get("experiments.drawn") != _settings(part) and part.figures()[0].animated()


def _settings(part: Computation) -> str:
    return part.figures()[0].model_dump_json()


def _figure(part: Computation) -> None:
    """The figure of a part, of several seeds that of the first."""
    if lab.draw(part.figures()[0]):
        return
    if st.session_state.get("experiments.drawn") != _settings(part):
        st.session_state["experiments.drawn"] = _settings(part)
        st.rerun()  # the timer stops


# Verdicts of before


def earlier(experiment: Experiment) -> None:
    """Links to the runs of before. Their verdicts are not told here: one may not have predicted yet."""
    try:
        found = _computed(experiment) if isinstance(experiment, Computed) else _trained(experiment)
    except StoreProblem:
        return  # said at the top of the page
    if not found:
        return
    with st.expander(f"Verdicts of before ({len(found)})", icon=":material/history:"):
        for when, run_id, label in sorted(found, reverse=True):
            began = datetime.fromtimestamp(when, zone()).strftime("%Y-%m-%d %H:%M")
            st.page_link(
                "pages/experiments.py",
                label=plain(f"{began}, {label}"),
                icon=":material/gavel:",
                query_params=reader.address(experiment, run=run_id),
            )


def _computed(experiment: Computed) -> list[tuple[float, str, str]]:
    there = (each for size in words.sizes(experiment) for each in standings(store(), experiment, size))
    return [(each.when, computed_id(experiment, each.size), words.TITLES[each.size]) for each in there]


def _trained(experiment: TrainedExperiment) -> list[tuple[float, str, str]]:
    found = []
    for size in words.sizes(experiment):
        first = experiment.legs[size][0].name
        for run in runs_of(store(), experiment, size)[first][:EARLIER]:
            found.append((run.created, run.id, f"{words.TITLES[size]}, {run.status}"))
    return found
