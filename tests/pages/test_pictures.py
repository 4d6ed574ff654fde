"""Pictures of one's own on the live page: the dialog, what it says of an upload, and what is used then."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages.ui.text import JOINER
from tests.core.helpers import pictures_at_hand
from tests.core.test_picture_inputs import INPUTS
from tests.core.test_pictures import BLUE, RED, noise, plain, saved, zipped
from tests.pages.conftest import Page, link
from wgan_core.config import TrainingConfig
from wgan_core.datasets.pictures.decode import NO_METADATA
from wgan_core.lessons.presets import PRESETS

KEY = "form.dataset.path"
TINY = {"generator": {"base_channels": 4}, "critic": {"base_channels": 4}}


def with_pictures(path: str = "", **settings: object) -> Page:
    return Page(config=link({"dataset": {"kind": "folder", "path": path, **settings}}, TINY))


def upload(page: Page, *files: tuple[str, bytes]) -> Page:
    page.at.file_uploader(key=f"{KEY}.files").set_value([(name, data, "") for name, data in files]).run()
    return page.fine()


def texts(page: Page) -> str:
    found = [item.value for kind in ("caption", "warning", "error") for item in getattr(page.at, kind)]
    return "\n".join(found).replace("\\", "")


def is_open(page: Page) -> bool:
    return any(item.key == f"{KEY}.use" for item in page.at.button)


def path(page: Page) -> str:
    found: str = page.config().model_dump()["dataset"]["path"]
    return found


GOOD = {f"{kind}/{n}.png": saved(plain(color)) for kind, color in (("cats", RED), ("dogs", BLUE)) for n in range(3)}


def test_the_kind_brings_its_inputs_and_says_that_nothing_is_chosen() -> None:
    page = Page(config="{}").choose("dataset.kind", "folder")
    assert page.config() == TrainingConfig.parse({"dataset": {"kind": "folder"}})
    assert not is_open(page)
    assert "No pictures are chosen yet." in texts(page)
    assert "Choose your pictures first" in texts(page)
    assert "start" not in page.enabled()
    assert page.at.selectbox(key="form.dataset.classes").options == ["all"]


def test_an_upload_is_described_used_and_trained_on() -> None:
    page = with_pictures().press(KEY)
    assert is_open(page)
    upload(page, ("pets.zip", zipped(GOOD | {"notes.txt": b"hello", "dogs/broken.png": saved(noise())[:-500]})))
    assert "6 pictures. 2 classes: cats 3, dogs 3. 2 files were left out." in texts(page)
    assert "1 damaged or cut off: dogs/broken.png" in texts(page)
    assert "1 not a picture, or none that is read here (JPEG, PNG, WebP, BMP, TIFF or GIF): notes.txt" in texts(page)
    assert path(page) == ""
    page.press(f"{KEY}.use")
    assert not is_open(page)
    assert path(page).startswith("sha256:")
    assert page.at.selectbox(key="form.dataset.classes").options == ["all", "cats", "dogs"]
    page.choose("dataset.classes", "dogs").choose("dataset.pixels", "28")
    assert page.config().model_dump()["dataset"] == {
        **TrainingConfig.parse({"dataset": {"kind": "folder"}}).dataset.model_dump(),
        "path": path(page),
        "classes": "dogs",
        "pixels": "28",
    }
    page.press("start")
    assert page.training.lane_view().config.dataset.shape == (3, 28, 28)
    # Whoever gets the link sees the same.
    assert "6 pictures. 2 classes" in texts(Page(config=page.config().to_url()))


def test_a_picture_with_odd_metadata_is_used_with_a_warning() -> None:
    page = with_pictures().press(KEY)
    files = ((INPUTS / name).read_bytes() for name in ("pillow5528.png", "exif-8965.jpg"))
    upload(page, *zip(("21:37:54.png", "b.jpg"), files, strict=True))
    assert "2 pictures. 1 has a warning." in texts(page)
    assert f"1 {NO_METADATA}: 00000-21:37:54.png" in texts(page).replace(JOINER, "")
    assert [one.label for one in page.at.expander if one.label.startswith("Used")] == ["Used, but take a look"]
    page.press(f"{KEY}.use")
    assert "1 has a warning." in texts(page)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("screenshots-colon.zip", "2 pictures."),
        ("macos-utf8-noflag.zip", "2 pictures. 2 classes: Café 1, Zürich 1."),
        ("dotnet-empty-dir.zip", "2 pictures. 2 classes: cats 1, dogs 1."),
    ],
)
def test_zips_of_other_systems_are_used_whole(name: str, told: str) -> None:
    page = with_pictures().press(KEY)
    upload(page, (name, (INPUTS / name).read_bytes()))
    said = next(line for line in texts(page).splitlines() if line.startswith("2 pictures."))
    assert said.removesuffix(" They are all the same.") == told


def test_pictures_one_by_one_make_a_set() -> None:
    page = with_pictures().press(KEY)
    upload(page, ("a.png", saved(noise(1))), ("b.jpg", saved(noise(2), "JPEG")))
    assert "2 pictures." in texts(page)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.zip", b"PK\x03\x04", "None of the files is a picture that can be used"),
        ("a.zip", zipped({}), "There is no picture: no files were found."),
        ("![](//x.example/a.png).png", b"text", "1 not a picture"),
    ],
)
def test_a_bad_upload_is_refused_and_what_was_in_use_stays(name: str, data: bytes, why: str) -> None:
    page = with_pictures(pictures_at_hand()).press(KEY)
    upload(page, (name, data))
    assert why in texts(page)
    assert not any("![](" in item.value for item in page.at.warning)
    assert page.at.button(key=f"{KEY}.use").disabled
    assert path(page.run()) == pictures_at_hand()


def test_other_pictures_forget_the_class_of_the_first() -> None:
    page = with_pictures(pictures_at_hand(), classes="cats")
    assert page.value("dataset.classes") == "cats"
    page.press(KEY)
    upload(page, ("a.png", saved(noise(5)))).press(f"{KEY}.use")
    assert page.config().model_dump()["dataset"]["classes"] == "all"
    assert "1 picture. A generator can do no more than learn it by heart." in texts(page)


def test_a_folder_that_is_allowed_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pets/cats", "pets/dogs"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1.png").write_bytes(saved(plain()))
    monkeypatch.setenv("WGAN_PICTURES", str(tmp_path))
    page = with_pictures().press(KEY)
    page.at.selectbox(key=f"{KEY}.there").set_value("pets").run()
    assert "2 pictures. 2 classes: cats 1, dogs 1. They are all the same." in texts(page.fine())
    page.press(f"{KEY}.use")
    assert path(page) == "pets"


def test_pictures_that_are_not_here_are_said_to_be_gone() -> None:
    assert "Upload the same zip again." in texts(with_pictures("sha256:" + "0" * 64))
    assert "Folders of pictures are not read here." in texts(with_pictures("/etc"))


# Presets for pictures


def test_a_preset_of_horses_takes_the_pictures_that_are_chosen() -> None:
    page = with_pictures(pictures_at_hand(), classes="dogs")
    page.at.selectbox(key="chosen_preset").set_value("horses-small").run()
    chosen = {"kind": "folder", "path": pictures_at_hand(), "classes": "dogs"}
    assert page.fine().config() == TrainingConfig.parse(PRESETS["horses-small"].settings | {"dataset": chosen})
    assert "12 pictures. 2 classes: cats 8, dogs 4." in texts(page)


def test_pictures_that_are_chosen_after_a_preset_of_horses_take_its_settings() -> None:
    page = Page(preset="horses-small").choose("dataset.kind", "folder")
    assert page.config() == TrainingConfig.parse(PRESETS["horses-small"].settings | {"dataset": {"kind": "folder"}})
    page.press(KEY)
    upload(page, ("pets.zip", zipped(GOOD))).press(f"{KEY}.use")
    assert page.config() == PRESETS["horses-small"].config_beside({"kind": "folder", "path": path(page)})
