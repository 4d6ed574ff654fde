"""Files of published sets that are missing: what the form says, and each way to get them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.core.helpers import idx_files, wait_until
from tests.core.test_fetching import Server, login, truncated, whole
from tests.pages.conftest import Page, link
from wgan_core.datasets import Mnist, fetching
from wgan_core.datasets.fetching import RemoteFile, job_in

SOME = {"train": 128, "test": 64}
TINY = {"generator": {"base_channels": 4}, "critic": {"base_channels": 4}, "batch_size": 8}


class Shop(Server):
    """A server that has a small MNIST."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        idx_files(folder, SOME)
        self.contents = {path.name: path.read_bytes() for path in folder.iterdir()}
        for name in self.contents:
            self.mend(name)

    def mend(self, name: str) -> None:
        """Answer as a good server does."""
        self.answer[f"/{name}"] = partial(whole, content=self.contents[name])

    def files(self, part: str) -> tuple[RemoteFile, ...]:
        base = f"http://127.0.0.1:{self.http.server_port}"
        return tuple(
            RemoteFile(name, hashlib.md5(content, usedforsecurity=False).hexdigest(), len(content), (f"{base}/{name}",))
            for name, content in sorted(self.contents.items())
            if name.startswith(part)
        )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A server that has a small MNIST, whose files are not on this computer."""
    monkeypatch.setattr(fetching, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0.01)
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Mnist, "counts", SOME)
    made = Shop(tmp_path / "there")
    monkeypatch.setattr(Mnist, "files", {"train": made.files("train"), "test": made.files("t10k")})
    yield made
    made.close()


IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def page_of_mnist(**settings: str) -> Page:
    return Page(config=link({"dataset": {"kind": "mnist", **settings}}, TINY))


def is_open(page: Page) -> bool:
    return any("these files are wanted" in item.value for item in page.at.markdown)


def keys(page: Page) -> set[str]:
    return {item.key for item in page.at.button if item.key and item.key.startswith("fetch.")}


def finish(page: Page, state: str) -> Page:
    """Wait for the end of the fetching, and run the page as the timer of the progress bar does."""

    def ended() -> bool:
        job = job_in(Mnist.folder())
        return job is not None and job.state == state

    wait_until(ended)
    return page.run()


def here() -> list[str]:
    folder = Mnist.folder()
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_the_form_says_what_is_missing_and_start_asks_for_it_instead_of_failing(shop: Shop) -> None:
    page = page_of_mnist()
    assert page.warnings == ["The files of MNIST are not on this computer."]
    assert not is_open(page)
    page.press("start")
    assert is_open(page)
    assert "run" not in page.at.query_params
    (files,) = [item.value for item in page.at.markdown if IMAGES in item.value]
    for file in Mnist.files["train"]:
        assert f"`{file.name}` · {file.size:,} bytes · md5 `{file.md5}`" in files
    looked, mirrors = (code.value for code in page.at.code[-2:])
    assert str(Mnist.folder()) in looked
    assert mirrors.splitlines() == [mirror for file in Mnist.files["train"] for mirror in file.mirrors]
    assert not shop.asked


def test_what_is_fetched_is_trained_on(shop: Shop) -> None:
    page = page_of_mnist().press("fetch.form").press("fetch.start")
    finish(page, "finished")
    assert [item.value for item in page.at.success] == ["The files of MNIST are here, and checked."]
    assert here() == [IMAGES, LABELS]
    page.press("fetch.done")
    assert not keys(page)
    assert not page.warnings
    page.press("start")
    wait_until(lambda: page.training.lane_view().snapshots > 0, 60)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (login, "a web page came instead of the file"),
        (truncated, "1,000 of "),
        (Server.hangs, "said nothing for too long"),
    ],
)
def test_what_is_no_file_is_said_leaves_nothing_and_the_next_try_works(
    shop: Shop, answer: object, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad(request: BaseHTTPRequestHandler) -> None:
        shop.hangs(request) if answer is Server.hangs else answer(request)  # type: ignore[operator]

    shop.answer[f"/{IMAGES}"] = bad
    page = page_of_mnist().press("fetch.form").press("fetch.start")
    finish(page, "failed")
    (problem,) = page.errors
    assert why in problem
    assert str(Mnist.folder()) in problem
    assert here() == []
    assert [button.label[:5] for button in page.at.button if button.key == "fetch.start"] == ["Retry"]
    shop.mend(IMAGES)
    page.press("fetch.start")
    finish(page, "finished")
    assert here() == [IMAGES, LABELS]


def test_what_is_cancelled_leaves_nothing_and_can_be_asked_for_again(shop: Shop) -> None:
    shop.answer[f"/{IMAGES}"] = shop.drips
    page = page_of_mnist().press("fetch.form").press("fetch.start")
    wait_until(lambda: (job := job_in(Mnist.folder())) is not None and job.done > 0)
    assert "fetch.cancel" in keys(page.run())
    page.press("fetch.cancel")
    finish(page, "cancelled")
    assert [item.value for item in page.at.info] == ["Cancelled. Nothing incomplete is left."]
    assert here() == []
    shop.mend(IMAGES)
    page.press("fetch.start")
    finish(page, "finished")
    assert here() == [IMAGES, LABELS]


def test_files_that_someone_brings_are_checked_and_taken(shop: Shop) -> None:
    page = page_of_mnist().press("fetch.form")
    bring = page.at.file_uploader(key="fetch.files")
    bring.set_value([("images.gz", shop.contents[LABELS][:-1], "")]).run()
    assert "it is not train-images" in page.fine().errors[0]
    assert here() == []
    brought = [(f"{i}.bin", shop.contents[name], "") for i, name in enumerate((LABELS, IMAGES))]
    page.at.file_uploader(key="fetch.files").set_value(brought).run()
    assert here() == [IMAGES, LABELS]
    assert [item.value for item in page.fine().at.success] == ["The files of MNIST are here, and checked."]
    assert not shop.asked


def test_the_embedded_set_can_be_taken_instead(shop: Shop) -> None:
    page = page_of_mnist().press("fetch.form").press("fetch.embedded")
    assert page.config().dataset.kind == "fashion-mnist"
    assert not page.warnings
    assert not is_open(page)


def test_a_comparison_offers_them_too(shop: Shop) -> None:
    page = Page(
        "pages/compare.py",
        race='{"shared": {"dataset": {"kind": "mnist"}}, "lanes": [{}, {"objective": {"kind": "gan"}}]}',
    )
    assert page.warnings == ["The files of MNIST are not on this computer."]
    page.press("start")
    assert is_open(page)
    page.press("fetch.embedded")
    assert not page.warnings


def test_a_run_that_found_damaged_files_offers_to_fetch_them(shop: Shop) -> None:
    Mnist.folder().mkdir(parents=True)
    for name in (IMAGES, LABELS):
        (Mnist.folder() / name).write_bytes(b"half a file")
    page = page_of_mnist(classes="3")  # other tests' images are not in memory for it
    assert not page.warnings
    page.press("start")
    wait_until(lambda: page.training.status == "failed", 60)
    assert "Not as they should be" in page.run().errors[0]
    page.press("fetch.failed").press("fetch.start")
    finish(page, "finished")
    assert [item.value for item in page.at.success] == ["The files of MNIST are here, and checked."]
