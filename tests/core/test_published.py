"""Published sets of images: found where other tools left them, read without trust, and named when they are missing."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.core.helpers import FEW, cifar_files, idx_files, small, wait_until
from wgan_core import cli
from wgan_core.config import TrainingConfig
from wgan_core.datasets import Cifar10, DataError, FashionMnist, Mnist, Published, StackedMnist, cifar
from wgan_core.datasets.cifar import ArraysOnly
from wgan_core.datasets.fetching import Fetch
from wgan_core.datasets.idx import IdxDataset, parse_idx
from wgan_core.runs import Run

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(autouse=True)
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of a few images, no data anywhere."""
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    for cls in (Mnist, Cifar10):
        monkeypatch.setattr(cls, "counts", FEW)


# MNIST and its kin


@pytest.mark.parametrize("place", ["home/datasets/mnist", "home/datasets", "data/MNIST/raw", "data/mnist", "data"])
def test_mnist_is_found_where_torchvision_and_people_leave_it(place: str, tmp_path: Path) -> None:
    idx_files(tmp_path / place)
    found = Mnist(split="all").read()
    assert found.pixels.shape == (70, 1, 32, 32)
    raw = gzip.decompress((tmp_path / place / "train-images-idx3-ubyte.gz").read_bytes())[16:]
    assert found.pixels[:50, 0, 2:30, 2:30].numpy().tobytes() == raw
    assert int(found.pixels[:, :, :2].max()) == 0
    assert len(Mnist(split="test").read().pixels) == 20
    assert Mnist().read().labels.max() <= 9


def renamed_labels(folder: Path, cls: type[IdxDataset]) -> None:
    """Make the first labels those of a set; a file's check of itself stays right."""
    file = folder / "train-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(file.read_bytes()))
    content[8:18] = bytes(cls.starts["train"])
    file.write_bytes(gzip.compress(bytes(content)))


def test_files_of_the_same_names_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FashionMnist, "counts", FEW)
    for seed, (name, cls) in enumerate([("c", FashionMnist), ("d", Mnist)]):
        idx_files(tmp_path / name, seed=seed)
        renamed_labels(tmp_path / name, cls)
    monkeypatch.setenv("WGAN_DATA", os.pathsep.join([str(tmp_path / "c"), str(tmp_path / "d")]))
    raw = {name: gzip.decompress((tmp_path / name / "train-images-idx3-ubyte.gz").read_bytes())[16:] for name in "cd"}
    for dataset, name in ((Mnist(), "d"), (FashionMnist(split="train"), "c")):
        assert dataset.lacks() is None
        assert dataset.read().pixels[:, 0, 2:30, 2:30].numpy().tobytes() == raw[name]
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "c"))
    assert Mnist().lacks() == Mnist()
    with pytest.raises(DataError, match="MNIST: the files of its train split are not on this computer"):
        Mnist().read()
    assert FashionMnist(split="train").lacks() is None


def test_a_folder_of_data_may_have_a_colon_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idx_files(tmp_path / "on 1:1" / "mnist")
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "on 1:1"))
    assert Mnist().lacks() is None


def test_the_first_labels_of_the_set_that_comes_along_are_those_that_tell_it() -> None:
    assert tuple(FashionMnist().read().labels[:10].tolist()) == FashionMnist.starts["test"]


def test_unpacked_files_are_read_too(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "MNIST" / "raw"
    idx_files(folder)
    packed = Mnist().read()
    for file in list(folder.iterdir()):
        (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    assert torch.equal(Mnist().read().pixels, packed.pixels)


def test_a_class_holds_its_images_and_no_others(tmp_path: Path) -> None:
    idx_files(tmp_path / "data" / "mnist")
    whole = Mnist().read()
    seven = Mnist(classes="7").read()
    assert (seven.labels == 7).all()
    assert torch.equal(seven.pixels, whole.pixels[whole.labels == 7])
    assert TrainingConfig.parse({"dataset": {"kind": "mnist", "classes": 7}}).dataset == Mnist(classes="7")


@pytest.mark.parametrize("damage", ["cut", "html", "longer", "header", "bit", "bomb"])
def test_a_file_that_is_not_as_it_should_be_is_not_read_and_named(damage: str, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mnist"
    idx_files(folder)
    file = folder / "train-images-idx3-ubyte.gz"
    data = file.read_bytes()
    plain = gzip.decompress(data)
    file.write_bytes(
        {
            "cut": data[:-9],
            "html": b"<html>log in</html>",
            "longer": gzip.compress(plain + b"x"),
            "header": gzip.compress(plain[:8] + b"\0\0\0\x38\0\0\0\x0e" + plain[16:]),
            "bit": data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
            "bomb": gzip.compress(bytes(50_000_000)),
        }[damage]
    )
    with pytest.raises(DataError, match=r"Not as they should be, and so not read: .*train-images-idx3-ubyte.gz"):
        Mnist().read()
    # Another good copy is taken instead.
    idx_files(tmp_path / "data" / "MNIST" / "raw")
    assert len(Mnist().read().pixels) == 50


def test_labels_that_are_none_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mnist"
    idx_files(folder)
    file = folder / "train-labels-idx1-ubyte.gz"
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-1] + b"\x0a"))
    with pytest.raises(DataError, match="labels of its train split are not those of the set"):
        Mnist().read()


