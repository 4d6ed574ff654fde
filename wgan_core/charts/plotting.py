"""What the charts share: the map that they enter, curves over time, levels, axes, marks of events.

The charts themselves are in :mod:`wgan_core.charts.training`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from tsdownsample import MinMaxLTTBDownsampler

from wgan_core.charts import theme
from wgan_core.charts.text import charted
from wgan_core.datasets import Dataset
from wgan_core.history import LaneView

Clock = str
CLOCKS: dict[Clock, str] = {"step": "generator steps", "critic_steps": "critic steps", "seconds": "seconds"}
POINTS = 320
Floats = NDArray[np.float64]
Trace = dict[str, Any]
Figure = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """A chart and what stands around it.

    Attributes
    ----------
    draw
        From the view of a run (of an overlay: from the lanes of a race) and a clock to a figure.
    title, unit
        What is measured, and in what.
    help
        Two sentences behind the "?".
    source
        The paper it comes from.
    of
        The numbers of a snapshot that it draws, scalars and arrays: it has a figure where one of them was measured.
        ``estimate`` is the objective's own, whatever its name.
    wide
        The chart takes four places of the grid instead of one.
    images
        True for charts of image runs only, False for charts of points only, None for both.
    needs_modes
        The chart is for data whose modes can be counted.
    moment
        The chart shows one moment of the run, not its history: it moves when one looks back.
    needs_seeds
        The chart is for runs of several seeds.
    """

    name: str
    title: str
    unit: str
    help: str
    source: str
    draw: Callable[[Any, Clock], Figure | None]
    of: tuple[str, ...] = ()
    wide: bool = False
    images: bool | None = None
    needs_modes: bool = False
    moment: bool = False
    needs_seeds: bool = False

    def suits(self, dataset: Dataset, seeds: int = 1) -> bool:
        if (self.needs_modes and dataset.modes() is None) or (self.needs_seeds and seeds == 1):
            return False
        return self.images is None or self.images == dataset.is_image


CHARTS: dict[str, Chart] = {}
OVERLAYS: dict[str, Chart] = {}
Draw = TypeVar("Draw", bound=Callable[..., Figure | None])


def _enter(
    charts: dict[str, Chart], name: str, title: str, unit: str, help: str, source: str, **more: Any
) -> Callable[[Draw], Draw]:
    def enter(draw: Draw) -> Draw:
        charts[name] = Chart(name, title, unit, help, source, draw, **more)
        return draw

    return enter


# Enter a drawing function in the map of charts of one run, or in that of charts of several lanes, in the order of the page.
chart = partial(_enter, CHARTS)
overlay = partial(_enter, OVERLAYS)


# What the drawing functions share


def window(rows: int) -> int:
    """Width of the median filter: a twentieth of what is drawn, odd, between 1 and 41 snapshots."""
    return min(41, max(1, rows // 20)) | 1


def downsample(x: Floats, y: Floats, points: int = POINTS) -> NDArray[np.uint64]:
    """Indices of at most ``points`` rows that keep the look of y, its extremes first."""
    if len(y) <= points:
        return np.arange(len(y), dtype=np.uint64)
    kept: NDArray[np.uint64] = MinMaxLTTBDownsampler().downsample(x, y, n_out=points)  # type: ignore[no-untyped-call]
    return kept


LOW, HIGH = 10, 90  # percentiles of the band over seeds
GHOST = 0.45


def curve(view: LaneView, clock: Clock, name: str, label: str, color: str, **style: Any) -> list[Trace]:
    """A scalar over time: the raw values as a ghost under their median filter (the WGAN paper filters its curves too).

    Of several seeds it is their median over the band from the 10th to the 90th percentile. Of a fork, what its parent measured
    up to there comes before it, dotted and pale. The filter runs over all rows
    before any are dropped. ``raw=True`` draws the values alone; ``transform`` is applied to what is drawn, and the true
    values are shown on hovering.
    """
    if view.before is not None:
        parent = replace(view, history=view.before, before=None)
        plain = {key: style[key] for key in ("transform", "yaxis", "shape") if key in style}
        quiet = {"name": f"{charted(label)} before the fork", "showlegend": False, "opacity": GHOST}
        own = curve(replace(view, before=None), clock, name, label, color, **style)
        return [t | quiet for t in curve(parent, clock, name, label, color, raw=True, dash="dot", **plain)] + own
    raw_only = style.pop("raw", False)
    transform: Callable[[Floats], Floats] | None = style.pop("transform", None)
    axis = {"yaxis": style.pop("yaxis")} if "yaxis" in style else {}
    if name not in view.history:
        return []
    values = view.history[name]
    there = np.isfinite(values) if view.seeds == 1 else np.isfinite(values).any(1)
    x, values = view.history[clock][there], values[there]
    if not len(x):
        return []
    y = values if view.seeds == 1 else np.nanmedian(values, axis=1)
    at = downsample(x, y)
    x32 = x[at].astype(np.float32)
    line = {"color": color, "width": 2} | style
    unnamed = {"showlegend": False, "hoverinfo": "skip"}

    def trace(values: Floats, **more: Any) -> Trace:
        values = values[at]
        shown = values if transform is None else transform(values)
        found = {
            "type": "scatter",
            "mode": "lines",
            "name": charted(label),
            "x": x32,
            "y": shown.astype(np.float32),
            "legendgroup": f"{name} {label}",
            "line": line,
        }
        if more.get("hoverinfo") != "skip":
            number = "%{y:.4g}" if transform is None else "%{customdata:.4g}"
            found["hovertemplate"] = f"{charted(label)} {number}<extra></extra>"
        if transform is not None:
            found["customdata"] = values.astype(np.float32)
        return found | axis | more

    if view.seeds > 1:
        low, high = np.nanpercentile(values, (LOW, HIGH), axis=1)
        edge = {"color": color, "width": 0} | ({"shape": line["shape"]} if "shape" in line else {})
        band = [
            trace(low, line=edge, name=f"{charted(label)} ({LOW} %)", **unnamed),
            trace(
                high, line=edge, name=f"{charted(label)} ({HIGH} %)", fill="tonexty", fillcolor=faint(color), **unnamed
            ),
        ]
        return [*band, trace(y)]
    if raw_only:
        return [trace(y)]
    ghost = trace(y, line=line | {"width": 1}, opacity=0.3, **unnamed)
    return [ghost, trace(median_filter(y, window(len(y)), mode="nearest"))]


def faint(color: str) -> str:
    """The same colour, nearly clear, for areas."""
    if not color.startswith("#"):
        return "rgba(128,128,128,0.2)"
    return f"rgba({int(color[1:3], 16)},{int(color[3:5], 16)},{int(color[5:7], 16)},0.2)"


def first_seed(value: float | Floats) -> float | None:
    """A scalar of a snapshot as a plain number: that of the first seed, whose samples are shown. None if it has failed."""
    first = float(np.atleast_1d(value)[0])
    return first if math.isfinite(first) else None


def middle(value: float | Floats) -> float | None:
    """A scalar of a snapshot as one number: its median over the seeds that have it, None where none has."""
    finite = np.atleast_1d(value)
    finite = finite[np.isfinite(finite)]
    return float(np.median(finite)) if len(finite) else None


def floor_of_w1(view: LaneView) -> float | None:
    """The W1 between two samples of the data themselves, as last measured."""
    floors = view.history.get("w1_floor")
    return None if floors is None or not len(floors) else middle(floors[-1])


def level(value: float, text: str, color: str = theme.INK, yref: str = "y", log: bool = False) -> dict[str, Any]:
    """A dashed horizontal line with a name: shapes and annotations to be merged into a layout."""
    height = math.log10(value) if log else value  # plotly places lines by value, notes by exponent
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": yref, "y0": value, "y1": value}
    line["line"] = {"color": color, "width": 1.5, "dash": "dash"}
    note = {"xref": "paper", "x": 1, "xanchor": "right", "yref": yref, "y": height, "yanchor": "bottom", "text": text}
    return {"shapes": [line], "annotations": [note | {"showarrow": False, "font": {"size": 11, "color": color}}]}


def layout(clock: Clock, y_title: str, *parts: dict[str, Any], **yaxis: Any) -> dict[str, Any]:
    """A layout with time as the x axis; lists of shapes and annotations in ``parts`` are joined."""
    found: dict[str, Any] = {"xaxis": {"title": {"text": CLOCKS[clock]}}, "yaxis": {"title": {"text": y_title}} | yaxis}
    for part in parts:
        for key, value in part.items():
            found[key] = found.get(key, []) + value if isinstance(value, list) else value
    return found


SYMLOG_FROM = 0.01


def symlog(y: Floats) -> Floats:
    """Logarithmic on both sides of 0: sign(y) log10(1 + |y| / 0.01). Shows losses of 0.01 and of 1,000 on one axis."""
    result: Floats = np.sign(y) * np.log10(1 + np.abs(y) / SYMLOG_FROM)
    return result


def symlog_axis(largest: float) -> dict[str, Any]:
    """Ticks of a symlog axis for values up to ``largest`` in size, in true values."""
    smallest = -2 if largest < 0.2 else -1 if largest < 20 else 0
    values = [sign * 10.0**power for power in range(smallest, 10) for sign in (1, -1)] + [0.0]
    return {"tickvals": [float(symlog(np.array(v))) for v in values], "ticktext": [f"{v:g}" for v in values]}


MARKS = {"edit": "✎", "fork": "fork", "data": "other data"}


def event_lines(view: LaneView, clock: Clock) -> dict[str, Any]:
    """A thin vertical line where a knob was turned, a fork began or the data changed; its text shows on hovering."""
    edits = [event for event in view.events if event.kind in MARKS][-20:]
    lines, notes = [], []
    for event in edits:
        x = getattr(event, clock)
        lines.append(
            {
                "type": "line",
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "x0": x,
                "x1": x,
                "line": {"color": theme.QUIET, "width": 1},
            }
        )
        note = {
            "x": x,
            "yref": "paper",
            "y": 1,
            "yanchor": "top",
            "text": MARKS[event.kind],
            "hovertext": charted(event.text),
            "showarrow": False,
        }
        notes.append(note)
    return {"shapes": lines, "annotations": notes}
