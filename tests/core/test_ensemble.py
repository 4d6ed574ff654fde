"""Many seeds at once: the numbers of single trainings, in processes of which none outlives its owner."""

from __future__ import annotations

import gc
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import psutil
import pytest
import torch

import wgan_core.members.crew
import wgan_core.members.group
from tests.core.helpers import CPU, ROOT, often, small, wait_until
from wgan_core.config import TrainingConfig
from wgan_core.history import Failure, History, Snapshot
from wgan_core.members.crew import Crew, usable_cores
from wgan_core.members.ensemble import Ensemble
from wgan_core.members.group import Group, common_snapshot
from wgan_core.members.sites import EnsembleFailed, InThisProcess
from wgan_core.members.stacked import stacks
from wgan_core.members.worker import pack, receive
from wgan_core.schema import ConfigError
from wgan_core.training import Diverged, Training, failure_of, train
from wgan_core.training.several import seeded
from wgan_core.training.state import BadState

FOREVER = 1_000_000
# Of seeds 0 to 4 some diverge within a few steps and some do not.
HOT = {"critic_optimiser": {"lr": 7}, "generator_optimiser": {"lr": 7}}


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """One crew for all tests that do it no harm: starting one takes seconds."""
    with closing(Crew(2)) as made:
        yield made


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crews of one worker, for tests that each need one of their own."""
    monkeypatch.setattr(wgan_core.members.crew, "usable_cores", lambda: 1)


def snapshots(members: Ensemble) -> list[Snapshot]:
    return [snapshot for snapshot in members.updates() if snapshot is not None]


def first(members: Ensemble) -> Snapshot:
    return next(snapshot for snapshot in members.updates() if snapshot is not None)


def alone(config: TrainingConfig, seed: int) -> tuple[list[Snapshot], Diverged | None]:
    """The snapshots of a plain training with this seed, and what it ended with."""
    found: list[Snapshot] = []
    try:
        found.extend(train(config.model_copy(update={"seed": seed})))
    except Diverged as error:
        return found, error
    return found, None


def columns(found: list[Snapshot], k: int) -> list[dict[str, float]]:
    """The scalars of one member, without those that it lacks."""
    return [
        {name: column[k] for name, column in each.scalars.items() if not np.isnan(column[k])}  # type: ignore[index]
        for each in found
    ]


def alike(found: list[Any], expected: list[Any], rtol: float = 1e-3) -> None:
    """The same numbers by the same names, but for rounding: members of a worker train as one program."""
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            np.testing.assert_allclose(ours[name], value, rtol=rtol, atol=1e-4, err_msg=name)


def gone(pid: int) -> bool:
    try:
        return bool(
            psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        )  # of a parent that does not wait: ours is dead
    except psutil.NoSuchProcess:
        return True


def waited_for(pids: list[int]) -> bool:
    """Nothing is left of our workers, not even a zombie."""
    return not any(map(psutil.pid_exists, pids))


def apart(configs: Sequence[TrainingConfig]) -> list[list[int]]:
    """Members that train one after another."""
    return [[i] for i in range(len(configs))]


def pids_of(members: Ensemble) -> list[int]:
    """The workers of an ensemble."""
    assert isinstance(members.sites, Crew)
    return members.sites.pids


def busy(pids: list[int]) -> None:
    """Wait until the workers are in the middle of a training."""
    processes = [psutil.Process(pid) for pid in pids]
    before = [sum(p.cpu_times()[:2]) for p in processes]
    wait_until(lambda: all(sum(p.cpu_times()[:2]) > b + 0.1 for p, b in zip(processes, before, strict=True)))


# The numbers


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("objective", ["gan", "wgan-clip", "wgan-gp"])
def test_each_member_has_the_numbers_of_a_training_of_its_own(crew: Crew, objective: str, activation: str) -> None:
    net = {"width": 16, "activation": activation}
    config = small(objective=objective, seed=5, steps=7, snapshot_every=3, threads=1, generator=net, critic=net)
    with closing(Ensemble(seeded(config, 3), crew)) as members:
        found = snapshots(members)
        assert (members.step, members.critic_steps) == (7, 7 * config.n_critic)
        assert members.seconds == found[-1].seconds > 0
        assert members.failures == {}
        assert members.snapshot() is found[-1]
        assert str(members.device) == "cpu"
    assert [s.step for s in found] == [0, 3, 6, 7]
    assert [s.critic_steps for s in found] == [s.step * config.n_critic for s in found]
    for k in range(3):
        expected = [dict(s.scalars) for s in alone(config, 5 + k)[0]]
        alike(columns(found, k), expected)
        if activation == "tanh":  # nets that are not stacked, to the last digit
            assert columns(found, k) == expected
    for ours, theirs in zip(found, alone(config, 5)[0], strict=True):
        assert ours.arrays.keys() == theirs.arrays.keys()
        for name, array in theirs.arrays.items():
            np.testing.assert_allclose(
                ours.arrays[name], array, rtol=1e-3, atol=1e-2 if name == "weight_counts" else 1e-3
            )
            assert not ours.arrays[name].flags.writeable


def test_a_history_takes_the_snapshots(crew: Crew) -> None:
    history = History(seeds=2)
    with closing(Ensemble(seeded(small(steps=2), 2), crew)) as members:
        for snapshot in snapshots(members):
            history.append(snapshot)
    assert history.columns()["w1"].shape == (3, 2)


@pytest.mark.slow
def test_numbers_depend_neither_on_the_workers_nor_on_other_lanes(crew: Crew) -> None:
    """Two lanes in lockstep on two workers, and one lane on one: the same members are put together into one program."""
    tanh = {"width": 16, "activation": "tanh"}
    configs = [
        small(objective="gan", steps=4, snapshot_every=2),
        small(steps=4, snapshot_every=2, generator=tanh, critic=tanh),
    ]
    lanes = [Ensemble(seeded(config, 3), crew) for config in configs]
    shared: list[list[Snapshot]] = [[], []]
    updates = [lane.updates() for lane in lanes]
    while any(len(found) < 3 for found in shared):
        for found, items in zip(shared, updates, strict=True):
            if (snapshot := next(items, None)) is not None:
                found.append(snapshot)
    with closing(Crew(1)) as lone:
        assert lone.pids == []
        for lane, config, found in zip(lanes, configs, shared, strict=True):
            lane.close()
            with closing(Ensemble(seeded(config, 3), lone)) as members:
                again = snapshots(members)
            for k in range(3):
                assert columns(again, k) == columns(found, k)
        assert len(lone.pids) == 1


def test_members_train_on_one_thread_of_the_cpu_whatever_the_config_says() -> None:
    with closing(Ensemble(seeded(small(threads=2, device="auto"), 2))) as members:
        assert members.config.threads == 1
        assert str(members.device) == "cpu"


def test_there_are_no_more_workers_than_members_and_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wgan_core.members.crew, "usable_cores", lambda: 3)
    for most, seeds, workers in ((None, 2, 2), (None, 8, 3), (2, 8, 2), (8, 8, 3)):
        with closing(Crew(most)) as made, closing(Ensemble(seeded(small(), seeds), made)):
            assert len(made.pids) == workers
    with closing(Crew()) as made:
        for workers in (2, 3, 3):
            Ensemble(seeded(small(), 2), made)
            assert len(made.pids) == workers


def test_cores_are_those_of_this_process_and_of_its_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wgan_core.members.crew, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(16), raising=False)
    for text, cores in ((None, 16), ("max 100000\n", 16), ("350000 100000\n", 4), ("20000 100000\n", 1)):
        if text is not None:
            (tmp_path / "cpu.max").write_text(text)
        assert usable_cores() == cores


# Driving


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_while_there_is_no_snapshot_the_driver_gets_none() -> None:
    with closing(Ensemble(seeded(small(steps=FOREVER, snapshot_every=FOREVER), 2))) as members:
        first(members)
        start = monotonic()
        updates = members.updates()
        assert [next(updates) for _ in range(5)] == [None] * 5
        assert 0.2 < monotonic() - start < 5
        assert members.step == 0


def test_a_driver_that_rests_finds_one_chunk_more_and_no_second_one(crew: Crew) -> None:
    with closing(Ensemble(seeded(small(steps=FOREVER, snapshot_every=20), 2), crew)) as members:
        processes = [psutil.Process(pid) for pid in crew.pids]
        updates = members.updates()
        while next(updates) is None:
            pass

        def work() -> float:
            return sum(sum(p.cpu_times()[:2]) for p in processes)

        def rests() -> bool:
            before = work()
            sleep(0.3)
            return work() == before

        wait_until(rests)
        snapshot = next(updates)
        assert snapshot is not None
        assert snapshot.step == 20


def test_the_newest_snapshot_can_be_had_before_any_other(crew: Crew) -> None:
    with closing(Ensemble(seeded(small(), 2), crew)) as members:
        assert members.snapshot().step == 0
        assert [s.step for s in snapshots(members)] == [1, 2, 3]


# Edits


def test_an_edit_reaches_all_members_at_the_step_of_its_event(crew: Crew) -> None:
    config = small(steps=12, snapshot_every=2)
    changes = {"critic_optimiser.lr": 0.02, "n_critic": 2}
    found: list[Snapshot] = []
    with closing(Ensemble(seeded(config, 3), crew)) as members:
        for snapshot in members.updates():
            if snapshot is not None:
                found.append(snapshot)
                if snapshot.step == 4:
                    event = members.edit(changes)
                    assert members.config.n_critic == 2
    assert event.kind == "edit"
    assert event.text == "critic_optimiser.lr: 0.0001 → 0.02, n_critic: 5 → 2"
    assert event.step in (6, 8)
    assert event.critic_steps == 5 * event.step
    assert event.seconds > 0
    for k in range(3):
        training, expected = Training(config.model_copy(update={"seed": k})), []
        for each in training.updates():
            if each is not None:
                expected.append(dict(each.scalars))
                if each.step == event.step:
                    training.edit(changes)
        alike(columns(found, k), expected)
    assert found[-1].critic_steps == 5 * event.step + 2 * (12 - event.step)


def test_edits_before_the_first_snapshot_and_after_the_last_do_no_harm(crew: Crew) -> None:
    with closing(Ensemble(seeded(small(steps=2), 2), crew)) as members:
        event = members.edit({"n_critic": 2})
        assert (event.step, event.critic_steps, event.seconds) == (0, 0, 0.0)
        assert [s.critic_steps for s in snapshots(members)] == [0, 2, 4]
        event = members.edit({"n_critic": 3})
        assert (event.step, event.critic_steps, event.seconds) == (2, 4, members.seconds)
        assert list(members.updates()) == []


def test_a_bad_edit_is_refused_and_changes_nothing(crew: Crew) -> None:
    config = small()
    for members in (Ensemble(seeded(config, 2), crew), Ensemble(seeded(config, 2), InThisProcess(apart))):
        with closing(members):
            for changes in ({"steps": 9}, {"n_critic": 0}):
                with pytest.raises(ConfigError):
                    members.edit(changes)
            assert members.config == config
            assert [s.critic_steps for s in snapshots(members)] == [0, 5, 10, 15]


# Bad numbers of seeds


@pytest.mark.parametrize(
    ("config", "seeds", "text"),
    [
        (small(), 0, "seeds: must be a whole number from 1 to 32; you gave 0"),
        (small(), 33, "seeds: must be a whole number from 1 to 32; you gave 33"),
        (small(), -1, "you gave -1"),
        (small(seed=2**31 - 1), 2, "seed: with 2 seeds it must be at most 2,147,483,646; you gave 2,147,483,647"),
        (small("fashion-mnist"), 2, "seeds: several seeds at once are for data sets of points; images take one seed"),
    ],
)
def test_a_number_of_seeds_that_cannot_be_is_refused(config: TrainingConfig, seeds: int, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        seeded(config, seeds)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("config", "seeds"),
    [(small(), 1), (small(), 32), (small(seed=2**31 - 2), 2), (small("fashion-mnist"), 1)],
)
def test_a_number_of_seeds_at_the_bound_is_fine(config: TrainingConfig, seeds: int) -> None:
    assert len(seeded(config, seeds)) == seeds


# Failures


def test_members_that_diverge_are_named_and_the_others_go_on(crew: Crew) -> None:
    config = small(objective="gan", steps=12, snapshot_every=1, **HOT)
    plain = {seed: alone(config, seed) for seed in range(5)}
    assert {error is None for _, error in plain.values()} == {True, False}, "this test needs seeds of both kinds"
    for members in (Ensemble(seeded(config, 5), crew), Ensemble(seeded(config, 5), InThisProcess(apart))):
        with closing(members):
            found = snapshots(members)
            failures = dict(members.failures)
        assert [s.step for s in found] == list(range(13))
        # At which step, in which term; members of one program say their seed too.
        assert {seed: re.sub(" with seed .|: .*", "", why.message) for seed, why in failures.items()} == {
            seed: str(error).split(":")[0] for seed, (_, error) in plain.items() if error is not None
        }
        for seed, (expected, _) in plain.items():
            rows = columns(found, seed)
            alike(rows[: len(expected)], [s.scalars for s in expected], rtol=0.02)
            assert all(row == {} for row in rows[len(expected) :])
        left = next(seed for seed in plain if seed not in failures)
        np.testing.assert_allclose(found[-1].arrays["fake"], plain[left][0][-1].arrays["fake"], rtol=0.02, atol=0.02)


def test_when_all_have_diverged_the_first_ones_failure_is_raised(crew: Crew) -> None:
    config = small(steps=500, seed=3, critic_optimiser={"lr": 1000}, generator_optimiser={"lr": 1000})
    plain = {seed: alone(config, seed)[1] for seed in (3, 4)}
    for members in (Ensemble(seeded(config, 2), crew), Ensemble(seeded(config, 2), InThisProcess(apart))):
        with closing(members), pytest.raises(Diverged) as caught:
            snapshots(members)
        assert members.snapshot().step >= 0, "what there was before stays"
        assert set(members.failures) == {0, 1}
        failure = failure_of(caught.value)
        earliest = next(iter(members.failures))
        which = f"All 2 seeds, 3 to 4, have failed, seed {3 + earliest} first."
        assert re.sub(" with seed .", "", failure.message) == f"{which} {plain[3 + earliest]}"
        assert failure.cause == "The critic's learning rate, 1000, is very high. Try 1e-4 to 1e-3."
        assert "Diverged" in failure.traceback


def test_a_lone_member_fails_in_its_own_words() -> None:
    config = small(steps=500, critic_optimiser={"lr": 1000})
    with pytest.raises(Diverged) as caught:
        snapshots(Ensemble(seeded(config, 1), InThisProcess(apart)))
    assert str(caught.value) == str(alone(config, 0)[1])


def test_time_does_not_go_back_when_a_slow_member_fails() -> None:
    slow, fast = (Snapshot(1, 1, seconds, {"w1": 0.0}) for seconds in (9.0, 1.0))
    before = common_snapshot(2, {0: slow, 1: fast})
    assert before.seconds == 5
    assert common_snapshot(2, {1: fast}, at_least=before.seconds).seconds == 5


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_a_worker_that_is_killed_ends_the_ensemble_with_a_reason() -> None:
    members = Ensemble(seeded(small(steps=FOREVER, snapshot_every=5), 2))
    with closing(members):
        first(members)
        os.kill(pids_of(members)[-1], signal.SIGKILL)
        start = monotonic()
        with pytest.raises(EnsembleFailed) as caught:
            snapshots(members)
        assert monotonic() - start < 2
        failure = failure_of(caught.value)
        assert failure.message == "A worker process was ended from outside (SIGKILL)."
        assert "memory" in failure.cause
        with pytest.raises(EnsembleFailed, match="ended from outside"):
            Ensemble(seeded(small(), 2), members.sites)
    assert waited_for(pids_of(members))


def test_a_worker_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('no numbers here')")
    monkeypatch.setattr(wgan_core.members.crew, "ROOT", f"{tmp_path}{os.pathsep}{ROOT}")
    with closing(Ensemble(seeded(small(), 2))) as members, pytest.raises(EnsembleFailed) as caught:
        first(members)
    failure = failure_of(caught.value)
    assert failure.message == "A worker process ended with status 1: ImportError: no numbers here"
    assert "Traceback" in failure.traceback


# Life and death


@pytest.mark.slow
def test_a_closed_ensemble_has_ended_its_workers_and_says_so() -> None:
    members = Ensemble(seeded(small(steps=FOREVER, snapshot_every=FOREVER), 3))
    first(members)
    pids = pids_of(members)
    busy(pids_of(members))
    start = monotonic()
    members.close()
    assert monotonic() - start < 2, "closing in the middle of a chunk"
    assert waited_for(pids)
    members.close()
    with pytest.raises(EnsembleFailed, match="closed"):
        next(members.updates())
    with pytest.raises(EnsembleFailed, match="closed"):
        Ensemble(seeded(small(), 2), members.sites)


def test_a_lane_that_is_closed_leaves_the_others_their_workers(crew: Crew) -> None:
    left, stays = (Ensemble(seeded(small(), 2), crew) for _ in range(2))
    left.close()
    with pytest.raises(EnsembleFailed, match="closed"):
        next(left.updates())
    assert [s.step for s in snapshots(stays)] == [0, 1, 2, 3]


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_closing_from_another_thread_wakes_the_one_that_waits() -> None:
    members = Ensemble(seeded(small(steps=FOREVER, snapshot_every=FOREVER), 2))
    first(members)
    raised = threading.Event()

    def drive() -> None:
        with pytest.raises(EnsembleFailed, match="closed"):
            snapshots(members)
        raised.set()

    thread = threading.Thread(target=drive)
    thread.start()
    members.close()
    thread.join(5)
    assert raised.is_set()


def test_a_worker_that_does_not_react_is_killed() -> None:
    members = Ensemble(seeded(small(), 2))
    for pid in pids_of(members):
        os.kill(pid, signal.SIGSTOP)
    start = monotonic()
    members.close()
    assert monotonic() - start < 5
    assert waited_for(pids_of(members))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_what_a_terminal_or_a_service_sends_to_all_is_the_owners_business(crew: Crew, sent: signal.Signals) -> None:
    with closing(Ensemble(seeded(small(steps=2), 2), crew)) as members:
        first(members)
        for pid in crew.pids:
            os.kill(pid, sent)
        assert [s.step for s in snapshots(members)] == [1, 2]


def test_a_forgotten_ensemble_ends_its_workers() -> None:
    members = Ensemble(seeded(small(), 2))
    pids = pids_of(members)
    del members
    gc.collect()
    assert waited_for(pids)


def test_nothing_is_left_of_many_ensembles() -> None:
    def left() -> tuple[int, int, int]:
        process = psutil.Process()
        return process.num_fds(), len(process.children(recursive=True)), threading.active_count()

    with closing(Ensemble(seeded(small(), 2))):
        pass  # what is only made once
    before = left()
    for _ in range(often(5, 20)):
        with closing(Ensemble(seeded(small(), 2))):
            pass
    assert left() == before


OWNER = """
import sys
from tests.core.helpers import small
from wgan_core.members.ensemble import Ensemble
from wgan_core.training.several import seeded
members = Ensemble(seeded(small(steps=10**6, snapshot_every=10**6), 2))
if sys.argv[1] == "training":
    next(s for s in members.updates() if s is not None)
