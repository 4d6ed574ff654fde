"""The compare page: lanes, scenarios, links, and what it says to wrong ones."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.pages.conftest import Page, until
from tests.ui.views import read
from wgan_core.config import RunConfig
from wgan_core.lessons.scenarios import SCENARIOS
from wgan_core.runs import manager

NET = {"width": 16}
SHARED = {"generator": NET, "critic": NET, "batch_size": 16, "device": "cpu"}
LANES = [{"objective": {"kind": kind}} for kind in ("gan", "wgan-clip", "wgan-gp")]
ENDLESS = {"shared": SHARED, "lanes": LANES, "length": 1_000_000, "snapshot_every": 5}


class Compare(Page):
    """The compare page as a person sees it."""

    def __init__(self, **query: str) -> None:
        super().__init__("pages/compare.py", **query)

    def race(self) -> RunConfig:
        """The race in the link for sharing, read back by whoever opens it."""
        (link,) = [code.value for code in self.at.code if "race=" in code.value]
        return RunConfig.parse(parse_qs(urlsplit(link).query)["race"][0])

    def head(self) -> dict[str, Any]:
        (component,) = self.at.get("bidi_component")
        return read(component.proto.bytes)[1]

    def lane_keys(self) -> list[str]:
        """The prefixes of the lanes' inputs."""
        keys = [item.key for item in self.at.selectbox if item.key and item.key.endswith(".objective.kind")]
        return [key.removesuffix(".objective.kind") for key in keys]

    def set(self, key: str, value: Any) -> Compare:
        (found,) = [i for kind in ("selectbox", "number_input") for i in getattr(self.at, kind) if i.key == key]
        found.set_value(value).run()
        self.fine()
        return self


def link(**settings: Any) -> str:
    return json.dumps(ENDLESS | settings)


def test_the_page_opens_with_the_three_objectives_ready_to_start() -> None:
    page = Compare()
    assert page.enabled() == {"start"}
    assert page.race() == SCENARIOS["three-objectives"].config
    drawn = page.drawn()
    assert [name for name in drawn if name.startswith("samples")] == ["samples.0", "samples.1", "samples.2"]
    assert not any(drawn.values())
    assert page.head()["lanes"] == 3


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_opens_by_its_link_ready_to_start(name: str) -> None:
    page = Compare(scenario=name)
    assert not page.errors
    assert page.race() == SCENARIOS[name].config
    assert page.enabled() == {"start"}
    assert any(SCENARIOS[name].question in item.value for item in page.at.markdown)
    assert f"about {SCENARIOS[name].seconds} s on two CPU cores" in [item.value for item in page.at.caption]


def test_a_scenario_is_chosen_predicted_and_revealed() -> None:
    page = Compare()
    scenario = SCENARIOS["saturating"]
    page.set("chosen_scenario", scenario.name)
    assert page.race() == scenario.config
    assert page.at.query_params["scenario"] in (scenario.name, [scenario.name])
    assert page.at.button(key="reveal").disabled
    wrong = scenario.options[(scenario.answer + 1) % len(scenario.options)]
    page.at.session_state["prediction"] = wrong
    page.run()
    page.press("reveal")
    (told,) = [item.value for item in page.at.info]
    assert scenario.options[scenario.answer] in told
    assert scenario.reveal in told
    # Another lesson starts anew.
    page.set("chosen_scenario", "clip-bound")
    assert not page.at.info


def test_other_lanes_are_not_asked_the_old_question() -> None:
    page = Compare(scenario="saturating")
    scenario = SCENARIOS["saturating"]
    page.set("race.shared.seed", 5)
    assert any(scenario.question in item.value for item in page.at.markdown), "luck is not what it is about"
    page.press("add_lane")
    assert not any(scenario.question in item.value for item in page.at.markdown)
    assert any("no longer those of" in item.value for item in page.at.caption)
    page.press("lesson_again")
    assert any(scenario.question in item.value for item in page.at.markdown)
    assert page.race() == scenario.config


def test_choosing_nothing_keeps_the_lesson() -> None:
    page = Compare(scenario="saturating")
    page.at.session_state["prediction"] = SCENARIOS["saturating"].options[0]
    page.run()
    page.set("chosen_scenario", None)  # Escape in the list
    assert page.at.selectbox(key="chosen_scenario").value == "saturating"
    assert page.at.session_state["prediction"] == SCENARIOS["saturating"].options[0]


