"""The store: what was recorded comes back as it was, is found again, and stays within its limits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.core.helpers import scalars, small
from tests.core.stored import Memory, made_up, record, shown
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import LIVE, Failure, Snapshot, Thinning
from wgan_core.host import data_folder
from wgan_core.schema import ConfigError
from wgan_core.store import Limits, NotStored, Parent, Store, StoreProblem, retention
from wgan_core.store.codec import DamagedFrame, pack_arrays, unpack_arrays
from wgan_core.store.levels import least_level, level
from wgan_core.training import Training, train


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    assert made.problem is None
    yield made
    made.close()


def points_race(lanes: int = 1, **knobs: Any) -> RunConfig:
    kinds = ("gan", "wgan-clip", "wgan-gp", "gan")[:lanes]
    net = {"width": 16}
    return RunConfig.parse(
        {
            "shared": {"generator": net, "critic": net, "batch_size": 16, "device": "cpu"},
            "lanes": [{"objective": {"kind": kind}} for kind in kinds],
        }
        | knobs
    )


# Levels


@given(count=st.integers(1, 3000), capacity=st.integers(2, 300))
def test_levels_keep_what_thinning_keeps(count: int, capacity: int) -> None:
    thinning = Thinning(capacity)
    kept: list[int] = []
    for index in range(count):
        halve, keep = thinning.offer()
        if halve:
            kept = kept[::2]
        if keep:
            kept.append(index)
    least = least_level(count, capacity)
    assert kept == [index for index in range(count) if level(index) >= least]


# Bytes


@given(
    st.lists(
        st.tuples(st.sampled_from(["f4", "f8", "i8", "u1", "b1", "i2"]), st.lists(st.integers(0, 5), max_size=3)),
        max_size=5,
    )
)
def test_arrays_come_back_from_bytes(kinds: list[tuple[str, list[int]]]) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"a{i}": (rng.standard_normal(shape) * 100).astype(kind) for i, (kind, shape) in enumerate(kinds)}
    found = unpack_arrays(pack_arrays(arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.writeable


def frame_bytes(entries: Any, body: bytes = b"") -> bytes:
    header = json.dumps(entries).encode()
    return len(header).to_bytes(4, "little") + header + body


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"abc",
        frame_bytes([["a", "O", [3]]]),
        frame_bytes([["a", "<f4", [-3]]]),
        frame_bytes([["a", "<f4", [10**12]]]),
        frame_bytes([["a", "<f4", [3]]], b"not zlib"),
        frame_bytes([["a", "V8", [1]]]),
        frame_bytes([["a", "nonsense", [1]]]),
        frame_bytes([["a"]]),
        frame_bytes({"a": 1}),
        frame_bytes([["a", "<f4", "xx"]]),
        b"\xff\xff\xff\xff" + b"[" * 100_000,
        pack_arrays({"a": np.zeros(1000)})[:-4],
    ],
)
def test_bytes_that_are_no_frame_are_refused(blob: bytes) -> None:
    with pytest.raises(DamagedFrame):
        unpack_arrays(blob)


# What is recorded comes back


@pytest.mark.parametrize("dataset", ["ring", "fashion-mnist"])
def test_a_stored_run_cannot_be_told_from_the_live_one(store: Store, dataset: str) -> None:
    config = small(dataset, steps=9, snapshot_every=2)
    memory = Memory(config)
    recorder = store.recorder("a", RunConfig.solo(config), ["CPU"])
    # Data sets remember what they have worked out, which makes two of them hard to compare: each has its own.
    training = Training(TrainingConfig.parse(config.to_url()))
    recorder.status(0, "running")
    for snapshot in training.updates():
        if snapshot is not None:
            recorder.snapshot(0, snapshot)
            memory.append(snapshot)
        if training.step == 4 and not training.within_round and training.config.n_critic != 2:
            event = training.edit({"n_critic": 2})
            recorder.event(0, event, training.config)
    recorder.status(0, "finished", (training.step, training.critic_steps, training.seconds))
    recorder.close()
    assert store.flush()
    view = store.lane_view("a")
    assert (view.run_id, view.status, view.live, view.device, view.seeds) == ("a", "finished", False, "CPU", 1)
    assert view.config.n_critic == 2
    assert (view.step, view.critic_steps, view.seconds) == (9, training.critic_steps, training.seconds)
    assert view.snapshots == 6
    assert view.events == (event,)
    frames = memory.frames.all()
    assert shown(view) == shown(replace(view, history=memory.history.columns(), frames=frames, latest=frames[-1]))
    assert store.lane_view("a") is view  # nothing has changed
    assert store.run("a").config == RunConfig.solo(config)


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 1024, 1025, 3000])
@pytest.mark.parametrize("seeds", [1, 3])
def test_history_and_frames_of_any_length_are_those_of_a_live_run(store: Store, count: int, seeds: int) -> None:
    config = points_race(seeds=seeds, length=100_000)
    memory = Memory(config.lanes[0], seeds)
    recorder = store.recorder("a", config, ["CPU"])
    recorder.status(0, "running")
    for index in range(count):
        # Scalars that come late, or go again, and an absent number of one seed.
        names = ("w1", "modes_covered") + (("late",) if index > 5 and index % 3 else ())
        snapshot = made_up(index, seeds, names=names)
        if seeds > 1 and index > 3:
            snapshot.scalars["w1"][1] = np.nan  # type: ignore[index]
        recorder.snapshot(0, snapshot)
        memory.append(snapshot)
        if index % 700 == 699:
            assert store.flush()
    recorder.status(0, "stopped")
    recorder.close()
    assert store.flush()
    view = store.lane_view("a")
    frames = memory.frames.all()
    assert shown(view) == shown(replace(view, history=memory.history.columns(), frames=frames, latest=frames[-1]))
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("SELECT COUNT(*) FROM frames").fetchone()[0] <= 257
        assert db.execute("SELECT COUNT(*) FROM rows").fetchone()[0] == count


def test_lanes_of_a_race_are_stored_each_by_itself(store: Store) -> None:
    config = points_race(3, length=100)
    recorder = store.recorder("a", config, ["CPU", "CPU", "GPU"])
    for lane in range(3):
        recorder.status(lane, "running")
        for index in range(4 + lane):
            recorder.snapshot(lane, made_up(index))
    failure = Failure("Training diverged.", "Lower λ.", "Traceback …", "diverged")
    recorder.status(0, "failed", failure=failure)
    recorder.status(1, "finished")
    assert store.flush()
    views = store.view("a").lanes
    assert [view.key for view in views] == [("a", 0), ("a", 1), ("a", 2)]
    assert [view.status for view in views] == ["failed", "finished", "running"]
    assert [view.snapshots for view in views] == [4, 5, 6]
    assert [view.config for view in views] == list(config.lanes)
    assert views[0].failure == failure
    assert views[2].device == "GPU"
    assert store.run("a").status == "running"
    recorder.status(2, "failed")
    recorder.close()
    assert store.flush()
    assert store.run("a").status == "finished"
    assert store.run("a").config == config


@pytest.mark.parametrize(("trace", "kind"), [("wgan_core.datasets.base.DataError: …", "data"), ("ValueError: …", "")])
def test_a_failure_from_before_there_were_kinds_is_read(store: Store, trace: str, kind: str) -> None:
    recorder = store.recorder("a", points_race(1), ["CPU"])
    recorder.status(0, "failed", failure=Failure("What happened.", "Why.", trace))
    recorder.close()
    assert store.flush()
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE lanes SET failure = ?", (json.dumps(["What happened.", "Why.", trace]),))
    assert store.lane_view("a").failure == Failure("What happened.", "Why.", trace, kind)  # type: ignore[arg-type]


def test_a_view_before_the_first_snapshot_is_empty(store: Store) -> None:
    store.recorder("a", points_race(), ["CPU"])
    assert store.flush()
    view = store.lane_view("a")
    assert (view.status, view.snapshots, view.latest, view.frames, view.events) == ("starting", 0, None, (), ())
    assert view.history["step"].shape == (0,)


def test_rows_can_be_followed_as_they_come(store: Store) -> None:
    recorder = store.recorder("a", points_race(), ["CPU"])
    followed: list[float] = []
    last = -1
    for index in range(1000):
        recorder.snapshot(0, made_up(index))
        if index % 150 == 0:
            assert store.flush()
            while (found := store.rows("a", after=last, most=64))[0]:
                followed += found[1]["step"].tolist()
                assert found[0] == list(range(last + 1, found[0][-1] + 1))
                last = found[0][-1]
    assert followed == [10 * i for i in range(901)]


def test_another_store_sees_what_one_has_written(store: Store) -> None:
    record(store, "a", small(steps=4))
    other = Store(store.folder)
    assert shown(other.lane_view("a")) == shown(store.lane_view("a"))
    other.close()


@pytest.mark.parametrize("run_id", ["", "../x", "a b", "x" * 65, "ü"])
def test_an_id_that_could_be_a_path_is_refused(store: Store, run_id: str) -> None:
    with pytest.raises(ConfigError, match="an id has 1 to 64 letters and digits"):
        store.recorder(run_id, points_race(), ["CPU"])


def test_a_race_comes_back_whole_from_json() -> None:
    for config in (
        points_race(3, clock="critic_steps", length=777, snapshot_every=9),
        points_race(seeds=5),
        RunConfig.solo(TrainingConfig.parse({"dataset": {"kind": "points", "points": "0,0\n1,1\n0,1"}})),
        RunConfig.solo(small("fashion-mnist", "gan", steps=77)),
    ):
        assert RunConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("text", ["", "[]", "{", '{"lanes": []}', '{"lanes": [1]}', '{"nonsense": 1}', "[" * 10**5])
def test_json_that_is_no_race_is_refused_in_words(text: str) -> None:
    with pytest.raises(ConfigError):
        RunConfig.from_json(text)


# The table


def many(store: Store, count: int) -> None:
    """Runs that never trained, straight into the database."""
    config = points_race().to_json()
    with closing(sqlite3.connect(store.path)) as db, db:
        for i in range(count):
            db.execute(
                "INSERT INTO runs (number, id, created, race, status, dataset, seeds, name) VALUES (?, ?, ?, ?, ?, 'ring', 1, ?)",
                (i + 1, f"r{i}", float(i), config, ("finished", "failed")[i % 2], f"name {i}"),
            )
            db.execute(
                "INSERT INTO lanes (run, lane, config, objective, device, status, step, best_w1) VALUES"
                " (?, 0, '{}', ?, 'CPU', 'finished', ?, ?)",
                (i + 1, ("gan", "wgan-gp", "wgan-clip")[i % 3], i, (i * 7 % 10) or None),
            )


def ids(store: Store, **wanted: Any) -> list[str]:
    return [run.id for run in store.runs(**wanted)]


def test_runs_are_found_sorted_and_paged(store: Store) -> None:
    many(store, 12)
    assert ids(store) == [f"r{i}" for i in reversed(range(12))]
    assert ids(store, limit=3, offset=2) == ["r9", "r8", "r7"]
    assert ids(store, descending=False, limit=2) == ["r0", "r1"]
    assert ids(store, statuses=["failed"], limit=2) == ["r11", "r9"]
    assert ids(store, objectives=["gan"]) == ["r9", "r6", "r3", "r0"]
    assert ids(store, datasets=["grid"]) == []
    assert ids(store, search="NAME 11") == ["r11"]
    assert ids(store, search="wgan-clip name") == ["r11", "r8", "r5", "r2"]
    assert ids(store, search="100%") == []
    store.rename("r5", "")
    store.rename("r7", "Z is after n")
    assert ids(store, sort="name", descending=False)[-2:] == ["r7", "r5"]
    assert ids(store, sort="name")[:1] + ids(store, sort="name")[-1:] == ["r7", "r5"]
    assert ids(store, sort="step", limit=1) == ["r11"]
    # Best W1 first; what has none comes last either way.
    assert ids(store, sort="w1", descending=False)[:2] == ["r3", "r6"]
    assert ids(store, sort="w1", descending=False)[-2:] == ["r10", "r0"]
    assert ids(store, sort="w1")[-2:] == ["r10", "r0"]
    with pytest.raises(ConfigError, match="sort: must be one of created, name"):
        store.runs(sort="1; DROP TABLE runs")


def test_runs_are_counted_as_they_are_found(store: Store) -> None:
    many(store, 12)
    store.tag("r3", ["good"])
    store.tag("r6", ["good", "Beta"])
    store.tag("r9", ["alpha"])
    store.delete(["r9"])
    searches: list[dict[str, Any]] = [
        {},
        {"statuses": ["failed"]},
        {"objectives": ["gan"], "search": "name"},
        {"tags": ["good"]},
        {"datasets": ["grid"]},
        {"deleted": True},
    ]
    for wanted in searches:
        assert store.count(**wanted) == len(store.runs(**wanted)), wanted
    assert store.count() == 11
    # Those of deleted runs are not offered.
    assert store.tags() == ["Beta", "good"]


def test_families_stand_together(store: Store) -> None:
    #  a ─ b ─ d      c ─ e      f (its parent is gone)
    forked = {"a": None, "b": "a", "c": None, "d": "b", "e": "c", "f": "gone", "g": "a"}
    for run_id, parent in forked.items():
        store.recorder(run_id, points_race(), ["CPU"], Parent(parent, 0, 5) if parent else None).close()
    assert store.flush()
    assert ids(store, sort="family", descending=False) == ["f", "c", "e", "a", "b", "d", "g"]
    assert ids(store, sort="family", descending=False, limit=2, offset=4) == ["b", "d"]
    assert ids(store, parent="a") == ["g", "b"]
    assert ids(store, parent="d") == []
    store.delete(["b"])
    assert ids(store, sort="family", descending=False) == ["f", "c", "e", "a", "d", "g"]
    # A file that someone has tampered with may have a run among its own parents.
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE runs SET parent = 'd' WHERE id = 'a'")
    assert set(ids(store, sort="family", descending=False)) == {*"facdeg"}


def test_names_notes_tags_and_pins(store: Store) -> None:
    many(store, 3)
    store.rename("r1", "  my   run ")
    store.annotate("r1", "it collapsed\nat 200")
    store.tag("r1", ["good", "lecture 3", "good", " "])
    store.pin("r1")
    found = store.run("r1")
    assert (found.name, found.note, found.tags, found.pinned) == (
        "my run",
        "it collapsed\nat 200",
        ("good", "lecture 3"),
        True,
    )
    assert ids(store, pinned=True) == ["r1"]
    assert ids(store, tags=["good", "lecture 3"]) == ["r1"]
    assert ids(store, tags=["lecture"]) == []
    assert ids(store, search="COLLAPSED lecture") == ["r1"]
    store.pin("r1", False)
    assert ids(store, pinned=True) == []
    with pytest.raises(ConfigError, match="name: at most 120 characters; you gave 121"):
        store.rename("r1", "x" * 121)
    with pytest.raises(ConfigError, match="control characters"):
        store.rename("r1", "a\x00b")
    with pytest.raises(ConfigError, match="tags: a run has at most 20 tags; you gave 21"):
        store.tag("r1", [str(i) for i in range(21)])
    with pytest.raises(NotStored, match="no stored run 'nope'"):
        store.rename("nope", "x")


def test_a_deleted_run_can_be_brought_back_until_it_is_purged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record(store, "a", small(steps=3))
    record(store, "b", small(steps=3))
    before = shown(store.lane_view("a"))
    files = list((store.folder / "checkpoints" / "a").iterdir())
    assert files
    assert store.delete(["a"]) == ["a"]
    assert store.delete(["a"]) == []
    assert (ids(store), ids(store, deleted=True)) == (["b"], ["a"])
    store.undelete(["a"])
    assert (ids(store), shown(store.lane_view("a"))) == (["b", "a"], before)
    store.delete(["a"])
    with closing(sqlite3.connect(store.path, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        retention.tidy(db, store.folder, Limits())
        assert ids(store, deleted=True) == ["a"]
        monkeypatch.setattr(retention, "time", lambda: time() + retention.UNDO_SECONDS + 1)
        retention.tidy(db, store.folder, Limits())
        assert ids(store, deleted=True) == []
        assert db.execute("SELECT COUNT(DISTINCT lane) FROM rows").fetchone() == (1,)
    assert not any(path.exists() for path in files)
    with pytest.raises(NotStored):
        store.undelete(["a"])
    with pytest.raises(NotStored):
        store.lane_view("a")
    assert store.lane_view("b").status == "finished"


def test_a_live_run_is_not_deleted(store: Store) -> None:
    recorder = record(store, "a", small(steps=3), close=False)
    many_before = ids(store)
    recorder.status(0, "running")
    assert store.flush()
    with pytest.raises(ConfigError, match="run a is live; stop it before you delete it"):
        store.delete(["a"])
    assert ids(store) == many_before


def test_the_table_says_how_a_run_did(store: Store) -> None:
    recorder = store.recorder("a", points_race(), ["CPU"], parent=Parent("old", 0, 300))
    for w1, modes in ((1.0, 1), (0.25, 8), (0.5, 7)):
        recorder.snapshot(0, Snapshot(10, 50, 1.5, {"w1": w1, "modes_covered": float(modes)}))
    recorder.snapshot(0, Snapshot(20, 90, 2.5, {}))
    assert store.flush()
    run = store.run("a")
    (lane,) = run.lanes
    assert (lane.last_w1, lane.best_w1, lane.last_modes, lane.best_modes) == (0.5, 0.25, 7, 8)
    assert (lane.step, lane.critic_steps, lane.seconds) == (20, 90, 2.5)
    assert run.parent == Parent("old", 0, 300)
    assert abs(run.created - time()) < 60


@pytest.mark.slow
def test_5000_runs_are_listed_in_half_a_second(store: Store) -> None:
    many(store, 5000)
    searches: list[dict[str, Any]] = [{}, {"search": "name 4 gan"}, {"sort": "w1", "statuses": ["failed"]}]
    for wanted in [*searches, {"sort": "family"}]:
        start = time()
        assert store.runs(**wanted)
        assert time() - start < 0.5


# Owners


def test_a_run_whose_process_is_gone_is_interrupted(store: Store) -> None:
    recorder = record(store, "a", small(steps=3), close=False)
    recorder.status(0, "running")
    assert store.flush()
    assert (store.run("a").status, store.lane_view("a").status) == ("running", "running")
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE owners SET started = '1'")
    assert (store.run("a").status, store.lane_view("a").status) == ("interrupted", "interrupted")
    assert store.runs(statuses=["interrupted"])[0].lanes[0].status == "interrupted"
    assert ids(store, statuses=["running"]) == []


def test_an_owner_on_another_machine_is_judged_by_its_signs_of_life(store: Store) -> None:
    recorder = record(store, "a", small(steps=3), close=False)
    recorder.status(0, "paused")
    assert store.flush()
    for age, status in ((5, "paused"), (100, "interrupted")):
        with closing(sqlite3.connect(store.path)) as db, db:
            db.execute("UPDATE owners SET host = 'elsewhere', heartbeat = ?", (time() - age,))
        assert store.run("a").status == status


def test_a_recorder_that_closes_without_an_end_leaves_the_run_interrupted(store: Store) -> None:
    recorder = store.recorder("a", points_race(2), ["CPU", "CPU"])
    recorder.status(0, "finished")
    recorder.status(1, "running")
    recorder.close()
    assert store.flush()
    assert [view.status for view in store.view("a").lanes] == ["finished", "interrupted"]
    assert store.run("a").status == "interrupted"


# Going on


def test_a_run_goes_on_from_its_checkpoint_with_the_numbers_of_one_that_was_never_stopped(store: Store) -> None:
    config = small(steps=20, snapshot_every=2)
    edits = {5: {"n_critic": 2, "critic_optimiser.lr": 1e-3}}
    record(store, "whole", config, edits=edits)
    record(store, "cut", config, edits=edits, checkpoints=(3, 9))
    whole = store.lane_view("whole")
    with closing(sqlite3.connect(store.path)) as db, db:  # as if the process had died at some step after 9
        db.execute("DELETE FROM checkpoints WHERE step > 9")
        for table in ("runs", "lanes"):
            db.execute(f"UPDATE {table} SET status = 'running'")
    found, recorder = store.take_over("cut")
    (start,) = found.lanes
    assert start.state is not None
    assert start.config.n_critic == 2
    assert (start.view.status, start.view.step, start.view.history["step"].tolist()) == ("starting", 9, [0, 2, 4, 6, 8])
    assert len(start.view.events) == 1
    assert store.run("cut").status == "starting"
    with pytest.raises(StoreProblem, match="Run cut is live already"):
        store.take_over("cut")
    training = Training.resume(start.config, start.state)
    for snapshot in training.updates():
        if snapshot is not None:
            recorder.snapshot(0, snapshot)
    recorder.status(0, "finished", (training.step, training.critic_steps, training.seconds))
    recorder.close()
    assert store.flush()
    view = store.lane_view("cut")
    assert (view.status, view.snapshots, view.events[0].text) == ("finished", whole.snapshots, whole.events[0].text)
    for name, column in whole.history.items():
        if name != "seconds":
            np.testing.assert_array_equal(view.history[name], column)


def test_a_run_without_a_checkpoint_begins_anew(store: Store) -> None:
    recorder = record(store, "a", small(steps=5), close=False)
    recorder.status(0, "running")
    recorder.close()
    assert store.flush()
    for path in (store.folder / "checkpoints" / "a").iterdir():
        path.write_bytes(b"damaged")
    found, again = store.take_over("a")
    assert found.lanes[0].state is None
    assert found.lanes[0].view.snapshots == 0
    assert found.lanes[0].view.history["step"].tolist() == []
    again.close()


def test_a_finished_run_is_made_longer(store: Store) -> None:
    config = small(steps=6)
    record(store, "a", config)
    found, recorder = store.take_over("a", more=4)
    (start,) = found.lanes
    assert start.state is not None
    assert start.config.steps == 10
    got = scalars(s for s in Training.resume(start.config, start.state).updates() if s is not None)
    expected = scalars(train(config.edited({"steps": 10})))
    assert got == {step: expected[step] for step in (7, 8, 9, 10)}
    recorder.close()


def test_what_cannot_go_on_says_why(store: Store) -> None:
    record(store, "a", small(steps=3))
    store.delete(["a"])
    recorder = store.recorder("timed", points_race(clock="critic_steps"), ["CPU"])
    recorder.close()
    for run_id, more, text in (
        ("a", None, "Run a is deleted"),
        ("timed", 5, "not timed by steps"),
    ):
        with pytest.raises(StoreProblem, match=text):
            store.take_over(run_id, more)
    with pytest.raises(NotStored):
        store.take_over("nope")


def test_checkpoints_kept_are_the_latest_two_and_some_over_the_whole_run(store: Store) -> None:
    config = small(steps=60)
    record(store, "a", config, checkpoints=tuple(range(2, 60)))
    steps = store.checkpoints("a")
    assert steps[-2:] == [59, 60]
    assert 4 <= len(steps) <= 11
    assert steps[0] == 2
    names = sorted(path.name for path in (store.folder / "checkpoints" / "a").iterdir())
    assert names == [f"0-{step:08d}.safetensors" for step in steps]
    assert store.checkpoint("a", step=30).state["step"] == max(step for step in steps if step <= 30)


# Limits


def test_a_run_over_its_limit_is_thinned_evenly_and_keeps_both_ends(store: Store) -> None:
    recorder = store.recorder("a", points_race(length=10**6), ["CPU"])
    rng = np.random.default_rng(0)
    for index in range(5000):
        arrays = {"fake": rng.standard_normal((1000, 2)).astype(np.float32)}
        recorder.snapshot(0, replace(made_up(index), arrays=arrays))
        if index % 250 == 0:
            assert store.flush()
    recorder.status(0, "finished")
    recorder.close()
    assert store.flush()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as db:
        before = retention.sizes(db)[1]
        retention.tidy(db, store.folder, Limits(run_bytes=before // 3))
        after = retention.sizes(db)[1]
        assert after <= before // 3
        steps = [frame.step for frame in store.lane_view("a").frames]
        assert steps[0] == 0
        assert steps[-1] == 49_990
        assert len(set(np.diff(steps)[:-1])) == 1
        assert len(steps) > 20
        assert len(store.lane_view("a").history["step"]) > 512
        retention.tidy(db, store.folder, Limits(run_bytes=1))
        assert [frame.step for frame in store.lane_view("a").frames] == [0, 49_990]
        steps = store.lane_view("a").history["step"].tolist()
        assert (steps[0], steps[-1]) == (0, 49_990)
        assert len(steps) > 512


def test_over_the_limit_of_all_runs_the_oldest_are_thinned_and_pinned_ones_are_not(store: Store) -> None:
    rng = np.random.default_rng(0)
    for run_id in ("old", "pinned", "new"):
        recorder = store.recorder(run_id, points_race(), ["CPU"])
        for index in range(100):
            arrays = {"fake": rng.standard_normal((1000, 2)).astype(np.float32)}
            recorder.snapshot(0, replace(made_up(index), arrays=arrays))
        recorder.status(0, "finished")
        recorder.close()
        assert store.flush()
    store.pin("pinned")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as db:
        retention.tidy(db, store.folder, Limits(all_bytes=int(retention.total(db) * 0.8)))
        left = {run_id: len(store.lane_view(run_id).frames) for run_id in ("old", "pinned", "new")}
        assert left["old"] < 100
        assert left == left | {"pinned": 100, "new": 100}
        retention.tidy(db, store.folder, Limits(all_bytes=1))
        left = {run_id: len(store.lane_view(run_id).frames) for run_id in ("old", "pinned", "new")}
        assert left == {"old": 2, "pinned": 100, "new": 2}
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_frames_thinned_by_the_limit_are_not_stored_again(store: Store) -> None:
    recorder = store.recorder("a", points_race(), ["CPU"])
    for index in range(64):
        recorder.snapshot(0, made_up(index))
    assert store.flush()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as db:
        retention.thin_frames(db, 1)
        retention.thin_frames(db, 1)
    for index in range(64, 129):
        recorder.snapshot(0, made_up(index))
    assert store.flush()
    assert [frame.step for frame in store.lane_view("a").frames] == list(range(0, 1281, 40))


@pytest.mark.parametrize("text", ["0", "-5", "9", "many", "1e3", "1" * 20])
def test_a_limit_that_makes_no_sense_is_refused_in_words(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_RUN_MB", text)
    with pytest.raises(ConfigError, match="WGAN_RUN_MB: must be a whole number of megabytes, 10 or more"):
        Limits.from_environment()
    monkeypatch.setenv("WGAN_RUN_MB", "50")
    assert Limits.from_environment().run_bytes == 50_000_000


def test_the_data_folder_is_the_platforms_or_the_one_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WGAN_HOME", raising=False)
    assert data_folder().name == "wgan-live"
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "here"))
    assert data_folder() == tmp_path / "here"


def test_statuses_that_are_live_are_those_that_another_process_may_find_interrupted() -> None:
    assert "interrupted" not in LIVE


def test_torch_is_not_needed_to_look(store: Store) -> None:
    """Views hold arrays, not tensors."""
    record(store, "a", small(steps=3))
    view = store.lane_view("a")
    assert view.latest is not None
    assert not any(isinstance(value, torch.Tensor) for value in view.latest.arrays.values())
