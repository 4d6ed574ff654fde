"""The theory page under Streamlit's own test driver."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.core.helpers import wait_until
from tests.pages.conftest import Page
from tests.ui.theory_views import numbers, read
from wgan_core.config import TrainingConfig
from wgan_core.theory import FIGURES, build
from wgan_core.theory.jobs import jobs


class Theory(Page):
    """The theory page as a student sees it."""

    def __init__(self, **query: str) -> None:
        super().__init__("pages/theory.py", **query)
        # Figures that train wait for those that earlier tests have left.
        if not self.at.get("bidi_component"):
            wait_until(lambda: bool(self.run().at.get("bidi_component")), 30)

    def shown(self) -> Any:
        (component,) = self.at.get("bidi_component")
        return read(component.proto.bytes)

    @property
    def numbers(self) -> dict[str, str]:
        return numbers(self.shown())

    @property
    def figure(self) -> str:
        return str(self.shown()["figure"])

    @property
    def link(self) -> dict[str, str]:
        return {name: value[0] if isinstance(value, list) else value for name, value in self.at.query_params.items()}

    def knob(self, name: str) -> Any:
        key = f"theory.{self.figure}.{name}"
        kinds = ("slider", "select_slider", "selectbox", "text_input", "toggle", "button_group")
        (found,) = [item for kind in kinds for item in getattr(self.at, kind) if item.key == key]
        return found

    def turn(self, path: str, value: Any) -> Theory:
        self.knob(path).set_value(value).run()
        self.fine()
        return self

    def press(self, key: str) -> Theory:
        self.at.button(key=f"theory.{key}").click().run()
        self.fine()
        return self

    def pick(self, figure: str) -> Theory:
        self.at.selectbox(key="theory.figure").set_value(figure).run()
        self.fine()
        return self


STATIC = [name for name, figure in FIGURES.items() if not figure.animated()]
ANIMATED = [name for name, figure in FIGURES.items() if figure.animated()]


def test_it_opens_with_the_first_figure_and_says_so_in_the_address() -> None:
    page = Theory()
    assert page.figure == next(iter(FIGURES))
    assert page.link == {"figure": page.figure}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_its_page(name: str) -> None:
    page = Theory(figure=name)
    figure = FIGURES[name]
    assert page.figure == name
    assert list(page.shown()["charts"]) == [panel.name for panel in next(build(name).frames()).panels]
    (formula,) = [item.value for item in page.at.latex]
    assert figure.formula.strip() in formula
    words = " ".join(
        re.sub(r"\\(.)", r"\1", item.value) for kind in ("markdown", "caption") for item in getattr(page.at, kind)
    )
    assert all(text in words for text in (*figure.says, *figure.tries, figure.source))
    assert [len(item.options) for item in page.at.radio] == [len(figure.question.options)]
    assert not page.errors


def test_a_slider_changes_the_numbers_and_the_address() -> None:
    page = Theory(figure="parallel-lines")
    assert page.numbers["W, EM distance"] == "0.6"
    page.turn("theta", 0.2)
    assert page.numbers["W, EM distance"] == "0.2"
    assert page.numbers["KL(P₀‖P_θ)"] == "∞"
    assert page.link == {"figure": "parallel-lines", "theta": "0.2"}
    page.press("reset")
    assert page.numbers["W, EM distance"] == "0.6"
    assert page.link == {"figure": "parallel-lines"}


def test_piles_of_unequal_totals_have_one_distance_from_both_sides() -> None:
    piles = {"p": "(0, 1): 3, (2, 0): 1, (-1, -2): 2", "q": "(1, 1): 1, (0.5, -1): 4"}
    page = Theory(figure="duality", steps="50", **piles)
    assert page.numbers["W₁, price of the cheapest plan"] == "1.72"
    assert page.numbers["duality gap"] == "0"


def test_a_link_opens_a_figure_with_its_settings() -> None:
    page = Theory(figure="gaussians", mean_q="3", sd_q="0.5", swapped="True")
    assert page.numbers["KL(q‖p)"] == f"{build('gaussians', {'mean_q': 3, 'sd_q': 0.5}).compute().numbers[0].value:.4g}"
    assert page.knob("mean_q").value == 3
    assert page.knob("swapped").value is True


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"figure": "gaussian"}, "figure: must be one of parallel-lines"),
        ({"figure": "gaussians", "sd_p": "0"}, "sd_p: must be a number from 0.1 to 3; you gave “0”"),
        ({"figure": "gaussians", "sd_p": "nan"}, "sd_p: must be a number from 0.1 to 3"),
        ({"figure": "gaussians", "colour": "red"}, "colour: there is no such field"),
        ({"figure": "moving-earth", "p": "-1, 2"}, "p:"),
        ({"figure": "moving-earth", "p": "1" + ", 1" * 5000}, "p:"),
        ({"figure": "moving-earth", "p": "1, 2", "q": "1, 3"}, "q:"),
    ],
)
def test_a_wrong_link_is_refused_in_words_and_the_figure_is_shown(query: dict[str, str], words: str) -> None:
    page = Theory(**query)
    (said,) = page.errors
    assert said.startswith("The link was refused.")
    assert words in said
    assert page.figure == query["figure"] if query["figure"] in FIGURES else next(iter(FIGURES))
    assert page.numbers
    page.run()
    assert not page.errors


def test_a_wrong_input_is_said_in_words_and_the_last_figure_stays() -> None:
    page = Theory(figure="moving-earth")
    page.turn("p", "2, 3, 1, 4")
    before = page.numbers
    page.turn("p", "2, -3, 1, 4")
    assert page.errors
    assert page.numbers == before
    assert page.knob("p").value == "2, -3, 1, 4"
    page.turn("p", "1, 2, 4, 3")
    assert not page.errors
    assert page.numbers != before


@pytest.mark.parametrize("name", STATIC)
def test_every_preset_shows_what_it_says(name: str) -> None:
    page = Theory(figure=name)
    for preset, settings in FIGURES[name].presets.items():
        (pills,) = [item for item in page.at.button_group if item.key == f"theory.{name}.preset"]
        pills.set_value(preset).run()
        page.fine()
        assert page.shown()["reading"] == build(name, settings).compute().reading
        (pills,) = [item for item in page.at.button_group if item.key == f"theory.{name}.preset"]
        assert pills.value == preset


def test_settings_of_each_figure_are_kept() -> None:
    page = Theory(figure="parallel-lines")
    page.turn("theta", 0.2).pick("gaussians").turn("mean_q", 2.0).pick("parallel-lines")
    assert page.numbers["W, EM distance"] == "0.2"
    assert page.link == {"figure": "parallel-lines", "theta": "0.2"}
    page.pick("gaussians")
    assert page.knob("mean_q").value == 2.0


def test_one_can_go_on_and_back() -> None:
    page, names = Theory(), list(FIGURES)
    page.press("next")
    assert page.figure == names[1]
    page.press("previous").press("previous")
    assert page.figure == names[-1]


def test_the_question_is_answered() -> None:
    page = Theory(figure="parallel-lines")
    question = FIGURES["parallel-lines"].question
    answer = page.at.radio[0]
    answer.set_value(question.options[0]).run()
    (said,) = [item.value for item in page.at.info]
    assert "ln 2" in said
    page.at.radio[0].set_value(question.options[question.answer]).run()
    (said,) = [item.value for item in page.at.success]
    assert said.startswith("Yes.")


def test_the_way_to_the_live_page_carries_the_config() -> None:
    page = Theory(figure="parallel-lines", theta="0.5")
    (link,) = page.at.get("page_link")
    assert link.proto.page == "train"
    config = TrainingConfig.parse(parse_qs(link.proto.query_string)["config"][0])
    assert config == build("parallel-lines", {"theta": 0.5}).live()


@pytest.mark.parametrize("knob", ["rate", "atoms"])
def test_a_logarithmic_slider_takes_a_value_between_its_steps(knob: str) -> None:
    value = {"rate": "0.0123456", "atoms": "37"}[knob]
    page = Theory(figure="parallel-lines", **{knob: value})
    assert page.knob(knob).value == float(value)
    assert page.link[knob] == value


@pytest.mark.parametrize("name", FIGURES)
def test_a_slider_has_fifty_to_two_hundred_steps(name: str) -> None:
    """Fine enough to see a thing happen, coarse enough to be moved by the keyboard."""
    page = Theory(figure=name)
    for slider in page.at.slider:
        if isinstance(slider.value, float):
            assert 50 <= (slider.max - slider.min) / slider.step <= 200, slider.label


# Figures that train


def test_an_animated_figure_comes_frame_by_frame_and_can_be_stopped() -> None:
    name = next(name for name in ANIMATED if "seed" in FIGURES[name].model_fields)
    page = Theory(figure=name, seed="97")  # as no other test has it
    assert page.shown()["animated"]
    page.press("stop")
    stopped = page.shown()
    job = jobs().of(build(name, {"seed": 97}))
    wait_until(lambda: job.view().ended, 60)
    page.run()
    assert page.shown()["step"] == stopped["step"]
    page.press("run").run()
    assert page.shown()["progress"] == 1
    assert page.shown()["step"] != stopped["step"]


def test_two_who_look_at_one_figure_share_its_computation() -> None:
    name = ANIMATED[0]
    one, other = Theory(figure=name), Theory(figure=name)
    job = jobs().of(build(name))
    wait_until(lambda: job.view().ended, 60)
    one.run()
    other.run()
    assert one.shown()["reading"] == other.shown()["reading"]
    assert jobs().of(build(name)) is job
