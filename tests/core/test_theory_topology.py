"""Theorem 2: sequences against closed forms and scipy, and which arrows each of them lights."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import wasserstein_distance

from wgan_core.theory import build
from wgan_core.theory.divergences import LOG_2
from wgan_core.theory.figures.topology import ARROWS, LADDER, LAST, SMALL
from wgan_core.theory.sequences import DISTANCES, SEQUENCES, Law, TwoLaws, distances

# Which go to 0, by hand: Theorem 2 and its section.
GOES = {
    "point": {"w", "law"},
    "grid": {"w", "law"},
    "ripples": {"w", "law"},
    "shift": {"tv", "js", "w", "law"},
    "leaking": {"reverse-kl", "tv", "js", "w", "law"},
    "cut": {"kl", "tv", "js", "w", "law"},
    "fading": set(DISTANCES),
    "escaping": {"reverse-kl", "tv", "js", "law"},
}


def vanishing(name: str) -> set[str]:
    return {distance for distance in DISTANCES if distances(name, LAST)[distance] < SMALL}


@pytest.mark.parametrize("name", SEQUENCES)
def test_each_distance_meets_its_closed_form(name: str) -> None:
    tolerance = 1e-3 if name in ("ripples", "fading") else 1e-9
    for n in (*LADDER, 5, 7, 63):
        found, closed = distances(name, n), SEQUENCES[name].closed(n)
        assert closed
        for distance, value in closed.items():
            assert found[distance] == pytest.approx(value, abs=tolerance), (n, distance)


@pytest.mark.parametrize("name", SEQUENCES)
def test_what_goes_to_zero_is_what_the_paper_says(name: str) -> None:
    assert vanishing(name) == GOES[name]
    for distance in GOES[name]:
        values = [distances(name, n)[distance] for n in LADDER]
        assert all(a >= b - 1e-9 for a, b in itertools.pairwise(values))


@pytest.mark.parametrize("name", [name for name in SEQUENCES if name != "escaping"])
def test_the_theorem_holds_on_a_compact_space(name: str) -> None:
    gone = vanishing(name)
    assert [arrow for arrow in ARROWS if arrow[0] in gone and arrow[1] not in gone] == []


def test_it_needs_the_space_to_be_compact() -> None:
    gone = vanishing("escaping")
    assert {arrow for arrow in ARROWS if arrow[0] in gone and arrow[1] not in gone} == {("tv", "w"), ("law", "w")}
    assert "not compact" in build("topology", {"sequence": "escaping"}).compute().reading


def test_no_arrow_of_the_theorem_could_be_turned_round() -> None:
    """Each one-way arrow has a sequence among these that shows why it goes one way only."""
    for start, end in ARROWS:
        if (end, start) not in ARROWS:
            assert any(end in GOES[name] and start not in GOES[name] for name in GOES), (start, end)


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("n", [1, 3, 64])
def test_both_are_probabilities_and_w_is_scipys(name: str, n: int) -> None:
    sequence = SEQUENCES[name]
    pair = TwoLaws.of(sequence.at(n), sequence.limit)
    p, q = pair.masses()
    assert p.sum() == pytest.approx(1)
    assert q.sum() == pytest.approx(1)
    places = np.concatenate([(pair.edges[1:] + pair.edges[:-1]) / 2, pair.places])
    width = np.diff(pair.edges).max()
    assert distances(name, n)["w"] == pytest.approx(wasserstein_distance(places, places, p, q), abs=width)


@pytest.mark.parametrize("height", [0.25, 1.0])
def test_a_waves_divergences_are_the_integrals(height: float) -> None:
    def density(x: float) -> float:
        return 1 + height * math.cos(2 * math.pi * x)

    name, n = ("ripples", 1) if height == 1 else ("fading", 4)
    found = distances(name, n)
    backward = quad(lambda x: -math.log(density(x)), 0, 1, points=[0.5], limit=200)[0]
    js = quad(lambda x: 0.5 * (_xlogx(density(x)) - (1 + density(x)) * math.log((1 + density(x)) / 2)), 0, 1)[0]
    assert found["kl"] == pytest.approx(quad(lambda x: _xlogx(density(x)), 0, 1)[0], abs=1e-3)
    assert found["reverse-kl"] == pytest.approx(backward, abs=1e-3)
    assert found["js"] == pytest.approx(js, abs=1e-3)


def _xlogx(u: float) -> float:
    return u * math.log(u) if u > 0 else 0.0


@given(
    places=st.lists(st.integers(0, 40), min_size=2, max_size=8, unique=True),
    seed=st.integers(0, 1000),
)
def test_atoms_are_compared_as_masses(places: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    at = np.sort(np.array(places, dtype=float)) / 10
    p, q = rng.dirichlet(np.ones(len(at))), rng.dirichlet(np.ones(len(at)))
    found = TwoLaws.of(Law(atoms=at, masses=p), Law(atoms=at, masses=q)).distances()
    assert found["w"] == pytest.approx(wasserstein_distance(at, at, p, q))
    assert found["tv"] == pytest.approx(np.abs(p - q).sum() / 2)
    assert found["js"] <= LOG_2 * found["tv"] + 1e-12
    assert found["law"] <= found["w"] + 1e-12


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("n", [1, 2, 64])
def test_the_distribution_functions_end_at_one(name: str, n: int) -> None:
    result = build("topology", {"sequence": name, "n": n}).compute()
    (panel,) = [panel for panel in result.panels if panel.name == "cumulative"]
    for layer in panel.layers:
        y = layer.y  # type: ignore[union-attr]
        assert y[0] == 0
        assert y[-1] == pytest.approx(1)
        assert (np.diff(y) >= -1e-12).all()
