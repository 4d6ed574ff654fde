"""What a measurement may look at, and the list of all measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import as_input, critic_given, generator_input
from wgan_core.history import Array
from wgan_core.metrics.definitions import exact_em
from wgan_core.networks.piecewise import Net

EM_SAMPLES = 512
MODE_SAMPLES = 2_500
FLOOR_REPEATS = 3
GRID_IMAGES = 64
# Of a conditional run: a row for each class, up to so many classes.
GRID_COLUMNS, MOST_ROWS = 8, 16


@dataclass(frozen=True)
class Probe:
    """The fixed samples and latents that every snapshot of a run is measured with.

    They are drawn once, from a generator of their own, so that measuring more or less often changes nothing, and the
    same latent stays the same point or picture from snapshot to snapshot.

    Attributes
    ----------
    real : Tensor
        Shape (n, *shape).
    latents : Tensor
        What the generator takes: of a conditional run with a class beside each.
    alpha : Tensor
        Where between the real samples and the first generated ones the slope is looked at, shape (n,).
    w1_floor : float or None
        Of points.
    labels : Tensor or None
        Of a conditional run the classes beside the latents, one-hot; the first n are those of the real samples too. Of
        images each row of the grid has one class.
    """

    real: Tensor
    latents: Tensor
    alpha: Tensor
    w1_floor: float | None
    labels: Tensor | None = None

    @classmethod
    def draw(cls, config: TrainingConfig, rng: Generator, device: torch.device) -> Probe:
        """Draw the probe. For points this computes the finite-sample floor of W1 too."""
        dataset = config.dataset
        few, many = (GRID_IMAGES, GRID_IMAGES) if dataset.is_image else (EM_SAMPLES, MODE_SAMPLES)
        labels = None
        if not config.conditional:
            real = dataset.sample(few, rng, device)
        elif dataset.is_image:
            classes = torch.arange(
                min(config.class_count, MOST_ROWS), dtype=torch.int64, device=device
            ).repeat_interleave(GRID_COLUMNS)
            few = many = len(classes)
            real, labels = dataset.sample_of(classes, rng), as_input(config, classes)
        else:
            real, classes = dataset.sample_labelled(few, rng, device)
            more = dataset.sample_labels(many - few, rng, device)
            labels = as_input(config, torch.cat([classes, more]))
        latents = generator_input(config.latent.sample(many, rng, device), labels)
        alpha = torch.rand(few, generator=rng, dtype=torch.float32, device=device)
        floor = None
        if not dataset.is_image:
            others = [dataset.sample(few, rng, device) for _ in range(FLOOR_REPEATS)]
            floor = sum(exact_em(real.cpu(), other.cpu()) for other in others) / FLOOR_REPEATS
        return cls(real, latents, alpha, floor, labels)


@dataclass(frozen=True)
class Moment:
    """What a measurement may look at: the networks as they are now, the probe, and what they make of it.

    The critic of a conditional run is here that of samples of the probe's classes, in their order.
    """

    config: TrainingConfig
    generator: Net
    critic: Net
    critic_weights: Tensor
    probe: Probe
    samples: Tensor


Reading = Mapping[str, "float | Array"]
MEASUREMENTS: list[Callable[[Moment], Reading]] = []


def measurement(function: Callable[[Moment], Reading]) -> Callable[[Moment], Reading]:
    """Enter a function in the list that runs at every snapshot."""
    MEASUREMENTS.append(function)
    return function


@contextmanager
def evaluating(*nets: nn.Module) -> Iterator[None]:
    """Nets in evaluation mode, without gradients: batch statistics are neither used nor touched."""
    before = [net.training for net in nets]
    for net in nets:
        net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for net, training in zip(nets, before, strict=True):
            net.train(training)


def measure(config: TrainingConfig, generator: Net, critic: Net, critic_weights: Tensor, probe: Probe) -> Reading:
    """Run every measurement once."""
    with evaluating(generator, critic):
        critic = critic_given(critic, probe.labels)
        moment = Moment(config, generator, critic, critic_weights, probe, generator(probe.latents))
        found: dict[str, float | Array] = {}
        for function in MEASUREMENTS:
            found.update(function(moment))
    return found
