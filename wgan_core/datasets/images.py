"""What data sets of images share: all of it is read once, kept as bytes, and drawn from on the run's device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import ClassVar
from weakref import WeakValueDictionary

import torch
from torch import Generator, Tensor

from wgan_core.datasets.base import Dataset


@dataclass(frozen=True, eq=False)
class Images:
    """Images in memory, on the CPU.

    Attributes
    ----------
    pixels : Tensor
        uint8, shape (n, channels, height, width).
    labels : Tensor
        int64, shape (n,): which class each image belongs to.
    classes : tuple of str
        The names of the classes; empty where there are none.
    """

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]


# What is in use now, so that runs and lanes on the same images share them; gone with the last data set that uses it.
_shared: WeakValueDictionary[tuple[str, str], Tensor] = WeakValueDictionary()
_reading = Lock()


class ImageDataset(Dataset):
    """Images with values in [−1, 1]. A kind says what they are in :meth:`read`; the rest follows."""

    is_image: ClassVar = True

    def read(self) -> Images:
        """Read the images, whole.

        Raises
        ------
        DataError
            They are not there, or not as they should be.
        """
        raise NotImplementedError

    def identity(self) -> str:
        """A text that differs where the images differ."""
        return self.model_dump_json()

    @cached_property
    def _on(self) -> dict[torch.device, Tensor]:
        return {}

    def _pixels(self, device: torch.device) -> Tensor:
        """All images on a device, as bytes."""
        if (found := self._on.get(device)) is None:
            key = self.identity(), str(device)
            with _reading:
                if (found := _shared.get(key)) is None:
                    found = _shared[key] = self.read().pixels.to(device)
            self._on[device] = found
        return found

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        images = self._pixels(device)
        which = torch.randint(len(images), (n,), generator=rng, device=device)
        return images[which].to(torch.float32).mul_(2 / 255).sub_(1)
