"""What can go wrong with a disk: it is said once and in words, trainings go on, and nothing that is there is harmed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import numpy as np
import pytest
import torch

from tests.core.helpers import ROOT, small, wait_until
from tests.core.stored import made_up, record, shown
from wgan_core.config import RunConfig
from wgan_core.host import tensors
from wgan_core.runs import RunManager
from wgan_core.store import BadCheckpoint, Store, StoreProblem, database, writer
from wgan_core.store.checkpoints import load, save
from wgan_core.store.database import MIGRATIONS, NAME
from wgan_core.training import Training

FIXTURE = ROOT / "tests" / "fixtures" / "store-v1.sqlite3"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def digest(folder: Path) -> dict[str, str]:
    """What is in a folder, but for the empty files through which SQLite's readers and writers meet."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal"))]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def trains_all_the_same(store: Store) -> None:
    """A run under this store ends well, and quickly, whatever becomes of what it leaves behind."""
    manager = RunManager(store=store)
    run = manager.get(manager.start(small(steps=20)))
    assert run.join(30)
    assert (run.status, run.lane_view().snapshots) == ("finished", 21)


def problem_of(store: Store) -> str:
    wait_until(lambda: store.problem is not None)
    assert store.problem is not None
    return store.problem


# Files that are not to be touched


def corrupt_header(path: Path) -> None:
    path.write_bytes(b"This is no database at all. " * 500)


def corrupt_schema(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:3000] = b"\xa5" * 2900
    path.write_bytes(bytes(data))


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1000")


def anothers(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE recipes (name TEXT)")
        db.execute("INSERT INTO recipes VALUES ('bread')")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (
            corrupt_header,
            "is damaged (file is not a database), so it is left as it is. New runs are kept in memory only",
        ),
        (corrupt_schema, "is damaged"),
        (newer, "was written by a newer WGAN Live (format 1000; this one knows formats up to"),
        (anothers, "is a database of another program, so it is left as it is"),
    ],
)
def test_a_file_that_is_not_ours_to_write_is_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], text: str
) -> None:
    first = Store(tmp_path)
    record(first, "a", small(steps=3))
    first.close()
    spoil(tmp_path / NAME)
    before = digest(tmp_path)
    store = Store(tmp_path)
    assert text in str(store.problem)
    trains_all_the_same(store)
    assert text in str(store.problem)
    assert not store.flush(0.5)
    with pytest.raises(StoreProblem):
        store.take_over("a")
    store.close()
    assert digest(tmp_path) == before


def test_a_database_that_is_damaged_while_it_is_in_use_is_written_to_no_more(tmp_path: Path) -> None:
    store = Store(tmp_path)
    recorder = record(store, "a", small(steps=3), close=False)
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(store.path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    store.path.write_bytes(bytes(data))
    for index in range(4, 10):
        recorder.snapshot(0, made_up(index))
    assert "is damaged" in problem_of(store)
    assert not store.flush(0.5)
    with pytest.raises(StoreProblem, match="is damaged"):
        store.lane_view("a")
    trains_all_the_same(store)
    store.close()
    assert store.path.read_bytes() == bytes(data)


# Disks that do not take what they are given


def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(store: Store) -> None:
    config = small(steps=5)
    recorder = record(store, "a", config, close=False)
    session = store._writer._session
    assert session is not None
    (pages,) = session.db.execute("PRAGMA page_count").fetchone()
    session.db.execute(f"PRAGMA max_page_count = {pages}")
    opened = database.connect

    def small_disk(path: Path, mode: str) -> sqlite3.Connection:
        db = opened(path, mode)
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "connect", small_disk)
        for index in range(6, 300):
            recorder.snapshot(0, made_up(index, side=500))
        assert problem_of(store).startswith(f"The disk that holds {store.folder} is full. Runs are kept in memory")
        assert store.lane_view("a").snapshots == 6  # what is there can be looked at
    for index in range(300, 320):
        recorder.snapshot(0, made_up(index))
    recorder.status(0, "finished")
    recorder.close()
    assert store.flush()
    assert store.problem is None
    assert store.lane_view("a").snapshots == 320
    assert store.rows("a")[0] == list(range(320))
    assert store.dropped[1] == 0


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, ".")
from tests.core.helpers import small
from wgan_core.runs import RunManager
from wgan_core.store import Store, writer

