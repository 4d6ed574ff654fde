"""The server as a process of its own, and the live page as a person drives it in a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from tests.core.helpers import ROOT, wait_until

# The machine may be busy with other things: no time-out here says anything about speed.
PATIENCE = 60_000
LIVE_RUNS = 12
NET = {"width": 16}
SMALL: dict[str, Any] = {"generator": NET, "critic": NET, "batch_size": 16, "snapshot_every": 5, "device": "cpu"}
ENDLESS = SMALL | {"steps": 1_000_000}
SHORT = SMALL | {"steps": 60}
# Streamlit looks for its own server below a page's address first; the browser reports that as an error.
PANELS = ".wl-panel:not(.wl-coach)"  # those with a chart
PROBES = re.compile(r"^http://127\.0\.0\.1:\d+/\w+/_stcore/(health|host-config)$")


# The server


class Server:
    """A Streamlit server of this software on a free port, run by Streamlit or by a module that runs it."""

    def __init__(self, log: Path, module: str = "streamlit") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        flags = {
            "server.address": "127.0.0.1",
            "server.port": self.port,
            "server.headless": "true",
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
        }
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "run", "app.py", *(f"--{k}={v}" for k, v in flags.items())],
                cwd=ROOT,
                env=os.environ | {"WGAN_LIVE_RUNS": str(LIVE_RUNS)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        wait_until(self.healthy, 120)

    def healthy(self) -> bool:
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
        try:
            with urlopen(f"{self.url}/_stcore/health", timeout=5) as answer:
                return bool(answer.read() == b"ok")
        except OSError:
            return False

    def end(self) -> int:
        """Ask the server to end, as a service manager does. Its exit status; an error after five seconds."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(5)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


@contextmanager
def serving(log: Path, module: str = "streamlit") -> Iterator[Server]:
    """A server for a while. It must end well."""
    server = Server(log, module)
    try:
        yield server
    finally:
        status = server.end() if server.process.poll() is None else server.process.returncode
    text = log.read_text(encoding="utf-8")
    assert status == 0, text
    assert "Traceback" not in text, text


# The page


