"""The real images nearest to given ones, by the Euclidean distance of their pixels: a check for learning by heart."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from wgan_core.datasets.images import as_samples

# Real images that are compared at once: 2,048 colour images of 32 × 32 pixels take 25 MB.
CHUNK = 2048
EPSILON = torch.finfo(torch.float32).eps
# Pairs that are compared pixel by pixel at once.
PAIRS = 1024


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
    ‖x − y‖² = ‖x‖² + ‖y‖² − 2 x·y, a matrix product for each chunk of real images, loses digits where images are near each
    other. All that may be among the nearest but for its rounding are then compared pixel by pixel, so that a copy is found among
    many that are nearly one, and at distance 0.

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
    k = min(k, len(pixels) - (leave_out is not None))
    best = Nearest(x.new_full((len(x), k), torch.inf), torch.zeros(len(x), k, dtype=torch.int64, device=x.device))
    own = x.square().sum(1, keepdim=True)
    for start in range(0, len(pixels), CHUNK):
        y = as_samples(pixels[start : start + CHUNK]).flatten(1)
        theirs = y.square().sum(1)
        square = torch.addmm(own + theirs, x, y.t(), alpha=-2)
        number = torch.arange(start, start + len(y), dtype=torch.int64, device=x.device)
        if leave_out is not None:
            square.masked_fill_(number == leave_out[:, None], torch.inf)
        # Sums of so many float32 products are at most this far off (Higham 2002, §3.1).
        off = x.shape[1] * EPSILON * (own + theirs.max())
        kth = square.topk(min(k, len(y)), largest=False).values[:, -1:]
        most = torch.minimum(kth + off, best.distance[:, -1:].square()) + off
        row, column = (square <= most).nonzero(as_tuple=True)
        exact = torch.full_like(square, torch.inf)
        for i, j in zip(torch.split(row, PAIRS), torch.split(column, PAIRS), strict=True):
            exact[i, j] = (y[j] - x[i]).norm(dim=1)
        distance = torch.cat([best.distance, exact], 1)
        which = torch.cat([best.which, number.expand(len(x), -1)], 1)
        distance, order = distance.topk(k, largest=False)
        best = Nearest(distance, which.gather(1, order))
    return best