@given(data=st.binary(max_size=40), count=st.integers(0, 9))
def test_only_the_very_shape_is_parsed(data: bytes, count: int) -> None:
    found = parse_idx(data, (count,))
    assert found is None or (found.shape == (count,) and data.endswith(found.tobytes()))


def test_the_embedded_split_has_a_thousand_images_of_each_class() -> None:
    found = FashionMnist().read()
    assert torch.bincount(found.labels).tolist() == [1000] * 10
    trousers = FashionMnist(classes="Trouser")
    assert trousers.size == len(trousers.read().pixels) == 1000
    # Trousers are dark in the middle of the lowest rows, between the legs, and bags are not.
    gap = [FashionMnist(classes=name).read().pixels[:, 0, 26, 15:17].float().mean() for name in ("Trouser", "Bag")]
    assert gap[0] < gap[1] / 2


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_debians_fashion_mnist_is_found() -> None:
    found = FashionMnist(split="all").read()
    assert torch.bincount(found.labels).tolist() == [7000] * 10
    assert found.pixels.shape == (70_000, 1, 32, 32)


# CIFAR-10


PurePickler: Any = vars(pickle)["_Pickler"]


class Python2(PurePickler):  # type: ignore[misc]
    """Writes pickles as Python 2 did: all strings are bytes, and NumPy's modules have their old names."""

    dispatch = dict(PurePickler.dispatch)

    def save_string(self, value: str | bytes) -> None:
        data = value.encode() if isinstance(value, str) else value
        self.write(b"T" + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_string

    @classmethod
    def dumps(cls, content: object) -> bytes:
        file = io.BytesIO()
        cls(file, protocol=2).dump(content)
        return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def py_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pickled files of CIFAR-10 as Python 2 wrote them, of the same noise as the binary ones."""
    binary = folder.parent / "for-a-while"
    cifar_files(binary)
    folder.mkdir(parents=True)
    for file in list(binary.iterdir()):
        rows = np.frombuffer(file.read_bytes(), np.uint8).reshape(-1, 3073)
        content = {b"data": rows[:, 1:].copy(), b"labels": rows[:, 0].tolist(), b"batch_label": b"noise"}
        data = Python2.dumps(content)
        (folder / file.stem).write_bytes(data)
        monkeypatch.setitem(cifar.MD5, file.stem, hashlib.md5(data).hexdigest())
        file.unlink()
    binary.rmdir()


def tarred(folder: Path) -> None:
    """The folder as an archive beside it, instead of it."""
    name = {"cifar-10-batches-bin": "binary", "cifar-10-batches-py": "python"}[folder.name]
    with tarfile.open(folder.parent / f"cifar-10-{name}.tar.gz", "w:gz") as archive:
        archive.add(folder, folder.name)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
@pytest.mark.parametrize("form", ["bin", "py"])
def test_cifar_is_the_same_in_every_form(
    form: str, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cifar_files(tmp_path / "home" / "datasets" / "cifar10" / "cifar-10-batches-bin")
    expected = Cifar10(split="all").read()
    assert expected.pixels.shape == (70, 3, 32, 32)
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "other"))
    folder = tmp_path / "data" / f"cifar-10-batches-{form}"
    cifar_files(folder) if form == "bin" else py_files(folder, monkeypatch)
    if packed:
        tarred(folder)
    found = Cifar10(split="all").read()
    assert torch.equal(found.pixels, expected.pixels)
    assert torch.equal(found.labels, expected.labels)
    horses = Cifar10(classes="horse").read()
    assert torch.equal(horses.pixels, expected.pixels[:50][expected.labels[:50] == 7])


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return __import__("os").mkdir, ("evil",)


@pytest.mark.parametrize("known", [False, True], ids=["other-hash", "forged-hash"])
def test_no_pickle_runs_code(known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data" / "cifar-10-batches-py"
    py_files(folder, monkeypatch)
    data = pickle.dumps({b"data": Evil(), b"labels": []}, protocol=2)
    (folder / "data_batch_3").write_bytes(data)
    if known:
        monkeypatch.setitem(cifar.MD5, "data_batch_3", hashlib.md5(data).hexdigest())
    with pytest.raises(DataError, match=r"not read: .*cifar-10-batches-py"):
        Cifar10().read()
    assert not (tmp_path / "evil").exists()
    with pytest.raises(pickle.UnpicklingError, match="is not allowed"):
        ArraysOnly(io.BytesIO(data), encoding="bytes").load()


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_or_missing_batch_is_not_made_up_for(damage: bytes | None, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "cifar-10-batches-bin"
    cifar_files(folder)
    if damage is None:
        (folder / "data_batch_5.bin").unlink()
    else:
        (folder / "data_batch_5.bin").write_bytes(damage)
    with pytest.raises(DataError, match="CIFAR-10: the files of its train split"):
        Cifar10().read()
    assert len(Cifar10(split="test").read().pixels) == 20


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cifar-10-python.tar.gz").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"so not read: .*cifar-10-python.tar.gz"):
        Cifar10().read()


# What is missing


@pytest.mark.parametrize("dataset", [Mnist(), Cifar10(), Mnist(split="test")])
def test_a_missing_set_is_named_with_its_files_and_what_to_do(
    dataset: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgan_core.datasets.images._shared", WeakValueDictionary())  # what other tests still hold
    run = Run(small(dataset.model_dump(), "gan"))
    run.start()
    wait_until(lambda: run.status == "failed")
    failure = run.lane_view().failure
    assert failure is not None
    for file in dataset.files[dataset.splits[0]]:
        assert f"{file.name} ({file.size:,} bytes, md5 {file.md5})" in failure.message
    assert f"“python -m wgan_core fetch {dataset.kind}”" in failure.message
    assert f"put them into {tmp_path / 'home' / 'datasets' / dataset.kind}" in failure.message
    assert "Fashion-MNIST's 10,000 test images come with this software." in failure.message


def test_sizes_are_those_of_the_published_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [cls(split=split).size for cls in (Mnist, FashionMnist, Cifar10) for split in ("train", "test", "all")] == [
        *(60_000, 10_000, 70_000),
        *(60_000, 10_000, 70_000),
        *(50_000, 10_000, 60_000),
    ]
    assert (Cifar10(classes="horse").size, Mnist(classes="1").size) == (5_000, None)


def test_fetched_files_are_those_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command, without a network: the files are there already."""
    idx_files(Mnist.folder())
    monkeypatch.setattr("wgan_core.datasets.fetching.RemoteFile.is_at", lambda _, place: place.is_file())
    assert cli.main(["fetch", "mnist"]) == 0
    assert f"MNIST is in {Mnist.folder()}." in capsys.readouterr().out
    assert len(Mnist(split="all").read().pixels) == 70


def test_without_a_network_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(job: Fetch) -> None:
        job.problem, job.state = "train.gz could not be fetched.", "failed"

    monkeypatch.setattr(Fetch, "_work", fails)
    assert cli.main(["fetch", "cifar10"]) == 1
    said = capsys.readouterr().err
    assert "error: CIFAR-10: train.gz could not be fetched." in said
    assert "Fashion-MNIST's 10,000 test images come with this software." in said


def test_a_set_says_whether_its_files_are_here(tmp_path: Path) -> None:
    missing: list[Published] = [Mnist(), Mnist(split="all"), Cifar10(split="test")]
    assert [one.lacks() for one in missing] == missing
    assert FashionMnist().lacks() is None
    assert StackedMnist(of="mnist", split="test").lacks() == Mnist(split="test")
    assert StackedMnist(of="fashion-mnist").lacks() is None
    assert [file.name for file in Mnist(split="all").wanted()][:2] == [
        f"train-{x}-ubyte.gz" for x in ("images-idx3", "labels-idx1")
    ]
    assert len(Cifar10(split="all").wanted()) == 1
    idx_files(tmp_path / "data" / "mnist")
    cifar_files(tmp_path / "data" / "cifar10" / "cifar-10-batches-bin")
    assert [one.lacks() for one in missing] == [None, None, None]
    (tmp_path / "data" / "mnist" / "train-labels-idx1-ubyte.gz").unlink()
    assert Mnist().lacks() == Mnist()
    assert Mnist(split="test").lacks() is None
