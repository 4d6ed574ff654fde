"""What a refresh of the live page costs the server, for short and very long runs."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.report import Table, verdict
from pages.ui.live import component as live
from wgan_core.history import Snapshot
from wgan_core.lessons.presets import PRESETS
from wgan_core.runs import Run
from wgan_core.training import Training

PRESET = "ring-wgan-gp"
LENGTHS = (10**3, 10**5, 10**6)
REPEATS = 150
MOST_BYTES = 100_000
MOST_DIFFERENCE = 0.10


class LongRun:
    """A run whose thread never starts: it is handed a real training's newest snapshot with made-up scalars."""

    def __init__(self, last: Snapshot, training: Training, length: int) -> None:
        self.run, self.training, self.last = Run(training.config), training, last
        self.rng = np.random.default_rng(length)
        self.made = 0
        for _ in range(length):
            self.append()

    def append(self) -> None:
        noise = 1 + 0.1 * self.rng.standard_normal()
        self.made += 1
        scalars = {name: value * noise for name, value in self.last.scalars.items()}
        made = replace(
            self.last, step=20 * self.made, critic_steps=100 * self.made, seconds=0.1 * self.made, scalars=scalars
        )
        self.run.lanes[0].record(made)

    def refresh(self) -> tuple[float, float, float, int]:
        """Seconds of the view, of the message after a new snapshot, of one without, and the message's bytes."""
        self.append()
        start = perf_counter()
        view = self.run.view()
        viewed = perf_counter()
        built = live.message(view, "step")
        done = perf_counter()
        live.message(
            replace(view, lanes=(replace(view.lanes[0], version=view.lanes[0].version + 1_000_000_000),)), "step"
        )
        return viewed - start, done - viewed, perf_counter() - done, len(built)


def run(quick: bool) -> Table:
    config = PRESETS[PRESET].config.edited({"device": "cpu", "steps": 200})
    training = Training(config)
    last = next(snapshot for snapshot in training.updates() if snapshot is not None and snapshot.step == 200)
    lengths = LENGTHS[:2] if quick else LENGTHS
    runs = {length: LongRun(last, training, length) for length in lengths}
    found: dict[int, list[tuple[float, float, float, int]]] = {length: [] for length in lengths}
    for i in range(20 if quick else REPEATS):
        for length in lengths if i % 2 else reversed(lengths):
            found[length].append(runs[length].refresh())
    table = Table(
        f"A refresh of the live page: all charts of {PRESET}, built once for all viewers",
        ("snapshots so far", "rows kept", "bytes", "target", "", "ms to build", "ratio", "target", "", "ms, cached", "view() µs"),
    )  # fmt: skip
    _, build0, _, bytes0 = (list(column) for column in zip(*found[lengths[0]], strict=True))
    for length in lengths:
        view, build, cached, size = (list(column) for column in zip(*found[length], strict=True))
        ratio = median(b / a for a, b in zip(build0, build, strict=True))
        near = abs(ratio - 1) <= MOST_DIFFERENCE and abs(median(size) / median(bytes0) - 1) <= MOST_DIFFERENCE
        table.rows.append(
            (
                f"{length:,}",
                str(len(runs[length].run.lane_view().history["step"])),
                f"{median(size):,.0f}",
                f"≤ {MOST_BYTES:,}",
                verdict(max(size) <= MOST_BYTES),
                f"{1000 * median(build):.2f}",
                f"{ratio:.2f}",
                "1 ± 0.1",
                verdict(near),
                f"{1000 * median(cached):.2f}",
                f"{1e6 * median(view):.0f}",
            )
        )
        table.raw[str(length)] = {"build": build, "cached": cached, "view": view, "bytes": size}
    table.notes = [
        f"Median of {len(build0)} refreshes, each right after a new snapshot; the three lengths take turns.",
        "The history holds 512 to 1,024 rows whatever the length, and the time follows the rows it happens to hold.",
        "“cached” is a refresh without a new snapshot, when only the progress is new.",
    ]
    return table
