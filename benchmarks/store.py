"""What it costs to write runs down, and how long it takes to see them again."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.report import Table, paired, spread, verdict
from pages.ui.live import component as live
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import POINT_FRAMES, RunView
from wgan_core.lessons.presets import PRESETS
from wgan_core.store import Store
from wgan_core.store.codec import pack_row
from wgan_core.store.levels import least_level, level
from wgan_core.training import Training, train

SHOWN = ("ring-gan-collapse", "ring-wgan-clip", "ring-wgan-gp")
ROUNDS, SLICE, WARM_UP = 12, 300, 50
MOST_COST, MOST_RATIO, MOST_SECONDS = 1.03, 1.2, 0.5
SHORT, LONG, RUNS, OPENED = 10_000, 1_000_000, 5_000, 30


def plain_runner(training: Training) -> Callable[[int], None]:
    updates = training.updates()

    def advance(steps: int) -> None:
        end = training.step + steps
        while training.step < end or training.within_round:
            next(updates)

    return advance


def stored_runner(training: Training, store: Store, run_id: str) -> Callable[[int], None]:
    """As a run's thread does it: every snapshot, and a checkpoint whenever one is due. Counts until all is on the disk."""
    updates = training.updates()
    recorder = store.recorder(run_id, RunConfig.solo(training.config), ["CPU"])
    recorder.status(0, "running")

    def advance(steps: int) -> None:
        end = training.step + steps
        while training.step < end or training.within_round:
            snapshot = next(updates)
            if snapshot is not None:
                recorder.snapshot(0, snapshot)
            if not training.within_round and training.step and recorder.wants_checkpoint(0):
                recorder.checkpoint(0, training.state())
        store.flush(60)

    return advance


def writer_seconds() -> float:
    """CPU time of the store's writer so far; 0 where the system does not tell."""
    writer = next(thread for thread in threading.enumerate() if thread.name == "store-writer")
    if writer.ident is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(writer.ident))


def writing(table: Table, store: Store, name: str, quick: bool) -> None:
    preset = PRESETS[name].config.edited({"device": "cpu"})
    # Slices of some seconds: each ends with a wait for the disk, which a run does once in its life.
    rounds, steps = (4, 100) if quick else (ROUNDS, SLICE)
    endless = preset.edited({"steps": 10 * rounds * steps})
    runners = [plain_runner(Training(endless)), stored_runner(Training(endless), store, name)]
    wall: list[list[float]] = [[], []]
    cpu: list[list[float]] = [[], []]
    for advance in runners:
        advance(WARM_UP)
    writer_start = writer_seconds()
    for i in range(rounds):
        # Neighbours in time are compared, and each goes first in turn.
        for k in (0, 1) if i % 2 == 0 else (1, 0):
            wall_start, cpu_start = perf_counter(), process_time()
            runners[k](steps)
            wall[k].append(perf_counter() - wall_start)
            cpu[k].append(process_time() - cpu_start)
    ratio, share = paired(wall[1], wall[0]), (writer_seconds() - writer_start) / sum(cpu[1])
    table.rows.append(
        (
            f"training {name}, stored / not",
            f"{ratio:.3f}",
            spread(wall[1], wall[0]),
            f"{share:.1%}",
            f"≤ {MOST_COST}",
            verdict(ratio <= MOST_COST),
        )
    )
    table.raw[name] = {
        "steps_a_slice": steps,
        "wall": wall,
        "cpu": cpu,
        "ratio": ratio,
        "share": share,
        "dropped": store.dropped,
    }


