"""What every data set owes to the loop, to the measurements and to the charts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.core.helpers import CPU, published_data, rng, scalars, small, with_data
from wgan_core.config import TrainingConfig
from wgan_core.datasets import Dataset, Grid, ParallelLines, Ring, SwissRoll, TwoGaussians
from wgan_core.metrics import mode_coverage
from wgan_core.training import train

pytestmark = pytest.mark.usefixtures("few_points")

KINDS = list(Dataset.kinds)


@pytest.fixture(scope="module", autouse=True)
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Published sets of a few images."""
    with published_data(tmp_path_factory.mktemp("data")):
        yield


def make(kind: str) -> Dataset:
    made: Dataset = Dataset.kinds[kind](**with_data(kind))
    return made


@pytest.fixture(params=KINDS)
def dataset(request: pytest.FixtureRequest) -> Dataset:
    return make(request.param)


@pytest.mark.parametrize("n", [1, 7, 300])
def test_samples_have_the_declared_shape_type_and_device(dataset: Dataset, n: int) -> None:
    x = dataset.sample(n, rng(), CPU)
    assert x.shape == (n, *dataset.shape)
    assert x.dtype == torch.float32
    assert x.device == CPU
    assert x.isfinite().all()


def test_the_same_seed_gives_the_same_samples_and_another_gives_others(dataset: Dataset) -> None:
    first = dataset.sample(50, rng(1), CPU)
    assert torch.equal(first, dataset.sample(50, rng(1), CPU))
    assert not torch.equal(first, dataset.sample(50, rng(2), CPU))


def test_two_draws_from_one_generator_differ(dataset: Dataset) -> None:
    source = rng()
    assert not torch.equal(dataset.sample(50, source, CPU), dataset.sample(50, source, CPU))


def test_sampling_leaves_the_global_random_state_alone(dataset: Dataset) -> None:
    before = torch.get_rng_state()
    dataset.sample(10, rng(), CPU)
    assert torch.equal(torch.get_rng_state(), before)


def test_sampling_does_not_lean_on_the_default_device(dataset: Dataset) -> None:
    # Under a meta default device, any tensor made without an explicit device has no numbers.
    fresh = make(dataset.kind)
    with torch.device("meta"):
        x = fresh.sample(20, rng(), CPU)
        modes = fresh.modes()
    assert x.device == CPU
    assert torch.equal(x, dataset.sample(20, rng(), CPU))
    assert modes is None or modes.centres.device == CPU


def test_samples_lie_where_the_charts_look(dataset: Dataset) -> None:
    x = dataset.sample(2000, rng(), CPU)
    limit = 1.0 if dataset.is_image else dataset.extent
    assert (x.abs().flatten(1).amax(1) <= limit).double().mean() > 0.99
    # And the chart is not mostly empty.
    assert x.abs().max() > limit / 4


def test_modes_are_points_of_the_sample_space(dataset: Dataset) -> None:
    modes = dataset.modes()
    if modes is None:
        return
    assert modes.centres.dim() == 2
    assert modes.centres.shape[1:] == dataset.shape
    assert modes.sigma > 0
    found = mode_coverage(dataset.sample(5000, rng(), CPU), modes)
    assert found.modes_covered == len(modes.centres)


def test_the_start_is_a_point_of_the_sample_space(dataset: Dataset) -> None:
    assert dataset.start is None or (len(dataset.start),) == dataset.shape


def test_a_data_set_stays_equal_to_itself_after_sampling(dataset: Dataset) -> None:
    dataset.sample(3, rng(), CPU)
    assert dataset == make(dataset.kind)
    assert type(dataset).model_validate(dataset.model_dump()) == dataset


def test_a_finite_data_set_can_be_told_from_an_endless_one(dataset: Dataset) -> None:
    assert dataset.size is None or dataset.size > 0
    if dataset.size is not None:
        big = {"dataset": {"kind": dataset.kind}, "batch_size": dataset.size + 1}
        with pytest.raises(ValueError, match="batch_size"):
            TrainingConfig.parse(big)


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_training_on_it_stays_finite(kind: str) -> None:
    found = scalars(train(small(with_data(kind), steps=2, n_critic=1)))
    assert list(found) == [0, 1, 2]
    assert "w_estimate" in found[2]
    # The exact distance stands beside the estimate wherever it can be computed.
    assert ("w1" in found[2]) == (not Dataset.kinds[kind].is_image)


# The particular data sets


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_the_ring_has_its_modes_on_the_circle(count: int) -> None:
    centres = Ring(modes_count=count, radius=1.5).modes().centres
    assert len(centres) == count
    torch.testing.assert_close(centres.norm(dim=1), torch.full((count,), 1.5))


def test_the_grid_is_centred_and_evenly_spaced() -> None:
    centres = Grid(side=5, spacing=2.0).modes().centres
    assert len(centres) == 25
    torch.testing.assert_close(centres.mean(0), torch.zeros(2))
    assert sorted(set(centres[:, 0].tolist())) == [-4.0, -2.0, 0.0, 2.0, 4.0]


def test_two_gaussians_stand_their_separation_apart() -> None:
    a, b = TwoGaussians(separation=3.0).modes().centres
    assert float((a - b).norm()) == 3.0


def test_a_swiss_roll_without_noise_lies_on_the_spiral() -> None:
    x = SwissRoll(radius=2.0, noise=0.0).sample(500, rng(), CPU)
    radius = x.norm(dim=1)
    # r = angle · 2 / 4.5π with the angle from 1.5π to 4.5π: the direction tells the angle up to whole turns.
    angle = radius * (4.5 * torch.pi) / 2
    torch.testing.assert_close(torch.stack([angle.cos(), angle.sin()], 1) * radius[:, None], x, atol=1e-4, rtol=0)
    assert 2 / 3 - 1e-4 <= radius.min() < radius.max() <= 2 + 1e-4


def test_the_parallel_line_of_the_data_is_at_zero_and_the_generator_starts_at_theta() -> None:
    lines = ParallelLines(theta=2.5)
    x = lines.sample(500, rng(), CPU)
    assert (x[:, 0] == 0).all()
    assert 0 <= x[:, 1].min() < 0.05 < 0.95 < x[:, 1].max() < 1
    assert lines.start == (2.5, 0.5)


@pytest.mark.parametrize("sigma", [0.02, 0.2])
def test_a_mixture_spreads_by_sigma(sigma: float) -> None:
    x = Ring(modes_count=1, radius=1.0, sigma=sigma).sample(20_000, rng(), CPU)
    torch.testing.assert_close(x.mean(0), torch.tensor([1.0, 0.0]), atol=0.03 * sigma + 1e-4, rtol=0)
    torch.testing.assert_close(x.std(0), torch.full((2,), sigma), rtol=0.02, atol=0)


def test_fashion_images_are_padded_with_black_and_use_the_whole_range() -> None:
    x = Dataset.kinds["fashion-mnist"]().sample(200, rng(), CPU)
    assert x.min() == -1
    assert x.max() == 1
    border = torch.ones(32, 32, dtype=torch.bool)
    border[2:-2, 2:-2] = False
    assert (x[:, 0, border] == -1).all()
