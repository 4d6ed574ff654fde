"""What the critic pays for a wrong slope: the penalties of several papers, each without its weight λ.

Objectives and constraints share them. They serve one critic and K stacked ones alike: a stacked critic takes samples
(K, n, d), and a penalty then has shape (K,).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from wgan_core.networks.piecewise import Net

Rng = Generator | Sequence[Generator]
"""Where the random numbers come from: one generator, or one for each of K stacked critics."""

NO_BATCH_NORM = (
    "the penalty holds the norm of each sample's own gradient, and batch normalisation makes a score depend on the"
    " whole batch (Gulrajani et al. 2017, §4)"
)


def along(knob: float | Tensor, like: Tensor) -> float | Tensor:
    """A knob, shaped so that it goes with a tensor: as it is, or where each of K stacked members has its own, K of them.

    Examples
    --------
    >>> along(torch.tensor([1.0, 2.0]), torch.zeros(2, 5, 3)).shape
    torch.Size([2, 1, 1])
    """
    return knob.view(-1, *[1] * (like.dim() - 1)) if isinstance(knob, Tensor) else knob


def drawn(draw: Callable[[Tensor, Generator], Tensor], batch: Tensor, rng: Rng) -> Tensor:
    """What ``draw`` makes of a batch and its generator, and of K batches and theirs, stacked."""
    if isinstance(rng, Generator):
        return draw(batch, rng)
    return torch.stack([draw(one, each) for one, each in zip(batch, rng, strict=True)])


def one_a_sample(batch: Tensor, rng: Rng) -> Tensor:
    """A uniform number on [0, 1] for each sample: (n,) from one generator, (K, n) from K."""
    return drawn(lambda x, one: torch.rand(len(x), generator=one, device=x.device, dtype=x.dtype), batch, rng)


def gaussian_like(batch: Tensor, rng: Rng) -> Tensor:
    """Standard Gaussian noise of a batch's shape."""
    return drawn(lambda x, one: torch.randn(x.shape, generator=one, device=x.device, dtype=x.dtype), batch, rng)


def interpolates(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """x̂ = α x + (1 − α) x̃ with one α in [0, 1] a sample (WGAN-GP paper, Algorithm 1, line 6)."""
    return torch.lerp(fake, real, alpha.view(*alpha.shape, *[1] * (real.dim() - alpha.dim())))


def around(real: Tensor, scale: float | Tensor, rng: Rng) -> Tensor:
    """x + δ with δ ~ N(0, (scale · s)²), where s is the standard deviation of all coordinates of the batch."""
    first = 0 if isinstance(rng, Generator) else 1
    spread = real.flatten(first).std(-1, correction=0)
    return real + (scale * spread).view(-1, *[1] * (real.dim() - 1)) * gaussian_like(real, rng)


def squared_slopes(critic: Net, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """‖∇ₓ f(x)‖₂² of each sample, over all non-batch dimensions: (n,), of K stacked critics (K, n)."""
    gradient = critic.input_gradient(x, create_graph=create_graph)
    return gradient.flatten(critic.batch_dim + 1).square().sum(-1)


def input_gradient_norms(critic: Net, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """‖∇ₓ f(x)‖₂ of each sample, over all non-batch dimensions.

    Returns
    -------
    Tensor
        Shape (n,), of K stacked critics (K, n). The square root has 1e-12 inside: its gradient at 0 is finite.
    """
    return squared_slopes(critic, x, create_graph=create_graph).add(1e-12).sqrt()


def gradient_penalty(critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
    """E[(‖∇f(x̂)‖₂ − 1)²] at random interpolates (Gulrajani et al. 2017, equation 3)."""
    x = interpolates(real, fake, one_a_sample(real, rng))
    return (input_gradient_norms(critic, x, create_graph=True) - 1).square().mean(-1)


def one_sided_penalty(critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
    """E[max(0, ‖∇f(x̂)‖₂ − 1)²] at random interpolates: no price for a slope below 1 (Petzka et al. 2018)."""
    x = interpolates(real, fake, one_a_sample(real, rng))
    return (input_gradient_norms(critic, x, create_graph=True) - 1).clamp(min=0).square().mean(-1)


def dragan_penalty(critic: Net, real: Tensor, scale: float | Tensor, rng: Rng) -> Tensor:
    """E[(‖∇f(x + δ)‖₂ − 1)²] around real samples (Kodali et al. 2017); see :func:`around`."""
    return (input_gradient_norms(critic, around(real, scale, rng), create_graph=True) - 1).square().mean(-1)


def r1_penalty(critic: Net, real: Tensor) -> Tensor:
    """E[‖∇f(x)‖₂²] on real samples (Mescheder et al. 2018, R1), without γ / 2."""
    return squared_slopes(critic, real, create_graph=True).mean(-1)