class Browsers:
    """One browser for each set of options. It keeps what it has loaded: Streamlit and plotly are megabytes to parse."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._made: dict[str, BrowserContext] = {}

    def with_options(self, **options: Any) -> BrowserContext:
        """The browser with these options, by default with the screen of a projector."""
        key = json.dumps(options, sort_keys=True)
        if key not in self._made:
            made = self._browser.new_context(**{"viewport": {"width": 1280, "height": 720}} | options)
            made.set_default_timeout(PATIENCE)
            self._made[key] = made
        return self._made[key]


def query(**settings: Any) -> str:
    """The query of a link to a config."""
    return urlencode({"config": json.dumps(settings)})


class Live:
    """The live page on a new page of a browser, and what went wrong in it."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.base, self.context = base, context
        self.page: Page = context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", self._heard_request)
        self.page.on("console", self._heard_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _heard_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _heard_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not PROBES.match(message.location["url"]):
            self.errors.append(f"{message.text} ({message.location['url']})")

    @property
    def strangers(self) -> list[str]:
        """Requests to anyone but the server."""
        own = urlsplit(self.base).netloc
        return [
            url for url in self.requests if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != own
        ]

    # Coming and going

    def leave(self) -> None:
        """Close the page, and those that it has opened. What they told the browser to remember goes with them.

        Streamlit remembers whether the sidebar stood open, and the next test has a page of its own.
        """
        for page in self.context.pages:
            if page.url.startswith(self.base):
                page.evaluate("localStorage.clear()")
            page.close()

    def open(self, search: str = "", path: str = "/") -> Live:
        self.page.goto(f"{self.base}{path}?{search}")
        return self.ready()

    def ready(self) -> Live:
        """Wait for the page to have come."""
        expect(self.page.locator(".wl-root .wl-panel").first).to_be_visible()
        expect(self.button("start")).to_be_visible()
        return self

    def start(self, **settings: Any) -> Live:
        """Open a link to a config and press Start."""
        if settings:
            self.open(query(**settings))
        self.button("start").click()
        self.page.wait_for_url(re.compile(r"[?&]run="))
        return self

    @property
    def run_id(self) -> str:
        return parse_qs(urlsplit(self.page.url).query)["run"][0]

    def stop(self) -> None:
        """Stop the run that is shown, if it is live."""
        stop = self.page.locator(".st-key-stop button")
        if stop.count():
            # In one go: the run may end by itself between a look and a click.
            stop.evaluate("button => button.disabled || button.click()")
            expect(stop).to_be_disabled()

    # What it shows

    def button(self, key: str) -> Locator:
        """A button of the transport bar."""
        return self.page.locator(f".st-key-{key} button").first

    def shows_status(self, status: str) -> Live:
        expect(self.page.locator(".wl-pill")).to_have_text(status)
        return self

    @property
    def step(self) -> int:
        """The step on the strip."""
        text = self.page.locator(".wl-step").inner_text()
        found = re.match(r"step ([\d,]+) of", text)
        assert found, text
        return int(found[1].replace(",", ""))

    def wait_for_step(self, step: int) -> Live:
        self.page.wait_for_function(
            "step => Number(/step ([\\d,]+)/.exec(document.querySelector('.wl-step').textContent)?.[1]"
            ".replaceAll(',', '') ?? -1) >= step",
            arg=step,
        )
        return self

    @property
    def updates(self) -> int:
        """How many messages the charts have drawn."""
        return int(self.page.locator(".wl-root").get_attribute("data-updates") or 0)

    def wait_for_updates(self, more: int) -> Live:
        self.page.wait_for_function(
            "n => Number(document.querySelector('.wl-root').dataset.updates) >= n", arg=self.updates + more
        )
        return self

    def panel(self, chart: str) -> Locator:
        return self.page.locator(f".wl-panel[data-chart='{chart}']")

    def charts(self) -> list[str]:
        found: list[str] = self.page.eval_on_selector_all(
            ".wl-panel", "panels => panels.map(p => p.dataset.chart).filter(name => name !== 'coach')"
        )
        return found

    def points(self) -> dict[str, dict[str, int]]:
        """For each chart, how much is drawn of each of its traces."""
        found: dict[str, dict[str, int]] = self.page.eval_on_selector_all(
            PANELS,
            """panels => Object.fromEntries(panels.map(panel => [panel.dataset.chart, Object.fromEntries(
                (panel.querySelector('.wl-plot').data ?? []).map((t, i) =>
                    [t.name ?? `${t.type} ${i}`, (t.z ?? t.x ?? t.source).length]))]))""",
        )
        return found

    def wait_for_data(self, but: Collection[str] = ()) -> Live:
        """Wait until every chart has something to show, but for some."""
        self.page.wait_for_function(
            """but => [...document.querySelectorAll('.wl-plot')].every(gd =>
                but.includes(gd.closest('.wl-panel').dataset.chart) || gd.data && gd.data.length && gd._fullLayout)""",
            arg=list(but),
        )
        return self

    def of_chart(self, chart: str, expression: str) -> Any:
        """Ask a chart's graph element, called gd, in JavaScript."""
        return self.panel(chart).locator(".wl-plot").evaluate(f"gd => {expression}")

    def boxes(self) -> dict[str, list[float]]:
        """Where each panel and its plot lie, from the top left corner of the charts."""
        found: dict[str, list[float]] = self.page.eval_on_selector_all(
            PANELS,
            """panels => Object.fromEntries(panels.flatMap(panel => [panel, panel.querySelector('.wl-plot')].map(box => {
                const r = box.getBoundingClientRect(), o = document.querySelector('.wl-root').getBoundingClientRect();
                return [`${panel.dataset.chart} ${box.className.split(' ')[0]}`,
                    [r.left - o.left, r.top - o.top, r.width, r.height].map(Math.round)];
            })))""",
        )
        return found
