"""Looking into generators, and getting missing files, in a real browser."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.driver import SMALL, Browsers, Live, query, serving
from tests.core.helpers import ROOT, small
from tests.core.stored import record
from tests.core.test_fetching import login
from tests.pages.test_fetching import IMAGES, SOME, Shop
from wgan_core.store import Store

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def runs() -> None:
    """Two short runs in the server's store."""
    store = Store(Path(os.environ["WGAN_HOME"]))
    for run_id, kind in (("browser-clothes", "fashion-mnist"), ("browser-ring", "ring")):
        record(store, run_id, small(kind, steps=2, latent={"dim": 8}), checkpoints=(1,))
    store.close()


def opened(live: Live, search: str) -> Page:
    live.page.goto(f"{live.base}/samples?{search}")
    drawn(live.page)
    return live.page


def drawn(page: Page, more_than: int = 0) -> None:
    page.wait_for_function("n => Number(document.querySelector('.ws-root')?.dataset.updates || 0) > n", arg=more_than)


def updates(page: Page) -> int:
    return int(page.locator(".ws-root").get_attribute("data-updates") or 0)


def picture(page: Page, panel: str, tile: int = 0) -> str:
    """What a tile shows now."""
    found: str = page.locator(f"[data-chart={panel}] canvas").nth(tile).evaluate("canvas => canvas.toDataURL()")
    return found


def saved(page: Page, click: Any) -> bytes:
    with page.expect_download() as download:
        click.click()
    return Path(download.value.path()).read_bytes()


def test_sliders_move_the_picture(visit: Visit) -> None:
    page = opened(visit(), "run=browser-clothes&view=sliders")
    before, count = picture(page, "here"), updates(page)
    slider = page.locator(".st-key-samples-slider-0 input[type=range]")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    page.wait_for_function("was => document.querySelector('[data-chart=here] canvas').toDataURL() !== was", arg=before)
    drawn(page, count)
    page.locator(".st-key-samples-reset button").click()
    page.wait_for_function("was => document.querySelector('[data-chart=here] canvas').toDataURL() === was", arg=before)


def test_what_is_downloaded_is_a_picture_and_arrays(visit: Visit) -> None:
    page = opened(visit(), "run=browser-clothes&seed=3")
    grid = Image.open(io.BytesIO(saved(page, page.locator(".st-key-samples-png button").first)))
    assert (grid.format, grid.size) == ("PNG", (8 * 34 + 2, 8 * 34 + 2))
    panel = Image.open(io.BytesIO(saved(page, page.locator("[data-chart=generated] button", has_text="PNG"))))
    assert (panel.format, panel.size) == ("PNG", grid.size)
    # The same but for the gaps, which have a grey of their own.
    ours, theirs = (np.asarray(image.convert("L"))[2:34, 2:34] for image in (grid, panel))
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
    with np.load(io.BytesIO(saved(page, page.locator(".st-key-samples-npz button").first))) as arrays:
        assert (arrays["samples"].shape, arrays["latents"].shape) == ((64, 1, 32, 32), (64, 8))


def test_a_walk_plays_and_pauses(visit: Visit) -> None:
    page = opened(visit(), "run=browser-clothes&view=walk")
    before = picture(page, "walk")
    play = page.get_by_role("button", name="Play")
    play.click()
    page.wait_for_function("was => document.querySelector('[data-chart=walk] canvas').toDataURL() !== was", arg=before)
    play.click()
    place = page.get_by_label("Place on the walk").input_value()
    page.wait_for_timeout(300)
    assert page.get_by_label("Place on the walk").input_value() == place != "0"


def test_a_click_chooses_the_ends_of_the_way(visit: Visit) -> None:
    page = opened(visit(), "run=browser-clothes&view=between")
    page.locator("[data-chart=choose] .ws-pick").nth(5).click()
    expect(page.get_by_label("Sample A")).to_have_value("5")
    page.locator("[data-chart=choose] .ws-pick").nth(9).click()
    expect(page.get_by_label("Sample B")).to_have_value("9")
    expect(page.locator("[data-chart=choose] .ws-tile").nth(9).locator(".ws-mark")).to_have_text("B")
    assert picture(page, "way") == picture(page, "choose", 5)


def test_every_view_is_drawn_and_none_is_wider_than_a_phone(visit: Visit) -> None:
    live = visit(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = opened(live, "run=browser-clothes")
    for name in ("Sliders", "Walk", "Between two", "Nearest real", "Pixels"):
        page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name, exact=True)).first.click()
        page.wait_for_function(
            "name => document.querySelector('.ws-root')?.dataset.view.endsWith(name)", arg=VIEW[name]
        )
        drawn(page)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390, name
    for view in ("samples", "sliders", "walk", "plane"):
        page = opened(live, f"run=browser-ring&view={view}")
        assert page.locator(".ws-panel .main-svg").count() > 0
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390, view


VIEW = {"Sliders": "sliders", "Walk": "walk", "Between two": "between", "Nearest real": "nearest", "Pixels": "pixels"}


# Missing files

PATCH = """
import json, os, sys
sys.path.insert(0, os.environ["WGAN_TEST_ROOT"])
from wgan_core.datasets import fetching
from wgan_core.datasets import Mnist
fetching.TIMEOUT_SECONDS, fetching.PAUSE_SECONDS = 2.0, 0.1
files = json.loads(os.environ["WGAN_TEST_FILES"])
Mnist.files = {split: tuple(fetching.RemoteFile(n, m, s, tuple(a)) for n, m, s, a in rows) for split, rows in files.items()}
Mnist.counts = json.loads(os.environ["WGAN_TEST_COUNTS"])
"""


def test_missing_files_are_fetched_from_the_page_after_a_login_page_and_a_cancel(
    browsers: Browsers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path / "there")
    files = {
        split: [[f.name, f.md5, f.size, f.mirrors] for f in shop.files(part)]
        for split, part in (("train", "train"), ("test", "t10k"))
    }
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(PATCH)
    for name, value in {
        "PYTHONPATH": str(tmp_path / "patch"),
        "WGAN_HOME": str(tmp_path / "home"),
        "WGAN_TEST_ROOT": str(ROOT),
        "WGAN_TEST_FILES": json.dumps(files),
        "WGAN_TEST_COUNTS": json.dumps(SOME),
    }.items():
        monkeypatch.setenv(name, value)
    with serving(tmp_path / "server.log") as server:
        live = Live(browsers.with_options(), server.url)
        net = {"base_channels": 4}
        settings = SMALL | {"dataset": {"kind": "mnist"}, "generator": net, "critic": net, "steps": 5}
        page = live.open(query(**settings)).page
        live.button("start").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("these files are wanted")).to_be_visible()

        shop.answer[f"/{IMAGES}"] = login
        dialog.get_by_role("button", name="Fetch").click()
        expect(dialog.get_by_text("a web page came instead of the file")).to_be_visible()
        shop.answer[f"/{IMAGES}"] = shop.drips
        dialog.get_by_role("button", name="Retry").click()
        expect(dialog.get_by_role("progressbar")).to_be_visible()
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog.get_by_text("Cancelled. Nothing incomplete is left.")).to_be_visible()
        assert not list((tmp_path / "home" / "datasets" / "mnist").iterdir())
        shop.mend(IMAGES)
        dialog.get_by_role("button", name="Retry").click()
        expect(dialog.get_by_text("are here, and checked")).to_be_visible()
        dialog.get_by_role("button", name="Go on").click()
        expect(dialog).to_be_hidden()
        live.button("start").click()
        live.shows_status("finished")
        assert (live.errors, live.strangers) == ([], [])
        live.leave()
    shop.close()
