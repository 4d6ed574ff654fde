"""Pictures as cameras, phones, browsers and other programs write them: intact pixels are used, whatever stands beside them."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from tests.core.helpers import CPU, ROOT, rng
from tests.core.test_pictures import GREY, RED, STYLE, chunk, home, mean, noise, plain, saved, zipped
from wgan_core import cli
from wgan_core.datasets.pictures import Folder, keep, pictures, pixels, scan
from wgan_core.datasets.pictures import decode as decoding
from wgan_core.datasets.pictures.bare import bare
from wgan_core.datasets.pictures.decode import MOST, MOST_JPEG, NO_METADATA, TURNS, Undecodable, decode
from wgan_core.datasets.pictures.pixels import Style, Unusable

__all__ = ["home"]  # each test keeps its pictures in a folder of its own

INPUTS = ROOT / "tests" / "fixtures" / "inputs"


def read(path: str | Path) -> bytes:
    return (INPUTS / path).read_bytes()


def warnings_of(data: bytes, style: Style = STYLE) -> list[str]:
    said: list[str] = []
    decode(data, style, said.append)
    return said


# Metadata


@pytest.mark.parametrize(
    ("name", "turn", "warned"),
    [
        ("exif-8965.jpg", 6, []),
        ("exif-software-float.jpg", 6, []),
        ("pillow5528.png", 1, [NO_METADATA]),
        ("png-zTXt-1.3MB-before-IDAT.png", 1, [NO_METADATA]),
    ],
)
@pytest.mark.parametrize("style", [STYLE, Style(64, 3, "pad"), GREY])
def test_pixels_beside_odd_metadata_are_those_of_the_picture_alone(
    name: str, turn: int, warned: list[str], style: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, said = decode(read(name), style), warnings_of(read(name), style)
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", 10_000_000)
    with Image.open(INPUTS / name) as image:
        image.load()
        alone = Image.fromarray(np.asarray(image.convert("RGB")))
    assert alone.size == (60, 40)
    upright = alone.transpose(TURNS[turn]) if turn in TURNS else alone
    np.testing.assert_array_equal(found, decode(saved(upright), style))
    assert said == warned


XMP, MAKE, MPF, JFIF, DPI = 700, 271, b"MPF\0", b"JFIF", 0x11A


def tiff(tag: int, kind: int, count: int, value: int, order: str = "<") -> bytes:
    """A grey TIFF of 8 × 8 pixels from 0 to 63, with one more tag."""
    rows = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 134)]
    rows += [(277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64), (tag, kind, count, value)]
    entries = [
        struct.pack(f"{order}HHI", *row[:3])
        + struct.pack(f"{order}{'HH' if row[1] == 3 else 'I'}", *row[3:], *[0] * (row[1] == 3))
        for row in sorted(rows)
    ]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return head + b"".join(entries) + bytes(4) + bytes(range(64))


def jpeg(marker: int, content: bytes) -> bytes:
    """A JPEG of 16 × 16 red pixels with one more segment before the others."""
    whole = saved(plain(RED, (16, 16)), "JPEG")
    return whole[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + whole[2:]


def png(*between: bytes, late: Sequence[bytes] = ()) -> bytes:
    """A PNG of 16 × 16 red pixels with chunks before and after its pixels."""
    whole = saved(plain(RED, (16, 16)))
    return whole[:33] + b"".join(between) + whole[33:-12] + b"".join(late) + whole[-12:]


LONG = zlib.compress(bytes(2_000_000))
EXIF_OF_NO_RESOLUTION = b"Exif\0\0II*\0" + struct.pack("<IHHHIIHHII", 8, 2, 0x128, 12, 1, 6, DPI, 7, 1, 65536)
ODD = {
    "long text first": png(chunk(b"zTXt", b"Comment\0\0" + LONG)),
    "long text last": png(late=[chunk(b"zTXt", b"Comment\0\0" + LONG)]),
    "long international text": png(chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG)),
    "long profile": png(chunk(b"iCCP", b"name\0\0" + LONG)),
    "a profile that is none": png(chunk(b"iCCP", b"name\0\0no")),
    "texts that are many": png(*[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))] * 70),
    "an animation of no frames": png(chunk(b"acTL", b"")),
    "a resolution that is none": png(chunk(b"pHYs", b"no")),
    "a short JFIF": jpeg(0xE0, JFIF),
    "a short Adobe": jpeg(0xEE, b"Adobe"),
    "an EXIF of no resolution": jpeg(0xE1, EXIF_OF_NO_RESOLUTION + bytes(40)),
    "an index of no pictures": jpeg(0xE2, MPF + b"II*\0\x08\0\0\0\0"),
    "an XMP of numbers": tiff(XMP, 5, 2, 8),
    "an XMP of numbers, backwards": tiff(XMP, 5, 2, 8, ">"),
    "a maker that is a matrix": tiff(MAKE, 7, 5, 65_536),
    "an EXIF that lies nowhere": tiff(34_665, 4, 1, 2**31),
}


@pytest.mark.parametrize("name", ODD)
def test_metadata_that_cannot_be_read_are_passed_over(name: str) -> None:
    found = decode(ODD[name], Style(28, 1, "crop"))
    if ODD[name][:2] in (b"II", b"MM"):
        ramp = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
        np.testing.assert_array_equal(found, decode(saved(ramp), Style(28, 1, "crop")))
    else:
        np.testing.assert_allclose(mean(found), [76], atol=1)


def test_the_camera_s_rotation_outlives_texts_that_cannot_be_read() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = noise(size=(32, 32))
    data = saved(upright.transpose(Image.Transpose.ROTATE_90), exif=exif)
    odd = data[:33] + chunk(b"zTXt", b"Comment\0\0" + LONG) + data[33:]
    np.testing.assert_array_equal(decode(odd, STYLE), decode(saved(upright), STYLE))


@given(data=st.binary(max_size=60), at=st.integers(0), which=st.sampled_from(sorted(ODD)))
@settings(max_examples=60)
def test_what_breaks_off_is_stripped_of_what_can_be_followed(data: bytes, at: int, which: str) -> None:
    whole = ODD[which]
    at %= len(whole)
    for broken in (whole[:at] + data, data):
        assert isinstance(bare(broken), bytes)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (saved(noise(), "TIFF")[:-700], "damaged, or of a kind that is not read here"),
        (saved(noise())[:20], "damaged or cut off"),
        (
            saved(noise(), "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
            "of a kind that is not read here",
        ),
        (b"\0\0\0\x18ftypheic", "not a picture, or none that is read here"),
        (saved(Image.fromarray(np.array([[1, np.nan]], np.float32)), "TIFF"), "numbers that are not all finite"),
    ],
    ids=["cut TIFF", "cut header", "JPEG of 12 bits", "HEIC", "no number"],
)
def test_the_reason_is_the_true_one(data: bytes, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        decode(data, STYLE)


def test_a_lack_of_memory_is_not_called_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decoding, "plain", full)
    with pytest.raises(Undecodable, match="too large for the memory that is free"):
        decode(saved(plain()), STYLE)


# Modes


@pytest.mark.parametrize(
    ("values", "byte", "warned"),
    [
        ([0, 0.5, 1], [0, 128, 255], ["made of floating point numbers, of which 1 was taken for white"]),
        ([0, 100, 255], [0, 100, 255], ["made of floating point numbers, of which 255 was taken for white"]),
        ([0, 25_700, 65_535], [0, 100, 255], ["made of floating point numbers, of which 65,535 was taken for white"]),
        ([-1, 0, 1], [0, 128, 255], [pixels.STRETCHED]),
    ],
)
def test_floating_point_numbers_become_bytes_with_a_warning(
    values: list[float], byte: list[int], warned: list[str]
) -> None:
    data = saved(
        Image.fromarray(np.repeat(np.array(values, np.float32), 28).reshape(-1, 28).repeat(28, 0)[::28]), "TIFF"
    )
    found = decode(data, Style(28, 1, "pad"))
    assert set(byte) <= {int(value) for value in np.unique(found)}
    assert warnings_of(data, Style(28, 1, "pad")) == warned


def test_whole_numbers_beyond_sixteen_bits_are_stretched_with_a_warning() -> None:
    data = saved(
        Image.fromarray(np.array([[0, 1_000_000], [500_000, 1_000_000]], np.int32).repeat(14, 0).repeat(14, 1)), "TIFF"
    )
    found = decode(data, Style(28, 1, "crop"))
    assert [int(found[0, at, 0]) for at in (0, 27)] == [0, 128]
    assert warnings_of(data, Style(28, 1, "crop")) == [pixels.STRETCHED]


MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
    "WEBP": ("L", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"),
}
TAKES = {"PNG": {"exif", "icc_profile", "pnginfo"}, "JPEG": {"exif", "icc_profile", "comment"}, "GIF": {"comment"}}
TAKES |= {"WEBP": {"exif", "icc_profile", "xmp"}, "TIFF": {"exif", "icc_profile"}, "BMP": set()}
garbage = st.builds(
    lambda head, rest: head + rest,
    st.sampled_from(
        [b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\x02\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x02", b"\0\x08\0\x02\x01\x12"]
    ),
    st.binary(max_size=80),
)


def of_mode(mode: str, seed: int) -> Image.Image:
    """A picture of noise, 32 × 32 pixels."""
    numbers = np.random.default_rng(seed)
    if mode == "I;16":
        return Image.fromarray(numbers.integers(0, 65_536, (32, 32), np.uint16))
    if mode in ("I", "F"):
        return Image.fromarray(numbers.normal(0, 1e5, (32, 32)).astype(np.int32 if mode == "I" else np.float32))
    if mode == "LAB":
        return Image.frombytes("LAB", (32, 32), numbers.bytes(32 * 32 * 3))
    found = Image.fromarray(numbers.integers(0, 256, (32, 32, 4), np.uint8))
    if mode == "P":
        found = found.convert("RGB").quantize(16)
        if seed % 2:
            found.info["transparency"] = 3
        return found
    return found.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr") else found.convert(mode)


def with_metadata(form: str, image: Image.Image, turn: int, exif: bytes, text: bytes) -> bytes:
    """The picture as a file, with as much beside it as the format takes."""
    beside: dict[str, object] = {}
    if turn:
        beside["exif"] = Image.Exif()
        beside["exif"][0x0112] = turn  # type: ignore[index]
    elif form != "TIFF":
        beside["exif"] = exif
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text.decode("latin-1").replace("\0", " "), zip=True)
    info.add_itxt("Title", text.hex())
    beside |= {"icc_profile": text, "pnginfo": info, "comment": text[:200], "xmp": text}
    return saved(image, form, **{name: value for name, value in beside.items() if name in TAKES[form] and value})


@given(
    which=st.sampled_from([(form, mode) for form, modes in MODES.items() for mode in modes]),
    seed=st.integers(0, 99),
    turn=st.integers(0, 8),
    exif=garbage,
    text=st.binary(max_size=300),
)
@example(which=("PNG", "P"), seed=1, turn=0, exif=b"\0", text=b"a" * 1_500_000)
@settings(max_examples=150, deadline=None)
def test_every_picture_that_can_be_written_and_read_is_used(
    which: tuple[str, str], seed: int, turn: int, exif: bytes, text: bytes
) -> None:
    form, mode = which
    image = of_mode(mode, seed)
    alone = Image.fromarray(decode(saved(image, form), STYLE).transpose(1, 2, 0))
    found = decode(with_metadata(form, image, turn, exif, text), STYLE)
    turned = {number: alone.transpose(how) for number, how in TURNS.items()} | {0: alone, 1: alone}
    # Bytes at random are hardly ever a rotation, but may be one.
    possible = [turned[turn]] if turn and "exif" in TAKES[form] else turned.values()
    assert any((found == np.asarray(one).transpose(2, 0, 1)).all() for one in possible)


# Memory


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "F", "I"])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_large_picture_shrinks_tile_by_tile_to_what_it_would_be_at_once(
    mode: str, fit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = Style(28, 3, fit)  # type: ignore[arg-type]
    image = of_mode(mode, 0).resize((700, 470), Image.Resampling.NEAREST)
    data = saved(image, "TIFF" if mode in ("F", "I") else "PNG")
    at_once = decode(data, style).astype(int)
    monkeypatch.setattr(pixels, "LARGE_PIXELS", 1000)
    monkeypatch.setattr(pixels, "TILE", 50)
    by_tile = decode(data, style).astype(int)
    assert abs(by_tile - at_once).mean() < 8
    assert abs(by_tile.mean() - at_once.mean()) < 2


def claimed(form: str, megapixels: int, **options: object) -> bytes:
    """A file whose header claims so many megapixels."""
    data = saved(plain(RED, (16, 16)), form, **options)
    wide = 1000 * megapixels
    if form == "PNG":
        head = struct.pack(">IIBBBBB", wide, 1000, 8, 2, 0, 0, 0)
        return data[:8] + chunk(b"IHDR", head) + data[33:]
    at = data.index(b"\xff\xc2" if options else b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", 100 * megapixels, 10_000) + data[at + 4 :]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (claimed("PNG", MOST + 1), "larger than 50 megapixels; save it smaller, or as an ordinary JPEG of up to 80"),
        (claimed("JPEG", MOST + 1, progressive=True), "larger than 50 megapixels"),
        (claimed("JPEG", MOST_JPEG + 1), "larger than 80 megapixels; save it smaller$"),
        (saved(plain(RED, (5001, 4000)), "WEBP", method=0), "larger than 20 megapixels"),
    ],
    ids=["PNG", "progressive JPEG", "JPEG", "WebP"],
)
def test_pictures_that_would_take_much_memory_are_refused_by_their_header(
    data: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "plain", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(Unusable, match=why):
        decode(data, STYLE)


PEAK = """
import sys
from pathlib import Path
from wgan_core.datasets.pictures.decode import decode
from wgan_core.datasets.pictures.pixels import Style

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024

