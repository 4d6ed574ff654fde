"""What a reader has chosen, kept in the address so that a reload loses nothing, and in the session for coming back.

``/experiments?name=NAME`` is one experiment, with ``&answer=2`` what one predicts, with ``&size=full`` the size, and with
``&run=ID`` an attempt, running or ended.
"""

from __future__ import annotations

import streamlit as st

from pages.ui.experiments import words
from wgan_core.experiments import Experiment, Size

ANSWERS = "experiments.answers"


def keep_address() -> None:
    """Put what was asked for into the browser's address: a link from this page to itself does not bring it there."""
    link = st.query_params.to_dict()
    if st.session_state.get("experiments.link") != link:
        st.session_state["experiments.link"] = link
        st.query_params.from_dict(link)


def answer(experiment: Experiment) -> int | None:
    """The place of the option that one predicts; None before one does."""
    answers: dict[str, int] = st.session_state.setdefault(ANSWERS, {})
    given = st.query_params.get("answer", "")
    if given.isdecimal() and 1 <= int(given[:3]) <= len(experiment.question.options):
        answers[experiment.name] = int(given[:3]) - 1
    return answers.get(experiment.name)


def predict(experiment: Experiment, place: int | None) -> None:
    """Keep what one predicts."""
    if place is not None:
        st.session_state.setdefault(ANSWERS, {})[experiment.name] = place
        st.query_params["answer"] = str(place + 1)


def size(experiment: Experiment) -> Size:
    """The size to run: that of the address, or the smallest."""
    there = words.sizes(experiment)
    return next((each for each in there if each == st.query_params.get("size")), there[0])


def kept(experiment: Experiment) -> dict[str, str]:
    """The address of an experiment as one comes to it, with what one has predicted earlier."""
    place = st.session_state.get(ANSWERS, {}).get(experiment.name)
    return {"name": experiment.name} | ({} if place is None else {"answer": str(place + 1)})


def address(experiment: Experiment, **more: str) -> dict[str, str]:
    """The address of the experiment that is shown."""
    answer(experiment)
    return kept(experiment) | more


def go(experiment: Experiment, **more: str) -> None:
    """Change the address."""
    st.query_params.from_dict(address(experiment, **more))
