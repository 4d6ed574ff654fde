"""A figure as a PNG, drawn by matplotlib, which requirements-extra.txt brings. The page draws the same with plotly."""

from __future__ import annotations

import io
import math
import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure as Paper

from wgan_core.charts import theme
from wgan_core.theory import plot
from wgan_core.theory.figure import Figure
from wgan_core.theory.result import (
    AnyLayer,
    Arrows,
    Bars,
    Curve,
    Heat,
    Level,
    Marks,
    Panel,
    Result,
    Words,
    arranged,
    rows,
    shown,
)

COLOURS = {role: theme.printed(colour) for role, colour in plot.COLOURS.items()}
DASHES = {"solid": "-", "dash": "--", "dot": ":"}
MARKS = {"circle": "o", "cross": "X", "ring": "o"}
DIVERGING = LinearSegmentedColormap.from_list("diverging", ["#BC8953", "#FFFFFF", "#41A494"])
RISING = LinearSegmentedColormap.from_list("rising", ["#FFFFFF", theme.BLUE])
WIDTH, ROW = 10.0, 3.1  # inches
DPI = 150
LETTERS = 115  # in a line of the reading


def png(figure: Figure, result: Result) -> bytes:
    """The bytes of a picture: title, panels two in a row, the numbers beneath."""
    places, height = arranged(result.panels), rows(result.panels)
    lines = textwrap.wrap(result.reading, LETTERS)
    bold = len(lines)
    for number in result.numbers:
        closed = "" if number.expected is None else f"   (closed form {shown(number.expected)})"
        lines.append(f"{number.name} = {shown(number.value)}{closed}")
    foot = 0.19 * len(lines) + 0.2
    paper = Paper(figsize=(WIDTH, 0.8 + ROW * height + foot), dpi=DPI, layout="constrained", facecolor="white")
    top, body, notes = np.ravel(paper.subfigures(3, 1, squeeze=False, height_ratios=[0.8, ROW * height, foot]))
    top.text(0.02, 0.6, figure.label, size=15, weight="bold", color=COLOURS["ink"], va="center")
    top.text(0.02, 0.15, figure.source, size=8, color=COLOURS["quiet"], va="center")
    grid = body.add_gridspec(height, 2)
    for panel, (row, column) in zip(result.panels, places, strict=True):
        _panel(body.add_subplot(grid[row : row + 1 + panel.tall, column : column + 1 + panel.wide]), panel)
    for i, line in enumerate(lines):
        weight = "bold" if i < bold else "normal"
        notes.text(0.02, 1 - (i + 0.8) / (len(lines) + 1), line, size=8.5, color=COLOURS["ink"], weight=weight)
    out = io.BytesIO()
    FigureCanvasAgg(paper)
    paper.savefig(out, format="png")
    return out.getvalue()


def _panel(axes: Axes, panel: Panel) -> None:
    for i, layer in enumerate(panel.layers):
        _layer(axes, layer, 2 + 0.01 * i)
    axes.set_title(panel.title, size=10, loc="left", color=COLOURS["ink"])
    axes.set_xlabel(panel.x_title, size=9)
    axes.set_ylabel(panel.y_title, size=9)
    if "x" in panel.log:
        axes.set_xscale("log")
    if "y" in panel.log:
        axes.set_yscale("log")
    if panel.x_range:
        axes.set_xlim(*panel.x_range)
    if panel.y_range:
        axes.set_ylim(*panel.y_range)
    if panel.equal:
        axes.set_aspect("equal", adjustable="box")
    if panel.axes:
        axes.grid(color=theme.LINES_ON_PAPER, linewidth=0.7)
    else:
        axes.set_axis_off()
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=COLOURS["ink"])
    axes.spines[["top", "right"]].set_visible(False)
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(fontsize=7, frameon=False, loc="best")


def _layer(axes: Axes, layer: AnyLayer, order: float) -> None:
    look: dict[str, Any] = {"zorder": order}
    if not isinstance(layer, Heat):
        look["color"] = COLOURS[layer.role]
    name = getattr(layer, "name", "") or None
    match layer:
        case Curve():
            axes.plot(layer.x, _finite(layer.y), DASHES[layer.dash], label=name, linewidth=0.75 * layer.width, **look)
            if layer.fill:
                axes.fill_between(layer.x, 0, _finite(layer.y), alpha=0.2, linewidth=0, **look)
        case Marks():
            hollow = {"facecolors": "none", "edgecolors": look.pop("color")} if layer.symbol == "ring" else {}
            axes.scatter(
                layer.x,
                _finite(layer.y),
                s=(0.75 * layer.size) ** 2,
                marker=MARKS[layer.symbol],
                label=name,
                **look,
                **hollow,
            )
        case Bars():
            axes.bar(layer.x, layer.y, layer.width, layer.base, label=name, alpha=0.75, **look)
        case Heat():
            norm = None
            if layer.centre is not None:
                spread = float(np.nanmax(np.abs(layer.z - layer.centre))) or 1.0
                norm = TwoSlopeNorm(layer.centre, layer.centre - spread, layer.centre + spread)
            colours = RISING if layer.centre is None else DIVERGING
            axes.pcolormesh(layer.x, layer.y, layer.z, cmap=colours, norm=norm, shading="nearest", zorder=order)
        case Arrows():
            axes.quiver(
                layer.x,
                layer.y,
                layer.u,
                layer.v,
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.0025 * layer.width,
                label=name,
                **look,
            )
        case Words():
            for x, y, text in zip(layer.x, layer.y, layer.texts, strict=True):
                axes.text(x, y, text, size=0.65 * layer.size, ha="center", va="center", clip_on=True, **look)
        case Level():
            across = axes.axhline if layer.axis == "y" else axes.axvline
            across(layer.value, linestyle=DASHES[layer.dash], linewidth=1, **look)
            # In the panel's own measure along the line, in true values across it.
            if layer.axis == "y":
                axes.text(
                    1,
                    layer.value,
                    layer.text,
                    transform=axes.get_yaxis_transform(),
                    ha="right",
                    va="bottom",
                    size=7,
                    **look,
                )
            else:
                axes.text(
                    layer.value,
                    1,
                    layer.text,
                    transform=axes.get_xaxis_transform(),
                    ha="left",
                    va="top",
                    size=7,
                    **look,
                )


def _finite(y: Any) -> Any:
    return np.where(np.isinf(y), math.nan, y)
