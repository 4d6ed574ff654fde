"""Pictures of one's own: what is read and how, what is left out and why, and what is refused as a whole."""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile

from tests.core.helpers import CPU, ROOT, pictures_at_hand, python, rng, small, wait_until, with_data
from wgan_core.cli import main
from wgan_core.config import TrainingConfig
from wgan_core.datasets import DataError
from wgan_core.datasets.pictures import Folder, anywhere, keep, offered, pictures, places, scan, sources
from wgan_core.datasets.pictures.decode import MOST, decode
from wgan_core.datasets.pictures.pixels import Style, Unusable
from wgan_core.datasets.pictures.places import Access
from wgan_core.datasets.pictures.sources import MAX_FILES, FolderSource
from wgan_core.networks import Dcgan
from wgan_core.runs import Run
from wgan_core.schema import ConfigError
from wgan_core.training import train

STYLE = Style(32, 3, "crop")
GREY = Style(32, 1, "crop")
RED, BLUE = (255, 0, 0), (0, 0, 255)


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def plain(color: object = RED, size: tuple[int, int] = (40, 40), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, color)  # type: ignore[arg-type]


def noise(seed: int = 0, size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def zipped(files: dict[str, bytes], **options: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def uploaded(files: dict[str, bytes], style: Style = STYLE, **options: int) -> scan.Pictures:
    return pictures(keep([("a.zip", zipped(files, **options))]), style)


def left_out(found: scan.Pictures) -> dict[str, tuple[str, ...]]:
    return {one.reason: one.examples for one in found.left_out}


def mean(pixels: NDArray[np.uint8]) -> list[int]:
    return [round(float(channel.mean())) for channel in pixels]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for what is kept, and no folder allowed."""
    pictures_at_hand()  # kept for other tests too, so not here
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WGAN_PICTURES", raising=False)
    return tmp_path / "home" / "pictures"


# One picture


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_every_format_gives_the_colour_that_was_saved(form: str) -> None:
    found = decode(saved(plain((200, 100, 50)), form), STYLE)
    assert found.shape == (3, 32, 32)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(mean(found), (200, 100, 50), atol=3)
    np.testing.assert_allclose(mean(decode(saved(plain((200, 100, 50)), form), GREY)), [124], atol=3)


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    image = noise(size=(32, 32))
    for fit in ("crop", "pad"):
        found = decode(saved(image), Style(32, 3, fit))
        np.testing.assert_array_equal(found, np.asarray(image).transpose(2, 0, 1))


def test_crop_takes_the_middle_and_pad_keeps_all_on_white() -> None:
    image = plain(BLUE, (96, 32))
    image.paste(RED, (32, 0, 64, 32))
    crop, pad = (decode(saved(image), Style(32, 3, fit)) for fit in ("crop", "pad"))
    assert mean(crop) == list(RED)
    assert (pad[:, :10] == 255).all()
    assert pad[:, 16, 2].tolist() == list(BLUE)
    assert pad[:, 16, 16].tolist() == list(RED)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (33, 32)])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_odd_sizes_are_taken(size: tuple[int, int], fit: str) -> None:
    found = decode(saved(plain(RED, size)), Style(28, 3, fit))  # type: ignore[arg-type]
    assert found.shape == (3, 28, 28)
    assert found[:, 13, 13].tolist() == list(RED)


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_cameras_rotation_is_applied(turn: int) -> None:
    upright = plain(BLUE, (64, 64))
    upright.paste(RED, (0, 0, 64, 16))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # EXIF's number to the transpose that undoes it
    as_stored = upright.transpose(Image.Transpose(back[turn])) if turn > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = turn
    found = decode(saved(as_stored, "PNG", exif=exif), STYLE)
    np.testing.assert_allclose(found[:, 3, 16], RED)
    np.testing.assert_allclose(found[:, 28, 16], BLUE)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_what_is_transparent_shows_white_and_not_the_colour_beneath(form: str) -> None:
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    hidden = saved(plain((255, 0, 0, 0), mode="RGBA"), form, **options)
    half = saved(plain((255, 0, 0, 128), mode="RGBA"), form, **options)
    assert mean(decode(hidden, STYLE)) == [255, 255, 255]
    np.testing.assert_allclose(mean(decode(half, STYLE)), [255, 127, 127], atol=1)
    assert mean(decode(hidden, GREY)) == [255]


def test_a_transparent_colour_of_a_palette_shows_white() -> None:
    image = plain(RED).quantize(4)
    assert mean(decode(saved(image, "GIF", transparency=image.getpixel((0, 0))), STYLE)) == [255, 255, 255]


@pytest.mark.parametrize(("value", "byte"), [(0, 0), (257, 1), (32_768, 128), (65_535, 255)])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_become_eight(value: int, byte: int, form: str) -> None:
    image = Image.fromarray(np.full((40, 40), value, np.uint16))
    assert mean(decode(saved(image, form), STYLE)) == [byte] * 3
    assert mean(decode(saved(image, form), GREY)) == [byte]


def test_cmyk_becomes_rgb() -> None:
    cyan = saved(plain((255, 0, 0, 0), mode="CMYK"), "JPEG")
    np.testing.assert_allclose(mean(decode(cyan, STYLE)), [0, 255, 255], atol=3)


def test_of_an_animation_the_first_frame_is_taken() -> None:
    for form in ("GIF", "WEBP", "PNG", "TIFF"):
        data = saved(plain(RED), form, save_all=True, append_images=[plain(BLUE)])
        np.testing.assert_allclose(mean(decode(data, STYLE)), RED, atol=6)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claims(width: int, height: int, text: bytes = b"") -> bytes:
    """A small PNG of 18 × 18 black pixels whose header claims this size, perhaps with a packed text."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(text)) if text else b""
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed
    return start + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")


BAD: dict[str, tuple[bytes, str]] = {
    "nothing.png": (b"", "empty"),
    "text.png": (b"Dear diary", "not a picture"),
    "program.jpg": (b"#!/bin/sh\nrm -rf /\n", "not a picture"),
    "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "cut.jpg": (saved(noise(), "JPEG")[:-700], "damaged or cut off"),
    "cut.png": (saved(noise())[:-700], "damaged or cut off"),
    "huge.png": (claims(30_000, 30_000), "larger than 50 megapixels"),
    "bomb.png": (claims(10_000, 9_500), "larger than 50 megapixels"),
    "wide.png": (claims(MOST * 1_000_000 + 1, 1), "larger than 50 megapixels"),
    "lies.png": (claims(3000, 3000), "damaged or cut off"),
    "inner.zip": (zipped({"a.png": saved(plain())}), "an archive inside; archives are not opened"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_reason(name: str) -> None:
    data, why = BAD[name]
    with pytest.raises(Unusable, match=why):
        decode(data, STYLE)


def test_a_text_that_unpacks_enormously_is_passed_over() -> None:
    assert mean(decode(claims(18, 18, text=bytes(60_000_000)), STYLE)) == [0, 0, 0]


def test_a_large_png_that_is_really_there_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.new("1", (30_000, 30_000)), "PNG")
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(Unusable, match="megapixels"):
        decode(data, STYLE)


@given(
    data=st.binary(max_size=200), form=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]), at=st.integers(0)
)
def test_any_damage_gives_a_picture_or_a_reason(data: bytes, form: str, at: int) -> None:
    whole = saved(plain((9, 8, 7), (20, 12)), form)
    at %= len(whole)
    for broken in (data, whole[:at] + data, whole[:at] + data + whole[at + len(data) :]):
        with suppress(Unusable):
            assert decode(broken, STYLE).shape == (3, 32, 32)


# A zip


def test_subfolders_are_classes_and_the_rest_is_listed(home: Path) -> None:
    good = {f"set/{kind}/{n}.png": saved(plain(color)) for kind, color in (("a", RED), ("b", BLUE)) for n in range(3)}
    found = uploaded(good | {f"set/b/{name}": data for name, (data, _) in BAD.items()})
    assert found.counts == {"a": 3, "b": 3}
    assert found.images.pixels.shape == (6, 3, 32, 32)
    assert [mean(picture.numpy()) for picture in found.images.pixels] == [list(RED)] * 3 + [list(BLUE)] * 3
    assert sum(one.count for one in found.left_out) == len(BAD)
    assert left_out(found)["damaged or cut off"] == (
        "set/b/cut.jpg",
        "set/b/cut.png",
        "set/b/lies.png",
    )
    assert {file.suffix for file in home.iterdir()} == {".zip", ".npz"}


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["1.png", "2.png"], ()),
        (["all/1.png", "all/2.png"], ()),
        (["x/y/a/1.png", "x/y/b/2.png"], ("a", "b")),
        (["a/x/1.png", "b/x/2.png"], ("a", "b")),
        (["1.png", "b/2.png"], ("(top level)", "b")),
        (["Ünïcødé 猫/1.png", "b\\c\\2.png"], ("b", "Ünïcødé 猫")),
    ],
)
def test_the_first_level_that_branches_names_the_classes(names: Sequence[str], classes: tuple[str, ...]) -> None:
    found = uploaded({name: saved(noise(n)) for n, name in enumerate(names)})
    assert found.images.classes == classes
    assert len(found.images.pixels) == 2


