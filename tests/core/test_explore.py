"""Looking into generators: identities of latents, of nearest neighbours and of pixel statistics; weights from checkpoints."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import kstest, truncnorm
from torch import Tensor

from tests.core.helpers import CPU, rng, small
from tests.core.stored import record
from wgan_core.config import RunConfig
from wgan_core.datasets import FashionMnist
from wgan_core.datasets.images import as_samples
from wgan_core.explore import (
    NoWeights,
    draw,
    interpolate,
    line,
    nearest,
    nearest_others,
    pixel_statistics,
    plane,
    principal_directions,
    sampler,
    slerp,
    steps,
    truncate,
    walk,
)
from wgan_core.members.ensemble import Ensemble
from wgan_core.members.sites import InThisProcess
from wgan_core.members.stacked import stacks
from wgan_core.metrics import Probe, image_grid
from wgan_core.networks import Latent
from wgan_core.schema import ConfigError
from wgan_core.store import Store
from wgan_core.training import Training, stream
from wgan_core.training.several import seeded

pytestmark = pytest.mark.usefixtures("few_points")

GAUSSIAN, UNIFORM = Latent(dim=8), Latent(dim=8, prior="uniform")


# Latents


def test_a_seed_gives_the_same_latents_and_a_longer_grid_begins_like_a_shorter() -> None:
    torch.manual_seed(7)
    state = torch.get_rng_state()
    assert torch.equal(draw(GAUSSIAN, 64, 3)[:16], draw(GAUSSIAN, 16, 3))
    assert not torch.equal(draw(GAUSSIAN, 16, 3), draw(GAUSSIAN, 16, 4))
    assert torch.equal(torch.get_rng_state(), state)
    z = draw(UNIFORM, 4096, 0)
    assert kstest(z.flatten().numpy(), "uniform", (-1, 2)).pvalue > 0.01


@pytest.mark.parametrize(("n", "seed"), [(0, 0), (5000, 0), (4, -1), (4, 2**31)])
def test_what_is_out_of_range_is_refused(n: int, seed: int) -> None:
    with pytest.raises(ConfigError, match="must be from"):
        draw(GAUSSIAN, n, seed)


vectors = st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4).filter(
    lambda v: math.hypot(*v) > 0.1  # a direction needs a length
)


@given(vectors, vectors, st.floats(0, 1, width=32))
def test_slerp_goes_from_end_to_end_and_its_length_stays_between_theirs(
    first: list[float], second: list[float], t: float
) -> None:
    a, b = torch.tensor(first), torch.tensor(second)
    at = slerp(a, b, torch.tensor([0.0, t, 1.0]))
    assert torch.allclose(at[0], a, atol=1e-5)
    assert torch.allclose(at[2], b, atol=1e-5)
    cosine = float(torch.dot(a, b) / (a.norm() * b.norm()))
    if cosine > -0.999:
        assert float(at[1].norm()) == pytest.approx(float(torch.lerp(a.norm(), b.norm(), t)), rel=1e-4)


def test_slerp_turns_at_an_even_speed_where_a_straight_line_dips() -> None:
    a, b = 3 * torch.eye(5)[:2]
    way = slerp(a, b, torch.linspace(0, 1, 10))
    angles = torch.arccos((way[1:] * way[:-1]).sum(1) / 9)
    assert torch.allclose(angles, torch.full((9,), math.pi / 18), atol=1e-4)
    assert torch.allclose(way.norm(dim=1), torch.tensor(3.0))
    straight = interpolate(Latent(dim=5, prior="uniform"), a, b, 11)
    assert float(straight[5].norm()) == pytest.approx(3 / math.sqrt(2))


@given(st.floats(0.05, 6), st.integers(0, 1000))
def test_truncated_latents_stay_within_the_bound_in_their_order(bound: float, seed: int) -> None:
    z = draw(GAUSSIAN, 4, seed)
    found = truncate(GAUSSIAN, z, "truncated", bound)
    assert float(found.abs().max()) <= bound
    assert torch.equal(found.flatten().argsort(), z.flatten().argsort())


def test_truncated_latents_have_the_law_of_a_truncated_gaussian() -> None:
    z = truncate(GAUSSIAN, draw(GAUSSIAN, 1000, 0), "truncated", 0.7)
    assert kstest(z.flatten().numpy(), truncnorm(-0.7, 0.7).cdf).pvalue > 0.01
    far = truncate(GAUSSIAN, draw(GAUSSIAN, 100, 0), "truncated", 8.0)
    assert torch.allclose(far, draw(GAUSSIAN, 100, 0), atol=1e-4)


def test_for_a_uniform_prior_truncating_is_scaling() -> None:
    z = draw(UNIFORM, 50, 0)
    assert torch.equal(truncate(UNIFORM, z, "truncated", 0.5), 0.5 * z)
    assert torch.equal(truncate(UNIFORM, z, "scaled", 0.5), 0.5 * z)
    assert torch.equal(truncate(UNIFORM, z, "none", 0.5), z)
    with pytest.raises(ConfigError, match="bound: must be from"):
        truncate(GAUSSIAN, z, "scaled", math.nan)


@pytest.mark.parametrize("latent", [GAUSSIAN, UNIFORM], ids=lambda latent: latent.prior)
def test_a_walk_comes_back_is_smooth_and_each_moment_is_a_draw_from_the_prior(latent: Latent) -> None:
    z = walk(latent, 500, 8, 1)
    law = ("norm", ()) if latent.prior == "gaussian" else ("uniform", (-1, 2))
    for frame in z:
        assert kstest(frame.flatten().numpy(), *law).pvalue > 0.001
    fine = walk(latent, 4, 200, 1)
    there_and_back = torch.cat([fine, fine[:1]]).diff(dim=0).norm(dim=-1)
    assert float(there_and_back.max()) < 0.05 * float(fine.norm(dim=-1).mean()) + 0.1
    assert torch.equal(walk(latent, 4, 200, 1), fine)


def test_lines_and_planes_go_where_they_say() -> None:
    z, (u, v) = torch.zeros(3), torch.eye(3)[:2]
    assert line(z, u, torch.tensor([-1.0, 2.0])).tolist() == [[-1, 0, 0], [2, 0, 0]]
    assert plane(z, u, v, torch.tensor([-1.0, 1.0])).tolist() == [[-1, -1, 0], [1, -1, 0], [-1, 1, 0], [1, 1, 0]]


def test_principal_directions_are_those_that_move_the_first_layer_most() -> None:
    net = small("fashion-mnist").generator.generator(64, (1, 32, 32))
    directions, strength = principal_directions(net, 64)
    assert torch.allclose(directions @ directions.t(), torch.eye(64), atol=1e-5)
    first = next(module for module in net.modules() if isinstance(module, torch.nn.Linear))
    moved = (first.weight @ directions.t()).norm(dim=0)
    assert torch.allclose(moved, strength, rtol=1e-4)
    assert torch.equal(strength.sort(descending=True).values, strength)


# Real images


@pytest.fixture(scope="module")
def clothes() -> Tensor:
    return FashionMnist().read().pixels


def test_the_nearest_of_a_real_image_is_itself_at_distance_0(clothes: Tensor) -> None:
    which = torch.tensor([0, 4711, 9999])
    found = nearest(as_samples(clothes[which]), clothes, k=3)
    assert found.which[:, 0].tolist() == which.tolist()
    assert found.distance[:, 0].tolist() == [0, 0, 0]
    assert (found.distance.diff(dim=1) > 0).all()


def test_neighbours_are_those_of_all_pairs(clothes: Tensor) -> None:
    few = clothes[:2500]
    images = torch.rand(7, 1, 32, 32, generator=rng()) * 2 - 1
    found = nearest(images, few, k=4)
    pairs = cdist(images.flatten(1).double(), as_samples(few).flatten(1).double())
    assert np.array_equal(found.which, pairs.argsort(1)[:, :4])
    assert found.distance.numpy() == pytest.approx(np.sort(pairs, 1)[:, :4], rel=1e-5)
    which = torch.tensor([3, 2499])
    real = cdist(as_samples(few[which]).flatten(1).double(), as_samples(few).flatten(1).double())
    real[[0, 1], which] = np.inf
    assert nearest_others(which, few).numpy() == pytest.approx(real.min(1), rel=1e-5)


def test_a_copy_is_found_among_many_that_are_nearly_one() -> None:
    """They differ by one level in one pixel and more: far below what a sum of 3,072 products of float32 can tell."""
    base = torch.randint(244, 255, (3, 32, 32), generator=rng(), dtype=torch.uint8)
    order = torch.randperm(60, generator=rng(1))
    pixels = base.flatten().repeat(60, 1)
    for row, changed in zip(pixels, order.tolist(), strict=True):
        row[:changed] ^= 1
    pixels = pixels.view(60, 3, 32, 32)
    found = nearest(as_samples(base[None]), pixels, k=5)
    assert found.which[0].tolist() == order.argsort()[:5].tolist()
    assert found.distance[0].numpy() == pytest.approx(np.sqrt(np.arange(5)) * 2 / 255, rel=1e-4)
    assert nearest_others(torch.arange(60), pixels).numpy() == pytest.approx(2 / 255, rel=1e-4)


def test_a_set_with_few_images_or_the_same_twice_has_neighbours_too() -> None:
    pixels = torch.tensor([9, 9, 200], dtype=torch.uint8).view(3, 1, 1, 1)
    assert nearest_others(torch.tensor([0, 2]), pixels).tolist() == pytest.approx([0, 191 * 2 / 255])
    assert nearest(as_samples(pixels), pixels, k=10).which.shape == (3, 3)


def test_pixel_statistics_are_the_mean_the_spread_and_the_values(clothes: Tensor) -> None:
    images = as_samples(clothes[:300])
    found = pixel_statistics(images)
    assert torch.allclose(found.mean, images.sum(0) / 300, atol=1e-5)
    assert torch.allclose(found.std**2, images.square().mean(0) - found.mean**2, atol=1e-4)
    assert float(found.share.sum()) == pytest.approx(1)
    assert float(found.share[0]) == pytest.approx(float((clothes[:300] < 8).float().mean()))
    same = pixel_statistics(images[:1].expand(5, -1, -1, -1))
    assert torch.allclose(same.mean, images[0], atol=1e-5)
    assert float(same.std.max()) < 1e-6


# Generators as they were


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_generator_of_a_step_makes_what_it_made_in_training(average: float, store: Store) -> None:
    config = small("fashion-mnist", steps=4, generator_average=average)
    record(store, "clothes", config, checkpoints=(2,))
    assert steps(store, "clothes") == [2, 4]
    last = store.lane_view("clothes").latest
    assert last is not None
    found = sampler(store, "clothes")
    assert (found.step, sampler(store, "clothes", step=3).step, sampler(store, "clothes", step=2).step) == (4, 2, 2)
    # The fixed latents of the run's own grid, drawn as the probe draws them.
    probe = Probe.draw(config, stream(config.seed, "measurement", CPU), CPU)
    assert np.array_equal(image_grid(found(probe.latents)), last.arrays["fake_grid"])
    assert not np.array_equal(image_grid(sampler(store, "clothes", step=2)(probe.latents)), last.arrays["fake_grid"])
    store.close()


def test_a_generator_is_read_once_and_again_when_its_file_is_another(store: Store) -> None:
    record(store, "ring", small(steps=3), close=True)
    first = sampler(store, "ring")
    assert sampler(store, "ring") is first
    z = draw(first.config.latent, 5, 0)
    assert torch.equal(sampler(store, "ring", step=3)(z), first(z))
    run = store.take_over("ring", more=2)[1]
    training = Training(small(steps=5))
    list(training.updates())
    run.checkpoint(0, training.state())
    run.close()
    assert store.flush()
    assert sampler(store, "ring").step == 5
    store.close()


def test_of_several_seeds_the_first_is_looked_into(store: Store) -> None:
    config = small(steps=2)
    members = Ensemble(seeded(config, 2), InThisProcess(stacks))
    recorder = store.recorder("seeds", RunConfig.solo(config, 2), ["CPU"])
    for snapshot in members.updates():
        if snapshot is not None:
            recorder.snapshot(0, snapshot)
    recorder.checkpoint(0, members.state())
    recorder.close()
    assert store.flush()
    z = draw(config.latent, 5, 0)
    alone = Training(config)
    list(alone.updates())
    torch.testing.assert_close(sampler(store, "seeds")(z), alone.generator(z), rtol=1e-3, atol=1e-4)
    store.close()


def test_why_there_are_no_weights_is_said(store: Store) -> None:
    with pytest.raises(NoWeights, match="No weights are kept of run nobody"):
        steps(store, "nobody")
    with pytest.raises(NoWeights, match="not stored here"):
        steps(None, "nobody")
    store.recorder("young", RunConfig.solo(small()), ["CPU"]).close()
    assert store.flush()
    with pytest.raises(NoWeights, match="has no checkpoint yet"):
        steps(store, "young")
    with pytest.raises(NoWeights, match="has no checkpoint"):
        sampler(store, "young")
    store.close()
