"""Runs that are written down: the same to look at later, and gone on with whatever happened to their process."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from tests.core.helpers import ROOT, often, scalars, small, wait_until
from tests.core.stored import shown
from wgan_core.coach import findings
from wgan_core.config import RunConfig
from wgan_core.history import Frames, History, Snapshot
from wgan_core.lessons.presets import PRESETS
from wgan_core.runs import RunManager, TooManyRuns, UnknownRun
from wgan_core.schema import ConfigError
from wgan_core.store import Store, StoreProblem, recorder
from wgan_core.training import train

FOREVER = 1_000_000


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    made = RunManager(store=Store(tmp_path))
    yield made
    made.shutdown()


def stored(manager: RunManager) -> Store:
    assert manager.store is not None
    assert manager.store.flush(), manager.store.problem
    return manager.store


def race(steps: int = 12, **settings: Any) -> RunConfig:
    net = {"width": 16}
    shared = {"generator": net, "critic": net, "batch_size": 16, "device": "cpu"}
    lanes = [{"objective": {"kind": "gan"}}, {"objective": {"kind": "wgan-gp"}}]
    return RunConfig.parse({"shared": shared, "lanes": lanes, "length": steps, "snapshot_every": 3} | settings)


# Looking


@pytest.mark.parametrize("seeds", [1, 2])
def test_stored_lanes_are_to_look_at_as_live_ones(manager: RunManager, seeds: int) -> None:
    run = manager.get(manager.start(race(seeds=seeds)))
    run.edit({"n_critic": 2}, lane=1)
    assert run.join(60)
    for live, found in zip(run.view().lanes, stored(manager).view(run.id).lanes, strict=True):
        assert live.status == "finished"
        assert shown(found) == shown(live)
    assert stored(manager).run(run.id).status == "finished"
    assert stored(manager).run(run.id).config == run.config


def test_a_failure_is_stored_with_its_cause(manager: RunManager) -> None:
    rates = {"critic_optimiser": {"lr": 100}, "generator_optimiser": {"lr": 100}}
    run = manager.get(manager.start(small(steps=FOREVER, snapshot_every=50, **rates)))
    assert run.join(60)
    found = stored(manager).lane_view(run.id)
    assert found.failure is not None
    assert "learning rate, 100, is very high" in found.failure.cause
    assert shown(found) == shown(run.lane_view())


def test_a_stopped_run_is_stored_where_it_stopped(manager: RunManager) -> None:
    run = manager.get(manager.start(small(steps=FOREVER, snapshot_every=7)))
    wait_until(lambda: run.lane_view().step > 20)
    run.stop()
    assert run.join(10)
    found = stored(manager).lane_view(run.id)
    assert shown(found) == shown(run.lane_view())
    assert found.status == "stopped"
    assert stored(manager).checkpoints(run.id) == [found.step]


def test_a_paused_run_is_stored_as_paused(manager: RunManager) -> None:
    run = manager.get(manager.start(small(steps=FOREVER)))
    run.wait_for_snapshot(20)
    run.pause()
    wait_until(lambda: run.status == "paused")
    found = stored(manager).lane_view(run.id)
    assert (found.status, found.step) == ("paused", run.lane_view().step)
    with pytest.raises(ConfigError, match="is live; stop it"):
        stored(manager).delete([run.id])


# Going on


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_stopped_race_goes_on_as_if_it_had_never_stopped(manager: RunManager, seeds: int) -> None:
    whole = race(steps=60, seeds=seeds)
    run = manager.get(manager.start(whole))
    wait_until(lambda: min(view.step for view in run.view().lanes) >= 5)
    run.stop()
    assert run.join(10)
    assert all(view.step < 60 for view in run.view().lanes)
    again = manager.get(manager.resume(run.id))
    assert again is not run
    assert again.id == run.id
    assert again.view().lanes[0].snapshots >= 2  # charts go on where they were, at once
    assert again.join(60)
    straight = manager.get(manager.start(whole))
    assert straight.join(60)
    for a, b in zip(again.view().lanes, straight.view().lanes, strict=True):
        assert (a.status, a.step) == ("finished", 60)
        assert {event.kind for event in a.events} <= {"finding"}
        # A stop measures between the regular snapshots: that row was a true one and stays.
        regular = np.isin(a.history["step"], b.history["step"])
        for name, column in b.history.items():
            if name != "seconds":
                np.testing.assert_array_equal(a.history[name][regular], column)
    for found, live in zip(stored(manager).view(run.id).lanes, again.view().lanes, strict=True):
        assert shown(found) == shown(live)


def test_a_finished_run_trains_on_for_more_steps(manager: RunManager) -> None:
    config = small(steps=6, snapshot_every=2)
    run = manager.get(manager.start(config))
    assert run.join(30)
    again = manager.get(manager.resume(run.id, more=4))
    assert again.join(30)
    view = again.lane_view()
    assert (view.status, view.step, view.config.steps) == ("finished", 10, 10)
    expected = scalars(train(config.edited({"steps": 10})))
    assert view.history["step"].tolist() == [0, 2, 4, 6, 8, 10]
    assert view.history["w1"].tolist() == [expected[step]["w1"] for step in (0, 2, 4, 6, 8, 10)]
    assert shown(stored(manager).lane_view(run.id)) == shown(view)


def test_what_cannot_go_on_is_told_and_harms_nothing(manager: RunManager) -> None:
    live = manager.start(small(steps=FOREVER))
    with pytest.raises(StoreProblem, match="is live already"):
        manager.resume(live)
    with pytest.raises(UnknownRun):
        manager.resume("nope")
    with pytest.raises(UnknownRun):
        RunManager().resume("nope")
    manager.get(live).stop()
    assert manager.get(live).join(10)
    before = shown(stored(manager).lane_view(live))
    manager.live_limit = 0
    with pytest.raises(TooManyRuns):
        manager.resume(live)
    assert shown(stored(manager).lane_view(live)) == before


@pytest.mark.parametrize("count", [1, 5, 8, 9, 20, 100])
def test_history_and_frames_resumed_are_those_that_went_on(count: int) -> None:
    def snapshot(step: int) -> Snapshot:
        return Snapshot(step, step, 0.0, {"w1": float(step)} | ({"late": 1.0} if step > 3 else {}))

    history, frames = History(8), Frames(8)
    for step in range(count):
        history.append(snapshot(step))
        frames.append(snapshot(step))
    again = History.resumed(history.columns(), count, 8), Frames.resumed(8, frames.all(), count)
    for step in range(count, 3 * count + 20):
        for each in (history, frames, *again):
            each.append(snapshot(step))
        for name, column in history.columns().items():
            np.testing.assert_array_equal(again[0].columns()[name], column)
        assert again[1].all() == frames.all()


# Sudden deaths

TRAIN = """
import json, sys
from pathlib import Path
from wgan_core.config import TrainingConfig
from wgan_core.runs import RunManager
from wgan_core.store import Store, recorder

