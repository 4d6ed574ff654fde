"""Networks that know the class of each sample (Mirza, Osindero 2014): the class is one more input, one-hot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from wgan_core.networks.piecewise import Net
from wgan_core.schema.script import OwnLayer


def joined(x: Tensor, labels: Tensor, batch_dim: int = 0) -> Tensor:
    """Samples with their classes beside them: further coordinates of a point, or of an image constant channels.

    Parameters
    ----------
    x : Tensor
        Shape (n, d) or (n, channels, height, width), with a leading dimension K for K stacked networks.
    labels : Tensor
        One-hot, shape (n, classes), or (K, n, classes). A larger batch than n repeats them from the first on, of a smaller one
        they are the first.

    Examples
    --------
    >>> joined(torch.zeros(3, 2), torch.eye(2)).tolist()
    [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]
    """
    n, had = x.shape[batch_dim], labels.shape[batch_dim]
    if n > had:
        labels = labels.repeat(*[1] * batch_dim, -(-n // had), 1)
    if n != labels.shape[batch_dim]:
        labels = labels.narrow(batch_dim, 0, n)
    places = x.shape[batch_dim + 2 :]
    channels = labels.view(*labels.shape, *[1] * len(places)).expand(*labels.shape, *places)
    return torch.cat([x, channels], batch_dim + 1)


class Given(OwnLayer, Net):
    """A critic of samples and their classes as a critic of samples alone, x ↦ f(x | y): slopes in x leave y as it is.

    Parameters
    ----------
    critic : Net
        Takes what :func:`joined` gives.
    labels : Tensor
        y, as :func:`joined` takes it.
    """

    definition: ClassVar = '''\
class Given(nn.Sequential):
    """A critic of samples and their classes as one of samples alone, f(x | y): y are the classes of the step, one-hot.

    They stand beside the coordinates of a point, or of an image as constant channels.
    """

    def forward(self, x):
        y = self.y.repeat(len(x) // len(self.y), 1)
        places = y.view(*y.shape, *[1] * (x.dim() - 2)).expand(*y.shape, *x.shape[2:])
        return super().forward(torch.cat([x, places], 1))
'''

    def __init__(self, critic: Net, labels: Tensor) -> None:
        super().__init__(critic)
        self.batch_dim = critic.batch_dim
        self.mixes_samples = critic.mixes_samples
        self._critic, self._labels = critic, labels

    def of_each_class(self) -> Iterator[Given]:
        """The critic of samples of one class, for each class there is."""
        for label in torch.eye(self._labels.shape[-1], dtype=self._labels.dtype, device=self._labels.device):
            yield Given(self._critic, label[None])

    def forward(self, x: Tensor) -> Tensor:
        return self._critic(joined(x, self._labels, self.batch_dim))

    def features(self, x: Tensor) -> Tensor:
        return self._critic.features(joined(x, self._labels, self.batch_dim))

    def input_gradient(self, x: Tensor, *, create_graph: bool = False) -> Tensor:
        dim = self.batch_dim
        found = self._critic.input_gradient(joined(x, self._labels, dim), create_graph=create_graph)
        return found.narrow(dim + 1, 0, x.shape[dim + 1])
