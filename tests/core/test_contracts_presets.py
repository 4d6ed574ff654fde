"""What every preset owes: a name, a sentence on what it shows, and a config that trains."""

from __future__ import annotations

import json

import pytest

from tests.core.helpers import scalars
from wgan_core.config import RunConfig
from wgan_core.presets import PRESETS
from wgan_core.training import train

# Names that scripts and lessons rely on.
PROMISED = {
    "ring-gan-collapse",
    "ring-wgan-clip",
    "ring-wgan-gp",
    "grid-wgan-gp",
    "swiss-roll-wgan-gp",
    "fashion-wgan-gp",
}


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
    assert RunConfig.parse(json.dumps(settings)) == PRESETS[name].config


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_suits_every_machine(name: str) -> None:
    assert PRESETS[name].config.device == "auto"


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_trains(name: str) -> None:
    # The preset's own networks and rates; a smaller batch and one thread keep the images quick on a busy machine.
    config = PRESETS[name].config.edited({"steps": 1, "batch_size": 8, "device": "cpu", "threads": 1})
    found = scalars(train(config))
    assert list(found) == [0, 1]
    assert config.objective.estimate_name in found[1]
