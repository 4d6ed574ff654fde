"""The page of experiments under Streamlit's own test driver."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.core import tiny_claims
from tests.pages.conftest import Page, until
from wgan_core.datasets import Cifar10
from wgan_core.datasets.pictures import ALLOWED, Folder
from wgan_core.experiments import EXPERIMENTS, HOW_JUDGED, PAPERS, Computed, TrainedExperiment
from wgan_core.experiments.attempts import TrainingAttempt, attempts
from wgan_core.runs import manager

FOREVER = 1_000_000


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny experiments besides those that there are; no attempt goes on after a test."""
    for each in (tiny_claims.trained(), tiny_claims.trained("endless", FOREVER), tiny_claims.computed()):
        monkeypatch.setitem(EXPERIMENTS, each.name, each)
    yield
    for attempt in attempts().live():
        attempt.stop()
        assert attempt.join(60)


class Bench(Page):
    """The page of experiments as a reader sees it."""

    def __init__(self, **query: str) -> None:
        super().__init__("pages/experiments.py", **query)

    @property
    def link(self) -> dict[str, str]:
        return {name: value[0] if isinstance(value, list) else value for name, value in self.at.query_params.items()}

    @property
    def words(self) -> str:
        """All text on the page, as the browser shows it."""
        kinds = ("markdown", "caption", "info", "success", "warning", "error")
        found = " ".join(item.value for kind in kinds for item in getattr(self.at, kind))
        html = " ".join(item.proto.body for item in self.at.get("html"))
        return re.sub(r"\\(.)", r"\1", found) + html

    @property
    def verdict(self) -> bool:
        """Whether a verdict is told."""
        return "we-numbers'" in self.words

    @property
    def links(self) -> dict[str, str]:
        """Links to pages of the app: what each asks for, by its label."""
        return {link.proto.label: link.proto.query_string for link in self.at.get("page_link")}

    def wait_for(self, condition: Callable[[Bench], bool]) -> Bench:
        """Run the page until it shows what is waited for."""
        until(self, lambda _: condition(self))
        return self

    def predict(self, place: int) -> Bench:
        self.at.radio[0].set_value(place).run()
        self.fine()
        return self

    def pick(self, key: str, value: str) -> Bench:
        (control,) = [item for item in self.at.button_group if item.key == key]
        control.set_value(value).run()
        self.fine()
        return self

    @property
    def head(self) -> dict[str, Any]:
        """What the charts were sent."""
        return self.shown()[1]


# The board


def test_every_experiment_has_a_card_and_a_row() -> None:
    page = Bench()
    texts = page.words
    for experiment in EXPERIMENTS.values():
        assert all(text in texts for text in (experiment.title, experiment.claim, experiment.source))
        assert PAPERS[experiment.paper] in texts
    assert len([link for link in page.at.get("page_link") if link.proto.query_string.startswith("name=")]) == len(
        EXPERIMENTS
    )
    page.pick("experiments.view", "scoreboard")
    assert page.link == {"view": "scoreboard"}
    assert page.words.count("<tr data-outcome=") == len(EXPERIMENTS)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_has_its_page(name: str) -> None:
    page, experiment = Bench(name=name), EXPERIMENTS[name]
    texts = page.words
    for text in (experiment.title, experiment.claim, experiment.source, experiment.criterion, experiment.why):
        assert text in texts
    assert len(page.at.radio[0].options) == len(experiment.question.options)
    assert page.at.button(key="start").disabled
    assert not page.verdict
    assert not experiment.question.why or experiment.question.why not in texts


def test_a_name_that_is_not_there_is_said_and_the_board_is_shown() -> None:
    page = Bench(name="no-such[x](y)")
    (said,) = page.warnings
    assert "must be one of" in said
    assert "no-such" in said
    assert "[x](y)" not in said
    assert page.at.get("page_link")


def test_a_run_that_is_not_of_it_is_said_and_the_question_is_shown() -> None:
    page = Bench(name="tiny", run="nothing")
    assert "No run “nothing” of this experiment" in page.words
    assert page.at.radio


# One experiment, from the prediction to the verdict