print(*members.sites.pids, flush=True)
if len(sys.argv) == 2:
    sys.stdin.read()
"""


def owner(*arguments: str) -> subprocess.Popen[str]:
    """A process that owns an ensemble, and waits with it unless told otherwise."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["training", "starting"][: often(1, 2)])
def test_workers_end_when_their_owner_is_killed(moment: str) -> None:
    with owner(moment) as process:
        assert process.stdout is not None
        pids = list(map(int, process.stdout.readline().split()))
        assert len(pids) == min(2, usable_cores())
        assert not any(map(gone, pids))
        process.kill()
        process.wait(5)
        wait_until(lambda: all(map(gone, pids)), 5)


@pytest.mark.slow
def test_an_owner_that_just_ends_leaves_no_worker_and_no_complaint() -> None:
    with owner("training", "and end") as process:
        out, errors = process.communicate(timeout=60)
        pids = list(map(int, out.split()))
        assert (process.returncode, errors) == (0, "")
        wait_until(lambda: all(map(gone, pids)), 5)


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_workers_start_in_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wgan_core", "torch", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file')")
    monkeypatch.chdir(tmp_path)
    with closing(Ensemble(seeded(small(), 2))) as members:
        assert first(members).step == 0


# One worker, spoken to directly

LOUD = """
import os
import wgan_core.members.group
def advance(self, edits=()):
    print("stray")
    os.write(1, b"stray")
    yield
    return {}
wgan_core.members.group.Group.advance = advance
from wgan_core.members.worker import main
main()
"""


