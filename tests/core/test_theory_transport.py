"""Optimal transport of piles against independent solvers, closed forms and the metric axioms."""

from __future__ import annotations

import itertools
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from wgan_core.theory.piles import MOST_PILES, Piles, PilesError, check_totals, read_piles
from wgan_core.theory.transport import Transport, Walk, costs, monge, monotone_cost, wasserstein

Floats = NDArray[np.float64]
FIGURE_7 = read_piles("3, 2, 1, 4"), read_piles("1, 2, 4, 3")


def make(places: list[tuple[float, ...]], weights: list[int]) -> Piles:
    places_, inverse = np.unique(np.array(places, float), axis=0, return_inverse=True)
    return Piles(places_, np.bincount(inverse.ravel(), weights, len(places_)) / sum(weights))


def piles(dimension: int) -> st.SearchStrategy[Piles]:
    """Piles of total 1 at up to eight places in steps of a quarter."""
    coordinate = st.integers(-40, 40).map(lambda i: i / 4)
    pile = st.tuples(st.tuples(*[coordinate] * dimension), st.integers(1, 9))
    return st.lists(pile, min_size=1, max_size=8).map(lambda some: make([p for p, _ in some], [w for _, w in some]))


ON_A_LINE, IN_THE_PLANE = piles(1), piles(2)
ANY_PAIR = st.one_of(st.tuples(ON_A_LINE, ON_A_LINE), st.tuples(IN_THE_PLANE, IN_THE_PLANE))


def test_figure_7_takes_its_steps_and_costs_five() -> None:
    walk = Walk.between(*FIGURE_7)
    assert walk.delta.tolist() == [0, 2, 2, -1, 0]
    assert walk.cost == 5
    # 2 from the first to the second, 2 on to the third, and 1 from the fourth back to the third.
    assert [(m.source + 1, m.target + 1, m.mass) for m in walk.moves()] == [(1, 2, 2), (2, 3, 2), (4, 3, 1)]
    best = Transport.between(*FIGURE_7)
    # The plan is of shares, and there are 10 in all.
    assert best.cost * 10 == pytest.approx(5, abs=1e-12)
    assert best.dual * 10 == pytest.approx(5, abs=1e-12)
    assert sum(move.mass * abs(move.target - move.source) for move in best.moves(walk)) == pytest.approx(5, abs=1e-12)


@given(p=ON_A_LINE, q=ON_A_LINE)
def test_the_walk_the_plan_and_scipy_agree_on_w1(p: Piles, q: Piles) -> None:
    expected = wasserstein_distance(p.line, q.line, p.masses, q.masses)
    assert Walk.between(p, q).cost == pytest.approx(expected, abs=1e-12)
    assert wasserstein(p, q) == pytest.approx(expected, abs=1e-12)


@given(p=ON_A_LINE, q=ON_A_LINE, power=st.sampled_from([1.0, 1.5, 2.0, 3.0]))
def test_on_a_line_convex_costs_keep_the_order(p: Piles, q: Piles, power: float) -> None:
    cost = Transport.between(p, q, power).cost
    assert cost == pytest.approx(monotone_cost(p, q, power), rel=1e-9, abs=1e-12)


def test_a_concave_cost_need_not_keep_the_order() -> None:
    p, q = read_piles("0: 1, 1: 1"), read_piles("1: 1, 2: 1")
    # Of two books: one jumps and one stays, or both move one place.
    assert 2 * Transport.between(p, q, 0.5).cost == pytest.approx(math.sqrt(2))
    assert 2 * monotone_cost(p, q, 0.5) == pytest.approx(2)
    assert 2 * Transport.between(p, q, 2).cost == pytest.approx(2)


@given(pair=ANY_PAIR, power=st.sampled_from([0.5, 1.0, 2.0]))
def test_a_plan_has_the_piles_as_its_margins(pair: tuple[Piles, Piles], power: float) -> None:
    p, q = pair
    plan = Transport.between(p, q, power).plan
    assert (plan >= 0).all()
    np.testing.assert_allclose(plan.sum(1), p.masses, atol=1e-12)
    np.testing.assert_allclose(plan.sum(0), q.masses, atol=1e-12)


