"""A run as one web page that opens without a network: charts that can be zoomed, tables, what the coach says.

The core's command line finds :func:`report` by name when a report is asked for, since the core does without plotly. Nothing
here imports streamlit.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from plotly.offline import get_plotlyjs

from wgan_core.charts import overlays, plotting, theme
from wgan_core.charts import training as charts
from wgan_core.charts.lanes import Shown, shown, table
from wgan_core.coach import findings
from wgan_core.history import LaneView

# A printed page is light.
COLOURS = {theme.INK: "#262730", theme.QUIET: "#808495", theme.REAL: "#0072B2"}
FONT = '"Source Sans Pro", "Source Sans 3", system-ui, sans-serif'
GRID = {"gridcolor": "#e6e6ea", "zerolinecolor": "#c9c9d0", "automargin": True}
HEIGHT, TALL = 300, 560

STYLE = """
body { font: 16px/1.5 FONT; color: #262730; background: #fff; max-width: 1180px; margin: 0 auto; padding: 24px; }
h1 { font-size: 1.7rem; margin: 0 0 4px; } h2 { font-size: 1.25rem; margin: 36px 0 8px; } h3 { font-size: 1rem; margin: 0; }
p { margin: 4px 0; } .quiet { color: #6b6e7b; font-size: 0.88rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr)); gap: 24px 28px; }
.chart, .finding { break-inside: avoid; min-width: 0; } .wide { grid-column: 1 / -1; max-width: 720px; }
.lane { border-left: 6px solid; padding-left: 8px; } .finding { margin: 12px 0; }
.failed { border-left: 6px solid #D55E00; padding: 4px 12px; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid #e6e6ea; font-weight: inherit; }
thead th { color: #6b6e7b; font-size: 0.88rem; } pre { overflow-x: auto; background: #f5f5f7; padding: 12px; }
""".replace("FONT", FONT)
SCRIPT = """
const figures = JSON.parse(document.getElementById("figures").textContent);
for (const [id, figure] of Object.entries(figures)) {
  const config = { displaylogo: false, responsive: true, showSendToCloud: false };
  Plotly.newPlot(id, figure.data, figure.layout, config);
}
"""


def report(views: Sequence[LaneView], clock: plotting.Clock = "step", title: str = "") -> str:
    """A page on one run.

    Parameters
    ----------
    views : Sequence[LaneView]
        Its lanes, one to four.
    clock : str
        What the charts have on their x axis.
    title : str
        The heading; the names of the lanes if it is not given.

    Returns
    -------
    str
        HTML, about five megabytes, most of it plotly. All text of the run is escaped, and the page allows no other script than
        its own two.
    """
    lanes = shown(views)
    title = title or " and ".join(lane.name for lane in lanes)
    figures: dict[str, Any] = {}
    drawn = "".join(_charts(lanes, clock, figures))
    body = "".join(
        (
            f"<h1>{html.escape(title)}</h1>{_about(lanes)}",
            "".join(_failures(lanes)),
            f"<h2>Numbers</h2>{_numbers(lanes)}",
            drawn,
            f"<h2>What the coach says</h2>{''.join(_findings(lanes))}",
            "".join(_events(lanes)),
            "".join(_configs(lanes)),
        )
    )
    return document(title, body, figures)


def document(title: str, body: str, figures: dict[str, Any]) -> str:
    """A web page with plotly in it.

    Parameters
    ----------
    body : str
        HTML, with an empty element for each figure.
    figures : dict
        Plotly's data and layout by the id of that element.
    """
    # Inside a script element only this sequence ends it, or opens what hides its end.
    data = json.dumps(_plain(figures), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    scripts = [get_plotlyjs(), SCRIPT]
    policy = f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {_hashes(scripts)}"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)} – WGAN Live</title><style>{STYLE}</style></head><body>{body}",
            f'<script type="application/json" id="figures">{data}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body></html>\n",
        )
    )


def _hashes(scripts: Sequence[str]) -> str:
    """What the page's policy calls these scripts, and no others."""
    digests = [hashlib.sha256(script.replace("\r\n", "\n").encode()).digest() for script in scripts]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


# Charts


def _charts(lanes: Sequence[Shown], clock: plotting.Clock, figures: dict[str, Any]) -> Iterator[str]:
    """The sections with charts. The figures themselves go into ``figures``, by the id of their place."""
    first = lanes[0].view
    if len(lanes) > 1:
        places = [
            _place(chart, chart.draw(lanes, clock), f"all-{chart.name}", figures)
            for chart in overlays.OVERLAYS.values()
            if chart.suits(first.config.dataset, first.seeds)
        ]
        yield f'<h2>All lanes</h2>{_legend(lanes)}<div class="charts">{"".join(places)}</div>'
    for i, lane in enumerate(lanes):
        places = [
            _place(chart, chart.draw(lane.view, clock), f"lane{i}-{chart.name}", figures)
            for chart in charts.CHARTS.values()
            if chart.suits(lane.view.config.dataset, lane.view.seeds)
        ]
        yield f'<h2 class="lane" style="border-color:{lane.color}">{html.escape(lane.name)}</h2>'
        yield f'<div class="charts">{"".join(places)}</div>'


def _place(chart: plotting.Chart, figure: plotting.Figure | None, place: str, figures: dict[str, Any]) -> str:
    """A chart's title, the room for it, and what it shows."""
    if figure is None:
        return ""
    height = TALL if chart.wide else HEIGHT
    figures[place] = {"data": figure["data"], "layout": layout(figure, height)}
    unit = f' <span class="quiet">{html.escape(chart.unit)}</span>' if chart.unit else ""
    return (
        f'<section class="chart{" wide" if chart.wide else ""}"><h3>{html.escape(chart.title)}{unit}</h3>'
        f'<div id="{place}" style="height:{height}px"></div>'
        f'<p class="quiet">{html.escape(chart.help)} Source: {html.escape(chart.source)}.</p></section>'
    )


def layout(figure: plotting.Figure, height: int) -> dict[str, Any]:
    """The look of a figure on a printed page, and its height in pixels."""
    found = dict(figure["layout"])
    for name in [name for name in found if name.startswith(("xaxis", "yaxis"))]:
        found[name] = GRID | found[name]
    named = sum(trace.get("showlegend") is not False for trace in figure["data"])
    return found | {
        "height": height,
        "margin": {"l": 56, "r": 52 if "yaxis2" in found else 16, "t": 40, "b": 44},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "font": {"family": FONT, "size": 12, "color": COLOURS[theme.INK]},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
        "showlegend": named > 1,
    }


def _plain(value: Any) -> Any:
    """A figure as JSON has it: arrays as lists, absent numbers as null, the page's colours as those of a light page."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.7g}") if np.isfinite(value) else None
    return COLOURS.get(value, value) if isinstance(value, str) else value


# Tables and text


def _legend(lanes: Sequence[Shown]) -> str:
    return "".join(
        f'<span class="lane" style="border-color:{lane.color};margin-right:24px">{html.escape(lane.name)}</span>'
        for lane in lanes
    )


def _about(lanes: Sequence[Shown]) -> str:
    """What was trained, with which seeds, how far, and where."""
    view = lanes[0].view
    seeds = f"seed {view.config.seed}"
    if view.seeds > 1:
        seeds = f"{view.seeds} seeds from {view.config.seed}: medians, and bands from 10 to 90 %"
    facts = [
        f"run {view.id.partition('.')[0]}",
        view.config.dataset.label,
        seeds,
        f"generator step {max(lane.view.step for lane in lanes):,}",
        view.device,
    ]
    return f'<p class="quiet">{html.escape("; ".join(facts))}</p>'


def _failures(lanes: Sequence[Shown]) -> Iterator[str]:
    for lane in lanes:
        if (why := lane.view.failure) is not None:
            yield f'<p class="failed">{html.escape(f"{lane.name} failed. {why.message} {why.cause}")}</p>'


def _numbers(lanes: Sequence[Shown]) -> str:
    """Last and best values of each lane."""
    found = table(lanes)
    head = "".join(f"<th>{html.escape(column)}</th>" for column in ("lane", "status", *found["columns"]))
    rows = []
    for row in found["rows"]:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in (row["status"], *row["cells"]))
        name = f'<span class="lane" style="border-color:{row["color"]}">{html.escape(row["name"])}</span>'
        rows.append(f"<tr><th>{name}</th>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _findings(lanes: Sequence[Shown]) -> Iterator[str]:
    nothing = True
    for lane in lanes:
        for found in findings(lane.view):
            nothing = False
            title = f"{lane.name}: {found.title}" if len(lanes) > 1 else found.title
            yield (
                f'<div class="finding"><h3>{html.escape(title)}</h3><p>{html.escape(found.text)}</p>'
                f'<p class="quiet">{html.escape(found.source)}</p></div>'
            )
    if nothing:
        yield '<p class="quiet">Nothing: there are too few measurements to judge by.</p>'


def _events(lanes: Sequence[Shown]) -> Iterator[str]:
    """Knobs that were turned, failures."""
    rows = [
        f"<tr><td>{html.escape(lane.name)}</td><td>{event.step:,}</td><td>{html.escape(event.kind)}</td>"
        f"<td>{html.escape(event.text)}</td></tr>"
        for lane in lanes
        for event in lane.view.events
    ]
    if rows:
        yield "<h2>Events</h2><table><thead><tr><th>lane</th><th>step</th><th></th><th></th></tr></thead>"
        yield f"<tbody>{''.join(rows)}</tbody></table>"


def _configs(lanes: Sequence[Shown]) -> Iterator[str]:
    yield "<h2>Settings</h2>"
    for lane in lanes:
        text = json.dumps(lane.view.config.model_dump(), ensure_ascii=False, indent=2)
        yield f"<details><summary>{html.escape(lane.name)}</summary><pre>{html.escape(text)}</pre></details>"
