"""The scores of images: the definitions against other people's code, the classifier, and what a run makes of both."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.core.helpers import CPU, rng, scalars, small, wait_until
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.datasets import FashionMnist, Images, StackedMnist
from wgan_core.history import CLOCKS, History
from wgan_core.metrics.images import Fitting, Scorer, due, frechet, kid, neighbours, reverse_kl
from wgan_core.metrics.images.kept import fitting_for, folder, keep
from wgan_core.runs import Run
from wgan_core.training import Training, train

TIMES = "wgan_core.metrics.images.classifier.STEPS"


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Classifiers that learn for a second or two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TIMES, 60)
        yield


def gaussian(n: int, d: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(n, d, generator=rng(seed)) * torch.linspace(0.5, 2.0, d) + shift


def trained(fitting: Fitting) -> Fitting:
    while fitting.result is None:
        fitting.advance()
    return fitting


# The definitions


def test_the_frechet_distance_is_that_of_the_formula() -> None:
    a, b = gaussian(300, 8, 0), gaussian(200, 8, 1, shift=0.3) @ torch.randn(8, 8, generator=rng(2))
    x, y = a.double().numpy(), b.double().numpy()
    root = scipy.linalg.sqrtm(np.cov(x.T) @ np.cov(y.T)).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root)
    assert frechet(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet(b, a) == pytest.approx(expected, rel=1e-6)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_of_two_normal_distributions_the_frechet_distance_is_the_closed_form() -> None:
    # Variances 1 and 4 in each of d dimensions, means 2 apart in each: d (2² + (2 − 1)²).
    a, b = torch.randn(40_000, 3, generator=rng(0)), 2 + 2 * torch.randn(40_000, 3, generator=rng(1))
    assert frechet(a, b) == pytest.approx(15, rel=0.02)


def test_features_that_never_change_do_not_break_the_frechet_distance() -> None:
    dead = torch.zeros(50, 4)
    assert frechet(dead, dead + 1) == pytest.approx(4)
    assert frechet(dead, gaussian(50, 4, 0)) > 0


def test_kid_is_the_mean_over_pairs() -> None:
    a, b = gaussian(9, 5, 0).double(), gaussian(7, 5, 1, shift=1.0).double()

    def k(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 5 + 1) ** 3)

    def mean(pairs: list[float]) -> float:
        return sum(pairs) / len(pairs)

    within = [mean([k(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j]) for s in (a, b)]
    assert kid(a, b) == pytest.approx(sum(within) - 2 * mean([k(x, y) for x in a for y in b]), rel=1e-9)


def test_kid_of_one_distribution_is_0_on_average_whatever_the_size() -> None:
    for n in (10, 40):
        found = [
            kid(torch.randn(n, 4, generator=rng(2 * i)), torch.randn(n, 4, generator=rng(2 * i + 1)))
            for i in range(300)
        ]
        assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(len(found))


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_precision_recall_density_and_coverage_are_those_of_their_authors_code(
    shift: float, capsys: pytest.CaptureFixture[str]
) -> None:
    real, generated = gaussian(120, 6, 0), gaussian(90, 6, 1, shift)
    found = neighbours(real, generated)
    for k, names in ((3, ("precision", "recall")), (5, ("density", "coverage"))):
        expected = compute_prdc(real.double().numpy(), generated.double().numpy(), k)
        for name in names:
            assert getattr(found, name) == pytest.approx(expected[name], abs=1e-12), name
    swapped = neighbours(generated, real)
    assert (swapped.precision, swapped.recall) == (found.recall, found.precision)


@settings(max_examples=20, deadline=None)
@given(shift=st.integers(-1000, 1000), factor=st.sampled_from([2.0**-8, 1.0, 2.0**8]), seed=st.integers(0, 20))
def test_neighbours_do_not_depend_on_where_the_features_are(shift: int, factor: float, seed: int) -> None:
    real, generated = ((gaussian(60, 4, seed + i, 0.5 * i) * 256).round() / 256 for i in range(2))
    assert neighbours((real + shift) * factor, (generated + shift) * factor) == neighbours(real, generated)


@pytest.mark.parametrize("shift", [1e4, 1e6])
def test_neighbours_so_near_each_other_that_squares_would_drown_them_are_told_apart(shift: float) -> None:
    real, generated = gaussian(120, 6, 0).double() * 1e-4, gaussian(90, 6, 1, 0.5).double() * 1e-4
    assert neighbours(real + shift, generated + shift) == neighbours(real, generated)


def test_the_reverse_kl_of_one_class_of_ten_is_ln_10() -> None:
    even, one = torch.full((10,), 0.1), torch.eye(10)[3]
    assert reverse_kl(one, even) == pytest.approx(math.log(10))
    assert reverse_kl(even, even) == pytest.approx(0, abs=1e-7)


# When


@given(st.integers(1, 400), st.integers(1, 60), st.integers(0, 90))
def test_a_snapshot_is_scored_after_each_multiple_and_at_the_end(steps: int, between: int, every: int) -> None:
    config = TrainingConfig.parse(
        {"dataset": {"kind": "fashion-mnist"}, "steps": steps, "snapshot_every": between, "scores_every": every}
    )
    measured = [step for step in range(steps + 1) if step % between == 0 or step == steps]
    scored = [step for step in range(steps + 1) if due(config, step)]
    assert set(scored) <= set(measured)
    expected = {next(s for s in measured if s >= n) for n in range(every, steps + 1, every)} if every else set()
    assert set(scored) == expected | ({steps} if 0 < every <= steps else set())


def test_points_are_never_scored() -> None:
    assert not any(due(small(scores_every=1), step) for step in range(4))


# The classifier


def images(n: int = 400, classes: int = 2, side: int = 28, seed: int = 0) -> Images:
    """Noise, brighter in the left or in the right half by class; without classes, brighter at the top."""
    pixels = torch.randint(0, 60, (n, 3, side, side), generator=rng(seed), dtype=torch.uint8)
    labels = torch.randint(0, max(1, classes), (n,), generator=rng(seed + 1))
    if classes:
        pixels[labels == 0, :, :, : side // 2] += 120
        pixels[labels == 1, :, :, side // 2 :] += 120
    else:
        pixels[:, :, : side // 4] += 120
    return Images(pixels, labels, ("left", "right") if classes else ())


@pytest.mark.parametrize(("classes", "side"), [(2, 28), (0, 64)])
def test_the_classifier_learns_the_classes_or_where_there_are_none_the_turns(classes: int, side: int) -> None:
    result = trained(Fitting(images(classes=classes, side=side))).result
    assert result is not None
    assert result.accuracy > 0.95
    assert result.by_turns is (classes == 0)
    features, seen = result.read(torch.zeros(3, 3, side, side))
    assert features.shape == (3, 64)
    assert seen.shape == (3,)


def test_the_same_images_give_the_same_classifier_and_no_other_random_number_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(TIMES, 10)
    before = torch.get_rng_state()
    one, two = (trained(Fitting(images())) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert one.key == two.key != Fitting(images(seed=5)).key
    for a, b in zip(one.net.state_dict().values(), two.net.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WGAN_HOME", str(tmp_path))
    return tmp_path


def test_a_classifier_is_trained_once_and_then_read(home: Path) -> None:
    first = trained(fitting_for(FashionMnist()))
    assert fitting_for(FashionMnist()) is first
    keep(first)
    (place,) = folder().iterdir()
    weights, accuracy = dict(first.net.state_dict()), first.result.accuracy if first.result else 0
    assert accuracy > 0.6
    del first
    again = fitting_for(FashionMnist(classes="Bag"))  # all classes, whichever one is trained on
    assert again.result is not None
    assert again.done == 0
    assert again.result.accuracy == accuracy
    assert all(torch.equal(weights[name], tensor) for name, tensor in again.net.state_dict().items())
    del again
    damaged = load_file(place)
    damaged["classes.bias"] += 1
    for bad in ("weights", "bytes"):
        if bad == "weights":
            save_file(damaged, place, {"accuracy": "1.0", "sha256": "0"})
        else:
            place.write_bytes(b"no safetensors")
        assert fitting_for(FashionMnist()).result is None


# The scores of a run


class Fixed(torch.nn.Module):
    """A generator that gives these images whatever the latents are, in turn."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images, self.at = images, 0

    def forward(self, z: Tensor) -> Tensor:
        self.at += len(z)
        return self.images[self.at - len(z) : self.at]


