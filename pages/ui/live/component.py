"""The live component: charts that update in place, from one message of bytes a refresh.

Everything that a page shows of a run travels in one idempotent message: a head as JSON, and a packet for each panel. It is
built once for each version of a run and shared by all who watch. What one looks at (now, or a moment of the past) is
the component's state, which comes back from the browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.ui.documents import guide_to
from pages.ui.live.packets import KEPT_MESSAGES, Packet, join, packet
from pages.ui.scripts import address
from wgan_core.charts.lanes import Shown, lane_colours, lane_names, shown, table
from wgan_core.charts.overlays import of_scalars
from wgan_core.charts.plotting import CHARTS, CLOCKS, OVERLAYS, Chart, Clock, middle
from wgan_core.coach import Finding, findings
from wgan_core.config import RunConfig
from wgan_core.datasets import Dataset
from wgan_core.history import LaneView, RunView, Snapshot
from wgan_core.host import Cache
from wgan_core.runs import Run
from wgan_core.runs.past import Past

REFRESH_SECONDS = 1.0
KEY = "live-charts"


# Streamlit sends a component's script along with every refresh, so this one only fetches the real one, once a page.
_component = st.components.v2.component(
    "wgan_live_charts",
    js=f"""
const charts = import(new URL("{address("live.js")}", document.baseURI).href);
export default function (component) {{
  charts.then((module) => module.show(component));
  return () => charts.then((module) => module.dismiss(component.parentElement));
}}
""",
    isolate_styles=False,  # plotly's own styles live in the document
)


def draw(run: Run | Past, clock: Clock, names: tuple[str, ...] | None = None, more: tuple[str, ...] = ()) -> None:
    """Mount the charts of a run: those of its one lane, or several side by side with overlays. See :func:`message`."""
    mount(message(run.view(), clock, looking_back(run.id, clock), names, more))


def draw_empty(config: RunConfig) -> None:
    """Mount empty panels for what a race will show."""
    mount(empty_message(config))


def mount(data: bytes) -> None:
    """Mount the charts of a message."""
    _component(key=KEY, data=data, on_at_change=_nothing)


def choose_clock(key: str) -> Clock:
    """The switch for the x axes."""
    clock: Clock | None = st.segmented_control(
        "x axis",
        list(CLOCKS),
        format_func=lambda name: CLOCKS[name],
        default="step",
        required=True,
        key=key,
        label_visibility="collapsed",
    )
    return clock or "step"


def looking_back(run: str, clock: Clock) -> float | None:
    """Where on the clock the person looks, or None for now."""
    state = st.session_state.get(KEY)
    at = state.get("at") if state else None
    if not isinstance(at, dict) or at.get("run") != run or at.get("clock") != clock:
        return None
    value = at.get("x")
    return float(value) if isinstance(value, int | float) else None


# The message

_messages: Cache[bytes] = Cache(KEPT_MESSAGES)
_found: Cache[tuple[Finding, ...]] = Cache(KEPT_MESSAGES)


def message(
    run: RunView,
    clock: Clock,
    at: float | None = None,
    names: tuple[str, ...] | None = None,
    more: tuple[str, ...] = (),
) -> bytes:
    """The bytes of a refresh. Their number does not grow with the length of the run.

    Parameters
    ----------
    at : float or None
        Where on the clock to look back to: panels that show a moment show that one, and curves get a marker there.
    names : tuple[str, ...] or None
        What the lanes are called, if not by what tells them apart.
    more : tuple[str, ...]
        Scalars that get a chart of their own, where none has them.
    """

    def build() -> bytes:
        views = run.lanes
        past = (run if at is None else run.at(at, clock)).lanes
        lanes = shown(past, names)
        kinds = "-".join(view.config.objective.kind for view in views)
        head = {
            "run": run.id,
            "view": f"{run.id}:{clock}",
            "file": f"{views[0].config.dataset.kind}-{kinds}-{run.id}",
            "lanes": len(views) if len(views) > 1 else 0,
            "status": run.status,
            "progress": [progress(lane, run.config) for lane in lanes],
            "findings": coached(views),
            "table": table(lanes) if len(views) > 1 else None,
            "clock": clock,
            "frames": frames(views, clock),
            "at": at,
        }
        drawn = lanes_packets(lanes, clock, more) if len(views) > 1 else lane_packets(past[0], clock, more)
        return join(head, drawn)

    return _messages.get((*((view.key, view.version) for view in run.lanes), clock, at, names, more), build)


def empty_message(config: RunConfig) -> bytes:
    """The message for a page on which nothing has been started."""
    several = len(config.lanes) > 1
    head: dict[str, Any] = {
        "run": "",
        "view": "",
        "file": "",
        "lanes": len(config.lanes) if several else 0,
        "status": "ready",
        "progress": [],
    }
    head |= {"findings": [], "table": None, "clock": "step", "frames": None, "at": None}
    dataset = config.lanes[0].dataset
    packets = []
    if several:
        main = CHARTS["images" if dataset.is_image else "samples"]
        names = zip(lane_names(config.lanes), lane_colours([c.objective.kind for c in config.lanes]), strict=True)
        packets = [packet(main, None, _nothing, **_lane(main, i, *name)) for i, name in enumerate(names)]
    for chart in (OVERLAYS if several else CHARTS).values():
        if chart.suits(dataset, config.seeds):
            packets.append(packet(chart, None, _nothing))
    return join(head, packets)


def names_for(dataset: Dataset, seeds: int = 1) -> list[str]:
    """Names of the charts of a run on this data set, in the order of the page."""
    return [name for name, chart in CHARTS.items() if chart.suits(dataset, seeds)]


def _nothing() -> None:
    return None


def lane_packets(view: LaneView, clock: Clock, more: Sequence[str] = ()) -> list[Packet]:
    """All panels of one lane."""
    found = [
        packet(chart, _key(view, clock, chart.moment), lambda chart=chart: chart.draw(view, clock))  # type: ignore[misc]
        for chart in CHARTS.values()
        if chart.suits(view.config.dataset, view.seeds)
    ]
    return found + overlay_packets([*of_scalars(more)], shown([view]), clock)


def lanes_packets(lanes: Sequence[Shown], clock: Clock, more: Sequence[str] = ()) -> list[Packet]:
    """The samples of each lane, then the overlays."""
    first = lanes[0].view
    main = CHARTS["images" if first.config.dataset.is_image else "samples"]
    found = []
    for i, lane in enumerate(lanes):
        about = _lane(main, i, lane.name, lane.color)
        key = _key(lane.view, clock, True)
        found.append(packet(main, key, lambda lane=lane: main.draw(fewer(lane.view), clock), **about))  # type: ignore[misc]
    return found + overlay_packets([*of_scalars(more), *OVERLAYS.values()], lanes, clock)


def overlay_packets(overlays: Sequence[Chart], lanes: Sequence[Shown], clock: Clock) -> list[Packet]:
    """Charts in which all lanes are."""
    first = lanes[0].view
    names = tuple(lane.name for lane in lanes)
    found = []
    for chart in overlays:
        if chart.suits(first.config.dataset, first.seeds):
            key = names, *(_key(lane.view, clock, chart.moment) for lane in lanes)
            found.append(packet(chart, key, lambda chart=chart: chart.draw(lanes, clock)))  # type: ignore[misc]
    return found


# A lane's panel is small, and four are drawn at once. Each point costs the browser 50 µs, and it is to answer a move of the
# slider in a fifth of a second.
IN_A_LANE = {"fake": 160, "real": 96, "push_at": 16, "push": 16}


def fewer(view: LaneView) -> LaneView:
    """The same view with fewer points and arrows in its samples."""
    if view.latest is None:
        return view
    arrays = {name: array[: IN_A_LANE.get(name)] for name, array in view.latest.arrays.items()}
    return replace(view, latest=replace(view.latest, arrays=arrays))


def _lane(main: Chart, i: int, name: str, color: str) -> dict[str, Any]:
    """What the panel of a lane has of its own."""
    return {"name": f"{main.name}.{i}", "title": name, "color": color, "group": "lanes", "unit": ""}


def _key(view: LaneView, clock: Clock, moment: bool) -> Any:
    """What a chart of a view depends on."""
    if moment:
        return view.key, len(view.events), (view.latest.step, view.latest.critic_steps) if view.latest else None
    return view.key, len(view.events), view.snapshots, clock


# Where a race shows what a finding of one lane points to.
OVERLAY_OF = {"distance": "w1", "losses": "estimate", "gradients": "generator-gradients", "lipschitz": "slope"}


def coached(views: Sequence[LaneView]) -> list[dict[str, Any]]:
    """What the coach says of each lane, with the name of the panel that shows it."""
    found = []
    for i, view in enumerate(views):
        for item in _found.get((view.key, view.snapshots, view.status), lambda view=view: findings(view)):  # type: ignore[misc]
            chart = item.chart
            if len(views) > 1:
                chart = f"{chart}.{i}" if chart in ("samples", "images") else OVERLAY_OF.get(chart, chart)
            words = {"name": item.name, "title": item.title, "text": item.text, "source": item.source}
            words["guide"] = guide_to(item.heading) if item.heading else ""
            found.append(words | {"chart": chart, "healthy": item.healthy, "lane": i})
    return found


def frames(views: Sequence[LaneView], clock: Clock) -> dict[str, Any] | None:
    """Where there is something to look back to: clock values and seconds of training, those of the longest lane."""
    longest: tuple[Snapshot, ...] = max(
        (view.frames for view in views), key=lambda f: getattr(f[-1], clock) if f else -1
    )
    if len(longest) < 2:
        return None
    return {
        "x": [round(float(getattr(frame, clock)), 3) for frame in longest],
        "seconds": [round(frame.seconds, 3) for frame in longest],
    }


def progress(lane: Shown, config: RunConfig) -> dict[str, Any]:
    """What the status strip shows of a lane; of several seeds the medians."""
    view = lane.view
    scalars = {name: middle(value) for name, value in (view.latest.scalars if view.latest else {}).items()}
    length = config.length if config.clock == "seconds" else view.config.steps
    where = view.config.dataset.modes()
    rate = view.steps_per_second
    activity = f" · {view.activity}" if view.activity else ""
    return {
        "name": lane.name,
        "color": lane.color,
        "status": view.status,
        "live": view.live,
        "failure": view.failure.message if view.failure else None,
        "dataset": view.config.dataset.label,
        "device": view.device,
        "share": min(1.0, (view.seconds if config.clock == "seconds" else view.step) / length),
        "progress": (
            f"{view.seconds:.0f} of {length} s" if config.clock == "seconds" else f"step {view.step:,} of {length:,}"
        )
        + activity,
        "seeds": view.seeds,
        "step": view.step,
        "steps": view.config.steps,
        "critic_steps": view.critic_steps,
        "seconds": view.seconds,
        "rate": rate,
        "eta": (view.config.steps - view.step) / rate if rate > 0 else None,
        "at_step": view.latest.step if view.latest else None,
        "modes": scalars.get("modes_covered"),
        "modes_all": len(where.centres) if where else None,
        "w1": scalars.get("w1"),
        "w1_floor": scalars.get("w1_floor"),
        "estimate": scalars.get(view.config.objective.estimate_name),
        "estimate_name": view.config.objective.estimate_label,
    }
