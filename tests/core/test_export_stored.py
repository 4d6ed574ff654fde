"""Stored runs as bundles, and bundles as stored runs: nothing is lost on the way, and nothing half done stays."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.core.exported import RUNS, race, seeds, solo
from tests.core.helpers import python, small, wait_until
from tests.core.stored import made_up, record
from wgan_core.config import RunConfig
from wgan_core.export import Bundle, ExportProblem, download, pack_bundle, read_bundle
from wgan_core.export.stored import find, keep
from wgan_core.history import CLOCKS, LaneView, Snapshot
from wgan_core.runs import RunManager
from wgan_core.store import Limits, NotStored, Store, StoreProblem, adding
from wgan_core.store.adding import places
from wgan_core.store.database import MIGRATIONS, NAME
from wgan_core.store.levels import least_level, level
from wgan_core.training import Training
from wgan_core.training.state import State

pytestmark = pytest.mark.usefixtures("few_points")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def whole(view: LaneView) -> dict[str, Any]:
    """All that a file holds of a view, in a form that compares."""

    def frame(snapshot: Snapshot) -> Any:
        arrays = {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in snapshot.arrays.items()}
        numbers = {name: np.asarray(value).tobytes() for name, value in snapshot.scalars.items()}
        return snapshot.step, snapshot.critic_steps, snapshot.seconds, numbers, arrays

    plain = ("status", "device", "snapshots", "step", "critic_steps", "seconds", "events", "seeds")
    return {name: getattr(view, name) for name in plain} | {
        "config": view.config.model_dump(),
        "history": [(name, column.shape, column.tobytes()) for name, column in view.history.items()],
        "latest": frame(view.latest) if view.latest else None,
        "frames": [frame(each) for each in view.frames],
        "failure": (view.failure.message, view.failure.cause, view.failure.kind) if view.failure else None,
    }


def same_state(a: State | None, b: State | None) -> bool:
    if a is None or b is None:
        return a is b
    tensors = [name for name, value in a.items() if isinstance(value, torch.Tensor)]
    plain = a.keys() - set(tensors)
    return a.keys() == b.keys() and (
        all(torch.equal(torch.as_tensor(a[name]), torch.as_tensor(b[name])) for name in tensors)
        and all(a[name] == b[name] for name in plain)
    )


def assert_equal(a: Bundle, b: Bundle) -> None:
    assert a.view.config == b.view.config
    for one, other in zip(a.view.lanes, b.view.lanes, strict=True):
        assert whole(one) == whole(other)
    assert all(same_state(one, other) for one, other in zip(a.states, b.states, strict=True))


def counts(store: Store) -> list[int]:
    """Rows of every table, and checkpoint files."""
    tables = ("runs", "lanes", "rows", "frames", "events", "checkpoints")
    with closing(sqlite3.connect(store.path)) as db:
        found = [db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables]
    return [*found, len(list(store.folder.glob("checkpoints/*/*")))]


# There and back


@pytest.mark.parametrize("run", RUNS)
def test_a_run_comes_back_from_the_store_as_it_was_in_its_file(store: Store, run: str) -> None:
    bundle = read_bundle(pack_bundle(RUNS[run]()))
    run_id = keep(store, bundle)
    assert run_id == bundle.view.id
    assert_equal(find(store, run_id), bundle)
    again = read_bundle(pack_bundle(find(store, run_id)))
    assert_equal(again, bundle)
    assert [view.key for view in again.view.lanes] == [view.key for view in bundle.view.lanes]


def test_an_imported_run_is_found_in_the_table(store: Store) -> None:
    run_id = keep(store, race())
    (row,) = store.runs(statuses=["finished"])
    best = [float(np.nanmin(view.history["w1"])) for view in race().view.lanes]
    assert (row.id, row.dataset, row.seeds, row.step) == (run_id, "ring", 1, 12)
    assert [lane.objective for lane in row.lanes] == ["gan", "wgan-clip"]
    assert [lane.best_w1 for lane in row.lanes] == best
    assert [view.status for view in store.view(run_id).lanes] == ["finished", "finished"]


def test_a_stored_run_goes_to_another_store_with_every_row(store: Store, tmp_path: Path) -> None:
    recorder = store.recorder("long", RunConfig.solo(small(steps=1_000_000)), ["CPU"])
    for index in range(3001):
        recorder.snapshot(0, replace(made_up(index), arrays={}))
    recorder.status(0, "stopped", (30_000, 150_000, 400.0))
    recorder.close()
    assert store.flush()
    bundle = find(store, "long")
    assert bundle.view.lanes[0].history["step"].tolist() == [10.0 * i for i in range(3001)]
    other = Store(tmp_path / "other")
    keep(other, read_bundle(pack_bundle(bundle)))
    assert whole(find(other, "long").view.lanes[0])["history"] == whole(bundle.view.lanes[0])["history"]
    assert len(other.lane_view("long").history["step"]) == len(store.lane_view("long").history["step"]) < 1025
    other.close()


def test_a_live_run_can_be_exported_and_comes_back_interrupted(tmp_path: Path) -> None:
    manager = RunManager(store=Store(tmp_path / "a"))
    run = manager.get(manager.start(small(steps=1_000_000, snapshot_every=5)))
    elsewhere = Store(tmp_path / "a")  # as another process sees it
    wait_until(lambda: run.lane_view().step > 20)
    run.edit({"n_critic": 2})  # after which a checkpoint is due
    wait_until(lambda: bool(elsewhere.runs() and elsewhere.checkpoints(run.id)))
    bundle = find(elsewhere, run.id)
    assert (bundle.view.lanes[0].status, run.status) == ("running", "running")
    other = Store(tmp_path / "b")
    for made in (bundle, read_bundle(pack_bundle(bundle))):
        run_id = keep(other, made)
        assert other.lane_view(run_id).status == other.run(run_id).status == "interrupted"
        assert whole(replace(bundle.view.lanes[0], status="interrupted")) == whole(find(other, run_id).view.lanes[0])
    manager.shutdown()
    elsewhere.close()
    again = RunManager(store=other)
    state = bundle.states[0]
    assert state is not None
    resumed = again.get(again.resume(bundle.view.id, more=3))
    assert resumed.join(30)
    assert resumed.lane_view().step == int(state["step"]) + 3
    again.shutdown()


def test_an_imported_run_goes_on_as_it_would_have_at_home(store: Store, tmp_path: Path) -> None:
    config = small(steps=6, snapshot_every=2)
    record(store, "a", config)
    other = Store(tmp_path / "other")
    keep(other, read_bundle(download("bundle", find(store, "a"))[2]))
    found = []
    for each in (store, other):
        manager = RunManager(store=each)
        run = manager.get(manager.resume("a", more=4))
        assert run.join(30)
        assert run.status == "finished"
        found.append(run.lane_view().history)
        manager.shutdown()
    assert found[0]["step"].tolist() == [0, 2, 4, 6, 8, 10]
    for name in found[0].keys() - {"seconds"}:
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_a_state_from_elsewhere_counts_only_what_came_before_it(store: Store) -> None:
    """A run whose newest state is older than its end goes on from there."""
    config = small(steps=8, snapshot_every=2)
    record(store, "a", config)
    half = Training(config.edited({"steps": 4}))
    list(half.updates())
    end = find(store, "a")
    stopped = replace(end.view.lanes[0], status="stopped")
    run_id = keep(store, Bundle.of(replace(end.view, lanes=(stopped,)), [half.state()]))
    assert store.checkpoint(run_id).snapshots == 3
    manager = RunManager(store=store)
    run = manager.get(manager.resume(run_id))
    assert run.join(30)
    assert run.lane_view().history["step"].tolist() == [0, 2, 4, 6, 8]
    np.testing.assert_array_equal(run.lane_view().history["w1"], end.view.lanes[0].history["w1"])
    manager.shutdown()


# Ids


def test_an_id_that_is_taken_makes_way_for_a_new_one(store: Store) -> None:
    ids = [keep(store, solo()) for _ in range(3)]
    assert ids[0] == solo().view.id
    assert len(set(ids)) == 3
    for run_id in ids:
        assert_equal(find(store, run_id), solo())
        assert store.lane_view(run_id).run_id == run_id
    store.delete([ids[0]])
    assert keep(store, solo()) != solo().view.id, "a deleted run can still be brought back"


def test_an_unknown_run_is_told(store: Store) -> None:
    with pytest.raises(NotStored, match="no stored run 'nope'"):
        find(store, "nope")


# What goes wrong


def test_a_failure_half_way_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record(store, "a", small(steps=3))
    before = counts(store)
    done = []

    def breaks(*arguments: Any) -> None:
        done.append(arguments)
        if len(done) == 2:  # the second lane's, when rows, frames and a checkpoint of the first are written
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(adding, "set_status", breaks)
    with pytest.raises(ExportProblem, match=r"^The run has not been imported\. The disk .* is full\."):
        keep(store, race())
    assert len(done) == 2
    assert counts(store) == before
    monkeypatch.undo()
    run_id = keep(store, race())
    assert_equal(find(store, run_id), race())


def test_a_newer_database_is_told_and_not_touched(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record(store, "a", small(steps=3))
    store.close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = (tmp_path / NAME).read_bytes()
    newer = Store(tmp_path)
    with pytest.raises(ExportProblem, match=r"has not been imported.*was written by a newer WGAN Live"):
        keep(newer, solo())
    newer.close()
    assert (tmp_path / NAME).read_bytes() == before


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "folder")
    with pytest.raises(ExportProblem, match=r"has not been imported.*set WGAN_HOME to another folder"):
        keep(store, solo())
    with pytest.raises(ExportProblem, match="set WGAN_HOME to another folder"):
        find(store, "a")
    store.close()


READ_ONLY = """
import os, sys
from wgan_core.cli import main

