"""From an architecture to a net with weights, drawn from a run's own random numbers.

Weights are drawn on the CPU, so that two runs with the same seed start alike on every device, and nothing touches torch's
global state.
"""

from __future__ import annotations

import torch
from torch import Generator, nn

from wgan_core.networks.base import Network
from wgan_core.networks.piecewise import Net


def materialise(
    net: Net,
    architecture: Network,
    rng: Generator,
    device: torch.device,
    start: tuple[float, ...] | None = None,
) -> Net:
    """Give a net that was built on the meta device its weights, drawn on the CPU, and move it to ``device``.

    ``start`` shifts the mean of a generator's first samples.
    """
    net.to(torch.float32)  # whatever the caller's default is
    net.to_empty(device=torch.device("cpu"))
    for module in net.modules():
        # Normalisation layers reset to constants; the layers with weights are drawn below.
        if isinstance(module, nn.LayerNorm | nn.GroupNorm | nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
    architecture.initialise(net, rng)
    net.to(device)
    if start is not None and isinstance(last := net[-1], nn.Linear):
        with torch.no_grad():
            last.bias.add_(torch.tensor(start, dtype=torch.float32, device=device))
    return net


def build_generator(
    architecture: Network,
    latent_dim: int,
    shape: tuple[int, ...],
    rng: Generator,
    device: torch.device,
    start: tuple[float, ...] | None = None,
) -> Net:
    """Build a generator with weights from ``rng`` (on the CPU). ``start`` shifts the mean of its first samples."""
    with torch.device("meta"):
        net = architecture.generator(latent_dim, shape)
    return materialise(net, architecture, rng, device, start)


def build_critic(architecture: Network, shape: tuple[int, ...], rng: Generator, device: torch.device) -> Net:
    """Build a critic with weights from ``rng`` (on the CPU)."""
    with torch.device("meta"):
        net = architecture.critic(shape)
    return materialise(net, architecture, rng, device)
