"""What was chosen on the page of samples, and the latents that it means."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wgan_core.explore import Sampler, Truncation, draw, line, principal_directions, truncate, walk

SLIDERS, REACH = 6, 3.0
# Samples of a run on points.
POINTS = 1000
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


def latents(sampler: Sampler, look: Look) -> Tensor:
    """The latents of the grid, shape (n, dim)."""
    prior = sampler.config.latent
    return truncate(prior, draw(prior, look.n, look.seed), look.truncation, look.bound)


def directions(sampler: Sampler, basis: str) -> Tensor:
    """The directions that the sliders move along, shape (up to SLIDERS, dim)."""
    dim = sampler.config.latent.dim
    found = principal_directions(sampler.net, dim)[0] if basis == "principal" else torch.eye(dim)
    return found[:SLIDERS]


def moved(sampler: Sampler, look: Look) -> Tensor:
    """The latent that the sliders stand at, shape (dim,)."""
    along = directions(sampler, look.basis)
    offsets = torch.tensor(look.offsets[: len(along)])
    return inside(sampler, latents(sampler, look)[look.base] + offsets @ along)


def inside(sampler: Sampler, z: Tensor) -> Tensor:
    """Where the prior is: the uniform one ends at −1 and 1."""
    return z if sampler.config.latent.prior == "gaussian" else z.clamp(-1, 1)


def lines(sampler: Sampler, look: Look, steps: int) -> Tensor:
    """Through where the sliders stand, along each direction from one end of its slider to the other: (directions, steps, dim)."""
    along = directions(sampler, look.basis)
    z = latents(sampler, look)[look.base] + torch.tensor(look.offsets[: len(along)]) @ along
    found = []
    for direction, offset in zip(along, look.offsets, strict=False):
        found.append(line(z - offset * direction, direction, torch.linspace(-REACH, REACH, steps)))
    return inside(sampler, torch.stack(found))


def walked(sampler: Sampler, look: Look, walkers: int, frames: int) -> Tensor:
    """Latents on a walk, shape (frames, walkers, dim)."""
    prior = sampler.config.latent
    return truncate(prior, walk(prior, walkers, frames, look.seed), look.truncation, look.bound)
