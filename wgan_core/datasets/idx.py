"""The IDX format of MNIST and its kin, and the two sets that come in it.

Source of the format: LeCun, Cortes, Burges, the MNIST database of handwritten digits.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from wgan_core.datasets.base import DataError
from wgan_core.datasets.fetching import RemoteFile
from wgan_core.datasets.images import ALL
from wgan_core.datasets.published import Bytes, Published, Split
from wgan_core.host import ASSETS
from wgan_core.schema import knob
from wgan_core.schema.script import Snippet

PREFIX: dict[Split, str] = {"train": "train", "test": "t10k"}
SIDE = 28
# More than any of these files has.
MAX_BYTES = 60_000_000


def parse_idx(data: bytes, shape: tuple[int, ...]) -> Bytes | None:
    """The array in the bytes of an IDX file, if it has this very shape, and nothing before or after.

    Examples
    --------
    >>> parse_idx(b"\\0\\0\\x08\\x01" + b"\\0\\0\\0\\x02" + b"\\x07\\x09", (2,)).tolist()
    [7, 9]
    >>> parse_idx(b"<html>", (2,)) is None
    True
    """
    head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    if len(data) != len(head) + math.prod(shape) or not data.startswith(head):
        return None
    return np.frombuffer(data, np.uint8, offset=len(head)).reshape(shape)


def find_idx(name: str, shape: tuple[int, ...], folder: Path) -> tuple[Bytes | None, list[Path]]:
    """Look in a folder for an IDX file of this shape, packed or not, and for files of its name that are something else."""
    damaged: list[Path] = []
    for place in (folder / f"{name}.gz", folder / name):
        try:
            if place.stat().st_size > MAX_BYTES:
                raise ValueError
            data = place.read_bytes()
            found = parse_idx(_unpacked(data, math.prod(shape) + 64) if place.suffix == ".gz" else data, shape)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError, zlib.error):
            found = None
        if found is not None:
            return found, damaged
        damaged.append(place)
    return None, damaged


def _unpacked(data: bytes, most: int) -> bytes:
    """What a gzip holds, checked by its own checksum; ValueError where it goes on or breaks off."""
    stream = zlib.decompressobj(wbits=31)
    found = stream.decompress(data, most)
    if not stream.eof:
        raise ValueError
    return found


class IdxDataset(Published):
    """Grey images of 28 × 28 pixels, padded to 32 × 32 with black."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 32, 32)

    starts: ClassVar[dict[Split, tuple[int, ...]]] = {}
    """The first labels of each split. The files of these sets have the same names: only what is in them tells them apart."""

    def lies(self, split: Split) -> bool:
        names = _names(split)
        return any(
            all(any((at / f"{name}{end}").is_file() for end in (".gz", "")) for name in names)
            and not self._is_another(split, find_idx(names[1], (self.counts[split],), at)[0])
            for at in self.folders()
        )

    def part(self, split: Split) -> tuple[Bytes, Bytes]:
        count, damaged = self.counts[split], []
        of_images, of_labels = _names(split)
        # Both from one folder, so that no images get the labels of others.
        for folder in self.folders():
            labels, bad_labels = find_idx(of_labels, (count,), folder)
            if self._is_another(split, labels):
                continue
            found, bad = find_idx(of_images, (count, SIDE, SIDE), folder)
            damaged += bad + bad_labels
            if found is None or labels is None:
                continue
            if labels.max() >= len(self.names):
                raise DataError(f"{self.label}: the labels of its {split} split are not those of the set.")
            return found[:, None], labels
        raise self.absent(split, damaged)

    @classmethod
    def _is_another(cls, split: Split, labels: Bytes | None) -> bool:
        """Whether these are the labels of another set of this form."""
        others = [kind.starts[split] for kind in IdxDataset.__subclasses__() if kind is not cls]
        return labels is not None and any(tuple(labels[: len(start)].tolist()) == start for start in others)


def _names(split: Split) -> tuple[str, str]:
    return f"{PREFIX[split]}-images-idx3-ubyte", f"{PREFIX[split]}-labels-idx1-ubyte"


FASHION_IMAGES = ASSETS / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
FASHION_SHA256 = "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"
FASHION_LABELS = ASSETS / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz"
FASHION_LABELS_SHA256 = "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05"
FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)
MNIST_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")


def _remote(mirrors: tuple[str, ...], name: str, size: int, md5: str) -> RemoteFile:
    return RemoteFile(name, md5, size, tuple(mirror + name for mirror in mirrors))


