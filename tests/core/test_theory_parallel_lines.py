"""Example 1 of the WGAN paper: what is computed against its closed forms, and who arrives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from wgan_core.theory import build
from wgan_core.theory.distances import between, em, on_common_places
from wgan_core.theory.divergences import LOG_2
from wgan_core.theory.figures.parallel_lines import TwoLines

THETA = st.floats(-1, 1).filter(lambda theta: theta == 0 or abs(theta) > 1e-6)


@given(theta=THETA, atoms=st.integers(2, 30))
def test_the_distances_are_those_of_the_example(theta: float, atoms: int) -> None:
    figure = TwoLines(theta=theta, atoms=atoms)
    assert figure.distance("em", theta) == pytest.approx(abs(theta), abs=1e-12)
    expected = (LOG_2, 1.0, math.inf, math.inf) if theta else (0.0,) * 4
    for name, value in zip(("js", "tv", "kl", "reverse-kl"), expected, strict=True):
        assert figure.distance(name, theta) == pytest.approx(value)


@given(theta=THETA, rate=st.floats(0.001, 0.5), steps=st.integers(1, 60))
def test_only_em_arrives(theta: float, rate: float, steps: int) -> None:
    figure = TwoLines(theta=theta, rate=rate, steps=steps, atoms=3)
    for name in ("js", "tv", "kl", "reverse-kl"):
        assert (figure.descent(name) == theta).all()
    path = figure.descent("em")
    assert len(path) == steps + 1
    if steps * rate >= abs(theta):
        assert abs(path[-1]) <= rate + 1e-9
    else:
        assert path[-1] == pytest.approx(theta - math.copysign(steps * rate, theta))
    assert all(number.holds is not False for number in figure.compute().numbers)


@given(theta=THETA.filter(lambda theta: abs(theta) > 1e-3))
def test_the_gradient_from_the_plan_is_the_difference_quotient(theta: float) -> None:
    figure = TwoLines(atoms=5)
    h = 1e-5
    slope = (figure.distance("em", theta + h) - figure.distance("em", theta - h)) / (2 * h)
    assert figure.gradient("em", theta) == pytest.approx(slope, abs=1e-6)
    assert figure.gradient("em", theta) == pytest.approx(math.copysign(1, theta))
    assert figure.gradient("js", theta) == figure.gradient("tv", theta) == 0
    assert math.isnan(figure.gradient("kl", theta))


def test_there_is_no_gradient_where_a_distance_jumps() -> None:
    for theta in (0.0, 1e-4):  # the quotient looks 1e-4 to both sides
        assert math.isnan(TwoLines().gradient("js", theta))


@given(seed=st.integers(0, 999), atoms=st.integers(2, 40), theta=THETA)
def test_samples_come_near_by_what_two_draws_differ(seed: int, atoms: int, theta: float) -> None:
    (sampled,) = [
        n
        for n in build("parallel-lines", {"theta": theta, "atoms": atoms, "seed": seed}).compute().numbers
        if n.name == "W of random samples"
    ]
    assert sampled.value >= abs(theta) - 1e-12  # seen along x alone they are exactly θ apart
    assert sampled.holds


@given(seed=st.integers(0, 10_000), n=st.integers(1, 20), m=st.integers(1, 20))
def test_the_distance_of_clouds_on_a_line_is_scipys(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(size=m)
    assert em(x[:, None], y[:, None]) == pytest.approx(wasserstein_distance(x, y), abs=1e-9)
    plan = between(x[:, None], y[:, None]).plan
    np.testing.assert_allclose(plan.sum(1), 1 / n, atol=1e-9)
    np.testing.assert_allclose(plan.sum(0), 1 / m, atol=1e-9)


def test_atoms_at_one_place_share_it() -> None:
    p, q = on_common_places(np.array([[0.0, 1], [0, 1], [2, 1]]), np.array([[2.0, 1]]))
    np.testing.assert_allclose(p, [2 / 3, 1 / 3])
    np.testing.assert_allclose(q, [0, 1])
