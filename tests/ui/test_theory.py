"""Figures of the theory lab as plotly gets them, as a message, as a web page and as a PNG."""

from __future__ import annotations

import html
import importlib.util
import io
import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from pages.ui.theory.message import message
from tests.core.helpers import python
from tests.ui.theory_views import numbers, read
from wgan_core.charts import theme
from wgan_core.theory import FIGURES, Figure, build
from wgan_core.theory.commands import main
from wgan_core.theory.plot import drawn, formula, number_table, page
from wgan_core.theory.result import (
    Arrows,
    Bars,
    Curve,
    Heat,
    Level,
    Marks,
    Number,
    Panel,
    Result,
    Words,
    arranged,
    rows,
)

EACH = pytest.mark.parametrize("name", FIGURES)
LINE = np.array([0.5, 1.0, 2.0])
ALL_LAYERS = Panel(
    "all",
    "Every kind of layer",
    (
        Heat(LINE, LINE, np.arange(9.0).reshape(3, 3), "height", centre=4.0),
        Curve(LINE, LINE**2, "curve", "real", fill=True),
        Marks(LINE, np.array([1.0, np.inf, np.nan]), "points", "generated", symbol="ring"),
        Bars(LINE, LINE, "bars", "critic"),
        Arrows(LINE, LINE, 0 * LINE, LINE, "arrows", "em"),
        Words(LINE, LINE, ("a", "b", "c")),
        Level(1.0, "one", "js"),
        Level(0.5, "half", "js", "x"),
    ),
    "x",
    "y",
    x_range=(0.1, 10.0),
    log="x",
)


@cache
def first(name: str) -> tuple[Figure, Result]:
    figure = build(name)
    return figure, next(figure.frames())


@EACH
def test_a_figures_panels_are_plotlys(name: str) -> None:
    for panel in first(name)[1].panels:
        figure = drawn(panel)
        go.Figure(figure)  # refuses what plotly does not know
        assert len(figure["data"]) == sum(not isinstance(layer, Level) for layer in panel.layers)


def test_every_layer_is_drawn_as_it_says() -> None:
    figure = go.Figure(drawn(ALL_LAYERS))
    kinds = [trace.type for trace in figure.data]
    assert kinds == ["heatmap", "scatter", "scatter", "bar", "scatter", "scatter"]
    heat, curve, points, _, arrows, words = figure.data
    assert (heat.zmin, heat.zmid, heat.zmax) == (0, 4, 8)
    assert curve.line.color == theme.REAL
    assert np.isnan(points.y[1])  # ∞ cannot be drawn
    np.testing.assert_array_equal(arrows.y.reshape(3, 3)[:, :2], np.stack([LINE, 2 * LINE], 1))
    assert words.text == ("a", "b", "c")
    assert list(figure.layout.xaxis.range) == [-1, 1]
    (half,) = [note for note in figure.layout.annotations if note.text == "half"]
    assert half.x == pytest.approx(math.log10(0.5))  # notes lie by exponent
    assert {shape.x0 for shape in figure.layout.shapes} == {0, 0.5}  # lines by value


@EACH
def test_a_message_holds_all_there_is_to_show(name: str) -> None:
    figure, result = first(name)
    found = read(message(figure, result))
    assert list(found["charts"]) == [panel.name for panel in result.panels]
    assert found["figure"] == name
    assert found["reading"] == result.reading
    assert found["rows"] == rows(result.panels)
    if result.numbers:
        assert list(numbers(found)) == [number.name for number in result.numbers]
    assert message(figure, result) == message(build(name), result)


def test_a_panel_that_did_not_change_keeps_its_tag() -> None:
    def tags(**knobs: Any) -> dict[str, str]:
        figure = build("gaussians", knobs)
        return {name: panel["tag"] for name, panel in read(message(figure, figure.compute()))["charts"].items()}

    before, after = tags(), tags(apart=6.0)
    assert {name for name in before if before[name] != after[name]} == {"fits"}


def test_the_table_says_what_meets_its_closed_form() -> None:
    result = Result(
        (), (Number("a", 1.0, 1.0), Number("b", 1.0, 2.0), Number("c", math.inf), Number("d", 0.5, math.inf))
    )
    table = number_table(result)
    marks = [row[3][0] if row[3] else "" for row in table["rows"]]
    assert marks == ["✓ meets it", "✗ misses it", "", "✗ misses it"]
    assert table["rows"][2][1][0] == "∞"
    assert number_table(Result((), (Number("c", 1.0),)))["columns"][1:] == ["computed", ["which is", "wt-note"]]


