"""A run of a stranger, imported: its texts are read, and bring no image, link or request along."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from pages.ui.text import JOINER
from tests.browser.conftest import Visit
from tests.core.exported import race, solo
from tests.pages.test_hostile import HOSTILE, TOKEN, hostile

pytestmark = pytest.mark.browser
OURS = "a[href*=zqx], img[src*=zqx], iframe, object, [role=img][aria-label*=zqx], .katex"


def seen(place: Locator) -> str:
    """The text of a place as a reader sees it."""
    return place.inner_text().replace(JOINER, "")


def test_a_strangers_texts_are_shown_and_fetch_nothing(visit: Visit, tmp_path: Path) -> None:
    one, two = (
        replace(bundle, view=replace(bundle.view, id=f"stranger-{name}"))
        for bundle, name in ((solo(), "one"), (race(), "two"))
    )
    page = visit()
    for name, bundle in (("one", one), ("two", two)):
        (tmp_path / f"{name}.zip").write_bytes(hostile(bundle))
        page.page.goto(f"{page.base}/runs")
        page.page.get_by_role("button", name="Import").click()
        page.page.locator("input[type=file]").set_input_files(tmp_path / f"{name}.zip")
        expect(page.page.get_by_text(re.compile("run stranger-")).first).to_be_visible()
        page.page.wait_for_url(re.compile(r"run=stranger"))
        expect(page.page.locator("strong", has_text=TOKEN).first).to_be_visible()
        assert seen(page.page.locator("strong", has_text=TOKEN).first).strip() == HOSTILE
        assert page.page.locator(OURS).count() == 0
    for path, search in (("/train", "run=stranger-one"), ("/compare", "run=stranger-two")):
        page.open(search, path)
        assert f"{HOSTILE} {HOSTILE}" in seen(page.page.get_by_role("alert").first)
        page.page.wait_for_function("() => document.querySelectorAll('.wl-plot .main-svg').length > 3")
        assert page.page.locator(OURS).count() == 0
    page.page.goto(f"{page.base}/samples?run=stranger-one")
    expect(page.page.get_by_test_id("stMain")).to_contain_text("stranger-one")
    assert page.page.locator(OURS).count() == 0
    assert not [url for url in page.requests if f"{TOKEN}.example" in url]
