"""Duality: the linear program closes the gap, critics stay within their bound, and what holds them sets their scale."""

from __future__ import annotations

import json
import math
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from wgan_core.schema import ConfigError
from wgan_core.theory import build
from wgan_core.theory.commands import main
from wgan_core.theory.critics import BATCH, Critic, Recipe, batch
from wgan_core.theory.learner import Learner, stream
from wgan_core.theory.piles import read_piles
from wgan_core.theory.result import Result
from wgan_core.theory.transport import wasserstein

# All earth moves to the right, so that the best critic is a straight line.
P, Q = read_piles("0: 1, 1: 2, 3: 1"), read_piles("2: 1, 4: 2, 5: 1")
W1 = wasserstein(P, Q)


def trained(recipe: Recipe, steps: int, seed: int = 0) -> Critic:
    critic = Critic(P, Q, recipe, seed)
    for _ in range(steps):
        critic.step()
    return critic


def value(result: Result, start: str) -> float:
    return next(n.value for n in result.numbers if n.name.startswith(start))


@pytest.mark.parametrize(
    "recipe", [Recipe("gradient-penalty", penalty_weight=0.1), Recipe("weight-clipping", clip=0.3)]
)
def test_no_critic_estimates_more_than_k_times_w1(recipe: Recipe) -> None:
    for steps in (0, 30, 100):
        reading = trained(recipe, steps).read()
        assert reading.estimate <= reading.slope * W1 * (1 + 1e-5)


def test_spectral_norm_holds_every_slope_below_one() -> None:
    critic = trained(Recipe("spectral-norm"), 150)
    x = np.linspace(-5, 10, 400)[:, None]
    assert np.abs(np.diff(critic.at(x)) / np.diff(x[:, 0])).max() <= 1 + 1e-4
    assert 0.5 < critic.read().estimate / W1 <= 1 + 1e-5


def test_clipping_holds_every_parameter() -> None:
    critic = trained(Recipe("weight-clipping", clip=0.05), 20)
    assert float(critic._learner.flat.weights.abs().max()) <= 0.05 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("penalty_weight", [1.0, 10.0])
def test_the_penalised_critic_overestimates_by_the_slope_that_gains_most(penalty_weight: float) -> None:
    reading = trained(Recipe("gradient-penalty", penalty_weight=penalty_weight), 600).read()
    assert reading.estimate / W1 == pytest.approx(1 + W1 / (2 * penalty_weight), rel=0.05)


@pytest.mark.slow
def test_the_clipped_critics_scale_hangs_on_c_and_depth() -> None:
    by_c = [trained(Recipe("weight-clipping", clip=c), 300).read().estimate for c in (0.01, 0.03, 0.1, 0.3)]
    # Three layers: three times c makes more than ten times the estimate.
    assert all(b > 10 * a for a, b in pairwise(by_c))
    by_depth = [trained(Recipe("weight-clipping", depth=d), 300).read().estimate for d in (1, 2, 3)]
    assert by_depth == sorted(by_depth)


@pytest.mark.slow
def test_the_critic_comes_to_lie_on_the_potential() -> None:
    result = build("duality", {"p": "-2: 1, 2: 1", "q": "0: 2", "steps": 500}).compute()
    f_star, found = (
        next(layer for layer in result.panels[0].layers if word in getattr(layer, "name", "")) for word in ("f*", "/ K")
    )
    assert not isinstance(f_star, str)
    between = np.abs(f_star.x) <= 2  # type: ignore[union-attr]
    assert np.abs(f_star.y - found.y)[between].max() < 0.15  # type: ignore[union-attr]
    np.testing.assert_allclose(f_star.y[between] - f_star.y.min(), np.abs(f_star.x[between]), atol=0.02)  # type: ignore[union-attr]


def test_a_batch_has_each_pile_as_often_as_its_share_says() -> None:
    drawn = batch(Q, stream(3)).squeeze(1)
    counts = [int((drawn == place).sum()) for place in (2.0, 4.0, 5.0)]
    assert np.abs(np.array(counts) - np.array([0.25, 0.5, 0.25]) * BATCH).max() <= 1
    assert sum(counts) == BATCH


def test_critics_draw_nothing_from_torchs_global_generator() -> None:
    before = torch.get_rng_state()
    for method in ("gradient-penalty", "weight-clipping", "spectral-norm"):
        trained(Recipe(method), 2)
    assert torch.equal(before, torch.get_rng_state())


def test_the_same_seed_gives_the_same_critic() -> None:
    a, b, other = (trained(Recipe("gradient-penalty"), 5, seed).read() for seed in (1, 1, 2))
    assert a == b != other


def test_a_learner_learns() -> None:
    x = np.linspace(-1, 1, 64)[:, None]
    learner = Learner(1, stream(0))
    target = torch.tensor(np.abs(x), dtype=torch.float32)
    places = torch.tensor(x, dtype=torch.float32)
    for _ in range(300):
        learner.descend((learner.net(places) - target).square().mean())
    assert np.abs(learner.at(x) - np.abs(x[:, 0])).max() < 0.1


