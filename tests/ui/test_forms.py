"""The command that the page shows trains the config that the page shows."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given

from pages.ui.form.fields import GROUPS, OPEN, command_line
from pages.ui.text import plain
from tests.core.test_config import configs
from tests.ui.views import DATASETS
from wgan_core import cli
from wgan_core.config import TrainingConfig
from wgan_core.lessons.presets import PRESETS
from wgan_core.objectives import Objective


def parsed(command: str, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """The config that this command would train, read as a shell and the command line read it."""
    caught: list[TrainingConfig] = []

    def catch(config: TrainingConfig, as_json: bool, *_: object) -> int:
        caught.append(config)
        return 0

    monkeypatch.setattr(cli, "run", catch)
    python, module, name, *arguments = shlex.split(command)
    assert (python, module, name) == ("python", "-m", "wgan_core")
    assert cli.main(arguments) == 0
    return caught[0]


@given(config=configs())
def test_any_config_survives_the_command_line(config: TrainingConfig) -> None:
    if config.device.startswith("cuda"):  # the command line asks whether the device is there
        config = config.edited({"device": "cpu"})
    assert cli.configure(None, shlex.split(command_line(config))[4:]) == config


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_the_whole_command_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed(command_line(PRESETS[name].config), monkeypatch) == PRESETS[name].config


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("objective", Objective.kinds)
def test_defaults_make_a_short_command(objective: str, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig.parse({"dataset": {"kind": dataset}, "objective": {"kind": objective}})
    command = command_line(config)
    assert command == f"python -m wgan_core train --dataset.kind {dataset} --objective.kind {objective}"
    assert parsed(command, monkeypatch) == config


def test_negative_and_tiny_numbers_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig.parse(
        {
            "dataset": {"kind": "parallel-lines", "theta": -2.5},
            "critic_optimiser": {"lr": 1e-7},
            "generator_optimiser": {"kind": "sgd", "momentum": 0.9},
        }
    )
    assert parsed(command_line(config), monkeypatch) == config


@pytest.mark.parametrize(
    "dataset",
    [
        {"kind": "folder", "path": "my pictures/$(cat) 'n' dog", "classes": "a b"},
        {"kind": "fashion-mnist", "classes": "Ankle boot"},
    ],
)
def test_spaces_and_what_a_shell_would_read_survive(dataset: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig.parse({"dataset": dataset})
    assert parsed(command_line(config), monkeypatch) == config


def test_the_form_has_every_field_once() -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert sorted([*names, "schema_version"]) == sorted(TrainingConfig.model_fields)
    assert set(OPEN) <= set(GROUPS)


@pytest.mark.parametrize("text", ["![](//x.example/a.png)", "[a](b)", "<b>", "`c`", "$d$", ":red[e]", "_f_ *g*", "\\"])
def test_plain_text_keeps_its_letters_and_loses_its_markup(text: str) -> None:
    shown = plain(text)
    assert re.sub(r"\\(.)", r"\1", shown) == text
    assert not re.search(r"(?<!\\)(\\\\)*[`*_\[\]()<>$:!]", shown)


def test_plain_text_stands_on_one_line() -> None:
    assert plain("a\n\n# b") == r"a \# b"
