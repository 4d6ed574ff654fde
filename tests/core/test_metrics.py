"""The measurements are what they say, and they change nothing."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch import Tensor, nn

import wgan_core.metrics
from tests.core.helpers import CPU, rng, scalars, small
from wgan_core.config import TrainingConfig
from wgan_core.datasets import Grid, Modes, Ring
from wgan_core.metrics import (
    EM_SAMPLES,
    Moment,
    Probe,
    coverage_threshold,
    evaluating,
    exact_em,
    image_grid,
    measure,
    mode_coverage,
    relative_spread,
    share_at_clip,
)
from wgan_core.metrics.critic import ARROWS, HISTOGRAM_BINS, SURFACE_SIDE
from wgan_core.networks import FlatParameters, build_critic, build_generator
from wgan_core.networks.piecewise import Net
from wgan_core.objectives.penalties import input_gradient_norms
from wgan_core.training import Training, train

shifts = st.floats(-100, 100, allow_subnormal=False)


def cloud(seed: int, n: int = 40) -> Tensor:
    return torch.randn(n, 2, generator=rng(seed), dtype=torch.float64)


def readings(config: TrainingConfig, critic: Net | None = None, generator: Net | None = None) -> dict[str, Any]:
    """Everything that is measured of given networks, or of fresh ones."""
    probe = Probe.draw(config, rng(9), CPU)
    shape = config.dataset.shape
    critic = critic or build_critic(config.critic, shape, rng(1), CPU)
    generator = generator or build_generator(config.generator, config.latent.dim, shape, rng(2), CPU)
    return dict(measure(config, generator, critic, FlatParameters(critic).weights, probe))


class Lambda(nn.Module):
    """A critic given by a formula, with one parameter that it does not use."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.function(x)
        return found


# EM distance


@given(dx=shifts, dy=shifts, seed=st.integers(0, 50))
def test_the_em_distance_of_a_shifted_cloud_is_the_shift(dx: float, dy: float, seed: int) -> None:
    x = cloud(seed)
    assert exact_em(x, x + torch.tensor([dx, dy], dtype=x.dtype)) == pytest.approx(math.hypot(dx, dy), abs=1e-9)


@given(seed=st.integers(0, 1000), n=st.integers(1, 30), m=st.integers(1, 30))
def test_the_em_distance_is_symmetric_positive_and_obeys_the_triangle_inequality(seed: int, n: int, m: int) -> None:
    a, b, c = cloud(seed, n), cloud(seed + 1, m) * 2, cloud(seed + 2, 12) + 1
    ab, bc, ac = exact_em(a, b), exact_em(b, c), exact_em(a, c)
    assert ab == pytest.approx(exact_em(b, a))
    assert min(ab, bc, ac) > 0
    assert ac <= ab + bc + 1e-9


@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100))
def test_the_em_distance_scales_with_the_plane(seed: int, factor: float) -> None:
    a, b = cloud(seed), cloud(seed + 1)
    assert exact_em(a * factor, b * factor) == pytest.approx(factor * exact_em(a, b))


def test_the_em_distance_does_not_depend_on_the_order_of_the_samples() -> None:
    x = cloud(0)
    assert exact_em(x, x[torch.randperm(len(x), generator=rng())]) == pytest.approx(0, abs=1e-12)


def test_the_em_distance_on_a_line_is_that_of_the_sorted_samples() -> None:
    a, b = cloud(0)[:, :1], cloud(1)[:, :1] * 3
    expected = float((a.sort(0).values - b.sort(0).values).abs().mean())
    assert exact_em(a, b) == pytest.approx(expected)


def test_moving_half_the_mass_costs_half_the_way() -> None:
    assert exact_em([[0.0, 0.0]], [[0.0, 0.0], [4.0, 0.0]]) == pytest.approx(2)


@pytest.mark.parametrize("kind", ["ring", "grid", "swiss-roll"])
def test_the_floor_is_positive_and_what_a_perfect_generator_reads(kind: str) -> None:
    config = small(kind)
    probe = Probe.draw(config, rng(), CPU)
    perfect = exact_em(config.dataset.sample(EM_SAMPLES, rng(5), CPU), probe.real)
    assert probe.w1_floor is not None
    assert 0.5 < perfect / probe.w1_floor < 2


