"""What a reader of the papers does with an experiment, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.driver import Browsers, Live, Server, serving
from tests.core.tiny_claims import LANES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tiny_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose experiments include tiny ones, with a store of its own."""
    folder = tmp_path_factory.mktemp("experiments")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WGAN_HOME", str(folder))
        with serving(folder / "server.log", "tests.browser.tiny_server") as found:
            yield found


class Reader:
    """The page of experiments in a browser."""

    def __init__(self, live: Live, search: str = "") -> None:
        self.live, self.page = live, live.page
        self.page.goto(f"{live.base}/experiments?{search}")

    def row(self, title: str) -> Locator:
        return self.page.locator(".we-board tr", has=self.page.get_by_role("link", name=title))

    @property
    def verdict(self) -> Locator:
        return self.page.locator(".we-numbers")


@pytest.fixture
def reader(browsers: Browsers, tiny_server: Server) -> Iterator[Any]:
    """Opens browsers; at the end what they heard is checked."""
    visits: list[Live] = []

    def come(search: str = "", **options: Any) -> Reader:
        visits.append(Live(browsers.with_options(**options), tiny_server.url))
        return Reader(visits[-1], search)

    yield come
    for live in visits:
        live.leave()
    assert [live.errors for live in visits] == [[] for _ in visits]
    assert [live.strangers for live in visits] == [[] for _ in visits]


def test_a_reader_predicts_runs_reloads_in_the_middle_and_gets_the_verdict(reader: Any) -> None:
    one = reader()
    page, live = one.page, one.live
    card = page.locator(".st-key-card-tiny")
    expect(card).to_contain_text("never run")
    card.get_by_role("link").click()
    expect(live.button("start")).to_be_disabled()
    page.get_by_text("fewer", exact=True).click()
    expect(live.button("start")).to_be_enabled()
    live.button("start").click()
    page.wait_for_url(re.compile(r"[?&]run="))
    live.button("pause").click()
    live.shows_status("paused")
    page.reload()
    live.shows_status("paused")
    expect(page.get_by_text("You expect: fewer")).to_be_visible()
    expect(one.verdict).to_have_count(0)
    assert [page.locator(f"[data-chart='samples.{i}'] .wl-chart-name").inner_text() for i in (0, 1)] == list(LANES)
    # Another reader looks on.
    other = reader("name=tiny&answer=2")
    other.page.get_by_role("link", name=re.compile("Watch the one that runs now")).click()
    other.live.shows_status("paused")
    live.button("resume").click()
    for each, right in ((one, "You expected: fewer."), (other, "You expected: 20.")):
        expect(each.verdict).to_be_visible()
        expect(each.page.get_by_text(right)).to_be_visible()
        expect(each.page.get_by_role("row", name=re.compile("^steps of the WGAN-GP"))).to_contain_text("400 [400, 400]")
    # The strip of a number with an interval has both seeds on it.
    expect(page.locator(".we-strip").nth(1).locator(".we-seed")).to_have_count(2)
    live.wait_for_data()
    address = page.url
    page.get_by_role("link", name="All experiments").click()
    expect(card).to_contain_text("Reproduced")
    page.get_by_text("Scoreboard", exact=True).click()
    expect(one.row("A race of two lanes")).to_contain_text("400 [400, 400]")
    one.row("A race of two lanes").get_by_role("link", name="open").click()
    expect(one.verdict).to_be_visible()
    assert page.url.split("run=")[1].split("&")[0] in address
    # From the verdict to the lanes on the compare page.
    page.get_by_role("link", name="This run on its page").click()
    page.wait_for_url(re.compile(r"/compare\?run="))
    live.shows_status("finished")


def test_what_was_stopped_says_so_and_goes_on(reader: Any) -> None:
    one = reader("name=tiny&answer=3")
    page, live = one.page, one.live
    expect(live.button("start")).to_be_enabled()
    live.button("start").click()
    page.wait_for_url(re.compile(r"[?&]run="))
    live.button("stop").click()
    expect(page.get_by_text("No verdict.")).to_be_visible()
    expect(page.get_by_text("It was stopped before its end.")).to_be_visible()
    live.button("go_on").click()
    expect(one.verdict).to_be_visible()
    expect(one.verdict).to_contain_text("400 [400, 400]")


def test_a_computed_one_shows_its_figure_and_its_verdict(reader: Any) -> None:
    one = reader("name=tiny-lines")
    one.page.get_by_text("ln 2", exact=True).click()
    one.live.button("start").click()
    expect(one.verdict).to_contain_text("0.6931")
    expect(one.page.locator(".wt-root")).to_have_attribute("data-figure", "parallel-lines")
    one.page.reload()
    expect(one.verdict).to_contain_text("0.6931")


def test_nothing_is_wider_than_a_phone(reader: Any) -> None:
    one = reader("name=tiny-lines&answer=2", viewport={"width": 390, "height": 844}, color_scheme="dark")
    page, live = one.page, one.live
    expect(live.button("start")).to_be_enabled()
    live.button("start").click()
    expect(one.verdict).to_be_visible()
    for search in ("", "view=scoreboard", "name=tiny", "name=tiny-lines&run=tiny-lines.quick&answer=2"):
        page.goto(f"{live.base}/experiments?{search}")
        expect(page.get_by_text("Claims of the papers").or_(page.get_by_text("The claim.")).first).to_be_visible()
        page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390, search
