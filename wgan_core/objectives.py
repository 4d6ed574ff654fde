"""Objectives: what critic and generator minimise, one screen of maths each.

To add one, write a subclass of :class:`Objective` here. Its fields are its knobs; form, command line, URL, docs and
contract tests follow. An objective owns no optimiser and draws random numbers only from the generator it is handed.

Throughout, f is the critic's raw output (for a GAN: the logit, so D = sigmoid(f)), x real samples, x̃ = G(z) generated ones.

The maths serves one run and K stacked ones alike. A stacked critic has a leading dimension for its K members: samples (K, n, d),
scores (K, n, 1). With :func:`mean_over_samples` for the means each member keeps a loss of its own, and a term has shape (K,).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import softplus

from wgan_core.piecewise import Net, PiecewiseLinear
from wgan_core.schema import Variant, knob

LOG_2 = math.log(2)

Rng = Generator | Sequence[Generator]
"""Where an objective's random numbers come from: one generator, or one for each of K stacked critics."""


def mean_over_samples(scores: Tensor) -> Tensor:
    """E[·] over a batch of scores: from (n, 1) a scalar, from (K, n, 1) one number for each of K critics."""
    return scores.mean() if scores.dim() == 2 else scores.mean((-2, -1))


def one_a_sample(batch: Tensor, rng: Rng) -> Tensor:
    """A uniform number on [0, 1] for each sample: (n,) from one generator, (K, n) from K."""

    def draw(n: int, one: Generator) -> Tensor:
        return torch.rand(n, generator=one, device=batch.device, dtype=batch.dtype)

    if isinstance(rng, Generator):
        return draw(len(batch), rng)
    return torch.stack([draw(batch.shape[1], each) for each in rng])


