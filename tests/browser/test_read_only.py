"""Where the software lies in a folder that it may not write to."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.driver import Browsers, Live, serving

pytestmark = pytest.mark.browser


def test_pages_draw_where_nothing_can_be_copied(browsers: Browsers, tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("read-only") / "server.log"
    with serving(log, "tests.browser.read_only_server") as server:
        live = Live(browsers.with_options(), server.url)
        live.start(steps=20, device="cpu").wait_for_data()
        assert any(url.split("?")[0].endswith("plotly/plotly.min.js") for url in live.requests)
        assert not any("/app/static/" in url for url in live.requests)
        live.page.goto(f"{server.url}/theory?figure=gaussians")
        expect(live.page.locator(".js-plotly-plot").first).to_be_visible()
        assert live.errors == []
        live.leave()