@pytest.fixture
def loud_worker() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LOUD],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        yield process
        process.kill()


def test_what_is_printed_in_a_worker_does_not_get_among_the_messages(loud_worker: subprocess.Popen[bytes]) -> None:
    assert loud_worker.stdin is not None
    assert loud_worker.stdout is not None
    messages: list[tuple[int, str, Any]] = [(1, "hold", ([{0: small()}], {})), (1, "advance", []), (1, "leave", None)]
    for message in messages:
        loud_worker.stdin.write(pack(message))
        loud_worker.stdin.flush()
    assert pickle.loads(receive(loud_worker.stdout)) == (1, "report", {})
    loud_worker.stdin.close()
    assert loud_worker.wait(5) == 0
    with pytest.raises(EOFError):
        receive(loud_worker.stdout)


@pytest.mark.parametrize("cut", [0, 3, 8, 20])
def test_a_message_that_breaks_off_is_the_end(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "pipe"
    file.write_bytes(pack("a message of some length")[:cut])
    with file.open("rb") as stream, pytest.raises(EOFError):
        receive(stream)


# In this process, as on a GPU


def test_on_a_gpu_members_train_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice that is made for a GPU, with trainings on the CPU."""
    monkeypatch.setattr("wgan_core.members.ensemble.resolve", lambda _: torch.device("cuda:0"))
    monkeypatch.setattr("wgan_core.training.loop.resolve", lambda _: CPU)
    children = psutil.Process().children()
    with closing(Ensemble(seeded(small(seed=4), 3))) as members:
        assert isinstance(members.sites, InThisProcess)
        found = snapshots(members)
        assert members.failures == {}
    assert [s.step for s in found] == [0, 1, 2, 3]
    for k in range(3):
        alike(columns(found, k), [s.scalars for s in alone(small(seed=4), 4 + k)[0]])
    assert psutil.Process().children() == children


def test_in_turn_a_member_has_the_numbers_of_a_training_of_its_own() -> None:
    config = small(seed=2, steps=5, snapshot_every=2)
    members = Ensemble(seeded(config, 3), InThisProcess(apart))
    found = snapshots(members)
    assert [s.step for s in found] == [0, 2, 4, 5]
    for k in range(3):
        assert columns(found, k) == [dict(s.scalars) for s in alone(config, 2 + k)[0]]


def test_in_turn_an_edit_holds_from_the_next_snapshot_on() -> None:
    members = Ensemble(seeded(small(steps=4, snapshot_every=2), 2), InThisProcess(apart))
    critic_steps = []
    for snapshot in members.updates():
        if snapshot is not None:
            critic_steps.append(snapshot.critic_steps)
            if snapshot.step == 2:
                event = members.edit({"n_critic": 1})
    assert (event.step, event.critic_steps, event.text) == (2, 10, "n_critic: 5 → 1")
    assert critic_steps == [0, 10, 12]


def test_in_turn_an_edit_in_the_middle_of_a_chunk_waits_for_its_end() -> None:
    members = Ensemble(seeded(small(steps=4, snapshot_every=2), 2), InThisProcess(apart))
    first(members)
    updates = members.updates()
    assert next(updates) is None
    events = [members.edit({"n_critic": n}) for n in (2, 1)]
    assert [(event.step, event.critic_steps) for event in events] == [(2, 10), (2, 10)]
    assert [s.critic_steps for s in updates if s is not None] == [10, 12]


def test_a_stacked_members_failure_is_told_like_any_other() -> None:
    members = Ensemble(seeded(small(objective="gan", steps=12, snapshot_every=1, **HOT), 5), InThisProcess(stacks))
    snapshots(members)
    assert members.failures
    assert all(isinstance(why, Failure) and "diverged" in why.message for why in members.failures.values())


def test_a_group_whose_members_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*configs: TrainingConfig) -> Any:
        raise MemoryError

    monkeypatch.setattr(wgan_core.members.group, "Training", broken)
    with pytest.raises(StopIteration) as caught:
        next(Group({7: small()}, {}).advance())
    assert caught.value.value[7].message == "Memory ran out."


# Members that are no mere seeds


def test_members_that_differ_in_knobs_and_shapes_have_the_numbers_of_their_own(crew: Crew) -> None:
    base = small(steps=4, snapshot_every=2, threads=1)
    changes: list[dict[str, Any]] = [
        {"objective.penalty_weight": 0.1},
        {"objective.penalty_weight": 10.0, "critic_optimiser.lr": 1e-3},
        {"generator.width": 8},
        {"n_critic": 2},
    ]
    configs = [base.edited(change) for change in changes]
    for sites in (crew, InThisProcess(stacks)):
        with closing(Ensemble(configs, sites)) as members:
            found = snapshots(members)
        assert [s.step for s in found] == [0, 2, 4]
        for k, config in enumerate(configs):
            alike(columns(found, k), [s.scalars for s in train(config)])


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"steps": 5}, "steps: must be the same"), ({"snapshot_every": 7}, "snapshot_every: must be the same")],
)
def test_members_that_are_not_measured_together_are_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Ensemble([small(), small().edited(changes)])


# States


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_an_ensemble_that_goes_on_has_the_numbers_of_one_that_was_never_stopped(crew: Crew, activation: str) -> None:
    net = {"width": 16, "activation": activation}
    config = small(steps=11, snapshot_every=3, threads=1, generator=net, critic=net)
    for sites in (crew, None):
        with closing(Ensemble(seeded(config, 3), sites or InThisProcess(stacks))) as members:
            whole = []
            for snapshot in members.updates():
                whole += [] if snapshot is None else [snapshot]
                if snapshot is not None and snapshot.step == 6:
                    assert members.whole
                    state = members.state()
        with closing(Ensemble(seeded(config, 3), sites or InThisProcess(stacks), state)) as members:
            assert (members.step, members.critic_steps) == (6, 30)
            assert members.seconds == pytest.approx(whole[2].seconds)
            rest = snapshots(members)
            end = members.state()
        assert [s.step for s in rest] == [9, 11]
        for ours, theirs in zip(rest, whole[3:], strict=True):
            assert ours.critic_steps == theirs.critic_steps
            for name, values in theirs.scalars.items():
                np.testing.assert_array_equal(ours.scalars[name], values, err_msg=name)
        with closing(Ensemble(seeded(config, 3), sites or InThisProcess(stacks), end)) as members:
            assert snapshots(members) == []


def test_a_state_waits_until_what_was_turned_has_taken_hold(crew: Crew) -> None:
    with closing(Ensemble(seeded(small(steps=9, snapshot_every=1), 2), crew)) as members:
        assert not members.whole
        with pytest.raises(RuntimeError, match="has a state after a snapshot"):
            members.state()
        assert first(members).step == 0
        held = members.edit({"n_critic": 1}).step
        seen = {s.step: members.whole for s in members.updates() if s is not None}
    assert held in (1, 2)
    assert seen == {step: step > held for step in range(1, 10)}


def test_members_that_have_failed_stay_so_when_the_others_go_on() -> None:
    config = small(objective="gan", steps=12, snapshot_every=1, **HOT)
    members = Ensemble(seeded(config, 5), InThisProcess(stacks))
    snapshots(members)
    assert 0 < len(members.failures) < 5
    longer = [each.edited({"steps": 13}) for each in seeded(config, 5)]
    again = Ensemble(longer, InThisProcess(stacks), members.state())
    assert {k: (why.message, why.cause) for k, why in again.failures.items()} == {
        k: (why.message, why.cause) for k, why in members.failures.items()
    }
    (last,) = snapshots(again)
    assert last.step == 13
    lost = np.isnan(np.asarray(last.scalars["w1"]))
    assert set(np.flatnonzero(lost)) >= set(members.failures)
    assert not lost.all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"0.step": 1}, "not all at one step"),
        ({"7.step": 2}, "does not belong there, in a state of 2 members"),
        ({"weights": 2}, "does not belong there"),
        ({"1.failure": "[1]"}, "why a member failed cannot be read"),
        ({"1.failure": '["a", "b", "no kind"]'}, "why a member failed cannot be read"),
    ],
)
def test_a_state_of_other_members_is_refused(change: dict[str, Any], text: str) -> None:
    config = small(steps=2, snapshot_every=2)
    members = Ensemble(seeded(config, 2), InThisProcess(stacks))
    snapshots(members)
    with pytest.raises(BadState, match=text):
        Ensemble(seeded(config, 2), InThisProcess(stacks), members.state() | change)
