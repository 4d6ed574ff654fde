"""The command line: what scripts read, and the exit status they act on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest

import wgan_core.members.crew
from tests.core.helpers import ROOT, often, python, scalars, small, wait_until
from wgan_core.cli import main
from wgan_core.cli.lines import last_lines
from wgan_core.config import TrainingConfig
from wgan_core.datasets import Dataset
from wgan_core.history import Failure, Snapshot
from wgan_core.lessons.presets import PRESETS
from wgan_core.members.crew import usable_cores
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.training import Diverged, train

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
    assert (last["status"], last["kind"]) == ("failed", "diverged")
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


# Several seeds


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several seeds in one worker: starting two takes longer."""
    monkeypatch.setattr(wgan_core.members.crew, "usable_cores", lambda: 1)


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_with_seeds_each_scalar_is_a_list_with_null_for_those_that_failed(capsys: Out) -> None:
    rates = ["--critic_optimiser.lr", "7", "--generator_optimiser.lr", "7"]
    flags = [*QUICK, *rates, "--objective.kind", "gan", "--steps", "8", "--seed", "1", "--seeds", "3", "--json"]
    assert main(["train", *flags]) == 0
    *snapshots, last = lines(capsys)
    config = small(objective="gan", steps=8, critic_optimiser={"lr": 7}, generator_optimiser={"lr": 7})
    failed = set()
    for k in range(3):
        found: list[Snapshot] = []
        try:
            found.extend(train(config.model_copy(update={"seed": 1 + k})))
        except Diverged:
            failed.add(str(1 + k))
        ours = [{name: column[k] for name, column in s["scalars"].items() if column[k] is not None} for s in snapshots]
        for numbers, snapshot in zip(ours, found, strict=False):
            assert numbers == pytest.approx(dict(snapshot.scalars), rel=0.02, abs=1e-4)
        assert ours[len(found) :] == [{}] * (9 - len(found))
    assert 0 < len(failed) < 3, "this test needs seeds of both kinds"
    assert [s["step"] for s in snapshots] == list(range(9))
    assert all(list(s) == ["step", "critic_steps", "seconds", "scalars"] for s in snapshots)
    assert all(len(column) == 3 for s in snapshots for column in s["scalars"].values())
    assert list(last) == ["status", "error", "run", "failures"]
    assert (last["status"], last["error"], last["failures"].keys()) == ("finished", None, failed)
    assert all(why.startswith("Training with seed") for why in last["failures"].values())


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_with_seeds_people_get_the_median_the_band_and_the_modes(capsys: Out) -> None:
    assert main(["train", *QUICK, "--steps", "2", "--seed", "4", "--seeds", "3"]) == 0
    first, *snapshots, modes, status = capsys.readouterr().out.splitlines()
    assert first == "seeds 4 to 6: median [10 %, 90 %]"
    assert [line.split()[1] for line in snapshots] == ["0", "1", "2"]
    w1 = np.array([list(train(small(seed=seed, steps=2)))[-1].scalars["w1"] for seed in (4, 5, 6)])
    low, middle, high = np.percentile(w1, (10, 50, 90))
    assert f"  w1 {middle:.4g} [{low:.4g}, {high:.4g}]  " in snapshots[-1]
    assert modes == "modes at the end: 0 in 3 seeds"
    assert status == "finished"


