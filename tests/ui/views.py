"""Views of real, tiny runs, and the reading of a message as the browser reads it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, NoReturn

import numpy as np
import pytest

from pages.ui.live import component as live
from tests.core.helpers import small, wait_until
from wgan_core.config import RunConfig
from wgan_core.history import CLOCKS, LaneView, RunView
from wgan_core.runs import Run

# One for each way in which objectives are drawn: ceiling or none, penalty, clip, an estimate of another name.
OBJECTIVES = ("gan", "wgan-clip", "wgan-gp", "dragan", "f-gan")
DATASETS = ("ring", "swiss-roll", "fashion-mnist")


@cache
def finished(objective: str = "wgan-gp", dataset: str = "ring", **settings: Any) -> LaneView:
    """The view of a run that has ended."""
    config = small(dataset, objective, **{"steps": 2 if dataset == "fashion-mnist" else 6} | settings)
    run = Run(config)
    run.start()
    assert run.join(120)
    view = run.lane_view()
    assert view.status == "finished", view.failure
    return view


@cache
def scored() -> LaneView:
    """The view of a run on images with five snapshots, of which those of steps 2 and 4 are scored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wgan_core.metrics.images.classifier.STEPS", 10)
        return finished(dataset="fashion-mnist", steps=4, scores_every=2)


@cache
def of_seeds(seeds: int = 3) -> LaneView:
    """The view of a run of several seeds that all had the numbers of one."""
    view = finished()
    assert view.latest is not None

    def each(column: Any) -> Any:
        return np.stack([column] * seeds, -1)

    history = {name: column if name in CLOCKS else each(column) for name, column in view.history.items()}
    latest = replace(view.latest, scalars={name: each(value) for name, value in view.latest.scalars.items()})
    return replace(view, history=history, latest=latest, frames=(latest,), seeds=seeds)


@cache
def unstarted(dataset: str = "ring") -> LaneView:
    """The view of a run before its first snapshot."""
    return Run(small(dataset)).lane_view()


@cache
def edited(changes: tuple[tuple[str, float], ...] = (("objective.penalty_weight", 1.0),)) -> LaneView:
    """The view of a run whose knobs were turned after its first step, one after another."""
    run = Run(small(steps=6))
    run.step()
    run.start()
    wait_until(lambda: run.lane_view().step == 1 and run.status == "paused")
    for path, value in changes:
        run.edit({path: value})
    run.resume()
    assert run.join(120)
    return run.lane_view()


def long(view: LaneView, rows: int = 1500, seed: int = 0) -> LaneView:
    """The same run with a history of ``rows`` snapshots: every scalar a random walk around what it was."""
    rng = np.random.default_rng(seed)
    steps = np.arange(rows, dtype=float)
    history = {"step": steps, "critic_steps": 5 * steps, "seconds": steps * 0.0123}
    for name, values in view.history.items():
        if name not in CLOCKS:
            walk = np.cumsum(rng.normal(size=rows))
            history[name] = values[-1] * (1.5 + walk / np.abs(walk).max()) + 1e-3
    return replace(view, run_id=f"{view.run_id}-{rows}", history=history)


def with_history(view: LaneView, **columns: np.ndarray[Any, Any]) -> LaneView:
    """The same run with other columns in its history; the clocks are made to fit."""
    rows = len(next(iter(columns.values())))
    clocks = {name: np.arange(rows, dtype=float) for name in CLOCKS}
    return replace(view, history=clocks | {name: np.asarray(values, float) for name, values in columns.items()})


def strict(text: str | bytes) -> Any:
    """Read JSON as a browser does: no NaN, no Infinity."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def message(view: LaneView, clock: str = "step", at: float | None = None) -> bytes:
    """The bytes of a refresh of a run of one lane."""
    return live.message(RunView(view.run_id, RunConfig.solo(view.config, view.seeds), (view,)), clock, at)


def nothing(dataset: str) -> bytes:
    """The bytes for a page on which a run on a data set of this kind may be started."""
    return live.empty_message(RunConfig.solo(small(dataset)))


def parts_of(message: bytes) -> list[bytes]:
    """The parts of a message as they lie in it: the head, then JSON and arrays of each panel."""
    count = int(np.frombuffer(message, "<u4", 1)[0])
    sizes = np.frombuffer(message, "<u4", count, 4).tolist()
    start = 4 * (count + 1 + (count + 1) % 2)
    assert len(message) == start + sum(sizes)
    edges = np.cumsum([start, *sizes]).tolist()
    assert all(edge % 8 == 0 for edge in edges)
    return [message[a:b] for a, b in itertools.pairwise(edges)]


def read(message: bytes) -> tuple[Any, dict[str, Any]]:
    """Progress of the first lane, and the head with all panels in ``charts``, arrays put back in their places."""
    head, *packets = parts_of(message)
    found = strict(head)
    found["charts"] = [revive(strict(panel), blob) for panel, blob in zip(packets[::2], packets[1::2], strict=True)]
    return found["progress"][0] if found["progress"] else None, found


def revive(value: Any, blob: bytes) -> Any:
    if isinstance(value, list):
        return [revive(item, blob) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "$" in value:
        offset, size, kind, shape = value["$"]
        assert offset % 8 == 0
        return np.frombuffer(blob, f"<{kind}", size, offset).reshape(shape)
    return {key: revive(item, blob) for key, item in value.items()}
