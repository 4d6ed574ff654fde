"""What people hold stays good: numbers, stored runs, bundles, links and flags, as :mod:`tests.core.record_before` wrote them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.core import record_before
from tests.core.record_before import FOLDER, HALF_WAY, KEPT, configured, load, machine, measured
from wgan_core.cli import main
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.export import read_bundle
from wgan_core.export.stored import keep
from wgan_core.lessons.presets import PRESETS
from wgan_core.lessons.scenarios import SCENARIOS
from wgan_core.runs import Run
from wgan_core.store import Store
from wgan_core.theory import build

NUMBERS = load("numbers.json")
LINKS, FLAGS = load("links.json"), load("flags.json")
# A sample that counts here and not there, by rounding, changes these by a step.
COUNTED = {"modes_covered", "high_quality", "reverse_kl", "classes_covered", "weights_at_clip"}
# Other machines round differently, which training amplifies: how near the first two snapshots come.
NEAR = (1e-4, 0.03)


def assert_kept(found: Any, recorded: Any, path: str = "") -> None:
    """All that was recorded is there still, with its value; there may be more beside it."""
    if isinstance(recorded, dict):
        assert isinstance(found, dict), path
        for name, value in recorded.items():
            assert name in found, f"{path}.{name}"
            assert_kept(found[name], value, f"{path}.{name}")
    elif isinstance(recorded, list):
        assert len(found) == len(recorded), path
        for number, (one, other) in enumerate(zip(found, recorded, strict=True)):
            assert_kept(one, other, f"{path}.{number}")
    else:
        assert found == recorded, path


def plain(part: Any) -> Any:
    return json.loads(part.model_dump_json())


# Numbers


@pytest.mark.parametrize("name", NUMBERS["runs"])
def test_a_training_gives_the_numbers_that_it_gave(name: str) -> None:
    recorded = NUMBERS["runs"][name]
    lanes = measured(recorded["settings"])
    assert len(lanes) == len(recorded["lanes"])
    same = machine() == NUMBERS["machine"]
    for found, expected in zip(lanes, recorded["lanes"], strict=True):
        assert found.keys() >= expected.keys()
        for scalar, texts in expected.items():
            if same:
                assert found[scalar] == texts, scalar
            elif scalar not in COUNTED:
                for place, near in enumerate(NEAR):
                    value, wanted = (float.fromhex(each[place]) for each in (found[scalar], texts))
                    assert value == pytest.approx(wanted, rel=near, abs=1e-4, nan_ok=True), scalar


def test_what_was_recorded_is_what_would_be_recorded() -> None:
    assert {name: run["settings"] for name, run in NUMBERS["runs"].items()} == record_before.NUMBERS


# The store and its runs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recorded store in the place of one's own."""
    shutil.copytree(FOLDER / "home", tmp_path / "home")
    monkeypatch.setenv("WGAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with closing(Store(home)) as made:
        assert made.problem is None
        yield made


def test_every_run_is_in_the_table_as_it_was(store: Store) -> None:
    found = {run.id: run for run in store.runs()}
    assert {run_id: (run.status, run.step, run.seeds, len(run.lanes)) for run_id, run in found.items()} == {
        "single": ("finished", 12, 1, 1),
        "race": ("finished", 30, 1, 2),
        "seeds": ("finished", 12, 3, 1),
        "stopped": ("stopped", HALF_WAY, 1, 1),
        "fork": ("finished", 12, 1, 1),
    }
    single = found["single"]
    assert (single.name, single.note, single.pinned) == ("A run with a name", "What was noted.", True)
    assert set(single.tags) == {"before", "kept"}
    assert found["fork"].parent is not None
    assert (found["fork"].parent.run_id, found["fork"].parent.step) == ("stopped", HALF_WAY)
    assert_kept(plain(found["single"].config.lanes[0]), KEPT)


@pytest.mark.parametrize("run_id", ["single", "race", "seeds", "stopped", "fork"])
def test_every_run_can_be_looked_at(store: Store, run_id: str) -> None:
    for view in store.view(run_id).lanes:
        assert view.snapshots >= (2 if run_id == "fork" else 3)
        assert (view.before is not None) == (run_id == "fork")
        assert view.history["w1"].shape[1:] == ((3,) if run_id == "seeds" else ())
        assert len(view.history["step"]) == view.snapshots
        assert [frame.step for frame in view.frames] == view.history["step"].tolist()
        assert view.latest is not None
        assert {"fake", "real", "surface"} <= view.latest.arrays.keys()
        assert view.failure is None
    assert bool(store.lane_view(run_id).events) == (run_id == "fork")


def test_a_stopped_run_goes_on_to_the_numbers_of_one_that_was_not(store: Store) -> None:
    run = Run.resumed(store, "stopped")
    run.start()
    assert run.join(120)
    assert (run.status, run.lane_view().step) == ("finished", 12)
    whole, after = store.lane_view("single"), run.lane_view()
    # The recorded run and this one need not be of one machine.
    assert after.history["w1"][-1] == pytest.approx(whole.history["w1"][-1], rel=1e-3)
    assert after.history["step"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 12.0]


def test_a_finished_run_goes_on(store: Store) -> None:
    run = Run.resumed(store, "single", 3)
    run.start()
    assert run.join(120)
    assert (run.status, run.lane_view().step) == ("finished", 15)


def test_both_lanes_of_a_race_have_a_state_to_go_on_from(store: Store) -> None:
    assert [store.checkpoints("race", lane)[-1] for lane in range(2)] == [30, 6]
    for lane in range(2):
        assert store.checkpoint("race", lane).config.device == "cpu"


def test_a_bundle_is_read_and_goes_on(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        run_id = keep(store, read_bundle(str(FOLDER / "stopped.zip")))
        assert (store.run(run_id).status, store.run(run_id).step) == ("stopped", HALF_WAY)
        run = Run.resumed(store, run_id)
        run.start()
        assert run.join(120)
        assert (run.status, run.lane_view().step) == ("finished", 12)


def test_the_commands_find_and_move_runs(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str) -> list[Any]:
        assert main(arguments) == 0, capsys.readouterr().err
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (runs,) = said("runs", "--json")
    assert {run["id"] for run in runs} == {"single", "race", "seeds", "stopped", "fork"}
    assert said("resume", "stopped", "--steps", "1", "--json")[-1]["status"] == "finished"
    for run_id in ("race", "seeds"):
        path = str(tmp_path / f"{run_id}.zip")
        assert said("export", run_id, "--format", "bundle", "--out", path, "--json") == [{"files": [path]}]
        (copied,) = said("import", path, "--json")
        assert copied["run"] != run_id
    (imported,) = said("import", str(FOLDER / "stopped.zip"), "--json")
    assert said("resume", imported["run"], "--json")[-1]["status"] == "finished"


# Links and flags


@pytest.mark.parametrize(
    "number", [n for n, link in enumerate(LINKS) if link["page"] in ("train", "compare", "theory")]
)
def test_a_link_says_what_it_said(number: int) -> None:
    """What pages show of it is in tests/pages/test_before.py."""
    query, shows = LINKS[number]["query"], LINKS[number]["shows"]
    match LINKS[number]["page"]:
        case "train":
            part: Any = TrainingConfig.parse(query["config"]) if "config" in query else PRESETS[query["preset"]].config
        case "compare":
            part = RunConfig.parse(query["race"]) if "race" in query else SCENARIOS[query["scenario"]].config
        case _:
            part = build(query["figure"], {name: value for name, value in query.items() if name != "figure"})
    assert_kept(plain(part), shows)


@pytest.mark.parametrize("number", range(len(FLAGS)))
def test_flags_make_the_config_that_they_made(number: int) -> None:
    assert_kept(plain(configured(tuple(FLAGS[number]["flags"]))), FLAGS[number]["config"])