# Modes


def test_a_perfect_sampler_covers_all_modes_with_the_share_that_3_sigma_holds() -> None:
    # In two dimensions 1 − exp(−9/2) = 0.98889 of a Gaussian lies within 3σ. The standard error here is 0.0003.
    ring = Ring(sigma=0.1)
    found = mode_coverage(ring.sample(100_000, rng(), CPU), ring.modes())
    assert found.modes_covered == 8
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.002)
    assert found.reverse_kl == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("kept", [1, 2, 4, 8])
def test_the_reverse_kl_of_k_even_modes_of_eight_is_ln_8_over_k(kept: int) -> None:
    modes = Ring().modes()
    found = mode_coverage(modes.centres[:kept].repeat(100, 1), modes)
    assert found.modes_covered == kept
    assert found.high_quality == 1
    assert found.reverse_kl == pytest.approx(math.log(8 / kept))


def test_samples_far_from_all_modes_cover_none_and_have_no_kl() -> None:
    found = mode_coverage(torch.full((100, 2), 50.0), Ring().modes())
    assert (found.modes_covered, found.high_quality, found.reverse_kl) == (0, 0.0, None)


def test_three_sigma_is_the_edge_of_high_quality() -> None:
    modes = Modes(torch.zeros(1, 2), 1.0)
    found = mode_coverage(torch.tensor([[2.999, 0.0], [0.0, -2.999], [3.001, 0.0], [2.2, 2.2]]), modes)
    assert found.high_quality == 0.5


def test_a_mode_needs_its_threshold_of_samples() -> None:
    modes = Ring().modes()
    # Of the last: a perfect sampler puts 1 % on each of a hundred.
    weights = torch.tensor([1 / 2, 1 / 8, 1 / 100], dtype=torch.float64)
    assert coverage_threshold(weights).tolist() == [0.01, 0.01, 0.0025]
    for strays, covered in ((9, 1), (10, 2)):
        samples = modes.centres[[0] * (1000 - strays) + [1] * strays]
        assert mode_coverage(samples, modes).modes_covered == covered


def test_a_sample_belongs_to_its_nearest_mode_only() -> None:
    # Neighbours so close that a sample is within 3σ of several.
    grid = Grid(side=2, spacing=0.1, sigma=1.0).modes()
    found = mode_coverage(grid.centres[:1].repeat(50, 1), grid)
    assert found.modes_covered == 1


def test_the_main_mode_is_the_one_that_most_samples_are_nearest_to() -> None:
    modes = Ring().modes()
    samples = modes.centres[[2, 5, 5, 7, 7, 7]] * 3  # far outside: none is of high quality
    found = mode_coverage(samples, modes)
    assert (found.main_mode, found.high_quality) == (7, 0.0)


# Far from the origin


# In steps of 1/256 and within ±4, so that float32 holds every moved and scaled point exactly: what changes is the arithmetic.
steps = st.integers(-1000, 1000)
factors = st.sampled_from([2.0**-8, 1.0, 2.0**8])


def on_a_lattice(seed: int, n: int) -> Tensor:
    return (torch.randn(n, 2, generator=rng(seed)).clamp(-4, 4) * 256).round() / 256


@settings(max_examples=20, deadline=None)
@given(dx=steps, dy=steps, factor=factors, seed=st.integers(0, 50), modes=st.sampled_from([8, 100]))
def test_distances_to_modes_do_not_depend_on_where_the_modes_are(
    dx: int, dy: int, factor: float, seed: int, modes: int
) -> None:
    centres = on_a_lattice(seed, modes)
    samples = centres[torch.arange(300) % modes] + on_a_lattice(seed + 1, 300) / 64
    samples = (samples * 256).round() / 256
    offset = torch.tensor([float(dx), float(dy)])
    here, there = Modes(centres, 0.02), Modes((centres + offset) * factor, 0.02 * factor)
    moved = (samples + offset) * factor
    assert torch.equal((moved / factor) - offset, samples)
    (distance, which), (far, same) = here.nearest(samples), there.nearest(moved)
    torch.testing.assert_close(far / factor, distance, rtol=1e-6, atol=0)
    assert torch.equal(which, same)
    expected = cdist(samples.double(), centres.double()).min(1)
    np.testing.assert_allclose(distance, expected, rtol=1e-6)
    assert mode_coverage(moved, there) == mode_coverage(samples, here)


