"""What comes in by the address: shared configs, presets and runs, sound or hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pages.ui.live import component as live
from tests.pages.conftest import Page, link, opened
from wgan_core.config import TrainingConfig
from wgan_core.lessons.presets import PRESETS
from wgan_core.runs import manager

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
REFUSED = "The link's config was refused"
BROKEN: dict[str, tuple[str, str]] = {
    "cut off": ('{"dataset": {"kind": "ring"', "not valid JSON"),
    "empty": (" ", "not valid JSON"),
    "no object": ("[1, 2, 3]", "must be a JSON object"),
    "null": ("null", "must be a JSON object"),
    "unknown field": ('{"swiftness": 3}', "swiftness: there is no such field"),
    "unknown nested field": ('{"dataset": {"kind": "ring", "colour": 1}}', "dataset.colour: there is no such field"),
    "unknown kind": ('{"dataset": {"kind": "moon"}}', "dataset.kind: must be one of"),
    "below its range": ('{"steps": 0}', "steps: must be a whole number from 1 to 10,000,000; you gave 0"),
    "above its range": ('{"n_critic": 101}', "n_critic: must be a whole number from 1 to 100; you gave 101"),
    "not finite": ('{"objective": {"kind": "wgan-clip", "clip": NaN}}', "objective.clip: must be a number"),
    "wrong type": ('{"batch_size": "many"}', "batch_size: must be a whole number"),
    "deep": ("[" * 3000, "not valid JSON"),
    "many digits": ('{"seed": ' + "9" * 3000 + "}", "seed"),
    "does not fit": (
        '{"critic": {"normalisation": "batch"}}',
        "critic.normalisation: batch normalisation does not go with WGAN-GP",
    ),
    "huge": (json.dumps({role: {"width": 2048, "depth": 8} for role in ("generator", "critic")}), "parameters"),
    "markup as a value": (json.dumps({"device": HOSTILE}), "device: must be auto, cpu, cuda, cuda:N or mps"),
    "markup as a kind": (json.dumps({"objective": {"kind": HOSTILE}}), "objective.kind: must be one of"),
    "markup as a field": (json.dumps({HOSTILE: 1}), "there is no such field"),
    "10 kB": (json.dumps({"device": "x" * 10_000}), "longer than 4000 characters"),
    "10 kB of markup": (HOSTILE * 200, "longer than 4000 characters"),
}


def unescaped(text: str) -> str:
    return text.replace("\\", "")


def no_markup(page: Page) -> None:
    """Nothing on the page is rendered as HTML."""
    assert not page.at.get("html")
    assert not page.at.get("iframe")
    assert not any(item.proto.allow_html for item in page.at.markdown)
    for component in page.at.get("bidi_component"):
        assert not component.proto.html_content


def still_works(page: Page) -> None:
    """The form can be used and a run can be started."""
    page.choose("seed", 3).choose("generator.width", 16).choose("critic.width", 16).choose("steps", 10)
    assert page.config().seed == 3
    page.press("start")
    assert page.training.join(60)
    assert page.training.status == "finished"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_config_is_refused_and_the_form_keeps_what_it_had(name: str) -> None:
    text, why = BROKEN[name]
    page = Page(config=text)
    (error,) = page.errors
    assert unescaped(error).startswith(REFUSED)
    assert why in unescaped(error)
    assert len(error) < 1000
    assert page.config() == PRESETS["ring-wgan-gp"].config
    assert page.enabled() == {"start"}
    no_markup(page)
    # Said once; the next refresh does not say it again.
    assert not page.run().errors


@pytest.mark.parametrize("name", ["cut off", "markup as a value", "10 kB"])
def test_after_a_broken_config_the_page_works(name: str) -> None:
    still_works(Page(config=BROKEN[name][0]))


@pytest.mark.parametrize("name", ["nothing-like-it", "", HOSTILE, "x" * 10_000])
def test_an_unknown_preset_is_refused(name: str) -> None:
    page = Page(preset=name)
    (error,) = page.errors
    assert "preset: must be one of" in unescaped(error)
    assert len(error) < 1000
    assert page.config() == PRESETS["ring-wgan-gp"].config
    no_markup(page)


@pytest.mark.parametrize("name", ["unknown", "../../etc/passwd", HOSTILE, "x" * 10_000])
def test_an_unknown_run_is_a_warning(name: str) -> None:
    page = Page(run=name)
    (warning,) = page.warnings
    assert unescaped(warning).startswith("There is no run ")
    assert len(warning) < 1000
    assert page.enabled() == {"start"}
    no_markup(page)


def test_markdown_in_a_link_is_shown_as_text() -> None:
    # An image would be fetched from wherever the link says.
    for query in (
        {"config": json.dumps({"device": "![](//x.example/a.png)"})},
        {"preset": "![](//x.example/a.png)"},
        {"run": "![](//x.example/a.png)"},
    ):
        page = Page(**query)
        (text,) = [item.value for item in page.at.error] + page.warnings
        assert "![](" not in text
        assert "![](//x.example/a.png)" in unescaped(text)


@pytest.mark.parametrize("name", PRESETS)
def test_a_link_to_a_preset_fills_the_form(name: str) -> None:
    page = Page(preset=name)
    assert page.config() == PRESETS[name].config
    assert not page.errors


@pytest.mark.parametrize(
    "settings",
    [
        {"dataset": {"kind": "swiss-roll", "noise": 0.1}},
        {"dataset": {"kind": "fashion-mnist"}, "objective": {"kind": "gan"}, "critic": {}, "generator": {}},
        {"dataset": {"kind": "parallel-lines", "theta": -2.5}, "latent": {"dim": 3, "prior": "uniform"}},
        {"objective": {"kind": "gan", "generator_goal": "saturating"}, "generator_optimiser": {"kind": "sgd"}},
        {"objective": {"kind": "wgan-clip", "clip": 0.003}, "critic": {"normalisation": "batch", "depth": 3}},
    ],
)
def test_a_shared_config_comes_back_as_it_was_sent(settings: dict[str, Any]) -> None:
    text = link(settings)
    page = Page(config=text)
    assert not page.errors
    assert page.config() == TrainingConfig.parse(text)
    # And once more, through the link that the page itself offers.
    assert Page(config=page.config().to_url()).config() == TrainingConfig.parse(text)


def test_opening_a_link_starts_nothing() -> None:
    before = len(manager().runs())
    page = Page(config=link())
    assert len(manager().runs()) == before
    assert page.enabled() == {"start"}
    assert page.shown()[0] is None


def test_a_link_is_opened_once_and_what_is_changed_afterwards_stays() -> None:
    page = Page(config=link(seed=7))
    page.choose("seed", 8)
    assert page.run().config().seed == 8


def test_a_link_from_the_entry_page_is_passed_on() -> None:
    at = opened()
    at.query_params["preset"] = "lines-gan"
    at.run()
    assert not at.exception
    assert at.selectbox(key="form.dataset.kind").value == "parallel-lines"


def test_the_panels_of_a_link_are_those_of_its_data() -> None:
    page = Page(preset="fashion-wgan-gp")
    assert set(page.drawn()) == set(live.names_for(PRESETS["fashion-wgan-gp"].config.dataset))
