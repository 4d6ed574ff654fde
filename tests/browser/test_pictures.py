"""Pictures of one's own, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.driver import SHORT, query
from tests.core.test_pictures import noise, saved, zipped

pytestmark = pytest.mark.browser


def test_an_upload_larger_than_other_uploads_is_read_described_and_trained_on(visit: Visit) -> None:
    net = {"base_channels": 4}
    live = visit().open(query(**{**SHORT, "dataset": {"kind": "folder"}, "generator": net, "critic": net, "steps": 5}))
    page = live.page
    page.get_by_role("button", name="Pictures: upload or choose").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("No pictures are chosen yet.")).to_be_visible()
    photos = {f"{'cats' if n % 2 else 'dogs'}/{n}.png": saved(noise(n, (800, 600))) for n in range(6)}
    content = zipped(photos | {"dogs/not.png": b"no"})
    assert len(content) > 5_000_000
    page.locator("input[type=file]").set_input_files({"name": "pets.zip", "mimeType": "", "buffer": content})
    expect(dialog.get_by_text("6 pictures. 2 classes: cats 3, dogs 3. 1 file was left out.")).to_be_visible(
        timeout=30_000
    )
    expect(dialog.locator("img[src^='data:image/png']")).to_be_visible()
    dialog.get_by_role("button", name="Use these pictures").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text(re.compile("^6 pictures"))).to_be_visible()
    live.button("start").click()
    live.shows_status("finished")