@settings(max_examples=20, deadline=None)
@given(dx=steps, dy=steps, factor=factors, seed=st.integers(0, 50))
def test_w1_and_spread_do_not_depend_on_where_the_samples_are(dx: int, dy: int, factor: float, seed: int) -> None:
    a, b = on_a_lattice(seed, 40), on_a_lattice(seed + 1, 40) / 2
    b = (b * 256).round() / 256
    offset = torch.tensor([float(dx), float(dy)])
    assert exact_em((a + offset) * factor, (b + offset) * factor) == pytest.approx(factor * exact_em(a, b), rel=1e-9)
    there = relative_spread((a + offset) * factor, (b + offset) * factor)
    assert there == pytest.approx(relative_spread(a, b), rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(dx=steps, dy=steps, factor=factors)
def test_slopes_do_not_depend_on_where_the_samples_are(dx: int, dy: int, factor: float) -> None:
    offset, x = torch.tensor([float(dx), float(dy)]), on_a_lattice(0, 64)
    here, there = (
        Net(Lambda(lambda x: x.norm(dim=1))),
        Net(Lambda(lambda x: (x / factor - offset).norm(dim=1) * factor)),
    )
    torch.testing.assert_close(
        input_gradient_norms(there, (x + offset) * factor), input_gradient_norms(here, x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("spacing", [1.0, 10.0])
def test_narrow_modes_far_out_hold_as_many_samples_as_wide_ones(spacing: float) -> None:
    grid = Grid(side=10, spacing=spacing, sigma=0.003)
    found = mode_coverage(grid.sample(20_000, rng(), CPU), grid.modes())
    # The standard error is 0.0007.
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert found.modes_covered == 100


# Spread


@pytest.mark.parametrize("shape", [(2,), (1, 4, 4)])
@pytest.mark.parametrize("factor", [0.0, 0.3, 2.0])
def test_the_spread_of_shrunk_and_shifted_samples_is_the_factor(shape: tuple[int, ...], factor: float) -> None:
    real = torch.randn(200, *shape, generator=rng())
    assert relative_spread(factor * real + 5, real) == pytest.approx(factor, abs=1e-5)


def test_beside_real_samples_that_are_all_one_point_there_is_no_spread() -> None:
    assert relative_spread(torch.randn(10, 2, generator=rng()), torch.ones(10, 2)) is None


# Weights, surface, arrows, pictures


def test_the_share_at_the_clip_counts_from_99_percent_of_c() -> None:
    weights = torch.tensor([0.1, -0.1, 0.0991, -0.0989, 0.0, 0.05, -0.05, 0.01])
    assert share_at_clip(weights, 0.1) == 3 / 8


@pytest.mark.parametrize("objective", ["wgan-gp", "gan"])
def test_the_histogram_counts_every_weight_on_the_weights_own_range(objective: str) -> None:
    config = small(objective=objective)
    critic = build_critic(config.critic, (2,), rng(1), CPU)
    found = readings(config, critic)
    assert found["weight_counts"].sum() == sum(p.numel() for p in critic.parameters())
    assert len(found["weight_edges"]) == len(found["weight_counts"]) + 1 == HISTOGRAM_BINS + 1
    assert "weights_at_clip" not in found


def test_the_histogram_of_a_clipped_critic_counts_every_weight_within_c() -> None:
    training = Training(small(objective={"kind": "wgan-clip", "clip": 0.05}))
    *_, last = (s for s in training.updates() if s is not None)
    edges, counts = last.arrays["weight_edges"], last.arrays["weight_counts"]
    assert counts.sum() == sum(p.numel() for p in training.critic.parameters())
    assert edges[0] <= -0.05 < 0.05 <= edges[-1]
    assert 0 < last.scalars["weights_at_clip"] <= 1


def test_the_surface_is_the_critic_on_a_grid_with_rows_from_low_to_high_y() -> None:
    config = small()
    for axis, function in ((0, lambda x: x[:, 1:]), (1, lambda x: x[:, :1])):
        found = readings(config, Net(Lambda(function)))
        surface, line = found["surface"], found["surface_axis"]
        assert surface.shape == (SURFACE_SIDE, SURFACE_SIDE)
        np.testing.assert_allclose(line[[0, -1]], [-config.dataset.extent, config.dataset.extent])
        np.testing.assert_allclose(surface, np.broadcast_to(line[:, None] if axis == 0 else line[None], surface.shape))


@pytest.mark.parametrize("objective", ["gan", "wgan-clip", "wgan-gp"])
def test_the_push_points_where_the_generators_loss_falls(objective: str) -> None:
    # f = −|x − (5, 0)|² rises towards (5, 0), and so every sample is pushed there.
    config = small(objective=objective)
    goal = torch.tensor([5.0, 0.0])
    found = readings(config, Net(Lambda(lambda x: -(x - goal).square().sum(1, keepdim=True) / 100)))
    towards = goal.numpy() - found["push_at"]
    push = found["push"]
    assert push.shape == (ARROWS, 2)
    np.testing.assert_array_equal(found["push_at"], found["fake"][:ARROWS])
    cosine = (towards * push).sum(1) / np.linalg.norm(towards, axis=1) / np.linalg.norm(push, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-5)


def test_the_push_of_a_wgan_is_the_critics_gradient() -> None:
    found = readings(small(), Net(Lambda(lambda x: 3 * x[:, :1] - x[:, 1:])))
    np.testing.assert_allclose(found["push"], np.tile([3.0, -1.0], (ARROWS, 1)), rtol=1e-5)


def test_the_input_gradient_norm_of_a_linear_critic_is_its_slope() -> None:
    found = readings(small(), Net(Lambda(lambda x: 3 * x[:, :1] + 4 * x[:, 1:])))
    assert found["input_grad_norm_mean"] == pytest.approx(5)
    assert found["input_grad_norm_max"] == pytest.approx(5)


def test_a_perfect_generator_reads_the_floor_and_all_modes() -> None:
    # A generator that looks its samples up: latent i becomes the i-th real sample.
    config = small()
    table = config.dataset.sample(2500, rng(4), CPU)
    found = readings(config, generator=Net(Lambda(lambda z: table[: len(z)])))
    assert found["modes_covered"] == 8
    assert found["high_quality"] == pytest.approx(0.989, abs=0.01)
    assert found["w1"] == pytest.approx(found["w1_floor"], rel=0.6)


def test_a_picture_of_images_is_a_grid_of_8_by_8_bytes_in_three_channels() -> None:
    images = torch.full((64, 1, 32, 32), -1.0)
    images[1] = 1.0
    images[8] = 0.0
    picture = image_grid(images)
    assert picture.shape == (8 * 34 + 2, 8 * 34 + 2, 3)
    assert picture.dtype == np.uint8
    assert (picture[2:34, 2:34] == 0).all()
    assert (picture[2:34, 36:68] == 255).all()  # second in the first row
    assert (picture[36:68, 2:34] == 128).all()  # first in the second row
    assert (picture[:2] == 128).all()  # the frame


def test_a_picture_clips_what_lies_beyond_the_range_and_keeps_colours() -> None:
    images = torch.tensor([-7.0, 7.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert image_grid(images)[3, 3].tolist() == [0, 255, 128]


def test_the_arrays_of_a_snapshot_cannot_be_written_to() -> None:
    for dataset in ("ring", "fashion-mnist"):
        snapshot = next(train(small(dataset)))
        for name in set(snapshot.arrays) - {"weight_edges"}:
            with pytest.raises(ValueError, match="read-only"):
                snapshot.arrays[name][...] = 0


def test_images_are_measured_by_pictures_and_points_by_clouds() -> None:
    points, images = readings(small("ring")), readings(small("fashion-mnist"))
    assert points["fake"].shape == points["real"].shape == (EM_SAMPLES, 2)
    assert images["fake_grid"].shape == images["real_grid"].shape == (274, 274, 3)
    assert not {"w1", "surface", "push", "modes_covered"} & images.keys()


def test_a_snapshots_arrays_are_copies_that_later_training_does_not_change() -> None:
    first, *_ = train(small(steps=5))
    kept = {name: array.copy() for name, array in first.arrays.items()}
    again = next(train(small(steps=5)))
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, kept[name])
        np.testing.assert_array_equal(array, again.arrays[name])


# Measuring changes nothing


@pytest.mark.parametrize("objective", ["gan", "wgan-clip", "wgan-gp"])
@pytest.mark.parametrize("dataset", ["ring", "fashion-mnist"])
def test_measuring_more_often_does_not_change_the_training(dataset: str, objective: str) -> None:
    often = scalars(train(small(dataset, objective, steps=6, snapshot_every=1)))
    seldom = scalars(train(small(dataset, objective, steps=6, snapshot_every=3)))
    assert {step: often[step] for step in seldom} == seldom


def test_measuring_between_snapshots_does_not_change_the_training() -> None:
    quiet = scalars(train(small(steps=4, snapshot_every=4)))
    training = Training(small(steps=4, snapshot_every=4))
    found = {}
    for snapshot in training.updates():
        if snapshot is not None:
            found[snapshot.step] = snapshot.scalars
        elif training.step > 0:
            training.snapshot()
    assert found == quiet


def test_measuring_with_more_samples_does_not_change_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = ("w_estimate", "critic_loss", "generator_loss", "gradient_penalty", "critic_grad_norm")
    few = scalars(train(small()))
    monkeypatch.setattr(wgan_core.metrics.moment, "EM_SAMPLES", 100)
    monkeypatch.setattr(wgan_core.metrics.moment, "MODE_SAMPLES", 200)
    many = scalars(train(small()))
    assert few[3]["w1"] != many[3]["w1"]
    assert [few[3][name] for name in trained] == [many[3][name] for name in trained]


def test_measuring_leaves_batch_statistics_and_modes_alone() -> None:
    net = {"kind": "dcgan", "base_channels": 4, "normalisation": "batch"}
    training = Training(small("fashion-mnist", "gan", generator=net, critic=net, steps=2))
    for _ in training.updates():
        before = {k: v.clone() for m in (training.generator, training.critic) for k, v in m.state_dict().items()}
        training.snapshot()
        after = {k: v for m in (training.generator, training.critic) for k, v in m.state_dict().items()}
        assert all(torch.equal(before[k], after[k]) for k in before)
        assert training.generator.training
        assert training.critic.training
    assert any("running_mean" in name for name in before)


def test_nets_return_to_their_mode_even_after_an_error() -> None:
    a, b = nn.Linear(1, 1), nn.Linear(1, 1).eval()
    with suppress(ZeroDivisionError), evaluating(a, b):
        assert not a.training
        assert not torch.is_grad_enabled()
        raise ZeroDivisionError
    assert a.training
    assert not b.training
    assert torch.is_grad_enabled()


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_every_scalar_of_a_snapshot_is_a_finite_number(seed: int) -> None:
    for snapshot in train(small(seed=seed, steps=1)):
        assert all(type(value) is float and math.isfinite(value) for value in snapshot.scalars.values())


def test_a_rings_circle_and_its_bumps_are_told_apart() -> None:
    """Even samples on the circle match it and have no bumps, real ones have both, the untrained generator neither."""
    config = TrainingConfig.parse({"dataset": {"kind": "ring"}, "device": "cpu"})
    draws = rng(0)
    probe = Probe.draw(config, draws, CPU)
    net = Training(config).generator
    turn = torch.linspace(0, 2 * math.pi, 2501)[:-1]
    radii = config.dataset.sample(2500, draws, CPU).norm(dim=1)

    def read(samples: torch.Tensor) -> Any:
        return wgan_core.metrics.samples.circle(Moment(config, net, net, torch.zeros(1), probe, samples))

    even = read(torch.stack([turn.cos(), turn.sin()], 1) * radii[:, None])
    assert even["radius_w1"] < 0.05
    assert abs(even["bumps"]) < 0.02
    real = read(config.dataset.sample(2500, draws, CPU))
    assert real["radius_w1"] < 0.05
    assert real["bumps"] == pytest.approx(1, abs=0.1)
    assert read(torch.zeros(2500, 2))["radius_w1"] == pytest.approx(2.0, abs=0.05)
    other = TrainingConfig.parse({"dataset": {"kind": "grid"}, "device": "cpu"})
    assert wgan_core.metrics.samples.circle(Moment(other, net, net, torch.zeros(1), probe, torch.zeros(9, 2))) == {}
