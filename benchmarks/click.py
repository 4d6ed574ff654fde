"""From a click on Start to the first chart, in a real browser."""

from __future__ import annotations

from statistics import median

from playwright.sync_api import Page, sync_playwright

from benchmarks.report import Table, verdict
from benchmarks.server import BROWSER, BROWSER_FLAGS, Server, serving

PRESETS_SHOWN = ("ring-gan-collapse", "ring-wgan-clip", "ring-wgan-gp")
MOST_SECONDS = 2.0
REPEATS = 5

# The page's own clock runs from the click; every frame looks whether a chart with data, then whether all, are there.
WATCH = """() => {
  const found = (window.benchmark = {});
  const charts = () => [...document.querySelectorAll(".wl-panel .wl-plot")].filter(
    (plot) => plot.data && plot.data.some((t) => t.x && t.x.length) && plot.querySelector(".main-svg .trace, .main-svg .hm"));
  let seen = 0;
  const look = () => {
    const now = performance.now() - found.clicked;
    const drawn = charts().length;
    if (drawn && !found.first) found.first = now;
    if (drawn > seen) { seen = drawn; found.last = now; }
    requestAnimationFrame(look);
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".st-key-start")) return;
    found.clicked = performance.now();
    requestAnimationFrame(look);
  }, { capture: true, once: true });
}"""


def once(page: Page, server: Server, preset: str) -> tuple[float, float]:
    """Seconds to the first chart, and to the last one that came within the next second and a half."""
    page.goto(f"{server.url}/train?preset={preset}")
    start = page.locator(".st-key-start button:not([disabled])")
    start.wait_for(timeout=60_000)
    page.locator(".wl-panel").first.wait_for(timeout=30_000)
    page.wait_for_function("window.Plotly !== undefined", timeout=30_000)
    page.wait_for_timeout(700)  # a person reads at least this long
    page.evaluate(WATCH)
    start.click()
    page.wait_for_function("window.benchmark.first !== undefined", timeout=60_000)
    page.wait_for_timeout(1500)
    found = page.evaluate("window.benchmark")
    page.locator(".st-key-stop button:not([disabled])").click()
    page.locator('.wl-pill[data-status="stopped"]').wait_for(timeout=30_000)
    return found["first"] / 1000, found["last"] / 1000


def run(quick: bool) -> Table:
    table = Table(
        "From the click on Start to the first chart (seconds)",
        ("preset", "median", "range", "target", "", "all charts", "first click of the server"),
    )
    with serving() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=BROWSER_FLAGS)
        for preset in PRESETS_SHOWN[-1:] if quick else PRESETS_SHOWN:
            found = []
            for _ in range(3 if quick else REPEATS):
                context = browser.new_context(viewport={"width": 1400, "height": 900})
                found.append(once(context.new_page(), server, preset))
                context.close()
            first, last = (list(column) for column in zip(*found, strict=True))
            cold = "" if table.rows else f"{first[0]:.2f}"
            table.raw[preset] = {"first": first, "all": last}
            table.rows.append(
                (
                    preset,
                    f"{median(first):.2f}",
                    f"{min(first):.2f}–{max(first):.2f}",
                    f"≤ {MOST_SECONDS}",
                    verdict(median(first) <= MOST_SECONDS),
                    f"{median(last):.2f}",
                    cold,
                )
            )
        browser.close()
    table.notes = [
        f"Median of {3 if quick else REPEATS} fresh browser contexts, from the click to the frame that has a chart with data.",
        "Server, training and Chromium (without a GPU) share the cores. “all charts”: the last panel that filled.",
    ]
    return table
