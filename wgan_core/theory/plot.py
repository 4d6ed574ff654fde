"""Figures of the theory lab as plotly draws them, and as a web page of their own."""

from __future__ import annotations

import html
import math
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from wgan_core.charts import theme
from wgan_core.charts.plotting import Figure as Drawn
from wgan_core.charts.plotting import Trace, faint
from wgan_core.charts.webpage import document
from wgan_core.charts.webpage import layout as layout_of_page
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
    Role,
    Words,
    shown,
)

COLOURS: dict[Role, str] = {
    "real": theme.REAL,
    "generated": theme.GENERATED,
    "critic": theme.CRITIC,
    "ink": theme.INK,
    "quiet": theme.QUIET,
    "gan": theme.of_objective("gan"),
    "wgan-clip": theme.of_objective("wgan-clip"),
    "wgan-gp": theme.of_objective("wgan-gp"),
    # A distance has the colour of the objective that minimises it, where there is one.
    "em": theme.of_objective("wgan-gp"),
    "js": theme.of_objective("gan"),
    "kl": theme.SKY,
    "reverse-kl": theme.ORANGE,
    "tv": theme.VIOLET,
    "first": theme.VERMILION,
    "second": theme.ORANGE,
    "third": theme.GREEN,
    "fourth": theme.SKY,
}
SYMBOLS = {"circle": "circle", "cross": "x", "ring": "circle-open"}
HEIGHT = 330  # of a panel on a web page of its own
# From clear to dark, for values without a centre.
RISING = [[0, "rgba(0,114,178,0.03)"], [1, "rgba(0,114,178,0.9)"]]


# Panels


def drawn(panel: Panel) -> Drawn:
    """A panel as plotly's traces and layout, without the page's look."""
    traces: list[Trace] = []
    layout: dict[str, Any] = {"shapes": [], "annotations": []}
    for layer in panel.layers:
        if isinstance(layer, Level):
            shape, note = _level(layer, layer.axis in panel.log)
            layout["shapes"].append(shape)
            layout["annotations"] += note
        else:
            traces.append(_trace(layer) | ({} if getattr(layer, "name", "") else {"showlegend": False}))
    if any(isinstance(layer, Bars) for layer in panel.layers):
        layout["barmode"] = "overlay"
    layout["xaxis"] = _axis(panel.x_title, panel.x_range, "x" in panel.log, panel.axes)
    layout["yaxis"] = _axis(panel.y_title, panel.y_range, "y" in panel.log, panel.axes)
    if panel.equal:
        layout["xaxis"]["constrain"] = "domain"
        layout["yaxis"] |= {"scaleanchor": "x", "constrain": "domain"}
    return {"data": traces, "layout": layout}


def _trace(layer: AnyLayer) -> Trace:
    match layer:
        case Heat():
            return _heat(layer)
        case Arrows():
            return _arrows(layer)
        case Bars():
            return {
                "type": "bar",
                "name": layer.name,
                "x": layer.x,
                "y": layer.y,
                "width": layer.width,
                "base": layer.base,
                "marker": {"color": COLOURS[layer.role], "opacity": 0.75},
                "hovertemplate": f"{layer.name} %{{y:.4g}}<extra></extra>",
            }
        case Words():
            font = {"size": layer.size, "color": COLOURS[layer.role]}
            return {
                "type": "scatter",
                "mode": "text",
                "x": layer.x,
                "y": layer.y,
                "text": list(layer.texts),
                "textfont": font,
                "hoverinfo": "skip",
            }
        case Curve():
            line = {"color": COLOURS[layer.role], "width": layer.width, "dash": layer.dash}
            found = _scatter(layer, "lines") | {"line": line}
            return found | ({"fill": "tozeroy", "fillcolor": _clear(layer.role)} if layer.fill else {})
        case Marks():
            marker: dict[str, Any] = {"color": COLOURS[layer.role], "size": layer.size, "symbol": SYMBOLS[layer.symbol]}
            marker["line"] = {"width": 2, "color": COLOURS[layer.role]} if layer.symbol == "ring" else {"width": 0}
            return _scatter(layer, "markers") | {"marker": marker}
    raise TypeError(f"no trace for {layer!r}")


def _scatter(layer: Curve | Marks, mode: str) -> Trace:
    name = f"{layer.name} " if layer.name else ""
    return {
        "type": "scatter",
        "mode": mode,
        "name": layer.name,
        "x": layer.x,
        "y": np.where(np.isinf(layer.y), np.nan, layer.y),
        "hovertemplate": f"{name}(%{{x:.4g}}, %{{y:.4g}})<extra></extra>",
    }


def _heat(layer: Heat) -> Trace:
    found: Trace = {
        "type": "heatmap",
        "name": layer.name,
        "x": layer.x,
        "y": layer.y,
        "z": layer.z,
        "colorscale": RISING if layer.centre is None else theme.SURFACE,
        "showscale": False,
        "showlegend": bool(layer.name),
        "hovertemplate": f"{layer.name} %{{z:.4g}}<extra></extra>",
    }
    if layer.centre is not None:
        spread = float(np.nanmax(np.abs(layer.z - layer.centre))) or 1.0
        found |= {"zmid": layer.centre, "zmin": layer.centre - spread, "zmax": layer.centre + spread, "zsmooth": "fast"}
    return found


