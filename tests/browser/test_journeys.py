"""What people do on the live page, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Dialog, expect

from pages.ui.live import component as live
from tests.browser.conftest import Visit
from tests.browser.driver import ENDLESS, SHORT, Browsers, Live, query, serving
from wgan_core.charts.plotting import CLOCKS, symlog
from wgan_core.datasets import Dataset
from wgan_core.lessons.presets import PRESETS

pytestmark = pytest.mark.browser

HOSTILE = "<script>window.owned=1</script><img src=x onerror=window.owned=1>"
PICTURE = "![](//x.example/a.png)"  # Markdown that would fetch a picture from elsewhere
# By theme: the colour of what is real, and about how bright each channel of the ink is. The page opens with the first.
INK: dict[Literal["dark", "light"], tuple[str, int]] = {"dark": ("#56B4E9", 255), "light": ("#0072B2", 0)}


@pytest.mark.parametrize("objective", ["gan", "wgan-clip", "wgan-gp"])
def test_every_chart_of_every_objective_fills(visit: Visit, objective: str) -> None:
    page = visit().open(query(**SHORT, objective={"kind": objective}))
    page.shows_status("ready")
    assert page.charts() == live.names_for(Dataset.kinds["ring"]())
    assert not any(page.points().values())
    expect(page.panel("losses").get_by_text("Press Start, and this fills.")).to_be_visible()

    page.start().shows_status("finished").wait_for_data()
    assert page.step == 60
    points = page.points()
    assert points["samples"] == {"critic's score": 48, "real": 512, "generated": 512, "push on the generator": 192}
    assert all(count > 0 for traces in points.values() for count in traces.values())
    for chart in ("distance", "losses", "gradients", "lipschitz"):
        # 0, 5, …, 60; before the first step there are no losses.
        assert set(points[chart].values()) <= {12, 13}
    # It stays to be looked at, and another one can be started.
    before = page.run_id
    page.page.wait_for_timeout(1500)
    page.shows_status("finished")
    assert page.points() == points
    expect(page.button("start")).to_be_enabled()
    page.start()
    page.page.wait_for_url(lambda url: before not in url)
    page.shows_status("finished")


def test_images_fill_too(visit: Visit) -> None:
    net = {"base_channels": 4}
    page = visit().start(
        **{**SHORT, "dataset": {"kind": "fashion-mnist"}, "generator": net, "critic": net, "steps": 10, "batch_size": 8}
    )
    scores = {"classes", "frechet", "precision"}  # not measured in so short a run
    page.shows_status("finished").wait_for_data(but=scores)
    assert page.charts() == live.names_for(Dataset.kinds["fashion-mnist"]())
    assert page.of_chart("images", "gd.data.map(t => t.source.slice(0, 22))") == ["data:image/png;base64,"] * 2
    assert page.of_chart("images", "gd.querySelectorAll('image').length") == 2
    assert {chart for chart, points in page.points().items() if not points} == scores


def test_a_preset_starts_from_its_link(visit: Visit) -> None:
    page = visit().open(urlencode({"preset": "lines-gan"}))
    page.start().wait_for_data().shows_status("finished")  # on a fast machine after a single update
    assert "modes" not in page.charts()
    assert page.page.locator(".wl-step").inner_text().endswith(f"of {PRESETS['lines-gan'].config.steps:,}")
    expect(page.panel("distance").locator(".annotation-text", has_text="ln 2")).to_be_visible()


def test_zoom_hidden_layers_and_panels_survive_updates(visit: Visit) -> None:
    page = visit().open(query(**ENDLESS))
    empty = page.boxes()
    page.start().wait_for_data().wait_for_updates(1)
    assert page.boxes() == empty  # nothing jumps when the data arrive

    # Nodes that are made anew lose what we write on them.
    page.page.evaluate("document.querySelectorAll('.wl-root, .wl-panel, .wl-plot').forEach(n => { n.mine = true; })")
    generated = page.panel("samples").locator(".legendtoggle").nth(2)
    generated.click()
    page.page.wait_for_function(
        "document.querySelector('[data-chart=samples] .wl-plot')._fullData[2].visible === 'legendonly'"
    )
    zoomed = zoom(page, "losses")
    untouched = page.of_chart("gradients", "gd._fullLayout.xaxis.range")

    page.wait_for_updates(10)
    assert page.of_chart("losses", "gd._fullLayout.xaxis.range") == zoomed
    assert page.of_chart("losses", "gd._fullLayout.xaxis.autorange") is False
    assert page.of_chart("gradients", "gd._fullLayout.xaxis.range") != untouched  # that one follows the data
    assert page.of_chart("samples", "gd._fullData.map(t => t.visible)") == [True, True, "legendonly", True]
    assert page.page.evaluate(
        "[...document.querySelectorAll('.wl-root, .wl-panel, .wl-plot')].every(n => n.mine === true)"
    )
    assert page.boxes() == empty

    # A click shows it again, a double click takes the zoom back.
    page.page.wait_for_timeout(400)  # plotly takes two quick clicks for one
    generated.click()
    page.page.wait_for_function("document.querySelector('[data-chart=samples] .wl-plot')._fullData[2].visible === true")
    page.panel("losses").locator(".nsewdrag").first.dblclick()
    page.page.wait_for_function(
        "document.querySelector('[data-chart=losses] .wl-plot')._fullLayout.xaxis.autorange === true"
    )


def zoom(page: Live, chart: str) -> list[float]:
    """Drag over the middle of a chart, and return the range that it then shows."""
    area = page.panel(chart).locator(".nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    mouse, middle = page.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + 0.3 * box["width"], middle)
    mouse.down()
    mouse.move(box["x"] + 0.6 * box["width"], middle, steps=4)
    mouse.up()
    page.page.wait_for_function(
        "chart => document.querySelector(`[data-chart='${chart}'] .wl-plot`)._fullLayout.xaxis.autorange === false",
        arg=chart,
    )
    found: list[float] = page.of_chart(chart, "gd._fullLayout.xaxis.range")
    return found


def test_two_visitors_share_a_run_that_outlives_a_reload(visit: Visit) -> None:
    first = visit().start(**ENDLESS).wait_for_data()
    run_id = first.run_id
    second = visit().open(urlencode({"run": run_id}))
    second.shows_status("running").wait_for_data()
    assert second.run_id == run_id
    seen = max(first.step, second.step)
    first.wait_for_step(seen + 1)
    second.wait_for_step(seen + 1)

    before = first.step
    first.page.reload()
    first.ready().wait_for_data().wait_for_step(before)
    assert first.run_id == run_id

    first.button("pause").click()
    for page in (first, second):
        page.shows_status("paused")
    frozen = first.step
    assert second.step == frozen
    first.page.wait_for_timeout(2000)
    assert first.step == second.step == frozen

    # The first step shows where the run stands to the step; from then on each one counts.
    second.button("one_step").click()
    for page in (first, second):
        page.wait_for_step(frozen + 1)
    frozen = first.step
    for more in (1, 2):
        second.button("one_step").click()
        for page in (first, second):
            page.wait_for_step(frozen + more)
        assert first.step == second.step == frozen + more
    first.page.wait_for_timeout(2000)
    assert first.step == second.step == frozen + 2
    assert first.of_chart("losses", "gd.data[0].x.at(-1)") == frozen + 2  # and it was measured

    second.button("resume").click()
    for page in (first, second):
        page.shows_status("running").wait_for_step(frozen + 10)

    first.button("stop").click()
    for page in (first, second):
        page.shows_status("stopped")
        expect(page.button("start")).to_be_enabled()
        expect(page.button("stop")).to_be_disabled()
    last = first.step
    first.page.wait_for_timeout(1500)
    assert first.step == second.step == last
    assert all(first.points().values())


def test_knobs_turn_and_the_x_axis_switches_while_it_trains(visit: Visit) -> None:
    page = visit().start(**ENDLESS).wait_for_data()
    expander = page.page.get_by_test_id("stExpander").filter(has_text="Turn while it trains")
    expander.locator("summary").click()
    knob = expander.get_by_label("λ", exact=True)
    knob.fill("1")
    knob.press("Enter")
    expander.get_by_role("button", name="Apply").click()
    for chart in ("distance", "modes", "losses", "gradients", "lipschitz"):
        expect(page.panel(chart).locator(".annotation-text", has_text="✎")).to_be_visible()
    assert page.of_chart("losses", "gd.layout.annotations[0].hovertext") == "objective.penalty_weight: 10 → 1"

    for clock in ("critic_steps", "seconds", "step"):
        page.page.locator(".st-key-clock button", has_text=re.compile(f"^{CLOCKS[clock]}$")).click()
        for chart in ("distance", "losses"):
            expect(page.panel(chart).locator(".xtitle")).to_have_text(CLOCKS[clock])
    expect(page.button("stop")).to_be_enabled()


def test_a_failing_run_says_why_and_keeps_its_charts(visit: Visit) -> None:
    wild = {"kind": "adam", "lr": 100}
    page = visit().start(critic_optimiser=wild, generator_optimiser=wild, steps=1000, snapshot_every=5, device="cpu")
    page.shows_status("failed")
    error = page.page.get_by_test_id("stAlert")
    expect(error).to_contain_text("Training diverged at generator step")
    expect(error).to_contain_text("learning rate, 100, is very high")
    page.page.get_by_test_id("stExpander").filter(has_text="Traceback").locator("summary").click()
    expect(page.page.get_by_text("Traceback (most recent call last)")).to_be_visible()
    assert all(page.points()[chart] for chart in ("samples", "distance", "modes", "lipschitz", "weights"))
    expect(page.button("start")).to_be_enabled()


def test_downloads_help_and_link_for_sharing(visit: Visit, tmp_path: Path) -> None:
    page = visit().start(**SHORT, dataset={"kind": "swiss-roll"}).shows_status("finished").wait_for_data()
    for chart in ("losses", "samples", "weights"):
        with page.page.expect_download() as caught:
            page.panel(chart).get_by_role("button", name="CSV").click()
        file = caught.value
        assert file.suggested_filename == f"wgan-live-swiss-roll-wgan-gp-{page.run_id}-{chart}.csv"
        file.save_as(tmp_path / "table.csv")
        head, *rows = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()
        assert head == "trace,x,y,z"
        assert len(rows) > 50
    with page.page.expect_download() as caught:
        page.panel("losses").get_by_role("button", name="CSV").click()
    caught.value.save_as(tmp_path / "losses.csv")
    rows = (tmp_path / "losses.csv").read_text(encoding="utf-8").splitlines()
    penalty = [row.split(",") for row in rows if row.startswith('"penalty (raw)",')]
    assert [int(row[1]) for row in penalty] == list(range(5, 61, 5))
    drawn = page.of_chart("losses", "Array.from(gd.data.find(t => t.name === 'penalty').y)")
    # True values, not those of the symlog axis.
    assert symlog(np.array([float(row[2]) for row in penalty])) == pytest.approx(np.array(drawn), abs=1e-5)

    with page.page.expect_download() as caught:
        page.panel("losses").get_by_role("button", name="PNG").click()
    assert caught.value.suggested_filename.endswith("-losses.png")
    caught.value.save_as(tmp_path / "losses.png")
    picture = (tmp_path / "losses.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000

    help = page.panel("losses").locator(".wl-help-text")
    expect(help).to_be_hidden()
    page.panel("losses").locator("summary").click()
    expect(help).to_contain_text("The critic minimises the sum of its terms")
    expect(help).to_contain_text("Source: WGAN paper")
    page.panel("losses").locator("summary").click()
    expect(help).to_be_hidden()

    page.page.get_by_role("button", name="Share this config").click()
    link = page.page.get_by_test_id("stPopoverBody").locator("code").first.inner_text()
    assert link.startswith(page.base)
    other = visit()
    other.page.goto(link.replace(f"{page.base}/train", page.base))
    other.ready().shows_status("ready")
    assert "run=" not in other.page.url
    expect(other.button("start")).to_be_enabled()
    expect(other.page.locator(".wl-step")).to_have_text("No run yet")
    assert other.charts() == page.charts()
    other.start().shows_status("finished")
    assert other.step == 60
    assert other.run_id != page.run_id


def test_nobody_but_the_server_is_asked(visit: Visit) -> None:
    # Every test looks at this when it ends; here we see that there was something to look at.
    page = visit().start(**SHORT).wait_for_data()
    assert any(url.endswith("/app/static/plotly.min.js") for url in page.requests)
    assert len(page.requests) > 10
    assert page.strangers == []


def test_a_phone_shows_everything_without_scrolling_sideways(visit: Visit) -> None:
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open(query(**ENDLESS))
    for _ in range(2):
        # What sticks out is what a finger could scroll to; the app's own container scrolls, not the document.
        wide = page.page.evaluate(
            """[...document.querySelectorAll('html, body, .stApp, .stMain, .stMainBlockContainer, .wl-root, .wl-panel')]
                .filter(n => n.scrollWidth > n.clientWidth + 2).map(n => n.className)"""
        )
        assert wide == []
        assert {box[2] for name, box in page.boxes().items() if "panel" in name} == {page.boxes()["losses wl-panel"][2]}
        if page.button("start").is_enabled():
            page.start().wait_for_data()
    page.stop()


def test_ink_goes_with_the_theme_and_follows_it(visit: Visit) -> None:
    page = visit(color_scheme="dark").start(**SHORT).shows_status("finished").wait_for_data()
    for scheme, (real, bright) in INK.items():
        page.page.emulate_media(color_scheme=scheme)
        page.page.wait_for_function(
            "real => document.querySelector('[data-chart=samples] .wl-plot').data[1].marker.color === real", arg=real
        )
        for ink in (
            page.of_chart("losses", "gd._fullLayout.font.color"),
            page.of_chart("samples", "gd.data[3].line.color"),
            page.page.locator(".wl-title").first.evaluate("node => getComputedStyle(node).color"),
        ):
            channels = [float(number) for number in re.findall(r"[\d.]+", ink)[:3]]
            assert len(channels) == 3
            assert all(abs(channel - bright) < 80 for channel in channels), (scheme, ink)


def test_a_hostile_link_shows_as_text(visit: Visit) -> None:
    page = visit()
    asked: list[str] = []

    def heard(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.page.on("dialog", heard)
    for search, text in (
        (query(device=HOSTILE), HOSTILE[:30]),
        (query(**{HOSTILE: 1}), HOSTILE),
        (query(device=PICTURE), PICTURE),
        (urlencode({"preset": PICTURE}), PICTURE),
        (urlencode({"run": PICTURE}), PICTURE),
        (urlencode({"run": "[a](javascript:window.owned=1) `b`"}), "[a](javascript:window.owned=1) `b`"),
    ):
        page.open(search)
        alert = page.page.get_by_test_id("stAlert")
        expect(alert).to_contain_text(text)
        assert alert.locator("img, script, a, code").count() == 0
        assert page.page.locator("img[src='x']").count() == 0
        expect(page.button("start")).to_be_enabled()
    page.page.wait_for_timeout(300)
    assert page.page.evaluate("window.owned") is None
    assert asked == []


def test_a_broken_link_leaves_a_page_that_works(visit: Visit) -> None:
    page = visit().open(urlencode({"config": '{"steps": 0, "dataset"'}))
    expect(page.page.get_by_test_id("stAlert")).to_contain_text("The link's config was refused")
    steps = page.page.get_by_test_id("stExpander").filter(has_text="Run").last
    steps.locator("summary").click()
    box = steps.get_by_label("Generator steps", exact=True)
    box.fill("20")
    box.press("Enter")
    page.start().shows_status("finished")
    assert page.step == 20


def test_the_server_ends_well_while_two_runs_train(browsers: Browsers, tmp_path: Path) -> None:
    with serving(tmp_path / "server.log") as server:
        pages = [Live(browsers.with_options(), server.url) for _ in range(2)]
        for page in pages:
            page.start(**ENDLESS).wait_for_data().shows_status("running")
        assert server.end() == 0  # within five seconds
        pages[0].leave()
