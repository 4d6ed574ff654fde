"""A small convolutional classifier, trained here on the data set itself: what the scores of images see the images with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from threading import Lock

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from wgan_core.datasets import Images
from wgan_core.datasets.images import as_samples
from wgan_core.host.devices import threads

# Raised whenever the same images would give another classifier.
VERSION = 1
SIDE = 32
FEATURES = 64
STEPS, BATCH, RATE, DECAY = 500, 128, 3e-3, 1e-2
HELD_OUT, MOST_HELD_OUT = 1 / 6, 5_000
IN_ONE_PASS = 250
CPU = torch.device("cpu")
# Where there are no classes: by how many quarter turns an image is rotated.
TURNS = ("0°", "90°", "180°", "270°")


class SmallCnn(nn.Module):
    """Three strided convolutions and a layer of 64 units, whose values are the features, below the classes.

    Images larger than 32 × 32 are averaged down to that size first.
    """

    def __init__(self, channels: int, side: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(SIDE)] if side > SIDE else []
        for width in (32, 64, 64):
            layers += [nn.Conv2d(channels, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        last = -(-min(side, SIDE) // 8)
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * last**2, FEATURES), nn.ReLU())
        self.classes = nn.Linear(FEATURES, classes)

    @classmethod
    def drawn(cls, channels: int, side: int, classes: int, rng: Generator) -> SmallCnn:
        """One with weights from ``rng``, on the CPU."""
        with torch.device("meta"):
            net = cls(channels, side, classes)
        net.to(torch.float32).to_empty(device=CPU)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=rng)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        return net

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.classes(self.features(x))
        return found


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained classifier.

    Attributes
    ----------
    net : SmallCnn
        On the CPU, in evaluation mode.
    accuracy : float
        The share of images that it classes rightly among those that it was not trained on.
    classes : tuple of str
        Their names.
    by_turns : bool
        The images have no classes of their own: it was trained to tell how far an image is turned (Gidaris et al. 2018).
    """

    net: SmallCnn
    accuracy: float
    classes: tuple[str, ...]
    by_turns: bool

    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, 64) and class (n,) of images with values in [−1, 1], shape (n, channels, height, width)."""
        with torch.no_grad():
            features = torch.cat([self.net.features(part) for part in torch.split(images, IN_ONE_PASS)])
            return features, self.net.classes(features).argmax(1)

    def on(self, device: torch.device) -> Classifier:
        """The same on another device."""
        return replace(self, net=deepcopy(self.net).to(device))


class Fitting:
    """The training of a classifier, a minibatch at a time. Runs that want the same one share it and take turns.

    It is always done on the CPU with one thread and with random numbers of its own: the same images give the same
    classifier wherever it is trained. It ends after 500 minibatches, however many images there are.

    Parameters
    ----------
    images : Images
        Without classes, it learns to tell how far an image is turned.

    Attributes
    ----------
    key : str
        The same for the same images.
    done : int
        Minibatches done.
    result : Classifier or None
        None until it is done.
    """

    def __init__(self, images: Images) -> None:
        self.result: Classifier | None = None
        self.done = 0
        self.key = _key(images)
        self._images: Images | None = images
        self._by_turns = len(images.classes) < 2
        self._classes = TURNS if self._by_turns else images.classes
        self._rng = Generator(CPU).manual_seed(0)
        self._lock = Lock()
        order = torch.randperm(len(images.pixels), generator=self._rng, device=CPU)
        out = min(MOST_HELD_OUT, int(HELD_OUT * len(order)))
        self._out, self._in = order[:out], order[out:]
        channels, side = images.pixels.shape[1:3]
        self.net = SmallCnn.drawn(channels, side, len(self._classes), self._rng)
        self._optimiser = torch.optim.AdamW(self.net.parameters(), RATE, weight_decay=DECAY, fused=True)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimiser, RATE, total_steps=STEPS)

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        return self.done / STEPS

    def advance(self) -> None:
        """Train on one more minibatch; after the last, see how well it does on the images held out."""
        with self._lock, torch.enable_grad(), threads(1):
            if self.result is not None:
                return
            self._step()
            if self.done == STEPS:
                self.net.eval()
                self._end(self._accuracy())

    def finish(self, weights: Mapping[str, Tensor], accuracy: float) -> None:
        """Take over what was learned from these images before.

        Raises
        ------
        RuntimeError
            The weights are not of this net's shape.
        """
        self.net.load_state_dict(weights)
        self.net.eval()
        self._end(accuracy)

    def _end(self, accuracy: float) -> None:
        self.result = Classifier(self.net, accuracy, self._classes, self._by_turns)
        self._images = None  # they may be many, and a run keeps its classifier

    def _step(self) -> None:
        which = self._in[torch.randint(len(self._in), (BATCH,), generator=self._rng, device=CPU)]
        turns = torch.randint(len(TURNS), (BATCH,), generator=self._rng, device=CPU)
        x, y = self._examples(which, turns)
        loss = cross_entropy(self.net(x), y)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._schedule.step()
        self.done += 1

    def _examples(self, which: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
        assert self._images is not None
        x = as_samples(self._images.pixels[which])
        if not self._by_turns:
            return x, self._images.labels[which]
        for turn in range(1, len(TURNS)):
            x[turns == turn] = x[turns == turn].rot90(turn, (2, 3))
        return x, turns

    def _accuracy(self) -> float:
        right = 0
        with torch.no_grad():
            for number, which in enumerate(torch.split(self._out, IN_ONE_PASS)):
                turns = (torch.arange(len(which), dtype=torch.int64, device=CPU) + number) % len(TURNS)
                x, y = self._examples(which, turns)
                right += int((self.net(x).argmax(1) == y).sum())
        return right / len(self._out)


def _key(images: Images) -> str:
    """A hash of all that decides the classifier."""
    found = hashlib.sha256(repr((VERSION, STEPS, tuple(images.pixels.shape), images.classes)).encode())
    for part in (images.pixels, images.labels):
        found.update(part.contiguous().numpy().data)
    return found.hexdigest()
