"""The networks of a script: their layers, written out.

A new kind of layer of torch takes its place in ``LAYERS``; one that torch does not have defines itself, as an
:class:`~wgan_core.schema.script.OwnLayer`.
"""

from __future__ import annotations

import textwrap
from typing import Any

import torch
from torch import nn

from wgan_core.eject.refusals import missing
from wgan_core.networks.piecewise import Net
from wgan_core.schema.script import OwnLayer

# What a layer is made with, in order; all else stays at torch's defaults.
LAYERS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    nn.Conv2d: ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    nn.ConvTranspose2d: ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    nn.BatchNorm1d: ("num_features",),
    nn.BatchNorm2d: ("num_features",),
    nn.LayerNorm: ("normalized_shape",),
    nn.GroupNorm: ("num_groups", "num_channels"),
    nn.ReLU: (),
    nn.LeakyReLU: ("negative_slope",),
    nn.Tanh: (),
    nn.Sigmoid: (),
    nn.AvgPool2d: ("kernel_size",),
    nn.Upsample: ("size", "scale_factor"),
    nn.Flatten: (),
    nn.Unflatten: ("dim", "unflattened_size"),
}


def definitions(*used: type) -> list[str]:
    """The definitions of those of these layers that torch does not have."""
    return [kind.definition for kind in OwnLayer.own_layers if kind in used]


def used_in(*nets: Net) -> set[type]:
    """The kinds of all layers of these nets, and of the nets."""
    return {type(module) for net in nets for module in net.modules()}


def layers(net: nn.Sequential, path: str, made_as: str = "") -> str:
    """A net as an expression, one layer a line."""
    lines = [f"{layer(module, path)}," for module in net if not isinstance(module, nn.Identity)]
    return _call(made_as or (type(net).__name__ if isinstance(net, OwnLayer) else "nn.Sequential"), lines)


def _call(function: str, lines: list[str]) -> str:
    """A call with an argument a line."""
    return f"{function}(\n{textwrap.indent(chr(10).join(lines), '    ')}\n)" if lines else f"{function}()"


def layer(module: nn.Module, path: str) -> str:
    """A layer as an expression, or ConfigError where this would lose some of its settings.

    Examples
    --------
    >>> layer(nn.Conv2d(1, 16, 4, 2, 1), "critic")
    'nn.Conv2d(1, 16, 4, 2, 1)'
    """
    kind = type(module)
    if isinstance(module, OwnLayer):
        made_with = module.made_with()
        if any(isinstance(part, nn.Sequential) for part in made_with):
            return _call(kind.__name__, [f"{layers(part, path)}," for part in made_with])
        return f"{kind.__name__}({', '.join(map(repr, made_with))})"
    given = [getattr(module, name) for name in LAYERS.get(kind, ())]
    with torch.device("meta"):
        if kind not in LAYERS or repr(kind(*given)) != repr(module):
            raise missing(path, f"the layer {module}")
    return f"nn.{kind.__name__}({', '.join(map(_argument, given))})"


def _argument(value: Any) -> str:
    """A setting of a layer. Torch keeps (4, 4) for a kernel that was given as 4."""
    if isinstance(value, tuple):
        value = tuple(value)  # a torch.Size is shown otherwise
        return repr(value[0] if len(set(value)) == 1 and len(value) < 3 else value)
    return repr(value)