TEST_IMAGES = '''\
# The images are not in this script, and it downloads nothing. The file t10k-images-idx3-ubyte.gz is in data/fashion of
# https://github.com/zalandoresearch/fashion-mnist (and in assets/fashion-mnist of WGAN Live).
with gzip.open(args.images) as file:
    pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
images = nn.functional.pad(torch.tensor(pixels), (2, 2, 2, 2)).to(device)


def draw_real(n):
    """Images of 32 × 32 pixels from −1 to 1."""
    which = torch.randint(len(images), (n,), generator=real_rng, device=device)
    return images[which].float() * (2 / 255) - 1
'''
TEST_LABELS = """\
with gzip.open(args.labels) as file:
    classes = torch.tensor(np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)).to(device)"""
FILE = 'parser.add_argument("{name}", help="the test {name} of Fashion-MNIST, t10k-{file}-ubyte.gz")'


class FashionMnist(IdxDataset):
    """Articles of clothing. The 10,000 test images come with this software."""

    label: ClassVar = "Fashion-MNIST"
    source: ClassVar = "Xiao, Rasul, Vollgraf 2017"
    names: ClassVar = (
        "T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    # As torchvision has them.
    files: ClassVar = {
        "train": (
            _remote(FASHION_MIRRORS, "train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            _remote(FASHION_MIRRORS, "train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
        ),
        "test": (),
    }
    places: ClassVar = ("fashion-mnist", "FashionMNIST/raw", ".")
    starts: ClassVar = {
        "train": (9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
        "test": (9, 2, 1, 1, 6, 1, 4, 6, 5, 7),
    }
    fallback: ClassVar = "The 10,000 test images come with this software: choose the split test."

    kind: Literal["fashion-mnist"] = "fashion-mnist"
    split: Literal["test", "train", "all"] = knob(
        "test", "Split", "test is 10,000 images that come with this software, train 60,000 more, all both."
    )
    classes: Literal[
        "all", "T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
    ] = knob(ALL, "Class", "all, or one kind of article.")

    @classmethod
    def folders(cls) -> list[Path]:
        # Debian's package dataset-fashion-mnist
        return [*super().folders(), Path("/usr/share/datasets/fashion-mnist")]

    def lies(self, split: Split) -> bool:
        return split == "test" or super().lies(split)

    def part(self, split: Split) -> tuple[Bytes, Bytes]:
        if split == "train":
            return super().part(split)
        images = read_idx_images(FASHION_IMAGES, FASHION_SHA256)
        return images[:, None], _embedded(FASHION_LABELS, FASHION_LABELS_SHA256, (self.counts["test"],))

    def script(self) -> Snippet:
        if self != FashionMnist():  # more than the file with the test images
            return super().script()
        return Snippet(TEST_IMAGES, argument=FILE.format(name="images", file="images-idx3"))

    def script_of_classes(self) -> Snippet:
        if self != FashionMnist():
            return super().script_of_classes()
        return Snippet(TEST_LABELS, argument=FILE.format(name="labels", file="labels-idx1"))


class Mnist(IdxDataset):
    """Handwritten digits."""

    label: ClassVar = "MNIST"
    source: ClassVar = "LeCun, Bottou, Bengio, Haffner 1998"
    names: ClassVar = tuple("0123456789")
    even: ClassVar = False
    # Hashes as torchvision has them, sizes from the set's own page.
    files: ClassVar = {
        "train": (
            _remote(MNIST_MIRRORS, "train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            _remote(MNIST_MIRRORS, "train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
        ),
        "test": (
            _remote(MNIST_MIRRORS, "t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            _remote(MNIST_MIRRORS, "t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
    }
    places: ClassVar = ("mnist", "MNIST/raw", ".")
    starts: ClassVar = {
        "train": (5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
        "test": (7, 2, 1, 0, 4, 1, 4, 9, 5, 9),
    }

    kind: Literal["mnist"] = "mnist"
    classes: Literal["all", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] = knob(ALL, "Class", "all, or one digit.")


def read_idx_images(path: Path, sha256: str) -> Bytes:
    """Read the embedded images after checking their hash: uint8, shape (10000, 28, 28).

    Raises
    ------
    DataError
        The file is missing or is not the one that the hash names.
    """
    return _embedded(path, sha256, (10_000, SIDE, SIDE))


def _embedded(path: Path, sha256: str, shape: tuple[int, ...]) -> Bytes:
    if not path.is_file():
        raise DataError(
            f"The file {path.name} is missing from {path.parent}. Get it back from a fresh copy of WGAN Live."
        )
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise DataError(
            f"The file {path.name} in {path.parent} is damaged: its sha256 is {found[:16]}…, {sha256[:16]}… was"
            " expected. It was not read. Replace it from a fresh copy of WGAN Live."
        )
    array = parse_idx(gzip.decompress(raw), shape)
    assert array is not None, "the hash is that of a file of this shape"
    return array
