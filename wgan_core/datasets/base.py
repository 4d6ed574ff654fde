"""What every data set is: samples of one shape, drawn from a generator of random numbers, and modes where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Generator, Tensor

from wgan_core.schema import Variant
from wgan_core.schema.script import Snippet


class DataError(Exception):
    """A data set cannot be read. The message says what was wrong and what to do."""


@dataclass(frozen=True)
class Modes:
    """The modes of a mixture.

    Attributes
    ----------
    centres : Tensor
        Shape (modes, dimensions).
    sigma : float
        Standard deviation of each mode along each axis.
    """

    centres: Tensor
    sigma: float

    @property
    def weights(self) -> Tensor:
        """Share of all samples that each mode should get: float64, shape (modes,), on the CPU."""
        return torch.full((len(self.centres),), 1 / len(self.centres), dtype=torch.float64, device="cpu")

    def nearest(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """How far each sample is from its nearest mode, and which one that is, each of shape (n,)."""
        # By differences: torch's way for many points, a² + b² − 2ab, loses the digits that tell points apart far from the origin.
        apart = torch.cdist(samples, self.centres.to(samples.device), compute_mode="donot_use_mm_for_euclid_dist")
        distance, which = apart.min(1)
        return distance, which


class Dataset(Variant):
    """A distribution of real samples."""

    is_image: ClassVar[bool] = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (2,) for points on the plane, (channels, height, width) for images."""
        return (2,)

    @property
    def size(self) -> int | None:
        """Number of distinct samples, or None where each draw is new, or where only reading the files tells."""
        return None

    @property
    def extent(self) -> float:
        """Half the side of the square around the origin that charts show."""
        return 3.0

    @property
    def start(self) -> tuple[float, ...] | None:
        """Where an untrained generator puts its samples, or None for around the origin."""
        return None

    @property
    def unchosen(self) -> str:
        """What is still to be chosen before there are any data, in words, or "" where nothing is."""
        return ""

    def settled(self) -> Self:
        """The same data, named so that it is found from any working folder."""
        return self

    def fingerprint(self) -> str:
        """A hash of data that lie outside of the config, "" where there are none: it differs where they have changed.

        Raises
        ------
        DataError
            They cannot be read.
        """
        return ""

    def lacks(self) -> Dataset | None:
        """The published set whose files this one needs and that are nowhere on this computer, or None. See ``lacking``."""
        return None

    def remarks(self) -> tuple[str, ...]:
        """What a person should know of how its files were read: what was left out and why, what may not be as expected.

        Raises
        ------
        DataError
            They cannot be read.
        """
        return ()

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        """Draw ``n`` samples: a float32 tensor of shape (n, *shape) on ``device``."""
        raise NotImplementedError

    def script(self) -> Snippet | None:
        """Its lines in a script: how samples are drawn."""
        return None

    def script_of_classes(self) -> Snippet | None:
        """Its lines in a script of a conditional run: ``classes``, the number of the class of each item, on ``device``."""
        return None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that its samples belong to, or () where samples have no labels.

        Raises
        ------
        DataError
            Only the files tell, and they cannot be read.
        """
        return ()

    def sample_labelled(self, n: int, rng: Generator, device: torch.device) -> tuple[Tensor, Tensor]:
        """The samples that :meth:`sample` would draw, and the number of the class of each: int64, shape (n,)."""
        raise NotImplementedError

    def sample_labels(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        """Classes as often as samples have them: int64, shape (n,)."""
        raise NotImplementedError

    def sample_of(self, labels: Tensor, rng: Generator) -> Tensor:
        """A sample of each of the given classes, shape (n, *shape), where the labels are."""
        raise NotImplementedError

    def modes(self) -> Modes | None:
        """The modes, on the CPU, or None where the distribution has none to count."""
        return None
