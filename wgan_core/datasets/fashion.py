"""Fashion-MNIST: the images that come with this software."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from wgan_core.datasets.base import ASSETS, DataError
from wgan_core.datasets.images import ImageDataset, Images

FASHION_IMAGES = ASSETS / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
FASHION_SHA256 = "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"


class FashionMnist(ImageDataset):
    """The 10,000 test images of Fashion-MNIST, padded to 32 × 32, in [−1, 1]. They come with this software."""

    label: ClassVar = "Fashion-MNIST (10,000 test images)"
    source: ClassVar = "Xiao, Rasul, Vollgraf 2017"

    kind: Literal["fashion-mnist"] = "fashion-mnist"

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 32, 32)

    @property
    def size(self) -> int:
        return 10_000

    def read(self) -> Images:
        images = read_idx_images(FASHION_IMAGES, FASHION_SHA256)
        pixels = torch.nn.functional.pad(images, (2, 2, 2, 2)).unsqueeze(1)
        return Images(pixels, torch.zeros(len(pixels), dtype=torch.int64, device="cpu"), ())


def read_idx_images(path: Path, sha256: str) -> Tensor:
    """Read an IDX image file after checking its hash.

    Returns
    -------
    Tensor
        uint8, shape (n, height, width), on the CPU.

    Raises
    ------
    DataError
        The file is missing or is not the one that the hash names.
    """
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
    data = gzip.decompress(raw)
    n, height, width = np.frombuffer(data, ">i4", count=3, offset=4)
    return torch.tensor(np.frombuffer(data, np.uint8, offset=16).reshape(n, height, width), device="cpu")