def test_a_reader_predicts_runs_and_gets_a_verdict() -> None:
    experiment = EXPERIMENTS["tiny"]
    page = Bench(name="tiny")
    assert page.at.button(key="start").disabled
    page.predict(0)
    assert page.link == {"name": "tiny", "answer": "1"}
    assert not page.at.button(key="start").disabled
    page.press("start")
    link = page.link
    assert link | {"run": ""} == {"name": "tiny", "answer": "1", "run": "", "size": "quick"}
    page.wait_for(lambda page: page.verdict)
    texts = page.words
    for text in ("Reproduced", "steps of the WGAN-GP", "20 [20, 20]", "at least 20", HOW_JUDGED, *experiment.tries):
        assert text in texts, text
    assert "You expected: **fewer**" in texts
    assert f"**{experiment.question.options[1]}**" in texts
    # The charts are those of the first leg, under the experiment's names; the scalar without a chart has one now.
    head = page.head
    assert [lane["name"] for lane in head["progress"]] == list(tiny_claims.LANES)
    assert "scalar.input_grad_norm_max" in {chart["name"] for chart in head["charts"]}
    page.pick("leg.tiny", "seed 1")
    assert page.head["run"] != head["run"]
    assert page.links["Control"] == "name=tiny&answer=1&size=control"
    # A stranger who gets the address sees the verdict; so does one who comes after the server has forgotten the attempt.
    attempts()._known.pop(link["run"])
    assert Bench(name="tiny", run=link["run"]).verdict
    # And the board has it.
    board = Bench(view="scoreboard")
    assert "steps of the WGAN-GP: <b>20 [20, 20]</b>" in board.words
    assert any(link["run"] in each for each in re.findall(r"href='([^']+)'", board.words))
    assert any(link["run"] in query for query in Bench(name="tiny").links.values())


def test_the_control_must_miss_the_claim_and_needs_no_prediction() -> None:
    page = Bench(name="tiny", size="control")
    assert EXPERIMENTS["tiny"].control in page.words
    page.press("start")
    page.wait_for(lambda page: page.verdict)
    (said,) = [item.value for item in page.at.success]
    assert said.startswith("The control, in which the claim must not hold. **Not reproduced**")
    assert "You expected" not in page.words


def test_while_it_runs_the_verdict_is_hidden_and_a_reload_finds_it() -> None:
    page = Bench(name="endless").predict(2)
    page.press("start")
    link = page.link
    assert not page.verdict
    assert EXPERIMENTS["endless"].question.why not in page.words
    again = Bench(**link)
    assert again.link == link
    assert "You expect: **more**" in again.words
    assert "run 1 of 2, **seed 0**" in again.words
    assert again.head["run"] == link["run"]
    # Another reader is led to it.
    other = Bench(name="endless", answer="1")
    assert other.links["Watch the one that runs now (quick)"] == f"name=endless&answer=1&run={link['run']}"
    assert "Watch it" in Bench().links
    again.press("pause")
    again.wait_for(lambda page: page.head["status"] == "paused")
    again.press("stop")
    again.wait_for(lambda page: "No verdict." in page.words)
    assert "It was stopped before its end." in again.words
    again.press("go_on")
    attempt = attempts().get(again.link["run"])
    assert isinstance(attempt, TrainingAttempt)
    assert attempt.id == link["run"]
    assert attempt.standing is None


def test_a_run_that_fails_says_why_there_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    explodes = tiny_claims.legs(steps=200)[:1]
    rates = {"generator_optimiser": {"kind": "rmsprop", "lr": 100}, "critic_optimiser": {"kind": "rmsprop", "lr": 100}}
    settings = dict(explodes[0].settings)
    lanes = [dict(lane) | rates for lane in settings["lanes"]]
    leg = replace(explodes[0], settings=settings | {"lanes": lanes})
    tiny = replace(tiny_claims.trained("exploding"), legs=dict.fromkeys(("quick", "full", "control"), (leg,)))
    monkeypatch.setitem(EXPERIMENTS, "exploding", tiny)
    page = Bench(name="exploding", answer="1")
    page.press("start")
    page.wait_for(lambda page: "No verdict." in page.words)
    assert re.search(r"No verdict\.\*\* (GAN|WGAN-GP) failed: ", page.words)
    assert any("Lane" in said for said in page.errors)
    assert page.at.button(key="go_on")


