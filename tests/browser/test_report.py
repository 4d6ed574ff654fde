"""The report opens in a browser that has no network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.core.exported import RUNS
from wgan_core.export import save

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("run", RUNS)
def test_a_report_draws_its_charts_without_a_network(run: str, browser: Browser, tmp_path: Path) -> None:
    (path,) = save("html", RUNS[run](), tmp_path / "report.html")
    heard: list[str] = []
    asked: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    try:
        page: Page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        charts = page.locator(".chart")
        count = charts.count()
        assert bool(count) == (run != "failed")
        expect(page.locator(".chart .plot-container")).to_have_count(count)
        expect(page.locator(".chart .main-svg").first if count else page.locator("h1")).to_be_visible()
        if count:
            expect(page.locator("#lane0-losses .scatterlayer .trace").first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing runs over the side"
        assert heard == []
        assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [path.as_uri()]
    finally:
        context.close()
