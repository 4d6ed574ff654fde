"""What each kind of data set, network and optimiser brings to a script.

To add one, write a function of the part under ``@snippet(ItsClass)`` that returns a :class:`Snippet`. The code is plain
Python at the line length of the software and formatted as ruff formats it; a test holds that.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from wgan_core.datasets import (
    Cifar10,
    FashionMnist,
    Grid,
    ImageDataset,
    Mnist,
    ParallelLines,
    Ring,
    SwissRoll,
    TwoGaussians,
)
from wgan_core.drawing import unpack
from wgan_core.explain import ConfigError, Problem
from wgan_core.networks import Dcgan, Latent, Mlp
from wgan_core.optimisers import Adam, RmsProp, Sgd
from wgan_core.pictures import Folder
from wgan_core.piecewise import Net
from wgan_core.points import Points
from wgan_core.schema import Variant
from wgan_core.training import STREAMS


@dataclass(frozen=True)
class Snippet:
    """A part of a script.

    Attributes
    ----------
    code : str
        Of a data set the lines that define ``draw_real(n)``, drawing from ``real_rng`` on ``device``; of a network a function
        of a net and a generator of random numbers that draws the weights; of an optimiser its arguments in ``torch.optim``;
        of an objective the whole loop (see :mod:`wgan_core.eject.loops`).
    name : str
        Of a network the function's name, of an optimiser its class.
    argument : str
        The lines that add arguments of its own to ``parser``.
    """

    code: str
    name: str = ""
    argument: str = ""


V = TypeVar("V", bound=Variant)
SNIPPETS: dict[type[Variant], Callable[[Any], Snippet]] = {}


def snippet(kind: type[V]) -> Callable[[Callable[[V], Snippet]], Callable[[V], Snippet]]:
    """Enter a function as the one that writes a kind's snippet."""

    def enter(function: Callable[[V], Snippet]) -> Callable[[V], Snippet]:
        SNIPPETS[kind] = function
        return function

    return enter


def missing(path: str, what: str) -> ConfigError:
    return ConfigError([Problem(path, f"there is no script for {what} yet; its lines belong in wgan_core/eject")])


def snippet_of(part: Variant, path: str) -> Snippet:
    """The snippet of a part that stands at ``path`` in the config, or ConfigError."""
    if (write := SNIPPETS.get(type(part))) is None:
        raise missing(f"{path}.kind", part.kind)
    return write(part)


# Data sets


def gaussians(centres: str, sigma: float) -> Snippet:
    """Samples from Gaussians of one width, around centres that the given lines put into ``centres``."""
    return Snippet(f'''\
{centres}


def draw_real(n):
    """Each sample lies around one of the centres."""
    which = torch.randint(len(centres), (n,), generator=real_rng, device=device)
    noise = torch.randn(n, 2, generator=real_rng, device=device)
    return torch.add(centres[which], noise, alpha={sigma})
''')


@snippet(Ring)
def ring(data: Ring) -> Snippet:
    return gaussians(
        f"""\
angle = torch.arange({data.modes_count}) * (2 * math.pi / {data.modes_count})
centres = {data.radius} * torch.stack([angle.cos(), angle.sin()], 1).to(device)""",
        data.sigma,
    )


@snippet(Grid)
def grid(data: Grid) -> Snippet:
    return gaussians(
        f"""\
line = (torch.arange({data.side}) - {(data.side - 1) / 2}) * {data.spacing}
centres = torch.cartesian_prod(line, line).reshape(-1, 2).to(device)""",
        data.sigma,
    )


@snippet(TwoGaussians)
def two_gaussians(data: TwoGaussians) -> Snippet:
    half = data.separation / 2
    return gaussians(f"centres = torch.tensor([[{-half}, 0.0], [{half}, 0.0]], device=device)", data.sigma)


@snippet(Points)
def points(data: Points) -> Snippet:
    pairs = " ".join(f"{1000 * x:.0f},{1000 * y:.0f}" for x, y in unpack(data.points)[0])
    lines = "\n".join(textwrap.wrap(pairs, 118, break_on_hyphens=False))
    return gaussians(
        f'''\
# Pairs x,y in thousandths.
points = """
{lines}
"""
pairs = [[int(number) / 1000 for number in pair.split(",")] for pair in points.split()]
centres = torch.tensor(pairs, device=device)''',
        data.noise,
    )


