"""Curves in the plane: JS of noisy curves against closed forms, a discriminator that becomes perfect and flat."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from wgan_core.theory import build
from wgan_core.theory.distances import em, on_common_places
from wgan_core.theory.divergences import DIVERGENCES, LOG_2, js
from wgan_core.theory.normal import Normal, line_for
from wgan_core.theory.result import Result
from wgan_core.theory.supports import COARSE, CURVES, axes, blur, blurred, clean_js, noisy_js


def value(result: Result, start: str) -> float:
    return next(n.value for n in result.numbers if n.name.startswith(start))


def final(**settings: Any) -> Result:
    return build("low-dimensional", settings).compute()


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("gap", [0.05, 0.5, 1.5])
def test_noisy_parallel_lines_are_two_gaussians(gap: float, sigma: float) -> None:
    a, b = Normal(0, sigma), Normal(gap, sigma)
    expected = DIVERGENCES["js"].of_densities(a.log_density, b.log_density, line_for(a, b))
    assert noisy_js(*CURVES["lines"](gap), sigma) == pytest.approx(expected, abs=1e-6)
    assert noisy_js(*CURVES["lines"](gap), sigma, COARSE) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", CURVES)
def test_more_noise_means_less_js_and_never_more_than_ln_2(name: str) -> None:
    found = [noisy_js(*CURVES[name](0.4), sigma) for sigma in (0.01, 0.03, 0.1, 0.3, 1.0)]
    assert all(LOG_2 + 1e-12 >= a >= b >= 0 for a, b in pairwise(found))


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("gap", [0.0, 0.01, 0.75, 1.5])
def test_without_noise_js_is_all_or_nothing(name: str, gap: float) -> None:
    assert js(*on_common_places(*CURVES[name](gap))) == pytest.approx(clean_js(name, gap), abs=1e-12)


@pytest.mark.parametrize("name", ["lines", "circles"])
def test_the_em_distance_is_the_gap(name: str) -> None:
    p, q = CURVES[name](0.3)
    assert em(p[::2], q[::2]) == pytest.approx(0.3, abs=1e-9)


def test_blurred_masses_have_the_mean_and_the_variance_of_curve_and_noise() -> None:
    p, _ = CURVES["circles"](0.5)
    x, y = axes(p, 0.3)
    masses = blurred(p, 0.3, x, y)
    assert masses.sum() == pytest.approx(1)
    assert masses.sum(0) @ x == pytest.approx(0, abs=1e-9)
    assert masses.sum(0) @ x**2 == pytest.approx(0.5 + 0.3**2, rel=1e-6)
    assert masses.sum(1) @ y**2 == pytest.approx(0.5 + 0.3**2, rel=1e-6)


def test_the_blur_is_the_mean_length_of_the_noise() -> None:
    lengths = np.linalg.norm(np.random.default_rng(0).standard_normal((200_000, 2)) * 0.7, axis=1)
    assert blur(0.7) == pytest.approx(lengths.mean(), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("curves", ["lines", "circles"])
def test_without_noise_the_discriminator_is_perfect_and_flat(curves: str) -> None:
    results = list(build("low-dimensional", {"curves": curves}).frames())
    last = results[-1]
    assert value(last, "share of samples") == 1
    slopes = [value(result, "median ‖∇D‖") for result in results]
    assert slopes[-1] < max(slopes) / 50
    assert value(last, "median ‖∇ log D‖") > 10
    assert value(last, "slope of JS") == 0
    (level,) = (layer for layer in last.panels[-1].layers if getattr(layer, "text", "").startswith("JS"))
    assert level.value == pytest.approx(LOG_2)  # type: ignore[union-attr]


@pytest.mark.slow
def test_lines_that_cross_are_told_apart_but_for_the_crossing() -> None:
    last = final(curves="crossing")
    assert value(last, "share of samples") > 0.97
    assert value(last, "median ‖∇D‖") < 1e-4


@pytest.mark.slow
def test_with_noise_the_discriminator_keeps_its_slope_and_estimates_js() -> None:
    last = final(noise="on", sigma=0.3)
    assert value(last, "median ‖∇D‖") > 0.2
    assert value(last, "slope of JS") > 0.3
    # Φ(gap / 2σ): the best that anyone can do.
    assert value(last, "share of samples") == pytest.approx(norm.cdf(0.5 / 0.6), abs=0.02)
    (estimate,) = (layer for layer in last.panels[-1].layers if getattr(layer, "name", "").startswith("JS by"))
    assert estimate.y[-1] == pytest.approx(value(last, "JS"), abs=0.03)  # type: ignore[union-attr]


def test_noise_costs_what_it_says() -> None:
    first = next(build("low-dimensional", {"noise": "on", "sigma": 0.5}).frames())
    assert value(first, "blur") == pytest.approx(0.5 * math.sqrt(math.pi / 2), rel=0.05)
    assert value(first, "EM distance of P from noisy P") <= value(first, "blur") * 1.3


def test_only_parallel_lines_have_a_training_on_the_live_page() -> None:
    assert build("low-dimensional", {"curves": "circles"}).live() is None
    live = build("low-dimensional", {"gap": 0.7}).live()
    assert live is not None
    assert live.objective.kind == "gan"
    assert live.dataset.kind == "parallel-lines"
