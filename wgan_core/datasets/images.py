"""What data sets of images share: all of it is read once, kept as bytes, and drawn from on the run's device."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import ClassVar
from weakref import WeakValueDictionary

import torch
from torch import Generator, Tensor

from wgan_core.datasets.labels import FromItems
from wgan_core.schema.script import Snippet


@dataclass(frozen=True, eq=False)
class Images:
    """Images in memory, on the CPU.

    Attributes
    ----------
    pixels : Tensor
        uint8, shape (n, channels, height, width).
    labels : Tensor
        int64, shape (n,): which class each image belongs to.
    classes : tuple of str
        The names of the classes; empty where there are none.
    """

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]


ALL = "all"
# What is in use now, so that runs and lanes on the same images share them; gone with the last data set that uses it.
_shared: WeakValueDictionary[tuple[str, str], Tensor] = WeakValueDictionary()
_reading = Lock()


def as_samples(pixels: Tensor) -> Tensor:
    """Bytes as numbers from −1 to 1."""
    return pixels.to(torch.float32).mul_(2 / 255).sub_(1)


LINES = '''\
# The images are not in this script. Where WGAN Live is installed, and this run's config is at hand, this writes them:
#   np.save("images.npy", config.dataset.read().pixels.numpy())
images = torch.tensor(np.load(args.images)).to(device)


def draw_real(n):
    """Images from −1 to 1."""
    which = torch.randint(len(images), (n,), generator=real_rng, device=device)
    return images[which].float() * (2 / 255) - 1
'''
IMAGES = 'parser.add_argument("images", help="the images as bytes, n × channels × height × width, a .npy file")'
CLASSES = """\
# The class of each image comes from a file too, which this writes:
#   np.save("labels.npy", config.dataset.read().labels.numpy())
classes = torch.tensor(np.load(args.labels)).to(device)"""
LABELS = 'parser.add_argument("labels", help="the number of the class of each image, from 0, a .npy file")'


class ImageDataset(FromItems):
    """Images with values in [−1, 1]. A kind says what they are in :meth:`read`; the rest follows."""

    is_image: ClassVar = True
    stacks: ClassVar[int] = 1
    """How many images of :meth:`labelled` one sample is made of, each in channels of its own."""

    def labelled(self) -> Images:
        """All images of the set with the classes they belong to, also where this data set is one of these classes alone."""
        return type(self)(**self.model_dump() | {"classes": ALL}).read() if self.one_class else self.read()

    @property
    def one_class(self) -> bool:
        """Whether only one of the set's classes was chosen."""
        return getattr(self, "classes", ALL) != ALL

    def read(self) -> Images:
        """Read the images, whole.

        Raises
        ------
        DataError
            They are not there, or not as they should be.
        """
        raise NotImplementedError

    def identity(self) -> str:
        """A text that differs where the images differ."""
        return self.model_dump_json()

    @cached_property
    def _on(self) -> dict[torch.device, Tensor]:
        return {}

    def items(self, device: torch.device) -> Tensor:
        """All images on a device, as bytes."""
        if (found := self._on.get(device)) is None:
            key = self.identity(), str(device)
            with _reading:
                if (found := _shared.get(key)) is None:
                    found = _shared[key] = self.read().pixels.to(device)
            self._on[device] = found
        return found

    def fingerprint(self) -> str:
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        # Of what is trained on, not of the files: copied elsewhere, or written anew, they are the same images.
        items = next(iter(self._on.values()), None)
        items = self.items(torch.device("cpu")) if items is None else items.cpu()
        found = hashlib.sha256(repr(tuple(items.shape)).encode())
        found.update(items.contiguous().numpy().data)
        return found.hexdigest()

    def distinct(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        """Draw ``n`` different images, or all there are if they are fewer, in random order: as :meth:`sample` gives them."""
        images = self.items(device)
        return as_samples(images[torch.randperm(len(images), generator=rng, device=device)[:n]])

    def made_of(self, items: Tensor, rng: Generator) -> Tensor:
        return as_samples(items)

    @property
    def class_names(self) -> tuple[str, ...]:
        return () if self.one_class else self.read().classes

    def labels_of_items(self) -> Tensor:
        return self.read().labels

    def script(self) -> Snippet:
        return Snippet(LINES, argument=IMAGES)

    def script_of_classes(self) -> Snippet:
        return Snippet(CLASSES, argument=LABELS)