def _arrows(layer: Arrows) -> Trace:
    gap = np.full_like(layer.x, np.nan)
    color = COLOURS[layer.role]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": layer.name,
        "x": np.stack([layer.x, layer.x + layer.u, gap], 1).reshape(-1),
        "y": np.stack([layer.y, layer.y + layer.v, gap], 1).reshape(-1),
        "line": {"color": color, "width": layer.width},
        "marker": {
            "symbol": "arrow",
            "angleref": "previous",
            "color": color,
            "opacity": 1,
            "size": [0, 5 + 3 * layer.width, 0] * len(gap),
        },
        "hoverinfo": "skip",
    }


def _level(layer: Level, log: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A straight line across, and its words at its far end."""
    own, other = ("y", "x") if layer.axis == "y" else ("x", "y")
    color = COLOURS[layer.role]
    line = {"type": "line", f"{other}ref": f"{other} domain", f"{other}0": 0, f"{other}1": 1, f"{own}ref": own}
    line |= {f"{own}0": layer.value, f"{own}1": layer.value}
    line["line"] = {"color": color, "width": 1.5, "dash": layer.dash}
    if not layer.text:
        return line, []
    place = math.log10(layer.value) if log else layer.value  # plotly places lines by value, notes by exponent
    note = {
        f"{other}ref": f"{other} domain",
        other: 1,
        f"{own}ref": own,
        own: place,
        "text": layer.text,
        "showarrow": False,
    }
    note |= {"xanchor": "right" if own == "y" else "left", "yanchor": "bottom" if own == "y" else "top"}
    return line, [note | {"font": {"size": 11, "color": color}}]


def _axis(title: str, ends: tuple[float, float] | None, log: bool, seen: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"title": {"text": title}, "visible": seen}
    if log:
        found |= {"type": "log", "exponentformat": "power", "nticks": 6}
        if ends is not None and 1e3 <= ends[1] / ends[0] < 1e6:
            found["dtick"] = 1  # powers of ten alone
    if ends is not None:
        found["range"] = [math.log10(end) for end in ends] if log else list(ends)
    return found


def _clear(role: Role) -> str:
    return "rgba(0,114,178,0.2)" if role == "real" else faint(COLOURS[role])


# Numbers


def number_table(result: Result) -> dict[str, Any]:
    """The numbers as rows of cells: each a text, or a text and how it looks."""
    closed = any(number.expected is not None for number in result.numbers)
    columns = ["", "computed", *(["closed form", ""] if closed else []), ["which is", "wt-note"]]
    rows = []
    for number in result.numbers:
        row: list[Any] = [number.name, [shown(number.value), "wt-value"]]
        if closed:
            mark = {True: ["✓ meets it", "wt-yes"], False: ["✗ misses it", "wt-no"], None: ""}[number.holds]
            row += [[shown(number.expected) if number.expected is not None else "", "wt-value"], mark]
        rows.append([*row, [number.note, "wt-note"]])
    return {"title": "", "columns": columns, "rows": rows}


def tables(result: Result) -> list[dict[str, Any]]:
    """The numbers, then the figure's own tables."""
    own = [{"title": t.title, "columns": t.columns, "rows": [list(row) for row in t.rows]} for t in result.tables]
    return ([number_table(result)] if result.numbers else []) + own


# The page


# A web page of its own


def page(figure: Figure, result: Result) -> str:
    """A figure as one web page that opens without a network."""
    figures = {}
    places = []
    for panel in result.panels:
        found = drawn(panel)
        height = 2 * HEIGHT + 50 if panel.tall else HEIGHT
        figures[panel.name] = {"data": found["data"], "layout": layout_of_page(found, height)}
        place = ("grid-column: 1 / -1;" if panel.wide else "") + ("grid-row: span 2;" if panel.tall else "")
        places.append(
            f'<section class="chart" style="{place}"><h3>{html.escape(panel.title)}</h3>'
            f'<div id="{html.escape(panel.name)}" style="height:{height}px"></div></section>'
        )
    knobs = ", ".join(
        f"{field.title} = {getattr(figure, name)}"
        for name, field in type(figure).model_fields.items()
        if name != "kind"
    )
    body = "".join(
        (
            f"<h1>{html.escape(figure.label)}</h1><p>{html.escape(' '.join(figure.says))}</p>",
            f"<p>{formula(figure.formula)}</p>",
            f'<p class="quiet">{html.escape(figure.source)}. {html.escape(knobs)}</p>',
            f'<div class="charts">{"".join(places)}</div>',
            f"<p><b>{html.escape(result.reading)}</b></p>",
            *map(_html_table, tables(result)),
        )
    )
    return document(figure.label, body, figures)


def formula(latex: str) -> str:
    """LaTeX as MathML, which browsers show by themselves; as it is where the package for that is missing."""
    if find_spec("latex2mathml") is None:
        return f"<code>{html.escape(latex)}</code>"
    known = latex.replace(r"\arg", r"\operatorname{arg}")  # which the package does not know
    return str(import_module("latex2mathml.converter").convert(known))


def _html_table(table: dict[str, Any]) -> str:
    def cell(tag: str, value: Any) -> str:
        return f"<{tag}>{html.escape(value if isinstance(value, str) else value[0])}</{tag}>"

    head = "".join(cell("th", column) for column in table["columns"])
    lines = "".join("<tr>" + "".join(cell("td", value) for value in row) + "</tr>" for row in table["rows"])
    title = f"<h3>{html.escape(table['title'])}</h3>" if table["title"] else ""
    return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
