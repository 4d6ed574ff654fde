"""CIFAR-10, in any of the forms in which it is published, without running what a pickle may hold."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any, ClassVar, Literal

import numpy as np

from wgan_core.datasets.fetching import RemoteFile
from wgan_core.datasets.images import ALL
from wgan_core.datasets.published import Bytes, Published, Split
from wgan_core.schema import knob

PIXELS = 3 * 32 * 32
# A batch has 30.7 MB.
MAX_BYTES = 40_000_000
BATCHES: dict[Split, tuple[str, ...]] = {
    "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
    "test": ("test_batch",),
}
# Of the files of the Python version, as torchvision has them.
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
ARCHIVE = RemoteFile(
    "cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    170_498_071,
    (
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "http://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
)


class Cifar10(Published):
    """Photographs of animals and vehicles, 32 × 32 pixels in colour."""

    label: ClassVar = "CIFAR-10"
    source: ClassVar = "Krizhevsky 2009"
    counts: ClassVar = {"train": 50_000, "test": 10_000}
    names: ClassVar = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    files: ClassVar = {"train": (ARCHIVE,), "test": (ARCHIVE,)}
    places: ClassVar = ("cifar10", ".")

    kind: Literal["cifar10"] = "cifar10"
    classes: Literal[
        "all", "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
    ] = knob(ALL, "Class", "all, or one kind of thing.")

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 32, 32)

    def lies(self, split: Split) -> bool:
        return any(place.exists() for folder in self.folders() for _, place in _forms(folder))

    def part(self, split: Split) -> tuple[Bytes, Bytes]:
        names = BATCHES[split]
        count = self.counts[split] // len(names)
        damaged = []
        for folder in self.folders():
            for form, place in _forms(folder):
                files = _read(place, [name + (".bin" if form == "bin" else "") for name in names])
                if files is None:
                    continue
                batches = [_batch(form, name, data, count) for name, data in zip(names, files, strict=True)]
                whole = [batch for batch in batches if batch is not None]
                if len(whole) == len(names):
                    images, labels = (np.concatenate([batch[i] for batch in whole]) for i in range(2))
                    return images.reshape(-1, *self.shape), labels
                damaged.append(place)
        raise self.absent(split, damaged)


def _forms(folder: Path) -> list[tuple[str, Path]]:
    """The forms that may lie in a folder: binary or pickled, unpacked or as they are fetched."""
    return [
        ("bin", folder / "cifar-10-batches-bin"),
        ("py", folder / "cifar-10-batches-py"),
        ("bin", folder / "cifar-10-binary.tar.gz"),
        ("py", folder / "cifar-10-python.tar.gz"),
    ]


def _read(place: Path, names: list[str]) -> list[bytes] | None:
    """The files of these names in a folder or a tar, empty where one cannot be read; None where there is no such place."""
    found: dict[str, bytes] = {}
    try:
        if place.is_dir():
            for name in names:
                with (place / name).open("rb") as file:
                    found[name] = file.read(MAX_BYTES)
        elif place.is_file():
            # Read in one go and by name: nothing is unpacked to the disk.
            with tarfile.open(place, "r|gz") as archive:
                for member in archive:
                    name = member.name.rpartition("/")[2]
                    if name in names and member.isfile() and (content := archive.extractfile(member)) is not None:
                        found[name] = content.read(MAX_BYTES)
        else:
            return None
    except (OSError, tarfile.TarError, EOFError, zlib.error):
        pass  # said by what is missing then
    return [found.get(name, b"") for name in names]


def _batch(form: str, name: str, data: bytes, count: int) -> tuple[Bytes, Bytes] | None:
    """Images (n, 3072) and labels (n,) of a file, if it is as it should be."""
    if form == "bin":
        if len(data) != count * (1 + PIXELS):
            return None
        rows = np.frombuffer(data, np.uint8).reshape(count, 1 + PIXELS)
        images, labels = rows[:, 1:], rows[:, 0]
    else:
        if hashlib.md5(data, usedforsecurity=False).hexdigest() != MD5[name]:
            return None
        try:
            content = ArraysOnly(io.BytesIO(data), encoding="bytes").load()
            images, labels = np.asarray(content[b"data"]), np.asarray(content[b"labels"]).astype(np.uint8)
        except Exception:  # a pickle that is not what it should be can raise anything
            return None
    good = images.shape == (count, PIXELS) and images.dtype == np.uint8 and labels.shape == (count,)
    return (images, labels) if good and labels.max() < 10 else None


class ArraysOnly(pickle.Unpickler):
    """Reads pickles of numbers, bytes, lists, dictionaries and arrays, and refuses everything else.

    MD5 can be forged, so what a pickle asks for is not granted because of it.
    """

    def __init__(self, file: IO[bytes], *, encoding: str) -> None:
        super().__init__(file, encoding=encoding)

    def find_class(self, module: str, name: str) -> Any:
        asked = module.replace("numpy.core.", "numpy._core."), name
        if asked == ("numpy._core.multiarray", "_reconstruct"):
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if asked == ("numpy", "ndarray"):
            return np.ndarray
        if asked == ("numpy", "dtype"):
            return np.dtype
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
