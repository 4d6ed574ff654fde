"""Distributions on the plane, each a formula."""

from __future__ import annotations

import math
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from wgan_core.datasets.base import Dataset, Modes
from wgan_core.datasets.labels import FromItems
from wgan_core.schema import knob
from wgan_core.schema.script import Snippet

GAUSSIANS = '''\
{centres}


def draw_real(n):
    """Each sample lies around one of the centres."""
    which = torch.randint(len(centres), (n,), generator=real_rng, device=device)
    noise = torch.randn(n, 2, generator=real_rng, device=device)
    return torch.add(centres[which], noise, alpha={sigma})
'''


class Mixture(FromItems):
    """Equal Gaussians around given centres: what ring, grid, two Gaussians and points of your own share.

    Its classes are its modes.
    """

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

    def items(self, device: torch.device) -> Tensor:
        if (centres := self._centres.get(device)) is None:
            centres = self._centres[device] = self._gaussians.centres.to(device)
        return centres

    def made_of(self, items: Tensor, rng: Generator) -> Tensor:
        noise = torch.randn(len(items), 2, generator=rng, dtype=torch.float32, device=items.device)
        return torch.add(items, noise, alpha=self._gaussians.sigma)

    def script_around(self, centres: str) -> Snippet:
        """Its lines in a script, from those that leave the centres in ``centres``."""
        return Snippet(GAUSSIANS.format(centres=centres, sigma=self._gaussians.sigma))

    def script_of_classes(self) -> Snippet:
        return Snippet("classes = torch.arange(len(centres), device=device)")

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(f"mode {k + 1}" for k in range(len(self.modes().centres)))

    def labels_of_items(self) -> Tensor:
        return torch.arange(len(self._gaussians.centres), dtype=torch.int64, device="cpu")


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
        angle = torch.arange(self.modes_count, dtype=torch.float32, device="cpu") * (2 * math.pi / self.modes_count)
        return Modes(self.radius * torch.stack([angle.cos(), angle.sin()], 1), self.sigma)

    def script(self) -> Snippet:
        return self.script_around(
            f"angle = torch.arange({self.modes_count}) * (2 * math.pi / {self.modes_count})\n"
            f"centres = {self.radius} * torch.stack([angle.cos(), angle.sin()], 1).to(device)"
        )


class Grid(Mixture):
    """Gaussians on a square grid: 5 × 5 is the usual harder test."""

    label: ClassVar = "Grid of Gaussians"
    source: ClassVar = "Dumoulin et al. 2016; Gulrajani et al. 2017, Figure 1"

    kind: Literal["grid"] = "grid"
    side: int = knob(5, "Modes a side", "The grid has side × side Gaussians.", ge=1, le=10)
    spacing: float = knob(1.0, "Spacing", "Distance between neighbours.", gt=0, le=10)
    sigma: float = knob(0.05, "σ", "Standard deviation of each Gaussian.", gt=0, le=2, log=True)

    def modes(self) -> Modes:
        line = (torch.arange(self.side, dtype=torch.float32, device="cpu") - (self.side - 1) / 2) * self.spacing
        return Modes(torch.cartesian_prod(line, line).reshape(-1, 2), self.sigma)

    def script(self) -> Snippet:
        return self.script_around(
            f"line = (torch.arange({self.side}) - {(self.side - 1) / 2}) * {self.spacing}\n"
            "centres = torch.cartesian_prod(line, line).reshape(-1, 2).to(device)"
        )


class TwoGaussians(Mixture):
    """Two Gaussians that can be pulled apart."""

    label: ClassVar = "Two Gaussians"
    source: ClassVar = "the setting of the WGAN paper, Figure 3"

    kind: Literal["two-gaussians"] = "two-gaussians"
    separation: float = knob(4.0, "Separation", "Distance between the two means.", gt=0, le=20)
    sigma: float = knob(0.5, "σ", "Standard deviation of each Gaussian.", gt=0, le=2, log=True)

    def modes(self) -> Modes:
        half = self.separation / 2
        return Modes(torch.tensor([[-half, 0.0], [half, 0.0]], dtype=torch.float32, device="cpu"), self.sigma)

    def script(self) -> Snippet:
        half = self.separation / 2
        return self.script_around(f"centres = torch.tensor([[{-half}, 0.0], [{half}, 0.0]], device=device)")


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
        angle = 1.5 * math.pi * (1 + 2 * torch.rand(n, generator=rng, dtype=torch.float32, device=device))
        curve = torch.stack([angle * angle.cos(), angle * angle.sin()], 1) * (self.radius / (4.5 * math.pi))
        return torch.add(curve, torch.randn(n, 2, generator=rng, dtype=torch.float32, device=device), alpha=self.noise)

    def script(self) -> Snippet:
        return Snippet(f'''\


def draw_real(n):
    """A spiral of one and a half turns, and noise around it."""
    angle = 1.5 * math.pi * (1 + 2 * torch.rand(n, generator=real_rng, device=device))
    curve = torch.stack([angle * angle.cos(), angle * angle.sin()], 1) * ({self.radius} / (4.5 * math.pi))
    noise = torch.randn(n, 2, generator=real_rng, device=device)
    return torch.add(curve, noise, alpha={self.noise})
''')


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
        z = torch.rand(n, 1, generator=rng, dtype=torch.float32, device=device)
        return torch.cat([torch.zeros_like(z), z], 1)

    def script(self) -> Snippet:
        return Snippet('''\


def draw_real(n):
    """Example 1 of the WGAN paper: the points (0, y) with y from 0 to 1."""
    y = torch.rand(n, 1, generator=real_rng, device=device)
    return torch.cat([torch.zeros_like(y), y], 1)
''')