# The figure


def test_the_gap_is_closed_from_the_first_frame() -> None:
    for settings in ({}, {"p": "(0, 0): 1, (1, 0): 1, (0, 1): 1", "q": "(2, 0): 1, (1, 2): 2"}):
        first = next(build("duality", settings).frames())
        assert abs(value(first, "duality gap")) < 1e-8
        assert value(first, "steepest slope") == pytest.approx(1, abs=1e-9)


def test_equal_piles_leave_nothing_to_estimate() -> None:
    result = next(build("duality", {"p": "0: 1, 1: 1", "q": "0: 1, 1: 1"}).frames())
    assert value(result, "W₁") == 0
    assert all(n.holds is not False for n in result.numbers)
    assert "W₁ is 0" in result.reading


def test_each_comparison_trains_critics_that_differ_in_one_thing() -> None:
    for compare, method, n in (
        ("one", "spectral-norm", 1),
        ("c-or-λ", "weight-clipping", 4),
        ("c-or-λ", "gradient-penalty", 4),
        ("depth", "spectral-norm", 4),
        ("methods", "weight-clipping", 3),
    ):
        figure = build("duality", {"compare": compare, "method": method, "steps": 50})
        (result,) = islice(figure.frames(), 1)
        assert len({row[0] for row in result.tables[0].rows}) == n


@pytest.mark.parametrize(
    ("settings", "path", "sentence"),
    [
        ({"p": "0: 1, 99: 1"}, "p", "within ±10; you gave 99"),
        ({"q": "(0, 1): 1"}, "q", "both lie on a line"),
        ({"q": "none"}, "q", "“none” is no pile"),
        ({"method": "spectral-norm", "compare": "c-or-λ"}, "compare", "neither c nor λ"),
        ({"steps": 10**6}, "steps", "from 50 to 1,000"),
    ],
)
def test_what_cannot_be_is_refused_in_words(settings: dict[str, Any], path: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        build("duality", settings)
    (problem,) = refusal.value.problems
    assert problem.path == path
    assert sentence in problem.message


def test_totals_need_not_agree_since_shares_are_compared() -> None:
    result = next(build("duality", {"p": "0: 1", "q": "3: 7"}).frames())
    assert value(result, "W₁") == pytest.approx(3)
    assert not math.isnan(value(result, "estimate over"))


UNEQUAL = {"p": "(0, 1): 3, (2, 0): 1, (-1, -2): 2", "q": "(1, 1): 1, (0.5, -1): 4"}


def test_no_gap_opens_between_piles_of_unequal_totals() -> None:
    p, q = (read_piles(text) for text in UNEQUAL.values())
    # By another solver, over the shares of all 3 × 2 ways.
    ways = np.linalg.norm(p.places[:, None] - q.places, axis=2)
    margins = np.concatenate([np.kron(np.eye(3), np.ones(2)), np.kron(np.ones(3), np.eye(2))])
    expected = linprog(ways.ravel(), A_eq=margins, b_eq=np.concatenate([p.shares, q.shares])).fun
    assert expected == pytest.approx(1.71985, abs=5e-6)
    first = next(build("duality", UNEQUAL).frames())
    (w1, gap) = (next(n for n in first.numbers if n.name.startswith(name)) for name in ("W₁", "duality gap"))
    assert w1.value == pytest.approx(expected, abs=1e-9)
    assert w1.expected == pytest.approx(expected, abs=1e-9)
    assert abs(gap.value) < 1e-9
    assert all(number.holds is not False for number in first.numbers)


def test_the_command_line_shows_no_gap_between_piles_of_unequal_totals(capsys: pytest.CaptureFixture[str]) -> None:
    flags = [word for name, text in UNEQUAL.items() for word in (f"--{name}", text)]
    assert main(["theory", "--figure", "duality", "--json", "--steps", "50", *flags]) == 0
    found = {number["name"]: number for number in json.loads(capsys.readouterr().out)["numbers"]}
    assert found["W₁, price of the cheapest plan"]["value"] == pytest.approx(1.71985, abs=5e-6)
    assert found["duality gap"]["value"] == pytest.approx(0, abs=1e-9)
    assert all(number["holds"] is not False for number in found.values())


def test_the_slope_between_two_places_is_no_rounding_however_near_they_are() -> None:
    for apart in (1e-3, 1e-6):
        p, q = read_piles(f"9: 1, {9 + apart:.9f}: 1"), read_piles("-9: 1")
        critic = Critic(p, q, Recipe("gradient-penalty"), 0)
        (slope,) = np.diff(critic.at(p.places), axis=0) / np.diff(p.line)
        (smooth,) = np.diff(critic.at(np.array([[9.0], [9.001]]))) / 0.001
        assert slope == pytest.approx(smooth, rel=1e-4)
