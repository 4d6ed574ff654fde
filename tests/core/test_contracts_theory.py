"""What every figure of the theory lab owes: words, presets, numbers that meet their closed forms, knobs that hold."""

from __future__ import annotations

import itertools
import json
import math
from contextlib import suppress
from functools import cache
from typing import Any

import pytest

from tests.core.helpers import often
from wgan_core.config import TrainingConfig
from wgan_core.schema import ConfigError, allowed
from wgan_core.schema.errors import bounds, choices
from wgan_core.theory import FIGURES, Figure, build
from wgan_core.theory.commands import main
from wgan_core.theory.result import LAYERS, Heat, Layer, Result, plain

EACH = pytest.mark.parametrize("name", FIGURES)
# The command line's own flags, and the page's part of the address.
TAKEN = {"figure", "preset", "json", "out", "kind"}


def presets(animated: bool) -> list[Any]:
    """Each figure as it opens, and with each of its presets; of those that take long as many as there is time for."""
    return [
        pytest.param(name, preset, id=f"{name}-{preset or 'default'}")
        for name, figure in FIGURES.items()
        if figure.animated() == animated
        for preset in (None, *list(figure.presets)[: often(0, 100) if animated else None])
    ]


@cache
def frames(name: str, preset: str | None) -> list[Result]:
    settings = {} if preset is None else FIGURES[name].presets[preset]
    return list(build(name, settings).frames())


def check(result: Result) -> None:
    """A result can be drawn, and says what is so."""
    names = [panel.name for panel in result.panels]
    assert len(set(names)) == len(names) > 0
    assert 0 <= result.progress <= 1
    for panel in result.panels:
        assert panel.title
        for layer in panel.layers:
            assert isinstance(layer, LAYERS)
            if isinstance(layer, Layer):
                assert not any(math.isinf(v) for v in getattr(layer, "x", [])), panel.name
        for low, high in (r for r in (panel.x_range, panel.y_range) if r is not None):
            assert low < high
        for axis, ends in (("x", panel.x_range), ("y", panel.y_range)):
            assert axis not in panel.log or ends is None or ends[0] > 0, "a logarithmic axis starts above 0"
    for number in result.numbers:
        assert number.name
        assert number.holds is not False, number
        assert number.expected is None or not math.isnan(number.value), number
    for table in result.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    json.dumps(plain(result), allow_nan=False)


@EACH
def test_a_figure_says_what_it_is(name: str) -> None:
    figure = FIGURES[name]
    assert figure.model_fields["kind"].default == name
    assert figure.label
    assert figure.source
    assert figure.formula
    assert len(figure.says) == 2
    assert all(sentence.endswith(".") and ". " not in sentence for sentence in figure.says)
    assert 2 <= len(figure.tries) <= 3
    question = figure.question
    assert question.text.endswith("?")
    assert len(set(question.options)) >= 2
    assert 0 <= question.answer < len(question.options)
    assert question.why.endswith(".")


def test_places_and_titles_tell_figures_apart() -> None:
    assert len({figure.place for figure in FIGURES.values()}) == len(FIGURES)
    assert len({figure.label for figure in FIGURES.values()}) == len(FIGURES)


@EACH
def test_a_figure_has_presets_that_differ(name: str) -> None:
    built = [build(name, settings) for settings in FIGURES[name].presets.values()]
    assert len(built) >= 2
    assert all(a != b for i, a in enumerate(built) for b in built[:i])


@pytest.mark.parametrize(("name", "preset"), presets(animated=False))
def test_a_static_figure_meets_its_closed_forms(name: str, preset: str | None) -> None:
    (result,) = frames(name, preset)
    check(result)
    assert result.numbers
    assert result.progress == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "preset"), presets(animated=True))
def test_an_animated_figure_grows_and_meets_its_closed_forms(name: str, preset: str | None) -> None:
    found = frames(name, preset)
    assert len(found) >= 2
    for result in found:
        assert [panel.name for panel in result.panels] == [panel.name for panel in found[0].panels]
        assert result.step
    assert all(a.progress <= b.progress for a, b in itertools.pairwise(found))
    assert found[-1].progress == 1
    check(found[-1])
    assert found[-1].numbers


