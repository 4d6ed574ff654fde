"""Runs in background threads: what a person may do, what a page sees, and that nothing is left behind."""

from __future__ import annotations

import gc
import importlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from time import monotonic, sleep
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wgan_core.runs
from tests.core.helpers import ROOT, scalars, small, wait_until
from wgan_core.history import History, Snapshot
from wgan_core.host import DeviceError
from wgan_core.objectives import WganGp
from wgan_core.runs import Run, RunManager, TooManyRuns, UnknownRun, manage
from wgan_core.schema import ConfigError
from wgan_core.training import train

pytestmark = pytest.mark.usefixtures("few_points")

FOREVER = 1_000_000


@pytest.fixture
def manager() -> Iterator[RunManager]:
    made = RunManager()
    yield made
    made.shutdown()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("run-")], 5)


def endless(**settings: Any) -> Any:
    return small(steps=FOREVER, **({"snapshot_every": 50} | settings))


def paused(manager: RunManager, **settings: Any) -> Run:
    """A run that has trained a little and rests."""
    run = manager.get(manager.start(endless(**settings)))
    wait_until(lambda: run.lane_view().step >= 1)
    run.pause()
    wait_until(lambda: run.status == "paused")
    return run


# What a person may do


def test_a_run_goes_from_starting_to_finished_and_keeps_everything(manager: RunManager) -> None:
    config = small(steps=6, snapshot_every=2)
    run = Run(config)
    assert (run.status, run.lane_view().snapshots) == ("starting", 0)
    assert run.lane_view().live
    run.start()
    assert run.join(30)
    view = run.lane_view()
    assert (view.status, view.live, view.failure) == ("finished", False, None)
    assert (view.step, view.critic_steps, view.snapshots) == (6, 30, 4)
    assert view.seconds > 0
    assert view.device == "CPU"
    assert view.config == config
    assert view.history["step"].tolist() == [0, 2, 4, 6]
    assert view.latest is not None
    expected = scalars(train(config))
    assert view.latest.scalars == expected[6]
    np.testing.assert_array_equal(view.history["w1"], [expected[step]["w1"] for step in (0, 2, 4, 6)])
    # Nothing was estimated before the first step.
    assert np.isnan(view.history["w_estimate"]).tolist() == [True, False, False, False]


def test_a_paused_run_rests_until_it_is_resumed(manager: RunManager) -> None:
    run = paused(manager)
    before = run.lane_view()
    sleep(0.3)
    assert run.lane_view() is before
    assert before.steps_per_second == 0
    run.resume()
    wait_until(lambda: run.lane_view().step > before.step)
    assert run.status == "running"


@pytest.mark.parametrize("snapshot_every", [1, 50])
def test_a_single_step_is_one_generator_step_with_its_critic_steps_and_a_measurement(
    manager: RunManager, snapshot_every: int
) -> None:
    run = paused(manager, snapshot_every=snapshot_every)
    first = run.lane_view()
    run.step()  # finishes a round that the pause may have cut in two
    wait_until(lambda: run.lane_view().snapshots > first.snapshots)
    for _ in range(3):
        sleep(0.05)  # time for a measurement too many to show
        before = run.lane_view()
        run.step()
        wait_until(lambda before=before: run.lane_view().snapshots > before.snapshots and run.status == "paused")  # type: ignore[misc]
        after = run.lane_view()
        assert after.latest is not None
        assert after.step == after.latest.step == before.step + 1
        assert after.critic_steps == before.critic_steps + 5
        assert after.snapshots == before.snapshots + 1
    steps = run.lane_view().history["step"].tolist()
    assert steps == sorted(set(steps)), "no step is measured twice"


