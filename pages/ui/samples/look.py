"""What was chosen on the page of samples, and the latents that it means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from wgan_core.config.conditional import as_input
from wgan_core.explore import Sampler, Truncation, draw, interpolate, line, principal_directions, truncate, walk

SLIDERS, REACH = 6, 3.0
# Samples of a run on points.
POINTS = 1000
# Of a conditional run on images.
CLASS_COLUMNS, MOST_ROWS = 8, 10
# Knobs that only some views have.
VIEW_KNOBS = {"sliders": ("base", "basis", "offsets"), "between": ("ends",), "plane": ("base", "basis")}
SEFA = "Shen, Zhou 2021 (SeFa), for the principal directions"
MOVE_HELP = (
    "The latent of one sample, moved along directions of the latent space: coordinates, or the directions in which the"
    " generator's first layer changes most."
)


@dataclass(frozen=True)
class Look:
    """What was chosen on the page.

    Attributes
    ----------
    view : str
        One of :data:`pages.ui.samples.VIEWS`.
    n, seed : int
        How many samples, and the seed of their latents.
    truncation, bound
        See :func:`wgan_core.explore.truncate`.
    base : int
        The sample whose latent the sliders start from.
    basis : str
        ``principal`` or ``coordinates``.
    offsets : tuple of float
        How far each slider is from that latent.
    ends : tuple of int
        The two samples to go between.
    """

    view: str = "samples"
    n: int = 64
    seed: int = 0
    truncation: Truncation = "none"
    bound: float = 1.0
    base: int = 0
    basis: str = "principal"
    offsets: tuple[float, ...] = (0.0,) * SLIDERS
    ends: tuple[int, int] = (0, 1)

    def seen_in(self, view: str) -> Look:
        """What of it a view depends on: looks that show the same are equal."""
        of_view = VIEW_KNOBS.get(view, ())
        own = {name: getattr(self, name) for name in ("base", "basis", "offsets", "ends") if name in of_view}
        return Look(view, self.n, self.seed, self.truncation, self.bound, **own)


class GridLatents(NamedTuple):
    """What the generator is given for the grid: latents (n, dim), and of a conditional run the class of each, (n,)."""

    latents: Tensor
    classes: Tensor | None


def grid_of(sampler: Sampler, look: Look) -> GridLatents:
    """The latents of the grid. Of a conditional run on images each row is a class, and each column a latent."""
    prior, count = sampler.config.latent, len(sampler.classes)
    columns = columns_of(sampler, look)
    in_rows = count > 0 and sampler.config.dataset.is_image
    z = truncate(prior, draw(prior, columns if in_rows else look.n, look.seed), look.truncation, look.bound)
    if not count:
        return GridLatents(z, None)
    if not in_rows:
        return GridLatents(z, torch.arange(look.n, dtype=torch.int64) % count)
    rows = look.n // columns
    return GridLatents(z.repeat(rows, 1), row_classes(sampler, rows).repeat_interleave(columns))


def row_classes(sampler: Sampler, rows: int) -> Tensor:
    """Of each row, the number of its class: all classes, or some of very many, evenly."""
    return torch.linspace(0, len(sampler.classes) - 1, rows, dtype=torch.float32).round().long()


def columns_of(sampler: Sampler, look: Look) -> int:
    """Samples in a row of the grid."""
    return CLASS_COLUMNS if sampler.classes else math.ceil(math.sqrt(look.n))


def count_for(sampler: Sampler) -> int:
    """How many samples the grid of a conditional run on images has."""
    return CLASS_COLUMNS * min(len(sampler.classes), MOST_ROWS)


def one_class(grid: GridLatents, i: int, n: int) -> Tensor | None:
    """The class of sample i, for n others."""
    return None if grid.classes is None else grid.classes[i].expand(n)


def way_of(sampler: Sampler, look: Look, steps: int) -> GridLatents:
    """From sample A to sample B. Of a conditional run the class changes evenly too: shape (steps, classes)."""
    grid, (a, b) = grid_of(sampler, look), look.ends
    z = interpolate(sampler.config.latent, grid.latents[a], grid.latents[b], steps)
    if grid.classes is None:
        return GridLatents(z, None)
    first, last = as_input(sampler.config, grid.classes[[a, b]])
    return GridLatents(z, torch.lerp(first, last, torch.linspace(0, 1, steps, dtype=torch.float32)[:, None]))


def directions(sampler: Sampler, basis: str) -> Tensor:
    """The directions that the sliders move along, shape (up to SLIDERS, dim)."""
    dim = sampler.config.latent.dim
    found = principal_directions(sampler.net, dim)[0] if basis == "principal" else torch.eye(dim, dtype=torch.float32)
    return found[:SLIDERS]


def moved(sampler: Sampler, look: Look) -> Tensor:
    """The latent that the sliders stand at, shape (dim,)."""
    along = directions(sampler, look.basis)
    offsets = torch.tensor(look.offsets[: len(along)], dtype=torch.float32)
    return inside(sampler, grid_of(sampler, look).latents[look.base] + offsets @ along)


def inside(sampler: Sampler, z: Tensor) -> Tensor:
    """Where the prior is: the uniform one ends at −1 and 1."""
    return z if sampler.config.latent.prior == "gaussian" else z.clamp(-1, 1)


def lines(sampler: Sampler, look: Look, steps: int) -> Tensor:
    """Through where the sliders stand, along each direction from one end of its slider to the other: (directions, steps, dim)."""
    along = directions(sampler, look.basis)
    z = (
        grid_of(sampler, look).latents[look.base]
        + torch.tensor(look.offsets[: len(along)], dtype=torch.float32) @ along
    )
    found = []
    for direction, offset in zip(along, look.offsets, strict=False):
        found.append(line(z - offset * direction, direction, torch.linspace(-REACH, REACH, steps, dtype=torch.float32)))
    return inside(sampler, torch.stack(found))


def walked(sampler: Sampler, look: Look, walkers: int, frames: int) -> GridLatents:
    """Latents on a walk, all walkers of a frame one after another. Of a conditional run each keeps its class."""
    prior = sampler.config.latent
    z = truncate(prior, walk(prior, walkers, frames, look.seed), look.truncation, look.bound).flatten(0, 1)
    return GridLatents(
        z, torch.arange(walkers, dtype=torch.int64).repeat(frames) % len(sampler.classes) if sampler.classes else None
    )


def some_classes(sampler: Sampler, n: int, seed: int) -> Tensor | None:
    """Classes as often as the data have them, where the run is conditional."""
    if not sampler.classes:
        return None
    cpu = torch.device("cpu")
    return sampler.config.dataset.sample_labels(n, Generator(cpu).manual_seed(seed), cpu)