recorder.CHECKPOINT_SECONDS = float(sys.argv[3])
manager = RunManager(store=Store(Path(sys.argv[1])))
asked = json.loads(sys.argv[2])
run_id = manager.resume(asked) if isinstance(asked, str) else manager.start(TrainingConfig.parse(asked))
run = manager.get(run_id)
run.wait_for_snapshot(60)
print(run_id, flush=True)
while not run.join(0.05):
    print(run.lane_view().step, flush=True)
manager.shutdown()
print("end", flush=True)
"""


def training_process(folder: Path, asked: Any, checkpoint_seconds: float = 0.1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(folder), json.dumps(asked), str(checkpoint_seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(process: subprocess.Popen[str]) -> None:
    """Gone at once, without a chance to tidy up."""
    process.kill()
    process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def sound(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.slow
def test_sudden_deaths_lose_nothing_before_the_last_checkpoint(tmp_path: Path) -> None:
    """One run, killed again and again at random moments: it opens, it is whole, and it goes on with the same numbers."""
    config = small("ring", steps=FOREVER, snapshot_every=10)
    rng = random.Random(0)
    run_id: str | None = None
    last = 0
    for _ in range(often(4, 20)):
        process = training_process(tmp_path, config.model_dump() if run_id is None else run_id)
        try:
            run_id = line(process)
            assert run_id, "it did not start"
            sleep(rng.uniform(0.0, 1.0))
        finally:
            killed(process)
        store = Store(tmp_path)
        assert store.problem is None
        sound(store)
        view = store.lane_view(run_id)
        assert view.status == store.run(run_id).status == "interrupted"
        steps = view.history["step"]
        assert (np.diff(steps) > 0).all()
        saved = store.checkpoints(run_id)
        assert not saved or saved[-1] >= last  # it never falls back behind a checkpoint
        last = saved[-1] if saved else 0
        store.close()
    assert last > 0, "no checkpoint was ever reached"
    assert run_id is not None
    store = Store(tmp_path)
    found, again = store.take_over(run_id)
    again.close()
    history = found.lanes[0].view.history
    expected = scalars(train(config.edited({"steps": last})))
    for i, step in enumerate(history["step"].astype(int).tolist()):
        for name, value in expected[step].items():
            assert history[name][i] == value
    store.close()


@pytest.mark.slow
def test_a_sudden_death_takes_at_most_what_came_after_the_last_checkpoint_with_it(tmp_path: Path) -> None:
    every = often(1, int(recorder.CHECKPOINT_SECONDS))
    config = small("ring", steps=FOREVER, snapshot_every=20)
    process = training_process(tmp_path, config.model_dump(), every)
    try:
        run_id = line(process)
        start = monotonic()
        while monotonic() - start < 2.75 * every:
            line(process)
    finally:
        killed(process)
    store = Store(tmp_path)
    view = store.lane_view(run_id)
    state = store.checkpoint(run_id).state
    seconds = state["seconds"]
    assert isinstance(seconds, float)
    assert view.seconds - seconds <= every + 1  # and the time of writing it down
    assert store.checkpoints(run_id)[-1] > 0
    store.close()


@pytest.mark.slow
def test_two_processes_on_one_folder_do_not_harm_each_other(tmp_path: Path) -> None:
    config = small("ring", steps=200, snapshot_every=10)
    processes = [training_process(tmp_path, config.edited({"seed": seed}).model_dump(), 0.05) for seed in (1, 2)]
    try:
        ids = [line(process) for process in processes]
        store = Store(tmp_path)
        store.rename(ids[0], "while it trains")
        assert {run.id for run in store.runs()} == set(ids)
        if store.run(ids[0]).status == "running":
            with pytest.raises(StoreProblem, match="is live already"):
                store.take_over(ids[0])
        for process in processes:
            assert process.wait(200) == 0
    finally:
        for process in processes:
            killed(process)
    sound(store)
    for seed, run_id in zip((1, 2), ids, strict=True):
        view = store.lane_view(run_id)
        assert (view.status, view.snapshots) == ("finished", 21)
        expected = scalars(train(config.edited({"seed": seed, "steps": 100})))
        rows = store.rows(run_id, most=11)[1]
        assert rows["w1"].tolist() == [expected[step]["w1"] for step in range(0, 101, 10)]
    assert store.run(ids[0]).name == "while it trains"
    store.close()


@pytest.mark.slow
def test_a_process_that_is_told_to_end_stores_all_that_it_has(tmp_path: Path) -> None:
    """An interrupt between two snapshots: the run is stopped where it was, with a checkpoint there."""
    orderly = (
        "import atexit, signal",
        "atexit.register(manager.shutdown)",
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))",
    )
    script = TRAIN.replace("while not", "\n".join((*orderly, "while not")))
    config = small("ring", steps=FOREVER, snapshot_every=1000)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), json.dumps(config.model_dump()), "60"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        run_id = line(process)
        while not (step := line(process)).isdecimal() or int(step) < 5:
            pass
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        killed(process)
    store = Store(tmp_path)
    view = store.lane_view(run_id)
    assert view.status == "stopped"
    assert store.checkpoints(run_id)[-1] == view.step
    store.close()


def test_what_the_coach_found_is_stored_with_the_run_and_forgotten_when_it_goes_on(tmp_path: Path) -> None:
    manager = RunManager(store=Store(tmp_path))
    store = manager.store
    assert store is not None
    config = PRESETS["ring-gan-collapse"].config.edited({"device": "cpu", "steps": 400, "snapshot_every": 10})
    run_id = manager.start(config)
    assert manager.get(run_id).join(120)
    assert store.flush()
    said = [event.text for event in store.lane_view(run_id).events if event.kind == "finding"]
    assert said == [found.title for found in findings(store.lane_view(run_id))]
    assert said
    manager.resume(run_id, 10)
    assert manager.get(run_id).join(60)
    assert store.flush()
    events = store.lane_view(run_id).events
    assert [event.step for event in events if event.kind == "finding"] == [410] * len(events)
    manager.shutdown()
