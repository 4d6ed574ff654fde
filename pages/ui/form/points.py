"""Drawing points of one's own: the input that a knob asks for with ``widget="points"``.

A drawing is large and the form is narrow, so it opens in a dialog. The canvas is a component that keeps what is drawn and
tells it after each stroke; the server reads it, finds the modes and says how many there are.
"""

from __future__ import annotations

import streamlit as st
from pydantic.fields import FieldInfo

from pages.ui.scripts import address
from pages.ui.text import plain
from wgan_core.config import MAX_URL_CHARACTERS
from wgan_core.datasets import DataError
from wgan_core.datasets.points.clusters import clustered
from wgan_core.datasets.points.packing import DRAWN, shapes, unpack
from wgan_core.datasets.points.pairs import MAX_POINTS
from wgan_core.datasets.points.reading import as_drawn, packed, read, redrawn
from wgan_core.datasets.points.tables import MAX_BYTES

# The last drawing that was used, whatever became of the form since.
LAST = "last_points"
# What a link holds beside the points.
REST_OF_A_LINK = 400

_canvas = st.components.v2.component(
    "wgan_live_drawing",
    js=f"""
const drawing = import(new URL("{address("draw.js")}", document.baseURI).href);
export default function (component) {{
  drawing.then((module) => module.show(component));
  return () => drawing.then((module) => module.dismiss(component.parentElement));
}}
""",
    isolate_styles=False,
)


def points_input(key: str, field: FieldInfo, value: str, label: str) -> str:
    """The button that opens the dialog, and what is known of the points in use. Returns them, packed."""
    used: str = st.session_state.setdefault(f"{key}.used", value)
    if st.button(f"{label}: draw or load", key=key, help=field.description, icon=":material/draw:", width="stretch"):
        _open(key)
    if st.session_state.get(f"{key}.open"):
        # Asked for at every run of the page: it would close when the page runs for another reason, a training's end.
        st.dialog("Draw your points", width="medium", on_dismiss=lambda: _close(key))(_dialog)(key)
    st.caption(plain(_described(used)))
    if not st.session_state.get(f"{key}.open") and _sketch(key) not in (None, used):
        st.caption("The drawing that you closed is kept, and not used yet.")
    return used


def _dialog(key: str) -> None:
    left, right = st.columns([3, 2], gap="medium")
    with right:
        st.file_uploader(
            "Or load a file of points",
            key=f"{key}.file",
            max_upload_size=-(-MAX_BYTES // 1_000_000),
            help="A CSV or a text: two numbers a row, x and y, with a decimal point or comma; headings may stand first. Or a"
            f" list of pairs in JSON. Up to {MAX_POINTS:,} points.",
            on_change=_load,
            args=(key,),
        )
        if why := st.session_state.get(f"{key}.refused"):
            st.error(f"The file was not loaded: {plain(why)}. The drawing is as it was.")
        elif note := st.session_state.get(f"{key}.note"):
            st.caption(plain(note))
    with left:
        sketch = _draw(key)
    with right:
        _conclude(key, sketch)


def _draw(key: str) -> str:
    """The canvas. Returns what it holds, packed."""
    version = st.session_state[f"{key}.version"]
    told = (st.session_state.get(f"{key}.canvas") or {}).get("drawing") or {}
    drawn = told.get("points")
    if told.get("version") == version and isinstance(drawn, str) and drawn.startswith(DRAWN):
        st.session_state[f"{key}.sketch"] = _with_digits(drawn, st.session_state[f"{key}.shown"])
    text: str = st.session_state[f"{key}.sketch"]
    data = {"version": version, "points": as_drawn(text), "labels": _labels(text)}
    _canvas(key=f"{key}.canvas", data=data | {"shapes": shapes(), "most": MAX_POINTS}, on_drawing_change=lambda: None)
    return text


def _conclude(key: str, sketch: str) -> None:
    """What the drawing holds, and what to do with it."""
    used = st.session_state[f"{key}.used"]
    try:
        text = packed(sketch)
    except DataError as error:
        st.caption(f"Nothing to train on yet: {plain(str(error))}.")
        text = ""
    else:
        st.markdown(plain(_described(text)))
        if len(text) > (room := MAX_URL_CHARACTERS - REST_OF_A_LINK):
            most = round(room * len(unpack(text).placed) / len(text), -1)
            st.caption(f"They train as they are, but a link holds about {most:,.0f} points like these at most.")
    if st.button("Use these points", type="primary", width="stretch", disabled=not text, key=f"{key}.use"):
        st.session_state[f"{key}.used"] = st.session_state[LAST] = text
        _close(key)
        st.session_state.pop(f"{key}.sketch")
        st.rerun()
    if text:
        st.download_button(
            "Save as CSV", lambda: csv(text), "points.csv", "text/csv", width="stretch", key=f"{key}.save"
        )
    if text != used:
        st.button("Back to those in use", width="stretch", key=f"{key}.back", on_click=_show, args=(key, used))
    last = st.session_state.get(LAST)
    if last and last not in (text, used):
        st.button("Your last drawing", width="stretch", key=f"{key}.last", on_click=_show, args=(key, last))


def csv(text: str) -> str:
    """Packed points as a CSV, in the coordinates that they came in."""
    return "x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in unpack(text).given.tolist())


def _open(key: str) -> None:
    """Begin with the drawing that was left, or with the points in use."""
    _show(key, _sketch(key) or st.session_state[f"{key}.used"])
    st.session_state[f"{key}.open"] = True


def _close(key: str) -> None:
    st.session_state[f"{key}.open"] = False
    st.session_state.pop(f"{key}.refused", None)


def _show(key: str, text: str) -> None:
    """Put points on the canvas."""
    st.session_state[f"{key}.sketch"] = st.session_state[f"{key}.shown"] = text
    # The canvas takes the points of a new version, and otherwise keeps its strokes: they may be ahead of us.
    st.session_state[f"{key}.version"] = st.session_state.get(f"{key}.version", 0) + 1
    st.session_state.pop(f"{key}.refused", None)
    st.session_state.pop(f"{key}.note", None)


def _load(key: str) -> None:
    """Read the uploaded file, if there is one."""
    if (file := st.session_state.get(f"{key}.file")) is None:
        st.session_state.pop(f"{key}.refused", None)
        st.session_state.pop(f"{key}.note", None)
        return
    try:
        found = read(file.getvalue())
    except DataError as error:
        st.session_state[f"{key}.refused"] = str(error)
    else:
        _show(key, found.text)
        st.session_state[f"{key}.note"] = found.note


def _sketch(key: str) -> str | None:
    found: str | None = st.session_state.get(f"{key}.sketch")
    return found


def _described(text: str) -> str:
    """How many points and modes there are, and how they were fitted."""
    drawing = unpack(text)
    modes = len(clustered(text)[0])
    found = f"{len(drawing.placed):,} points, {modes} {'mode' if modes == 1 else 'modes'}."
    if text in shapes():
        found = f"The shape {text}: {found}"
    if (frame := drawing.frame) is None:
        return found
    return f"{found} Moved and scaled to fit: (0, 0) is your ({frame.x:.12g}, {frame.y:.12g}), and 1 is your {frame.unit:.4g}."


def _with_digits(drawn: str, before: str) -> str:
    """What the canvas tells, with the digits of the points that it was given; what is damaged is left for later to say."""
    try:
        return redrawn(drawn, before)
    except DataError:
        return drawn


def _labels(text: str) -> str:
    """The mode of each point, as one digit, for its colour."""
    try:
        label = clustered(packed(text))[1]
    except DataError:
        return ""
    return "".join(str(mode % 8) for mode in label)
