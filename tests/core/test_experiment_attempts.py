"""Experiments in the background: leg after leg, stopped, gone on with, waiting for room, opened again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core import tiny_claims
from tests.core.helpers import small, wait_until
from wgan_core.config import RunConfig
from wgan_core.experiments import Progress, Quantity, Size, Standing, Tracks, runs_of, standings
from wgan_core.experiments.attempts import MOST_COMPUTED, Attempt, Attempts, TrainingAttempt
from wgan_core.experiments.experiment import Computed
from wgan_core.experiments.reopening import computed_id, reopened
from wgan_core.runs import RunManager, TooManyRuns, UnknownRun
from wgan_core.store import Store

pytestmark = pytest.mark.usefixtures("few_points")

FOREVER = 1_000_000


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    made = RunManager(store=Store(tmp_path))
    yield made
    made.shutdown()


@pytest.fixture
def attempts(manager: RunManager) -> Iterator[Attempts]:
    made = Attempts(manager)
    yield made
    made.shutdown()


@pytest.fixture
def store(manager: RunManager) -> Store:
    assert manager.store is not None
    return manager.store


def started(attempts: Attempts, steps: int = tiny_claims.STEPS) -> TrainingAttempt:
    attempt = attempts.start(tiny_claims.trained(steps=steps), "quick")
    assert isinstance(attempt, TrainingAttempt)
    return attempt


def ended(attempt: Attempt) -> Standing:
    assert attempt.join(60)
    assert attempt.standing is not None
    return attempt.standing


def numbers(standing: Standing) -> tuple[Quantity, ...]:
    assert standing.verdict is not None, standing.problem
    return standing.verdict.numbers


def test_legs_run_one_after_another_and_are_judged_and_stored(attempts: Attempts, store: Store) -> None:
    attempt = started(attempts)
    assert list(attempt.runs) == ["seed 0"]
    assert attempts.live("tiny") == [attempt]
    standing = ended(attempt)
    assert standing.verdict is not None
    assert standing.verdict.outcome == "reproduced"
    assert numbers(standing)[0].values == (20.0, 20.0)
    assert list(attempt.runs) == ["seed 0", "seed 1"]
    assert attempts.live() == []
    (found,) = standings(store, attempt.experiment)
    assert numbers(found) == numbers(standing)
    for run_id in attempt.runs.values():
        assert attempts.get(run_id) is attempt
        assert numbers(reopened(store, attempt.experiment, run_id)) == numbers(standing)
        assert store.run(run_id).tags == ("experiment:tiny", "quick")


def test_a_stopped_attempt_goes_on_where_it_was_and_comes_to_the_same(attempts: Attempts, store: Store) -> None:
    experiment = tiny_claims.trained()
    whole = numbers(ended(started(attempts)))
    attempt = started(attempts)
    assert attempt.now is not None
    attempt.now.pause()
    attempt.stop()
    standing = ended(attempt)
    assert standing.verdict is None
    assert standing.problem == "It was stopped before its end."
    assert list(attempt.runs) == ["seed 0"]
    # Known by the process or by the store alone: the same.
    again = reopened(store, experiment, attempt.id)
    assert (again.verdict, again.problem, again.runs) == (None, standing.problem, standing.runs)
    resumed = attempts.start(experiment, "quick", standing.runs)
    assert resumed.id == attempt.id
    assert numbers(ended(resumed)) == whole


def test_what_was_stopped_in_its_second_leg_keeps_the_first(attempts: Attempts, store: Store) -> None:
    attempt = started(attempts, steps=60)
    wait_until(lambda: len(attempt.runs) == 2, 60)
    attempt.stop()
    standing = ended(attempt)
    assert standing.verdict is None
    assert reopened(store, attempt.experiment, attempt.id).runs == attempt.runs
    first = store.run(attempt.id).lanes[0].seconds
    resumed = attempts.start(attempt.experiment, "quick", attempt.runs)
    assert isinstance(resumed, TrainingAttempt)
    assert resumed.runs == attempt.runs
    assert numbers(ended(resumed))[0].values == (60.0, 60.0)
    assert store.run(attempt.id).lanes[0].seconds == first


def test_a_refused_start_begins_nothing(store: Store) -> None:
    manager = RunManager(live_limit=1, store=store)
    attempts = Attempts(manager)
    other = manager.get(manager.start(small(steps=FOREVER)))
    with pytest.raises(TooManyRuns, match="1 runs are live on this server"):
        attempts.start(tiny_claims.trained(), "quick")
    assert attempts.live() == []
    other.stop()
    assert other.join(60)


class Full(RunManager):
    """Has room for the first run, and for further ones once it is told so."""

    room = False

    def start(self, config: object) -> str:
        if self.runs() and not self.room:
            raise TooManyRuns("No room.")
        assert isinstance(config, RunConfig)
        return super().start(config)


def test_a_later_leg_waits_for_room(store: Store) -> None:
    manager = Full(store=store)
    attempts = Attempts(manager)
    attempt = started(attempts)
    wait_until(lambda: bool(attempt.waiting), 60)
    assert attempt.waiting == "“seed 1” waits for its turn. No room."
    assert attempt.standing is None
    manager.room = True
    assert numbers(ended(attempt))
    assert attempt.waiting == ""
    # Who waits can be stopped.
    manager.room, manager.live_limit = False, 4
    manager._runs.clear()
    waiting = started(attempts)
    wait_until(lambda: bool(waiting.waiting), 60)
    waiting.stop()
    assert ended(waiting).problem == "seed 1 has not run."


def test_a_verdict_that_cannot_be_computed_says_so(attempts: Attempts) -> None:
    def broken(_: Tracks) -> Sequence[Quantity]:
        raise KeyError("w2")

    standing = ended(attempts.start(replace(tiny_claims.trained(), measure=broken), "control"))
    assert standing.verdict is None
    assert "w2" in standing.problem


def test_a_run_whose_settings_are_no_more_has_no_verdict(attempts: Attempts, store: Store) -> None:
    attempt = started(attempts)
    ended(attempt)
    changed = tiny_claims.trained(steps=21)
    assert (
        reopened(store, changed, attempt.id).problem == "The experiment has other settings now than when this was run."
    )
    assert runs_of(store, changed, "quick") == {"seed 0": [], "seed 1": []}


@pytest.mark.parametrize("run_id", ["", "nothing", "tiny.quick"])
def test_an_unknown_run_is_refused(store: Store, run_id: str) -> None:
    with pytest.raises(UnknownRun):
        reopened(store, tiny_claims.trained(), run_id)


def test_a_run_of_something_else_is_refused(manager: RunManager, store: Store) -> None:
    run = manager.get(manager.start(small()))
    assert run.join(60)
    assert store.flush()
    with pytest.raises(UnknownRun):
        reopened(store, tiny_claims.trained(), run.id)


# Computed


@pytest.mark.parametrize(("size", "outcome"), [("quick", "reproduced"), ("control", "not")])
def test_a_computed_experiment_is_judged_and_kept(attempts: Attempts, store: Store, size: Size, outcome: str) -> None:
    experiment = tiny_claims.computed()
    with pytest.raises(UnknownRun):
        reopened(store, experiment, computed_id(experiment, size))
    attempt = attempts.start(experiment, size)
    standing = ended(attempt)
    assert standing.verdict is not None
    assert standing.verdict.outcome == outcome
    assert numbers(reopened(store, experiment, attempt.id)) == numbers(standing)


class Slow(Computed):
    """Computes until it is let go."""

    def compute(self, size: Size) -> Iterator[Progress]:
        (last,) = [each for each in super().compute(size) if each.computations is not None]
        while not GO.is_set():
            yield replace(last, computations=None, share=0.5)
            GO.wait(0.02)
        yield last


GO = threading.Event()


def slow(name: str) -> Slow:
    return Slow(**vars(tiny_claims.computed(name)))


def test_what_is_computed_is_shared_limited_and_stopped(attempts: Attempts) -> None:
    GO.clear()
    going = [attempts.start(slow(f"slow-{i}"), "quick") for i in range(MOST_COMPUTED)]
    assert attempts.start(slow("slow-0"), "quick") is going[0]
    with pytest.raises(TooManyRuns, match="being computed"):
        attempts.start(slow("slow-more"), "quick")
    going[0].stop()
    assert ended(going[0]).problem == "It was stopped before its end."
    GO.set()
    assert numbers(ended(going[1]))
    assert numbers(ended(attempts.start(slow("slow-0"), "quick")))


def test_the_end_of_the_server_ends_them(attempts: Attempts) -> None:
    GO.clear()
    computing = attempts.start(slow("slow-end"), "quick")
    training = started(attempts, steps=FOREVER)
    attempts.shutdown(30)
    assert ended(computing).verdict is None
    assert ended(training).verdict is None
