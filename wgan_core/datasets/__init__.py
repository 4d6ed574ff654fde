"""Data sets: where the real samples come from.

To add one, write a subclass of :class:`Dataset` (of :class:`Mixture` for Gaussians, of :class:`ImageDataset` for images)
with a ``kind`` and a ``sample`` in a module here, and import it below. If it has modes, say where they are, and coverage
is measured.
"""

# The order of these imports is the order in menus.
from wgan_core.datasets.planar import Grid, Mixture, ParallelLines, Ring, SwissRoll, TwoGaussians

# isort: split
from wgan_core.datasets.base import DataError, Dataset, Modes
from wgan_core.datasets.idx import FASHION_IMAGES, FASHION_SHA256, FashionMnist, Mnist, read_idx_images
from wgan_core.datasets.images import ImageDataset, Images
from wgan_core.datasets.published import Published, lacking

# isort: split
from wgan_core.datasets.cifar import Cifar10

# isort: split
from wgan_core.datasets.stacked import StackedMnist

__all__ = [
    "FASHION_IMAGES",
    "FASHION_SHA256",
    "Cifar10",
    "DataError",
    "Dataset",
    "FashionMnist",
    "Grid",
    "ImageDataset",
    "Images",
    "Mixture",
    "Mnist",
    "Modes",
    "ParallelLines",
    "Published",
    "Ring",
    "StackedMnist",
    "SwissRoll",
    "TwoGaussians",
    "lacking",
    "read_idx_images",
]
