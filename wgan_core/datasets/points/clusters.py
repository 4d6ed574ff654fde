"""Your own points: a drawing, or a CSV of points, as a data set whose modes are found by clustering."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator
from scipy.spatial import cKDTree
from torch import Tensor

from wgan_core.datasets.base import DataError, Modes
from wgan_core.datasets.planar import Mixture
from wgan_core.datasets.points.packing import shapes, unpack
from wgan_core.datasets.points.reading import RADIUS, packed
from wgan_core.datasets.points.shapes import Coordinates
from wgan_core.schema import knob
from wgan_core.schema.script import Snippet

# Clustering takes seconds beyond this; the rest goes with its neighbours.
CLUSTERED_POINTS = 2_000
# A group needs this many points, and this share of all of them, to be a mode.
LEAST_IN_A_MODE, LEAST_SHARE = 5, 0.01


PAIRS = '''\
# Pairs x,y.
points = """
{lines}
"""
pairs = [[float(number) for number in pair.split(",")] for pair in points.split()]
centres = torch.tensor(pairs, device=device)'''
GROUPS = '''\
# The group of each point.
groups = """
{lines}
"""
classes = torch.tensor([int(number) for number in groups.split()], device=device)'''


def wrapped(words: Iterable[str]) -> str:
    """Words as the lines of a text in a script."""
    return "\n".join(textwrap.wrap(" ".join(words), 118, break_on_hyphens=False))


@dataclass(frozen=True)
class Clusters(Modes):
    """Modes of any shape: each is a group of points, and a sample's distance to it is that to its nearest point.

    Attributes
    ----------
    centres : Tensor
        Mean of each group, shape (modes, 2).
    sigma : float
        Standard deviation of the noise around each point, so that 3σ means what it means for a Gaussian.
    label : array
        Which mode each point belongs to, shape (n,).
    tree : cKDTree
        The points.
    """

    label: NDArray[np.int64]
    tree: cKDTree

    @property
    def weights(self) -> Tensor:
        return torch.tensor(np.bincount(self.label) / len(self.label), dtype=torch.float64, device="cpu")

    def nearest(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        # The tree refuses what is not finite; far away is what it means here.
        where = samples.detach().cpu().double().nan_to_num(1e9, 1e9, -1e9).numpy()
        distance, point = self.tree.query(where)
        return torch.tensor(distance, dtype=torch.float64, device="cpu"), torch.tensor(
            self.label[point], dtype=torch.int64, device="cpu"
        )


@lru_cache(maxsize=32)
def clustered(text: str) -> tuple[Tensor, NDArray[np.int64], cKDTree]:
    """Centres, labels and tree of the groups in packed points. The same points always give the same groups.

    HDBSCAN (Campello et al. 2013), which may find one group only: for a single blob, and for one connected curve. Points
    that it calls noise go with the group of their nearest neighbour, since samples are drawn around them too.
    """
    points = unpack(text).placed
    label = groups(points)
    centres = np.stack([points[label == mode].mean(0) for mode in range(label.max() + 1)])
    return torch.tensor(centres, dtype=torch.float32, device="cpu"), label, cKDTree(points)


def groups(points: Coordinates) -> NDArray[np.int64]:
    """The number of the group of each point, shape (n,): 0 for the largest group, and so on."""
    some = points
    if len(points) > CLUSTERED_POINTS:
        some = points[np.random.default_rng(0).permutation(len(points))[:CLUSTERED_POINTS]]
    if len(some) < 2 * LEAST_IN_A_MODE:
        return np.zeros(len(points), np.int64)
    # scikit-learn takes a second to import, and only this needs it.
    from sklearn.cluster import HDBSCAN

    least = max(LEAST_IN_A_MODE, int(LEAST_SHARE * len(some)))
    found = HDBSCAN(min_cluster_size=least, min_samples=LEAST_IN_A_MODE, allow_single_cluster=True, copy=True).fit(some)
    inside = found.labels_ >= 0
    if not inside.any():
        return np.zeros(len(points), np.int64)
    _, neighbour = cKDTree(some[inside]).query(points)
    label = found.labels_[inside][neighbour]
    rank = np.argsort(np.argsort(-np.bincount(label), kind="stable"))
    ranked: NDArray[np.int64] = rank[label]
    return ranked


class Points(Mixture):
    """Points that you draw or bring as a file, with a little noise around each.

    A file holds two numbers a row, as spreadsheets and programs write them (CSV or text), or a list of pairs in JSON. All
    digits are kept. Points that do not lie in the square from −2 to 2, or hardly fill it, are moved and scaled: the middle
    of their range goes to (0, 0) and the point farthest from it to the distance 2, the same scale for x and y. That is
    computed in double precision, the middle taken away first, and trained on in single precision: two points are told
    apart where they are a ten-millionth of the whole range apart.
    """

    label: ClassVar = "Your own points"
    source: ClassVar = "modes found by HDBSCAN (Campello et al. 2013)"

    kind: Literal["points"] = "points"
    points: str = knob(
        "smiley",
        "Points",
        "Draw them, or load a file with two numbers a row.",
        takes=f"{', '.join(shapes())}, rows of two numbers, or a list of pairs",
        widget="points",
    )
    noise: float = knob(0.05, "Noise", "Standard deviation of the noise around each point.", gt=0, le=1, log=True)

    @field_validator("points", mode="before")
    @classmethod
    def _pack(cls, given: Any) -> str:
        try:
            return packed(given)
        except DataError as error:
            raise ValueError(str(error)) from None

    @property
    def extent(self) -> float:
        # What was drawn in the middle of the square is shown in the middle of the chart.
        return max(RADIUS + 0.5, super().extent)

    def gaussians(self) -> Modes:
        points = torch.tensor(unpack(self.points).placed, dtype=torch.float32, device="cpu")
        return Modes(points, self.noise)

    def modes(self) -> Clusters:
        centres, label, tree = clustered(self.points)
        return Clusters(centres, self.noise, label, tree)

    def labels_of_items(self) -> Tensor:
        return torch.tensor(clustered(self.points)[1], dtype=torch.int64, device="cpu")

    def script(self) -> Snippet:
        pairs = (f"{x!r},{y!r}" for x, y in unpack(self.points).placed.tolist())
        return self.script_around(PAIRS.format(lines=wrapped(pairs)))

    def script_of_classes(self) -> Snippet:
        return Snippet(GROUPS.format(lines=wrapped(map(str, clustered(self.points)[1]))))
