"""Drawing points of one's own, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

import pytest
from playwright.sync_api import FloatRect, Locator, expect

from tests.browser.conftest import Visit
from tests.browser.driver import SHORT, SMALL, Live, query
from tests.core.files_of_points import FOLDER, READ
from wgan_core.datasets.points.packing import unpack

pytestmark = pytest.mark.browser

POINTS = {"dataset": {"kind": "points"}}


class Drawing:
    """The dialog as a person uses it."""

    def __init__(self, live: Live) -> None:
        self.page = live.page
        self.button("Points: draw or load").click()
        expect(self.canvas).to_be_visible()
        self.shows("The shape smiley: 182 points, 4 modes.")
        self.has_modes(4)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def canvas(self) -> Locator:
        return self.page.locator(".wd-canvas")

    @property
    def count(self) -> int:
        return int(self.canvas.get_attribute("data-points") or 0)

    @property
    def box(self) -> FloatRect:
        found = self.canvas.bounding_box()
        assert found is not None
        return found

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.button(name).click()

    def shows(self, text: str | re.Pattern[str]) -> None:
        expect(self.dialog.get_by_text(text)).to_be_visible()

    def has_modes(self, count: int) -> None:
        """Wait until the canvas shows the modes that the server has found."""
        expect(self.page.locator(".wd-root")).to_have_attribute("data-modes", str(count))

    def stroke(self, *places: Sequence[float], hold: float = 0) -> None:
        """Press at the first place, move over the others, release. Places are shares of the canvas's side."""
        box = self.box
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for place in at[1:]:
            self.page.mouse.move(*place, steps=8)
        self.page.wait_for_timeout(hold)
        self.page.mouse.up()


def test_what_is_drawn_is_what_is_trained_on(visit: Visit) -> None:
    live = visit().open(query(**SHORT, **POINTS))
    drawing = Drawing(live)
    drawing.press("Clear")
    drawing.shows(re.compile("Nothing to train on yet: there are no points"))
    expect(drawing.button("Use these points")).to_be_disabled()

    drawing.stroke((0.15, 0.2), (0.45, 0.2))
    drawing.stroke((0.15, 0.8), (0.45, 0.8))
    on_lines = drawing.count
    drawing.press("Spray")
    drawing.stroke((0.8, 0.5), hold=1500)
    sprayed = drawing.count
    assert 30 < on_lines < sprayed - 15
    drawing.shows(f"{sprayed} points, 3 modes.")
    drawing.has_modes(3)

    drawing.press("Eraser")
    drawing.stroke((0.1, 0.8), (0.5, 0.8))
    drawing.shows(re.compile(r"points, 2 modes\."))
    drawing.press("Undo")
    drawing.shows(f"{sprayed} points, 3 modes.")
    assert drawing.count == sprayed

    drawing.press("Use these points")
    expect(drawing.dialog).to_have_count(0)
    expect(live.page.get_by_text(f"{sprayed} points, 3 modes.")).to_be_visible()
    live.start().shows_status("finished").wait_for_data()
    expect(live.page.locator(".wl-strip")).to_contain_text(re.compile(r"of 3"))
    real = live.of_chart("samples", "gd.data.find(t => t.name === 'real').x.length")
    assert real > 0

    # It can be taken up again where it was left.
    live.page.get_by_role("button", name="Points: draw or load", exact=True).click()
    expect(drawing.canvas).to_have_attribute("data-points", str(sprayed))


def test_a_csv_with_text_is_refused_and_the_drawing_stays(visit: Visit) -> None:
    live = visit().open(query(**SHORT, **POINTS))
    drawing = Drawing(live)
    drawing.press("Moons")
    drawing.shows("The shape moons: 120 points, 2 modes.")
    files = drawing.dialog.locator("input[type=file]")
    files.set_input_files({"name": "p.csv", "mimeType": "text/csv", "buffer": b"x,y\n0,0\n1,abc\n"})
    drawing.shows(
        "The file was not loaded: row 3, column 2 (y) holds “abc”, which is no number; write it like 0.5 or 1e-3. The drawing"
        " is as it was."
    )
    drawing.shows("The shape moons: 120 points, 2 modes.")
    assert drawing.count == 120

    files.set_input_files({"name": "p.csv", "mimeType": "text/csv", "buffer": b"x,y\n0,0\n1,1\n1,0\n"})
    drawing.shows("3 points, 1 mode.")
    expect(drawing.canvas).to_have_attribute("data-points", "3")
    expect(drawing.dialog.get_by_text("The file was not loaded")).to_have_count(0)
    # Even this can be taken back.
    drawing.press("Undo")
    drawing.shows("The shape moons: 120 points, 2 modes.")


