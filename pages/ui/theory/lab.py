"""The theory lab on its page: choose a figure, move its sliders, read its numbers, answer its question."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st
from pydantic.fields import FieldInfo

from pages.ui.scripts import address
from pages.ui.text import plain
from pages.ui.theory.message import message
from wgan_core.host import Cache
from wgan_core.schema import ConfigError
from wgan_core.schema.errors import bounds, choices
from wgan_core.theory import FIGURES, Figure, build
from wgan_core.theory.jobs import jobs
from wgan_core.theory.result import Result

REFRESH_SECONDS = 0.5
FIRST_FRAME_SECONDS = 1.0
BESIDE = 24  # letters of choices that stand side by side; longer ones go into a list
LOG_STEPS = 24  # of a logarithmic slider, in each power of ten
KEY = "theory-figure"
CHOSEN = "theory.figure"

_component = st.components.v2.component(
    "wgan_theory_figure",
    js=f"""
const theory = import(new URL("{address("theory.js")}", document.baseURI).href);
export default function (component) {{
  theory.then((module) => module.show(component));
  return () => theory.then((module) => module.dismiss(component.parentElement));
}}
""",
    isolate_styles=False,  # plotly's own styles live in the document
)
_messages: Cache[bytes] = Cache(64)


def show() -> None:
    """The whole page."""
    _open_link()
    polling = bool(st.session_state.get("theory.polling"))
    st.fragment(_stage, run_every=REFRESH_SECONDS if polling else None)(polling)


# What is chosen, and its place in the address


def _settings(name: str) -> dict[str, Any]:
    """What the knobs of a figure hold, perhaps wrong. Kept while other figures are shown."""
    kept: dict[str, dict[str, Any]] = st.session_state.setdefault("theory.settings", {})
    return kept.setdefault(name, build(name).model_dump(exclude={"kind"}))


def _set(name: str, settings: dict[str, Any]) -> None:
    """Put a figure's knobs to these settings, the others to their defaults."""
    whole = build(name, settings).model_dump(exclude={"kind"})
    _settings(name).update(whole)
    for knob, value in whole.items():
        st.session_state[_key(name, knob)] = value


def _key(name: str, knob: str) -> str:
    return f"theory.{name}.{knob}"


def _open_link() -> None:
    """Take figure and settings from the address where it has changed by other hands than ours."""
    link = st.query_params.to_dict()
    if link == st.session_state.get("theory.link"):
        return
    st.session_state["theory.link"] = link
    if not link:
        return
    settings = dict(link)
    name = settings.pop("figure", st.session_state.get(CHOSEN, next(iter(FIGURES))))
    if name in FIGURES:
        st.session_state[CHOSEN] = name
    try:
        build(name, settings)
    except ConfigError as error:
        st.session_state["theory.refused"] = str(error)
    else:
        _set(name, settings)


def _write_link(figure: Figure) -> None:
    link = {"figure": figure.kind, **{knob: str(value) for knob, value in figure.settings().items()}}
    if st.session_state.get("theory.link") != link:
        st.session_state["theory.link"] = link
        st.query_params.from_dict(link)


def _move(by: int) -> None:
    """Choose the next figure or the one before."""
    names = list(FIGURES)
    st.session_state[CHOSEN] = names[(names.index(st.session_state[CHOSEN]) + by) % len(names)]


# The stage


def _stage(polling: bool) -> None:
    """Everything that a slider changes: the one fragment of the page."""
    if refused := st.session_state.pop("theory.refused", None):
        st.error(plain(f"The link was refused. {refused}"), icon=":material/block:")
    controls, picture = st.columns([3, 8], gap="medium")
    with controls:
        name = _choose()
        kind = FIGURES[name]
        st.markdown(" ".join(plain(sentence) for sentence in kind.says))
        _presets(name)
        settings = _knobs(name)
        st.button(
            "Reset", icon=":material/restart_alt:", key="theory.reset", type="tertiary", on_click=_set, args=(name, {})
        )
    with picture:
        st.latex(kind.formula)
        figure = _figure(name, settings)
        going = draw(figure)
        st.caption(plain(kind.source))
    _write_link(figure)
    _around(figure)
    if going != polling:
        # The timer belongs to the whole page.
        st.session_state["theory.polling"] = going
        st.rerun()


def _choose() -> str:
    names = list(FIGURES)
    st.session_state.setdefault(CHOSEN, names[0])
    name: str = st.selectbox(
        "Figure",
        names,
        key=CHOSEN,
        format_func=lambda name: f"{names.index(name) + 1}. {FIGURES[name].label}",
        label_visibility="collapsed",
    )
    return name


def _knobs(name: str) -> dict[str, Any]:
    """Draw the sliders, and return what they hold."""
    held = _settings(name)
    for knob, field in FIGURES[name].model_fields.items():
        if knob != "kind":
            held[knob] = _knob(_key(name, knob), field, held[knob])
    return held