def test_unicode_and_very_long_names_are_taken_and_shown_short() -> None:
    long, longer = "n" * 3000, "n" * 2999 + "m"
    found = uploaded({f"{long}/🐈.png": saved(plain()), f"{longer}/b.png": saved(plain()), f"{long}/\x1b[2J.png": b"x"})
    assert len(set(found.images.classes)) == 2
    assert all(len(name) <= 100 for name in found.images.classes)
    ((shown,),) = left_out(found).values()
    assert len(shown) <= 80
    assert "\x1b" not in shown


def test_a_zip_that_points_outside_writes_nothing_and_says_so(home: Path, tmp_path: Path) -> None:
    outside = ["../../evil.png", "/etc/evil.png", "C:\\evil.png", "a/../../../evil.png"]
    found = uploaded({name: saved(plain()) for name in outside} | {"good.png": saved(plain())})
    assert len(found.images.pixels) == 1
    (one,) = found.left_out
    assert (one.reason, one.count) == ("named as if it lay outside of the zip", 4)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_locked_an_unusual_and_a_damaged_member_are_left_out() -> None:
    files = {"a.png": saved(noise(1)), "b.png": saved(noise(2)), "c.png": saved(noise(3))}
    raw = bytearray(zipped(files))
    spot = raw.index(files["b.png"][100:200])
    raw[spot] ^= 1
    locked = raw.rindex(b"PK\x01\x02") + 8
    raw[locked] |= 1
    found = pictures(keep([("a.zip", bytes(raw))]), STYLE)
    assert left_out(found) == {"damaged inside the zip": ("b.png",), "locked with a password": ("c.png",)}
    with pytest.raises(DataError, match=r"None of the files.*packed in a way that is not read here"):
        uploaded(files, compression=zipfile.ZIP_LZMA)


