"""Data sets whose samples come from finitely many items, each of a class: images, and the centres of Gaussians."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Generator, Tensor

from wgan_core.datasets.base import Dataset


class Classes:
    """Which class each of n items belongs to, ready to draw from.

    Parameters
    ----------
    labels : Tensor
        int64, shape (n,): a number from 0 for each item.
    count : int
        How many classes there are; some may have no item.

    Examples
    --------
    >>> classes = Classes(torch.tensor([1, 0, 1]), 2)
    >>> classes.items_of(torch.tensor([0, 0]), torch.Generator()).tolist()
    [1, 1]
    """

    def __init__(self, labels: Tensor, count: int) -> None:
        self.labels = labels
        self._order = labels.argsort(stable=True)
        self._counts = labels.bincount(minlength=count)
        self._starts = self._counts.cumsum(0) - self._counts

    def draw(self, n: int, rng: Generator) -> Tensor:
        """The classes of ``n`` items drawn at random: shape (n,)."""
        return self.labels[torch.randint(len(self.labels), (n,), generator=rng, device=self.labels.device)]

    def items_of(self, labels: Tensor, rng: Generator) -> Tensor:
        """An item of each of the given classes, drawn at random: shape (n,)."""
        counts = self._counts[labels]
        nth = (
            (torch.rand(len(labels), generator=rng, dtype=torch.float32, device=labels.device) * counts)
            .long()
            .minimum(counts - 1)
        )
        return self._order[self._starts[labels] + nth]


class FromItems(Dataset):
    """Samples that are made of an item each, drawn at random."""

    def items(self, device: torch.device) -> Tensor:
        """All items, on a device."""
        raise NotImplementedError

    def made_of(self, items: Tensor, rng: Generator) -> Tensor:
        """A sample of each of these items."""
        raise NotImplementedError

    def labels_of_items(self) -> Tensor:
        """The class of each item: int64, shape (items,), on the CPU. Asked for where there are :attr:`class_names`."""
        raise NotImplementedError

    @cached_property
    def _classes(self) -> dict[torch.device, Classes]:
        return {}

    def classes_on(self, device: torch.device) -> Classes:
        """The classes of all items, on a device."""
        if (found := self._classes.get(device)) is None:
            found = self._classes[device] = Classes(self.labels_of_items().to(device), len(self.class_names))
        return found

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        items = self.items(device)
        return self.made_of(items[torch.randint(len(items), (n,), generator=rng, device=device)], rng)

    def sample_labelled(self, n: int, rng: Generator, device: torch.device) -> tuple[Tensor, Tensor]:
        items = self.items(device)
        which = torch.randint(len(items), (n,), generator=rng, device=device)
        return self.made_of(items[which], rng), self.classes_on(device).labels[which]

    def sample_labels(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        return self.classes_on(device).draw(n, rng)

    def sample_of(self, labels: Tensor, rng: Generator) -> Tensor:
        return self.made_of(self.items(labels.device)[self.classes_on(labels.device).items_of(labels, rng)], rng)
