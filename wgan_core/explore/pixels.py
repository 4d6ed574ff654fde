"""What a set of images is like on the whole: its mean, its spread, its values."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

BINS = 32


class PixelStatistics(NamedTuple):
    """Of images with values from −1 to 1.

    Attributes
    ----------
    mean, std : Tensor
        Of each pixel over the images, shape (channels, height, width). Where all images are one, std is 0 everywhere.
    share : Tensor
        Share of all values in each of :data:`BINS` equal bins from −1 to 1, shape (BINS,). Its sum is 1.
    """

    mean: Tensor
    std: Tensor
    share: Tensor


def pixel_statistics(images: Tensor) -> PixelStatistics:
    """Mean image, standard deviation of each pixel, and histogram of all values.

    Parameters
    ----------
    images : Tensor
        Shape (n, channels, height, width), values from −1 to 1.

    Examples
    --------
    >>> found = pixel_statistics(torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1))
    >>> float(found.mean), float(found.std), float(found.share[0]), float(found.share[-1])
    (0.0, 1.0, 0.5, 0.5)
    """
    counts = torch.histc(images.clamp(-1, 1), BINS, -1, 1)
    return PixelStatistics(images.mean(0), images.std(0, correction=0), counts / images.numel())
