"""What published sets of images share: their files are found wherever other tools have left them, and never fetched unasked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator

from wgan_core.datasets.base import DataError, Dataset
from wgan_core.datasets.fetching import RemoteFile
from wgan_core.datasets.images import ALL, ImageDataset, Images
from wgan_core.host import data_folder
from wgan_core.host.folders import NoFolder, listed
from wgan_core.schema import knob

Bytes = NDArray[np.uint8]
Split = Literal["train", "test"]
FOLDERS = "WGAN_DATA"


class Published(ImageDataset):
    """A published set, or one class of it. A kind says in :meth:`part` how a split is read."""

    counts: ClassVar[dict[Split, int]] = {"train": 60_000, "test": 10_000}
    even: ClassVar[bool] = True
    """Whether all classes have as many images as each other."""
    names: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[dict[Split, tuple[RemoteFile, ...]]] = {}
    """What can be fetched."""
    places: ClassVar[tuple[str, ...]] = ()
    """Where files lie in a folder of data sets; ours first."""
    fallback: ClassVar[str] = "Fashion-MNIST's 10,000 test images come with this software."

    split: Literal["train", "test", "all"] = knob("train", "Split", "The images to train on: either part, or all.")
    classes: str

    @field_validator("classes", mode="before", check_fields=False)
    @classmethod
    def _as_text(cls, given: Any) -> Any:
        return str(given) if isinstance(given, int) and not isinstance(given, bool) else given

    @property
    def splits(self) -> tuple[Split, ...]:
        return ("train", "test") if self.split == "all" else (self.split,)

    @property
    def size(self) -> int | None:
        whole = sum(self.counts[split] for split in self.splits)
        if self.classes == ALL:
            return whole
        return whole // len(self.names) if self.even else None

    @property
    def class_names(self) -> tuple[str, ...]:
        return () if self.one_class else self.names

    @classmethod
    def folder(cls) -> Path:
        """Where fetched files go, and files that someone has by other means. NoFolder where there is no such place."""
        return data_folder() / "datasets" / cls.places[0]

    @classmethod
    def folders(cls) -> list[Path]:
        """Where the files are looked for: with ours, in the folders that ``WGAN_DATA`` names, and in ``data``."""
        try:
            given = listed(os.environ.get(FOLDERS, ""), FOLDERS)
        except NoFolder as why:
            raise DataError(str(why)) from None
        ours: list[Path] = []
        with suppress(NoFolder):
            ours = [data_folder() / "datasets"]
        roots = [*ours, *given, Path("data").absolute()]
        return list(dict.fromkeys(root / place for root in roots for place in cls.places))

    def wanted(self) -> tuple[RemoteFile, ...]:
        """The files of its splits that can be fetched, each once."""
        return tuple(dict.fromkeys(file for split in self.splits for file in self.files[split]))

    def lies(self, split: Split) -> bool:
        """Whether files of a split lie where they are looked for, by their names: reading tells whether they are whole."""
        raise NotImplementedError

    def lacks(self) -> Published | None:
        return None if all(self.lies(split) for split in self.splits) else self

    def part(self, split: Split) -> tuple[Bytes, Bytes]:
        """Images (n, channels, height, width) and labels (n,) of a split."""
        raise NotImplementedError

    def read(self) -> Images:
        parts = [self.part(split) for split in self.splits]
        pixels, labels = (np.concatenate([part[i] for part in parts]) for i in range(2))
        if self.classes != ALL:
            chosen = labels == self.names.index(self.classes)
            pixels, labels = pixels[chosen], labels[chosen]
        edge = (32 - pixels.shape[-1]) // 2
        padded = torch.nn.functional.pad(torch.from_numpy(pixels), (edge,) * 4)
        return Images(padded, torch.from_numpy(labels.astype(np.int64)), self.names)

    def absent(self, split: Split, damaged: Sequence[Path] = ()) -> DataError:
        """The error that says which files are wanted, where they were looked for, and what to do."""
        wanted = " and ".join(map(str, self.files[split]))
        broken = f" Not as they should be, and so not read: {', '.join(map(str, damaged))}." if damaged else ""
        own = f" a folder that {FOLDERS} names"
        with suppress(NoFolder):
            own = f" {self.folder()}"
        return DataError(
            f"{self.label}: the files of its {split} split are not on this computer. Wanted: {wanted}. Looked for in"
            f" {', '.join(map(str, self.folders()))}.{broken} Get them with “python -m wgan_core fetch {self.kind}”, or put"
            f" them into{own}. {self.fallback}"
        )


def lacking(dataset: Dataset) -> Published | None:
    """The published set whose files a data set needs and that are nowhere on this computer, or None."""
    found = dataset.lacks()
    assert found is None or isinstance(found, Published)
    return found
