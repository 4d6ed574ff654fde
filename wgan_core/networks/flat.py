"""All parameters of a net as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from wgan_core.networks.piecewise import Net


class FlatParameters:
    """All parameters of a net in one vector, their gradients in another; the net's tensors are views of it.

    Optimiser step, clipping, norms, histograms and finiteness then cost one operation on one tensor instead of one for
    each layer, which is most of the time of a small net's step. Element-wise optimisers (Adam, RMSProp, SGD) give
    the same numbers either way.

    Attributes
    ----------
    weights, gradient : Tensor
        Shape (p,), or (K, p) for K stacked nets, one row each. :meth:`backward` leaves its result in ``gradient``.

    Examples
    --------
    >>> net = nn.Linear(2, 1)
    >>> flat = FlatParameters(net)
    >>> _ = flat.weights.fill_(3.0)
    >>> net.bias.item()
    3.0
    """

    def __init__(self, net: nn.Module) -> None:
        self._parameters = list(net.parameters())
        self._leading = net.batch_dim if isinstance(net, Net) else 0
        self.weights = torch.cat([p.detach().flatten(self._leading) for p in self._parameters], -1)
        self.gradient = torch.zeros_like(self.weights)
        offset = 0
        for p in self._parameters:
            size = math.prod(p.shape[self._leading :])
            p.data = self.weights[..., offset : offset + size].view_as(p)
            offset += size

    def backward(self, loss: Tensor) -> None:
        """Put ∂loss/∂weights into ``gradient``. Nothing accumulates, no other net's gradient is computed.

        For K stacked nets ``loss`` has shape (K,). No net's loss depends on another's weights, so that the slope of the
        sum holds the slope of each.
        """
        gradients = torch.autograd.grad(loss.sum() if self._leading else loss, self._parameters)
        torch.cat([g.flatten(self._leading) for g in gradients], -1, out=self.gradient)

    def rows(self, vector: Tensor | None = None) -> Tensor:
        """The weights, or another tensor of their shape, as (K, p): one row for each stacked net, one in all for a net alone."""
        return (self.weights if vector is None else vector).view(-1, self.weights.shape[-1])

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within, losses go through the net without asking for its own gradient."""
        for p in self._parameters:
            p.requires_grad_(False)
        try:
            yield
        finally:
            for p in self._parameters:
                p.requires_grad_(True)