def test_a_member_that_unpacks_enormously_is_not_unpacked() -> None:
    bomb = saved(plain(0, (7000, 7000), "L"), "BMP")
    found = uploaded({"bomb.bmp": bomb, "ok.png": saved(plain())}, compression=zipfile.ZIP_DEFLATED)
    assert left_out(found) == {"packed suspiciously small": ("bomb.bmp",)}
    found = uploaded({"big.bmp": bytes(51_000_000), "ok.png": saved(plain())}, compression=zipfile.ZIP_DEFLATED)
    assert left_out(found) == {"larger than 50 MB": ("big.bmp",)}


def test_a_member_that_is_larger_than_its_header_says_is_not_read_on() -> None:
    raw = bytearray(zipped({"a.bmp": bytes(5_000_000)}, compression=zipfile.ZIP_DEFLATED))
    at = raw.rindex(b"PK\x01\x02") + 24
    raw[at : at + 4] = struct.pack("<I", 1000)
    with pytest.raises(DataError, match="damaged inside the zip"):
        pictures(keep([("a.zip", bytes(raw))]), STYLE)


def test_a_zip_that_unpacks_to_too_much_in_all_is_refused(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(sources, "MAX_TOTAL_BYTES", 1000)
    with pytest.raises(DataError, match="more than the 0 GB that are allowed"):
        uploaded({"a.png": saved(noise())})
    assert not list(home.iterdir())


def test_a_million_members_are_refused_before_they_are_listed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", *[20] * 2, *[0] * 7, 1, *[0] * 6) + b"a"
    contents = entry * 1_000_000
    # The end of a zip counts its members with 16 bits, and nobody checks that.
    raw = contents + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 5, 5, len(contents), 0, 0)
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("a member was listed"))
    with pytest.raises(DataError, match="more than 100,000 files"):
        keep([("a.zip", raw)])
    assert not list(home.iterdir())


def test_somewhat_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILES", 3)
    with pytest.raises(DataError, match="more than 3 files"):
        uploaded({f"{n}.png": b"" for n in range(4)})