def test_the_modes_at_the_end_are_counted_over_the_seeds() -> None:
    def last(covered: list[float]) -> Snapshot:
        return Snapshot(9, 9, 1.0, {"modes_covered": np.array(covered)})

    why = {7: Failure("Training diverged.", "")}
    assert list(last_lines(last([8.0] * 9 + [7.0] + [8.0] * 6), {})) == ["modes at the end: 8 in 15 seeds, 7 in 1"]
    assert list(last_lines(last([6, 8, np.nan, 8, 6, 1]), why)) == [
        "seed 7 failed: Training diverged.",
        "modes at the end: 8 in 2 seeds, 6 in 2, 1 in 1",
    ]
    assert list(last_lines(last([3.0]), {})) == ["modes at the end: 3 in 1 seed"]
    assert list(last_lines(Snapshot(9, 9, 1.0, {"w1": np.zeros(2)}), {})) == []
    assert list(last_lines(None, {})) == []


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize("form", [["--json"], []])
def test_when_all_seeds_fail_the_exit_status_is_1(capsys: Out, form: list[str]) -> None:
    rates = ["--critic_optimiser.lr", "1000", "--generator_optimiser.lr", "1000"]
    assert main(["train", *QUICK, *rates, "--steps", "500", "--seeds", "2", *form]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "All 2 seeds, 0 to 1, have failed" in last
    assert "learning rate, 1000, is very high" in last


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--seeds", "0"], "error: seeds: must be a whole number from 1 to 32; you gave 0\n"),
        (["--seeds", "33"], "error: seeds: must be a whole number from 1 to 32; you gave 33\n"),
        (["--seeds=-2"], "error: seeds: must be a whole number from 1 to 32; you gave “-2”\n"),
        (["--seeds", "many"], "error: seeds: must be a whole number from 1 to 32; you gave “many”\n"),
        (["--seeds", "9" * 5000], "error: seeds: must be a whole number from 1 to 32; you gave “9"),
        (["--seeds", "2", "--seed", "2147483647"], "error: seed: with 2 seeds it must be at most 2,147,483,646; you gave"),
        (["--seeds", "2", "--dataset.kind", "fashion-mnist"], "error: seeds: several seeds at once are for data sets of p"),
    ],
)  # fmt: skip
def test_a_bad_number_of_seeds_exits_2(capsys: Out, flags: list[str], error: str) -> None:
    assert main(["train", *flags, "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(error)
    assert len(printed.err) < 200


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, None][: often(1, 4)])
def test_no_worker_outlives_the_command(sent: signal.Signals | None) -> None:
    """Interrupted, killed, or left by the one who reads."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wgan_core", "train", *QUICK, "--steps", "1000000", "--seeds", "2", "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["step"] == 0
        workers = psutil.Process(process.pid).children()
        assert len(workers) == min(2, usable_cores())
        if sent is None:
            process.stdout.close()
            assert process.wait(20) == 0
        elif sent == signal.SIGKILL:
            process.kill()
            process.wait(20)
        else:
            os.killpg(process.pid, sent)  # as a terminal does, to the workers too
            *_, last = process.stdout.read().splitlines()
            assert process.wait(20) == 0
            assert json.loads(last)["status"] == "stopped"
        if sent != signal.SIGKILL:
            assert process.stderr.read() == ""
        wait_until(lambda: not any(w.is_running() and w.status() != psutil.STATUS_ZOMBIE for w in workers), 5)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        process.stderr.close()  # type: ignore[union-attr]


def test_the_module_passes_its_exit_status_on() -> None:
    result = python("-m", "wgan_core", "train", "--n_critic", "0")
    assert result.returncode == 2
    assert result.stderr == "error: n_critic: must be a whole number from 1 to 100; you gave “0”\n"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("presets", list(PRESETS)),
        ("datasets", list(Dataset.kinds)),
        ("objectives", list(Objective.kinds)),
        ("constraints", list(Constraint.kinds)),
        ("remedies", list(REMEDIES)),
    ],
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
        assert TrainingConfig.parse(entry["config"]) == PRESETS[entry["name"]].config
        assert entry["shows"]


def test_listed_knobs_have_a_default_what_is_allowed_and_help(capsys: Out) -> None:
    main(["objectives", "--json"])
    (entries,) = lines(capsys)
    (clip,) = next(entry for entry in entries if entry["name"] == "wgan-clip")["knobs"]
    assert clip["name"] == "clip"
    assert clip["default"] == 0.01
    assert clip["allowed"] == "a number above 0 to 10"
    assert clip["help"].startswith("Every parameter of the critic is clipped")