def test_lanes_run_side_by_side_and_act_together() -> None:
    page = Compare(race=link()).press("start")
    assert page.enabled() == {"pause", "one_step", "stop"}
    until(page, lambda page: all(page.drawn().values()))
    assert isinstance(page, Compare)
    head = page.head()
    assert [lane["name"] for lane in head["progress"]] == ["GAN", "WGAN, weight clipping", "WGAN-GP"]
    assert [row["name"] for row in head["table"]["rows"]] == ["GAN", "WGAN, weight clipping", "WGAN-GP"]
    assert {"modes", "best modes", "W1", "best W1"} <= set(head["table"]["columns"])
    assert all(len(row["cells"]) == len(head["table"]["columns"]) for row in head["table"]["rows"])
    page.press("pause")
    until(page, lambda page: page.training.status == "paused")
    steps = [view.step for view in page.training.view().lanes]
    page.press("one_step")
    until(page, lambda page: [view.step for view in page.training.view().lanes] == [step + 1 for step in steps])
    page.press("stop")
    assert {view.status for view in page.training.view().lanes} == {"stopped"}
    assert page.enabled() == {"start"}


def test_a_new_seed_stops_the_race_and_starts_the_next() -> None:
    page = Compare(race=link()).press("start")
    first = page.training
    page.press("new_seed")
    assert first.status == "stopped"
    assert page.run_id != first.id
    assert [lane.seed for lane in page.training.config.lanes] == [1, 1, 1]
    assert isinstance(page, Compare)
    assert page.race().lanes[0].seed == 1


def test_lanes_are_added_changed_and_removed() -> None:
    page = Compare(race=link())
    page.press("add_lane")
    assert [lane.objective.kind for lane in page.race().lanes] == ["gan", "wgan-clip", "wgan-gp", "wgan-gp"]
    assert not [button for button in page.at.button if button.key == "add_lane"]  # four are the most
    keys = page.lane_keys()
    page.set(f"{keys[3]}.objective.penalty_weight", 0.5)
    page.set(f"{keys[0]}.objective.kind", "wgan-clip")
    assert [lane.objective.kind for lane in page.race().lanes] == ["wgan-clip", "wgan-clip", "wgan-gp", "wgan-gp"]
    assert page.race().lanes[0].critic_optimiser.kind == "rmsprop"  # as its paper has it
    page.press(f"remove.{keys[1]}")
    found = page.race()
    assert [lane.objective.kind for lane in found.lanes] == ["wgan-clip", "wgan-gp", "wgan-gp"]
    assert found.lanes[2].objective.model_dump()["penalty_weight"] == 0.5


def test_a_lane_may_have_networks_of_its_own() -> None:
    page = Compare(race=link())
    key = page.lane_keys()[2]
    page.at.toggle(key=f"own.{key}").set_value(True).run()
    page.fine()
    page.set(f"{key}.critic.depth", 3)
    assert [lane.critic.model_dump()["depth"] for lane in page.race().lanes] == [2, 2, 3]


def test_what_all_lanes_share_is_stated_once() -> None:
    page = Compare(race=link())
    page.set("race.shared.dataset.kind", "swiss-roll").set("race.shared.seed", 7).set("race.length", 50)
    found = page.race()
    assert {(lane.dataset.kind, lane.seed, lane.steps) for lane in found.lanes} == {("swiss-roll", 7, 50)}


BAD = {
    "scenario": ("the-best", "scenario: must be one of three-objectives"),
    "race": (json.dumps({"lanes": [{}] * 5}), "a race has 1 to 4 lanes; you gave 5"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_link_is_refused_in_words_and_loses_nothing(name: str) -> None:
    given, words = BAD[name]
    page = Compare(**{name: given})
    (said,) = page.errors
    assert words in said
    assert page.race() == SCENARIOS["three-objectives"].config
    assert page.enabled() == {"start"}


@pytest.mark.parametrize(
    ("lanes", "words"),
    [
        ([{}], "a comparison has 2 to 4 lanes"),
        ([{}, {"dataset": {"kind": "fashion-mnist"}}], "lane 2: each of its samples has 1 × 32 × 32 numbers"),
        ([{}, {"objective": {"kind": "sgan"}}], "lane 2: objective.kind: must be one of"),
    ],
)
def test_wrong_lanes_are_refused_in_words(lanes: list[dict[str, Any]], words: str) -> None:
    (said,) = Compare(race=json.dumps({"lanes": lanes})).errors
    assert words in said


def test_several_seeds_are_started_by_one_button() -> None:
    page = Compare(race=link(length=6, snapshot_every=3, lanes=LANES[:2]))
    page.set("several_seeds", 2)
    page.press("many_seeds")
    assert page.training.config.seeds == 2
    until(page, lambda page: page.training.status == "finished", 120)
    assert isinstance(page, Compare)
    assert "seeds" in page.drawn()
    assert [lane["seeds"] for lane in page.head()["progress"]] == [2, 2]


def test_a_run_is_shown_on_the_page_where_it_belongs() -> None:
    raced = Compare(race=link()).press("start")
    other = Page(run=raced.run_id)
    assert other.run_id == raced.run_id
    assert len(other.drawn()) == len(raced.drawn())
    names = [box.options for box in raced.at.selectbox if box.label == "Runs"]
    assert any("3 lanes on ring" in option for option in names[0])
    assert manager().get(raced.run_id).config.lanes[0].objective.kind == "gan"
