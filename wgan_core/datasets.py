"""Data sets: where the real samples come from.

To add one, write a subclass of :class:`Dataset` here with a ``kind`` and a ``sample``. If it has modes, say where they
are, and coverage is measured; if its samples are images, set ``shape`` to (channels, height, width).
"""

from __future__ import annotations

import gzip
import hashlib
import math
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Generator, Tensor

from wgan_core.schema import Variant, knob

ASSETS = Path(__file__).resolve().parent.parent / "assets"


class DataError(Exception):
    """A data set cannot be read. The message says what was wrong and what to do."""


@dataclass(frozen=True)
class Modes:
    """The modes of a mixture.

    Attributes
    ----------
    centres : Tensor
        Shape (modes, dimensions).
    sigma : float
        Standard deviation of each mode along each axis.
    """

    centres: Tensor
    sigma: float

    @property
    def weights(self) -> Tensor:
        """Share of all samples that each mode should get: float64, shape (modes,), on the CPU."""
        return torch.full((len(self.centres),), 1 / len(self.centres), dtype=torch.float64, device="cpu")

    def nearest(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """How far each sample is from its nearest mode, and which one that is, each of shape (n,)."""
        distance, which = torch.cdist(samples, self.centres.to(samples.device)).min(1)
        return distance, which


class Dataset(Variant):
    """A distribution of real samples."""

    shape: ClassVar[tuple[int, ...]] = (2,)
    """Shape of one sample: (2,) for points on the plane, (channels, height, width) for images."""

    @property
    def size(self) -> int | None:
        """Number of distinct samples, or None where each draw is new."""
        return None

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    @property
    def extent(self) -> float:
        """Half the side of the square around the origin that charts show."""
        return 3.0

    @property
    def start(self) -> tuple[float, ...] | None:
        """Where an untrained generator puts its samples, or None for around the origin."""
        return None

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        """Draw ``n`` samples: a float32 tensor of shape (n, *shape) on ``device``."""
        raise NotImplementedError

    def modes(self) -> Modes | None:
        """The modes, on the CPU, or None where the distribution has none to count."""
        return None


class Mixture(Dataset):
    """Equal Gaussians around given centres: what ring, grid, two Gaussians and points of your own share."""

    def modes(self) -> Modes:
        raise NotImplementedError

    def gaussians(self) -> Modes:
        """The Gaussians to draw from, where they are not the modes themselves."""
        return self.modes()

    @cached_property
    def _gaussians(self) -> Modes:
        return self.gaussians()

    @cached_property
    def _centres(self) -> dict[torch.device, Tensor]:
        """The centres on each device in use: copying them for every batch would make a GPU wait."""
        return {}

    @property
    def extent(self) -> float:
        around = self._gaussians
        return math.ceil(2 * (float(around.centres.abs().max()) + 4 * around.sigma)) / 2

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        if (centres := self._centres.get(device)) is None:
            centres = self._centres[device] = self._gaussians.centres.to(device)
        which = torch.randint(len(centres), (n,), generator=rng, device=device)
        noise = torch.randn(n, 2, generator=rng, device=device)
        return torch.add(centres[which], noise, alpha=self._gaussians.sigma)


class Ring(Mixture):
    """Gaussians spread evenly on a circle: the classic test for mode collapse."""

    label: ClassVar = "Ring of Gaussians"
    source: ClassVar = "Metz et al. 2016; the WGAN paper, Figure 2"

    kind: Literal["ring"] = "ring"
    modes_count: int = knob(8, "Modes", "How many Gaussians stand on the circle.", ge=1, le=64)
    radius: float = knob(2.0, "Radius", "Radius of the circle.", gt=0, le=10)
    sigma: float = knob(
        math.sqrt(0.05), "σ", "Standard deviation of each Gaussian. 0.224 is σ² = 0.05.", gt=0, le=2, log=True
    )

    def modes(self) -> Modes:
        angle = torch.arange(self.modes_count, device="cpu") * (2 * math.pi / self.modes_count)
        return Modes(self.radius * torch.stack([angle.cos(), angle.sin()], 1), self.sigma)


class Grid(Mixture):
    """Gaussians on a square grid: 5 × 5 is the usual harder test."""

    label: ClassVar = "Grid of Gaussians"
    source: ClassVar = "Dumoulin et al. 2016; Gulrajani et al. 2017, Figure 1"

    kind: Literal["grid"] = "grid"
    side: int = knob(5, "Modes a side", "The grid has side × side Gaussians.", ge=1, le=10)
    spacing: float = knob(1.0, "Spacing", "Distance between neighbours.", gt=0, le=10)
    sigma: float = knob(0.05, "σ", "Standard deviation of each Gaussian.", gt=0, le=2, log=True)

    def modes(self) -> Modes:
        line = (torch.arange(self.side, device="cpu") - (self.side - 1) / 2) * self.spacing
        return Modes(torch.cartesian_prod(line, line).reshape(-1, 2), self.sigma)


class TwoGaussians(Mixture):
    """Two Gaussians that can be pulled apart."""

    label: ClassVar = "Two Gaussians"
    source: ClassVar = "the setting of the WGAN paper, Figure 3"

    kind: Literal["two-gaussians"] = "two-gaussians"
    separation: float = knob(4.0, "Separation", "Distance between the two means.", gt=0, le=20)
    sigma: float = knob(0.5, "σ", "Standard deviation of each Gaussian.", gt=0, le=2, log=True)

    def modes(self) -> Modes:
        half = self.separation / 2
        return Modes(torch.tensor([[-half, 0.0], [half, 0.0]], device="cpu"), self.sigma)


class SwissRoll(Dataset):
    """A spiral: one connected curve, no modes to count."""

    label: ClassVar = "Swiss roll"
    source: ClassVar = "Gulrajani et al. 2017, Figure 1"

    kind: Literal["swiss-roll"] = "swiss-roll"
    radius: float = knob(2.0, "Radius", "Radius of the outermost turn.", gt=0, le=10)
    noise: float = knob(0.05, "Noise", "Standard deviation of the noise around the curve.", ge=0, le=2)

    @property
    def extent(self) -> float:
        return math.ceil(2 * (self.radius + 4 * self.noise + 0.25)) / 2

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        angle = 1.5 * math.pi * (1 + 2 * torch.rand(n, generator=rng, device=device))
        curve = torch.stack([angle * angle.cos(), angle * angle.sin()], 1) * (self.radius / (4.5 * math.pi))
        return torch.add(curve, torch.randn(n, 2, generator=rng, device=device), alpha=self.noise)


class ParallelLines(Dataset):
    """Example 1 of the WGAN paper: the data are (0, Z), the generator starts on the parallel line at θ.

    Both lines have no area, so JS stays at ln 2 until θ is exactly 0, while the EM distance is |θ|.
    """

    label: ClassVar = "Two parallel lines"
    source: ClassVar = "the WGAN paper, Example 1 and Figure 1"

    kind: Literal["parallel-lines"] = "parallel-lines"
    theta: float = knob(
        1.0, "θ", "Distance between the line of the data and the generator at its start.", ge=-10, le=10
    )

    @property
    def extent(self) -> float:
        return max(1.5, math.ceil(2 * (abs(self.theta) + 0.5)) / 2)

    @property
    def start(self) -> tuple[float, ...]:
        return (self.theta, 0.5)

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        z = torch.rand(n, 1, generator=rng, device=device)
        return torch.cat([torch.zeros_like(z), z], 1)


class FashionMnist(Dataset):
    """The 10,000 test images of Fashion-MNIST, padded to 32 × 32, in [−1, 1]. They come with this software."""

    label: ClassVar = "Fashion-MNIST (10,000 test images)"
    source: ClassVar = "Xiao, Rasul, Vollgraf 2017"
    shape: ClassVar = (1, 32, 32)
    classes: ClassVar = (
        "T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip

    kind: Literal["fashion-mnist"] = "fashion-mnist"

    @property
    def size(self) -> int:
        return 10_000

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        images = _fashion_on(device)
        which = torch.randint(len(images), (n,), generator=rng, device=device)
        return images[which].to(torch.float32).mul_(2 / 255).sub_(1)


FASHION_IMAGES = ASSETS / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
FASHION_SHA256 = "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"


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


@cache
def _fashion_on(device: torch.device) -> Tensor:
    """All images on a device, uint8, (10000, 1, 32, 32): 10 MB, shared by every run there."""
    images = read_idx_images(FASHION_IMAGES, FASHION_SHA256)
    return torch.nn.functional.pad(images, (2, 2, 2, 2)).unsqueeze(1).to(device)