def fill(store: Store, run_id: str, rows: int) -> None:
    """A run of many snapshots, all of them one of a real training, straight into the database."""
    config = TrainingConfig.parse({"device": "cpu", "steps": 1})
    recorder = store.recorder(run_id, RunConfig.solo(config), ["CPU"])
    *_, first = train(config)
    recorder.snapshot(0, first)
    recorder.close()
    store.flush(60)
    columns: list[str] = []
    blob = pack_row(first, columns, 1)
    with closing(sqlite3.connect(store.path)) as db, db:
        (lane,) = db.execute(
            "SELECT lanes.number FROM lanes JOIN runs ON run = runs.number WHERE id = ?", (run_id,)
        ).fetchone()
        order = sorted(range(1, rows), key=lambda index: (level(index), index))
        db.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", ((lane, level(index), index, blob) for index in order))
        frame = db.execute("SELECT bytes, row, data FROM frames WHERE lane = ?", (lane,)).fetchone()
        kept = [index for index in range(1, rows) if level(index) >= least_level(rows, POINT_FRAMES)]
        db.executemany(
            "INSERT INTO frames (lane, level, idx, bytes, row, data) VALUES (?, ?, ?, ?, ?, ?)",
            ((lane, level(index), index, *frame) for index in kept),
        )
        db.execute("UPDATE lanes SET snapshots = ?, columns = ? WHERE number = ?", (rows, json.dumps(columns), lane))
    with closing(sqlite3.connect(store.path)) as db:  # as it is long after a run, not right after a large transaction
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill_table(store: Store, runs: int) -> None:
    config = RunConfig.solo(TrainingConfig.parse({"device": "cpu"}))
    with closing(sqlite3.connect(store.path)) as db, db:
        for i in range(runs):
            number = db.execute(
                "INSERT INTO runs (id, created, race, status, dataset, seeds, name) VALUES (?, ?, ?, 'finished', 'ring', 1, ?)",
                (f"run-{i}", float(i), config.to_json(), f"run number {i}"),
            ).lastrowid
            db.execute(
                "INSERT INTO lanes (run, lane, config, objective, device, status, step, best_w1) VALUES"
                " (?, 0, ?, 'wgan-gp', 'CPU', 'finished', ?, ?)",
                (number, config.lanes[0].model_dump_json(), i, i / runs),
            )


def seconds_of(action: Callable[[], object]) -> float:
    start = perf_counter()
    action()
    return perf_counter() - start


def charts(store: Store, run_id: str, name: str) -> None:
    """All that the server does to show a stored run: its view, and the page's message. Under a new name nothing is cached."""
    view = store.lane_view(run_id)
    live.message(RunView(name, RunConfig.solo(view.config), (replace(view, run_id=name),)), "step")


def opening(table: Table, store: Store, short: int, long: int, what: str) -> None:
    """Compare opening a run of many snapshots with one of few."""
    lengths = {f"of-{rows}": rows for rows in (short, long)}
    for run_id, rows in lengths.items():
        fill(store, run_id, rows)
    found: dict[str, list[float]] = {run_id: [] for run_id in lengths}
    for i in range(OPENED):
        for run_id in list(lengths)[:: -1 if i % 2 else 1]:
            fresh = Store(store.folder)  # none of them remembers a view
            found[run_id].append(seconds_of(partial(charts, fresh, run_id, f"{run_id}-{i}")))
            fresh.close()
    few, many = found.values()
    ratio = paired(many, few)
    cells = (f"{ratio:.3f}", spread(many, few), "", f"≤ {MOST_RATIO}", verdict(ratio <= MOST_RATIO))
    table.rows.append((f"charts of {what}", *cells))
    table.raw[f"opening {what}"] = {"lengths": lengths, "seconds": found, "ratio": ratio}


def listing(table: Table, store: Store) -> None:
    fill_table(store, RUNS)
    searches: dict[str, Callable[[], object]] = {
        "all": store.runs,
        "found": lambda: store.runs(search="number 4 gp"),
        "best W1 first": lambda: store.runs(sort="w1", descending=False),
    }
    for name, search in searches.items():
        found = sorted(seconds_of(search) for _ in range(5))
        cells = (f"{found[2]:.3f} s", f"{found[0]:.3f}–{found[-1]:.3f}", "", f"< {MOST_SECONDS} s")
        table.rows.append((f"table of {RUNS:,} runs, {name}", *cells, verdict(found[2] < MOST_SECONDS)))
        table.raw[f"listing {name}"] = found


def run(quick: bool) -> Table:
    table = Table(
        "The store: what writing costs a training, and looking at what was written",
        ("what", "ratio or time", "range", "writer's CPU", "target", ""),
    )
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for name in SHOWN:
            writing(table, store, name, quick)
        every = TrainingConfig.parse({}).snapshot_every
        opening(table, store, SHORT // every, LONG // every, f"{LONG:,} steps / {SHORT:,}")
        if not quick:
            opening(table, store, SHORT, LONG, f"{LONG:,} snapshots / {SHORT:,}")
        listing(table, store)
        store.close()
    table.notes = [
        "Training: paired slices with the preset's snapshots, one written down until all of it is on the disk, one not.",
        "The writer's CPU is the share of its thread in all that the process computed meanwhile, and little disturbed by others.",
        "Charts: the view of a stored run, by a store that has not read it before, and the page's message with all charts.",
        "What is opened is bounded, and its time follows the rows and frames that a length happens to hold.",
    ]
    return table
