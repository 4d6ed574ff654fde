"""What one sample costs on its way through a network: numbers that autograd keeps, and arithmetic. Nothing is computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from torch import nn

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.remedies.batches import Closeness, VirtualBatchNorm, VirtualNet

Shape = tuple[int, ...]
# Virtual batch normalisation keeps so many numbers for each that comes in, of which autograd's own layers keep one.
VIRTUAL_COPIES = 4


@dataclass(frozen=True)
class Pass:
    """One sample's way through some layers.

    Attributes
    ----------
    shape : tuple of int
        What comes out.
    kept : int
        Numbers that are kept for the way back: what each layer puts out, unless the next writes over it.
    widest : int
        The most that one layer puts out.
    flops : int
        Multiplications and additions of products and convolutions.
    layers : int
    """

    shape: Shape
    kept: int = 0
    widest: int = 0
    flops: int = 0
    layers: int = 0

    def then(self, shape: Shape, flops: int = 0, *, kept: bool = True, copies: int = 1) -> Pass:
        size = prod(shape) * copies
        return Pass(shape, self.kept + size * kept, max(self.widest, size), self.flops + flops, self.layers + 1)


def through(net: Net, shape: Shape) -> Pass:
    """One sample of this shape on its way through a network, without a batch."""
    return _through(net, Pass(shape))


def alongside(net: Net) -> int:
    """Samples that a network takes through its layers beside each batch."""
    return len(net.reference) if isinstance(net, VirtualNet) else 0


def _through(layers: Iterable[nn.Module], at: Pass) -> Pass:
    for layer in layers:
        at = _layer(layer, at)
    return at


def _layer(layer: nn.Module, at: Pass) -> Pass:
    shape = at.shape
    if isinstance(layer, nn.Linear):
        return at.then((layer.out_features,), 2 * layer.in_features * layer.out_features)
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return _convolution(layer, at)
    if isinstance(layer, nn.AvgPool2d):
        size = layer.kernel_size if isinstance(layer.kernel_size, int) else layer.kernel_size[0]
        return at.then((shape[0], *(side // size for side in shape[1:])))
    if isinstance(layer, nn.Upsample):
        return at.then((shape[0], *(int(side * float(layer.scale_factor or 1)) for side in shape[1:])))  # type: ignore[arg-type]
    if isinstance(layer, nn.Flatten):
        return Pass((prod(shape),), at.kept, at.widest, at.flops, at.layers)
    if isinstance(layer, nn.Unflatten):
        return Pass(tuple(map(int, layer.unflattened_size)), at.kept, at.widest, at.flops, at.layers)
    if isinstance(layer, nn.Identity):
        return at
    if isinstance(layer, Closeness):
        features, columns = layer.weight.shape
        kernels, batch, size = layer.newest.shape
        # The distance, its negative and its exponential of each pair, for each kernel.
        pairs = kernels * batch
        found = at.then((columns,), 2 * features * columns).then((3 * pairs,), 3 * pairs * size)
        return found.then((shape[0] + kernels,))
    if isinstance(layer, nn.Sequential):
        return _through(layer, at)
    if parts := list(layer.children()):
        return _beside(parts, at)
    if isinstance(layer, VirtualBatchNorm):
        return at.then(shape, copies=VIRTUAL_COPIES)
    return at.then(shape, kept=not getattr(layer, "inplace", False))


def _beside(parts: Iterable[nn.Module], at: Pass) -> Pass:
    """Parts that all see what came in, and whose sum goes out."""
    ways = [_layer(part, Pass(at.shape)) for part in parts]
    kept, flops, layers = (sum(getattr(way, name) for way in ways) for name in ("kept", "flops", "layers"))
    widest = max(at.widest, *(way.widest for way in ways))
    return Pass(at.shape, at.kept + kept, widest, at.flops + flops, at.layers + layers).then(ways[0].shape)


def _convolution(layer: nn.Conv2d | nn.ConvTranspose2d, at: Pass) -> Pass:
    kernel, stride, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
    transposed = isinstance(layer, nn.ConvTranspose2d)
    sides = [
        (side - 1) * stride - 2 * padding + kernel if transposed else (side + 2 * padding - kernel) // stride + 1
        for side in at.shape[1:]
    ]
    places = prod(at.shape[1:]) if transposed else prod(sides)
    flops = 2 * layer.in_channels * layer.out_channels * kernel**2 * places
    return at.then((layer.out_channels, *sides), flops)
