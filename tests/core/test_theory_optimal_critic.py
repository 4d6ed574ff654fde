"""The best discriminator and the best critic: both come near their optimum, one goes flat, the other does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from wgan_core.objectives import Gan, WganClip, WganGp
from wgan_core.theory import build
from wgan_core.theory.learner import tensor
from wgan_core.theory.result import Curve, Result
from wgan_core.theory.scorer import TrainedCritic


def value(result: Result, start: str) -> float:
    return next(n.value for n in result.numbers if n.name.startswith(start))


def curve(result: Result, panel: str, name: str) -> Curve:
    (found,) = (
        layer
        for each in result.panels
        if each.name == panel
        for layer in each.layers
        if isinstance(layer, Curve) and layer.name.startswith(name)
    )
    return found


def first(**settings: Any) -> Result:
    return next(build("optimal-critic", settings).frames())


def test_what_is_exact_is_exact_from_the_first_frame() -> None:
    result = first(mean_p=-1.0, sd_p=0.7, mean_q=0.5, sd_q=1.3)
    js, _ = quad(lambda x: _js_at(x, -1.0, 0.7, 0.5, 1.3), -12, 12)
    (note,) = (n.note for n in result.numbers if n.name == "JS by D's loss")
    assert f"JS itself is {js:.4g}" in note
    assert all(n.holds is not False for n in result.numbers)
    best = curve(result, "curves", "D*")
    at_zero = norm.pdf(0, -1.0, 0.7) / (norm.pdf(0, -1.0, 0.7) + norm.pdf(0, 0.5, 1.3))
    assert np.interp(0.0, best.x, best.y) == pytest.approx(at_zero, abs=1e-4)


def _js_at(x: float, a: float, s: float, b: float, t: float) -> float:
    p, q = norm.pdf(x, a, s), norm.pdf(x, b, t)
    return float(0.5 * (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))))


def test_the_slope_of_d_is_that_of_its_curve() -> None:
    result = first(mean_p=-0.5, mean_q=0.5, sd_p=1.0, sd_q=1.0)
    for name in ("D", "D*"):
        (d,) = (layer for layer in result.panels[0].layers if getattr(layer, "name", "") == name)
        assert isinstance(d, Curve)
        slope = curve(result, "slopes", f"|{name}′|")
        np.testing.assert_allclose(np.abs(np.diff(d.y) / np.diff(d.x)), slope.y[1:], atol=1e-5)


def test_far_apart_the_best_discriminator_sends_nothing() -> None:
    notes = {n.name: n.note for n in first().numbers}
    # At its mean q / p = e^(½ 8²) and logit D* has slope 4 / σ² = 16.
    assert notes["median |∇ log(1 − D)| there"].endswith(f"{16 * np.exp(-32):.4g}")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["penalty", "clip"])
def test_the_discriminator_saturates_and_the_critic_does_not(method: str) -> None:
    results = list(build("optimal-critic", {"method": method}).frames())
    last = results[-1]
    assert value(last, "mean |D − D*|") < 1e-3 < value(results[0], "mean |D − D*|") / 100
    assert value(last, "median |∇ log(1 − D)|") < 1e-4
    assert value(last, "median |f′|") > 0.3 * value(last, "K")
    assert value(last, "JS by D's loss") == pytest.approx(np.log(2), abs=1e-3)
    # Between the bumps f rises at every place.
    f = curve(last, "curves", "f")
    between = (f.x > -2) & (f.x < 2)
    assert (np.diff(f.y[between]) < 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("penalty_weight", [3.0, 10.0])
def test_the_penalised_critic_finds_w1_and_the_best_slope(penalty_weight: float) -> None:
    last = build("optimal-critic", {"penalty_weight": penalty_weight}).compute()
    assert value(last, "median |f′|") == pytest.approx(1 + 4 / (2 * penalty_weight), rel=0.1)
    assert 0.85 * 4 < value(last, "f's estimate over K") <= 4 * (1 + 1e-4)


@pytest.mark.slow
def test_overlapping_bumps_leave_the_discriminator_a_slope() -> None:
    last = build("optimal-critic", build("optimal-critic").presets["overlapping"]).compute()
    assert value(last, "median |∇ log(1 − D)|") > 0.1
    assert value(last, "mean |D − D*|") < 0.03


def test_the_live_page_gets_the_same_distance() -> None:
    live = build("optimal-critic", {"method": "clip", "clip": 0.05}).live()
    assert live is not None
    assert live.dataset.model_dump() == {"kind": "two-gaussians", "separation": 4.0, "sigma": 0.5}
    assert live.objective == WganClip(clip=0.05)
    assert build("optimal-critic", {"mean_p": 1.0, "mean_q": 1.0}).live() is None


# The scorer


def test_a_clipped_scorer_stays_within_c() -> None:
    scorer = TrainedCritic(WganClip(clip=0.05), 2, 0)
    for _ in range(5):
        real, fake = (tensor(np.full((16, 2), each)) for each in (0.0, 1.0))
        scorer.learn(real, fake)
    assert float(scorer.flat.weights.abs().max()) <= 0.05 + 1e-9


def test_a_scorers_slopes_are_its_difference_quotients() -> None:
    scorer = TrainedCritic(WganGp(), 1, 3)
    x = np.linspace(-2, 2, 9)[:, None] + 0.01
    quotient = np.abs(scorer.at(x + 5e-4) - scorer.at(x - 5e-4)) / 1e-3
    np.testing.assert_allclose(scorer.slopes(x), quotient, rtol=0.02)


def test_a_scorers_loss_falls() -> None:
    scorer = TrainedCritic(Gan(), 1, 0)
    real, fake = tensor(np.linspace(0, 1, 32)[:, None]), tensor(np.linspace(2, 3, 32)[:, None])
    before = float(scorer.loss(real, fake).detach())
    for _ in range(100):
        scorer.learn(real, fake)
    assert float(scorer.loss(real, fake).detach()) < 0.1 * before
