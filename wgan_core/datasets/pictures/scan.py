"""All pictures of a folder or a zip as one array, read once and then kept beside the store."""

from __future__ import annotations

import hashlib
import json
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from wgan_core.datasets.base import DataError
from wgan_core.datasets.images import Images
from wgan_core.datasets.pictures.decode import decode
from wgan_core.datasets.pictures.pixels import Pixels, Style, Unusable
from wgan_core.datasets.pictures.places import folder, located
from wgan_core.datasets.pictures.sources import FolderSource, Name, Source, ZipSource, hash_of, shown
from wgan_core.host import replacing

# Raised whenever the same files would give other arrays.
VERSION = 2
MAX_ARRAY_BYTES = 512_000_000
# Of what was made from pictures the newest so many bytes are kept; it can be made again.
MAX_KEPT_BYTES = 2_000_000_000
EXAMPLES = 5
TOP = "(top level)"

Progress = Callable[[int, int], None]


def _nobody(done: int, of: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Remark:
    """Files of which the same is to be said: why they could not be used, or what may not be as expected."""

    reason: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        more = f" and {self.count - len(self.examples):,} more" if self.count > len(self.examples) else ""
        return f"{self.count:,} {self.reason}: {', '.join(self.examples)}{more}"


@dataclass(frozen=True, eq=False)
class Pictures:
    """What was read.

    Attributes
    ----------
    images : Images
        All that could be used, sorted by name; the classes are the subfolders.
    left_out : tuple of Remark
        What could not, the most frequent reason first.
    warned : tuple of Remark
        What could, but perhaps not as expected: its metadata cannot be read, or its numbers have no range of their own.
    """

    images: Images
    left_out: tuple[Remark, ...]
    warned: tuple[Remark, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Pictures in each class."""
        found = np.bincount(self.images.labels.numpy(), minlength=len(self.images.classes))
        return {name: int(count) for name, count in zip(self.images.classes, found, strict=False)}


def identity_of(path: str) -> str:
    """A hash of what a config's path names: of a zip its content, of a folder its list of files.

    Raises
    ------
    DataError
        It is not there, not allowed or not readable.
    """
    place = located(path)
    if place.is_dir():
        return FolderSource(place).identity()
    try:
        return hash_of(place)
    except OSError as error:
        raise DataError(f"The zip cannot be read ({error.strerror}).") from None


def pictures(path: str, style: Style, progress: Progress = _nobody) -> Pictures:
    """The pictures that a config's path names, in one size.

    Parameters
    ----------
    path : str
        As in a config.
    style : Style
        Size, colour and fit.
    progress : callable
        Told (files done, files in all) now and then while files are read. What it raises ends the reading.

    Raises
    ------
    DataError
        There is no picture that can be used, or there are too many.
    """
    key = hashlib.sha256(json.dumps([VERSION, identity_of(path), asdict(style)]).encode()).hexdigest()
    try:
        kept = folder() / f"{key}.npz"
    except DataError:  # there is no place to keep anything
        kept = None
    if kept is not None and (found := _load(kept)) is not None:
        return found
    with _opened(located(path)) as source:
        found = scan(source, style, progress)
    if kept is not None:
        _save(kept, found)
    return found


def scan(source: Source, style: Style, progress: Progress = _nobody) -> Pictures:
    """Read and decode every file of a source."""
    names = source.names()
    most = MAX_ARRAY_BYTES // (style.channels * style.side**2)
    # Pages of memory that are never written to are never taken.
    pixels: Pixels = np.empty((min(len(names), most), style.channels, style.side, style.side), np.uint8)
    used: list[Name] = []
    left_out, warned = _Remarks(), _Remarks()
    for number, name in enumerate(names):
        if number % 50 == 0:
            progress(number, len(names))
        try:
            picture = decode(source.read(name), style, partial(warned.add, name))
        except Unusable as why:
            left_out.add(name, str(why))
            continue
        if len(used) == most:
            raise DataError(
                f"There are more pictures than fit: {most:,} of {style.side} × {style.side} pixels and {style.channels}"
                f" {'channel' if style.channels == 1 else 'channels'}. Use fewer, smaller ones, or grey."
            )
        pixels[len(used)] = picture
        used.append(name)
    progress(len(names), len(names))
    if not used:
        raise DataError(_nothing(left_out.all()))
    labels, classes = _classes(used)
    images = Images(
        torch.from_numpy(pixels[: len(used)]), torch.tensor(labels, dtype=torch.int64, device="cpu"), classes
    )
    return Pictures(images, left_out.all(), warned.all())


class _Remarks:
    """Collects remarks, each with how many files it is about, and some of them."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, name: Name, reason: str) -> None:
        self._counts[reason] += 1
        some = self._examples.setdefault(reason, [])
        if len(some) < EXAMPLES:
            some.append(shown(name))

    def all(self) -> tuple[Remark, ...]:
        """The most frequent first."""
        return tuple(Remark(why, count, tuple(self._examples[why])) for why, count in self._counts.most_common())


def _nothing(left_out: tuple[Remark, ...]) -> str:
    if not left_out:
        return "There is no picture: no files were found."
    return f"None of the files is a picture that can be used. Left out: {'; '.join(map(str, left_out))}."


def _classes(names: Sequence[Name]) -> tuple[list[int], tuple[str, ...]]:
    """Number and names of the classes: the folders at the first level where not all pictures lie in the same one."""
    folders = [name[:-1] for name in names]
    shortest, longest = min(folders), max(folders)
    level = next((i for i, part in enumerate(shortest) if part != longest[i]), len(shortest))
    of = [_class_name(parts[level]) if len(parts) > level else TOP for parts in folders]
    classes = sorted(set(of))
    if len(classes) == 1:
        return [0] * len(of), ()
    number = {name: i for i, name in enumerate(classes)}
    return [number[name] for name in of], tuple(classes)


def _class_name(part: str, most: int = 100) -> str:
    """A folder's name as a class's: of bounded length, and still another one for another folder.

    macOS stores é as two letters; composed to one, the name is what a person types.
    """
    text = unicodedata.normalize("NFC", shown((part,), len(part)))
    return text if len(text) <= most else f"{text[:80]}…{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@contextmanager
def _opened(place: Path) -> Iterator[Source]:
    if place.is_dir():
        yield FolderSource(place)
    else:
        with ZipSource.opened(place) as source:
            yield source


# What was made of pictures, on the disk


def _save(place: Path, made: Pictures) -> None:
    """Keep it for the next time, where there is room."""
    about = {
        "classes": made.images.classes,
        **{name: [asdict(one) for one in getattr(made, name)] for name in ("left_out", "warned")},
    }
    pixels, labels = made.images.pixels.numpy(), made.images.labels.numpy()
    with suppress(OSError):  # read again next time
        with replacing(place) as file:
            np.savez(file, about=np.array(json.dumps(about)), pixels=pixels, labels=labels)
        left = MAX_KEPT_BYTES
        for old in sorted(place.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime, reverse=True):
            left -= old.stat().st_size
            if left < 0:
                old.unlink()


def _load(place: Path) -> Pictures | None:
    try:
        with place.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            pixels, labels = torch.from_numpy(file["pixels"]), torch.from_numpy(file["labels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    left_out, warned = (
        tuple(Remark(one["reason"], one["count"], tuple(one["examples"])) for one in about[name])
        for name in ("left_out", "warned")
    )
    return Pictures(Images(pixels, labels, tuple(about["classes"])), left_out, warned)