@EACH
def test_the_first_frame_is_the_same_again(name: str) -> None:
    def first() -> str:
        stream = build(name).frames()
        return json.dumps(plain(next(stream)))

    assert first() == first()


@EACH
def test_knobs_explain_themselves_and_take_both_ends(name: str) -> None:
    figure = FIGURES[name]
    assert not (figure.model_fields.keys() - {"kind"}) & TAKEN
    for knob, field in figure.model_fields.items():
        if knob == "kind":
            continue
        assert field.title
        assert field.description
        assert field.description.endswith(".")
        assert allowed(field)
        limits = bounds(field)
        if field.annotation in (int, float):
            assert {"ge", "le"} <= limits.keys(), f"{knob}: a slider has two ends"
        for value in (*choices(field), *(limits[end] for end in ("ge", "le") if end in limits)):
            with suppress(ConfigError):  # knobs may not go together, if it is said in words
                check(next(build(name, {knob: value}).frames()))
        for value in (limits.get("ge", 0) - 1, limits.get("le", 0) + 1, math.nan, math.inf, "x" * 10, None, [1], {}):
            if field.annotation in (int, float):
                with pytest.raises(ConfigError, match=allowed(field)):
                    build(name, {knob: value})


@EACH
def test_settings_come_back_from_the_text_of_a_link(name: str) -> None:
    for settings in ({}, *FIGURES[name].presets.values()):
        figure = build(name, settings)
        assert build(name, {knob: str(value) for knob, value in figure.settings().items()}) == figure
        assert Figure.kinds[name].model_validate_json(figure.model_dump_json()) == figure


@EACH
def test_what_leads_to_the_live_page_is_a_config(name: str) -> None:
    for settings in ({}, *FIGURES[name].presets.values()):
        live = build(name, settings).live()
        assert live is None or TrainingConfig.parse(live.to_url()) == live


@EACH
def test_all_frames_share_one_colour_scale_shape(name: str) -> None:
    for panel in next(build(name).frames()).panels:
        for layer in panel.layers:
            if isinstance(layer, Heat):
                assert layer.z.shape == (len(layer.y), len(layer.x))


# The command line


def test_the_command_line_lists_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["figure"] for entry in listed] == list(FIGURES)
    assert main(["theory"]) == 0
    text = capsys.readouterr().out
    assert all(name in text and figure.label in text for name, figure in FIGURES.items())


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if not figure.animated()])
def test_the_command_line_prints_the_numbers_and_the_curves(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", "--figure", name, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["figure"] == name
    assert found["settings"] == json.loads(build(name).model_dump_json(exclude={"kind"}))
    assert found["numbers"]
    assert all(number["holds"] is not False for number in found["numbers"])
    assert any(layer.get("x") for panel in found["panels"] for layer in panel["layers"])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--figure", "no-such"], "figure: must be one of parallel-lines"),
        (["--figure", "parallel-lines", "--thetta", "1"], "thetta: there is no such field"),
        (["--figure", "parallel-lines", "--theta", "2"], "theta: must be a number from -1.0 to 1.0"),
        (["--figure", "parallel-lines", "--theta"], "theta: a value is missing"),
        (["--figure", "parallel-lines", "0.5"], "“0.5” stands where a flag"),
        (["--figure", "parallel-lines", "--preset", "no"], "preset: must be one of apart"),
        (["--figure", "parallel-lines", "--out", "x.pdf"], "out: must end in .html or .png"),
        (["--theta", "0.5"], "figure: a name is needed"),
    ],
)
def test_a_wrong_command_is_refused_in_words(flags: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", *flags]) == 2
    assert words in capsys.readouterr().err


def test_a_negative_value_is_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    for flags in (["--theta", "-0.5"], ["--theta=-0.5"]):
        assert main(["theory", "--figure", "parallel-lines", "--json", *flags]) == 0
        assert json.loads(capsys.readouterr().out)["settings"]["theta"] == -0.5
