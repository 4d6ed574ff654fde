"""The form: what it shows of a config, what follows from a choice, and what it refuses."""

from __future__ import annotations

import pytest

from pages.ui.live import component as live
from tests.pages.conftest import Page
from wgan_core.config import TrainingConfig
from wgan_core.datasets import Dataset
from wgan_core.lessons.presets import PRESETS
from wgan_core.networks import Network
from wgan_core.objectives import Objective
from wgan_core.optimisers import Optimiser

OBJECTIVE_KNOBS = {
    kind: {f"objective.{name}" for name in ("kind", *found.model_fields)} for kind, found in Objective.kinds.items()
}


PLAIN = "{}"  # a link to what a config is by default


def of_objective(page: Page) -> set[str]:
    return {path for path in page.knobs() if path.startswith("objective.")}


def test_the_page_opens_with_a_preset_ready_to_start() -> None:
    page = Page()
    assert not page.errors
    assert not page.warnings
    assert page.enabled() == {"start"}
    assert page.config() == PRESETS["ring-wgan-gp"].config
    assert page.shown()[0] is None
    assert set(page.drawn()) == set(live.names_for(Dataset.kinds["ring"]()))
    assert not any(page.drawn().values())


def test_only_the_chosen_objectives_knobs_are_there() -> None:
    page = Page()
    for kind in [*Objective.kinds, "wgan-gp"]:
        page.choose("objective.kind", kind)
        assert of_objective(page) == OBJECTIVE_KNOBS[kind]
    assert OBJECTIVE_KNOBS["wgan-clip"] == {"objective.kind", "objective.clip"}
    assert OBJECTIVE_KNOBS["wgan-gp"] == {"objective.kind", "objective.penalty_weight"}
    assert OBJECTIVE_KNOBS["gan"] == {"objective.kind", "objective.generator_goal"}


def test_only_the_chosen_kinds_knobs_are_there() -> None:
    page = Page()
    for family, path in ((Dataset, "dataset"), (Optimiser, "critic_optimiser"), (Optimiser, "generator_optimiser")):
        for kind, found in family.kinds.items():
            page.choose(f"{path}.kind", kind)
            assert {knob for knob in page.knobs() if knob.startswith(f"{path}.")} == {
                f"{path}.{name}" for name in ("kind", *found.model_fields)
            }
            assert page.config().model_dump()[path]["kind"] == kind


def test_an_objective_brings_its_papers_settings() -> None:
    page = Page(config=PLAIN)
    for kind in ["gan", "wgan-clip", "wgan-gp", "gan"]:
        page.choose("objective.kind", kind)
        expected = TrainingConfig.parse({"objective": {"kind": kind}})
        assert page.config() == expected
        assert page.value("n_critic") == expected.n_critic
        for role in ("critic_optimiser", "generator_optimiser"):
            part = getattr(expected, role)
            assert page.value(f"{role}.kind") == part.kind
            assert page.value(f"{role}.lr") == part.lr


def test_an_objective_leaves_alone_what_is_not_its_own() -> None:
    page = Page()
    page.choose("dataset.kind", "grid").choose("dataset.side", 3).choose("steps", 77).choose("critic.width", 32).choose(
        "seed", 5
    )
    page.choose("objective.kind", "wgan-clip")
    config = page.config()
    assert config.dataset.model_dump()["side"] == 3
    assert (config.steps, config.seed, config.critic.model_dump()["width"]) == (77, 5, 32)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_the_form(name: str) -> None:
    page = Page()
    page.at.selectbox(key="chosen_preset").set_value(name).run()
    page.fine()
    assert page.config() == PRESETS[name].config
    assert PRESETS[name].shows in [caption.value for caption in page.at.caption]
    assert page.value("objective.kind") == PRESETS[name].config.objective.kind
    # It stays what it is however often the page runs.
    assert page.run().config() == PRESETS[name].config


def test_one_preset_after_another() -> None:
    page = Page()
    for name in [*PRESETS, *reversed(PRESETS)]:
        page.at.selectbox(key="chosen_preset").set_value(name).run()
        assert page.fine().config() == PRESETS[name].config


@pytest.mark.parametrize("objective", ["gan", "wgan-clip", "wgan-gp", "wgan"])
def test_images_bring_a_dcgan_and_points_take_it_away(objective: str) -> None:
    page = Page(config=PLAIN)
    page.choose("objective.kind", objective).choose("dataset.kind", "fashion-mnist")
    assert page.config() == TrainingConfig.parse(
        {"dataset": {"kind": "fashion-mnist"}, "objective": {"kind": objective}}
    )
    assert page.value("generator.kind") == page.value("critic.kind") == "dcgan"
    assert set(page.drawn()) == set(live.names_for(Dataset.kinds["fashion-mnist"]()))
    page.choose("dataset.kind", "ring")
    assert page.value("generator.kind") == page.value("critic.kind") == "mlp"
    assert page.config() == TrainingConfig.parse({"objective": {"kind": objective}})
    assert set(page.drawn()) == set(live.names_for(Dataset.kinds["ring"]()))


