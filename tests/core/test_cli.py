"""The command line: what scripts read, and the exit status they act on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.core.helpers import ROOT, python, scalars, small
from wgan_core.cli import main
from wgan_core.config import RunConfig
from wgan_core.datasets import Dataset
from wgan_core.objectives import Objective
from wgan_core.presets import PRESETS
from wgan_core.training import train

QUICK = [
    "--device",
    "cpu",
    "--generator.width",
    "16",
    "--critic.width",
    "16",
    "--batch_size",
    "16",
    "--snapshot_every",
    "1",
]


@pytest.fixture(autouse=True)
def _restore_sigterm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


Out = pytest.CaptureFixture[str]


def lines(out: Out) -> list[Any]:
    return [json.loads(line) for line in out.readouterr().out.splitlines()]


def test_train_prints_a_json_line_a_snapshot_and_last_how_it_ended(capsys: Out) -> None:
    assert main(["train", *QUICK, "--steps", "4", "--snapshot_every", "2", "--json"]) == 0
    *snapshots, last = lines(capsys)
    assert [s["step"] for s in snapshots] == [0, 2, 4]
    for s in snapshots:
        assert list(s) == ["step", "critic_steps", "seconds", "scalars"]
        assert type(s["step"]) is type(s["critic_steps"]) is int
        assert type(s["seconds"]) is float
        assert all(type(value) is float for value in s["scalars"].values())
    assert [s["critic_steps"] for s in snapshots] == [0, 10, 20]
    assert {"w_estimate", "critic_loss", "generator_loss", "gradient_penalty", "w1", "w1_floor", "modes_covered",
            "high_quality", "critic_grad_norm", "generator_grad_norm", "input_grad_norm_mean",
            "input_grad_norm_max"} <= snapshots[-1]["scalars"].keys()  # fmt: skip
    assert list(last) == ["status", "error", "run"]
    assert (last["status"], last["error"]) == ("finished", None)
    assert last["run"]


@pytest.mark.parametrize(
    ("objective", "present", "absent"),
    [
        ("gan", {"js_estimate"}, {"w_estimate", "gradient_penalty", "weights_at_clip"}),
        ("wgan-clip", {"w_estimate", "weights_at_clip"}, {"js_estimate", "gradient_penalty"}),
        ("wgan-gp", {"w_estimate", "gradient_penalty"}, {"js_estimate", "weights_at_clip"}),
    ],
)
def test_scalars_are_there_where_they_make_sense(
    capsys: Out, objective: str, present: set[str], absent: set[str]
) -> None:
    assert main(["train", *QUICK, "--steps", "1", "--objective.kind", objective, "--json"]) == 0
    names = lines(capsys)[1]["scalars"].keys()
    assert present <= names
    assert not absent & names


def test_the_command_line_trains_what_the_library_trains(capsys: Out) -> None:
    flags = ["--steps", "3", "--seed=7", "--objective.penalty_weight", "2.5", "--json"]
    assert main(["train", *QUICK, *flags]) == 0
    config = small(objective={"kind": "wgan-gp", "penalty_weight": 2.5}, seed=7)
    assert {s["step"]: s["scalars"] for s in lines(capsys)[:-1]} == scalars(train(config))


def test_flags_change_a_preset_whatever_their_order(capsys: Out) -> None:
    flags = [*QUICK, "--steps", "1", "--objective.clip", "0.5", "--objective.kind", "wgan-clip", "--json"]
    assert main(["train", "--preset", "ring-gan-collapse", *flags]) == 0
    assert "weights_at_clip" in lines(capsys)[1]["scalars"]
    assert PRESETS["ring-gan-collapse"].settings["objective"] == {"kind": "gan"}, "the preset itself was changed"


def test_train_without_json_prints_a_line_for_people(capsys: Out) -> None:
    assert main(["train", *QUICK, "--steps", "2"]) == 0
    *snapshots, last = capsys.readouterr().out.splitlines()
    assert len(snapshots) == 3
    assert all(line.startswith("step ") for line in snapshots)
    assert "w_estimate" in snapshots[-1]
    assert last == "finished"


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--n_critic", "0"], "error: n_critic: must be a whole number from 1 to 100; you gave “0”\n"),
        (["--objective.penalty_weight=-1"], "error: objective.penalty_weight: must be a number from 0 to 10,000; you gave “-1”"),
        (["--critic_optimiser.lr", "nan"], "error: critic_optimiser.lr: must be a number above 0 to 1,000; you gave “nan”\n"),
        (["--steps", "many"], "error: steps: must be a whole number from 1 to 10,000,000; you gave “many”\n"),
        (["--dataset.kind", "moon"], "error: dataset.kind: must be one of ring, grid, two-gaussians, "),
        (["--objective.kind", "vae"], "error: objective.kind: must be one of gan, wgan-clip, wgan-gp"),
        (["--preset", "none"], f"error: preset: must be one of {', '.join(PRESETS)}; you gave “none”\n"),
        (["--steps"], "error: steps: a value is missing\n"),
        (["ring"], "error: “ring” stands where a flag, --field value, was expected\n"),
        (["--objective.clip", "1"], "error: objective.clip: there is no such field; allowed here: kind, penalty_weight\n"),
        (["--device", "cuda:99"], "error: device 'cuda:99' is not available here; this machine has auto, "),
        (["--critic.normalisation", "batch"], "error: critic.normalisation: batch normalisation does not go with WGAN-GP"),
    ],
)  # fmt: skip
def test_bad_flags_exit_2_with_the_field_what_is_allowed_and_what_was_given(
    capsys: Out, flags: list[str], error: str
) -> None:
    assert main(["train", *flags, "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(error)


def test_each_bad_flag_has_its_line(capsys: Out) -> None:
    assert main(["train", "--n_critic", "0", "--steps", "0"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("arguments", [[], ["paint"], ["train", "--preset"]])
def test_a_wrong_command_exits_2_with_the_usage(capsys: Out, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "python -m wgan_core train" in capsys.readouterr().err


def test_lists_take_no_other_flags(capsys: Out) -> None:
    assert main(["presets", "--steps", "3"]) == 2
    assert "takes no flags but --json" in capsys.readouterr().err


def test_a_failed_training_exits_1_and_keeps_what_it_printed(capsys: Out) -> None:
    rates = ["--critic_optimiser.lr", "100", "--generator_optimiser.lr", "100"]
    assert main(["train", *QUICK, *rates, "--steps", "500", "--json"]) == 1
    first, *_, last = lines(capsys)
    assert first["step"] == 0
    assert last["status"] == "failed"
    assert "Training diverged at generator step" in last["error"]
    assert "learning rate, 100, is very high" in last["error"]


def test_a_failed_training_says_so_to_people_too(capsys: Out) -> None:
    rates = ["--critic_optimiser.lr", "100", "--generator_optimiser.lr", "100"]
    assert main(["train", *QUICK, *rates, "--steps", "500"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("failed: Training diverged")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_training_and_exits_0(sent: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "wgan_core", "train", *QUICK, "--steps", "1000000", "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["step"] == 0
        process.send_signal(sent)
        out, errors = process.communicate(timeout=20)
        last = json.loads(out.splitlines()[-1])
        assert (last["status"], last["error"]) == ("stopped", None)
        assert process.returncode == 0
        assert errors == ""
    finally:
        process.kill()


def test_the_module_passes_its_exit_status_on() -> None:
    result = python("-m", "wgan_core", "train", "--n_critic", "0")
    assert result.returncode == 2
    assert result.stderr == "error: n_critic: must be a whole number from 1 to 100; you gave “0”\n"


@pytest.mark.parametrize(
    ("command", "names"),
    [("presets", list(PRESETS)), ("datasets", list(Dataset.kinds)), ("objectives", list(Objective.kinds))],
)
def test_lists_name_everything_in_the_registry(capsys: Out, command: str, names: list[str]) -> None:
    assert main([command, "--json"]) == 0
    (entries,) = lines(capsys)
    assert [entry["name"] for entry in entries] == names
    assert all(entry["title"] for entry in entries)
    assert main([command]) == 0
    text = capsys.readouterr().out
    for entry in entries:
        assert f"\n{entry['name']} " in f"\n{text}"
        assert entry["title"] in text


def test_listed_presets_are_whole_configs(capsys: Out) -> None:
    main(["presets", "--json"])
    for entry in lines(capsys)[0]:
        assert RunConfig.parse(entry["config"]) == PRESETS[entry["name"]].config
        assert entry["shows"]


def test_listed_knobs_have_a_default_what_is_allowed_and_help(capsys: Out) -> None:
    main(["objectives", "--json"])
    (entries,) = lines(capsys)
    (clip,) = next(entry for entry in entries if entry["name"] == "wgan-clip")["knobs"]
    assert clip["name"] == "clip"
    assert clip["default"] == 0.01
    assert clip["allowed"] == "a number above 0 to 10"
    assert clip["help"].startswith("Every parameter of the critic is clipped")
