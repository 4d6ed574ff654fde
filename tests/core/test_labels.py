"""Samples with the classes that they belong to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.core.helpers import CPU, published_data, rng, with_data
from wgan_core.datasets import Dataset, Grid, ParallelLines, Ring, SwissRoll, TwoGaussians
from wgan_core.datasets.labels import FromItems

LABELLED = [kind for kind, cls in Dataset.kinds.items() if issubclass(cls, FromItems)]


@pytest.fixture(scope="module", autouse=True)
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Published sets of a few images."""
    with published_data(tmp_path_factory.mktemp("data")):
        yield


def make(kind: str) -> Dataset:
    made: Dataset = Dataset.kinds[kind](**with_data(kind))
    return made


@pytest.mark.parametrize("kind", LABELLED)
def test_labels_come_with_the_very_samples_of_an_unlabelled_draw(kind: str) -> None:
    dataset = make(kind)
    x, labels = dataset.sample_labelled(200, rng(1), CPU)
    assert torch.equal(x, dataset.sample(200, rng(1), CPU))
    assert labels.shape == (200,)
    assert labels.dtype == torch.int64
    assert 0 <= int(labels.min()) <= int(labels.max()) < len(dataset.class_names)
    alone = dataset.sample_labels(200, rng(2), CPU)
    assert alone.shape == (200,)
    assert set(alone.tolist()) <= set(range(len(dataset.class_names)))


@pytest.mark.parametrize("dataset", [Ring(), Grid(), TwoGaussians(), make("points")], ids=lambda dataset: dataset.kind)
def test_a_points_class_is_the_mode_that_it_is_drawn_around(dataset: Dataset) -> None:
    modes = dataset.modes()
    assert modes is not None
    x, labels = dataset.sample_labelled(2000, rng(), CPU)
    distance, nearest = modes.nearest(x)
    near = distance < modes.sigma
    assert torch.equal(nearest[near], labels[near])
    asked = torch.arange(len(dataset.class_names)).repeat(50)
    distance, nearest = modes.nearest(dataset.sample_of(asked, rng()))
    near = distance < modes.sigma
    assert torch.equal(nearest[near], asked[near])


def test_images_of_asked_classes_are_images_of_these_classes() -> None:
    dataset = Dataset.kinds["fashion-mnist"]()
    images = dataset.read()
    asked = torch.tensor([3, 3, 0, 9])
    pixels = dataset.sample_of(asked, rng()).add(1).mul(255 / 2).round().to(torch.uint8)
    for label, one in zip(asked, pixels, strict=True):
        assert (images.pixels[images.labels == label] == one).flatten(1).all(1).any()
    assert not torch.equal(pixels[0], pixels[1])
    assert dataset.class_names[9] == "Ankle boot"


def test_one_class_alone_has_no_labels() -> None:
    assert Dataset.kinds["fashion-mnist"](classes="Bag").class_names == ()
    assert SwissRoll().class_names == ParallelLines().class_names == ()
