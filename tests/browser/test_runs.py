"""What people do on the page of stored runs, in a real browser."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.driver import ENDLESS, SHORT, Live
from tests.core.helpers import small, wait_until
from tests.core.stored import record
from wgan_core.export import read_bundle
from wgan_core.history import LIVE
from wgan_core.store import Store

pytestmark = pytest.mark.browser
ROW = 35
CELL = "[data-testid=stDataFrame] [role=gridcell]"
STATUS, STEPS = 3, 6  # columns by their number
TICK, NAME, WHEN = 15, 100, 250  # where a column is, from the left


@pytest.fixture
def store() -> Iterator[Store]:
    """The server's store, from another process, with no runs in it."""
    found = Store(Path(os.environ["WGAN_HOME"]))
    found.delete([run.id for run in found.runs() if run.status not in LIVE])
    yield found
    found.close()


class Runs:
    """The page of runs in a browser."""

    def __init__(self, live: Live, **query: str) -> None:
        self.live, self.page = live, live.page
        self.page.goto(f"{live.base}/runs?{urlencode(query)}")
        expect(self.table).to_be_visible()

    @property
    def table(self) -> Locator:
        return self.page.locator("[data-testid=stDataFrame] canvas").first

    def shows(self, *names: str) -> Runs:
        """Wait until the table lists exactly these, in this order."""
        self.page.wait_for_function(
            f"""names => JSON.stringify([...document.querySelectorAll('{CELL}[aria-colindex="1"]')].map(cell => cell.textContent))
                === JSON.stringify(names)""",
            arg=list(names),
        )
        return self

    def cell(self, column: int) -> Locator:
        """What the first row has in a column, as it is told to those who do not see the picture."""
        return self.page.locator(f'{CELL}[aria-colindex="{column}"]').first

    def click(self, row: int, x: int = NAME) -> Runs:
        """Click into the table: row 0 is its head."""
        self.table.scroll_into_view_if_needed()
        # What scrolls lies over the picture and takes the click.
        self.table.click(position={"x": x, "y": ROW * row + ROW // 2}, force=True)
        return self

    def search(self, words: str) -> Runs:
        self.page.get_by_label("Search").first.fill(words)
        return self

    def press(self, key: str) -> Runs:
        self.page.locator(f".st-key-{key} button").first.click()
        return self

    def says(self, text: str | re.Pattern[str]) -> Runs:
        expect(self.page.get_by_text(text).locator("visible=true").first).to_be_visible()
        return self

    def open(self, popover: str) -> Runs:
        self.page.get_by_role("button", name=popover, exact=True).click()
        return self

    def saved(self, title: str, folder: Path) -> Path:
        """What the browser saves when a format is chosen."""
        button = self.page.get_by_role("button", name=title, exact=True)
        button.scroll_into_view_if_needed()
        with self.page.expect_download() as download:
            button.click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path


def test_a_run_is_found_named_deleted_and_brought_back(visit: Visit, store: Store) -> None:
    live = visit().start(**SHORT, seed=77).shows_status("finished")
    run_id = live.run_id
    record(store, "beside", small(steps=2))
    page = Runs(live).shows("beside", run_id)
    page.search(run_id).shows(run_id).click(1).says("seed 77")
    page.page.wait_for_url(re.compile(f"run={run_id}"))
    page.open("Edit")
    page.page.get_by_label("Name", exact=True).fill("Seventy-seven")
    page.page.get_by_label("Note", exact=True).fill("all modes\nin the end")
    # What opens below the field of tags leaves Save free, and no click there loses what was typed.
    page.page.get_by_label("Tags", exact=True).fill("seen")
    page.press("edit-save").shows("Seventy-seven").says("in the end")
    expect(page.page.get_by_label("Note", exact=True)).to_be_hidden()
    page.search("modes seventy").shows("Seventy-seven")
    assert store.run(run_id).note == "all modes\nin the end"

    page.search("").shows("beside", "Seventy-seven")
    page.press("delete").shows("beside").says("Deleted 1 run.")
    page.press("undo").shows("beside", "Seventy-seven")
    # A link to it, in another browser; and from there to the run.
    other = Runs(visit(), run=run_id).says("seed 77")
    other.press("open")
    other.page.wait_for_url(re.compile(f"/train.*run={run_id}"))


def test_files_are_saved_and_a_run_comes_back_by_one(visit: Visit, store: Store, tmp_path: Path) -> None:
    record(store, "whole", small(steps=6))
    page = Runs(visit(), run="whole").says("seed 0")
    page.open("Export")
    table = page.saved("CSV, wide", tmp_path)
    assert table.name == "run-whole.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == [str(i) for i in range(7)]
    view = store.lane_view("whole")
    assert [float(row["w1"] or "nan") for row in rows] == pytest.approx(view.history["w1"].tolist(), nan_ok=True)
    assert page.saved("Picture", tmp_path).read_bytes().startswith(b"\x89PNG")
    bundle = page.saved("Whole run", tmp_path)
    assert read_bundle(bundle).view.lanes[0].step == 6
    page.page.keyboard.press("Escape")

    (tmp_path / "broken.zip").write_bytes(bundle.read_bytes()[:-100])
    page.open("Import")
    chooser = page.page.locator("input[type=file]")
    chooser.set_input_files(tmp_path / "broken.zip")
    page.says("The file is refused: it is not a zip file, or it is cut off.")
    assert len(store.runs()) == 1
    chooser.set_input_files(bundle)
    page.says("Imported. The run is ticked below.")
    (copy,) = {run.id for run in store.runs()} - {"whole"}
    page.shows(copy, "whole").says(f"run {copy}")
    page.page.wait_for_url(re.compile(f"run={copy}"))


def test_ticks_and_heads_of_the_table(visit: Visit, store: Store) -> None:
    for i, seed in enumerate((1, 2, 3)):
        record(store, f"r{i}", small(steps=2, seed=seed))
    page = Runs(visit()).shows("r2", "r1", "r0")
    place = page.table.bounding_box()
    page.click(1).says("seed 3")
    assert page.table.bounding_box() == place  # nothing jumps
    page.click(3, TICK).says("2 runs: ")
    assert page.table.bounding_box() == place
    # A head sorts all runs, and the other way round; what is ticked stays so.
    page.click(0, WHEN).shows("r0", "r1", "r2")
    expect(page.page.get_by_label("Order")).to_have_value("Oldest first")
    page.click(0, WHEN).shows("r2", "r1", "r0").says("2 runs: ")
    page.click(1, TICK).says("seed 1").press("delete").shows("r2", "r1")
    # A click on a row chooses that one alone.
    page.click(2).says("seed 2")
    page.click(1).says("seed 3")
    expect(page.page.get_by_text("2 runs: ")).to_have_count(0)


def test_runs_are_laid_over_each_other_and_raced_again(visit: Visit, store: Store) -> None:
    for clip in (0.01, 0.1):
        record(store, f"c{clip}".replace(".", ""), small(objective={"kind": "wgan-clip", "clip": clip}, steps=20))
    page = Runs(visit()).shows("c01", "c001").click(1).says("seed 0").click(2, TICK).says("2 runs: ")
    page.press("overlay")
    page.page.wait_for_url(re.compile("overlay="))
    expect(page.live.panel("w1")).to_be_visible()
    page.live.wait_for_data()
    assert {"samples.0", "samples.1", "w1", "modes"} <= set(page.live.charts())
    names = page.live.of_chart("w1", "gd.data.filter(t => t.showlegend !== false).map(t => t.name)")
    assert names[:2] == ["c 0.1", "c 0.01"]
    # Looking back works as beside a live run.
    slider = page.page.locator(".wl-root input[type=range]")
    slider.focus()
    page.page.keyboard.press("Home")
    expect(page.live.panel("samples.0").locator(".wl-unit")).to_contain_text("step 0")
    page.page.get_by_role("link", name="All runs").click()
    page.shows("c01", "c001").open("Open as lanes")
    page.press("open_lanes")
    page.page.wait_for_url(re.compile("/compare.*race="))
    page.live.ready()
    assert len(page.page.locator(".wl-lanes .wl-panel").all()) == 2


def test_a_run_that_trains_goes_on_in_the_table(visit: Visit, store: Store) -> None:
    live = visit().start(**ENDLESS)
    run_id = live.run_id
    page = Runs(visit()).shows(run_id)
    expect(page.cell(STATUS)).to_have_text("running")
    page.click(1, TICK).says(f"run {run_id}")
    steps = page.cell(STEPS)
    before = steps.text_content()
    expect(steps).not_to_have_text(str(before))
    before = steps.text_content()
    expect(steps).not_to_have_text(str(before))
    expect(page.page.locator(".st-key-delete button").first).to_be_disabled()
    live.stop()
    expect(page.cell(STATUS)).to_have_text("stopped")
    expect(page.page.locator(".st-key-delete button").first).to_be_enabled()
    # It goes on where it stood.
    page.press("go_on")
    page.page.wait_for_url(re.compile(f"run={run_id}"))
    page.live.shows_status("running")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits(visit: Visit, store: Store, width: int, height: int, scheme: Any) -> None:
    ids = [f"{scheme}-{width}-{i}" for i in range(3)]
    for run_id in ids:
        record(store, run_id, small(steps=2))
    store.rename(ids[1], "A name that is as long as a name can be, " * 2)
    page = Runs(visit(viewport={"width": width, "height": height}, color_scheme=scheme))
    places = [page.table.bounding_box()]

    def at_rest() -> bool:
        page.page.wait_for_timeout(300)
        places.append(page.table.bounding_box())
        return places[-1] is not None and places[-2:] == places[-1:] * 2

    wait_until(at_rest)  # the page comes bit by bit as well
    place = places[-1]
    assert place is not None
    assert place["y"] + place["height"] <= height
    page.click(2).says("A name that is as long")
    facts = page.page.get_by_text("seed 0")

    def seen() -> bool:
        box = facts.bounding_box()
        return box is not None and box["y"] < height

    # What was clicked comes bit by bit, and the table stays where it was.
    wait_until(seen)
    wait_until(lambda: page.table.bounding_box() == place)
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