def scores(critic: Net, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The critic's scores of both batches, in one pass where it treats each sample alone (faster, same numbers)."""
    if critic.mixes_samples:
        return critic(real), critic(fake)
    dim = critic.batch_dim
    both = critic(torch.cat([real, fake], dim))
    on_real, on_fake = torch.split(both, [real.shape[dim], fake.shape[dim]], dim)
    return on_real, on_fake


def interpolates(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """x̂ = α x + (1 − α) x̃ with one α in [0, 1] a sample (WGAN-GP paper, Algorithm 1, line 6)."""
    return torch.lerp(fake, real, alpha.view(*alpha.shape, *[1] * (real.dim() - alpha.dim())))


def input_gradient_norms(critic: Net, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """‖∇ₓ f(x)‖₂ of each sample, over all non-batch dimensions.

    Returns
    -------
    Tensor
        Shape (n,), of K stacked critics (K, n). The square root has 1e-12 inside: its gradient at 0 is finite.
    """
    with torch.enable_grad():
        if isinstance(critic, PiecewiseLinear):
            gradient = critic.input_gradient(x)
        else:
            x = x.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=create_graph)
    return gradient.flatten(critic.batch_dim + 1).square().sum(-1).add(1e-12).sqrt()


def gradient_penalty(critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
    """E[(‖∇f(x̂)‖₂ − 1)²] at random interpolates (Gulrajani et al. 2017, equation 3), without λ."""
    x = interpolates(real, fake, one_a_sample(real, rng))
    return (input_gradient_norms(critic, x, create_graph=True) - 1).square().mean(-1)


class Objective(Variant):
    """A pair of losses and, where there is one, the constraint on the critic.

    Attributes
    ----------
    estimate_name : str
        Which distance :meth:`estimate` approximates: ``w_estimate`` or ``js_estimate``.
    defaults : dict
        What its paper uses for optimisers, n_critic and batch size.
    dcgan_critic_normalisation : str
        What its paper puts into a DCGAN critic.
    no_batch_norm : str
        Why the critic must not have batch normalisation, or "" where it may.
    stacks : bool
        The losses treat each of K stacked critics alone: for samples (K, n, d) and K generators of random numbers each
        term has shape (K,) and is what the member alone gives, and ``constrain`` treats each row of (K, p) alone. Runs
        that differ in the seed alone can then train as one program.
    """

    estimate_name: ClassVar[str] = "w_estimate"
    defaults: ClassVar[dict[str, Any]] = {}
    dcgan_critic_normalisation: ClassVar[str] = "none"
    no_batch_norm: ClassVar[str] = ""
    stacks: ClassVar[bool] = False

    def critic_loss(self, critic: Net, real: Tensor, fake: Tensor, rng: Generator) -> dict[str, Tensor]:
        """Named terms, each a scalar; the critic minimises their sum. ``fake`` carries no graph."""
        raise NotImplementedError

    def generator_loss(self, critic: Net, fake: Tensor) -> Tensor:
        """A scalar, which the generator minimises through ``fake``."""
        raise NotImplementedError

    def constrain(self, weights: Tensor) -> None:
        """Project the critic's parameters, one flat vector, in place after each of its steps."""

    def estimate(self, terms: dict[str, float]) -> float:
        """What this objective says the distance is, from the critic's terms, without any penalty."""
        raise NotImplementedError


class Gan(Objective):
    """The original GAN (Goodfellow et al. 2014), from logits: log D = −softplus(−f), log(1 − D) = −softplus(f)."""

    label: ClassVar = "GAN"
    source: ClassVar = "Goodfellow et al. 2014; From GAN to WGAN, §3"
    estimate_name: ClassVar = "js_estimate"
    defaults: ClassVar = {
        "critic_optimiser": {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999},
        "generator_optimiser": {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999},
        "n_critic": 1,
        "batch_size": 128,
    }
    dcgan_critic_normalisation: ClassVar = "batch"
    stacks: ClassVar = True

    kind: Literal["gan"] = "gan"
    generator_goal: Literal["non-saturating", "saturating"] = knob(
        "non-saturating",
        "Generator's loss",
        "Non-saturating minimises −log D(G(z)); saturating minimises log(1 − D(G(z))).",
    )

    def critic_loss(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        # −L(D, G) = −E[log D(x)] − E[log(1 − D(x̃))]
        on_real, on_fake = scores(critic, real, fake)
        return {
            "critic_real": mean_over_samples(softplus(-on_real)),
            "critic_fake": mean_over_samples(softplus(on_fake)),
        }

    def generator_loss(self, critic: Net, fake: Tensor) -> Tensor:
        on_fake = critic(fake)
        if self.generator_goal == "saturating":
            return -mean_over_samples(softplus(on_fake))
        return mean_over_samples(softplus(-on_fake))

    def estimate(self, terms: dict[str, float]) -> float:
        # L(D*, G) = 2 JS − 2 log 2, so JS ≈ ½ L + log 2 (WGAN paper, §4.2); never above log 2.
        return LOG_2 - 0.5 * (terms["critic_real"] + terms["critic_fake"])


class Wasserstein(Objective):
    """What both WGANs share: the critic maximises E[f(x)] − E[f(x̃)] (WGAN paper, equation 2)."""

    stacks: ClassVar = True

    def critic_loss(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        on_real, on_fake = scores(critic, real, fake)
        return {"critic_real": -mean_over_samples(on_real), "critic_fake": mean_over_samples(on_fake)}

    def generator_loss(self, critic: Net, fake: Tensor) -> Tensor:
        return -mean_over_samples(critic(fake))

    def estimate(self, terms: dict[str, float]) -> float:
        return -(terms["critic_real"] + terms["critic_fake"])


class WganClip(Wasserstein):
    """WGAN with weight clipping (Arjovsky, Chintala, Bottou 2017, Algorithm 1)."""

    label: ClassVar = "WGAN, weight clipping"
    source: ClassVar = "the WGAN paper, Algorithm 1"
    defaults: ClassVar = {
        "critic_optimiser": {"kind": "rmsprop", "lr": 5e-5},
        "generator_optimiser": {"kind": "rmsprop", "lr": 5e-5},
        "n_critic": 5,
        "batch_size": 64,
    }
    dcgan_critic_normalisation: ClassVar = "batch"

    kind: Literal["wgan-clip"] = "wgan-clip"
    clip: float = knob(
        0.01,
        "c",
        "Every parameter of the critic is clipped to [−c, c] after each step.",
        live=True,
        log=True,
        gt=0,
        le=10,
    )

    def constrain(self, weights: Tensor) -> None:
        weights.clamp_(-self.clip, self.clip)


class WganGp(Wasserstein):
    """WGAN with gradient penalty (Gulrajani et al. 2017, Algorithm 1)."""

    label: ClassVar = "WGAN-GP"
    source: ClassVar = "Gulrajani et al. 2017, equation 3 and Algorithm 1"
    no_batch_norm: ClassVar = (
        "the penalty holds the norm of each sample's own gradient, and batch normalisation makes a score depend on the"
        " whole batch (Gulrajani et al. 2017, §4)"
    )
    defaults: ClassVar = {
        "critic_optimiser": {"kind": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.9},
        "generator_optimiser": {"kind": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.9},
        "n_critic": 5,
        "batch_size": 64,
    }
    dcgan_critic_normalisation: ClassVar = "layer"

    kind: Literal["wgan-gp"] = "wgan-gp"
    penalty_weight: float = knob(
        10.0,
        "λ",
        "Weight of the penalty (‖∇f(x̂)‖ − 1)² that keeps the critic near 1-Lipschitz.",
        live=True,
        log=True,
        ge=0,
        le=10_000,
    )

    def critic_loss(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        terms = super().critic_loss(critic, real, fake, rng)
        return terms | {"gradient_penalty": self.penalty_weight * gradient_penalty(critic, real, fake, rng)}
