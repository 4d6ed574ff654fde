"""Looking at runs of the past, going on with them and forking them, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.driver import ENDLESS, query
from tests.browser.test_compare import lane_step, look_at

pytestmark = pytest.mark.browser


def test_a_recorded_comparison_is_replayed_like_a_film(visit: Visit) -> None:
    page = visit().open("run=recorded-three-objectives", "/compare").wait_for_data()
    page.shows_status("finished")
    assert [lane_step(page, i) for i in range(3)] == [600] * 3
    assert "1 of 8 modes" in page.panel("samples.0").locator(".wl-unit").inner_text()
    assert "8 of 8 modes" in page.panel("samples.2").locator(".wl-unit").inner_text()
    look_at(page, 0.02)
    assert lane_step(page, 1) < 100
    page.page.locator(".wl-speed").select_option("1")
    page.page.locator(".wl-play").click()
    seen: set[int] = set()
    while not seen or max(seen) < 600:
        seen.add(lane_step(page, 1))
        page.page.wait_for_timeout(60)
    assert len(seen - {600}) > 2  # not a leap to the end; how many frames are drawn is up to the machine
    expect(page.page.locator(".wl-at")).to_have_text("now")


def test_a_run_is_forked_with_another_knob_and_shows_where_it_comes_from(visit: Visit) -> None:
    page = visit().start(**{**ENDLESS, "objective": {"kind": "wgan-clip"}})
    parent = page.run_id
    page.wait_for_step(60).stop()
    page.shows_status("stopped").page.wait_for_timeout(1500)  # the page comes to rest
    page.page.get_by_text("This run", exact=True).click()
    fork, form = (page.page.get_by_role("button", name="Fork at step"), page.page.get_by_text(f"Fork of run {parent}"))
    fork.click()
    try:
        expect(form).to_be_visible(timeout=20_000)
    except AssertionError:  # Streamlit drops a click on what it is just drawing anew; anyone would click again
        fork.click()
    expect(form).to_be_visible()
    expect(page.page.get_by_text("nothing is changed yet")).to_be_visible()
    page.page.wait_for_timeout(1000)  # the page has come to rest: nothing is put in the place of the input any more
    knob = page.page.get_by_role("spinbutton", name="n_critic")
    knob.fill("1")
    knob.press("Enter")
    expect(page.page.get_by_text("n_critic 5 → 1")).to_be_visible()
    page.button("start").click()
    page.page.wait_for_url(re.compile(r"[?&]run="))
    assert page.run_id != parent
    page.page.wait_for_function(
        "() => document.querySelector('[data-chart=losses] .wl-plot').data?.some(t => t.name.includes('before the fork'))"
    )
    for chart in ("distance", "losses", "gradients", "lipschitz"):
        expect(page.panel(chart).locator(".annotation-text", has_text="fork")).to_be_visible()
    page.page.goto(f"{page.base}/runs?run={page.run_id}")
    expect(page.page.get_by_text(re.compile(f"Forked from {parent}")).first).to_be_visible()
    page.open(f"run={page.page.url.split('run=')[1]}", "/train")


def test_a_stopped_run_goes_on_in_place(visit: Visit) -> None:
    page = visit().open(query(**ENDLESS)).start()
    page.wait_for_step(40).stop()
    stopped = page.step
    run_id = page.run_id
    page.button("go_on").click()
    page.shows_status("running").wait_for_step(stopped + 20)
    assert page.run_id == run_id