@pytest.mark.parametrize("objective", ["gan", "wgan-clip", "wgan-gp", "wgan"])
def test_on_images_every_objective_gets_a_critic_that_goes_with_it(objective: str) -> None:
    page = Page(config=PLAIN)
    page.choose("dataset.kind", "fashion-mnist").choose("objective.kind", objective)
    assert not page.errors
    assert page.config() == TrainingConfig.parse(
        {"dataset": {"kind": "fashion-mnist"}, "objective": {"kind": objective}}
    )


def test_every_kind_of_network_can_be_chosen_for_images() -> None:
    page = Page().choose("dataset.kind", "fashion-mnist")
    for kind in Network.kinds:
        page.choose("generator.kind", kind)
        assert page.config().generator.kind == kind


def test_what_does_not_go_together_is_said_and_cannot_be_started() -> None:
    page = Page().choose("critic.normalisation", "batch")
    (error,) = page.errors
    assert error.startswith("critic.normalisation: batch normalisation does not go with WGAN-GP")
    assert error.endswith("use layer or none")
    assert page.enabled() == set()
    assert not any("config=" in code.value for code in page.at.code)  # nothing broken to share
    page.choose("critic.normalisation", "layer")
    assert not page.errors
    assert page.enabled() == {"start"}


def test_a_dcgan_for_points_is_refused_and_can_be_taken_back() -> None:
    page = Page().choose("critic.kind", "dcgan")
    assert "critic.kind: a DCGAN makes images, and ring holds points" in page.errors[0]
    assert page.enabled() == set()
    page.choose("critic.kind", "mlp")
    assert not page.errors
    assert page.config() == PRESETS["ring-wgan-gp"].config


def test_an_objective_that_takes_batch_normalisation_mends_a_form_that_did_not() -> None:
    page = Page().choose("critic.normalisation", "batch")
    page.choose("objective.kind", "wgan-clip")
    assert not page.errors
    assert page.enabled() == {"start"}


def test_a_network_beyond_all_bounds_is_refused_before_it_is_built() -> None:
    page = Page()
    for role in ("generator", "critic"):
        page.choose(f"{role}.width", 2048).choose(f"{role}.depth", 8)
    assert any("parameters" in error and "30,000,000" in error for error in page.errors)
    assert page.enabled() == set()


def test_numbers_have_the_bounds_of_the_schema() -> None:
    page = Page()
    for path, low, high in (("n_critic", 1, 100), ("steps", 1, 10_000_000), ("batch_size", 1, 16_384)):
        box = page.at.number_input(key=f"form.{path}")
        assert (box.min, box.max) == (low, high)


def test_the_command_line_stands_beside_the_link() -> None:
    page = Page(config=PLAIN).choose("objective.kind", "gan")
    commands = [code.value for code in page.at.code if code.value.startswith("python")]
    assert commands == ["python -m wgan_core train --dataset.kind ring --objective.kind gan"]


def test_an_objective_brings_its_constraint_and_takes_away_one_that_does_not_fit() -> None:
    page = Page()
    page.choose("objective.kind", "gan").choose("constraint.kind", "r1")
    assert page.config().constraint.kind == "r1"
    assert "constraint.gamma" in page.knobs()
    page.choose("objective.kind", "wgan-gp")
    assert page.config().constraint.kind == "none"
    page.choose("objective.kind", "wgan")
    assert page.config().constraint.kind == "spectral"
    page.choose("constraint.kind", "none")
    assert any("grow without bound" in error.value for error in page.at.error)


def test_remedies_are_chosen_from_one_list_and_then_have_their_knobs() -> None:
    page = Page().choose("objective.kind", "gan")
    assert not any(path.startswith("remedies.") for path in page.knobs() if path != "remedies.chosen")
    (chooser,) = (item for item in page.at.multiselect if str(item.key).endswith("remedies.chosen"))
    chooser.set_value(["instance_noise", "label_smoothing"]).run()
    found = {remedy.name: remedy for remedy in page.config().remedies.active}
    assert found.keys() == {"instance_noise", "label_smoothing"}
    assert found["label_smoothing"].model_dump() == {"amount": 0.1}
    page.choose("remedies.instance_noise.until", 40)
    assert page.config().model_dump()["remedies"]["instance_noise"] == {"sigma": 0.3, "until": 40}
    page.choose("objective.kind", "wgan-gp")
    assert any("remedies.label" in error.value and "does not go with" in error.value for error in page.at.error)


def test_a_preset_that_was_changed_says_in_what() -> None:
    page = Page(preset="ring-wgan-gp")
    assert not [item.value for item in page.at.caption if "Changed since" in item.value]
    page.choose("seed", 7)
    assert not [item.value for item in page.at.caption if "Changed since" in item.value]
    page.choose("dataset.kind", "grid").choose("n_critic", 2)
    (said,) = [item.value for item in page.at.caption if "Changed since" in item.value]
    assert "Data set" in said
    assert "n_critic" in said.replace("\\", "")