def test_single_steps_give_the_numbers_of_an_unbroken_training(manager: RunManager) -> None:
    config = small(steps=5, snapshot_every=1)
    run = Run(config)
    run.pause()
    run.start()
    for step in range(1, 6):
        wait_until(lambda: run.status == "paused")
        run.step()
        wait_until(lambda step=step: run.lane_view().step == step)  # type: ignore[misc]
    # The last step ends the run: there is nothing left to wait for.
    assert run.join(20)
    assert run.status == "finished"
    expected = scalars(train(config))
    assert run.lane_view().history["w1"].tolist() == [expected[step]["w1"] for step in range(6)]


def test_stopping_keeps_the_last_state_measured(manager: RunManager) -> None:
    run = manager.get(manager.start(endless(snapshot_every=FOREVER)))
    wait_until(lambda: run.lane_view().step >= 20)
    run.stop()
    assert run.join(10)
    view = run.lane_view()
    assert view.status == "stopped"
    assert view.failure is None
    assert view.latest is not None
    assert view.latest.step == view.step >= 20


def test_a_paused_run_can_be_stopped(manager: RunManager) -> None:
    run = paused(manager)
    run.stop()
    assert run.join(10)
    assert run.status == "stopped"


def test_a_run_that_never_started_can_be_joined() -> None:
    assert Run(small()).join(1)


@pytest.mark.parametrize("case", ["ring", "fashion"])
def test_a_run_stops_within_a_second(manager: RunManager, case: str) -> None:
    settings: dict[str, Any] = {"steps": FOREVER, "snapshot_every": 10}
    if case == "fashion":
        net = {"kind": "dcgan", "base_channels": 16}
        settings |= {"dataset": "fashion-mnist", "generator": net, "critic": net | {"normalisation": "layer"}}
        settings |= {"batch_size": 32}
    run = manager.get(manager.start(small(**settings)))
    wait_until(lambda: run.lane_view().critic_steps >= 1, 60)
    start = monotonic()
    run.stop()
    assert run.join(10)
    assert monotonic() - start < 1
    assert run.status == "stopped"


def test_a_running_run_says_how_fast_it_is(manager: RunManager) -> None:
    run = manager.get(manager.start(endless(snapshot_every=5)))
    wait_until(lambda: run.lane_view().snapshots >= 4)
    assert run.lane_view().steps_per_second > 0


def test_waiting_for_a_snapshot_ends_with_it_or_with_the_run(manager: RunManager) -> None:
    run = manager.get(manager.start(endless()))
    run.wait_for_snapshot(20)
    assert run.lane_view().snapshots >= 1
    unstarted = Run(small())
    start = monotonic()
    unstarted.wait_for_snapshot(0.05)
    assert monotonic() - start < 5


# Following


@pytest.fixture
def most_ahead(monkeypatch: pytest.MonkeyPatch) -> int:
    """A training soon waits for its readers."""
    monkeypatch.setattr("wgan_core.runs.following.MOST_AHEAD", 10)
    return 10


def test_whoever_follows_gets_every_snapshot_once_and_in_order(most_ahead: int) -> None:
    config = small(steps=2 * most_ahead)
    run = Run(config)
    coming = run.follow()
    run.start()
    found = list(coming)
    assert [(lane, s.step) for lane, s in found] == [(0, step) for step in range(2 * most_ahead + 1)]
    assert scalars(s for _, s in found) == scalars(train(config))
    assert run.join(10)


def test_training_waits_for_a_reader_that_is_far_behind_until_it_is_told_to_stop(most_ahead: int) -> None:
    run = Run(small(steps=10_000))
    coming = run.follow()
    run.start()
    next(coming)
    wait_until(lambda: run.lane_view().snapshots == most_ahead + 2)
    sleep(0.1)
    assert run.lane_view().snapshots == most_ahead + 2, "one was read, ten wait, one is on its way"
    run.stop()
    assert run.join(10)
    assert [s.step for _, s in coming] == list(range(1, run.lane_view().step + 1))


# Edits