def test_the_limit_of_runs_is_told_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Bench(name="tiny").predict(1)
    monkeypatch.setattr(manager(), "live_limit", 0)
    page.press("start")
    (said,) = page.errors
    assert "live on this server, which is its limit" in said
    assert page.link == {"name": "tiny", "answer": "2"}
    assert page.at.radio[0].value == 1
    monkeypatch.undo()


def test_a_computed_one_is_judged_at_once_with_its_figure() -> None:
    page = Bench(name="tiny-lines", answer="2")
    page.press("start")
    page.wait_for(lambda page: page.verdict)
    assert "0.6931" in page.words
    assert page.link["run"] == "tiny-lines.quick"
    assert page.links["Move its sliders on the theory page"] == "figure=parallel-lines&theta=0.3"
    (component,) = page.at.get("bidi_component")
    assert b"parallel-lines" in component.proto.bytes


@pytest.mark.parametrize("answer", ["0", "9", "-1", "two", "²", "1" * 5000])
def test_an_answer_that_is_none_is_left_out(answer: str) -> None:
    page = Bench(name="tiny-lines", answer=answer)
    assert page.at.radio[0].value is None


def test_a_prediction_is_kept_while_one_looks_elsewhere() -> None:
    page = Bench(name="tiny").predict(2)
    page.at.query_params.clear()
    page.run()
    (link,) = [each.proto for each in page.at.get("page_link") if "name=tiny&" in each.proto.query_string]
    assert link.query_string == "name=tiny&answer=3"


def test_every_computed_experiment_has_figures_to_move() -> None:
    """Its page leads to the theory page with the very settings."""
    for experiment in EXPERIMENTS.values():
        if isinstance(experiment, Computed):
            for part in experiment.parts["quick"]:
                (figure, *_) = part.figures()
                assert type(figure).parse(figure.settings()) == figure


def test_missing_files_can_be_fetched_or_pictures_of_ones_own_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WGAN_DATA", "")
    monkeypatch.setenv(ALLOWED, str(tmp_path))
    monkeypatch.setattr(Cifar10, "places", ("nowhere",))
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        for number, picture in enumerate(np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)):
            with archive.open(f"{'horse' if number % 2 else 'cow'}/{number}.png", "w") as file:
                Image.fromarray(picture).save(file, "PNG")
    one = EXPERIMENTS["horse-gradients"]
    assert isinstance(one, TrainedExperiment)
    (leg,) = one.legs["quick"]
    short = replace(leg, settings={**leg.settings, "length": 2, "snapshot_every": 1})
    monkeypatch.setitem(EXPERIMENTS, "short", replace(one, name="short", legs={"quick": (short,), "full": (leg,)}))
    page = Bench(name="short", answer="1")
    assert page.warnings == ["The files of CIFAR-10 are not on this computer."]
    assert page.at.button(key="start").disabled
    page.press("fetch.form")
    assert "these files are wanted" in page.words
    assert not any(each.key == "fetch.embedded" for each in page.at.button), "no other set shows the claim"
    page = Bench(name="short", answer="1")
    page.press("own.path")
    page.at.selectbox(key="own.path.there").set_value("own.zip").run()
    page.press("own.path.use")
    page.at.selectbox(key="own.classes").set_value("horse").run()
    page.press("start")
    attempt = attempts().get(page.link["run"])
    assert isinstance(attempt, TrainingAttempt)
    assert attempt.now is not None
    assert attempt.now.config.lanes[0].dataset == Folder(path=str(tmp_path / "own.zip"), classes="horse")
    page.wait_for(lambda page: page.verdict)
    assert "on pictures of one's own: " in page.words
    assert "own.zip, class horse" in page.words
    # Again on the same, though nothing was chosen by who opens the verdict.
    again = Bench(**page.link)
    again.press("start")
    attempt = attempts().get(again.link["run"])
    assert isinstance(attempt, TrainingAttempt)
    assert attempt.id != page.link["run"]
    assert attempt.experiment.legs["quick"][0].config.lanes[0].dataset == Folder(
        path=str(tmp_path / "own.zip"), classes="horse"
    )
