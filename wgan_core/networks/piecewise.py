"""Multi-layer perceptrons with piecewise-linear activations, differentiated by hand.

Inside one linear piece the net is f(x) = W_L D_{L-1} … D_1 W_1 x + const, where the diagonal D_i hold the activation's
slopes. Both what training needs (∂f/∂W) and what the gradient penalty needs (∇ₓf, and ∂(v·∇ₓf)/∂W) are then short
chains of matrix products. Writing them out spares autograd's graph, most of all the double backward pass. The
numbers are autograd's, to rounding; ``benchmarks/loop.py`` has what it gains.

All of it is also written for K nets at once (:func:`stacked`): parameters and samples then have a leading dimension K,
and each product is one batched product.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Net(nn.Sequential):
    """A sequence of layers that knows whether a sample's output depends on the rest of its batch.

    Attributes
    ----------
    mixes_samples : bool
        A sample's output depends on the rest of its batch.
    batch_dim : int
        Which dimension of inputs and outputs counts the samples: 0, or 1 where K nets are stacked and 0 counts the nets.
    half_precision : bool
        In training, products of matrices and convolutions are computed in bfloat16. What comes out is float32.
    """

    batch_dim = 0
    half_precision = False

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.mixes_samples = any(
            isinstance(m, nn.modules.batchnorm._BatchNorm) or getattr(m, "mixes_samples", False) for m in self.modules()
        )

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor
        if self.half_precision and self.training:
            with torch.autocast(x.device.type, torch.bfloat16):
                out = super().__call__(x)
            return out.float()
        out = super().__call__(x)
        return out

    def input_gradient(self, x: Tensor, *, create_graph: bool = False) -> Tensor:
        """∇ₓ Σ f(x), shape of x; with ``create_graph`` differentiable once more in the parameters."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self(x).sum(), x, create_graph=create_graph)
        return gradient

    def features(self, x: Tensor) -> Tensor:
        """What the last layer gets to see of samples: the activations of the layers before it."""
        for layer in list(self)[:-1]:
            x = layer(x)
        return x


class PiecewiseLinear(Net):
    """Linear layers with (leaky) ReLU between them: layers 0, 2, 4, … are linear.

    Its methods take samples of shape (n, d), or (K, n, d) for K stacked nets.

    Parameters
    ----------
    *layers : nn.Module
        Alternating ``nn.Linear`` and activations, starting and ending with a linear layer.
    slope : float
        The activation's slope left of 0: 0 for ReLU.
    """

    def __init__(self, *layers: nn.Module, slope: float) -> None:
        super().__init__(*layers)
        self.slope = slope
        self._tensors: tuple[Tensor, ...] = ()

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        self._tensors = ()  # a move to another device may replace them
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self

    def tensors(self) -> tuple[Tensor, ...]:
        """Weight and bias of each linear layer in turn. Walking over the modules at each call would cost as much as a layer."""
        if not self._tensors:
            self._tensors = tuple(self.parameters())
        return self._tensors

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = _Forward.apply(x, self.slope, *self.tensors())
        return out

    def input_gradient(self, x: Tensor, *, create_graph: bool = False) -> Tensor:
        """By hand; always differentiable once more in the parameters (not in x: it is constant there)."""
        with torch.enable_grad():
            out: Tensor = _InputGradient.apply(x.detach(), self.slope, *self.tensors())
        return out


def stacked(nets: Sequence[PiecewiseLinear]) -> PiecewiseLinear:
    """K nets of one architecture as one net: parameters (K, …), inputs (K, n, d), outputs (K, n, outputs).

    Its parameters are copies.

    Examples
    --------
    >>> nets = [PiecewiseLinear(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 1), slope=0.0) for _ in range(3)]
    >>> stacked(nets)(torch.zeros(3, 10, 2)).shape
    torch.Size([3, 10, 1])
    """
    together = copy.deepcopy(nets[0])
    together.batch_dim = 1
    together._tensors = ()
    for p, *each in zip(together.parameters(), *(net.parameters() for net in nets), strict=True):
        p.data = torch.stack([one.detach() for one in each])
    return together


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x Wᵀ + b, of one net or of each of K."""
    if weight.dim() == 2:
        return torch.addmm(bias, x, weight.t())
    return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)


def _hidden(x: Tensor, slope: float, parameters: tuple[Tensor, ...]) -> list[Tensor]:
    """The activations after each hidden layer, the input first."""
    hidden = [x]
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        z = _affine(hidden[-1], weight, bias)
        hidden.append(z.relu_() if slope == 0 else nn.functional.leaky_relu_(z, slope))
    return hidden


def _through_activation(gradient: Tensor, after: Tensor, slope: float) -> Tensor:
    """gradient × D, where the activation's sign tells the piece."""
    if slope == 0:
        return torch.ops.aten.threshold_backward(gradient, after, 0)  # type: ignore[no-any-return]
    return torch.ops.aten.leaky_relu_backward(gradient, after, slope, True)  # type: ignore[no-any-return]


class _Forward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float, *parameters: Tensor) -> Tensor:
        hidden = _hidden(x, slope, parameters)
        ctx.slope = slope
        ctx.save_for_backward(*hidden, *parameters)
        return _affine(hidden[-1], parameters[-2], parameters[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        count = (len(ctx.saved_tensors) - 1) // 3 + 1
        hidden, weights = ctx.saved_tensors[:count], ctx.saved_tensors[count::2]
        wanted = any(ctx.needs_input_grad[2:])
        gradients: list[Tensor | None] = []
        for i in reversed(range(len(weights))):
            gradients += [gradient.sum(-2), gradient.mT @ hidden[i]] if wanted else [None, None]
            if i > 0:
                gradient = _through_activation(gradient @ weights[i], hidden[i], ctx.slope)
        to_input = gradient @ weights[0] if ctx.needs_input_grad[0] else None
        return to_input, None, *reversed(gradients)


class _InputGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float, *parameters: Tensor) -> Tensor:
        hidden, weights = _hidden(x, slope, parameters), parameters[::2]
        # deltas[i] is ∂ Σf / ∂(output of linear layer i), all layers but the last, where it is 1.
        deltas: list[Tensor] = []
        delta = weights[-1].sum(-2, keepdim=True).expand(*x.shape[:-1], -1)
        for i in reversed(range(1, len(weights))):
            delta = _through_activation(delta, hidden[i], slope)
            deltas.insert(0, delta)
            delta = delta @ weights[i - 1]
        ctx.slope = slope
        ctx.outputs = weights[-1].shape[-2]
        ctx.save_for_backward(*hidden[1:], *deltas, *weights[:-1])
        return delta

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
        # direction · ∇ₓf is the derivative of f along ``direction``: push the direction forward through the piece.
        count = len(ctx.saved_tensors) // 3
        hidden, deltas, weights = (ctx.saved_tensors[i * count : (i + 1) * count] for i in range(3))
        gradients: list[Tensor | None] = [None, None]
        for h, delta, weight in zip(hidden, deltas, weights, strict=True):
            gradients += [delta.mT @ direction, None]
            direction = _through_activation(direction @ weight.mT, h, ctx.slope)
        # A product with ones, as autograd has it: the numbers are then its own to the last bit. A sum leaves 1e-9 where it has
        # 0, and Adam turns that into whole steps.
        ones = direction.new_ones(ctx.outputs, direction.shape[-2])
        last = ones @ direction if direction.dim() == 2 else torch.stack([ones @ each for each in direction])
        return *gradients, last, None
