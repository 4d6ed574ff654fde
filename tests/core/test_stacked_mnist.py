"""Stacked MNIST: a thousand modes that can be counted, and what data sets of images say of all their classes."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

import pytest
import torch

from tests.core.helpers import CPU, rng
from wgan_core.datasets import DataError, FashionMnist, StackedMnist


def test_a_stack_is_three_images_of_its_set_and_its_label_their_classes() -> None:
    data = StackedMnist(of="fashion-mnist")
    base, stacks = FashionMnist().read(), data.read()
    assert stacks.pixels.shape == (50_000, 3, 32, 32)
    assert torch.equal(stacks.pixels, data.read().pixels)
    of_image = {image.numpy().tobytes(): int(label) for image, label in zip(base.pixels, base.labels, strict=True)}
    for stack, label in zip(stacks.pixels[:100], stacks.labels[:100].tolist(), strict=True):
        assert stacks.classes[label] == "".join(str(of_image[channel.numpy().tobytes()]) for channel in stack)
    # 50 of each triple are expected; channels that went together would leave most of them out.
    counts = torch.bincount(stacks.labels, minlength=1000)
    assert counts.min() >= 20
    assert counts.max() <= 90


def test_stacks_of_digits_that_are_not_there_are_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgan_core.datasets.images._shared", WeakValueDictionary())  # what other tests still hold
    monkeypatch.setenv("WGAN_DATA", "")
    monkeypatch.setenv("WGAN_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"MNIST: the files of its test split are not on this computer.*fetch mnist"):
        StackedMnist().sample(2, rng(), CPU)


def test_distinct_images_are_different_ones_and_all_of_them_where_more_are_asked_for() -> None:
    data = FashionMnist(classes="Bag")
    drawn = data.distinct(2000, rng(), CPU)
    assert drawn.shape == (1000, 1, 32, 32)
    assert len({one.numpy().tobytes() for one in drawn}) == len({one.numpy().tobytes() for one in data.items(CPU)})
    assert torch.equal(drawn[:7], data.distinct(7, rng(), CPU))


def test_the_labelled_images_are_those_of_all_classes() -> None:
    assert torch.equal(FashionMnist(classes="Bag").labelled().pixels, FashionMnist().read().pixels)
    assert StackedMnist(of="fashion-mnist").labelled().classes == FashionMnist.names
