"""Sixteen seeds at once on all cores, against the same sixteen trainings one after another on one thread."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from benchmarks.report import Table, paired, spread, verdict
from wgan_core.config import TrainingConfig
from wgan_core.lessons.presets import PRESETS
from wgan_core.members.crew import usable_cores
from wgan_core.members.ensemble import Ensemble
from wgan_core.training import train
from wgan_core.training.several import seeded

# Half of each preset's steps: a training of several seconds.
SHOWN = ("ring-gan-collapse", "ring-wgan-clip", "ring-wgan-gp")
SEEDS = 16
TARGET = 0.6
ROUNDS = 2


@dataclass
class Spent:
    """Seconds by the clock and of CPU time (with that of processes that have ended), and the exact W1 each seed ends with."""

    wall: float
    cpu: float
    ends: list[float]


def clocks() -> tuple[float, float]:
    return perf_counter(), sum(os.times()[:4])


def in_turn(config: TrainingConfig, seeds: range) -> Spent:
    wall, cpu = clocks()
    ends = []
    for seed in seeds:
        *_, last = train(config.model_copy(update={"seed": seed}))
        ends.append(float(np.asarray(last.scalars["w1"])))
    end = clocks()
    return Spent(end[0] - wall, end[1] - cpu, ends)


def at_once(config: TrainingConfig) -> tuple[Spent, float]:
    """The whole of an ensemble, from before its workers start until they have ended; seconds to its first snapshot."""
    wall, cpu = clocks()
    first = 0.0
    with closing(Ensemble(seeded(config, SEEDS))) as members:
        for snapshot in members.updates():
            first = first or (0.0 if snapshot is None else perf_counter() - wall)
        ends = np.asarray(members.snapshot().scalars["w1"]).tolist()
    end = clocks()
    return Spent(end[0] - wall, end[1] - cpu, ends), first


def run(quick: bool) -> Table:
    table = Table(
        f"{SEEDS} seeds at once on {usable_cores()} cores against one after another on one thread"
        " (time ratio, one after another = 1)",
        ("preset", "steps", "s in turn", "s at once", "ratio", "range", "target", "", "CPU time", "s to first", "W1 (in turn)"),
    )  # fmt: skip
    for name in SHOWN:
        preset = PRESETS[name].config
        config = preset.edited({"device": "cpu", "steps": preset.steps // (8 if quick else 2)})
        alone: list[Spent] = []
        together: list[Spent] = []
        firsts: list[float] = []
        for _ in range(1 if quick else ROUNDS):
            # One half before and one after, so that a machine whose speed drifts is as slow for both.
            before = in_turn(config, range(SEEDS // 2))
            spent, first = at_once(config)
            after = in_turn(config, range(SEEDS // 2, SEEDS))
            alone.append(Spent(before.wall + after.wall, before.cpu + after.cpu, before.ends + after.ends))
            together.append(spent)
            firsts.append(first)
        wall, cpu = (
            [[getattr(spent, clock) for spent in way] for way in (together, alone)] for clock in ("wall", "cpu")
        )
        ratio = paired(*wall)
        table.rows.append(
            (
                name,
                str(config.steps),
                f"{np.median(wall[1]):.1f}",
                f"{np.median(wall[0]):.1f}",
                f"{ratio:.2f}",
                spread(*wall),
                f"≤ {TARGET}",
                verdict(ratio <= TARGET),
                f"{paired(*cpu):.2f}",
                f"{np.median(firsts):.1f}",
                f"{np.median(together[0].ends):.2f} ({np.median(alone[0].ends):.2f})",
            )
        )
        table.raw[name] = {"wall": wall, "cpu": cpu, "first": firsts, "ratio": ratio, "w1": together[0].ends}
    table.notes = [
        "Starting the worker processes and ending them is part of the time at once, and so is all measuring in both.",
        "“CPU time”: the same ratio of CPU seconds, which other programs on the machine change less.",
        "“s to first”: seconds from the start to the snapshot of step 0. “W1”: its median over the seeds at the end.",
    ]
    return table
