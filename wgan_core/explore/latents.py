"""Latents to look at: drawn, truncated, between two of them, along a direction, on a walk.

All are float32 of shape (n, dim), on the CPU, and computed in float64.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from wgan_core.networks import Latent
from wgan_core.schema import ConfigError, Problem

Truncation = Literal["none", "truncated", "scaled"]
TRUNCATIONS: dict[Truncation, str] = {
    "none": "as trained",
    "truncated": "truncated at ±t",
    "scaled": "scaled by t",
}
MOST_SAMPLES, MOST_SEED = 4096, 2**31 - 1
LEAST_BOUND, MOST_BOUND = 0.01, 8.0
HARMONICS = 2
"""Of a walk: more make it wind more."""


def draw(latent: Latent, n: int, seed: int) -> Tensor:
    """The first ``n`` latents of a seed, from the prior: the first of 64 are those of 16.

    Raises
    ------
    ConfigError
        ``n`` or ``seed`` is out of range.
    """
    _within("n", n, 1, MOST_SAMPLES)
    rng = _rng(seed)
    # Always as many: which numbers torch draws depends on how many it is asked for.
    return latent.sample(MOST_SAMPLES, rng, torch.device("cpu"))[:n].clone()


def truncate(latent: Latent, z: Tensor, how: Truncation, bound: float) -> Tensor:
    """Keep latents nearer to the middle of the prior: samples get more alike, and mostly better.

    ``truncated`` gives each coordinate of a Gaussian the law of a Gaussian that is held within ±bound (BigGAN's truncation
    trick), by z ↦ Φ⁻¹(Φ(−t) + Φ(z)(Φ(t) − Φ(−t))): the map is monotone, so samples change smoothly with the bound instead of
    being drawn anew. ``scaled`` multiplies by it. For the uniform prior on [−1, 1] both are the uniform on [−t, t].

    Source: Brock, Donahue, Simonyan 2019, *Large Scale GAN Training*, section 3.1.

    Raises
    ------
    ConfigError
        The bound is out of range.

    Examples
    --------
    >>> z = torch.tensor([[-3.0, 0.0, 3.0]])
    >>> truncate(Latent(dim=3), z, "truncated", 1.0).abs().max() <= 1
    tensor(True)
    >>> truncate(Latent(dim=3), z, "scaled", 0.5)
    tensor([[-1.5000,  0.0000,  1.5000]])
    """
    if how == "none":
        return z
    _within("bound", bound, LEAST_BOUND, MOST_BOUND)
    if how == "scaled" or latent.prior == "uniform":
        return z * bound
    low, high = (torch.special.ndtr(torch.tensor(side * bound, dtype=torch.float64)) for side in (-1, 1))
    share = low + torch.special.ndtr(z.double()) * (high - low)
    within: Tensor = torch.special.ndtri(share).clamp(-bound, bound).float()
    return within


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """From a to b on the sphere: directions turn at an even speed, the length goes evenly from \\|a\\| to \\|b\\|.

    A straight line between two Gaussian latents passes near the middle, where the generator was never trained: Gaussian
    latents lie near a sphere of radius √dim.

    Parameters
    ----------
    a, b : Tensor
        Shape (dim,), not 0. Where they point in opposite directions no arc is shorter than another, and the way is straight.
    t : Tensor
        Shape (m,), from 0 at a to 1 at b.

    Returns
    -------
    Tensor
        Shape (m, dim).

    Source: White 2016, *Sampling Generative Networks*; Shoemake 1985.

    Examples
    --------
    >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
    tensor([[0.7071, 0.7071]])
    """
    start, end, t = a.double(), b.double(), t.double()[:, None]
    lengths = start.norm(), end.norm()
    start, end = start / lengths[0], end / lengths[1]
    # By the chord, which keeps its digits where the arccosine of a scalar product near 1 does not.
    angle = 2 * torch.atan2((start - end).norm(), (start + end).norm())
    if float(torch.sin(angle)) < 1e-9:
        return torch.lerp(a.double(), b.double(), t).float()
    direction = (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)
    found: Tensor = (direction * torch.lerp(*lengths, t)).float()
    return found


def interpolate(latent: Latent, a: Tensor, b: Tensor, n: int) -> Tensor:
    """``n`` latents from a to b, ends included: on the sphere for a Gaussian prior, straight in the uniform one's box."""
    _within("n", n, 2, MOST_SAMPLES)
    t = torch.linspace(0, 1, n, dtype=torch.float64)
    return slerp(a, b, t) if latent.prior == "gaussian" else torch.lerp(a.double(), b.double(), t[:, None]).float()


