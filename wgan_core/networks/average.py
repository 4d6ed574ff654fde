"""A generator averaged over its own past, which is steadier than the one in training."""

from __future__ import annotations

import copy

from torch import Tensor

from wgan_core.networks.flat import FlatParameters
from wgan_core.networks.piecewise import Net


class Average:
    """The exponential moving average of a generator's parameters, θ̄ ← β θ̄ + (1 − β) θ after each of its steps.

    Buffers (what batch normalisation has seen) are averaged alike. While there are few steps β is at most (1 + t) / (10 + t) at
    step t, so that the weights of the start are soon forgotten.

    Source: Karras et al. 2018 (β = 0.999), Yazıcı et al. 2019 (β = 0.9999); the beginning as in TensorFlow.

    Attributes
    ----------
    net : Net
        The averaged generator, or K stacked ones. It starts as a copy.

    Examples
    --------
    >>> import torch
    >>> net = Net(torch.nn.Linear(1, 1, bias=False))
    >>> _ = net[0].weight.data.fill_(0.0)
    >>> average = Average(net)
    >>> _ = net[0].weight.data.fill_(1.0)
    >>> average.step(net, FlatParameters(net).weights, 0.999, 1)
    >>> round(average.weights.item(), 4)
    0.8182
    """

    def __init__(self, net: Net) -> None:
        self.net = copy.deepcopy(net).requires_grad_(False)
        self._flat = FlatParameters(self.net)

    @property
    def weights(self) -> Tensor:
        """Its parameters as one vector, shape (p,) or (K, p)."""
        return self._flat.weights

    def step(self, net: Net, weights: Tensor, decay: float, t: int) -> None:
        """Take in a generator, with its parameters as one vector, after its step ``t``, from 1."""
        share = 1 - min(decay, (1 + t) / (10 + t))
        self.weights.lerp_(weights, share)
        for mine, its in zip(self.net.buffers(), net.buffers(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(its, share)
            else:
                mine.copy_(its)

    def tensors(self, k: int) -> dict[str, Tensor]:
        """All that its steps change of one of K, by name."""
        buffers = {f"average.buffer.{name}": buffer for name, buffer in self.net.named_buffers()}
        return {"average.weights": self._flat.rows()[k]} | buffers