file, elsewhere, home = sys.argv[1:]
for folder in (elsewhere, home):
    os.environ["WGAN_HOME"] = folder
    for command in (["import", file], ["export", "a", "--format", "csv", "--out", "/dev/null/x"], ["runs"]):
        print(main(command), flush=True)
    if folder == elsewhere:  # by now Python has read all that it needs
        os.setuid(65534)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes a user who can become another")
def test_a_folder_that_is_for_reading_only_can_be_read(tmp_path: Path) -> None:
    homes = [tmp_path / "elsewhere", tmp_path / "home"]
    for home in homes:
        store = Store(home)
        record(store, "a", small(steps=3))
        store.close()
    file = tmp_path / "run.zip"
    file.write_bytes(pack_bundle(solo()))
    for path in (home, *home.parents[: len(home.parents) - 2]):
        path.chmod(0o755)
    (home / NAME).chmod(0o444)
    done = python("-c", READ_ONLY, str(file), *map(str, homes))
    assert done.returncode == 0, done.stderr
    imported, exported, _, run, listed = done.stdout.splitlines()[-5:]
    assert (imported, exported, run.split()[0], listed) == ("1", "1", "a", "0")
    refused, found = done.stderr.splitlines()[-2:]
    assert refused.startswith(f"error: The run has not been imported. {home} cannot be written to")
    assert found.startswith("error: /dev/null/x cannot be written")