@snippet(SwissRoll)
def swiss_roll(data: SwissRoll) -> Snippet:
    return Snippet(f'''\


def draw_real(n):
    """A spiral of one and a half turns, and noise around it."""
    angle = 1.5 * math.pi * (1 + 2 * torch.rand(n, generator=real_rng, device=device))
    curve = torch.stack([angle * angle.cos(), angle * angle.sin()], 1) * ({data.radius} / (4.5 * math.pi))
    noise = torch.randn(n, 2, generator=real_rng, device=device)
    return torch.add(curve, noise, alpha={data.noise})
''')


@snippet(ParallelLines)
def parallel_lines(_: ParallelLines) -> Snippet:
    return Snippet('''\


def draw_real(n):
    """Example 1 of the WGAN paper: the points (0, y) with y from 0 to 1."""
    y = torch.rand(n, 1, generator=real_rng, device=device)
    return torch.cat([torch.zeros_like(y), y], 1)
''')


@snippet(FashionMnist)
def fashion_mnist(data: FashionMnist) -> Snippet:
    if data != FashionMnist():  # more than the file with the test images
        return images(data)
    return Snippet(
        '''\
# The images are not in this script, and it downloads nothing. The file t10k-images-idx3-ubyte.gz is in data/fashion of
# https://github.com/zalandoresearch/fashion-mnist (and in assets/fashion-mnist of WGAN Live).
with gzip.open(args.images) as file:
    pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
images = nn.functional.pad(torch.tensor(pixels), (2, 2, 2, 2)).to(device)


def draw_real(n):
    """Images of 32 × 32 pixels from −1 to 1."""
    which = torch.randint(len(images), (n,), generator=real_rng, device=device)
    return images[which].float() * (2 / 255) - 1
''',
        argument='parser.add_argument("images", help="the test images of Fashion-MNIST, t10k-images-idx3-ubyte.gz")',
    )


def images(_: ImageDataset) -> Snippet:
    return Snippet(
        '''\
# The images are not in this script. Where WGAN Live is installed, and this run's config is at hand, this writes them:
#   np.save("images.npy", config.dataset.read().pixels.numpy())
images = torch.tensor(np.load(args.images)).to(device)


def draw_real(n):
    """Images from −1 to 1."""
    which = torch.randint(len(images), (n,), generator=real_rng, device=device)
    return images[which].float() * (2 / 255) - 1
''',
        argument='parser.add_argument("images", help="the images as bytes, n × channels × height × width, a .npy file")',
    )


SNIPPETS.update(dict.fromkeys((Cifar10, Folder, Mnist), images))


def latents(latent: Latent) -> str:
    """The lines that define ``draw_latents(n, rng)`` and the two generators of random numbers for it."""
    what, draw = {
        "gaussian": ("standard Gaussian", "torch.randn(n, {}, generator=rng, device=device)"),
        "uniform": ("uniform from −1 to 1", "2 * torch.rand(n, {}, generator=rng, device=device) - 1"),
    }[latent.prior]
    return f'''\
critic_latent_rng = stream({STREAMS.index("critic-latent")}, device)
generator_latent_rng = stream({STREAMS.index("generator-latent")}, device)


def draw_latents(n, rng):
    """z ~ p(z), {what}."""
    return {draw.format(latent.dim)}
'''


# Networks


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


@snippet(Dcgan)
def dcgan(_: Dcgan) -> Snippet:
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
    nn.Flatten: (),
    nn.Unflatten: ("dim", "unflattened_size"),
}


def layers(net: Net, path: str) -> str:
    """A net as an expression, one layer a line."""
    lines = [f"    {layer(module, path)},\n" for module in net if not isinstance(module, nn.Identity)]
    return f"nn.Sequential(\n{''.join(lines)})"


def layer(module: nn.Module, path: str) -> str:
    """A layer as an expression, or ConfigError where this would lose some of its settings.

    Examples
    --------
    >>> layer(nn.Conv2d(1, 16, 4, 2, 1), "critic")
    'nn.Conv2d(1, 16, 4, 2, 1)'
    """
    kind = type(module)
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


# Optimisers


@snippet(Adam)
def adam(optimiser: Adam) -> Snippet:
    return Snippet(f"lr={optimiser.lr}, betas=({optimiser.beta1}, {optimiser.beta2}), fused=True", name="Adam")


@snippet(RmsProp)
def rmsprop(optimiser: RmsProp) -> Snippet:
    return Snippet(f"lr={optimiser.lr}, alpha={optimiser.alpha}", name="RMSprop")


@snippet(Sgd)
def sgd(optimiser: Sgd) -> Snippet:
    momentum = f", momentum={optimiser.momentum}" if optimiser.momentum else ""
    return Snippet(f"lr={optimiser.lr}{momentum}", name="SGD")
