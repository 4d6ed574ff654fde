"""Points of one's own on the live page: the dialog, what a file brings, and what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pages.ui.form.points import csv
from tests.core.files_of_points import FOLDER, READ, REFUSED
from tests.pages.conftest import Page, link
from wgan_core.config import TrainingConfig
from wgan_core.datasets.points.packing import pack, shapes, unpack
from wgan_core.datasets.points.pairs import MAX_POINTS
from wgan_core.datasets.points.reading import packed

KEY = "form.dataset.points"
RING = [[round(1.5 * np.cos(a), 3), round(1.5 * np.sin(a), 3)] for a in np.arange(200) * 2 * np.pi / 8]


def drawing(points: Any = "smiley") -> Page:
    """The page with points in its form."""
    return Page(config=link(dataset={"kind": "points", "points": points}))


def upload(page: Page, content: bytes, name: str = "points.csv") -> Page:
    page.at.file_uploader(key=f"{KEY}.file").set_value((name, content, "text/csv")).run()
    return page.fine()


def is_open(page: Page) -> bool:
    return any(item.key == f"{KEY}.use" for item in page.at.button)


def texts(page: Page) -> str:
    """All sentences on the page."""
    return "\n".join(item.value for kind in ("caption", "markdown") for item in getattr(page.at, kind)).replace(
        "\\", ""
    )


def points(page: Page) -> str:
    found: str = page.config().model_dump()["dataset"]["points"]
    return found


def test_the_kind_brings_a_button_and_says_what_is_in_use() -> None:
    page = Page(config="{}").choose("dataset.kind", "points")
    assert page.config() == TrainingConfig.parse({"dataset": {"kind": "points"}})
    assert not is_open(page)
    assert "The shape smiley: 182 points, 4 modes." in texts(page)
    page.choose("dataset.noise", 0.1)
    assert page.config().model_dump()["dataset"] == {"kind": "points", "points": "smiley", "noise": 0.1}


def test_the_dialog_stays_while_the_page_runs_and_changes_nothing_until_it_is_told_to() -> None:
    page = drawing().press(KEY)
    assert is_open(page)
    assert is_open(page.run())
    upload(page, b"0,0\n10,10\n")
    assert points(page.run()) == "smiley"
    assert is_open(page)


def test_points_of_a_file_are_counted_fitted_and_used() -> None:
    page = drawing().press(KEY)
    upload(page, b"\xef\xbb\xbfx;y\n" + b"".join(b"%f;%f\n" % (10 + x, 20 + y) for x, y in RING))
    assert "200 points, 8 modes. Moved and scaled to fit: (0, 0) is your (10, 20), and 1 is your 0.75" in texts(page)
    page.press(f"{KEY}.use")
    assert not is_open(page)
    found = unpack(points(page))
    np.testing.assert_array_equal(found.given, np.array([10, 20]) + RING)
    assert found.frame is not None
    assert (found.frame.x, found.frame.y) == (10, 20)
    # The link brings them to whoever opens it.
    assert points(Page(config=page.config().to_url())) == points(page)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"x,y\n0,0\n1,abc\n", "row 3, column 2 (y) holds “abc”, which is no number; write it like 0.5 or 1e-3"),
        (b"\x89PNG\r\n\x1a\n", "the file is no text"),
        (b"", "there are no points"),
        (b"NA,NA\n0,0\n1,1\n", "row 1, column 1 (x) holds “NA” in place of a number; fill it in, or leave the row out"),
        *(((FOLDER / name).read_bytes(), why) for name, why in REFUSED.items()),
        (b"0,0\n1,![](//x.example/a.png)\n", "row 2, column 2 (y) holds “![](//x.example/a.png)”"),
    ],
)
def test_a_bad_file_is_refused_and_the_drawing_stays(content: bytes, why: str) -> None:
    page = drawing("moons").press(KEY)
    upload(page, b"0,0\n1,1\n1,0\n")
    upload(page, content)
    (error,) = [item.value for item in page.at.error]
    assert error.replace("\\", "").startswith(f"The file was not loaded: {why}")
    assert "![](" not in error
    assert error.endswith("The drawing is as it was.")
    assert "3 points, 1 mode." in texts(page)
    page.press(f"{KEY}.use")
    assert points(page) == packed([[0, 0], [1, 1], [1, 0]])
    assert not page.errors


def test_a_way_back_to_what_is_in_use_and_to_the_last_drawing() -> None:
    page = drawing("moons").press(KEY)
    upload(page, b"0,0\n1,1\n1,0\n").press(f"{KEY}.back")
    assert "The shape moons: 120 points, 2 modes." in texts(page)
    upload(page, b"0,0\n1,1\n1,0\n").press(f"{KEY}.use")
    mine = points(page)
    # Another kind of data takes the form's drawing away, but not the drawing.
    page.choose("dataset.kind", "ring").choose("dataset.kind", "points")
    assert points(page) == "smiley"
    page.press(KEY).press(f"{KEY}.last").press(f"{KEY}.use")
    assert points(page) == mine


def test_too_many_points_for_a_link_are_said_so_and_train() -> None:
    page = drawing().press(KEY)
    rows = np.random.default_rng(0).uniform(-2, 2, (3000, 2))
    upload(page, "".join(f"{x:.3f},{y:.3f}\n" for x, y in rows).encode())
    assert "a link holds about 900 points like these at most" in texts(page)
    page.press(f"{KEY}.use")
    assert "too long for a link: they take 12," in texts(page)
    codes = [code.value for code in page.at.code]
    assert not any("config=" in code for code in codes)
    (command,) = codes
    assert "--dataset.points @points.txt" in command
    assert "Save points.txt" in [item.label for item in page.at.download_button]
    page.press("start")
    assert page.training.lane_view().config.dataset.kind == "points"


def test_what_was_read_of_a_file_is_said_and_it_is_saved_again_as_it_was() -> None:
    page = drawing()
    for name, (rows, note) in READ.items():
        page.press(KEY)
        upload(page, (FOLDER / name).read_bytes(), name)
        assert note in texts(page)
        page.press(f"{KEY}.use")
        assert note not in texts(page)
        assert unpack(points(page)).given.tolist() == rows
        assert unpack(packed(csv(points(page)))).given.tolist() == rows


def test_a_saved_csv_gives_the_same_points() -> None:
    for text in (*shapes(), packed([[10.5, 3], [12, 4], [11, 7.25]]), "p1.I1LCafafp8lh3L0-~447124.2~5411235~0.7079901"):
        np.testing.assert_array_equal(unpack(packed(csv(text))).given, unpack(text).given)


def test_the_most_points_are_taken() -> None:
    page = drawing().press(KEY)
    rows = np.random.default_rng(0).uniform(-2, 2, (MAX_POINTS, 2))
    upload(page, "".join(f"{x:.3f},{y:.3f}\n" for x, y in rows).encode()).press(f"{KEY}.use")
    assert points_in_form(page) == pack(rows)


def points_in_form(page: Page) -> str:
    found: str = page.at.session_state[f"{KEY}.used"]
    return found