@given(pair=ANY_PAIR)
def test_the_potential_is_1_lipschitz_and_closes_the_gap(pair: tuple[Piles, Piles]) -> None:
    p, q = pair
    best = Transport.between(p, q)
    assert abs(best.gap) < 1e-8
    assert best.dual == pytest.approx(best.cost, abs=1e-8)
    anywhere = np.random.default_rng(0).uniform(-12, 12, (60, p.dimension))
    x = np.concatenate([anywhere, p.places, q.places])
    f = best.potential(x)
    assert (np.abs(f[:, None] - f) <= cdist(x, x) + 1e-9).all()


@given(pair=ANY_PAIR, more=st.tuples(*[st.floats(0.01, 100)] * 2), power=st.sampled_from([0.5, 1.0, 2.0]))
def test_only_shares_count_whatever_the_piles_hold(
    pair: tuple[Piles, Piles], more: tuple[float, float], power: float
) -> None:
    p, q = pair
    much_p, much_q = (Piles(each.places, each.masses * factor) for each, factor in zip(pair, more, strict=True))
    plain, found = Transport.between(p, q, power), Transport.between(much_p, much_q, power)
    assert found.cost == pytest.approx(plain.cost, abs=1e-9)
    assert found.dual == pytest.approx(plain.dual, abs=1e-9)
    np.testing.assert_allclose(found.plan.sum(1), p.shares, atol=1e-12)
    np.testing.assert_allclose(found.plan.sum(0), q.shares, atol=1e-12)
    assert wasserstein(much_p, much_q, power) == pytest.approx(wasserstein(p, q, power), abs=1e-6)
    if p.dimension == 1:
        assert monotone_cost(much_p, much_q, power) == pytest.approx(monotone_cost(p, q, power), abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(pair=ANY_PAIR)
def test_kantorovich_rubinstein_by_another_solver(pair: tuple[Piles, Piles]) -> None:
    """Maximise E_P f − E_Q f over the values of f with |f(x) − f(y)| ≤ ‖x − y‖, by HiGHS."""
    p, q = pair
    x = np.concatenate([p.places, q.places])
    gain = np.concatenate([p.masses, -q.masses])
    pairs = list(itertools.permutations(range(len(x)), 2))
    rows = np.zeros((len(pairs), len(x)))
    for row, (i, j) in zip(rows, pairs, strict=True):
        row[[i, j]] = 1, -1
    limits = [np.linalg.norm(x[i] - x[j]) for i, j in pairs]
    found = linprog(-gain, rows, limits, bounds=[(0, 0)] + [(None, None)] * (len(x) - 1))
    assert found.fun == pytest.approx(-Transport.between(p, q).cost, abs=1e-8)


@given(
    three=st.one_of(st.tuples(*[ON_A_LINE] * 3), st.tuples(*[IN_THE_PLANE] * 3)), power=st.sampled_from([0.5, 1, 2, 3])
)
def test_w_p_is_a_metric(three: tuple[Piles, Piles, Piles], power: float) -> None:
    p, q, r = three

    def w(a: Piles, b: Piles) -> float:
        return wasserstein(a, b, power)

    # The root makes 1e-5 of a rounding error of 1e-16.
    assert w(p, p) < 1e-4
    assert w(p, q) == pytest.approx(w(q, p), abs=1e-4)
    assert w(p, r) <= w(p, q) + w(q, r) + 1e-4


@given(pair=ANY_PAIR, shift=st.integers(-8, 8))
def test_a_shifted_pile_is_as_far_as_its_shift(pair: tuple[Piles, Piles], shift: int) -> None:
    p, _ = pair
    moved = Piles(p.places + np.eye(p.dimension)[0] * shift, p.masses)
    for power in (1, 2):
        assert wasserstein(p, moved, power) == pytest.approx(abs(shift), abs=1e-6)


def walk_pairs() -> st.SearchStrategy[tuple[list[int], list[int]]]:
    """Two lists of masses of one length and one total."""
    return (
        st.tuples(*[st.lists(st.integers(0, 9), min_size=2, max_size=9)] * 2)
        .map(lambda two: (two[0][: len(two[1])], two[1][: len(two[0])]))
        .filter(lambda two: sum(two[0]) > 0)
        .map(lambda two: (two[0] + [max(0, sum(two[1]) - sum(two[0]))], two[1] + [max(0, sum(two[0]) - sum(two[1]))]))
    )


@given(walk_pairs())
def test_moves_never_dig_below_the_ground_and_end_at_q(two: tuple[list[int], list[int]]) -> None:
    p, q = (read_piles(", ".join(map(str, masses))) for masses in two)
    walk = Walk.between(p, q)
    for moves in (walk.moves(), Transport.between(p, q).moves(walk)):
        for k in range(len(moves) + 1):
            state = walk.after(moves[:k])
            if moves == walk.moves():
                assert (state >= -1e-9).all()
        np.testing.assert_allclose(state, walk.wanted, atol=1e-9)
    assert sum(m.mass * abs(walk.places[m.target] - walk.places[m.source]) for m in walk.moves()) == walk.cost


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.lists(st.integers(-3, 3), min_size=5, max_size=5))
def test_monges_map_is_the_cheapest_of_all(masses: list[int], targets: list[int]) -> None:
    p = read_piles(", ".join(map(str, masses)))
    # Some map exists, since Q is made by one.
    q = make([(float(t),) for t in targets[: len(masses)]], masses)
    wanted = q.shares
    c = costs(p, q, 2)
    best = min(
        sum(m * c[i, j] for i, (m, j) in enumerate(zip(p.shares, goes, strict=True)))
        for goes in itertools.product(range(len(q.places)), repeat=len(masses))
        if np.allclose(np.bincount(goes, p.shares, len(q.places)), wanted)
    )
    found = monge(p, q, 2)
    assert found.exists
    assert found.cost == pytest.approx(best, abs=1e-6)
    assert found.cost >= Transport.between(p, q, 2).cost - 1e-6


