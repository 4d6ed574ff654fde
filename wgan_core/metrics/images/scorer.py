"""The scores of a run on images, each beside what real images reach when they are scored in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor

from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import generator_inputs
from wgan_core.datasets import ImageDataset
from wgan_core.history import Array
from wgan_core.metrics.definitions import coverage_threshold
from wgan_core.metrics.images.classifier import Classifier
from wgan_core.metrics.images.distances import frechet, kid, neighbours, reverse_kl
from wgan_core.metrics.images.kept import fitting_for, keep
from wgan_core.metrics.moment import MODE_SAMPLES, Reading, evaluating
from wgan_core.networks.piecewise import Net

# Of stacked images, where there are a thousand modes to find, as many as of points.
SAMPLES = 1_000
FEWEST = 200
IN_ONE_PASS = 64


def due(config: TrainingConfig, step: int) -> bool:
    """Whether the snapshot of this step is scored: the first one after each ``scores_every`` steps, and the last one.

    Examples
    --------
    >>> config = TrainingConfig.parse({"dataset": {"kind": "fashion-mnist"}, "steps": 270, "scores_every": 100})
    >>> [step for step in range(271) if due(config, step)]
    [100, 200, 270]
    """
    every, between = config.scores_every, config.snapshot_every
    last = step >= config.steps
    if not config.dataset.is_image or every == 0 or step < every or (step % between and not last):
        return False
    return last or step // every > (step - between) // every


@dataclass(frozen=True)
class Seen:
    """What the classifier sees in n samples.

    Attributes
    ----------
    features : Tensor
        Shape (n, d), on the CPU.
    classes : Tensor
        Samples in each class: int64, on the CPU; of stacked images, images in each class.
    modes : Tensor
        Samples in each mode: a class, or a triple of classes.
    """

    features: Tensor
    classes: Tensor
    modes: Tensor


class Scorer:
    """Scores a generator with fixed latents against fixed real images, drawn from a stream of their own.

    Two halves of the real images are drawn, different images all of them. Generated samples are compared with the first half,
    and so is the second half, which shows what a perfect generator would reach.

    Parameters
    ----------
    config : TrainingConfig
        Of a run on images.
    rng : Generator
        On ``device``.
    """

    def __init__(self, config: TrainingConfig, rng: Generator, device: torch.device) -> None:
        assert isinstance(config.dataset, ImageDataset)
        self._data = config.dataset
        self._inputs = partial(generator_inputs, config, rng=rng, device=device)
        self._rng, self._device = rng, device
        self._ready = False
        self._eye: Classifier | None = None

    def prepare(self) -> Iterator[str]:
        """Train the classifier, where that has not been done before, and score the real images.

        Yields what it is at, in words, after each minibatch, so that a run can be stopped or paused there.

        Raises
        ------
        DataError
            The images cannot be read.
        """
        if self._ready:
            return
        fitting = fitting_for(self._data)
        while fitting.result is None:
            fitting.advance()
            yield f"training the classifier for the scores, {fitting.share:.0%}"
            if fitting.result is not None:
                keep(fitting)
        yield "scoring real images"
        self._fitting = fitting  # for others to share
        self._ready = True
        wanted = MODE_SAMPLES if self._data.stacks > 1 else SAMPLES
        real = self._data.distinct(2 * wanted, self._rng, self._device)
        self._count = len(real) // 2
        if self._count < FEWEST:
            return
        self._eye = fitting.result.on(self._device)
        self._latents = self._inputs(self._count)
        first, second = (self._see(half) for half in torch.split(real[: 2 * self._count], self._count))
        self._real = first
        shares = (first.classes + second.classes).double()
        self._shares = shares / shares.sum()
        # A class that no real image was put in gets half an image's share, so that the divergence is finite.
        smooth = (shares + 0.5) / (shares + 0.5).sum()
        self._weights, self._smooth = self._of_modes(self._shares), self._of_modes(smooth)
        self._reference = {f"{name}_real": value for name, value in self._scalars(second).items()}

    def score(self, generator: Net) -> Reading:
        """The scores of a generator as it is now, with those of real images, ``…_real``, beside them.

        Nothing where there are fewer than 400 images, or where samples are not finite.

        Returns
        -------
        classes_covered, classes_covered_real : float, classes, 0 and up
            Classes that the classifier puts at least 1 % of the samples in, or a quarter of their fair share where that is less
            (of stacked images: triples of classes, at least one of 2,500). Absent where the data are of one class.
        classes : float, classes, 1 and up
            The classes that the classifier finds in real images.
        class_reverse_kl, class_reverse_kl_real : float, nats, 0 and up
            Σ p ln(p / q) over classes, p the share of the generated samples and q that of the real images.
        frechet_small_cnn, frechet_small_cnn_real : float, squared features, 0 and up
            Fréchet distance on the classifier's 64 features. It is no FID, and compares only with others of the same data.
        kid, kid_real : float, cubed features, about 0 and up
            Unbiased MMD² on the same features, with the polynomial kernel of degree 3.
        precision, precision_real, recall, recall_real : float, share, 0 to 1
            Generated samples within the reach of a real one, and real ones within that of a generated one, k = 3.
        density, density_real : float, ratio, 0 and up
            Real samples in whose reach a generated one lies, over k = 5.
        coverage, coverage_real : float, share, 0 to 1
            Real samples that have a generated one in their reach, k = 5.
        classifier_accuracy : float, share, 0 to 1
            Images that were held out and that the classifier puts in the right class.
        class_shares, class_shares_real : array (classes), share, 0 to 1
            What the classifier makes of the samples; of stacked images, of their channels.

        References
        ----------
        Heusel et al. 2017; Bińkowski et al. 2018; Kynkäänniemi et al. 2019; Naeem et al. 2020; Metz et al. 2017; Srivastava
        et al. 2017
        """
        for _ in self.prepare():
            pass
        if self._eye is None:
            return {}
        with evaluating(generator):
            samples = torch.cat([generator(part) for part in torch.split(self._latents, IN_ONE_PASS)])
        seen = self._see(samples)
        if not seen.features.isfinite().all():
            return {}
        found: dict[str, float | Array] = {**self._scalars(seen), **self._reference}
        found["classifier_accuracy"] = self._eye.accuracy
        if self._has_classes:
            found["classes"] = float((self._weights > 0).sum())
            found["class_shares"] = (seen.classes / seen.classes.sum()).float().numpy()
            found["class_shares_real"] = self._shares.float().numpy()
        return found

    @property
    def _has_classes(self) -> bool:
        return self._eye is not None and not self._eye.by_turns and not self._data.one_class

    def _see(self, samples: Tensor) -> Seen:
        assert self._eye is not None
        stacks, n = self._data.stacks, len(samples)
        features, classes = self._eye.read(samples.reshape(n * stacks, -1, *samples.shape[2:]))
        k = len(self._eye.classes)
        place = torch.tensor([k**power for power in reversed(range(stacks))], dtype=torch.int64, device=classes.device)
        modes = (classes.view(n, stacks) * place).sum(1)
        return Seen(
            features.reshape(n, -1).cpu(),
            torch.bincount(classes, minlength=k).cpu(),
            torch.bincount(modes, minlength=k**stacks).cpu(),
        )

    def _of_modes(self, shares: Tensor) -> Tensor:
        """The share of each mode, where channels are stacked independently, from that of each class."""
        return torch.cartesian_prod(*[shares] * self._data.stacks).view(-1, self._data.stacks).prod(1)

    def _scalars(self, seen: Seen) -> dict[str, float]:
        near = neighbours(self._real.features, seen.features)
        found = {
            "frechet_small_cnn": frechet(seen.features, self._real.features),
            "kid": kid(seen.features, self._real.features),
            "precision": near.precision,
            "recall": near.recall,
            "density": near.density,
            "coverage": near.coverage,
        }
        if self._has_classes:
            enough = seen.modes >= coverage_threshold(self._weights) * self._count
            covered = float((enough & (self._weights > 0)).sum())
            kl = reverse_kl(seen.modes.float() / self._count, self._smooth)
            found = {"classes_covered": covered, "class_reverse_kl": kl} | found
        return found
