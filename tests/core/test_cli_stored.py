"""Stored runs from the command line: every training is found again, goes on, and travels as a file."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.core import exported
from tests.core.helpers import ROOT, python, scalars, small, wait_until
from tests.core.stored import record
from tests.core.test_cli import QUICK, Out, lines
from tests.core.test_store_runs import race
from wgan_core.cli import main
from wgan_core.cli.driving import Watch
from wgan_core.cli.lines import Lines
from wgan_core.export import Bundle, pack_bundle
from wgan_core.export.stored import keep
from wgan_core.history import Failure, RunView
from wgan_core.runs import RunManager
from wgan_core.store import Store, StoreProblem
from wgan_core.store.database import MIGRATIONS, NAME
from wgan_core.training import train


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own for each test, for this process and those that it starts."""
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def trained(out: Out, *flags: str) -> str:
    """Train a little and say under which id."""
    assert main(["train", *QUICK, "--json", *flags]) == 0
    return str(lines(out)[-1]["run"])


def listed(out: Out, *flags: str) -> list[Any]:
    assert main(["runs", "--json", *flags]) == 0
    (found,) = lines(out)
    return list(found)


def by_step(printed: list[Any]) -> dict[int, Any]:
    return {s["step"]: s["scalars"] for s in printed}


# What is trained is stored


def test_a_training_is_in_the_store_with_the_numbers_that_were_printed(home: Path, capsys: Out) -> None:
    assert main(["train", *QUICK, "--steps", "6", "--json"]) == 0
    *snapshots, last = lines(capsys)
    store = Store(home)
    view = store.lane_view(last["run"])
    assert (view.status, view.step, view.snapshots) == ("finished", 6, 7)
    for i, snapshot in enumerate(snapshots):
        assert {name: view.history[name][i] for name in snapshot["scalars"]} == snapshot["scalars"]
    assert store.checkpoints(last["run"]) == [6]
    assert view.frames[-1].arrays


@pytest.mark.slow
def test_several_seeds_are_stored_too(home: Path, capsys: Out) -> None:
    assert main(["train", *QUICK, "--steps", "3", "--seeds", "2", "--json"]) == 0
    *snapshots, last = lines(capsys)
    view = Store(home).lane_view(last["run"])
    assert (view.status, view.seeds) == ("finished", 2)
    assert view.history["w1"].tolist() == [s["scalars"]["w1"] for s in snapshots]
    assert main(["resume", last["run"], "--steps", "2", "--json"]) == 0
    *more, last = lines(capsys)
    assert [s["step"] for s in more] == [4, 5]
    assert main(["train", *QUICK, "--steps", "5", "--seeds", "2", "--json", "--no-store"]) == 0
    assert by_step(more).items() <= by_step(lines(capsys)[:-1]).items()
    assert Store(home).lane_view(last["run"]).history["w1"].shape == (6, 2)


def test_one_seed_asked_for_as_several_is_a_list_of_one(capsys: Out) -> None:
    assert main(["train", *QUICK, "--steps", "2", "--seeds", "1", "--json"]) == 0
    *snapshots, last = lines(capsys)
    expected = scalars(train(small(steps=2)))
    assert by_step(snapshots) == {
        step: {name: [value] for name, value in found.items()} for step, found in expected.items()
    }
    assert last["failures"] == {}


def test_a_failure_is_stored_with_its_cause(home: Path, capsys: Out) -> None:
    rates = ["--critic_optimiser.lr", "100", "--generator_optimiser.lr", "100"]
    assert main(["train", *QUICK, *rates, "--steps", "500", "--json"]) == 1
    last = lines(capsys)[-1]
    failure = Store(home).lane_view(last["run"]).failure
    assert failure is not None
    assert last["error"] == f"{failure.message} {failure.cause}"


def test_without_the_store_nothing_is_written(home: Path, capsys: Out) -> None:
    assert main(["train", *QUICK, "--steps", "2", "--no-store", "--json"]) == 0
    assert lines(capsys)[-1]["run"]
    assert not home.exists()


def test_a_store_that_cannot_be_used_is_a_warning(home: Path, capsys: Out) -> None:
    home.write_text("in the way")
    assert main(["train", *QUICK, "--steps", "2", "--json"]) == 0
    printed = capsys.readouterr()
    *snapshots, last = map(json.loads, printed.out.splitlines())
    assert by_step(snapshots) == scalars(train(small(steps=2)))
    assert last["status"] == "finished"
    assert printed.err.startswith(f"warning: {home} cannot be used to store runs (")
    assert "set WGAN_HOME to another folder" in printed.err
    assert len(printed.err.splitlines()) == 1


