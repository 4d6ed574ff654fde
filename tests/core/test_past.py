"""Finding any run by its id, and the runs that come with the software."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.core.helpers import small
from tests.core.stored import record
from wgan_core.export.manifest import MOST_ROWS
from wgan_core.runs import Run, UnknownRun, manager
from wgan_core.runs.past import RECORDED, RECORDINGS, Past, find
from wgan_core.store import Store, StoreProblem, store
from wgan_core.store.database import NAME


def test_the_recordings_are_there_and_small() -> None:
    assert sorted(path.stem for path in RECORDED.iterdir()) == sorted(RECORDINGS)
    assert len(RECORDINGS) >= 3
    assert sum(path.stat().st_size for path in RECORDED.iterdir()) < 3_000_000


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_a_run_that_can_be_looked_back_through(name: str) -> None:
    recorded = RECORDINGS[name]
    run = find(name)
    assert isinstance(run, Past)
    assert (run.id, run.status, run.stored) == (name, "finished", False)
    assert (len(run.config.lanes) > 1) == recorded.several
    for view in run.view().lanes:
        assert view.config in run.config.lanes or any(event.kind == "edit" for event in view.events)
        assert 5 < len(view.frames) <= len(view.history["step"]) < MOST_ROWS
        assert view.latest is not None
        assert view.at(0).latest is not view.latest


def test_the_recorded_comparison_shows_what_its_words_say() -> None:
    gan, clip, gp = find("recorded-three-objectives").view().lanes
    assert [view.config.objective.kind for view in (gan, clip, gp)] == ["gan", "wgan-clip", "wgan-gp"]
    assert gan.history["modes_covered"][-1] <= 4
    assert clip.history["modes_covered"][-1] == gp.history["modes_covered"][-1] == 8


def test_the_recorded_turn_brings_the_estimate_to_life() -> None:
    view = find("recorded-clip-turned").lane_view()
    (turn,) = [event for event in view.events if event.kind == "edit"]
    before, after = (view.history["step"] <= turn.step), (view.history["step"] > turn.step + 100)
    estimate = abs(view.history["w_estimate"])
    assert max(estimate[before][1:]) * 10 < min(estimate[after])


def test_a_run_is_found_while_it_is_remembered_and_when_it_is_only_stored() -> None:
    run_id = manager().start(small(steps=4))
    live = find(run_id)
    assert isinstance(live, Run)
    assert live.join(60)
    assert store().flush()
    del manager()._runs[run_id]
    past = find(run_id)
    assert isinstance(past, Past)
    assert (past.status, past.lane_view().step, past.stored) == ("finished", 4, True)
    with pytest.raises(UnknownRun):
        find("nobody")


def test_a_store_that_cannot_be_read_is_not_taken_for_one_without_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).write_bytes(b"This is no database at all. " * 500)
    monkeypatch.setattr(manager(), "store", Store(tmp_path))
    with pytest.raises(StoreProblem, match=f"{NAME} is damaged .+ Put a backup in its place"):
        find("somebody")


@pytest.mark.parametrize(
    ("change", "of"),
    [
        ("UPDATE runs SET race = '{}'", find),
        ("UPDATE lanes SET columns = '[\"w1\"'", lambda run_id: find(run_id).view().lanes),
    ],
)
def test_a_run_of_which_something_is_damaged_says_so_and_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, of: Callable[[str], object]
) -> None:
    kept = Store(tmp_path)
    for name in ("bad", "good"):
        record(kept, name, small(steps=2))
    table, _, rest = change.removeprefix("UPDATE ").partition(" ")
    place = "id = 'bad'" if table == "runs" else "run = (SELECT number FROM runs WHERE id = 'bad')"
    with closing(sqlite3.connect(kept.path)) as db, db:
        db.execute(f"UPDATE {table} {rest} WHERE {place}")
    monkeypatch.setattr(manager(), "store", kept)
    with pytest.raises(StoreProblem, match=r"^Run bad cannot be read: what is stored of it is damaged, or of another"):
        of("bad")
    assert find("good").lane_view().step == 2
    kept.close()
