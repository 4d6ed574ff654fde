"""What each kind of network brings to a script: its layers, written out, and how their weights are drawn.

A new kind of layer takes its place in ``LAYERS``, or in ``OWN_LAYERS`` where torch does not have it.
"""

from __future__ import annotations

import textwrap
from typing import Any

import torch
from torch import nn

from wgan_core.eject.snippets import SNIPPETS, Snippet, missing, snippet
from wgan_core.networks import Dcgan, Mlp, Network, ReportDcgan, Residual, ResNet, ToSigned
from wgan_core.networks.piecewise import Net
from wgan_core.objectives.remedies.batches import Closeness, VirtualBatchNorm, VirtualNet


@snippet(Mlp)
def mlp(_: Mlp) -> Snippet:
    return Snippet(
        '''\
def uniform_weights(net, rng):
    """Torch's default for linear layers: uniform within one over the root of the number of inputs."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=rng)
            bound = 1 / math.sqrt(layer.in_features)
            nn.init.uniform_(layer.bias, -bound, bound, generator=rng)
''',
        name="uniform_weights",
    )


def normal_weights(_: Network) -> Snippet:
    return Snippet(
        '''\
def normal_weights(net, rng):
    """As the DCGAN paper has them: weights N(0, 0.02²), biases 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02, generator=rng)
            nn.init.zeros_(layer.bias)
''',
        name="normal_weights",
    )


SNIPPETS.update(dict.fromkeys((Dcgan, ReportDcgan), normal_weights))


@snippet(ResNet)
def resnet(_: ResNet) -> Snippet:
    return Snippet(
        '''\
def he_weights(net, rng):
    """As in He et al. 2015: weights N(0, 2 / inputs), in shortcuts and linear layers N(0, 1 / inputs); biases 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            plain = isinstance(layer, nn.Linear) or layer.kernel_size == (1, 1)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if plain else "relu", generator=rng)
            nn.init.zeros_(layer.bias)
''',
        name="he_weights",
    )


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


# Layers that torch does not have. A script defines those that it uses.
OWN_LAYERS: dict[type[nn.Module], str] = {
    ToSigned: '''\
class ToSigned(nn.Module):
    """From [0, 1] to [−1, 1]."""

    def forward(self, s):
        return 2 * s - 1
''',
    Residual: '''\
class Residual(nn.Module):
    """What its main branch adds to the input, or to what the shortcut makes of it."""

    def __init__(self, main, shortcut):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return self.main(x) + self.shortcut(x)
''',
    Closeness: '''\
class Closeness(nn.Module):
    """Appends to each sample's features how close it is to the samples of its batch, in several ways."""

    def __init__(self, features, kernels, size):
        super().__init__()
        self.kernels = kernels
        self.weight = nn.Parameter(torch.empty(features, kernels * size))

    def forward(self, features):
        here = (features @ self.weight).view(len(features), self.kernels, -1).transpose(0, 1)
        close = torch.cdist(here, here, p=1).neg().exp().sum(-1)
        return torch.cat([features, close.t()], 1)
''',
    VirtualBatchNorm: '''\
class VirtualBatchNorm(nn.Module):
    """Normalises each sample by the mean and variance of the references, which come first, and itself."""

    def __init__(self, references, channels):
        super().__init__()
        self.references = references
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        r, places = self.references, x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)
        mean, variance = places[:r].mean((0, 2), keepdim=True), places[:r].var((0, 2), correction=0, keepdim=True)
        own = places[r:]
        its_mean, its_variance = own.mean(2, keepdim=True), own.var(2, correction=0, keepdim=True)
        both = (r * variance + its_variance) / (r + 1) + r * (its_mean - mean).square() / (r + 1) ** 2
        first = (places[:r] - mean) * (variance + 1e-5).rsqrt()
        rest = (own - (r * mean + its_mean) / (r + 1)) * (both + 1e-5).rsqrt()
        found = torch.cat([first, rest]) * self.weight.view(1, -1, 1) + self.bias.view(1, -1, 1)
        return found.view_as(x)
''',
    VirtualNet: '''\
class VirtualNet(nn.Sequential):
    """Layers through which samples go behind a reference batch, which is chosen once."""

    def forward(self, x):
        return super().forward(torch.cat([self.reference, x]))[len(self.reference) :]
''',
}


def own_layers(*nets: Net) -> list[str]:
    """The definitions of the layers in these nets that torch does not have."""
    used = {type(module) for net in nets for module in net.modules()}
    return [code for kind, code in OWN_LAYERS.items() if kind in used]


def layers(net: nn.Sequential, path: str) -> str:
    """A net as an expression, one layer a line."""
    lines = [f"{layer(module, path)}," for module in net if not isinstance(module, nn.Identity)]
    return _call("VirtualNet" if isinstance(net, VirtualNet) else "nn.Sequential", lines)


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
    if isinstance(module, Residual):
        return _call("Residual", [f"{layers(branch, path)}," for branch in (module.main, module.shortcut)])
    if isinstance(module, Closeness):
        return f"Closeness({len(module.weight)}, {module.kernels}, {module.newest.shape[-1]})"
    if isinstance(module, VirtualBatchNorm):
        return f"VirtualBatchNorm({module.references}, {len(module.weight)})"
    if kind in OWN_LAYERS:
        return f"{kind.__name__}()"
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
