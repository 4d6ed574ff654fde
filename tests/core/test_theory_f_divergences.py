"""The f-divergence figure: values meet formulas, the network's bound is a bound and gets there."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from wgan_core.schema import ConfigError
from wgan_core.theory import build
from wgan_core.theory.divergences import DIVERGENCES, LOG_2
from wgan_core.theory.result import Result

KINDS = list(DIVERGENCES)


def figures(**settings: Any) -> list[Result]:
    return list(build("f-divergences", {"steps": 150, **settings}).frames())


def bound(result: Result) -> float:
    return next(n.value for n in result.numbers if n.name.startswith("the network's bound"))


def value(result: Result, kind: str) -> float:
    return next(n.value for n in result.numbers if n.name == DIVERGENCES[kind].label)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", ["gaussians", "piles"])
def test_the_network_climbs_to_the_divergence_and_never_over(kind: str, pair: str) -> None:
    settings = {"pair": pair, "p": "3, 2, 1, 4", "q": "1, 2, 4, 3", "gap": 1.0, "sd": 0.9, "steps": 300}
    results = figures(divergence=kind, **settings)
    truth = value(results[-1], kind)
    assert all(n.holds is not False for result in results for n in result.numbers)
    assert bound(results[-1]) > bound(results[0])
    # Total variation's T has a corner that a small network rounds off.
    assert bound(results[-1]) == pytest.approx(truth, rel=0.35 if kind == "tv" else 0.05)


def test_disjoint_piles_give_the_ceiling_however_far_apart() -> None:
    for q in ("3: 1, 4: 1", "300: 1, 401: 1"):
        result = next(build("f-divergences", {"pair": "piles", "q": q}).frames())
        assert value(result, "js") == pytest.approx(LOG_2, rel=1e-15)
        assert value(result, "tv") == 1
        assert value(result, "kl") == value(result, "neyman") == math.inf


def test_equal_pairs_have_no_divergence() -> None:
    for settings in ({"gap": 0.0}, {"pair": "piles", "p": "1, 2", "q": "2, 4"}):
        result = next(build("f-divergences", settings).frames())
        assert all(abs(value(result, kind)) < 1e-9 for kind in KINDS)
        assert "the same" in result.reading


@pytest.mark.slow
def test_an_infinite_divergence_shows_as_a_bound_that_keeps_climbing() -> None:
    results = figures(pair="piles", divergence="kl")
    climbed = [bound(result) for result in results]
    assert climbed[-1] > 15
    assert all(b >= a - 0.05 for a, b in pairwise(climbed))
    assert "infinite" in results[-1].reading


def test_only_js_has_a_training_on_the_live_page() -> None:
    for kind in KINDS:
        live = build("f-divergences", {"divergence": kind}).live()
        assert (live is not None) == (kind == "js")
        assert live is None or live.objective.kind == "gan"


@pytest.mark.parametrize(
    ("settings", "path", "sentence"),
    [
        ({"p": "-1"}, "p", "a pile cannot hold -1"),
        ({"q": "(0, 1): 1"}, "q", "these piles lie on a line"),
        ({"divergence": "wasserstein"}, "divergence", "must be one of kl"),
        ({"sd": 0}, "sd", "from 0.3 to 3"),
    ],
)
def test_what_cannot_be_is_refused_in_words(settings: dict[str, Any], path: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        build("f-divergences", settings)
    (problem,) = refusal.value.problems
    assert problem.path == path
    assert sentence in problem.message
