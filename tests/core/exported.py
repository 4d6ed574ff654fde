"""Runs to export: real, tiny, and of each shape that a run can have."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from tests.core.helpers import small, wait_until
from wgan_core.config import RunConfig
from wgan_core.export import Bundle, of_run
from wgan_core.history import CLOCKS, Event, Failure, LaneView, RunView, Snapshot
from wgan_core.runs import Run

LANES = [{"objective": {"kind": "gan"}}, {"objective": {"kind": "wgan-clip", "clip": 0.02}}]
SHARED = {"device": "cpu", "batch_size": 16, "generator": {"width": 8}, "critic": {"width": 8}}
SEEDS = 3


def ended(run: Run) -> Bundle:
    run.start()
    assert run.join(120)
    return of_run(run)


@cache
def solo() -> Bundle:
    """A run of points whose knob was turned on the way."""
    run = Run(small(steps=8, snapshot_every=2, generator={"width": 16, "normalisation": "batch"}))
    run.step()
    run.start()
    wait_until(lambda: run.lane_view().step == 1 and run.status == "paused")
    run.edit({"objective.penalty_weight": 3})
    run.resume()
    assert run.join(120)
    return of_run(run)


@cache
def race() -> Bundle:
    """Two lanes."""
    return ended(Run(RunConfig.parse({"shared": SHARED, "lanes": LANES, "length": 12, "snapshot_every": 3})))


@cache
def images() -> Bundle:
    return ended(Run(small("fashion-mnist", steps=2)))


@cache
def seeds() -> Bundle:
    """Several seeds: the numbers of one, shifted, and one that failed half-way."""
    view = solo().view.lanes[0]
    history = dict(view.history)
    for name in history.keys() - set(CLOCKS):
        history[name] = np.stack([history[name] + k for k in range(SEEDS)], 1)
        history[name][len(history[name]) // 2 :, -1] = np.nan
    row = {step: i for i, step in enumerate(history["step"].tolist())}
    frames = tuple(
        replace(frame, scalars={name: history[name][row[frame.step]] for name in frame.scalars})
        for frame in view.frames
    )
    many = replace(view, history=history, frames=frames, latest=frames[-1], seeds=SEEDS)
    return Bundle.of(RunView(view.run_id, RunConfig.solo(view.config, SEEDS), (many,)))


@cache
def failed() -> Bundle:
    """A run that failed before its first snapshot, with texts that are not to be trusted."""
    view = Run(small()).lane_view()
    evil = '<script>alert("1")</script></script><img src=x onerror=alert(2)>'
    events = (Event(0, 0, 0.0, "failure", evil),)
    broken = replace(view, status="failed", failure=Failure(evil, evil, f"/home/me/{evil}", "fault"), events=events)
    return Bundle.of(RunView(view.run_id, RunConfig.solo(view.config), (broken,)))


RUNS = {"solo": solo, "race": race, "images": images, "seeds": seeds, "failed": failed}


def assert_same(a: LaneView, b: LaneView) -> None:
    """The same run, all but speed, version and the failure's traceback."""
    assert (a.config, a.status, a.device, a.snapshots, a.seeds) == (b.config, b.status, b.device, b.snapshots, b.seeds)
    assert (a.step, a.critic_steps, a.seconds, a.events) == (b.step, b.critic_steps, b.seconds, b.events)
    assert list(a.history) == list(b.history)
    for name, column in a.history.items():
        np.testing.assert_array_equal(column, b.history[name], strict=True)
    assert len(a.frames) == len(b.frames)
    for one, other in zip(a.frames, b.frames, strict=True):
        assert_same_frame(one, other)
    assert (a.latest is None) == (b.latest is None)
    if a.latest is not None and b.latest is not None:
        assert_same_frame(a.latest, b.latest)


def assert_same_frame(a: Snapshot, b: Snapshot) -> None:
    assert (a.step, a.critic_steps, a.seconds) == (b.step, b.critic_steps, b.seconds)
    for here, there in ((a.scalars, b.scalars), (a.arrays, b.arrays)):
        assert list(here) == list(there)
        for name, value in here.items():
            np.testing.assert_array_equal(value, there[name], strict=True)
