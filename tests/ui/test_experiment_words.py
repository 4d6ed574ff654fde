"""What the page says and draws of verdicts."""

from __future__ import annotations

import html
import itertools
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.ui.experiments import words
from tests.core import tiny_claims
from wgan_core.experiments import EXPERIMENTS, Experiment, Quantity, Standing, verdict

numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
ends = st.floats(-1e6, 1e6)


def places(strip: str, kind: str) -> list[tuple[float, float]]:
    """Left end and width of the spans of a kind."""
    found = re.findall(rf"we-{kind}' style='left: (-?[\d.]+)px(?:; width: ([\d.]+)px)?'", strip)
    return [(float(left), float(width or 0)) for left, width in found]


@given(st.lists(numbers, min_size=1, max_size=8), ends, ends, st.sampled_from(["low", "high", "both", "none"]))
def test_a_strip_shows_where_each_seed_lies(values: list[float], a: float, b: float, ends: str) -> None:
    """A seed's dot is within what is claimed where its value is, and outside where it is not."""
    low = min(a, b) if ends in ("low", "both") else -math.inf
    high = max(a, b) if ends in ("high", "both") else math.inf
    number = Quantity("n", tuple(values), low, high)
    strip = words.strip(number)
    dots = [left for left, _ in places(strip, "seed")]
    there = [value for value in values if not math.isnan(value)]
    assert len(dots) == len(there)
    assert all(0 <= dot <= words.WIDTH for dot in dots)
    order = sorted(zip(there, dots, strict=True))
    assert all(one[1] <= other[1] + 0.2 for one, other in itertools.pairwise(order))
    if not number.judged:
        assert not places(strip, "claimed")
        return
    ((left, width),) = places(strip, "claimed")
    for value, dot in zip(there, dots, strict=True):
        if low <= value <= high:
            assert left - 0.2 <= dot <= left + width + 0.2


def test_a_strip_tells_right_from_wrong() -> None:
    strip = words.strip(Quantity("modes", (1.0, 5.0, 8.0), high=3, key=True))
    ((left, width),) = places(strip, "claimed")
    dots = [place for place, _ in places(strip, "seed")]
    assert [dot <= left + width for dot in dots] == [True, False, False]
    ((middle, _),) = places(strip, "median")
    assert middle == dots[1]


def test_values_over_decades_are_spread_on_a_strip() -> None:
    dots = [place for place, _ in places(words.strip(Quantity("gradient", (1e-6, 1e-3, 1.0))), "seed")]
    assert dots[1] - dots[0] == pytest.approx(dots[2] - dots[1], abs=0.2)


@pytest.mark.parametrize(
    ("values", "mark"), [((4.0, 5.0), "yes"), ((4.0, 4.0, 2.0), "unsure"), ((2.0, 2.0), "no"), ((math.nan,), "no")]
)
def test_a_number_is_marked_as_the_verdict_took_it(values: tuple[float, ...], mark: str) -> None:
    table = words.numbers(verdict([Quantity("n", values, low=3)]))
    assert re.findall(r"<td class='we-(yes|no|unsure|none)'", table) == [mark]


def test_names_are_text_and_no_html() -> None:
    name = "<img src=x onerror=alert(1)>'\"&"
    number = Quantity(name, (1.0,), low=0, note=name)
    table = words.numbers(verdict([number]))
    experiment = replace(tiny_claims.computed(), title=name)
    standing = Standing("tiny-lines", "quick", 0.0, 1.0, {}, verdict([number]))
    board = words.scoreboard({"tiny-lines": experiment}, {"tiny-lines": standing}, ())
    for text in (table, board):
        assert "<img" not in text
        assert html.escape(name) in text


def test_the_scoreboard_has_every_claim_with_the_way_to_its_run() -> None:
    experiments: dict[str, Experiment] = {
        "tiny": tiny_claims.trained(),
        "tiny-lines": tiny_claims.computed(),
        "other": tiny_claims.trained("other"),
    }
    good = verdict([Quantity("steps", (20.0, 20.0), low=20, key=True)])
    board = {
        "tiny": Standing("tiny", "full", 0.0, 1.0, {"seed 0": "ab", "seed 1": "cd"}, good),
        "tiny-lines": Standing(
            "tiny-lines", "quick", 0.0, 1.0, {}, verdict([Quantity("JS", (0.5,), low=0.6, key=True)])
        ),
        "other": None,
    }
    table = words.scoreboard(experiments, board, ["other"])
    rows = re.findall(r"<tr data-outcome='([a-z]+)'>(.*?)</tr>", table)
    assert [outcome for outcome, _ in rows] == ["reproduced", "not", "none"]
    assert "experiments?name=tiny&amp;run=ab&amp;size=full" in rows[0][1]
    assert "steps: <b>20 [20, 20]</b>" in rows[0][1]
    assert "run=tiny-lines.quick" in rows[1][1]
    assert "running" in rows[2][1]
    assert words.counts(experiments, board) == {
        "Reproduced": 1,
        "Partly reproduced": 0,
        "Not reproduced": 1,
        "Never run": 1,
    }


def test_a_full_size_that_is_the_quick_one_is_not_offered() -> None:
    assert words.sizes(tiny_claims.trained()) == ["quick", "control"]
    other = replace(tiny_claims.trained(), legs=tiny_claims.trained().legs | {"full": tiny_claims.legs(40)})  # type: ignore[operator]
    assert words.sizes(other) == ["quick", "full", "control"]


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_can_be_run_and_has_a_control(name: str) -> None:
    assert {"quick", "control"} <= set(words.sizes(EXPERIMENTS[name]))