def test_more_pictures_than_fit_are_refused_with_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_ARRAY_BYTES", 2 * 3 * 32 * 32)
    with pytest.raises(DataError, match="more pictures than fit: 2 of 32 × 32 pixels and 3 channels"):
        uploaded({f"{n}.png": saved(plain()) for n in range(3)})
    assert len(uploaded({f"{n}.png": saved(plain()) for n in range(2)}).images.pixels) == 2


@pytest.mark.parametrize(
    "raw",
    [b"PK\x03\x04 no zip", zipped({"a": b"b"})[:-10], b"PK\x05\x06" + bytes(17) + b"\xff"],
    ids=["only the first letters", "cut off", "a bad directory"],
)
def test_what_is_no_zip_ends_as_a_file_that_is_no_picture(raw: bytes) -> None:
    with pytest.raises(DataError):
        pictures(keep([("a.zip", raw)]), STYLE)


def test_what_systems_leave_in_zips_is_passed_over() -> None:
    files = {"__MACOSX/._a.png": b"x", ".DS_Store": b"x", "a/Thumbs.db": b"x", "a/1.png": saved(plain())}
    assert uploaded(files).left_out == ()


def test_an_empty_zip_says_so() -> None:
    with pytest.raises(DataError, match="There is no picture"):
        uploaded({})


# Keeping


def test_an_upload_is_named_by_its_content_and_kept_once(home: Path) -> None:
    data = zipped({"a.png": saved(plain())})
    path = keep([("one.zip", data)])
    assert path == keep([("other.zip", data)])
    assert len(list(home.iterdir())) == 1
    assert keep([("a.png", saved(plain())), ("b.png", saved(noise()))]) == keep(
        [("b.png", saved(noise())), ("a.png", saved(plain()))]
    )