def test_a_damaged_checkpoint_does_not_keep_a_run_from_being_exported(store: Store) -> None:
    record(store, "a", small(steps=6), checkpoints=(3,))
    files = sorted(store.folder.glob("checkpoints/a/*"))
    files[-1].write_bytes(b"damaged")
    state = find(store, "a").states[0]
    assert state is not None
    assert state["step"] == 3
    shutil.rmtree(store.folder / "checkpoints")
    assert find(store, "a").states == (None,)


# How much is kept


def test_imports_stay_within_the_limits(tmp_path: Path) -> None:
    frames = tuple(made_up(i, side=20_000) for i in range(0, 1000, 4))
    bundle = Bundle.of(replace(solo().view, lanes=(replace(solo().view.lanes[0], frames=frames, **rows_of(1000)),)))
    free = Store(tmp_path / "free")
    keep(free, bundle)
    assert len(free.lane_view(bundle.view.id).frames) == 250
    tight = Store(tmp_path / "tight", Limits(run_bytes=100_000))
    keep(tight, bundle)
    view = tight.lane_view(bundle.view.id)
    assert 2 <= len(view.frames) < 100
    assert len(view.history["step"]) == 1000
    for each in (free, tight):
        each.close()


def rows_of(count: int) -> dict[str, Any]:
    made = [made_up(i) for i in range(count)]
    clocks = {name: np.array([getattr(s, name) for s in made], float) for name in CLOCKS}
    names = {name: np.array([s.scalars[name] for s in made]) for name in made[0].scalars}
    return {"history": clocks | names, "snapshots": count, "step": made[-1].step, "latest": made[-1], "events": ()}


@given(count=st.integers(0, 5000), capacity=st.integers(2, 300))
def test_rows_get_the_places_back_that_they_had(count: int, capacity: int) -> None:
    least = least_level(count, capacity)
    kept = [i for i in range(count) if level(i) >= least or i == count - 1]
    assert list(places(len(kept), count)) == kept


@given(rows=st.integers(0, 2000), count=st.integers(0, 2**40))
def test_whatever_a_file_says_each_row_gets_a_place(rows: int, count: int) -> None:
    found = places(rows, count)
    assert len(found) == rows
    assert all(a < b for a, b in itertools.pairwise(found))


def test_a_store_that_is_closed_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(ExportProblem, match="The store is closed"):
        keep(store, seeds())
    with pytest.raises(StoreProblem):
        store.take_over("a")