writer.RETRY_SECONDS = 0.1
manager = RunManager(store=Store(Path(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
run = manager.get(manager.start(small(steps=100, snapshot_every=2)))
assert run.join(60)
assert not manager.store.flush(2)
print(run.status, run.lane_view().snapshots, manager.store.problem)
manager.shutdown()
"""


def test_a_process_that_may_write_no_larger_files_trains_on_and_leaves_a_sound_database(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("finished 51 ")
    assert "None" not in found.stdout
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


READ_ONLY = """
import os, sys
from pathlib import Path
from wgan_core.config import TrainingConfig
from wgan_core.runs import RunManager
from wgan_core.store import Store

os.setuid(65534)
store = Store(Path(sys.argv[1]))
print(store.problem)
print([run.id for run in store.runs()], store.lane_view("a").snapshots)
try:
    store.rename("a", "x")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes a user who can become another")
def test_a_folder_that_cannot_be_written_to_can_be_looked_at(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record(store, "a", small(steps=3))
    store.close()
    for path in (tmp_path, *tmp_path.parents[: len(tmp_path.parents) - 2]):
        path.chmod(0o755)
    (tmp_path / NAME).chmod(0o444)
    before = digest(tmp_path)
    found = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    problem, runs, refused = found.stdout.splitlines()
    assert problem.startswith(f"{tmp_path} cannot be written to")
    assert "set WGAN_HOME to another folder" in problem
    assert runs == "['a'] 4"
    assert refused == "StoreProblem"
    assert digest(tmp_path) == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "folder")
    assert str(store.problem).startswith(f"{tmp_path / 'file' / 'folder'} cannot be used to store runs (")
    assert "set WGAN_HOME to another folder" in str(store.problem)
    trains_all_the_same(store)
    with pytest.raises(StoreProblem):
        store.runs()
    store.close()


def test_a_problem_is_told_until_something_can_be_written_again(tmp_path: Path) -> None:
    """Whoever only asks makes it come and go no more than time does."""
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "folder")
    wait_until(lambda: store._writer._thread is not None)
    assert not store.flush(0.3)
    with pytest.raises(StoreProblem, match="cannot be used to store runs"):
        store.take_over("nobody")
    assert store.problem is not None
    (tmp_path / "file").unlink()
    wait_until(lambda: store.problem is None)
    record(store, "a", small(steps=3))
    store.close()


def test_what_waits_for_the_disk_hears_at_once_that_it_is_full(store: Store) -> None:
    record(store, "a", small(steps=3))
    with pytest.MonkeyPatch.context() as patch:

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(writer, "transaction", full)
        store.recorder("b", RunConfig.solo(small()), ["CPU"])
        start = monotonic()
        with pytest.raises(StoreProblem, match=r"is full\. Runs are kept in memory"):
            store.take_over("a")
        assert monotonic() - start < 10
    assert store.flush()
    assert store.problem is None
    assert [run.id for run in store.runs()] == ["b", "a"]


def test_a_locked_database_is_waited_for_by_no_one_but_the_writer(store: Store) -> None:
    recorder = record(store, "a", small(steps=3), close=False)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        start = perf_counter()
        for index in range(4, 200):
            recorder.snapshot(0, made_up(index))
        assert perf_counter() - start < 1
        assert "Another program holds" in problem_of(store)
        assert store.lane_view("a").snapshots == 4
        with pytest.raises(StoreProblem, match="Another program holds"):
            store.rename("a", "x")
        other.execute("ROLLBACK")
    assert store.flush()
    assert store.problem is None
    assert store.rows("a")[0] == list(range(200))


def test_a_slow_disk_costs_frames_first_and_rows_never(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = record(store, "a", small(steps=3), close=False)
    monkeypatch.setattr(writer, "MOST_WAITING_BYTES", 200_000)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for index in range(4, 500):
            recorder.snapshot(0, made_up(index, side=1000))
        assert store._writer._waiting_bytes <= 200_000
        other.execute("ROLLBACK")
    assert store.flush()
    frames, rows = store.dropped
    assert frames > 100
    assert rows == 0
    assert store.rows("a")[0] == list(range(500))
    assert store.lane_view("a").frames[-1].step == 4990


def test_a_disk_that_stands_still_for_long_costs_every_other_row(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = record(store, "a", small(steps=3), close=False)
    monkeypatch.setattr(writer, "MOST_WAITING_ROWS", 100)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for index in range(4, 1000):
            recorder.snapshot(0, made_up(index))
        assert len(store._writer._queue) < 1000
        other.execute("ROLLBACK")
    assert store.flush()
    found = store.rows("a")[0]
    assert store.dropped[1] == 1000 - len(found) > 0
    assert set(np.diff(found[4:])) <= {2, 4, 8, 16, 32}
    start = len(found)
    for index in range(1000, 1010):
        recorder.snapshot(0, made_up(index))
    assert store.flush()
    assert len(store.rows("a")[0]) == start + 10  # and none once it goes again


def test_a_run_that_cannot_be_stored_does_not_keep_others_from_it(store: Store) -> None:
    config = RunConfig.solo(small())
    store.recorder("twice", config, ["CPU"])
    assert store.flush()
    again = store.recorder("twice", config, ["CPU"])  # no one makes an id twice; a fault in the software might
    other = store.recorder("other", config, ["CPU"])
    again.snapshot(0, made_up(0))
    other.snapshot(0, made_up(0))
    assert store.flush()
    assert "Run twice cannot be stored" in problem_of(store)
    assert store.lane_view("other").snapshots == 1


def test_a_run_that_another_process_has_taken_is_written_by_that_one_alone(store: Store) -> None:
    recorder = record(store, "a", small(steps=3), close=False)
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("INSERT INTO owners VALUES (99, 'elsewhere', 1, '', 1e10)")
        db.execute("UPDATE runs SET owner = 99")
    before = shown(store.lane_view("a"))
    for index in range(4, 50):
        recorder.snapshot(0, made_up(index))
    recorder.status(0, "failed")
    recorder.checkpoint(0, Training(small()).state())
    recorder.close()
    assert store.flush()
    assert shown(store.lane_view("a")) == before


def test_recording_takes_no_time_of_the_training(store: Store) -> None:
    recorder = store.recorder("a", RunConfig.solo(small()), ["CPU"])
    snapshots = [made_up(index, side=200) for index in range(2000)]
    start = perf_counter()
    for snapshot in snapshots:
        recorder.snapshot(0, snapshot)
    assert (perf_counter() - start) / len(snapshots) < 0.001


def test_closing_ends_the_writer_and_may_come_twice(tmp_path: Path) -> None:
    others = set(threading.enumerate())  # the process's own store may have a writer
    store = Store(tmp_path)
    recorder = record(store, "a", small(steps=3), close=False)
    for index in range(4, 50):
        recorder.snapshot(0, made_up(index))
    start = monotonic()
    store.close()
    store.close()
    assert monotonic() - start < 5
    assert not any(thread.name == "store-writer" for thread in set(threading.enumerate()) - others)
    assert Store(tmp_path).lane_view("a").snapshots == 50
    recorder.snapshot(0, made_up(50))  # too late, and no harm


# Formats


def test_every_later_format_opens_the_first_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture was written by the first version (tests/core/record_store.py)."""
    monkeypatch.setattr(
        database,
        "MIGRATIONS",
        [*MIGRATIONS, ("ALTER TABLE runs ADD COLUMN mood TEXT DEFAULT 'fine'", "CREATE TABLE later (x INTEGER)")],
    )
    shutil.copy(FIXTURE, tmp_path / NAME)
    store = Store(tmp_path)
    assert store.problem is None
    runs = store.runs()
    assert [run.id for run in runs] == ["race", "solo"]
    assert runs[1].name == "The first run"
    assert runs[1].tags == ("kept", "old")
    view = store.lane_view("solo")
    assert (view.status, view.step, view.snapshots, len(view.frames)) == ("finished", 30, 7, 7)
    assert view.history["step"].tolist() == [float(step) for step in range(0, 31, 5)]
    assert view.events[0].text == "n_critic: 5 → 2"
    assert np.isfinite(view.history["w1"]).all()
    assert [lane.status for lane in runs[0].lanes] == ["failed", "finished"]
    assert store.lane_view("race", 0).failure is not None
    assert len(runs[0].config.lanes) == 2
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert db.execute("SELECT DISTINCT mood FROM runs").fetchall() == [("fine",)]
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    record(store, "new", small(steps=3))
    store.close()


def test_a_step_to_a_new_format_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(FIXTURE, tmp_path / NAME)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", [*MIGRATIONS, ("CREATE TABLE later (x)", "THIS IS NO SQL")])
        store = Store(tmp_path)
        assert store.problem is not None
        store.close()
    store = Store(tmp_path)
    assert store.problem is None
    assert len(store.runs()) == 2
    store.close()


def test_several_that_make_the_same_database_make_one(tmp_path: Path) -> None:
    found: list[Store] = []
    threads = [threading.Thread(target=lambda: found.append(Store(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.problem for each in found] == [None] * 8
    for each in found:
        each.close()


# Checkpoints of unknown origin


class Evil:
    """Runs code when it is unpickled without care."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/wgan-live-was-here",)


def content(**changes: Any) -> dict[str, Any]:
    """What a checkpoint of the first version holds."""
    training = Training(small())
    config = training.config.model_dump_json()
    return {"format": 1, "config": config, "snapshots": 0, "events": 0, "state": training.state()} | changes


def rewritten(path: Path, change: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """A zip with changed parts."""
    parts = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            parts[entry.filename] = change(entry.filename, archive.read(entry))
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def cut(path: Path, end: int) -> None:
    path.write_bytes(path.read_bytes()[:end])


def padded(name: str, data: bytes) -> bytes:
    return data + b"." * 2_000_000 if name.endswith(".pkl") else data


def deflated(path: Path) -> None:
    rewritten(path, lambda _, data: data, zipfile.ZIP_DEFLATED)


def made(what: Callable[[], Any], then: Callable[[Path], None] | None = None, **options: Any) -> Callable[[Path], None]:
    """Saves something, and then spoils the file."""

    def make(path: Path) -> None:
        torch.save(what(), path, **options)
        if then is not None:
            then(path)

    return make


def holding(data: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


def saved(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Saves a checkpoint of today, and then spoils the file."""

    def make(path: Path) -> None:
        training = Training(small())
        save(path, training.config.model_dump_json(), training.state(), 0, 0)
        path.write_bytes(change(path.read_bytes()))

    return make


def packed(metadata: Mapping[str, str] = {}, more: Mapping[str, Any] = {}, **about: Any) -> Callable[[Path], None]:
    """Saves a checkpoint of today whose header says something else, or that has more arrays."""

    def change(data: bytes) -> bytes:
        arrays, found = tensors.unpack(data)
        told = json.dumps(json.loads(found["about"]) | about)
        return tensors.pack({**arrays, **more}, found | {"about": told} | dict(metadata))

    return saved(change)


HOSTILE: dict[str, Callable[[Path], None]] = {
    "no safetensors of ours": packed({"format": "pt"}),
    "a later version": packed({"version": "3"}),
    "nothing said": packed({"about": ""}),
    "brackets said": packed({"about": "[" * 100_000}),
    "a list said": packed({"about": "[]"}),
    "no config in the header": packed(config=None),
    "a config in the header that is none": packed(config='{"n_critic": -1}'),
    "counts in the header below 0": packed(events=-1),
    "no numbers in the header": packed(numbers=[]),
    "a name twice": packed(numbers={"critic.weights": 1.0}),
    "more arrays than the networks need": packed(more={"x": np.zeros(4_000_000)}),
    "a type that no run has": packed(more={"x": np.zeros(2, np.float16)}),
    "a header larger than the file": saved(lambda data: struct.pack("<Q", len(data)) + data[8:]),
    "a header of 2⁶³ bytes": saved(lambda data: struct.pack("<Q", 2**63) + data[8:]),
    "arrays cut off": saved(lambda data: data[:-1]),
    "bytes behind the arrays": saved(lambda data: data + b"x"),
    "three bytes": saved(lambda data: data[:3]),
    "empty": holding(b""),
    "text": holding(b"hello"),
    "plain pickle": holding(pickle.dumps(Evil())),
    "pickled code": made(lambda: content(extra=Evil())),
    "pickled code of old": made(Evil, _use_new_zipfile_serialization=False),
    "a whole module": made(lambda: torch.nn.Linear(2, 2)),
    "a parameter": made(lambda: content(state={"step": torch.nn.Parameter(torch.zeros(2))})),
    "a builtin": made(lambda: content(extra=bytearray(3))),
    "a list": made(lambda: [1, 2]),
    "a later format": made(lambda: content(format=2)),
    "no config": made(lambda: content(config=None)),
    "a config that is none": made(lambda: content(config='{"n_critic": -1}')),
    "a config of brackets": made(lambda: content(config="[" * 100_000)),
    "counts below 0": made(lambda: content(snapshots=-1)),
    "no state": made(lambda: content(state=[])),
    "more than the networks need": made(lambda: content(state={"x": torch.zeros(4_000_000)})),
    "compressed": made(content, deflated),
    "a bomb": made(lambda: content(state={"x": torch.zeros(30_000_000)}), deflated),
    "a huge table of contents": made(content, lambda path: rewritten(path, padded)),
    "cut off": made(content, lambda path: cut(path, -2000)),
    "half": made(content, lambda path: cut(path, path.stat().st_size // 2)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_checkpoint_is_refused_and_nothing_of_it_is_executed(tmp_path: Path, kind: str) -> None:
    proof = Path("/tmp/wgan-live-was-here")
    proof.unlink(missing_ok=True)
    path = tmp_path / "0-00000001.pt"
    HOSTILE[kind](path)
    with pytest.raises(BadCheckpoint, match=r"^The checkpoint 0-00000001\.pt (is refused|cannot be read): .+\.$"):
        load(path)
    assert not proof.exists()


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    config = small(steps=3)
    training = Training(config)
    list(training.updates())
    path = tmp_path / "x" / "0-00000003.pt"
    size = save(path, config.model_dump_json(), training.state(), 4, 2)
    assert path.stat().st_size == size
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    found = load(path)
    assert (found.config.model_dump(), found.snapshots, found.events) == (config.model_dump(), 4, 2)
    for name, value in training.state().items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(found.state[name], value, rtol=0, atol=0)
        else:
            assert found.state[name] == value
    Training.resume(found.config, found.state)


def test_a_checkpoint_too_large_for_its_config_is_refused_before_its_arrays_are_read(tmp_path: Path) -> None:
    path = tmp_path / "0-00000001.safetensors"
    packed()(path)
    os.truncate(path, 2**40)  # sparse: no disk has it, no memory would
    with pytest.raises(BadCheckpoint, match="more than its networks need"):
        load(path)


def test_a_checkpoint_of_the_first_version_is_read_and_gives_way_to_one_of_its_step(store: Store) -> None:
    recorder = record(store, "a", small(steps=3), close=False)
    (path,) = (store.folder / "checkpoints" / "a").iterdir()
    found, old = load(path), path.with_suffix(".pt")
    torch.save(content(config=found.config.model_dump_json(), snapshots=found.snapshots, state=found.state), old)
    path.unlink()
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE checkpoints SET file = ?", (old.name,))
    again = store.checkpoint("a").state
    assert again.keys() == found.state.keys()
    assert all(torch.equal(again[n], v) for n, v in found.state.items() if isinstance(v, torch.Tensor))  # type: ignore[arg-type]
    recorder.checkpoint(0, again)
    assert store.flush()
    assert list(path.parent.iterdir()) == [path]
    recorder.close()


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(small())
    path = tmp_path / "0-00000000.pt"
    save(path, training.config.model_dump_json(), training.state(), 0, 0)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(path, training.config.model_dump_json(), training.state(), 9, 9)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_damaged_checkpoint_gives_way_to_the_one_before(store: Store) -> None:
    record(store, "a", small(steps=9), checkpoints=(3, 6))
    files = sorted((store.folder / "checkpoints" / "a").iterdir())
    assert [path.name for path in files] == [f"0-{step:08d}.safetensors" for step in (3, 6, 9)]
    files[2].write_bytes(files[2].read_bytes()[:1000])
    assert store.checkpoint("a").state["step"] == 6
    # Whole, and of another run.
    other = Training(small(critic={"width": 99}))
    save(files[1], small(steps=9).model_dump_json(), other.state(), 0, 0)
    assert store.checkpoint("a").state["step"] == 3
    files[0].unlink()
    with pytest.raises(BadCheckpoint):
        store.checkpoint("a")


def test_a_file_name_in_the_database_does_not_lead_out_of_the_folder(store: Store, tmp_path: Path) -> None:
    record(store, "a", small(steps=3))
    secret = tmp_path / "secret.pt"
    training = Training(small())
    save(secret, training.config.model_dump_json(), training.state(), 0, 0)
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE checkpoints SET file = ?", (f"../../../../../../..{secret}",))
    with pytest.raises(BadCheckpoint):
        store.checkpoint("a")


def test_a_folder_in_the_place_of_a_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0-00000001.pt"
    path.mkdir()
    with pytest.raises(BadCheckpoint):
        load(path)