def scores_of(config: TrainingConfig, found: Tensor) -> dict[str, Any]:
    net: Any = Fixed(found)
    return dict(Scorer(config, rng(0), CPU).score(net))


@pytest.fixture(scope="module")
def fashion() -> TrainingConfig:
    return small("fashion-mnist")


def test_real_images_score_as_real_images_do(fashion: TrainingConfig) -> None:
    found = scores_of(fashion, FashionMnist().distinct(1000, rng(7), CPU))
    assert found["classes_covered"] == found["classes_covered_real"] == found["classes"] == 10
    assert found["class_shares"].sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(found["class_shares"] - found["class_shares_real"]).max() < 0.05
    for name in ("precision", "recall", "density", "coverage"):
        assert found[name] == pytest.approx(found[f"{name}_real"], abs=0.08), name
    assert found["frechet_small_cnn"] < 2 * found["frechet_small_cnn_real"]
    assert found["class_reverse_kl"] < 0.02


def test_one_image_again_and_again_is_told_by_every_score_of_variety(fashion: TrainingConfig) -> None:
    one = FashionMnist(classes="Bag").distinct(1, rng(0), CPU)
    found = scores_of(fashion, one.expand(1000, -1, -1, -1))
    assert found["classes_covered"] == 1
    assert found["class_reverse_kl"] == pytest.approx(math.log(10), abs=0.7)
    assert found["precision"] == 1.0
    assert found["recall"] < 0.01
    assert found["coverage"] < 0.05
    assert found["frechet_small_cnn"] > 20 * found["frechet_small_cnn_real"]


