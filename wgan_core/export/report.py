"""A run as one web page that opens without a network: charts that can be zoomed, tables, what the coach says."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from wgan_core.charts import CHARTS, OVERLAYS, Chart, Clock, Figure
from wgan_core.charts.lanes import Shown, shown, table
from wgan_core.charts.webpage import document, layout
from wgan_core.coach import findings
from wgan_core.export.format import export
from wgan_core.export.subject import Bundle, File
from wgan_core.history import RunView

HEIGHT, TALL = 300, 560


@export(
    "html",
    "Report",
    "One web page with all charts, which opens without a network.",
    ".html",
    "text/html",
    requires=("plotly",),
)
def report_file(bundle: Bundle) -> Iterable[File]:
    return [File("report.html", report(bundle.view).encode())]


def report(run: RunView, title: str = "") -> str:
    """A page on one run.

    Parameters
    ----------
    run : RunView
        The clock of its config is what the charts have on their x axis.
    title : str
        The heading; the names of the lanes if it is not given.

    Returns
    -------
    str
        HTML, about five megabytes, most of it plotly. All text of the run is escaped, and the page allows no other script than
        its own two.
    """
    lanes, clock = shown(run.lanes), run.config.clock
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


# Charts


def _charts(lanes: Sequence[Shown], clock: Clock, figures: dict[str, Any]) -> Iterator[str]:
    """The sections with charts. The figures themselves go into ``figures``, by the id of their place."""
    first = lanes[0].view
    if len(lanes) > 1:
        places = [
            _place(chart, chart.draw(lanes, clock), f"all-{chart.name}", figures)
            for chart in OVERLAYS.values()
            if chart.suits(first.config.dataset, first.seeds)
        ]
        yield f'<h2>All lanes</h2>{_legend(lanes)}<div class="charts">{"".join(places)}</div>'
    for i, lane in enumerate(lanes):
        places = [
            _place(chart, chart.draw(lane.view, clock), f"lane{i}-{chart.name}", figures)
            for chart in CHARTS.values()
            if chart.suits(lane.view.config.dataset, lane.view.seeds)
        ]
        yield f'<h2 class="lane" style="border-color:{lane.color}">{html.escape(lane.name)}</h2>'
        yield f'<div class="charts">{"".join(places)}</div>'


def _place(chart: Chart, figure: Figure | None, place: str, figures: dict[str, Any]) -> str:
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
        f"run {view.run_id}",
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
