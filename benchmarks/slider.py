"""How soon the step slider answers, for a short and a long history, in a real browser."""

from __future__ import annotations

from statistics import median

from playwright.sync_api import Page, sync_playwright

from benchmarks.report import Table, verdict
from benchmarks.server import BROWSER, BROWSER_FLAGS, serving

LENGTHS = (10**3, 10**5)
SNAPSHOTS = 200
LANES = 4
MOVES = 24
MOST_MS = 200

# Small networks: what is measured is the page, and 10⁵ steps are to be there soon.
SHARED = {
    "dataset": {"kind": "ring"},
    "batch_size": 8,
    "device": "cpu",
    "generator": {"kind": "mlp", "width": 8, "depth": 1},
    "critic": {"kind": "mlp", "width": 8, "depth": 1},
}


def race(length: int) -> dict[str, object]:
    lanes = [{"objective": {"kind": "gan"}, "generator_optimiser": {"lr": lr}} for lr in (1e-5, 2e-5, 3e-5, 4e-5)]
    return {
        "shared": SHARED,
        "lanes": lanes[:LANES],
        "clock": "step",
        "length": length,
        "snapshot_every": length // SNAPSHOTS,
    }


def answers(page: Page, moves: int) -> list[tuple[float, float]]:
    """Move the slider to other places of the history: ms from each move to its answer, and of it in the browser's drawing."""
    found = []
    slider = page.locator(".wl-slider")
    for i in range(moves):
        share = (i * 0.382) % 0.97  # places that the page has not shown yet, near and far in turn
        page.evaluate("() => delete document.querySelector('.wl-player').dataset.answer")
        slider.evaluate(
            "(s, share) => { s.value = Number(s.min) + share * (s.max - s.min); s.dispatchEvent(new Event('input')); }",
            share,
        )
        page.wait_for_function("document.querySelector('.wl-player').dataset.answer !== undefined", timeout=30_000)
        answer = float(page.locator(".wl-player").get_attribute("data-answer") or "nan")
        drawing = float(page.locator(".wl-root").get_attribute("data-drawing") or "nan")
        found.append((answer, drawing))
        page.wait_for_timeout(250)
    return found


def run(quick: bool) -> Table:
    lengths = (LENGTHS[0], LENGTHS[0] * 10) if quick else LENGTHS
    moves = 8 if quick else MOVES
    table = Table(
        f"A move of the step slider, {LANES} lanes, to its answer on the page (ms)",
        ("steps", "median", "range", "target", "", "of it drawing", "ratio"),
    )
    with serving() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=BROWSER_FLAGS)
        pages = {}
        for length in lengths:
            made = server.ask(race=race(length))
            assert made["status"] == "finished", made
            pages[length] = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
            pages[length].goto(f"{server.url}/compare?run={made['run']}")
            pages[length].locator(".wl-slider:not([disabled])").wait_for(timeout=60_000)
            pages[length].wait_for_timeout(2000)
        found: dict[int, list[tuple[float, float]]] = {length: [] for length in lengths}
        for i in range(3):  # the lengths take turns, and the first turn warms up
            for length in lengths:
                pages[length].bring_to_front()
                measured = answers(pages[length], 3 if i == 0 else moves // 2)
                found[length] += measured if i else []
        browser.close()
    first = median(answer for answer, _ in found[lengths[0]])
    for length in lengths:
        times, drawing = (list(column) for column in zip(*found[length], strict=True))
        table.raw[str(length)] = {"answer": times, "drawing": drawing}
        table.rows.append(
            (
                f"{length:,}",
                f"{median(times):.0f}",
                f"{min(times):.0f}–{max(times):.0f}",
                f"≤ {MOST_MS}",
                verdict(median(times) <= MOST_MS),
                f"{median(drawing):.0f}",
                f"{median(times) / first:.2f}",
            )
        )
    table.notes = [
        f"Median of {len(found[lengths[0]])} moves in headless Chromium without a GPU, on the same cores as the server.",
        "“drawing” is the browser's work from the message to the last panel; the rest is the way there and back.",
    ]
    return table
