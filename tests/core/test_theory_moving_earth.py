"""Moving earth shows the paper's numbers, and refuses piles that cannot be."""

from __future__ import annotations

import math
import time

import pytest

from wgan_core.schema import ConfigError
from wgan_core.theory import build
from wgan_core.theory.result import Bars, Heat, Result


def number(result: Result, start: str) -> float:
    return next(n.value for n in result.numbers if n.name.startswith(start))


def test_the_papers_piles_cost_five() -> None:
    result = build("moving-earth").compute()
    assert number(result, "W, by the plan") == pytest.approx(5, abs=1e-12)
    assert [row[3].split(" = ")[1] for row in result.tables[0].rows] == ["2", "2", "−1", "0"]
    assert number(result, "Cost of the best map") == pytest.approx(15)


def test_a_pile_that_must_split_has_a_plan_and_no_map() -> None:
    result = build("moving-earth", {"p": "2: 2", "q": "1: 1, 3: 1"}).compute()
    assert number(result, "Cost of the best map") == math.inf
    assert number(result, "W, by the plan") == pytest.approx(2)
    (heat,) = (layer for panel in result.panels for layer in panel.layers if isinstance(layer, Heat))
    assert heat.z.tolist() == [[1, 1]]


@pytest.mark.parametrize(("power", "cost"), [(0.5, math.sqrt(2)), (2, 2)])
def test_the_cost_decides_whether_a_book_jumps(power: float, cost: float) -> None:
    books = {"p": "0: 1, 1: 1", "q": "1: 1, 2: 1", "route": "plan", "power": power}
    result = build("moving-earth", books).compute()
    assert number(result, "Cost of the best plan") == pytest.approx(cost)
    assert len(result.tables[1].rows) == (1 if power < 1 else 2)


@pytest.mark.parametrize("route", ["neighbours", "plan"])
def test_moved_all_the_way_p_is_q(route: str) -> None:
    for moved, same in ((0, False), (0.5, False), (1, True)):
        panel = build("moving-earth", {"route": route, "moved": moved}).compute().panels[0]
        wanted, now = (layer for layer in panel.layers if isinstance(layer, Bars) and "its way" not in layer.name)
        assert (wanted.y.tolist() == pytest.approx(now.y.tolist())) is same
        in_the_air = sum(layer.y.sum() for layer in panel.layers if isinstance(layer, Bars) and "its way" in layer.name)
        assert now.y.sum() + in_the_air == pytest.approx(10)


@pytest.mark.parametrize(
    ("settings", "path", "sentence"),
    [
        ({"p": "3, -2, 1, 4"}, "p", "a pile cannot hold -2"),
        ({"q": "0, 0"}, "q", "no earth"),
        ({"q": "1, 2, 4"}, "q", "P holds 10 and Q holds 7"),
        ({"r": "three"}, "r", "“three” is no pile"),
        ({"p": "1, " * 100_000}, "p", "at most 40 piles; you gave 100,000"),
        ({"p": "(0, 1): 10"}, "p", "these piles lie on a line"),
        ({"p": 5}, "p", "must be masses"),
    ],
)
def test_impossible_piles_are_refused_in_words(settings: dict[str, object], path: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        build("moving-earth", settings)
    (problem,) = refusal.value.problems
    assert problem.path == path
    assert sentence in problem.message


@pytest.mark.slow
def test_forty_piles_are_still_quick() -> None:
    masses = [str(1 + i % 7) for i in range(40)]
    many = {"p": ", ".join(masses), "q": ", ".join(masses[::-1])}
    start = time.perf_counter()
    build("moving-earth", many).compute()
    assert time.perf_counter() - start < 1.0