def walk(latent: Latent, walkers: int, frames: int, seed: int) -> Tensor:
    """Random walks that come back to where they began: shape (frames, walkers, dim), without the beginning's second time.

    Each is z(s) = Σₖ (aₖ cos ks + bₖ sin ks) / √K with Gaussian aₖ, bₖ. At every moment z(s) is itself a draw from the prior,
    since cos² + sin² = 1: a walk shows what the generator does, not what lies between samples. For the uniform prior each
    coordinate goes through 2Φ(·) − 1, and stays in the box.
    """
    _within("walkers", walkers, 1, MOST_SAMPLES)
    _within("frames", frames, 1, MOST_SAMPLES // walkers)
    a, b = torch.randn(2, HARMONICS, walkers, latent.dim, generator=_rng(seed), dtype=torch.float64)
    s = torch.arange(frames, dtype=torch.float64) * (2 * math.pi / frames)
    turns = s[:, None] * torch.arange(1, HARMONICS + 1, dtype=s.dtype)
    z = torch.einsum("fk,kwd->fwd", turns.cos(), a) + torch.einsum("fk,kwd->fwd", turns.sin(), b)
    z = z / math.sqrt(HARMONICS)
    return (z if latent.prior == "gaussian" else 2 * torch.special.ndtr(z) - 1).float()


def line(z: Tensor, direction: Tensor, offsets: Tensor) -> Tensor:
    """Latents z + offset · direction: shape (m, dim)."""
    return z + offsets[:, None] * direction


def plane(z: Tensor, first: Tensor, second: Tensor, offsets: Tensor) -> Tensor:
    """Latents z + u · first + v · second for all u, v of ``offsets`` (m,): shape (m · m, dim), u the faster one."""
    v, u = torch.meshgrid(offsets, offsets, indexing="ij")
    return z + u.reshape(-1, 1) * first + v.reshape(-1, 1) * second


def principal_directions(net: nn.Module, dim: int) -> tuple[Tensor, Tensor]:
    """Directions in which the generator's first layer changes most, the strongest first, and how much it does.

    They are the right singular vectors of the first layer's weights: unit vectors, at right angles. Nothing is trained for
    them.

    Parameters
    ----------
    net : nn.Module
        A generator whose first linear layer takes the latent as its first ``dim`` inputs.

    Returns
    -------
    directions : Tensor
        Shape (k, dim).
    strength : Tensor
        Shape (k,): singular values, falling.

    Source: Shen, Zhou 2021, *Closed-Form Factorization of Latent Semantics in GANs* (SeFa).

    Examples
    --------
    >>> layer = nn.Linear(2, 3)
    >>> _ = layer.weight.data.copy_(torch.tensor([[0.0, 2.0], [0.5, 0.0], [0.0, 0.0]]))
    >>> [d.tolist() for d in principal_directions(layer, 2)]
    [[[0.0, 1.0], [1.0, 0.0]], [2.0, 0.5]]
    """
    layer = next(module for module in net.modules() if isinstance(module, nn.Linear))
    _, strength, directions = torch.linalg.svd(layer.weight.detach()[:, :dim].double(), full_matrices=False)
    # A direction and its opposite are the same; the largest entry is made positive, so that it is always the same one.
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return ((directions * largest.sign()) + 0.0).float(), strength.float()


def _rng(seed: int) -> Generator:
    _within("seed", seed, 0, MOST_SEED)
    return Generator(torch.device("cpu")).manual_seed(seed)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError([Problem(name, f"must be from {low:,} to {high:,}; you gave {value:,}")])