def test_a_limit_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.setenv("WGAN_RUN_MB", "much")
    for command in (["train", *QUICK], ["runs"], ["resume", "a"], ["import", "a"]):
        assert main(command) == 2
        assert "error: WGAN_RUN_MB: must be a whole number of megabytes" in capsys.readouterr().err


# The list


def test_runs_are_listed_the_newest_first(home: Path, capsys: Out) -> None:
    first = trained(capsys, "--steps", "4")
    second = trained(capsys, "--steps", "2", "--objective.kind", "gan", "--dataset.kind", "grid")
    store = Store(home)
    store.rename(first, "my run")
    store.tag(first, ["good"])
    store.pin(first)
    newer, older = listed(capsys)
    assert (newer["id"], older["id"]) == (second, first)
    assert (newer["dataset"], newer["objectives"], newer["step"]) == ("grid", ["gan"], 2)
    view = store.lane_view(first)
    assert {name: older[name] for name in ("status", "step", "name", "dataset", "objectives", "seeds")} == {
        "status": "finished", "step": 4, "name": "my run", "dataset": "ring", "objectives": ["wgan-gp"], "seeds": 1,
    }  # fmt: skip
    assert (older["tags"], older["pinned"], older["parent"]) == (["good"], True, None)
    assert older["best_w1"] == np.nanmin(view.history["w1"])
    assert older["last_w1"] == view.history["w1"][-1]
    assert older["last_modes"] == view.history["modes_covered"][-1]
    assert older["seconds"] == view.seconds
    assert datetime.fromisoformat(older["created"]).timestamp() == pytest.approx(store.run(first).created, abs=0.001)


def test_the_list_can_be_searched_sorted_and_cut(home: Path, capsys: Out) -> None:
    store = Store(home)
    for i, (steps, name) in enumerate(((5, "beta"), (3, "Alpha"), (7, "gamma ray"))):
        record(store, f"r{i}", small(steps=steps))
        store.rename(f"r{i}", name)
    store.close()

    def ids(*flags: str) -> list[str]:
        return [run["id"] for run in listed(capsys, *flags)]

    assert ids() == ["r2", "r1", "r0"]
    assert ids("--limit", "2") == ["r2", "r1"]
    assert ids("--sort", "step") == ["r2", "r0", "r1"]
    assert ids("--sort", "name") == ["r1", "r0", "r2"]
    assert ids("--search", "GAMMA ring") == ["r2"]
    assert ids("--status", "failed") == []
    assert ids("--status", "failed", "--status", "finished", "--limit", "1") == ["r2"]
    best = {run["id"]: run["best_w1"] for run in listed(capsys)}
    assert ids("--sort", "w1") == sorted(best, key=lambda run_id: float(best[run_id]))


def test_people_get_a_table(home: Path, capsys: Out) -> None:
    assert main(["runs"]) == 0
    assert capsys.readouterr().out == f"There are no such runs in {home}.\n"
    store = Store(home)
    keep(store, exported.race())
    keep(store, exported.seeds())
    store.close()
    assert main(["runs"]) == 0
    header, many, two = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["id", "status", "step"]
    assert "wgan-gp × 3 seeds" in many
    assert "gan, wgan-clip" in two
    assert len({line.index(word) for line, word in ((header, "objectives"), (many, "wgan-gp"), (two, "gan, "))}) == 1


