"""The board: every claim as a card, by paper, or as a row of the scoreboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Literal

import streamlit as st

from pages.ui.experiments import reader, words
from pages.ui.live import storing
from pages.ui.text import plain
from wgan_core.experiments import EXPERIMENTS, OUTCOMES, PAPERS, Experiment, Standing, scoreboard
from wgan_core.experiments.attempts import attempts
from wgan_core.experiments.standing import FOLDER
from wgan_core.experiments.verdict import Outcome
from wgan_core.host import Cache
from wgan_core.store import StoreProblem, store

REFRESH_SECONDS = 2.0
COLUMNS = 3
VIEWS = {"cards": "Cards", "scoreboard": "Scoreboard"}
Colour = Literal["green", "orange", "red"]
COLOURS: dict[Outcome, Colour] = {"reproduced": "green", "partly": "orange", "not": "red"}

_boards: Cache[dict[str, Standing | None]] = Cache(2)


def show() -> None:
    """All claims, again and again while one of them runs."""
    polling = bool(attempts().live())
    st.fragment(_board, run_every=REFRESH_SECONDS if polling else None)(polling)


def _board(polling: bool) -> None:
    live = {attempt.name for attempt in attempts().live()}
    if bool(live) != polling:
        st.rerun()  # starts or stops the timer
    board = _standings()
    with st.container(key="experiments-head", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Claims of the papers, each tried here and judged by numbers**", width="content")
        counted = words.counts(EXPERIMENTS, board)
        st.caption(" · ".join(f"**{many}** {what.lower()}" for what, many in counted.items()), width="content")
        st.space("stretch")
        view = _view()
    if view == "scoreboard":
        st.html(words.scoreboard(EXPERIMENTS, board, live))
        return
    for paper, there in groupby(EXPERIMENTS.values(), key=lambda experiment: experiment.paper):
        st.markdown(f"#### {plain(PAPERS[paper])}")
        found = list(there)
        for first in range(0, len(found), COLUMNS):
            for place, experiment in zip(
                st.columns(COLUMNS, gap="small"), found[first : first + COLUMNS], strict=False
            ):
                with place:
                    _card(experiment, board.get(experiment.name), experiment.name in live)


def _view() -> str:
    """Which view is shown; the address keeps it."""

    def chosen() -> None:
        st.query_params.from_dict({"view": st.session_state["experiments.view"]})

    asked = st.query_params.get("view", "")
    st.session_state["experiments.view"] = asked if asked in VIEWS else "cards"
    st.segmented_control(
        "View",
        list(VIEWS),
        format_func=lambda name: VIEWS[name],
        required=True,
        key="experiments.view",
        on_change=chosen,
        label_visibility="collapsed",
    )
    return str(st.session_state["experiments.view"])


def _card(experiment: Experiment, standing: Standing | None, live: bool) -> None:
    with st.container(border=True, height="stretch", key=f"card-{experiment.name}", gap="small"):
        st.markdown(f"**{plain(experiment.title)}**")
        st.markdown(plain(experiment.claim))
        st.caption(plain(experiment.source))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if live:
                st.badge("running", icon=":material/play_arrow:", color="blue")
            if standing is not None and standing.verdict is not None:
                outcome = standing.verdict.outcome
                st.badge(OUTCOMES[outcome], color=COLOURS[outcome])
                st.caption(f"{words.TITLES[standing.size]}, {standing.date}", width="content")
            elif not live:
                st.badge("never run", color="gray")
        if standing is not None and standing.verdict is not None:
            key = standing.verdict.numbers[0]
            st.caption(f"{plain(key.name)}: **{plain(words.value(key))}**")
        st.space("stretch")
        st.page_link(
            "pages/experiments.py",
            label="Watch it" if live else "Predict and run it" if standing is None else "Open",
            icon=":material/science:",
            query_params=reader.kept(experiment),
        )


def _standings() -> dict[str, Standing | None]:
    """What the scoreboard says, judged anew only where a run or a file has changed."""
    try:
        there = store().runs(search="experiment:")
        key = tuple((run.id, run.status, run.deleted, run.tags) for run in there)
        stamps = tuple(_stamps(store().folder / FOLDER))
        return _boards.get((store().folder, key, stamps, *EXPERIMENTS), lambda: scoreboard(store(), EXPERIMENTS))
    except StoreProblem as problem:
        storing.tell(problem)
        return {}


def _stamps(folder: Path) -> Iterator[tuple[str, int]]:
    """The files of computed experiments, and when they were written."""
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError):  # replaced at this moment
            yield path.name, path.stat().st_mtime_ns
