"""The FID proper: Fréchet distance on the features of Inception, with weights that the user has on this computer.

The network is that of the package torch-fidelity, which resizes images and averages as the code of Heusel et al. 2017 did. It is
given weights that have been read here already, so that it has no reason to fetch any.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import generator_inputs
from wgan_core.datasets import ImageDataset
from wgan_core.host.folders import NoFolder, expanded
from wgan_core.metrics.images.distances import frechet
from wgan_core.metrics.moment import evaluating
from wgan_core.networks.piecewise import Net
from wgan_core.schema import ConfigError, Problem

VARIABLE = "WGAN_INCEPTION"
FILE = "weights-inception-2015-12-05-6726825d.pth"
PREFIX = "6726825d"
LAYER = "2048"
FEWEST, MOST, MOST_SEED = 2, 10_000, 2**31 - 1
# The file has 96 MB.
MOST_BYTES = 500_000_000
IN_ONE_PASS = 16
WANTED = (
    f"The FID takes weights of Inception, the file {FILE} of torch-fidelity's release v0.2.0 (sha256 {PREFIX}…). "
    "It does not come with this software and is not fetched; without it no FID is shown. Put the file anywhere on this computer "
    f"and name it with --weights FILE or in the variable {VARIABLE}"
)


@dataclass(frozen=True)
class Inception:
    """Inception with the weights of a file.

    Attributes
    ----------
    file : Path
    sha256 : str
        Of the file.
    """

    file: Path
    sha256: str
    net: nn.Module
    device: torch.device

    @property
    def published(self) -> bool:
        """Whether these are the weights that FIDs are computed with: the file's hash begins as it should."""
        return self.sha256.startswith(PREFIX)

    def features(self, images: Tensor) -> Tensor:
        """What the last pooling layer gives for a few images: float32, shape (n, 2048), on the CPU.

        Parameters
        ----------
        images : Tensor
            uint8, shape (n, 1 or 3, height, width), of any size: Inception sees them at 299 x 299 pixels.
        """
        with torch.inference_mode():
            (found,) = self.net(images.expand(-1, 3, -1, -1).to(self.device))
        features: Tensor = found.cpu()
        return features


def read_inception(named: str | None, device: torch.device) -> Inception:
    """Inception with the weights of the file that is named here, or else in ``WGAN_INCEPTION``.

    Raises
    ------
    ConfigError
        No file is named, or it cannot be read, or its weights are of another network; or torch-fidelity is not installed.
    """
    text = named or os.environ.get(VARIABLE, "").strip()
    if not text:
        raise ConfigError([Problem("weights", WANTED)])
    try:
        file = expanded(text, VARIABLE)
    except NoFolder as why:
        raise ConfigError([Problem("weights", str(why))]) from None
    if importlib.util.find_spec("torch_fidelity") is None:
        raise ConfigError([Problem("", "the FID needs the package torch-fidelity: pip install torch-fidelity")])
    try:
        if file.stat().st_size > MOST_BYTES:
            raise _refused(file, f"has more than {MOST_BYTES // 10**6} MB, which weights of Inception never have")
        content = file.read_bytes()
    except OSError as error:
        raise _refused(file, f"cannot be read ({error.strerror})") from None
    return Inception(file, hashlib.sha256(content).hexdigest(), _net(file, content).to(device), device)


def _net(file: Path, content: bytes) -> nn.Module:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        # Tensors only: a file of weights may otherwise run any code. What the library unpickles is then our own.
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        clean = io.BytesIO()
        torch.save(state, clean)
        clean.seek(0)
        with torch.random.fork_rng(devices=[]):  # it draws weights before it loads them
            net: nn.Module = FeatureExtractorInceptionV3("inception", [LAYER], feature_extractor_weights_path=clean)
            net = net.to(torch.float32)
    except Exception:  # a damaged pickle can raise anything
        raise _refused(file, "does not hold the weights of Inception as torch-fidelity keeps them") from None
    return net