def test_an_edit_reaches_a_running_training_and_is_recorded(manager: RunManager) -> None:
    run = manager.get(manager.start(endless()))
    run.edit({"objective.penalty_weight": 2})
    wait_until(lambda: bool(run.lane_view().events))
    view = run.lane_view()
    (event,) = view.events
    assert (event.kind, event.text) == ("edit", "objective.penalty_weight: 10 → 2")
    assert isinstance(view.config.objective, WganGp)
    assert view.config.objective.penalty_weight == 2


def test_an_edit_of_a_paused_run_holds_at_once(manager: RunManager) -> None:
    run = paused(manager)
    run.edit({"n_critic": 3})
    wait_until(lambda: run.lane_view().config.n_critic == 3)
    assert run.status == "paused"


def test_a_bad_edit_is_refused_in_the_callers_thread_and_harms_nothing(manager: RunManager) -> None:
    run = paused(manager)
    before = run.lane_view()
    with pytest.raises(ConfigError, match="n_critic: must be a whole number from 1 to 100; you gave 0"):
        run.edit({"n_critic": 0})
    with pytest.raises(ConfigError, match="seed: cannot be changed"):
        run.edit({"seed": 3})
    run.resume()
    wait_until(lambda: run.lane_view().step > before.step)
    assert run.lane_view().config == before.config
    assert run.lane_view().events == ()


# Views


def test_looking_changes_nothing_and_equal_versions_are_one_object(manager: RunManager) -> None:
    run = paused(manager)
    first = run.lane_view()
    assert all(run.lane_view() is first for _ in range(50))
    run.step()
    wait_until(lambda: run.lane_view() is not first)
    assert run.lane_view().version > first.version


def test_versions_grow_and_a_views_parts_belong_together(manager: RunManager) -> None:
    run = Run(small(steps=40, snapshot_every=1))
    run.start()
    views = [run.lane_view()]
    while run.lane_view().live:
        if (view := run.lane_view()) is not views[-1]:
            views.append(view)
        sleep(0.001)  # a thread that never rests starves the others of the interpreter
    assert run.join(10)
    views.append(run.lane_view())
    for a, b in pairwise(views):
        assert a.version <= b.version
        assert a.snapshots <= b.snapshots
        assert a.step <= b.step
    for view in views:
        lengths = {len(column) for column in view.history.values()}
        assert lengths == {view.snapshots}
        if view.latest is not None:
            assert view.history["step"][-1] == view.latest.step <= view.step
    assert views[-1].status == "finished"


def test_the_arrays_of_a_view_stay_as_they_were(manager: RunManager) -> None:
    run = paused(manager, snapshot_every=1)
    view = run.lane_view()
    before = {name: column.copy() for name, column in view.history.items()}
    run.resume()
    wait_until(lambda: run.lane_view().snapshots > view.snapshots + 3)
    for name, column in view.history.items():
        np.testing.assert_array_equal(column, before[name])


# Failures


def test_a_failed_run_keeps_its_history_and_says_why(manager: RunManager, monkeypatch: pytest.MonkeyPatch) -> None:
    original = WganGp.generator_loss
    calls = []

    def breaks_later(self: Any, critic: Any, fake: Any) -> Any:
        calls.append(1)
        if len(calls) == 60:  # each snapshot asks once more, for the arrows
            raise ZeroDivisionError("on purpose")
        return original(self, critic, fake)

    monkeypatch.setattr(WganGp, "generator_loss", breaks_later)
    run = Run(small(steps=FOREVER, snapshot_every=5))
    run.start()
    wait_until(lambda: run.status == "failed")
    assert run.join(10)
    view = run.lane_view()
    assert view.snapshots > 5
    assert len(view.history["w1"]) == view.snapshots
    assert view.latest is not None
    assert view.failure is not None
    assert view.failure.message == "ZeroDivisionError: on purpose"
    assert "breaks_later" in view.failure.traceback
    (event,) = view.events
    assert (event.kind, event.text) == ("failure", view.failure.message)
    assert event.step >= view.latest.step