def test_noise_is_told_by_every_score_of_quality_but_not_by_its_class(fashion: TrainingConfig) -> None:
    found = scores_of(fashion, torch.rand(1000, 1, 32, 32, generator=rng(0)) * 2 - 1)
    assert found["precision"] < 0.3
    assert found["density"] < 0.3
    assert found["classes_covered"] >= 1
    assert found["frechet_small_cnn"] > 20 * found["frechet_small_cnn_real"]


def test_data_of_one_class_are_scored_without_counting_classes() -> None:
    bags = small({"kind": "fashion-mnist", "classes": "Bag"})
    found = scores_of(bags, FashionMnist(classes="Bag").distinct(500, rng(7), CPU))
    assert "frechet_small_cnn" in found
    assert not [name for name in found if name.startswith(("class_", "classes"))]
    # Half of the thousand bags against the other half.
    shirts = scores_of(bags, FashionMnist(classes="Shirt").distinct(500, rng(7), CPU))
    assert shirts["coverage"] < 0.2 < found["coverage"]


def test_too_few_images_are_not_scored(monkeypatch: pytest.MonkeyPatch, fashion: TrainingConfig) -> None:
    monkeypatch.setattr("wgan_core.metrics.images.scorer.FEWEST", 501)
    bags = small({"kind": "fashion-mnist", "classes": "Bag"})
    assert scores_of(bags, torch.zeros(1000, 1, 32, 32)) == {}


def test_stacks_are_counted_by_the_classes_of_their_channels() -> None:
    config = small({"kind": "stacked-mnist", "of": "fashion-mnist"})
    data = StackedMnist(of="fashion-mnist")
    found = scores_of(config, data.distinct(2500, rng(7), CPU))
    assert found["classes"] == 1000
    # A perfect sampler of equal classes leaves (1 − 1/1000)^2500 of them out, which is 8 %.
    assert found["classes_covered"] == pytest.approx(found["classes_covered_real"], rel=0.05)
    assert 500 < found["classes_covered"] < 960
    assert len(found["class_shares"]) == 10
    few = data.distinct(30, rng(0), CPU).repeat(84, 1, 1, 1)[:2500]
    found = scores_of(config, few)
    assert found["classes_covered"] <= 30
    assert found["class_reverse_kl"] > 2
    assert found["coverage"] < 0.1