def test_an_interrupted_run_is_listed_as_such(home: Path, capsys: Out) -> None:
    store = Store(home)
    record(store, "a", small(steps=3))
    store.close()
    with closing(sqlite3.connect(home / NAME)) as db, db:
        db.execute("UPDATE runs SET status = 'running'")
        db.execute("UPDATE lanes SET status = 'running'")
    assert [run["id"] for run in listed(capsys, "--status", "interrupted")] == ["a"]
    assert listed(capsys, "--status", "running") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs", "--status", "odd"],
        ["runs", "--sort", "colour"],
        ["runs", "--limit", "0"],
        ["runs", "--limit", "-1"],
        ["runs", "--limit", "many"],
        ["runs", "abc"],
        ["resume"],
        ["resume", "a", "b"],
        ["resume", "a", "--steps"],
        ["resume", "a", "--seed", "3"],
        ["export", "a", "--format", "odd", "--out", "x"],
        ["export", "a", "--format", "csv"],
        ["import"],
        ["--json", "runs"],
    ],
)
def test_bad_arguments_exit_2_with_the_usage(capsys: Out, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m wgan_core" in capsys.readouterr().err


# Going on


@pytest.mark.slow
def test_a_resumed_run_has_the_numbers_of_an_unbroken_one_bit_for_bit(home: Path, capsys: Out) -> None:
    """To step 8, then to 14, then to 20 in a process of its own."""
    config = [*QUICK, "--snapshot_every", "2", "--seed", "5", "--steps", "8", "--json"]
    assert main(["train", *config]) == 0
    *printed, last = lines(capsys)
    then = ["resume", last["run"], "--steps", "6", "--json"]
    assert main(then) == 0
    done = python("-m", "wgan_core", *then)
    assert (done.returncode, done.stderr) == (0, "")
    for part in (lines(capsys), [json.loads(line) for line in done.stdout.splitlines()]):
        *more, end = part
        assert all(list(s) == ["step", "critic_steps", "seconds", "scalars"] for s in more)
        assert end == {"status": "finished", "error": None, "run": last["run"]}
        printed += more
    expected = list(train(small(steps=20, snapshot_every=2, seed=5)))
    assert [(s["step"], s["critic_steps"]) for s in printed] == [(s.step, s.critic_steps) for s in expected]
    assert by_step(printed) == scalars(expected)
    history = Store(home).lane_view(last["run"]).history
    for name in expected[-1].scalars:
        assert [x for x in history[name].tolist() if x == x] == [s.scalars[name] for s in expected if name in s.scalars]
    assert all(a <= b for a, b in zip(history["seconds"], history["seconds"][1:], strict=False))


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wgan_core", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_interrupted_again_and_again_it_still_ends_with_the_same_numbers(home: Path) -> None:
    """Ctrl-C, a SIGTERM sent twice, a kill -9: then it goes on to an end."""
    flags = [*QUICK, "--snapshot_every", "10", "--steps", "1000000", "--json"]
    run_id = None
    printed: dict[int, Any] = {}
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, None):
        to_the_end = ["--steps", "50"] if sent is None else []
        process = start("train", *flags) if run_id is None else start("resume", run_id, "--json", *to_the_end)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            lines_read = [json.loads(process.stdout.readline()) for _ in range(8 if sent is not None else 1)]
            if sent is not None:
                process.send_signal(sent)
            if sent == signal.SIGTERM:
                process.send_signal(sent)  # as some programs do that pass it on
            rest, errors = process.communicate(timeout=120)
        finally:
            process.kill()
            process.wait()
        lines_read += [json.loads(line) for line in rest.splitlines()]
        store = Store(home)
        if sent == signal.SIGKILL:
            assert run_id is not None
            assert store.run(run_id).status == "interrupted"
        else:
            last = lines_read.pop()
            assert (process.returncode, errors) == (0, "")
            assert last["status"] == ("finished" if sent is None else "stopped")
            assert run_id in (None, last["run"])
            run_id = last["run"]
            assert store.run(run_id).status == last["status"]
            assert store.checkpoints(run_id)[-1] == store.lane_view(run_id).step
        printed |= by_step(lines_read)
        store.close()
    end = max(printed)
    assert end > 150
    expected = scalars(train(small(steps=end, snapshot_every=10)))
    regular = {step: found for step, found in printed.items() if step % 10 == 0 or step == end}
    assert regular == expected


def two_lanes(home: Path) -> str:
    """A stored comparison, stopped before its end."""
    manager = RunManager(store=Store(home))
    run = manager.get(manager.start(race(steps=3000)))
    wait_until(lambda: min(view.step for view in run.view().lanes) >= 4)
    run.stop()
    assert run.join(20)
    manager.shutdown()
    return run.id


def test_a_comparison_goes_on_lane_by_lane(home: Path, capsys: Out) -> None:
    run_id = two_lanes(home)
    assert main(["resume", run_id, "--steps", "6", "--json"]) == 0
    *snapshots, last = lines(capsys)
    assert {s["lane"] for s in snapshots} == {1, 2}
    assert all(list(s) == ["lane", "step", "critic_steps", "seconds", "scalars"] for s in snapshots)
    assert last == {
        "status": "finished",
        "error": None,
        "run": run_id,
        "lanes": [{"status": "finished", "error": None}] * 2,
    }
    for lane, view in enumerate(Store(home).view(run_id).lanes, 1):
        ours = {s["step"]: s["scalars"]["w1"] for s in snapshots if s["lane"] == lane}
        stored = dict(zip(view.history["step"].tolist(), view.history["w1"].tolist(), strict=True))
        assert ours == {step: stored[step] for step in ours}
        assert max(ours) == view.step
    assert main(["resume", run_id, "--steps", "3"]) == 0
    *text, status = capsys.readouterr().out.splitlines()
    assert status == "finished"
    assert {line.split("  ")[0] for line in text} == {"lane 1", "lane 2"}