def test_what_is_drawn_beside_the_points_of_a_file_leaves_them_their_digits(visit: Visit) -> None:
    live = visit().open(query(**SHORT, **POINTS))
    drawing = Drawing(live)
    files = drawing.dialog.locator("input[type=file]")
    files.set_input_files(str(FOLDER / "utm-unix-precision.csv"))
    rows, note = READ["utm-unix-precision.csv"]
    drawing.shows(note)
    drawing.shows(re.compile("4 points.*your \\(447124.15, 5411235.15\\)"))
    drawing.press("Spray")
    drawing.stroke((0.9, 0.1))
    added = drawing.count - 4
    assert added >= 1
    drawing.shows(re.compile(f"{added + 4} points"))
    drawing.press("Use these points")
    expect(drawing.dialog).to_have_count(0)
    live.page.get_by_role("button", name="Share this config").click()
    link = live.page.get_by_test_id("stCode").filter(has_text="config=").first.inner_text()
    found = re.search(r"p2\.[\w.~-]+", unquote(link.replace("\n", "")))
    assert found
    assert unpack(found[0]).given[:4].tolist() == rows


def test_the_end_of_a_training_does_not_close_the_drawing(visit: Visit) -> None:
    live = visit().start(**{**SMALL, "steps": 1_000_000}, **POINTS)
    drawing = Drawing(live)
    drawing.press("Clear")
    drawing.stroke((0.2, 0.2), (0.8, 0.2))
    before = drawing.count
    # Someone else stops it; here, another window on the same run.
    other = visit().open(f"run={live.run_id}")
    other.stop()
    expect(live.page.locator(".wl-pill")).to_have_text("stopped")
    drawing.stroke((0.2, 0.8), (0.8, 0.8))
    assert drawing.count > before + 20
    drawing.shows(f"{drawing.count} points, 2 modes.")
    # Closed, it is kept.
    live.page.keyboard.press("Escape")
    expect(drawing.dialog).to_have_count(0)
    expect(live.page.get_by_text("The drawing that you closed is kept")).to_be_visible()


def test_a_finger_draws_on_a_phone_and_the_page_stays(visit: Visit) -> None:
    live = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open(query(**SHORT, **POINTS))
    live.page.get_by_test_id("stExpandSidebarButton").click()
    drawing = Drawing(live)
    drawing.press("Clear")
    box = drawing.box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    devtools = live.context.new_cdp_session(live.page)
    for kind, share in [("touchStart", 0.2), *(("touchMove", 0.2 + 0.06 * i) for i in range(1, 11))]:
        where = {"x": box["x"] + share * box["width"], "y": box["y"] + share * box["height"]}
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [where]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    drawing.shows(re.compile(r"\d+ points, 1 mode\."))
    assert drawing.count > 25
    assert drawing.box == box


def test_the_text_of_the_canvas_is_that_of_the_core(visit: Visit) -> None:
    live = visit().open(query(**SHORT, **POINTS))
    drawing = Drawing(live)
    drawing.press("Clear")
    drawing.stroke((0.5, 0.5), (0.5, 0.1))
    drawing.shows(re.compile(r"\d+ points, 1 mode\."))
    drawing.press("Use these points")
    expect(drawing.dialog).to_have_count(0)
    live.page.get_by_role("button", name="Share this config").click()
    link = live.page.get_by_test_id("stCode").filter(has_text="config=").first.inner_text()
    found = re.search(r"p1\.[\w-]+", link.replace("\n", ""))
    assert found
    points = unpack(found[0]).placed
    assert abs(points[0]).max() < 0.02  # the middle of the canvas
    assert abs(points[:, 0]).max() < 0.02  # straight up from there
    assert points[-1, 1] == pytest.approx(0.8 * 2.12, abs=0.1)
