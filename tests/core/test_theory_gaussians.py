"""Two Gaussians: against scipy's quadrature, the theorem on the best discriminator, and how fits avoid or are forced to zero."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from wgan_core.theory import build
from wgan_core.theory.divergences import DIVERGENCES, LOG_2
from wgan_core.theory.figures.gaussians import BUMP, Bumps, loss
from wgan_core.theory.normal import Normal, line_for
from wgan_core.theory.result import Curve, Result

MEANS, SDS = st.floats(-4, 4), st.floats(0.1, 3)
NORMALS = st.builds(Normal, MEANS, SDS)


def number(result: Result, name: str) -> float:
    (found,) = [n.value for n in result.numbers if n.name == name]
    return found


def curve(result: Result, panel: str, name: str) -> Curve:
    (found,) = [
        layer
        for p in result.panels
        if p.name == panel
        for layer in p.layers
        if isinstance(layer, Curve) and layer.name == name
    ]
    return found


@given(p=NORMALS, q=NORMALS)
def test_the_best_discriminators_loss_is_twice_js_less_twice_ln_2(p: Normal, q: Normal) -> None:
    line = line_for(p, q)
    js = DIVERGENCES["js"].of_densities(p.log_density, q.log_density, line)
    assert loss(p, q, line) == pytest.approx(2 * js - 2 * LOG_2, abs=1e-7)
    assert -2 * LOG_2 - 1e-7 <= loss(p, q, line) <= 1e-7


@given(p=NORMALS, q=NORMALS, wrong=st.floats(-2, 2), tilt=st.floats(0.2, 3))
def test_no_other_discriminator_does_better(p: Normal, q: Normal, wrong: float, tilt: float) -> None:
    line = line_for(p, q)
    log_p, log_q = p.log_density(line.x), q.log_density(line.x)
    other = np.clip(expit(tilt * (log_p - log_q) + wrong), 1e-300, 1 - 1e-16)
    value = float((np.exp(log_p) * np.log(other) + np.exp(log_q) * np.log1p(-other)) @ line.weights)
    assert value <= loss(p, q, line) + 1e-7


@given(mean_p=MEANS, sd_p=SDS, mean_q=MEANS, sd_q=SDS)
def test_swapping_swaps_kl_and_keeps_js(mean_p: float, sd_p: float, mean_q: float, sd_q: float) -> None:
    knobs = {"mean_p": mean_p, "sd_p": sd_p, "mean_q": mean_q, "sd_q": sd_q, "apart": 0.0}
    there, back = (build("gaussians", knobs | {"swapped": swap}).compute() for swap in (False, True))
    assert number(there, "KL(p‖q)") == pytest.approx(number(back, "KL(q‖p)"), rel=1e-9, abs=1e-12)
    assert number(there, "JS(p, q)") == pytest.approx(number(back, "JS(p, q)"), rel=1e-9, abs=1e-12)
    assert all(n.holds is not False for n in (*there.numbers, *back.numbers))


def test_the_papers_own_figure() -> None:
    result = build("gaussians").compute()
    assert number(result, "KL(p‖q)") == pytest.approx(0.5)
    p, q = norm(0, 1), norm(1, 1)

    def js(x: float) -> float:
        a, b = p.pdf(x), q.pdf(x)
        return float(0.5 * (a * np.log(2 * a / (a + b)) + b * np.log(2 * b / (a + b))))

    assert number(result, "JS(p, q)") == pytest.approx(quad(js, -12, 13)[0], abs=1e-8)
    best = curve(result, "discriminator", "D*")
    np.testing.assert_allclose(best.y, p.pdf(best.x) / (p.pdf(best.x) + q.pdf(best.x)), atol=1e-12)
    of_js = curve(result, "integrands", "that of JS")
    np.testing.assert_allclose(of_js.y, [js(x) for x in of_js.x], atol=1e-12)
    assert (of_js.y >= 0).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("apart", [0.0, 1.0, 4.0, 8.0])
def test_maximum_likelihood_meets_the_moments_of_the_data(apart: float, share: float) -> None:
    bumps = Bumps(apart, share)
    mean, sd = bumps.moments()
    drawn = np.random.default_rng(0).normal(
        np.where(np.random.default_rng(1).random(400_000) < share, -1, 1) * apart / 2, BUMP
    )
    assert (mean, sd) == pytest.approx((drawn.mean(), drawn.std()), abs=0.02)
    fit = bumps.fit("kl")
    assert (fit.mean, fit.sd) == pytest.approx((mean, sd), abs=1e-4)


def test_the_other_way_round_a_fit_gives_a_bump_up() -> None:
    for share, side in ((0.7, -1), (0.3, 1)):
        fit = Bumps(6.0, share).fit("reverse-kl")
        assert fit.mean == pytest.approx(3 * side, abs=0.05)
        assert fit.sd == pytest.approx(BUMP, abs=0.02)
        # What it gives up is the share of the other bump: KL(q‖data) is about −ln of the share that it sits on.
        assert Bumps(6.0, share).kl_from(fit) == pytest.approx(-math.log(0.7), abs=0.01)


def test_one_bump_is_fitted_both_ways() -> None:
    for name in ("kl", "reverse-kl"):
        fit = Bumps(0.0, 0.5).fit(name)
        assert (fit.mean, fit.sd) == pytest.approx((0, BUMP), abs=1e-5)


def test_far_apart_the_discriminator_is_a_step_and_js_at_its_ceiling() -> None:
    result = build("gaussians", build("gaussians").presets["far apart"]).compute()
    assert number(result, "JS(p, q)") == pytest.approx(LOG_2, abs=1e-6)
    best = curve(result, "discriminator", "D*")
    assert (best.y[best.x < -0.5] > 0.999).all()
    assert (best.y[best.x > 0.5] < 0.001).all()
