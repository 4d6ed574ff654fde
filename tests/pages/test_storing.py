"""Where runs cannot be stored or read, every page that shows or starts runs says so, once, and trains all the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.core.helpers import small, wait_until
from tests.core.stored import record
from tests.pages.conftest import Page, link
from wgan_core.runs import manager
from wgan_core.store import Store, writer
from wgan_core.store.database import NAME

PAGES = ("train", "compare", "samples", "runs", "experiments")
Use = Callable[[Store], Store]


def warnings(page: Page) -> list[str]:
    """As the browser shows them."""
    return [text.replace("\\", "") for text in page.warnings]


def damaged(folder: Path) -> Store:
    folder.mkdir()
    (folder / NAME).write_bytes(b"This is no database at all. " * 500)
    return Store(folder)


@pytest.mark.parametrize("name", PAGES)
def test_a_damaged_store_is_told_above_the_page(name: str, use: Use, tmp_path: Path) -> None:
    store = use(damaged(tmp_path / "bad"))
    page = Page(f"pages/{name}.py")
    banner, *more = warnings(page)
    assert banner.startswith(f"The file {store.path} is damaged (")
    assert not any("is damaged" in text for text in more)
    assert "Put a backup in its place, or move it away" in banner
    assert not page.errors


@pytest.mark.parametrize("name", ["train", "compare", "samples"])
def test_a_link_to_a_run_in_a_damaged_store_does_not_say_that_there_is_none(
    name: str, use: Use, tmp_path: Path
) -> None:
    use(damaged(tmp_path / "bad"))
    page = Page(f"pages/{name}.py", run="abc")
    banner, told = warnings(page)
    assert "is damaged" in banner
    assert told.endswith("the store cannot be read.")
    assert "There is no" not in banner + told
    assert not page.at.info


@pytest.mark.parametrize("name", ["train", "samples"])
def test_damage_that_is_found_when_a_run_is_read_is_told_with_what_to_do(name: str, store: Store) -> None:
    record(store, "a", small(steps=2))
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE runs SET race = '{}'")
        db.execute("UPDATE lanes SET config = '{'")
    page = Page(f"pages/{name}.py", run="a")
    assert store.problem is None
    told = " ".join(warnings(page) + [item.value.replace("\\", "") for item in page.at.info])
    assert "There is no" not in told
    if name == "train":
        assert "Run a cannot be read: what is stored of it is damaged" in told
        assert "Other runs can be" in told


def test_a_run_trains_on_a_full_disk_and_the_banner_goes_when_there_is_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    with pytest.MonkeyPatch.context() as patch:

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(writer, "transaction", full)
        page = Page(config=link()).press("start")
        wait_until(lambda: store.problem is not None)
        page.run()
        (banner,) = warnings(page)
        assert banner.startswith(
            f"The disk that holds {store.folder} is full. Runs are kept in memory until there is room"
        )
        assert "free some, or delete runs that you no longer need" in banner
        step = page.training.lane_view().step
        wait_until(lambda: page.training.lane_view().step > step)
        captions = " ".join(item.value for item in page.at.caption)
        assert "in memory only" in captions
    wait_until(lambda: store.problem is None)
    assert not warnings(page.run())
    assert store.run(page.run_id).status in ("running", "starting")
    manager().get(page.run_id).stop()


def test_pages_without_runs_say_nothing_of_the_store(use: Use, tmp_path: Path) -> None:
    use(damaged(tmp_path / "bad"))
    assert not warnings(Page("pages/guide.py"))
