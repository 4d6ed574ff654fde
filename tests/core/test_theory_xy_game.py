"""The game xy: growth a step, eigenvalues, what alternating steps conserve, when momentum helps."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgan_core.theory import build
from wgan_core.theory.figures.xy_game import WAYS, Method, XyGame

ETA, BETA = st.floats(0.01, 2.0), st.floats(-0.9, 0.9)
METHODS = get_args(Method)


def radius(game: XyGame, name: Method) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    path = game.path(name)
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = np.hypot(path[:, 0], path[:, 1])
    return found


def test_every_method_has_its_way() -> None:
    assert tuple(WAYS) == METHODS


@given(eta=ETA, x=st.floats(-2, 2).filter(lambda x: abs(x) > 1e-3), y=st.floats(-2, 2))
def test_simultaneous_steps_grow_by_the_same_factor_each(eta: float, x: float, y: float) -> None:
    r = radius(XyGame(eta=eta, x=x, y=y, steps=20), "simultaneous")
    np.testing.assert_allclose(r[1:] / r[:-1], math.sqrt(1 + eta**2), rtol=1e-12)


def test_the_papers_simulation() -> None:
    path = XyGame(eta=0.1, x=1.0, y=1.0, steps=5).path("simultaneous")
    np.testing.assert_allclose(path[1, :2], [0.9, 1.1])


@pytest.mark.parametrize("name", METHODS)
@given(eta=ETA, beta=BETA)
def test_eigenvalues_meet_their_closed_form_and_rule_the_path(name: Method, eta: float, beta: float) -> None:
    game = XyGame(eta=eta, beta=beta, x=0.7, y=-0.4, steps=12)
    values = game.eigenvalues(name)
    # A double root is found to half of the digits only.
    assert np.abs(values).max() == pytest.approx(WAYS[name].longest(eta, beta), rel=2e-4)
    step = np.stack([WAYS[name].step(unit, eta, beta) for unit in np.eye(4)], 1)
    path = game.path(name)
    np.testing.assert_allclose(path[-1], np.linalg.matrix_power(step, 12) @ path[0], rtol=1e-8, atol=1e-8)


@given(eta=st.floats(0.01, 1.9), steps=st.integers(5, 300))
def test_alternating_steps_stay_on_their_ellipse(eta: float, steps: int) -> None:
    path = XyGame(eta=eta, steps=steps).path("alternating")
    x, y = path[:, 0], path[:, 1]
    np.testing.assert_allclose(x**2 + y**2 - eta * x * y, 2 - eta, atol=1e-8 * steps)
    # The ellipse's longest half axis.
    assert (x**2 + y**2 <= (2 - eta) / (1 - eta / 2) + 1e-6).all()


@pytest.mark.parametrize("eta", [0.05, 0.1, 0.3, 0.9])
def test_extragradient_and_negative_momentum_arrive_where_descent_does_not(eta: float) -> None:
    game = XyGame(eta=eta, beta=-0.5, steps=300)
    assert radius(game, "extragradient")[-1] < radius(game, "extragradient")[0]
    assert np.abs(game.eigenvalues("momentum")).max() < 1
    assert np.abs(XyGame(eta=eta, beta=0.3).eigenvalues("momentum")).max() > 1
    assert radius(game, "simultaneous")[-1] > radius(game, "simultaneous")[0]
    assert np.abs(game.eigenvalues("alternating")).max() == pytest.approx(1)


def test_without_momentum_it_is_alternating_descent() -> None:
    game = XyGame(eta=0.2, beta=0.0)
    np.testing.assert_allclose(game.path("momentum")[:, :2], game.path("alternating")[:, :2], atol=1e-12)


@given(
    eta=ETA,
    beta=BETA,
    steps=st.integers(5, 300),
    x=st.floats(-2, 2),
    y=st.floats(-2, 2),
    method=st.sampled_from(METHODS),
)
def test_no_setting_breaks_it(eta: float, beta: float, steps: int, x: float, y: float, method: Method) -> None:
    knobs = {"eta": eta, "beta": beta, "steps": steps, "x": x, "y": y, "method": method}
    assert all(number.holds is not False for number in build("xy-game", knobs).compute().numbers)


def test_at_the_equilibrium_both_stay() -> None:
    result = build("xy-game", {"x": 0, "y": 0}).compute()
    assert "stay" in result.reading
