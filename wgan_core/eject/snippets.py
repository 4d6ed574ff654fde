"""What each kind of data set and optimiser brings to a script; for networks see :mod:`wgan_core.eject.nets`.

To add one, write a function of the part under ``@snippet(ItsClass)`` that returns a :class:`Snippet`. The code is plain
Python at the line length of the software and formatted as ruff formats it; a test holds that.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from wgan_core.datasets import (
    Cifar10,
    FashionMnist,
    Grid,
    ImageDataset,
    Mnist,
    ParallelLines,
    Ring,
    StackedMnist,
    SwissRoll,
    TwoGaussians,
)
from wgan_core.datasets.pictures import Folder
from wgan_core.datasets.points.clusters import Points
from wgan_core.datasets.points.packing import unpack
from wgan_core.networks import Latent
from wgan_core.optimisers import Adam, RmsProp, Sgd
from wgan_core.schema import ConfigError, Part, Problem, Variant
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


V = TypeVar("V", bound=Part)
SNIPPETS: dict[type[Part], Callable[[Any], Snippet]] = {}


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
    pairs = " ".join(f"{x!r},{y!r}" for x, y in unpack(data.points).placed.tolist())
    lines = "\n".join(textwrap.wrap(pairs, 118, break_on_hyphens=False))
    return gaussians(
        f'''\
# Pairs x,y.
points = """
{lines}
"""
pairs = [[float(number) for number in pair.split(",")] for pair in points.split()]
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


SNIPPETS.update(dict.fromkeys((Cifar10, Folder, Mnist, StackedMnist), images))


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