def test_a_lane_that_failed_is_told_beside_one_that_finished() -> None:
    a, b = exported.race().view.lanes
    views = (a, replace(b, status="failed", failure=Failure("It diverged.", "Lower the rate.", kind="diverged")))
    assert list(Lines(False, None, 2).last("x", "finished", views, None, {})) == [
        "lane 2 failed: It diverged. Lower the rate.",
        "finished",
    ]
    (end,) = Lines(True, None, 2).last("x", "finished", views, None, {})
    assert json.loads(end)["error"] is None
    assert json.loads(end)["lanes"] == [
        {"status": "finished", "error": None},
        {"status": "failed", "error": "It diverged. Lower the rate.", "kind": "diverged"},
    ]
    (end,) = Lines(False, None, 2).last("x", "failed", (views[1], views[1]), None, {})
    assert end.startswith("failed: Lane 1: It diverged. Lower the rate. Lane 2: It")


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("0", "error: steps: must be a whole number from 1 to 10,000,000; you gave “0”"),
        ("-3", "error: steps: must be a whole number from 1 to 10,000,000; you gave “-3”"),
        ("many", "error: steps: must be a whole number from 1 to 10,000,000; you gave “many”"),
        ("9" * 5000, "error: steps: must be a whole number from 1 to 10,000,000; you gave “999"),
        ("9999999", "error: steps: must be a whole number from 1 to 10,000,000; you gave 10000002"),
    ],
)
def test_a_number_of_steps_that_makes_no_sense_changes_nothing(home: Path, capsys: Out, steps: str, why: str) -> None:
    run_id = trained(capsys, "--steps", "3")
    assert main(["resume", run_id, f"--steps={steps}", "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(why)
    assert len(printed.err) < 200
    assert (Store(home).lane_view(run_id).step, Store(home).run(run_id).status) == (3, "finished")


def test_what_cannot_go_on_is_told(home: Path, capsys: Out) -> None:
    assert main(["resume", "nope"]) == 2
    assert capsys.readouterr().err == "error: There is no stored run 'nope'. It may have been deleted.\n"
    store = Store(home)
    record(store, "gone", small(steps=3))
    store.delete(["gone"])
    record(store, "live", small(steps=3), close=False).status(0, "running")
    assert store.flush()
    for run_id, why in (("gone", "is deleted. Bring it back"), ("live", "is live already")):
        assert main(["resume", run_id, "--json"]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert why in printed.err
    store.close()


def test_a_finished_run_stays_as_it_is_and_says_how_to_go_on(home: Path, capsys: Out) -> None:
    run_id = trained(capsys, "--steps", "3")
    assert main(["resume", run_id, "--json"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line) for line in printed.out.splitlines()] == [
        {"status": "finished", "error": None, "run": run_id}
    ]
    assert printed.err == f"Run {run_id} has finished. With --steps N it trains N steps more.\n"
    assert Store(home).lane_view(run_id).snapshots == 4


def test_a_failed_run_does_not_go_on(home: Path, capsys: Out) -> None:
    rates = ["--critic_optimiser.lr", "100", "--generator_optimiser.lr", "100"]
    main(["train", *QUICK, *rates, "--steps", "500", "--json"])
    last = lines(capsys)[-1]
    assert main(["resume", last["run"], "--steps", "5", "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out) == last
    assert "has failed, so it does not go on" in printed.err


def test_a_run_without_a_checkpoint_is_not_begun_again_if_that_loses_much(home: Path, capsys: Out) -> None:
    config = small(steps=8, snapshot_every=2)
    store = Store(home)
    record(store, "a", config)
    view = store.lane_view("a")
    for seconds, run_id in ((8.0, "short"), (1000.0, "long")):
        lost = Bundle.of(
            RunView(run_id, store.run("a").config, (replace(view, run_id=run_id, status="stopped", seconds=seconds),))
        )
        assert keep(store, lost) == run_id
    store.close()
    assert main(["resume", "short", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "Run short has no checkpoint yet, and begins again.\n"
    assert by_step([json.loads(line) for line in printed.out.splitlines()[:-1]]) == scalars(train(config))
    assert main(["resume", "long", "--json"]) == 2
    assert "error: Run long cannot go on, and stays as it is. Lane 1 of run long has no checkpoint." in (
        capsys.readouterr().err
    )
    assert Store(home).lane_view("long").snapshots == 5


# Files


def test_a_run_travels_to_another_folder_and_goes_on_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    run_id = trained(capsys, "--steps", "4")
    file = tmp_path / "run.zip"
    assert main(["export", run_id, "--format", "bundle", "--out", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "elsewhere"))
    assert main(["import", str(file), "--json"]) == 0
    assert lines(capsys) == [{"run": run_id}]
    assert main(["import", str(file)]) == 0
    (again,) = {run["id"] for run in json.loads(_last(capsys, "runs", "--json"))} - {run_id}
    assert main(["resume", again, "--steps", "3", "--json"]) == 0
    *snapshots, last = lines(capsys)
    assert (last["status"], last["run"]) == ("finished", again)
    expected = scalars(train(small(steps=7)))
    assert by_step(snapshots) == {step: expected[step] for step in (5, 6, 7)}


def _last(out: Out, *arguments: str) -> str:
    out.readouterr()
    assert main(arguments) == 0
    return out.readouterr().out


@pytest.mark.slow
def test_a_live_run_is_exported_by_another_process(home: Path, tmp_path: Path) -> None:
    manager = RunManager(store=Store(home))
    run = manager.get(manager.start(small(steps=1_000_000, snapshot_every=10)))
    wait_until(lambda: run.lane_view().step > 50)
    assert manager.store is not None
    assert manager.store.flush()
    done = python("-m", "wgan_core", "export", run.id, "--format", "jsonl", "--out", str(tmp_path / "run.jsonl"))
    assert (done.returncode, done.stderr) == (0, "")
    assert run.status == "running"
    manager.shutdown()
    found = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    history = run.lane_view().history
    stored = dict(zip(history["step"].tolist(), history["w1"].tolist(), strict=True))
    assert len(found) > 5
    assert {row["step"]: row["scalars"]["w1"] for row in found} == {row["step"]: stored[row["step"]] for row in found}


def test_what_cannot_be_exported_or_imported_is_told(home: Path, tmp_path: Path, capsys: Out) -> None:
    out = str(tmp_path / "out")
    assert main(["export", "nope", "--format", "csv", "--out", out]) == 2
    assert capsys.readouterr().err == "error: There is no stored run 'nope'. It may have been deleted.\n"
    (tmp_path / "bad.zip").write_bytes(b"PK")
    assert main(["import", str(tmp_path / "bad.zip")]) == 2
    assert capsys.readouterr().err.startswith("error: The file is refused: it is not a zip file")
    assert main(["import", str(tmp_path / "absent.zip")]) == 2
    assert capsys.readouterr().err.startswith("error: The file cannot be read: No such file")
    run_id = trained(capsys, "--steps", "1")
    assert main(["export", run_id, "--format", "csv", "--out", str(home / NAME / "x")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_database_of_a_newer_version_is_told_by_each_command(home: Path, tmp_path: Path, capsys: Out) -> None:
    Store(home).close()
    with closing(sqlite3.connect(home / NAME)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    (tmp_path / "run.zip").write_bytes(pack_bundle(exported.race()))
    for command, status in ((["import", str(tmp_path / "run.zip")], 1), (["resume", "a"], 2)):
        assert main(command) == status
        assert "was written by a newer WGAN Live" in capsys.readouterr().err
    assert main(["train", *QUICK, "--steps", "1"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith(f"warning: {home / NAME} was written by a newer WGAN Live")
    assert printed.out.splitlines()[-1] == "finished"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["runs"], 1),
        (["resume", "a"], 2),
        (["export", "a", "--format", "csv", "--out", "x.csv"], 1),
        (["fid", "a", "--weights", "x"], 1),
    ],
)
def test_a_damaged_database_is_told_and_not_taken_for_an_empty_one(
    home: Path, capsys: Out, command: list[str], status: int
) -> None:
    home.mkdir()
    (home / NAME).write_bytes(b"This is no database at all. " * 500)
    assert main(command) == status
    told = capsys.readouterr().err
    assert told.startswith(f"error: The file {home / NAME} is damaged (")
    assert "Put a backup in its place, or move it away" in told
    assert "no stored run" not in told


def test_a_disk_that_fails_on_the_way_and_comes_back_is_told_once_each(home: Path, capsys: Out) -> None:
    store = Store(home)
    watch = Watch(store)
    for problem in (None, None, "The disk is full.", "The disk is full (again).", None, None):
        store._writer.problem = None if problem is None else StoreProblem(problem)
        watch.look()
    assert capsys.readouterr().err == "warning: The disk is full.\nAll is stored again.\n"
    store.close()


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(home: Path) -> None:
    store = Store(home)
    keep(store, exported.race())
    store.close()
    process = start("runs")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
