"""What every preset owes: a name, a sentence on what it shows, and a config that trains."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.core.helpers import scalars, with_data
from wgan_core.config import TrainingConfig
from wgan_core.datasets import DataError
from wgan_core.lessons.presets import PRESETS
from wgan_core.training import train

pytestmark = pytest.mark.usefixtures("few_points")

# Names that scripts and lessons rely on.
PROMISED = {
    "ring-gan-collapse",
    "ring-wgan-clip",
    "ring-wgan-gp",
    "grid-wgan-gp",
    "swiss-roll-wgan-gp",
    "fashion-wgan-gp",
}
HORSES = ["horses-small", "horses-gan", "horses-wgan-clip", "horses-wgan-gp"]


def test_the_promised_presets_are_there() -> None:
    assert not PROMISED - PRESETS.keys()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_is_and_what_it_shows(name: str) -> None:
    preset = PRESETS[name]
    assert preset.name == name
    assert preset.title
    assert preset.shows.endswith(".")
    assert [other.title for other in PRESETS.values()].count(preset.title) == 1


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_settings_are_plain_json_and_survive_it(name: str) -> None:
    settings = PRESETS[name].settings
    assert json.loads(json.dumps(settings)) == settings
    assert TrainingConfig.parse(json.dumps(settings)) == PRESETS[name].config


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_suits_every_machine(name: str) -> None:
    assert PRESETS[name].config.device == "auto"


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_trains(name: str) -> None:
    # The preset's own networks and rates; a smaller batch and one thread keep the images quick on a busy machine.
    config = PRESETS[name].config_beside(with_data("folder"))
    config = config.edited({"steps": 1, "batch_size": 8, "device": "cpu", "threads": 1})
    found = scalars(train(config))
    assert list(found) == [0, 1]
    assert config.objective.estimate_name in found[1]


# Horses: presets for data that may not be there, and for pictures of one's own


@pytest.mark.parametrize("name", HORSES)
def test_a_preset_of_horses_keeps_the_pictures_that_are_chosen_and_nothing_else(name: str) -> None:
    preset, own = PRESETS[name], with_data("folder") | {"pixels": "64", "classes": "dogs"}
    found = preset.config_beside(own)
    assert found == preset.config.edited({f"dataset.{field}": value for field, value in own.items()})
    for other in ({"kind": "folder", "path": ""}, {"kind": "cifar10", "classes": "ship"}, {"kind": "ring"}):
        assert preset.config_beside(other) == preset.config


def test_other_presets_keep_no_pictures() -> None:
    own = with_data("folder")
    assert [name for name, preset in PRESETS.items() if preset.config_beside(own) != preset.config] == HORSES


def test_the_long_presets_of_horses_have_the_reports_numbers() -> None:
    for name in HORSES[1:]:
        config = PRESETS[name].config
        critic_steps = config.steps * config.n_critic
        assert (config.latent.dim, config.batch_size, critic_steps) == (100, 16, 437_500)
        assert critic_steps * config.batch_size == 1400 * 5000  # epochs of CIFAR-10's horses
        for optimiser in (config.critic_optimiser, config.generator_optimiser):
            assert optimiser.model_dump() == {"kind": "adam", "lr": 1e-5, "beta1": 0.5, "beta2": 0.99}
        assert config.generator.kind == config.critic.kind == "report-dcgan"


@pytest.mark.parametrize("objective", ["gan", "wgan-clip", "wgan-gp"])
def test_horses_train_on_a_few_pictures_with_finite_gradients_of_both_networks(objective: str) -> None:
    changes = {"dataset": with_data("folder"), "objective": {"kind": objective}, "n_critic": 2, "device": "cpu"}
    short = {"steps": 3, "snapshot_every": 1, "scores_every": 0}
    config = TrainingConfig.parse(PRESETS["horses-small"].settings | changes | short)
    found = scalars(train(config))
    for step in (1, 2, 3):
        for norm in ("critic_grad_norm", "generator_grad_norm"):
            assert 0 < found[step][norm] < math.inf


def test_horses_that_are_not_there_are_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = PRESETS["horses-small"].config
    missing = config.dataset.lacks()
    assert missing is not None
    assert missing.label == "CIFAR-10"
    with pytest.raises(DataError, match=r"CIFAR-10: the files of its train split .* cifar-10-python\.tar\.gz"):
        list(train(config.edited({"device": "cpu", "steps": 1})))
