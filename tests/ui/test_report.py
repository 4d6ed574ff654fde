"""The report: all charts and numbers of a run on one page, and no text of the run can do more than be read."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from pages.ui.charts import CHARTS
from pages.ui.overlays import OVERLAYS
from pages.ui.report import SCRIPT, report
from tests.core.exported import RUNS, failed, race, solo
from tests.core.helpers import python
from wgan_core.records import Event


def figures(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.S)
    assert found
    text: dict[str, Any] = json.loads(found[1])
    return text


def test_a_report_has_every_chart_that_suits_the_run() -> None:
    view = solo().views[0]
    expected = {f"lane0-{c.name}" for c in CHARTS.values() if c.suits(view.config.dataset) and c.draw(view, "step")}
    page = report([view])
    assert set(figures(page)) == expected
    assert all(f'<div id="{place}"' in page for place in expected)


def test_a_report_on_several_lanes_has_them_together_and_alone() -> None:
    found = set(figures(report(race().views)))
    suits = [c.name for c in OVERLAYS.values() if c.suits(race().views[0].config.dataset)]
    assert {f"all-{name}" for name in suits} <= found
    assert {"lane0-losses", "lane1-losses"} <= found


@pytest.mark.parametrize("run", RUNS)
def test_the_figures_are_strict_json_in_the_colours_of_a_light_page(run: str) -> None:
    text = json.dumps(figures(report(RUNS[run]().views)), allow_nan=False)
    assert "var(--" not in text


def test_a_report_says_what_was_trained_and_what_happened() -> None:
    page = report(solo().views)
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
    assert html.escape(solo().views[0].events[0].text) in page


def test_texts_of_a_run_are_escaped() -> None:
    page = report(failed().views, title="<b>mine</b>")
    evil = failed().views[0].events[0].text
    assert evil not in page
    assert "<img" not in page
    assert page.count("<script") == 1 + 2 + page_of_plotly().count("<script")
    assert "<b>mine" not in page
    assert html.escape(evil) in page


def test_texts_within_charts_are_escaped_too() -> None:
    event = Event(1, 5, 0.1, "edit", '</script><a href="https://example.org">x</a>')
    found = json.dumps(figures(report([replace(solo().views[0], events=(event,))])))
    assert "&lt;a href" in found
    assert "<a" not in found


def page_of_plotly() -> str:
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    assert "</script" not in text + SCRIPT
    return text


def test_the_policy_names_no_place_on_the_network() -> None:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', report(solo().views))
    assert found
    policy = html.unescape(found[1])
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert policy.count("'sha256-") == 2
    assert "script-src 'unsafe" not in policy


def test_a_report_takes_plotly_but_not_streamlit() -> None:
    code = "import sys, pages.ui.report; print('streamlit' in sys.modules, 'plotly' in sys.modules)"
    assert python("-c", code).stdout.split() == ["False", "True"]
