"""The report: all charts and numbers of a run on one page, and no text of the run can do more than be read."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.core.exported import RUNS, failed, race, solo
from tests.core.helpers import python, small
from wgan_core.charts import CHARTS, OVERLAYS
from wgan_core.charts.webpage import SCRIPT
from wgan_core.config import TrainingConfig
from wgan_core.export.report import report
from wgan_core.history import Event, Failure


def figures(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.S)
    assert found
    text: dict[str, Any] = json.loads(found[1])
    return text


def test_a_report_has_every_chart_that_suits_the_run() -> None:
    view = solo().view.lanes[0]
    expected = {f"lane0-{c.name}" for c in CHARTS.values() if c.suits(view.config.dataset) and c.draw(view, "step")}
    page = report(solo().view)
    assert set(figures(page)) == expected
    assert all(f'<div id="{place}"' in page for place in expected)


def test_a_report_on_several_lanes_has_them_together_and_alone() -> None:
    found = set(figures(report(race().view)))
    suits = [c.name for c in OVERLAYS.values() if c.suits(race().view.lanes[0].config.dataset)]
    assert {f"all-{name}" for name in suits} <= found
    assert {"lane0-losses", "lane1-losses"} <= found


@pytest.mark.parametrize("run", RUNS)
def test_the_figures_are_strict_json_in_the_colours_of_a_light_page(run: str) -> None:
    text = json.dumps(figures(report(RUNS[run]().view)), allow_nan=False)
    assert "var(--" not in text


def test_a_report_says_what_was_trained_and_what_happened() -> None:
    page = report(solo().view)
    for part in (
        "WGAN-GP",
        "Ring of Gaussians",
        "seed 0",
        "generator step 8",
        "λ",
        "Events",
        "Settings",
        "What the coach says",
    ):
        assert part in page
    assert html.escape(solo().view.lanes[0].events[0].text) in page


def test_texts_of_a_run_are_escaped() -> None:
    page = report(failed().view, title="<b>mine</b>")
    evil = failed().view.lanes[0].events[0].text
    assert evil not in page
    assert "<img" not in page
    assert page.count("<script") == 1 + 2 + page_of_plotly().count("<script")
    assert "<b>mine" not in page
    assert html.escape(evil) in page


def test_texts_within_charts_are_escaped_too() -> None:
    event = Event(1, 5, 0.1, "edit", '</script><a href="https://example.org">“x”</a> & %{y}')
    found = figures(report(replace(solo().view, lanes=(replace(solo().view.lanes[0], events=(event,)),))))
    assert "<a" not in json.dumps(found)
    notes = [note for figure in found.values() for note in figure["layout"].get("annotations", [])]
    texts = {note["hovertext"] for note in notes if "hovertext" in note}
    assert texts == {'&lt;/script&gt;&lt;a href="https://example.org"&gt;“x”&lt;/a&gt; &amp; &#37;{y}'}


class Elements(HTMLParser):
    """What a browser makes of a page: its elements, and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_no_element_is_made_of_a_text_of_a_run() -> None:
    evil = '"><img src="//zqx.example" onerror=zqx()><a href=javascript:zqx()>x</a><script>zqx()</script>'
    view = failed().view.lanes[0]
    folder = {"kind": "folder", "path": evil, "classes": evil[:200]}
    config = small("fashion-mnist").model_dump() | {"dataset": folder}
    config.pop("conditional")
    hostile = replace(
        view,
        config=TrainingConfig.parse(config),
        device=evil,
        failure=Failure(evil, evil),
        events=(Event(0, 0, 0.0, "failure", evil), Event(0, 0, 0.0, "edit", evil)),
    )
    page = report(replace(failed().view, lanes=(hostile, replace(hostile, lane=1))), title=evil)
    tags = {tag for tag, _ in Elements(page).found}
    assert not tags & {"img", "a", "iframe", "object", "svg"}
    assert [attrs for tag, attrs in Elements(page).found if "zqx" in str(attrs)] == []
    assert page.count("zqx") > 10


def page_of_plotly() -> str:
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    assert "</script" not in text + SCRIPT
    return text


def test_the_policy_names_no_place_on_the_network() -> None:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', report(solo().view))
    assert found
    policy = html.unescape(found[1])
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert policy.count("'sha256-") == 2
    assert "script-src 'unsafe" not in policy


def test_a_report_takes_neither_plotly_nor_streamlit() -> None:
    code = "import sys, wgan_core.export.report; print('streamlit' in sys.modules, 'plotly' in sys.modules)"
    assert python("-c", code).stdout.split() == ["False", "False"]