def test_panels_find_their_places() -> None:
    def panels(*kinds: str) -> list[Panel]:
        return [Panel(str(i), "T", (), wide="w" in kind, tall="t" in kind) for i, kind in enumerate(kinds)]

    assert arranged(panels("", "", "")) == [(0, 0), (0, 1), (1, 0)]
    assert arranged(panels("", "w", "")) == [(0, 0), (1, 0), (0, 1)]
    assert arranged(panels("", "t", "")) == [(0, 0), (0, 1), (1, 0)]
    assert arranged(panels("wt", "")) == [(0, 0), (2, 0)]
    assert rows(panels("wt", "")) == 3
    assert rows(panels()) == 0


# A web page of its own


@EACH
def test_the_web_page_stands_alone(name: str) -> None:
    figure, result = first(name)
    text = page(figure, result).split("<script>")[0]  # plotly comes after
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)
    assert "default-src 'none'" in html.unescape(text)
    for panel in result.panels:
        assert f'<div id="{panel.name}"' in text
    figures = re.search(r'<script type="application/json" id="figures">(.*?)</script>', text, re.S)
    assert figures
    assert set(json.loads(figures[1])) == {panel.name for panel in result.panels}
    assert "var(--" not in figures[1]
    assert "✗" not in text or any(number.holds is False for number in result.numbers)


@pytest.mark.skipif(importlib.util.find_spec("latex2mathml") is None, reason="not installed: latex2mathml")
@EACH
def test_the_formula_is_mathml_where_that_can_be(name: str) -> None:
    text = formula(FIGURES[name].formula)
    assert text.startswith("<math")
    # What it does not know it would leave with its backslash.
    assert not re.search(r"\\[a-zA-Z]", re.sub(r"<annotation.*?</annotation>", "", text)), text


def test_what_a_person_writes_is_text_on_the_web_page() -> None:
    figure = build("moving-earth", {"p": "3, 2, 1, 4"}).model_copy(update={"q": "<img src=x onerror=alert(1)>"})
    text = page(figure, build("moving-earth").compute())
    assert "<img" not in text
    assert "&lt;img" in text


def test_the_command_line_writes_a_web_page(tmp_path: Path) -> None:
    out = tmp_path / "lines.html"
    assert main(["theory", "--figure", "parallel-lines", "--theta", "0.25", "--out", str(out)]) == 0
    assert "θ = 0.25" in out.read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", "--figure", "parallel-lines", "--out", str(tmp_path / "no" / "such.html")]) == 1
    assert "cannot be written" in capsys.readouterr().err


# PNG


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="not installed: matplotlib")
class TestPng:
    @pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if not figure.animated()])
    def test_a_figure_is_a_picture(self, name: str, tmp_path: Path) -> None:
        out = tmp_path / "figure.png"
        assert main(["theory", "--figure", name, "--out", str(out)]) == 0
        picture = np.asarray(Image.open(out).convert("RGB"))
        assert picture.shape[1] == 1500
        assert picture.std() > 10

    def test_every_layer_leaves_its_colour(self) -> None:
        from wgan_core.theory import png

        picture = Image.open(io.BytesIO(png.png(build("gaussians"), Result((ALL_LAYERS,), reading="All layers."))))
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
        for role in ("real", "generated", "critic", "em", "js", "ink"):
            color = [int(png.COLOURS[role][i : i + 2], 16) for i in (1, 3, 5)]
            tolerance = 70 if role == "critic" else 30  # bars are a little clear
            assert (np.abs(pixels - color).sum(1) < tolerance).any(), role


def test_without_matplotlib_a_png_is_refused_in_words() -> None:
    code = (
        "import importlib.util as u, sys\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'matplotlib' else find(name, *more)\n"
        "from wgan_core.theory.commands import main\n"
        "sys.exit(main(['theory', '--figure', 'parallel-lines', '--out', 'never.png']))"
    )
    done = python("-c", code)
    assert done.returncode == 2
    assert "needs the package matplotlib" in done.stderr
