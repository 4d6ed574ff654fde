"""The real images nearest to given ones, by the Euclidean distance of their pixels: a check for learning by heart."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from wgan_core.datasets.images import as_samples

# Real images that are compared at once: 2,048 colour images of 32 × 32 pixels take 25 MB.
CHUNK = 2048
# Products of float32 lose digits where images are near each other; so many more candidates are compared pixel by pixel.
SPARE = 4


class Nearest(NamedTuple):
    """The k nearest of each image, the nearest first.

    Attributes
    ----------
    distance : Tensor
        ‖x − y‖₂ over all pixels, with values from −1 to 1: float32, shape (n, k).
    which : Tensor
        Which of the real images: int64, shape (n, k).
    """

    distance: Tensor
    which: Tensor


def nearest(images: Tensor, pixels: Tensor, k: int = 1) -> Nearest:
    """The k real images nearest to each image.

    Parameters
    ----------
    images : Tensor
        Values from −1 to 1, shape (n, channels, height, width).
    pixels : Tensor
        The real images as bytes, shape (m, channels, height, width).

    Notes
    -----
    ‖x − y‖² = ‖x‖² + ‖y‖² − 2 x·y, a matrix product for each chunk of real images. The best are then compared pixel by pixel,
    so that a copy is at distance 0 and not at a rounding error.

    Examples
    --------
    >>> pixels = torch.tensor([0, 100, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    >>> nearest(as_samples(pixels[1:2]), pixels, k=2)
    Nearest(distance=tensor([[0.0000, 0.7843]]), which=tensor([[1, 0]]))
    """
    return _nearest(images.flatten(1), pixels, k)


def nearest_others(which: Tensor, pixels: Tensor) -> Tensor:
    """How far real images are from the nearest other real image: shape (n,).

    What to hold the distances of generated images against: generated ones that are much nearer to real ones than real ones
    are to each other are copies.

    Parameters
    ----------
    which : Tensor
        Indices of some real images, shape (n,).
    """
    found = _nearest(as_samples(pixels[which]).flatten(1), pixels, 1, leave_out=which)
    return found.distance[:, 0]


def _nearest(x: Tensor, pixels: Tensor, k: int, leave_out: Tensor | None = None) -> Nearest:
    count = len(pixels) - (leave_out is not None)
    k = min(k, count)
    candidates = min(k + SPARE, count)
    squares = torch.empty(len(x), 0)
    index = torch.empty(len(x), 0, dtype=torch.int64)
    for start in range(0, len(pixels), CHUNK):
        y = as_samples(pixels[start : start + CHUNK]).flatten(1)
        square = torch.addmm(y.square().sum(1), x, y.t(), alpha=-2)  # but for ‖x‖², the same for all
        number = torch.arange(start, start + len(y)).expand(len(x), -1)
        if leave_out is not None:
            square.masked_fill_(number == leave_out[:, None], torch.inf)
        squares, index = torch.cat([squares, square], 1), torch.cat([index, number], 1)
        squares, kept = squares.topk(min(candidates, squares.shape[1]), largest=False)
        index = index.gather(1, kept)
    exact = torch.stack(
        [(as_samples(pixels[of]).flatten(1) - one).norm(dim=1) for one, of in zip(x, index, strict=True)]
    )
    if leave_out is not None:
        exact.masked_fill_(index == leave_out[:, None], torch.inf)
    distance, order = exact.sort(dim=1, stable=True)
    return Nearest(distance[:, :k], index.gather(1, order)[:, :k])