def test_scoring_changes_no_number_of_the_training() -> None:
    settings: dict[str, Any] = {"steps": 4, "snapshot_every": 2}
    with_scores = Training(small("fashion-mnist", scores_every=1, **settings))
    without = Training(small("fashion-mnist", scores_every=0, **settings))
    seen, plain = (scalars(s for s in t.updates() if s is not None) for t in (with_scores, without))
    assert "recall" in seen[2]
    for step, expected in plain.items():
        assert {name: seen[step][name] for name in expected} == expected
    for net, other in ((with_scores.generator, without.generator), (with_scores.critic, without.critic)):
        assert all(map(torch.equal, net.state_dict().values(), other.state_dict().values()))


def test_a_training_that_goes_on_scores_as_one_that_was_never_stopped() -> None:
    config = small("fashion-mnist", steps=4, snapshot_every=2, scores_every=2)
    whole = scalars(train(config))
    first = Training(config.edited({"steps": 2}))
    list(first.updates())
    rest = scalars(s for s in Training.resume(config, first.state()).updates() if s is not None)
    assert rest[4] == whole[4]


def test_training_the_classifier_can_be_watched_and_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TIMES, 100_000)
    run = Run(small("fashion-mnist", scores_every=1))
    run.start()
    wait_until(lambda: "training the classifier" in run.lane_view().activity, 60)
    assert run.lane_view().step == 0
    run.stop()
    assert run.join(60)
    assert run.status == "stopped"
    assert run.lane_view().activity == ""


def test_lanes_of_a_race_are_scored_against_the_same_images_by_the_same_classifier() -> None:
    nets = {"generator": {"base_channels": 4}, "critic": {"base_channels": 4}}
    shared = {"dataset": {"kind": "fashion-mnist"}, "batch_size": 8, "device": "cpu", "scores_every": 2} | nets
    lanes = [{"objective": {"kind": kind}, "n_critic": 1} for kind in ("gan", "wgan-gp")]
    run = Run(RunConfig.parse({"shared": shared, "lanes": lanes, "length": 2, "snapshot_every": 1}))
    run.start()
    assert run.join(120)
    gan, gp = (view.latest for view in run.view().lanes)
    assert gan is not None
    assert gp is not None
    real = {name: value for name, value in gan.scalars.items() if name.endswith("_real") and name != "critic_real"}
    assert len(real) == 8
    assert {name: gp.scalars[name] for name in real} == real
    assert gp.scalars["classifier_accuracy"] == gan.scalars["classifier_accuracy"]


def test_a_history_holds_scores_where_there_are_some() -> None:
    history = History()
    for snapshot in train(small("fashion-mnist", steps=4, scores_every=2)):
        history.append(snapshot)
    columns = history.columns()
    assert np.isfinite(columns["recall"]).tolist() == [False, False, True, False, True]
    again = History.resumed(columns, 5)
    for name, column in again.columns().items():
        np.testing.assert_array_equal(column, columns[name])
    assert set(CLOCKS) <= columns.keys()


# What they tell


@pytest.mark.slow
def test_the_scores_follow_a_training_and_tell_a_collapsed_one_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.core.record_coach import config_of
    from wgan_core.lessons.presets import PRESETS

    monkeypatch.setattr(TIMES, 500)
    config = PRESETS["fashion-wgan-gp"].config.edited({"steps": 120, "scores_every": 60, "device": "cpu"})
    early, late = (s.scalars for s in train(config) if "recall" in s.scalars)
    assert late["classes_covered"] == 10
    assert late["frechet_small_cnn"] < 0.8 * early["frechet_small_cnn"]
    assert late["coverage"] > early["coverage"]
    # A collapsed GAN changes what it makes from one scoring to the next, but it never makes much.
    scored = [
        s.scalars for s in train(config_of("fashion-gan-misses-classes").edited({"steps": 60})) if "recall" in s.scalars
    ]
    collapsed = {name: float(np.median([each[name] for each in scored])) for name in scored[0]}
    assert collapsed["classes_covered"] <= 6
    assert collapsed["recall"] < 0.2 * late["recall"]
    assert collapsed["coverage"] < 0.25 * late["coverage"]
