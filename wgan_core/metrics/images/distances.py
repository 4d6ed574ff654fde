"""How far apart two samples of features are: the definitions, without a word on where the features come from.

A and B are matrices of features, one row a sample, of the same number of columns. Nothing here draws random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wgan_core.history import Floats

PRECISION_K, DENSITY_K = 3, 5


def frechet(a: Tensor, b: Tensor) -> float:
    """Fréchet distance between two normal distributions with the samples' means and covariances (Heusel et al. 2017).

    d² = ‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½), called FID where the features are those of Inception.

    Parameters
    ----------
    a, b : Tensor
        Shapes (n, d) and (m, d), n and m at least 2.

    Returns
    -------
    float
        d², 0 or more, in squared units of the features. It is biased upwards for small samples (Bińkowski et al. 2018), so
        compare it with that of two real samples of the same sizes only.

    Examples
    --------
    >>> a = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    >>> round(frechet(a, a + 3), 6)
    18.0
    """
    rows_a, rows_b = _rows(a), _rows(b)
    if len(a) + len(b) < a.shape[1]:
        # In coordinates of what the samples span, since there are fewer of them: an isometry, and smaller matrices.
        _, columns = np.linalg.qr(np.concatenate([rows_a, rows_b]).T)
        rows_a, rows_b = columns.T[: len(a)], columns.T[len(a) :]
    (mean_a, root, trace_a), (mean_b, _, trace_b) = _moments(rows_a), _moments(rows_b)
    # tr (Σ_a Σ_b)^½ is the sum of the singular values of Σ_a^½ Σ_b^½, and those are roots of what is symmetric.
    inner = root @ np.cov(rows_b, rowvar=False) @ root
    cross = np.sqrt(np.linalg.eigvalsh(inner).clip(min=0)).sum()
    return max(0.0, float(((mean_a - mean_b) ** 2).sum() + trace_a + trace_b - 2 * cross))


def _moments(rows: Floats) -> tuple[Floats, Floats, float]:
    """Mean, the covariance's symmetric root, and its trace."""
    covariance = np.cov(rows, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return rows.mean(0), root, float(np.trace(covariance))


def _rows(x: Tensor) -> Floats:
    return x.detach().cpu().numpy().astype(np.float64)


def kid(a: Tensor, b: Tensor) -> float:
    """Kernel distance: the unbiased MMD² with the kernel (x·y / d + 1)³ (Bińkowski et al. 2018, §4).

    Parameters
    ----------
    a, b : Tensor
        Shapes (n, d) and (m, d), n and m at least 2.

    Returns
    -------
    float
        0 on average for two samples of one distribution, whatever their sizes, so it is below 0 as often as above.

    Examples
    --------
    >>> kid(torch.zeros(2, 1), torch.ones(2, 1))  # 1 + 2³ − 2 · 1
    7.0
    """
    a, b = a.detach().cpu().double(), b.detach().cpu().double()

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.t() / x.shape[1] + 1) ** 3

    def of_pairs(x: Tensor) -> float:
        values = kernel(x, x)
        return float((values.sum() - values.diagonal().sum()) / (len(x) * (len(x) - 1)))

    return of_pairs(a) + of_pairs(b) - 2 * float(kernel(a, b).mean())


@dataclass(frozen=True)
class Neighbours:
    """How two samples lie among each other's nearest neighbours.

    Attributes
    ----------
    precision : float
        Share of the generated samples within reach of a real one: quality (Kynkäänniemi et al. 2019, k = 3).
    recall : float
        Share of the real samples within reach of a generated one: variety (k = 3).
    density : float
        Real samples in reach of a generated one, over k: quality, where one outlier among the real does not count much. It
        can be more than 1 (Naeem et al. 2020, k = 5).
    coverage : float
        Share of the real samples that have a generated one within their reach: variety (k = 5).
    """

    precision: float
    recall: float
    density: float
    coverage: float


def neighbours(real: Tensor, generated: Tensor) -> Neighbours:
    """Precision, recall, density and coverage. A sample's reach ends at its k-th neighbour in its own set.

    Parameters
    ----------
    real, generated : Tensor
        Shapes (n, d) and (m, d), n and m more than 5.

    Examples
    --------
    >>> line = torch.arange(10.0)[:, None]
    >>> neighbours(line, 0 * line)  # all generated samples are the leftmost real one
    Neighbours(precision=1.0, recall=0.1, density=0.8, coverage=0.4)
    """
    real, generated = real.detach().cpu().double(), generated.detach().cpu().double()
    # torch takes distances by a² + b² − 2ab, since differences would take five times as long. Around the middle of the samples
    # what that loses is less than the features' own rounding.
    middle = real.mean(0)
    real, generated = real - middle, generated - middle
    between = torch.cdist(real, generated)
    of_real, of_generated = torch.cdist(real, real), torch.cdist(generated, generated)

    def reach(own: Tensor, k: int) -> Tensor:
        return own.topk(k + 1, largest=False).values[:, k]  # the nearest is the sample itself

    def share(hits: Tensor) -> float:
        return float(hits.double().mean())

    within = between <= reach(of_real, DENSITY_K)[:, None]
    return Neighbours(
        precision=share((between <= reach(of_real, PRECISION_K)[:, None]).any(0)),
        recall=share((between <= reach(of_generated, PRECISION_K)).any(1)),
        density=float(within.sum(0).double().mean()) / DENSITY_K,
        coverage=share(within.any(1)),
    )


def reverse_kl(generated: Tensor, real: Tensor) -> float:
    """Σ p ln(p / q) over classes: 0 where both have the same shares, ln(1/q) where all is one class of share q.

    Parameters
    ----------
    generated, real : Tensor
        Shares p and q of each class, shape (classes,); q is above 0.

    Examples
    --------
    >>> round(reverse_kl(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])), 3)  # ln 2
    0.693
    """
    p = generated.double()
    return float(torch.xlogy(p, p / real.double()).sum())
