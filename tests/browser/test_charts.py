"""A chart under a finger and under the keyboard, on a run that came with the software: nothing trains."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser
RUN = "run=recorded-clip-turned"


def test_a_finger_scrolls_and_zooms_only_when_it_is_asked_to(visit: Visit) -> None:
    live = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open(RUN).wait_for_data()
    page, panel = live.page, live.panel("distance")
    touch = page.context.new_cdp_session(page)

    def seen() -> tuple[Any, Any]:
        top = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTop")
        return top, live.of_chart("distance", "gd._fullLayout.xaxis.range.join()")

    def swipe() -> Any:
        """Draw a finger up over the chart; returns how far the page had been scrolled."""
        panel.evaluate("box => box.scrollIntoView({ block: 'center' })")
        top, _ = seen()
        box = panel.locator(".wl-plot").bounding_box()
        assert box is not None
        x, y = box["x"] + 150, box["y"] + 150
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for i in range(1, 9):
            points = [{"x": x + 4 * i, "y": y - 12 * i}]
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
            page.wait_for_timeout(16)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return top

    _, whole = seen()
    top = swipe()
    page.wait_for_function("top => document.querySelector('[data-testid=stMain]').scrollTop > top + 50", arg=top)
    assert seen()[1] == whole
    zoom = panel.get_by_role("button", name="Zoom")
    zoom.tap()
    expect(zoom).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(300)  # the page has come to rest
    top = swipe()
    page.wait_for_function(
        "whole => document.querySelector('[data-chart=distance] .wl-plot')._fullLayout.xaxis.range.join() !== whole",
        arg=whole,
    )
    assert seen()[0] == top
    expect(page.locator(".plotly-notifier")).to_have_count(0)  # it would cover the panel above
    zoom.tap()
    page.wait_for_function(
        "whole => document.querySelector('[data-chart=distance] .wl-plot')._fullLayout.xaxis.range.join() === whole",
        arg=whole,
    )


def test_an_explanation_stands_beside_its_chart_and_goes_with_escape(visit: Visit) -> None:
    live = visit().open(RUN).wait_for_data()
    for name in ("distance", "samples"):
        panel, text = live.panel(name), live.panel(name).locator(".wl-help-text")
        panel.locator(".wl-help summary").click()
        expect(text).to_be_visible()
        said, chart = text.bounding_box(), panel.locator(".wl-plot").bounding_box()
        assert said is not None
        assert chart is not None
        beside = said["x"] + said["width"] <= chart["x"] or said["x"] >= chart["x"] + chart["width"]
        assert beside, name
        assert said["x"] >= 0
        live.page.keyboard.press("Escape")
        expect(text).to_be_hidden()
        assert live.page.evaluate("() => document.activeElement.tagName") == "SUMMARY"