def test_pictures_are_decoded_once_and_again_when_what_was_kept_is_damaged(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep([("a.zip", zipped({"x/a.png": saved(noise(1)), "y/b.png": saved(noise(2)), "c.png": b"no"}))])
    first = pictures(path, STYLE)
    with monkeypatch.context() as patch:
        patch.setattr(scan, "scan", lambda *_: pytest.fail("read again"))
        again = pictures(path, STYLE)
    assert torch.equal(again.images.pixels, first.images.pixels)
    assert torch.equal(again.images.labels, first.images.labels)
    assert (again.counts, again.left_out) == (first.counts, first.left_out)
    (kept,) = home.glob("*.npz")
    for damage in (b"", b"rubbish", kept.read_bytes()[:-500]):
        kept.write_bytes(damage)
        assert torch.equal(pictures(path, STYLE).images.pixels, first.images.pixels)
    assert pictures(path, GREY).images.pixels.shape == (2, 1, 32, 32)


def test_of_several_zips_none_is_taken_unasked() -> None:
    one = zipped({"a.png": saved(plain())})
    with pytest.raises(DataError, match="These are 2 zips, and one is taken at a time"):
        keep([("a.zip", one), ("b.zip", one)])


def test_there_is_a_limit_to_what_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_UPLOAD_BYTES", 100)
    with pytest.raises(DataError, match="more than the"):
        keep([("a.png", saved(noise()))])
    monkeypatch.undo()
    monkeypatch.setenv("WGAN_HOME", str(home.parent))
    monkeypatch.setenv("WGAN_PICTURES_MB", "0")
    with pytest.raises(DataError, match=r"no room for more pictures: uploads may take 0 MB \(WGAN_PICTURES_MB\)"):
        keep([("a.png", saved(plain()))])
    assert not home.exists() or not list(home.iterdir())


def test_reading_can_be_watched_and_ended() -> None:
    path = keep([("a.zip", zipped({f"{n}.png": saved(plain()) for n in range(120)}))])
    seen: list[tuple[int, int]] = []

    def stop(done: int, of: int) -> None:
        seen.append((done, of))
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pictures(path, STYLE, stop)
    assert seen == [(0, 120), (50, 120)]
    pictures(path, STYLE, lambda done, of: seen.append((done, of)))
    assert seen[-1] == (120, 120)


# Folders


@pytest.fixture
def allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An allowed folder with a folder of two pictures, a secret beside it."""
    root = tmp_path / "allowed"
    for place, color in ((root / "set" / "a", RED), (root / "set" / "b", BLUE), (tmp_path / "secret", RED)):
        place.mkdir(parents=True)
        (place / "1.png").write_bytes(saved(plain(color)))
    (root / "some.zip").write_bytes(zipped({"a.png": saved(plain())}))
    (root / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setenv("WGAN_PICTURES", str(root))
    return root


def test_a_folder_is_read_where_it_is_allowed(allowed: Path) -> None:
    assert pictures("set", STYLE).counts == {"a": 1, "b": 1}
    assert pictures(str(allowed / "set"), STYLE).counts == {"a": 1, "b": 1}
    assert len(pictures("some.zip", STYLE).images.pixels) == 1
    assert offered() == ["link", "set", "some.zip"]


@pytest.mark.parametrize("path", ["../secret", "link", "/etc", "set/../../secret", "~"])
def test_nothing_outside_of_the_allowed_folders_is_read(allowed: Path, path: str) -> None:
    with pytest.raises(DataError, match=r"lies outside of the folders that WGAN_PICTURES allows|There is no folder"):
        pictures(path, STYLE)


@pytest.mark.parametrize("path", ["nowhere", "a\0b", "x" * 900, "set/a/1.png/no", "sha256:" + "0" * 64, ""])
def test_pictures_that_are_not_there_are_said_to_be_gone(allowed: Path, path: str) -> None:
    with pytest.raises(DataError, match=r"There is no|are not here|No pictures are chosen"):
        pictures(path, STYLE)


def test_a_command_may_name_any_folder_and_still_finds_those_that_are_allowed(
    allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="lies outside"):
        pictures("../secret", STYLE)
    monkeypatch.chdir(allowed.parent)
    monkeypatch.setenv("WGAN_PICTURES", anywhere())
    for path in ("secret", "../" + allowed.parent.name + "/secret", str(allowed.parent / "secret"), "some.zip", "link"):
        assert len(pictures(path, STYLE).images.pixels) == 1
    assert pictures("set", STYLE).counts == {"a": 1, "b": 1}
    with pytest.raises(DataError, match=r"no folder and no zip “nothing” in .* and .*allowed"):
        pictures("nothing", STYLE)
    assert anywhere() == os.environ["WGAN_PICTURES"], "twice is once"


@pytest.mark.parametrize("path", ["D:\\pictures", "\\\\server\\share\\pictures", "pictures", "..\\others"])
def test_on_windows_a_command_may_name_other_drives_and_shares(path: str) -> None:
    here = PureWindowsPath("C:\\Users\\me")
    assert Access(True, (here,)).permits(here / path)
    assert Access(False, (here,)).permits(here / path) == (path in ("pictures", "..\\others")), (
        "“..” is resolved before"
    )
    assert Access(False, (here, PureWindowsPath("D:\\"), PureWindowsPath("\\\\server\\share"))).permits(here / path)


def test_links_and_pipes_in_a_folder_are_left_out_and_never_waited_for(allowed: Path) -> None:
    (allowed / "set" / "link.png").symlink_to(allowed.parent / "secret" / "1.png")
    os.mkfifo(allowed / "set" / "pipe.png")
    (allowed / "set" / "more").symlink_to(allowed.parent / "secret")
    found = pictures("set", STYLE)
    assert len(found.images.pixels) == 2
    assert left_out(found) == {"a link or a device, not a file": ("link.png", "more", "pipe.png")}


def test_a_folder_that_has_changed_is_read_again(allowed: Path) -> None:
    before = pictures("set", STYLE)
    (allowed / "set" / "b" / "2.png").write_bytes(saved(noise()))
    assert pictures("set", STYLE).counts == {"a": 1, "b": 2}
    assert before.counts == {"a": 1, "b": 1}


def test_a_folder_of_too_many_files_is_refused(allowed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILES", 1)
    with pytest.raises(DataError, match="more than 1 files"):
        FolderSource(allowed / "set").names()
    assert MAX_FILES == 100_000


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system takes no such name")
def test_a_file_whose_name_is_no_text_is_shown_all_the_same(allowed: Path) -> None:
    (allowed / "set" / os.fsdecode(b"\xff\xfe.png")).write_bytes(b"no")
    ((shown,),) = left_out(pictures("set", STYLE)).values()
    shown.encode()


# As a data set


def sample(dataset: Folder, n: int = 64) -> torch.Tensor:
    return dataset.sample(n, rng(), CPU)


def test_samples_are_the_pictures() -> None:
    path = keep([("a.zip", zipped({"a/1.png": saved(plain(RED)), "b/2.png": saved(plain(BLUE))}))])
    both = sample(Folder(path=path))
    assert {tuple(picture[:, 0, 0].tolist()) for picture in both} == {(1.0, -1.0, -1.0), (-1.0, -1.0, 1.0)}
    only = sample(Folder(path=path, classes="b"))
    assert {tuple(picture[:, 0, 0].tolist()) for picture in only} == {(-1.0, -1.0, 1.0)}
    with pytest.raises(DataError, match="There is no class “c” in these pictures: there are a, b, or all"):
        sample(Folder(path=path, classes="c"))


@pytest.mark.parametrize("files", [{"1.png": saved(plain())}, {f"{n}.png": saved(plain(BLUE)) for n in range(3)}])
def test_one_picture_and_pictures_of_one_colour_train(files: dict[str, bytes]) -> None:
    config = small({"kind": "folder", "path": keep([("a.zip", zipped(files))])}, "gan", steps=2)
    assert [snapshot.step for snapshot in train(config)] == [0, 1, 2]


@pytest.mark.parametrize("pixels", ["28", "32", "64"])
@pytest.mark.parametrize("colour", ["colour", "grey"])
def test_every_size_trains_with_the_networks_that_come_with_it(pixels: str, colour: str) -> None:
    config = small(with_data_here() | {"pixels": pixels, "colour": colour}, steps=1, n_critic=1)
    assert isinstance(config.generator, Dcgan)
    *_, last = train(config)
    assert last.step == 1
    assert config.dataset.shape == (3 if colour == "colour" else 1, int(pixels), int(pixels))


def with_data_here() -> dict[str, str]:
    return {"kind": "folder", "path": keep([("a.zip", zipped({f"{n}.png": saved(noise(n)) for n in range(4)}))])}


def test_a_number_of_pixels_may_be_a_number() -> None:
    config = TrainingConfig.parse({"dataset": {"kind": "folder", "pixels": 64}})
    assert config.dataset.shape == (3, 64, 64)
    with pytest.raises(ConfigError, match="one of 28, 32, 64"):
        TrainingConfig.parse({"dataset": {"kind": "folder", "pixels": 30}})


def test_a_config_of_pictures_stays_small() -> None:
    config = TrainingConfig.parse({"dataset": with_data_here() | {"classes": "all"}})
    assert len(config.to_url()) < 200
    assert TrainingConfig.parse(config.to_url()) == config


@pytest.mark.parametrize("path", ["", "sha256:" + "a" * 64])
def test_a_run_whose_pictures_are_gone_says_so(path: str) -> None:
    run = Run(small({"kind": "folder", "path": path}))
    run.start()
    wait_until(lambda: run.status == "failed")
    failure = run.lane_view().failure
    assert failure is not None
    assert ("Upload the same zip again" if path else "No pictures are chosen yet") in failure.message


def test_two_data_sets_of_the_same_pictures_share_them_in_memory() -> None:
    data = with_data_here()
    first, second = (TrainingConfig.parse({"dataset": data}).dataset for _ in range(2))
    assert isinstance(first, Folder)
    assert isinstance(second, Folder)
    sample(first)
    sample(second)
    assert first.items(CPU) is second.items(CPU)


@pytest.mark.slow
def test_the_command_line_reads_folders_from_where_it_stands_and_from_anywhere(
    allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WGAN_PICTURES", str(allowed / "set"))
    nets = ("--generator.base_channels", "4", "--critic.base_channels", "4")
    command = ("-m", "wgan_core", "train", "--dataset.kind", "folder", *nets, "--steps", "1", "--no-store")
    # Beside the folders that pages may use, from where the command stands.
    done = python(*command, "--dataset.path", os.path.relpath(allowed.parent / "secret", ROOT))
    assert done.returncode == 0, done.stderr
    done = python(*command, "--dataset.path", str(allowed / "nothing"))
    assert done.returncode == 1
    assert "There is no folder and no zip" in done.stdout + done.stderr
    # Below a folder that pages may use, from anywhere.
    assert main([*command[2:], "--dataset.path", "a"]) == 0


def test_the_pictures_of_the_other_tests_are_there() -> None:
    assert with_data("folder")["path"] == pictures_at_hand()