def test_no_map_splits_a_pile() -> None:
    one, two = read_piles("0: 2"), read_piles("-1: 1, 1: 1")
    assert monge(one, two).exists is False
    assert monge(one, two).cost == math.inf
    assert Transport.between(one, two).cost == pytest.approx(1)
    assert monge(two, one).exists is True  # the other way round there is one


# Text


@pytest.mark.parametrize(
    ("text", "places", "masses"),
    [
        ("3, 2, 1, 4", [[1], [2], [3], [4]], [3, 2, 1, 4]),
        ("3 2\n0 4", [[1], [2], [3], [4]], [3, 2, 0, 4]),
        ("2.5: 1; −1: .5, 2.5: 1", [[-1], [2.5]], [0.5, 2]),
        ("(0, 1): 2, (-1 0) : 1e1", [[-1, 0], [0, 1]], [10, 2]),
    ],
)
def test_piles_are_read_in_any_of_three_ways(text: str, places: list[list[float]], masses: list[float]) -> None:
    found = read_piles(text)
    assert found.places.tolist() == places
    assert found.masses.tolist() == masses


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no piles; write"),
        (" ,; ", "no piles; write"),
        ("3, two, 1", "“two” is no pile; write masses"),
        ("3x, 1", "“3x” is no pile"),
        ("1:2:3", "“1:2:3” is no pile"),
        ("(1, 2), (3, 4): 1", "“(1, 2)” is no pile"),
        ("nan, 1", "“nan” is no pile"),
        ("3, -2", "a pile cannot hold -2"),
        ("0, 0", "no earth"),
        ("1e9", "masses are 0 or from 0.001 to 10,000"),
        ("1e-300", "masses are 0 or from 0.001 to 10,000"),
        ("1e999: 1", "places lie from"),
        ("(1, 2): 3, 4: 5", "some in the plane"),
        ("3, 4: 5", "some have none"),
        ("1, " * 100_000, f"at most {MOST_PILES} piles; you gave 100,000 numbers"),
        ("1, " * 41, f"at most {MOST_PILES} piles; you gave 41"),
        ("1" * 5000, "at most 4,000 characters"),
    ],
)
def test_what_is_no_pile_is_refused_in_words(text: str, sentence: str) -> None:
    with pytest.raises(PilesError) as refusal:
        read_piles(text)
    assert sentence in str(refusal.value)
    assert len(str(refusal.value)) < 250


@given(st.text(st.sampled_from("0123456789.,:;()-+e \n−nax½٣"), max_size=40))
def test_any_text_is_piles_or_a_sentence(text: str) -> None:
    with suppress(PilesError):
        found = read_piles(text)
        assert found.total > 0
        assert np.isfinite(found.places).all()
        assert (found.masses >= 0).all()


def test_unequal_totals_are_refused_with_both() -> None:
    check_totals(p=read_piles("0.1, 0.2"), q=read_piles("0.3"))
    with pytest.raises(PilesError, match="P holds 3 and Q holds 4"):
        check_totals(p=read_piles("3"), q=read_piles("4"))