def test_a_diverged_run_fails_with_the_likely_cause(manager: RunManager) -> None:
    rates = {"critic_optimiser": {"lr": 100}, "generator_optimiser": {"lr": 100}}
    run = manager.get(manager.start(endless(**rates)))
    assert run.join(30)
    view = run.lane_view()
    assert view.status == "failed"
    assert view.snapshots == 1
    assert view.failure is not None
    assert "learning rate, 100, is very high" in view.failure.cause


def test_one_failed_run_does_not_harm_another(manager: RunManager) -> None:
    good = manager.get(manager.start(endless()))
    bad = manager.get(manager.start(endless(critic_optimiser={"lr": 100}, generator_optimiser={"lr": 100})))
    assert bad.join(30)
    step = good.lane_view().step
    wait_until(lambda: good.lane_view().step > step)


# The manager


def test_the_limit_of_live_runs_is_told_and_frees_up_when_one_ends() -> None:
    manager = RunManager(live_limit=2)
    try:
        first = manager.start(endless())
        second = manager.get(manager.start(endless()))
        second.pause()  # a paused run is live too
        with pytest.raises(TooManyRuns, match=r"2 runs are live on this server, which is its limit\. Stop one"):
            manager.start(endless())
        manager.get(first).stop()
        assert manager.get(first).join(10)
        manager.start(endless())
    finally:
        manager.shutdown()


def test_ended_runs_are_remembered_up_to_a_number_and_live_ones_always() -> None:
    manager = RunManager(live_limit=2, kept=3)
    try:
        living = manager.start(endless())
        ended = []
        for _ in range(5):
            ended.append(manager.start(small(steps=1)))
            assert manager.get(ended[-1]).join(20)
        assert [run.id for run in manager.runs()] == [*reversed(ended[-3:]), living]
        with pytest.raises(UnknownRun):
            manager.view(ended[0])
    finally:
        manager.shutdown()


def test_an_unknown_run_is_told_in_words(manager: RunManager) -> None:
    with pytest.raises(UnknownRun) as caught:
        manager.view("cafe")
    assert str(caught.value).startswith("There is no run 'cafe' on this server.")


def test_an_absent_device_is_refused_before_a_run_exists(manager: RunManager) -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        manager.start(small(device="cuda:99"))
    assert manager.runs() == []


def test_shutdown_ends_every_run_may_come_twice_and_admits_no_more() -> None:
    manager = RunManager()
    runs = [manager.get(manager.start(endless())) for _ in range(2)]
    runs[1].pause()
    for _ in range(2):
        manager.shutdown()
        assert [run.status for run in runs] == ["stopped", "stopped"]
    with pytest.raises(TooManyRuns, match="shutting down"):
        manager.start(small())


def test_the_process_has_one_manager_even_after_the_module_was_imported_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = wgan_core.runs.manager()
    package = sys.modules["wgan_core"]
    for room in ("runs", "host"):  # put back at the end
        monkeypatch.setattr(package, room, sys.modules[f"wgan_core.{room}"])
        for name in [name for name in sys.modules if name.startswith(f"wgan_core.{room}")]:
            monkeypatch.delitem(sys.modules, name)
    again = importlib.import_module("wgan_core.runs")
    assert again.RunManager is not RunManager  # it truly is a second copy
    assert again.manager() is first


def test_all_threads_get_the_same_manager() -> None:
    found: list[RunManager] = []
    threads = [threading.Thread(target=lambda: found.append(wgan_core.runs.manager())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in found}) == 1


TWO_RUNS_UNTIL_SIGTERM = """
import signal, sys, threading
from wgan_core.config import TrainingConfig
from wgan_core.runs import manager

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
for kind in ("gan", "wgan-gp"):
    config = TrainingConfig.parse({"objective": {"kind": kind}, "steps": 1_000_000, "device": "cpu"})
    manager().get(manager().start(config)).wait_for_snapshot(60)
print("ready", flush=True)
# A signal that comes just before a sleep begins is heeded at its end, so these are short.
while not threading.Event().wait(0.2):
    pass
"""