data = Path(sys.argv[1]).read_bytes()
before = peak()
print(decode(data, Style(32, 3, "crop"))[:, 16, 16].tolist(), peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak")
@pytest.mark.parametrize(("form", "most"), [("PNG", 260), ("JPEG", 60)])
def test_a_picture_of_49_megapixels_takes_little_memory(form: str, most: int, tmp_path: Path) -> None:
    place = tmp_path / "large"
    place.write_bytes(
        saved(
            plain((200, 100, 50, 255)[: 4 if form == "PNG" else 3], (7000, 7000), "RGBA" if form == "PNG" else "RGB"),
            form,
        )
    )
    done = subprocess.run([sys.executable, "-c", PEAK, place], cwd=ROOT, capture_output=True, text=True, check=True)
    *color, megabytes = (int(word.strip("[],")) for word in done.stdout.split())
    np.testing.assert_allclose(color, (200, 100, 50), atol=3)
    assert megabytes < most


def test_only_so_many_are_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now, most, free = [0], [0], threading.Lock()
    real = pixels.plain

    def counted(*given: object) -> Image.Image:
        with free:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.02)
        with free:
            now[0] -= 1
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(decoding, "plain", counted)
    threads = [threading.Thread(target=decode, args=(saved(plain()), STYLE)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [decoding.AT_ONCE]


# Names


@pytest.mark.parametrize(
    ("name", "count", "classes"),
    [
        ("screenshots-colon.zip", 2, ()),
        ("macos-utf8-noflag.zip", 2, ("Café", "Zürich")),
        ("dotnet-empty-dir.zip", 2, ("cats", "dogs")),
    ],
)
def test_a_zip_of_other_systems_is_read_whole(name: str, count: int, classes: tuple[str, ...]) -> None:
    found = pictures(keep([(name, read(name))]), STYLE)
    assert len(found.images.pixels) == count
    assert found.images.classes == classes
    assert (found.left_out, found.warned) == ((), ())
    with zipfile.ZipFile(INPUTS / name) as archive:
        first = next(info for info in archive.infolist() if info.file_size > 1000)
        np.testing.assert_array_equal(found.images.pixels[0].numpy(), decode(archive.read(first), STYLE))


def test_a_class_is_found_by_its_name_however_its_letters_are_composed() -> None:
    path = keep([("a.zip", read("macos-utf8-noflag.zip"))])
    for name in ("Café", "Cafe\N{COMBINING ACUTE ACCENT}"):
        assert len(Folder(path=path, classes=name).read().pixels) == 1


def test_names_of_the_first_pc_stay_what_they_were() -> None:
    raw = zipped({f"{letter}/1.png": saved(plain()) for letter in "XY"})
    found = pictures(keep([("a.zip", raw.replace(b"X/1.png", b"\x81/1.png"))]), STYLE)
    assert found.images.classes == ("Y", "ü")


COLONS = ["21:37:54.png", "a:b.png", "12:30/1.png", "x/C:/2.png"]


def test_a_colon_is_a_letter_of_a_name_in_a_zip_in_a_folder_and_of_loose_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: saved(noise(number)) for number, name in enumerate(COLONS)}
    root = tmp_path / "at 21:37"
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    monkeypatch.setenv("WGAN_PICTURES", str(root.parent))
    paths = [keep([("a.zip", zipped(files))]), keep(list(files.items())), root.name]
    monkeypatch.setenv("WGAN_PICTURES", str(root))
    for path in [*paths[:2], str(root)]:
        found = pictures(path, STYLE)
        assert (len(found.images.pixels), found.left_out) == (4, ())
    monkeypatch.setenv("WGAN_PICTURES", str(root.parent))
    assert len(pictures(paths[2], STYLE).images.pixels) == 4


# What is said of them


ODDLY = {
    "a/pillow5528.png": "pillow5528.png",
    "b/long.png": "png-zTXt-1.3MB-before-IDAT.png",
    "b/turned.jpg": "exif-8965.jpg",
}


def oddly() -> str:
    """The path of an upload of three pictures, two with a warning, and of one file that is no picture."""
    return keep([("odd.zip", zipped({name: read(source) for name, source in ODDLY.items()} | {"b/no.png": b"no"}))])


def test_warnings_are_kept_with_the_pictures() -> None:
    for _ in range(2):  # read, and read from what was kept
        found = pictures(oddly(), STYLE)
        assert found.counts == {"a": 1, "b": 2}
        assert found.warned == (scan.Remark(NO_METADATA, 2, ("a/pillow5528.png", "b/long.png")),)
        assert [one.examples for one in found.left_out] == [("b/no.png",)]


@pytest.mark.slow
def test_the_command_line_says_what_was_left_out_and_warns(capsys: pytest.CaptureFixture[str]) -> None:
    nets = ["--generator.base_channels", "4", "--critic.base_channels", "4"]
    given = ["--dataset.kind", "folder", "--dataset.path", oddly(), *nets, "--steps", "1", "--no-store"]
    assert cli.main(["train", *given]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: left out: 1 not a picture, or none that is read here (JPEG, PNG, WebP, BMP, TIFF or GIF): b/no.png",
        f"note: 2 {NO_METADATA}: a/pillow5528.png, b/long.png",
    ]


def test_a_sample_is_what_was_decoded() -> None:
    path = keep([("a.jpg", read("exif-8965.jpg"))])
    dataset = Folder(path=path)
    sample = dataset.sample(1, rng(), CPU)
    np.testing.assert_allclose((sample[0].numpy() + 1) * 127.5, decode(read("exif-8965.jpg"), STYLE), atol=1e-3)
