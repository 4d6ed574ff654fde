"""What the measurements compute, as functions of samples and parameters alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from torch import Tensor

from wgan_core.datasets import Modes
from wgan_core.history import Array


def exact_em(a: ArrayLike, b: ArrayLike) -> float:
    """Exact EM distance (W1, Euclidean cost) between two samples of equal weight, by linear programming.

    Parameters
    ----------
    a, b : array-like
        Shapes (n, d) and (m, d).

    Notes
    -----
    Kantorovich's problem, solved by POT's network simplex. Between two finite samples of one distribution it is not 0:
    see ``w1_floor``.

    Examples
    --------
    >>> exact_em([[0.0, 0.0]], [[3.0, 4.0]])
    5.0
    """
    import ot  # a second and a half, which who only looks at runs need not wait for

    return float(ot.emd2([], [], cdist(np.asarray(a, float), np.asarray(b, float))))


@dataclass(frozen=True)
class Coverage:
    """How a sample sits on the modes of a mixture.

    Attributes
    ----------
    modes_covered : int
        Modes with at least ``threshold`` of all samples nearest to them and of high quality.
    high_quality : float
        Share of samples within 3σ of their nearest mode (a perfect sampler in 2-D reaches 0.989).
    reverse_kl : float or None
        Σ p_gen ln(p_gen / p_real) over the modes of the high-quality samples; ln 8 for one mode of eight. None
        where no sample is of high quality.
    main_mode : int
        Index of the mode that most samples are nearest to. It changes again and again where a generator rotates
        between modes (WGAN paper, §4.1).
    """

    modes_covered: int
    high_quality: float
    reverse_kl: float | None
    main_mode: int


def coverage_threshold(weights: Tensor) -> Tensor:
    """Share of all samples that each mode needs to count: 1 %, or a quarter of its fair share where that is less."""
    return (0.25 * weights).clamp(max=0.01)


def mode_coverage(samples: Tensor, modes: Modes) -> Coverage:
    """Modes covered, high-quality share and reverse KL (Srivastava et al. 2017; Lin et al. 2018).

    Parameters
    ----------
    samples : Tensor
        Shape (n, d).
    """
    distance, nearest = modes.nearest(samples)
    good = distance <= 3 * modes.sigma
    counts = torch.bincount(nearest[good], minlength=len(modes.centres)).cpu().double()
    k = len(counts)
    share = counts / max(1.0, float(counts.sum()))
    kl = float(torch.xlogy(share, share / modes.weights).sum()) if counts.sum() else None
    covered = int((counts >= coverage_threshold(modes.weights) * len(samples)).sum())
    main = int(torch.bincount(nearest, minlength=k).argmax())
    return Coverage(covered, float(good.float().mean()), kl, main)


def relative_spread(samples: Tensor, real: Tensor) -> float | None:
    """Standard deviation of the samples over that of real ones, all coordinates together: about 1, or near 0 for one point.

    Parameters
    ----------
    samples, real : Tensor
        Shapes (n, *shape) and (m, *shape).

    Returns
    -------
    float or None
        None where all real samples are one point.

    Examples
    --------
    >>> real = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    >>> relative_spread(0.5 * real, real)
    0.5
    """
    ours, theirs = (float(x.flatten(1).var(0, correction=0).sum()) for x in (samples, real))
    return math.sqrt(ours / theirs) if theirs > 0 else None


def share_at_clip(weights: Tensor, clip: float) -> float:
    """Share of parameters with \\|w\\| ≥ 0.99 c (Gulrajani et al. 2017, Figure 1)."""
    return float((weights.abs() >= 0.99 * clip).float().mean())


def image_grid(images: Tensor, columns: int | None = None) -> Array:
    """Images in [−1, 1], shape (n, c, h, w), as one uint8 picture (H, W, 3), as many a row as a column unless told."""
    # torchvision takes a second to import, and only images need it.
    from torchvision.utils import make_grid

    columns = columns or math.ceil(math.sqrt(len(images)))
    picture = make_grid(images.cpu().add(1).div(2).clamp(0, 1), nrow=columns, padding=2, pad_value=0.5)
    return as_array(picture.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous())


def as_array(tensor: Tensor) -> Array:
    """A tensor as a read-only array of numpy."""
    array: Array = tensor.detach().cpu().numpy()
    array.setflags(write=False)
    return array