def _knob(key: str, field: FieldInfo, value: Any) -> Any:
    """One input, by the field's type."""
    title, help = str(field.title), field.description
    st.session_state.setdefault(key, value)
    if options := choices(field):
        words = {option: str(option).replace("-", " ") for option in options}
        if sum(map(len, words.values())) > BESIDE:
            return st.selectbox(title, options, key=key, help=help, format_func=words.__getitem__)
        return st.segmented_control(title, options, key=key, help=help, format_func=words.__getitem__, required=True)
    if field.annotation is bool:
        return st.toggle(title, key=key, help=help)
    if field.annotation not in (int, float):
        return st.text_input(title, key=key, help=help)
    number = field.annotation
    limits = bounds(field)
    low, high = number(limits["ge"]), number(limits["le"])
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra.get("log"):
        ladder = _ladder(low, high, st.session_state[key])
        return st.select_slider(title, ladder, key=key, help=help, format_func=lambda value: f"{value:.3g}")
    step = 1 if number is int else _nice((high - low) / 100)
    digits = 0 if number is int else max(0, -math.floor(math.log10(step)))
    shape = "%d" if number is int else f"%.{digits}f"
    return st.slider(title, low, high, step=step, format=shape, key=key, help=help)


def _ladder(low: float, high: float, now: float) -> list[float]:
    """Values of a logarithmic slider, rounded to two digits, with both ends and the present value among them."""
    steps = np.geomspace(low, high, max(2, round(LOG_STEPS * math.log10(high / low)) + 1))
    number = type(now)
    return sorted({low, high, now, *(number(float(f"{step:.2g}")) for step in steps[1:-1])})


def _nice(step: float) -> float:
    """1, 2 or 5 times a power of ten, whichever is nearest."""
    power = math.floor(math.log10(step))
    return min((float(f"{m}e{power}") for m in (1, 2, 5, 10)), key=lambda nice: abs(math.log(nice / step)))


def _presets(name: str) -> None:
    """The presets; that which the knobs are at is marked."""
    presets = FIGURES[name].presets
    key = f"theory.{name}.preset"

    def chosen() -> None:
        if (preset := st.session_state[key]) is not None:
            _set(name, presets[preset])

    now = FIGURES[name].model_construct(**_settings(name))
    st.session_state[key] = next((p for p, settings in presets.items() if build(name, settings) == now), None)
    st.pills("Show", list(presets), key=key, on_change=chosen, label_visibility="collapsed", wrap=True)


def _figure(name: str, settings: dict[str, Any]) -> Figure:
    """The figure with these settings; after saying what is wrong with them, the last one that was right."""
    good = f"theory.good.{name}"
    try:
        figure = build(name, settings)
        if not figure.animated():
            _computed(figure)
    except ConfigError as error:
        for problem in error.problems:
            st.error(plain(str(problem)), icon=":material/error:")
        # By its settings: its class may be another after the sources have changed.
        return build(name, st.session_state.get(good, {}))
    st.session_state[good] = figure.settings()
    return figure


def _computed(figure: Figure) -> bytes:
    return _messages.get(figure.model_dump_json(), lambda: message(figure, figure.compute()))


def draw(figure: Figure) -> bool:
    """Compute and mount the figure. Returns whether it still grows."""
    if not figure.animated():
        _component(key=KEY, data=_computed(figure))
        return False
    settings = figure.model_dump_json()
    stopped = st.session_state.get("theory.stopped") == settings
    if not stopped:
        view = jobs().of(figure).view(FIRST_FRAME_SECONDS)
        if view.error is not None:
            st.error(plain(view.error), icon=":material/error:")
        if view.result is not None:
            result = view.result
            st.session_state["theory.drawn"] = _messages.get((settings, view.version), lambda: message(figure, result))
        else:
            st.caption("Two other figures are being computed. This one starts when one of them is done.")
    if "theory.drawn" in st.session_state:
        _component(key=KEY, data=st.session_state["theory.drawn"])
    if stopped:
        st.button("Go on from the start", icon=":material/play_arrow:", key="theory.run", on_click=_stop, args=(None,))
        return False
    # Others may look at the same job: it ends by itself when nobody does.
    st.button("Stop", icon=":material/stop:", key="theory.stop", disabled=view.ended, on_click=_stop, args=(settings,))
    return not view.ended


def mount(figure: Figure, result: Result) -> None:
    """Mount a figure as another has computed it so far."""
    _component(key=KEY, data=_messages.get((figure.model_dump_json(), result), lambda: message(figure, result)))


def _stop(settings: str | None) -> None:
    st.session_state["theory.stopped"] = settings


def _around(figure: Figure) -> None:
    """What to try, the question, the way to the live page and to the next figure."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**What to try**\n\n" + "\n".join(f"- {plain(text)}" for text in figure.tries))
        with st.container(horizontal=True, gap="small"):
            if (live := figure.live()) is not None:
                st.page_link(
                    "pages/train.py",
                    label="See it train on the live page",
                    icon=":material/monitoring:",
                    query_params={"config": live.to_url()},
                )
    with right:
        _question(figure)
        with st.container(horizontal=True, gap="small"):
            st.button("Previous", icon=":material/arrow_back:", key="theory.previous", on_click=_move, args=(-1,))
            st.button("Next figure", icon=":material/arrow_forward:", key="theory.next", on_click=_move, args=(1,))


def _question(figure: Figure) -> None:
    question = figure.question
    chosen = st.radio(
        f"**Before you move on:** {plain(question.text)}",
        question.options,
        index=None,
        format_func=plain,
        key=f"theory.{figure.kind}.answer",
    )
    if chosen is None:
        return
    right = question.options[question.answer]
    if chosen == right:
        st.success(f"Yes. {plain(question.why)}", icon=":material/check:")
    else:
        st.info(f"No: {plain(right)}. {plain(question.why)}", icon=":material/lightbulb:")
