"""The live component: charts that update in place, from one message of bytes a refresh.

Everything that a page shows of a run travels in one idempotent message: progress as JSON, figures as JSON, and their
arrays as raw bytes. It is built once for each version of a run and shared by all who watch.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import plotly
import streamlit as st

from pages.ui.charts import CHARTS
from pages.ui.plotting import Clock
from wgan_core.datasets import Dataset
from wgan_core.records import RunView

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
STATIC = ROOT / "static"
SCRIPTS = ("live.js", "live.css")
REFRESH_SECONDS = 1.0
KEPT_MESSAGES = 32


def provide_static_files() -> None:
    """Put plotly's JavaScript and ours where Streamlit serves static files, so that no page asks another server."""
    STATIC.mkdir(exist_ok=True)
    plotly_js = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    target = STATIC / plotly_js.name
    if not target.exists() or target.stat().st_size != plotly_js.stat().st_size:
        shutil.copyfile(plotly_js, target)
    for name in SCRIPTS:
        shutil.copyfile(ASSETS / name, STATIC / name)


# Streamlit sends a component's script along with every refresh, so this one only fetches the real one, once a page. Its
# address carries a hash: browsers keep it until it changes.
_version = hashlib.sha256(b"".join((ASSETS / name).read_bytes() for name in SCRIPTS)).hexdigest()[:12]
_component = st.components.v2.component(
    "wgan_live_charts",
    js=f"""
const charts = import(new URL("app/static/live.js?v={_version}", document.baseURI).href);
export default function (component) {{
  charts.then((module) => module.show(component));
  return () => charts.then((module) => module.dismiss(component.parentElement));
}}
""",
    isolate_styles=False,  # plotly's own styles live in the document
)


def draw(view: RunView | None, clock: Clock, dataset: Dataset) -> None:
    """Mount the charts of a run, or empty panels for what a run on ``dataset`` will show."""
    data = empty_message(dataset) if view is None else message(view, clock)
    _component(key="live-charts", data=data)


# The message: four parts, each with its length before it. Arrays lie in the last, 8-byte aligned.


class _Cache:
    """The newest few results by key, shared by all sessions."""

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._items: OrderedDict[Any, bytes | tuple[bytes, bytes]] = OrderedDict()

    def get(self, key: Any, build: Any) -> Any:
        with self._lock:
            if key not in self._items:
                self._items[key] = build()
                while len(self._items) > self._size:
                    self._items.popitem(last=False)
            return self._items[key]


_messages, _figures = _Cache(KEPT_MESSAGES), _Cache(KEPT_MESSAGES)


def message(view: RunView, clock: Clock) -> bytes:
    """The bytes of a refresh. Their number does not grow with the length of the run."""

    def build() -> bytes:
        figures, arrays = _figures.get(
            (view.id, view.snapshots, len(view.events), clock), lambda: figures_of(view, clock)
        )
        return join(json.dumps(progress(view)).encode(), figures, arrays)

    result: bytes = _messages.get((view.id, view.version, clock), build)
    return result


def empty_message(dataset: Dataset) -> bytes:
    figures = {"run": "", "charts": [panel(name, None) for name in names_for(dataset)]}
    return join(b"null", json.dumps(figures).encode(), b"")


def join(*parts: bytes) -> bytes:
    """Parts one after another, each padded to 8 bytes, after a head of three lengths (and one spare), uint32."""
    padded = [part + b" " * (-len(part) % 8) for part in parts]
    return np.array([*map(len, padded), 0], "<u4").tobytes() + b"".join(padded)


def names_for(dataset: Dataset) -> list[str]:
    return [name for name, chart in CHARTS.items() if chart.suits(dataset)]


def panel(name: str, figure: dict[str, Any] | None) -> dict[str, Any]:
    chart = CHARTS[name]
    about = {"name": name, "title": chart.title, "unit": chart.unit, "help": chart.help, "source": chart.source}
    return about | {"wide": chart.wide, "figure": figure}


def figures_of(view: RunView, clock: Clock) -> tuple[bytes, bytes]:
    """All figures of a run: as JSON with ``{"$": [offset, length, type, shape]}`` for each array, and the arrays."""
    blob = bytearray()
    # Curves of one chart share their x: it is stored once. The arrays are kept, so that no other can get their id.
    stored: dict[int, tuple[np.ndarray[Any, Any], dict[str, Any]]] = {}

    def pack(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if id(value) not in stored:
                stored[id(value)] = value, _store(value, blob)
            return stored[id(value)][1]
        if isinstance(value, dict):
            return {key: pack(item) for key, item in value.items()}
        if isinstance(value, list):
            return [pack(item) for item in value]
        return value

    charts = [panel(name, pack(CHARTS[name].draw(view, clock))) for name in names_for(view.config.dataset)]
    head = {
        "run": f"{view.id}:{clock}",
        "charts": charts,
        "file": f"{view.config.dataset.kind}-{view.config.objective.kind}-{view.id}",
    }
    return json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode(), bytes(blob)


def _store(array: np.ndarray[Any, Any], blob: bytearray) -> dict[str, Any]:
    array = np.ascontiguousarray(array, "<f8" if array.dtype == np.float64 else "<f4")
    blob.extend(b"\0" * (-len(blob) % 8))
    place = [len(blob), array.size, "f8" if array.dtype.itemsize == 8 else "f4", list(array.shape)]
    blob.extend(array.tobytes())
    return {"$": place}


def progress(view: RunView) -> dict[str, Any]:
    """What the status strip shows."""
    scalars = view.latest.scalars if view.latest else {}
    where = view.config.dataset.modes()
    rate = view.steps_per_second
    return {
        "status": view.status,
        "objective": view.config.objective.label,
        "dataset": view.config.dataset.label,
        "device": view.device,
        "step": view.step,
        "steps": view.config.steps,
        "critic_steps": view.critic_steps,
        "seconds": view.seconds,
        "rate": rate,
        "eta": (view.config.steps - view.step) / rate if rate > 0 else None,
        "modes": scalars.get("modes_covered"),
        "modes_all": len(where.centres) if where else None,
        "w1": scalars.get("w1"),
        "w1_floor": scalars.get("w1_floor"),
        "estimate": scalars.get(view.config.objective.estimate_name),
        "estimate_name": "JS" if view.config.objective.estimate_name == "js_estimate" else "Ŵ",
    }
