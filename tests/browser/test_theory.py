"""What a student does in the theory lab, in a real browser."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.driver import Live
from tests.browser.test_journeys import zoom
from wgan_core.theory import FIGURES, build

pytestmark = pytest.mark.browser


class Lab:
    """The theory page."""

    def __init__(self, live: Live, search: str = "") -> None:
        self.live, self.page = live, live.page
        self.page.goto(f"{live.base}/theory?{search}")
        self.drawn()

    def drawn(self, more_than: int = 0) -> Lab:
        """Wait until the charts have been drawn so often."""
        self.page.wait_for_function(
            "n => Number(document.querySelector('.wt-root')?.dataset.updates || 0) > n", arg=more_than
        )
        return self

    @property
    def updates(self) -> int:
        return int(self.page.locator(".wt-root").get_attribute("data-updates") or 0)

    def number(self, name: str) -> Locator:
        """What the table says of a number."""
        row = self.page.locator(".wt-tables tr", has=self.page.get_by_role("rowheader", name=name, exact=True))
        return row.locator("td").first

    def slide(self, knob: str, key: str, times: int = 1) -> None:
        """Move a slider by the keyboard, as one can without a mouse."""
        before = self.updates
        thumb = self.page.locator(f"[class*='st-key-theory-'][class*='-{knob}'] input[type=range]")
        thumb.focus()
        for _ in range(times):
            thumb.press(key)
        self.drawn(before)

    def of_chart(self, chart: str, expression: str) -> Any:
        """Ask a chart's graph element, called gd, in JavaScript."""
        return self.page.locator(f"[data-chart='{chart}'] .wl-plot").evaluate(f"gd => {expression}")

    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}


def test_a_student_opens_a_link_moves_a_slider_and_sees_the_theorem(visit: Visit) -> None:
    lab = Lab(visit(), "figure=parallel-lines&theta=0.3")
    expect(lab.number("W, EM distance")).to_have_text("0.3")
    expect(lab.number("JS")).to_have_text("0.6931")
    expect(lab.page.locator(".wt-grid .wl-panel")).to_have_count(3)
    node = lab.page.locator("[data-chart='distances'] .wl-plot").element_handle()
    lab.slide("theta", "ArrowRight", 3)
    expect(lab.number("W, EM distance")).to_have_text("0.36")  # three steps of 0.02
    expect(lab.number("JS")).to_have_text("0.6931")
    assert lab.query() == {"figure": "parallel-lines", "theta": "0.36"}
    assert lab.page.evaluate("node => node.isConnected", node), "the chart was made anew"
    # Who gets this address sees the same.
    other = Lab(visit(), urlsplit(lab.page.url).query)
    expect(other.number("W, EM distance")).to_have_text("0.36")


def test_a_preset_shows_its_point_and_back_undoes_it(visit: Visit) -> None:
    lab = Lab(visit(), "figure=topology")
    before = lab.updates
    lab.page.get_by_text("not compact", exact=True).click()
    lab.drawn(before)
    expect(lab.page.locator(".wt-reading")).to_contain_text("not compact")
    assert lab.query()["sequence"] == "escaping"
    lab.page.go_back()
    expect(lab.page.locator(".wt-reading")).not_to_contain_text("not compact")


def test_every_figure_draws_all_its_panels(visit: Visit) -> None:
    lab = Lab(visit())
    for name in FIGURES:
        lab.page.goto(f"{lab.live.base}/theory?figure={name}")
        expect(lab.page.locator(".wt-root")).to_have_attribute("data-figure", name)
        for panel in next(build(name).frames()).panels:
            assert lab.of_chart(panel.name, "gd.data.length") >= 1
        expect(lab.page.locator(".katex").first).to_be_visible()


def test_zoom_stays_while_a_slider_moves(visit: Visit) -> None:
    lab = Lab(visit(), "figure=gaussians")
    zoomed = zoom(lab.live, "densities")
    lab.slide("mean_q", "ArrowRight")
    assert lab.of_chart("densities", "[...gd._fullLayout.xaxis.range]") == zoomed


def test_an_animated_figure_grows_and_ends(visit: Visit) -> None:
    name = next(name for name, figure in FIGURES.items() if figure.animated())
    lab = Lab(visit(), f"figure={name}")
    lab.page.wait_for_function("document.querySelector('.wt-root .wl-bar').getAttribute('aria-valuenow') === '100'")
    expect(lab.page.locator(".st-key-theory-stop button")).to_be_disabled()
    count = lab.updates
    lab.page.wait_for_timeout(1500)
    assert lab.updates == count  # the timer has stopped


def test_the_question_can_be_answered(visit: Visit) -> None:
    lab = Lab(visit(), "figure=parallel-lines")
    question = FIGURES["parallel-lines"].question
    lab.page.get_by_text(question.options[question.answer], exact=True).click()
    expect(lab.page.get_by_text(re.compile("^Yes"))).to_be_visible()


def test_nothing_is_wider_than_a_phone(visit: Visit) -> None:
    lab = Lab(visit(viewport={"width": 390, "height": 844}, color_scheme="dark"))
    for name in FIGURES:
        lab.page.goto(f"{lab.live.base}/theory?figure={name}")
        expect(lab.page.locator(".wt-root")).to_have_attribute("data-figure", name)
        assert lab.page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390, name
        for panel in lab.page.locator(".wl-panel").all():
            box = panel.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 391