def test_a_process_with_two_trainings_obeys_sigterm_without_an_abort() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TWO_RUNS_UNTIL_SIGTERM],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        start = monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert monotonic() - start < 5
        assert process.returncode == 0, errors
        assert errors == ""
    finally:
        process.kill()


@pytest.mark.slow
def test_200_starts_and_stops_leave_no_thread_and_no_memory() -> None:
    manager = RunManager(kept=5)
    process = psutil.Process()

    def start_and_stop(times: int) -> int:
        for i in range(times):
            run = manager.get(manager.start(endless(seed=i)))
            run.wait_for_snapshot(20)
            run.stop()
            assert run.join(20)
        gc.collect()
        return int(process.memory_info().rss)

    threads = threading.active_count()
    before = start_and_stop(60)  # allocators and caches fill first
    after = start_and_stop(200)
    manager.shutdown()
    assert threading.active_count() == threads
    # A leaked training keeps its probe and snapshots, over 150 kB: 200 of them would be 30 MB.
    assert after - before < 15_000_000


# The history


def snapshot(step: int) -> Snapshot:
    return Snapshot(step, 5 * step, step / 10, {"w1": float(step)})


@given(capacity=st.integers(2, 40), count=st.integers(1, 600))
def test_a_history_is_bounded_evenly_spaced_and_ends_with_the_newest(capacity: int, count: int) -> None:
    history = History(capacity)
    for step in range(count):
        history.append(snapshot(step))
    steps = history.columns()["step"]
    assert len(steps) <= capacity + 1
    assert len(steps) >= min(count, capacity // 2)
    assert steps[0] == 0
    assert steps[-1] == count - 1
    gaps = np.diff(steps)
    if len(gaps) > 1:
        assert (gaps[:-1] == gaps[0]).all()
        assert 0 < gaps[-1] <= gaps[0]


def test_rows_of_a_history_stay_whole() -> None:
    history = History(8)
    for step in range(100):
        history.append(snapshot(step))
    columns = history.columns()
    np.testing.assert_array_equal(columns["critic_steps"], 5 * columns["step"])
    np.testing.assert_array_equal(columns["w1"], columns["step"])


def test_a_scalar_that_appears_late_or_not_always_is_nan_elsewhere() -> None:
    history = History(64)
    for step in range(40):
        extra = {f"late_{i}": float(i) for i in range(step)}  # outgrows the columns that were set aside
        history.append(Snapshot(step, step, 0.0, extra))
    columns = history.columns()
    assert {len(column) for column in columns.values()} == {40}
    late = columns["late_20"]
    assert np.isnan(late[:21]).all()
    assert (late[21:] == 20).all()


@pytest.mark.slow
def test_a_million_snapshots_fit_into_a_thousand_rows() -> None:
    history = History()
    process = psutil.Process()
    history.append(snapshot(0))
    before = process.memory_info().rss
    for step in range(1, 1_000_000):
        history.append(snapshot(step))
    columns = history.columns()
    assert 512 <= len(columns["step"]) <= 1025
    assert len(np.unique(np.diff(columns["step"])[:-1])) == 1
    assert columns["step"][-1] == 999_999
    assert process.memory_info().rss - before < 20_000_000


@pytest.mark.parametrize("text", ["0", "-1", "65", "many", "", "1e3"])
def test_a_limit_of_live_runs_that_makes_no_sense_is_refused_in_words(text: str) -> None:
    with pytest.raises(ConfigError, match="WGAN_LIVE_RUNS: must be a whole number from 1 to 64"):
        manage._live_limit(text)
    assert manage._live_limit("8") == 8
