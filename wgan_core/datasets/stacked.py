"""Stacked MNIST: three images in the three channels of one, so that their classes make a thousand modes that can be counted."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch

from wgan_core.datasets.idx import FashionMnist, Mnist
from wgan_core.datasets.images import ImageDataset, Images
from wgan_core.datasets.published import Published
from wgan_core.schema import knob

CHANNELS = 3
# Fifty of each triple of classes, on average.
COUNT = 50_000


class StackedMnist(ImageDataset):
    """Three images, drawn independently, as red, green and blue of one: 10³ = 1,000 modes, one for each triple of classes."""

    label: ClassVar = "Stacked MNIST"
    source: ClassVar = "Metz et al. 2016; VEEGAN (Srivastava et al. 2017)"
    stacks: ClassVar = CHANNELS

    kind: Literal["stacked-mnist"] = "stacked-mnist"
    of: Literal["mnist", "fashion-mnist"] = knob(
        "mnist", "Of", "The images that are stacked. Fashion-MNIST's test images come with this software."
    )
    split: Literal["test", "train"] = knob(
        "test", "Split", "Stack the 10,000 test images, or the 60,000 training images."
    )

    @property
    def shape(self) -> tuple[int, ...]:
        return (CHANNELS, 32, 32)

    @property
    def size(self) -> int | None:
        return COUNT

    @property
    def base(self) -> Mnist | FashionMnist:
        """The set whose images are stacked."""
        cls = Mnist if self.of == "mnist" else FashionMnist
        return cls(split=self.split)

    def lacks(self) -> Published | None:
        return self.base.lacks()

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(f"{number:03d}" for number in range(10**CHANNELS))

    def labelled(self) -> Images:
        return self.base.labelled()

    def read(self) -> Images:
        """50,000 stacks, the same ones always; the label of a stack of classes a, b and c is 100 a + 10 b + c."""
        base = self.base.read()
        which = torch.from_numpy(np.random.default_rng(0).integers(0, len(base.pixels), (COUNT, CHANNELS)))
        pixels = torch.cat([base.pixels[which[:, channel]] for channel in range(CHANNELS)], 1)
        digits = base.labels[which]
        labels = digits[:, 0] * 100 + digits[:, 1] * 10 + digits[:, 2]
        return Images(pixels, labels, self.class_names)
