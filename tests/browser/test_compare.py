"""What a lecturer does on the compare page, in a real browser."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.driver import Live
from tests.browser.test_journeys import zoom
from wgan_core.lessons.scenarios import SCENARIOS

pytestmark = pytest.mark.browser

NET = {"width": 16}
SHARED: dict[str, Any] = {"generator": NET, "critic": NET, "batch_size": 16, "device": "cpu"}
FOUR = [{"objective": {"kind": "wgan-clip", "clip": c}} for c in (0.001, 0.01, 0.1, 0.5)]
THREE = [{"objective": {"kind": kind}} for kind in ("gan", "wgan-clip", "wgan-gp")]


def race(lanes: list[dict[str, Any]], length: int = 1_000_000, **settings: Any) -> str:
    return urlencode({"race": json.dumps({"shared": SHARED, "lanes": lanes, "length": length, **settings})})


def start(page: Live, search: str) -> Live:
    page.open(search, "/compare")
    page.button("start").click()
    page.page.wait_for_url(re.compile(r"[?&]run="))
    return page


def look_at(page: Live, share: float) -> int:
    """Move the slider to a share of its way, and wait for the charts to follow. Returns the step that is looked at."""
    slider = page.page.locator(".wl-slider")
    box = slider.bounding_box()
    assert box is not None
    page.page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    expect(page.page.locator(".wl-player")).to_have_class(re.compile("wl-back"))
    page.page.wait_for_function("document.querySelector('.wl-marker:not([hidden])') !== null")
    found = re.search(r"[\d,]+", page.page.locator(".wl-at").inner_text())
    assert found
    return int(found[0].replace(",", ""))


def lane_step(page: Live, lane: int) -> int:
    words = page.panel(f"samples.{lane}").locator(".wl-unit").inner_text()
    found = re.search(r"step ([\d,]+)", words)
    assert found, words
    return int(found[1].replace(",", ""))


def test_four_lanes_stream_without_a_jump_and_keep_zoom(visit: Visit) -> None:
    page = visit().open(race(FOUR, snapshot_every=5), "/compare")
    empty = page.boxes()
    page.button("start").click()
    page.wait_for_data().wait_for_updates(2)
    assert page.boxes() == empty  # nothing jumps when the data arrive
    page.page.evaluate("document.querySelectorAll('.wl-root, .wl-panel, .wl-plot').forEach(n => { n.mine = true; })")
    zoomed = zoom(page, "w1")
    corner = zoom(page, "samples.2")
    untouched = page.of_chart("slope", "gd._fullLayout.xaxis.range")
    page.wait_for_updates(8)
    assert page.of_chart("w1", "gd._fullLayout.xaxis.range") == zoomed
    assert page.of_chart("samples.2", "gd._fullLayout.xaxis.range") == corner
    assert page.of_chart("slope", "gd._fullLayout.xaxis.range") != untouched
    assert page.page.evaluate(
        "[...document.querySelectorAll('.wl-root, .wl-panel, .wl-plot')].every(n => n.mine === true)"
    )
    assert page.boxes() == empty
    # One colour a lane, in its head and in every overlay.
    heads = page.page.eval_on_selector_all(
        ".wl-lanes .wl-panel", "ps => ps.map(p => getComputedStyle(p).borderTopColor)"
    )
    assert len(set(heads)) == 4
    lines = page.of_chart("modes", "gd.data.map(t => t.line.color)")
    assert [f"rgb({int(c[1:3], 16)}, {int(c[3:5], 16)}, {int(c[5:7], 16)})" for c in lines] == heads
    # Axes are locked across lanes.
    axes = [page.of_chart(f"samples.{i}", "gd._fullLayout.yaxis.range") for i in (0, 1, 3)]
    assert axes[0] == axes[1] == axes[2]


def test_looking_back_moves_every_panel_while_the_race_goes_on(visit: Visit) -> None:
    page = start(visit(), race(THREE, snapshot_every=5))
    page.wait_for_data()
    page.page.wait_for_function("Number(document.querySelector('.wl-slider').max) > 300")
    step = look_at(page, 0.4)
    page.page.wait_for_function("document.querySelectorAll('.wl-marker:not([hidden])').length >= 5")
    steps = {lane_step(page, i) for i in range(3)}
    assert max(steps) - min(steps) <= 20  # frames are thinned, and each lane shows its last one up to there
    assert max(steps) <= step
    before = page.of_chart("samples.1", "Array.from(gd.data[2].x)")
    progress = page.page.locator(".wl-step").inner_text()
    page.wait_for_updates(4)
    assert page.page.locator(".wl-step").inner_text() != progress  # it goes on,
    assert page.of_chart("samples.1", "Array.from(gd.data[2].x)") == before  # and what is looked at stays
    earlier = look_at(page, 0.1)
    assert earlier < step
    page.page.wait_for_function(
        "x => document.querySelector('[data-chart=\"samples.1\"] .wl-plot').data[2].x[0] !== x", arg=before[0]
    )
    page.page.get_by_role("button", name="Now", exact=True).click()
    page.page.wait_for_function("document.querySelectorAll('.wl-marker:not([hidden])').length === 0")
    expect(page.page.locator(".wl-at")).to_have_text("now")
    page.page.wait_for_function(
        "document.querySelector('[data-chart=\"samples.0\"] .wl-unit').textContent.match(/step ([0-9,]+)/)[1]"
        ".replaceAll(',', '') > 200"
    )


def test_a_finished_race_plays_like_a_film(visit: Visit) -> None:
    page = start(visit(), race(THREE[1:], length=300, snapshot_every=10))
    page.shows_status("finished").wait_for_data()
    page.page.locator(".wl-speed").select_option("1")
    seen: set[int] = set()
    page.page.locator(".wl-play").click()
    for _ in range(200):
        page.page.wait_for_timeout(100)
        seen.add(lane_step(page, 0))
        if page.page.locator(".wl-at").inner_text() == "now":
            break
    assert len(seen) > 2
    assert page.page.locator(".wl-at").inner_text() == "now"
    page.page.wait_for_function("document.querySelector('.wl-lanes .wl-unit').textContent.includes('step 300')")
    expect(page.page.locator(".wl-play")).to_have_text("▶")


def test_a_lesson_is_predicted_started_and_revealed(visit: Visit) -> None:
    scenario = SCENARIOS["three-objectives"]
    page = visit().open(urlencode({"scenario": scenario.name}), "/compare")
    expect(page.page.get_by_text(scenario.question)).to_be_visible()
    expect(page.button("reveal")).to_be_disabled()
    page.page.locator(".st-key-prediction").get_by_text(scenario.options[scenario.answer], exact=True).click()
    page.button("start").click()
    page.wait_for_data()
    page.button("reveal").click()
    expect(page.page.get_by_text("As measured.")).to_be_visible()
    assert f"scenario={scenario.name}" in page.page.url
    # A reload finds the race again, and the lesson with it.
    run_id = page.run_id
    page.page.reload()
    page.ready().wait_for_data()
    assert page.run_id == run_id
    expect(page.page.get_by_text(scenario.question)).to_be_visible()


def test_the_projector_hides_the_form_and_enlarges_the_panels(visit: Visit) -> None:
    page = start(visit(), race(THREE, snapshot_every=10))
    page.wait_for_data()
    small = page.panel("samples.0").bounding_box()
    assert small is not None
    page.page.locator(".st-key-projector label").first.click()
    expect(page.page.get_by_test_id("stSidebar")).to_be_hidden()
    page.page.wait_for_function("document.querySelector('.wl-plot')._fullLayout.font.size === 16")
    large = page.panel("samples.0").bounding_box()
    assert large is not None
    assert large["width"] > 1.2 * small["width"]
    assert "projector=1" in page.page.url
    page.page.reload()
    page.ready()
    expect(page.page.get_by_test_id("stSidebar")).to_be_hidden()
    page.page.locator(".st-key-projector label").first.click()
    expect(page.page.get_by_test_id("stSidebar")).to_be_visible()


def test_a_lane_that_fails_says_why_and_the_others_go_on(visit: Visit) -> None:
    wild = {"critic_optimiser": {"kind": "sgd", "lr": 1000}, "generator_optimiser": {"kind": "sgd", "lr": 1000}}
    page = start(visit(), race([THREE[1], THREE[2] | wild], snapshot_every=5))
    alert = page.page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("Lane 2: Training diverged at generator step")
    expect(page.panel("samples.1").locator(".wl-unit")).to_contain_text("failed")
    before = page.step
    page.shows_status("running").wait_for_step(before + 50)


def test_many_seeds_show_bands_and_bars(visit: Visit) -> None:
    page = visit().open(race(THREE[:2], length=40, snapshot_every=10), "/compare")
    number = page.page.get_by_label("Seeds", exact=True)
    number.fill("3")
    number.press("Enter")
    page.page.get_by_role("button", name="3 seeds").click()
    page.shows_status("finished").wait_for_data()
    expect(page.page.locator(".wl-strip")).to_contain_text("median of 3 seeds")
    bars = page.of_chart("seeds", "gd.data.map(t => Array.from(t.y).reduce((a, b) => a + b, 0))")
    assert bars == [3, 3]
    bands = page.of_chart("w1", "gd.data.filter(t => t.fill === 'tonexty').length")
    assert bands == 2


def test_wrong_links_get_a_sentence_and_a_page_that_works(visit: Visit) -> None:
    page = visit()
    for search, words in (
        (urlencode({"scenario": "![](//x.example/a.png)"}), "must be one of three-objectives"),
        (race([{}] * 5), "a race has 1 to 4 lanes; you gave 5"),
        (
            urlencode({"race": json.dumps({"lanes": [{}, {"dataset": {"kind": "fashion-mnist"}}]})}),
            "each of its samples has 1 × 32 × 32 numbers",
        ),
        (urlencode({"race": "{"}), "the race is not valid JSON"),
    ):
        page.open(search, "/compare")
        expect(page.page.get_by_test_id("stAlert")).to_contain_text(words)
        expect(page.button("start")).to_be_enabled()


def test_on_a_phone_two_lanes_stand_side_by_side(visit: Visit) -> None:
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open("", "/compare")
    # All that can be predicted can be read.
    answers = page.page.locator(".st-key-prediction button").all()
    assert len(answers) == 4
    for answer in answers:
        box = answer.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
    start(page, race(THREE, snapshot_every=10)).wait_for_data()
    wide = page.page.evaluate(
        """[...document.querySelectorAll('html, body, .stApp, .stMain, .stMainBlockContainer, .wl-root, .wl-panel')]
            .filter(n => n.scrollWidth > n.clientWidth + 2).map(n => n.className)"""
    )
    assert wide == []
    boxes = page.boxes()
    first, second = boxes["samples.0 wl-panel"], boxes["samples.1 wl-panel"]
    assert first[1] == second[1]
    assert first[0] < second[0]
