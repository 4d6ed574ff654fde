"""One browser and one server for all journeys; every page is looked over when its test ends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.driver import PATIENCE, Browsers, Live, Server, serving

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


# Of the package, not of the session: the browser's event loop must be gone when other tests run.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(path).exists():
        why = "chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="package")
def browsers(browser: Browser) -> Browsers:
    return Browsers(browser)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server") / "server.log") as found:
        yield found


Visit = Callable[..., Live]


@pytest.fixture
def visit(
    browsers: Browsers, server: Server, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    """Open pages on the server. At the end their runs are stopped and what they heard is checked."""
    visits: list[Live] = []

    def visit(**options: Any) -> Live:
        visits.append(Live(browsers.with_options(**options), server.url))
        return visits[-1]

    yield visit
    failed = request.node.stash.get(FAILED, False)
    if failed:
        folder = tmp_path_factory.mktemp("screenshots")
        for i, live in enumerate(visits):
            picture = folder / f"{request.node.name}-{i}.png"
            live.page.screenshot(path=picture)
            print(f"screenshot: {picture}, heard: {live.errors}")
    for live in visits:
        live.stop()
    for live in visits:
        live.leave()
    if not failed:
        assert [live.errors for live in visits] == [[] for _ in visits]
        assert [live.strangers for live in visits] == [[] for _ in visits]
