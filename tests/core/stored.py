"""What tests of the store share: recording a training by hand, and whether two views show the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import Frames, History, LaneView, Snapshot, frames_kept
from wgan_core.store import Recorder, Store
from wgan_core.training import Training

PLAIN = (
    "run_id",
    "lane",
    "status",
    "device",
    "snapshots",
    "step",
    "critic_steps",
    "seconds",
    "events",
    "failure",
    "seeds",
)


def record(
    store: Store,
    run_id: str,
    config: TrainingConfig,
    *,
    edits: Mapping[int, Mapping[str, Any]] | None = None,
    checkpoints: tuple[int, ...] = (),
    close: bool = True,
) -> Recorder:
    """Train to the end as a run's thread would, with edits and checkpoints at given steps."""
    recorder = store.recorder(run_id, RunConfig.solo(config), ["CPU"])
    training = Training(config)
    recorder.status(0, "running")
    edits, waiting = dict(edits or {}), list(checkpoints)
    for snapshot in training.updates():
        if snapshot is not None:
            recorder.snapshot(0, snapshot)
        if training.within_round:
            continue
        if training.step in edits:
            recorder.event(0, training.edit(edits.pop(training.step)), training.config)
        if training.step in waiting:
            waiting.remove(training.step)
            recorder.checkpoint(0, training.state())
            assert store.flush()
    recorder.status(0, "finished", (training.step, training.critic_steps, training.seconds))
    recorder.checkpoint(0, training.state())
    if close:
        recorder.close()
    assert store.flush(), store.problem
    return recorder


def made_up(index: int, seeds: int = 1, side: int = 4, names: tuple[str, ...] = ("w1", "modes_covered")) -> Snapshot:
    """A snapshot of no training: quick to make by the thousand."""
    values: dict[str, Any] = {name: index + i / 10 for i, name in enumerate(names)}
    if seeds > 1:
        values = {name: value + np.arange(seeds) for name, value in values.items()}
    arrays: dict[str, Any] = {
        "fake": np.full((side, 2), index, np.float32),
        "count": np.arange(index % 7, dtype=np.int64),
    }
    return Snapshot(index * 10, index * 50, index / 8, values, arrays)


def shown(view: LaneView) -> dict[str, Any]:
    """Everything that a chart can see in a view but its version and speed, in a form that compares."""

    def frame(snapshot: Snapshot | None) -> Any:
        if snapshot is None:
            return None
        arrays = {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in snapshot.arrays.items()}
        scalars = {name: np.asarray(value).tobytes() for name, value in snapshot.scalars.items()}
        return snapshot.step, snapshot.critic_steps, snapshot.seconds, scalars, arrays

    plain = {name: getattr(view, name) for name in PLAIN}
    history = {name: (column.shape, column.tobytes()) for name, column in view.history.items()}
    return plain | {
        "config": view.config.model_dump(),
        "history": history,
        "latest": frame(view.latest),
        "frames": [frame(each) for each in view.frames],
    }


class Memory:
    """What a live lane keeps of snapshots, to compare with what is stored."""

    def __init__(self, config: TrainingConfig, seeds: int = 1) -> None:
        self.history, self.frames = History(seeds=seeds), Frames(frames_kept(config))

    def append(self, snapshot: Snapshot) -> None:
        self.history.append(snapshot)
        self.frames.append(snapshot)
