"""What the networks of a conditional run take in: latents and samples, each with its class. Of other runs: these alone."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from wgan_core.config import TrainingConfig
from wgan_core.networks import Given, joined
from wgan_core.networks.piecewise import Net


def as_input(config: TrainingConfig, labels: Tensor) -> Tensor:
    """Numbers of classes, (n,), as networks take them: one-hot, float32, shape (n, classes)."""
    return one_hot(labels, config.class_count).float()


def draw_labels(config: TrainingConfig, n: int, rng: Generator, device: torch.device) -> Tensor | None:
    """Classes as often as the data have them, one-hot; None where the run is not conditional."""
    return as_input(config, config.dataset.sample_labels(n, rng, device)) if config.conditional else None


def draw_reals(config: TrainingConfig, n: int, rng: Generator, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Real samples, (n, *shape), and their classes, one-hot, or None."""
    if not config.conditional:
        return config.dataset.sample(n, rng, device), None
    x, labels = config.dataset.sample_labelled(n, rng, device)
    return x, as_input(config, labels)


def generator_input(latents: Tensor, labels: Tensor | None) -> Tensor:
    """Latents (n, dim) with their classes beside them, or K times as many for K stacked generators."""
    return latents if labels is None else torch.cat([latents, labels], -1)


def critic_given(critic: Net, labels: Tensor | None) -> Net:
    """The critic of samples of these classes."""
    return critic if labels is None else Given(critic, labels)


def generator_inputs(config: TrainingConfig, n: int, rng: Generator, device: torch.device) -> Tensor:
    """What the generator makes ``n`` samples of: latents, with classes where the run is conditional."""
    return generator_input(config.latent.sample(n, rng, device), draw_labels(config, n, rng, device))


def critic_inputs(config: TrainingConfig, n: int, rng: Generator, device: torch.device) -> Tensor:
    """``n`` real samples as the critic's first layer takes them."""
    x, labels = draw_reals(config, n, rng, device)
    return x if labels is None else joined(x, labels)
