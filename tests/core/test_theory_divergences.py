"""f-divergences against independent formulas, quadrature and the definitions of their conjugates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import norm, wasserstein_distance

from wgan_core.theory.divergences import DIVERGENCES, LOG_2, js, kl, total_variation
from wgan_core.theory.normal import Normal, closed_form, crossings, line_for, wasserstein

KINDS = list(DIVERGENCES)
Floats = NDArray[np.float64]
# Written out anew, in p and q, without a generator.
BY_HAND: dict[str, Callable[[Any, Any], Any]] = {
    "kl": lambda p, q: rel_entr(p, q).sum(),
    "reverse-kl": lambda p, q: rel_entr(q, p).sum(),
    "pearson": lambda p, q: ((p - q) ** 2 / q).sum(),
    "neyman": lambda p, q: ((p - q) ** 2 / p).sum(),
    "hellinger": lambda p, q: ((np.sqrt(p) - np.sqrt(q)) ** 2).sum(),
    "js": lambda p, q: jensenshannon(p, q) ** 2,
    "tv": lambda p, q: np.abs(p - q).sum() / 2,
}
# The same for densities, from ln p and ln q.
INTEGRANDS: dict[str, Callable[[float, float], float]] = {
    "kl": lambda a, b: np.exp(a) * (a - b),
    "reverse-kl": lambda a, b: np.exp(b) * (b - a),
    "pearson": lambda a, b: np.exp(2 * a - b) - 2 * np.exp(a) + np.exp(b),
    "neyman": lambda a, b: np.exp(2 * b - a) - 2 * np.exp(b) + np.exp(a),
    "hellinger": lambda a, b: (np.exp(a / 2) - np.exp(b / 2)) ** 2,
    "js": lambda a, b: 0.5 * (np.exp(a) * (a - mixed(a, b)) + np.exp(b) * (b - mixed(a, b))),
    "tv": lambda a, b: 0.5 * abs(np.exp(a) - np.exp(b)),
}


def mixed(a: float, b: float) -> float:
    """ln of the mean of two densities."""
    return float(np.logaddexp(a, b)) - LOG_2


def masses(least: float) -> st.SearchStrategy[Floats]:
    numbers = st.lists(st.floats(least, 10, allow_subnormal=False), min_size=6, max_size=6)
    return numbers.filter(lambda some: sum(some) > 0.1).map(lambda some: np.array(some) / sum(some))


PAIRS = [
    (Normal(0, 1), Normal(1, 1)),
    (Normal(-1, 1.2), Normal(2, 1)),
    (Normal(0.3, 0.2), Normal(0, 1)),
    (Normal(0, 0.8), Normal(0, 1)),
    (Normal(-4, 1), Normal(4, 1)),
    (Normal(4.46, 0.7814), Normal(0, 1)),
]


@pytest.mark.parametrize("kind", KINDS)
@given(p=masses(0.05), q=masses(0.05))
def test_a_divergence_of_masses_is_its_textbook_sum(kind: str, p: Floats, q: Floats) -> None:
    assert DIVERGENCES[kind].of_masses(p, q) == pytest.approx(BY_HAND[kind](p, q), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@given(p=masses(0), q=masses(0))
def test_a_divergence_is_not_negative_zero_at_equality_and_within_its_bound(kind: str, p: Floats, q: Floats) -> None:
    divergence = DIVERGENCES[kind]
    assert -1e-15 <= divergence.of_masses(p, q) <= divergence.greatest + 1e-12
    assert abs(divergence.of_masses(p, p)) < 1e-15
    assert divergence.of_masses(p, q) == pytest.approx(DIVERGENCES[divergence.reverse].of_masses(q, p), abs=1e-12)


@given(p=masses(0), q=masses(0))
def test_js_never_exceeds_ln_2_and_ranks_between_the_others(p: Floats, q: Floats) -> None:
    assert js(p, q) <= LOG_2 + 1e-15
    tv = total_variation(p, q)
    assert kl(p, q) >= 2 * tv**2 - 1e-12  # Pinsker
    assert tv**2 / 2 - 1e-12 <= js(p, q) <= LOG_2 * tv + 1e-12  # Lin 1991
    squared = DIVERGENCES["hellinger"].of_masses(p, q) / 2
    assert squared - 1e-12 <= tv <= math.sqrt(2 * squared) + 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_disjoint_supports_give_the_greatest_value(kind: str) -> None:
    apart = DIVERGENCES[kind].of_masses([0.25, 0.75, 0, 0], [0, 0, 0.5, 0.5])
    assert apart == pytest.approx(DIVERGENCES[kind].greatest, rel=1e-15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_densities_agree_with_quadrature_and_with_the_closed_form(kind: str, p: Normal, q: Normal) -> None:
    divergence = DIVERGENCES[kind]
    found = divergence.of_densities(p.log_density, q.log_density, line_for(p, q))
    if (formula := closed_form(kind, p, q)) is not None:
        assert found == pytest.approx(formula, rel=1e-6)
    if math.isfinite(found):

        def integrand(x: float) -> float:
            return float(INTEGRANDS[kind](norm.logpdf(x, p.mean, p.sd), norm.logpdf(x, q.mean, q.sd)))

        by_quad, _ = quad(integrand, -30, 30, points=[p.mean, q.mean, *crossings(p, q)], limit=500)
        assert found == pytest.approx(by_quad, rel=1e-6)


def test_a_divergence_of_heavy_tails_against_light_ones_is_infinite() -> None:
    wide, narrow = Normal(0, 2), Normal(0, 1)
    assert closed_form("pearson", wide, narrow) == math.inf
    line = line_for(wide, narrow)
    assert DIVERGENCES["pearson"].of_densities(wide.log_density, narrow.log_density, line) == math.inf
    assert math.isfinite(DIVERGENCES["pearson"].of_densities(narrow.log_density, wide.log_density, line))


@pytest.mark.parametrize(("mean", "sd"), [(0, 1.41), (5.8, 1.38), (-4.2, 1.395), (0, 1.4142)])
def test_nearly_infinite_values_are_still_right(mean: float, sd: float) -> None:
    p, q = Normal(mean, sd), Normal(0, 1)
    line = line_for(p, q)
    for kind, a, b in (("pearson", p, q), ("neyman", q, p)):
        found = DIVERGENCES[kind].of_densities(a.log_density, b.log_density, line)
        assert found == pytest.approx(closed_form(kind, a, b), rel=1e-6)


def test_far_gaussians_lose_nothing_to_underflow() -> None:
    p, q = Normal(-40, 1), Normal(40, 1)
    line = line_for(p, q)
    assert DIVERGENCES["kl"].of_densities(p.log_density, q.log_density, line) == pytest.approx(3200)
    assert DIVERGENCES["js"].of_densities(p.log_density, q.log_density, line) == pytest.approx(LOG_2, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_is_convex_and_zero_at_one(kind: str) -> None:
    f = DIVERGENCES[kind].f
    assert f(1.0) == 0
    u = np.geomspace(1e-6, 1e3, 500)
    assert (f((u[:-1] + u[1:]) / 2) <= (f(u[:-1]) + f(u[1:])) / 2 + 1e-12).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_is_the_generators_derivative(kind: str) -> None:
    divergence = DIVERGENCES[kind]
    u = np.array([0.01, 0.2, 0.9, 1.1, 3.0, 50.0])
    numeric = (divergence.f(u * (1 + 1e-6)) - divergence.f(u * (1 - 1e-6))) / (2e-6 * u)
    np.testing.assert_allclose(divergence.best_t(np.log(u)), numeric, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_conjugate_is_the_supremum(kind: str) -> None:
    divergence = DIVERGENCES[kind]
    t = np.array([-3.0, -2.0, -1.0, -0.5, -0.3, 0.0, 0.2, 0.3, 0.5, 0.9])
    u = np.concatenate([[0.0], np.geomspace(1e-9, 1e9, 200_001)])
    f = divergence.f(u)
    gain = np.where(np.isfinite(f), u * t[:, None] - np.where(np.isfinite(f), f, 0.0), -np.inf)
    supremum = gain.max(1)
    found = divergence.conjugate(torch.tensor(t, dtype=torch.float64)).numpy()
    bounded = supremum - gain[:, u < 1e6].max(1) < 1e-3  # it no longer grows with u
    np.testing.assert_array_equal(np.isfinite(found), bounded)
    np.testing.assert_allclose(found[bounded], supremum[bounded], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_layer_stays_in_the_conjugates_domain_and_rises(kind: str) -> None:
    divergence = DIVERGENCES[kind]
    v = torch.linspace(-8, 8, 401, dtype=torch.float64)
    t = divergence.output(v)
    assert (t.diff() > 0).all()
    assert torch.isfinite(divergence.conjugate(t)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_t_attains_the_variational_bound(kind: str) -> None:
    p, q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.4, 0.25, 0.25, 0.1])
    divergence = DIVERGENCES[kind]
    t = torch.tensor(divergence.best_t(np.log(p / q)))
    bound = float((torch.tensor(p) * t - torch.tensor(q) * divergence.conjugate(t)).sum())
    assert bound == pytest.approx(divergence.of_masses(p, q))
    # Any other T gives less (f-GAN, equation 4).
    other = divergence.output(torch.tensor([0.3, -0.2, 0.1, 0.4], dtype=torch.float64))
    assert float((torch.tensor(p) * other - torch.tensor(q) * divergence.conjugate(other)).sum()) < bound


@pytest.mark.parametrize(("p", "q"), [*PAIRS, (Normal(0, 1), Normal(0, 3)), (Normal(2, 1), Normal(2, 1))])
def test_wasserstein_of_gaussians_is_that_of_their_quantiles(p: Normal, q: Normal) -> None:
    levels = (np.arange(200_000) + 0.5) / 200_000
    of_quantiles = wasserstein_distance(norm.ppf(levels, p.mean, p.sd), norm.ppf(levels, q.mean, q.sd))
    assert wasserstein(p, q) == pytest.approx(of_quantiles, rel=1e-4, abs=1e-12)