def _refused(file: Path, why: str) -> ConfigError:
    return ConfigError([Problem("weights", f"the file “{file}” {why}. {WANTED}")])


@dataclass(frozen=True)
class InceptionDistance:
    """Fréchet distances on features of Inception, in squared features, 0 and up.

    Attributes
    ----------
    generated : float
        Of generated samples to real images.
    real : float
        Of as many other real images to the same ones, none of them in both: what a perfect generator would reach.
    samples : int
        How many in each set: those asked for, or half the data set if that is less.
    """

    generated: float
    real: float
    samples: int


def check(config: TrainingConfig, samples: int, seed: int) -> ImageDataset:
    """The data set of a run that can be scored so, or ConfigError with what stands against it."""
    for name, value, low, high in (("samples", samples, FEWEST, MOST), ("seed", seed, 0, MOST_SEED)):
        if not low <= value <= high:
            raise ConfigError([Problem(name, f"must be from {low:,} to {high:,}; you gave {value:,}")])
    if not isinstance(config.dataset, ImageDataset):
        raise ConfigError([Problem("dataset", f"the FID is for images; this run is on “{config.dataset.label}”")])
    return config.dataset


def inception_distance(
    config: TrainingConfig, generator: Net, inception: Inception, samples: int = 2_000, seed: int = 0
) -> Iterator[tuple[int, int] | InceptionDistance]:
    """Score a generator on the CPU. It is biased upwards for small samples, so compare it with others of as many samples only.

    Yields how many images of how many have been seen, after each pass, and last the distances.

    Parameters
    ----------
    config : TrainingConfig
        Of a run on images.
    samples : int
        2 to 10,000, of each kind.
    seed : int
        Of the draws of latents and of real images.

    Raises
    ------
    ConfigError
        ``samples`` or ``seed`` is out of range, the run is not on images, or the features are not finite.
    DataError
        The images cannot be read.

    References
    ----------
    Heusel et al. 2017; Bińkowski et al. 2018 on the bias
    """
    dataset = check(config, samples, seed)
    cpu = torch.device("cpu")
    # Streams of their own, so that neither draw hangs on how many the other one takes.
    of_real, of_latents = Generator(cpu).manual_seed(2 * seed), Generator(cpu).manual_seed(2 * seed + 1)
    real = dataset.distinct(2 * samples, of_real, cpu)
    n = len(real) // 2
    if n < FEWEST:
        raise ConfigError([Problem("dataset", f"has {len(real)} images, too few to be compared with each other")])
    latents = generator_inputs(config, n, of_latents, cpu)
    sets: dict[str, list[Tensor]] = {"generated": [], "first": [], "second": []}
    seen = 0
    for name, rows in zip(sets, (latents, *torch.split(real[: 2 * n], n)), strict=True):
        for part in torch.split(rows, IN_ONE_PASS):
            sets[name].append(inception.features(as_bytes(_made(generator, part) if name == "generated" else part)))
            seen += len(part)
            yield seen, 3 * n
    generated, first, second = map(torch.cat, sets.values())
    for what, features in (("generated samples", generated), ("real images", torch.cat([first, second]))):
        if not features.isfinite().all():
            raise ConfigError(
                [Problem("", f"Inception's features of the {what} are not finite, so there is no distance")]
            )
    yield InceptionDistance(frechet(generated, first), frechet(second, first), n)


def _made(generator: Net, latents: Tensor) -> Tensor:
    with evaluating(generator):
        made: Tensor = generator(latents)
    return made


def as_bytes(samples: Tensor) -> Tensor:
    """Images with values from −1 to 1 as bytes.

    Examples
    --------
    >>> as_bytes(torch.tensor([-1.0, 0.0, 1.0, 1.2]))
    tensor([  0, 128, 255, 255], dtype=torch.uint8)
    """
    return samples.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
