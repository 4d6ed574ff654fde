"""The loop: the papers' order of updates, the same numbers every time, honest ends."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wgan_core.metrics
import wgan_core.training
from tests.core.helpers import CPU, rng, scalars, small, wait_until
from wgan_core.config import TrainingConfig
from wgan_core.datasets import FASHION_IMAGES, FASHION_SHA256, DataError, Ring, images, read_idx_images
from wgan_core.history import Snapshot
from wgan_core.host import DeviceError, available, describe, resolve
from wgan_core.lessons.presets import PRESETS
from wgan_core.metrics import FLOOR_REPEATS
from wgan_core.networks import Latent
from wgan_core.objectives import Objective
from wgan_core.runs import Run
from wgan_core.schema import ConfigError, Problem
from wgan_core.training import Diverged, Training, failure_of, stream, train

pytestmark = pytest.mark.usefixtures("few_points")

# Objectives do not see what they train on, nor data by what they are trained on: each objective on the ring, each shape of data.
PAIRS = pytest.mark.parametrize(
    ("dataset", "objective"),
    [("ring", kind) for kind in Objective.kinds]
    + [
        ("swiss-roll", "wgan-gp"),
        ("parallel-lines", "wgan-gp"),
        ("fashion-mnist", "wgan-gp"),
        ("fashion-mnist", "gan"),
    ],
)


def history_of(run: Run) -> dict[int, dict[str, float]]:
    """A run's scalars by step, as ``scalars`` has them of a plain training."""
    columns = {name: column.tolist() for name, column in run.lane_view().history.items()}
    clocks = ("step", "critic_steps", "seconds")
    return {
        int(step): {
            name: column[i] for name, column in columns.items() if name not in clocks and not np.isnan(column[i])
        }
        for i, step in enumerate(columns["step"])
    }


def finish(run: Run) -> dict[int, dict[str, float]]:
    assert run.join(60)
    assert run.status == "finished", run.lane_view().failure
    return history_of(run)


# The same numbers


@PAIRS
def test_the_same_config_gives_the_same_numbers_to_the_last_digit(dataset: str, objective: str) -> None:
    config = small(dataset, objective, seed=5)
    assert scalars(train(config)) == scalars(train(TrainingConfig.parse(config.to_url())))


def test_another_seed_gives_other_numbers() -> None:
    assert scalars(train(small(seed=0))) != scalars(train(small(seed=1)))


def test_a_run_beside_two_others_has_the_numbers_of_a_run_alone() -> None:
    config = small(steps=40, snapshot_every=5, critic={"width": 128}, generator={"width": 128}, batch_size=128)
    alone = scalars(train(config))
    others = [Run(small(objective=kind, seed=9, steps=10_000)) for kind in ("gan", "wgan-clip")]
    run = Run(config)
    try:
        for each in (*others, run):
            each.start()
        beside = finish(run)
    finally:
        for other in others:
            other.stop()
    assert all(other.join(20) for other in others)
    assert beside == alone


def test_a_watched_run_has_the_numbers_of_an_unwatched_one() -> None:
    config = small(steps=40, snapshot_every=4)
    run, over = Run(config), threading.Event()
    looks = []

    def watch() -> None:
        while not over.is_set():
            looks.append(run.lane_view().version)

    watchers = [threading.Thread(target=watch) for _ in range(3)]
    run.start()
    for watcher in watchers:
        watcher.start()
    watched = finish(run)
    over.set()
    for watcher in watchers:
        watcher.join()
    assert len(looks) > 10
    assert watched == scalars(train(config))


def test_each_purpose_has_random_numbers_of_its_own() -> None:
    draws = [torch.rand(4, generator=stream(0, name, CPU)) for name in wgan_core.training.STREAMS]
    draws += [torch.rand(4, generator=stream(1, name, CPU)) for name in wgan_core.training.STREAMS]
    assert len({tuple(draw.tolist()) for draw in draws}) == len(draws)


def test_the_critic_does_not_depend_on_the_generators_architecture() -> None:
    a, b = (Training(small(generator={"width": width})).critic.state_dict() for width in (16, 64))
    assert all(torch.equal(a[name], b[name]) for name in a)


# The order of updates


def vector(net: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()]).clone()


@pytest.mark.parametrize("n_critic", [1, 2, 5])
def test_a_round_is_n_critic_critic_steps_and_one_generator_step(n_critic: int) -> None:
    training = Training(small(steps=3, n_critic=n_critic))
    updates = training.updates()
    next(updates)
    for round_ in range(3):
        for i in range(n_critic):
            critic, generator = vector(training.critic), vector(training.generator)
            assert next(updates) is None
            assert (training.step, training.critic_steps) == (round_, round_ * n_critic + i + 1)
            assert not torch.equal(vector(training.critic), critic)
            assert torch.equal(vector(training.generator), generator)
        critic, generator = vector(training.critic), vector(training.generator)
        snapshot = next(updates)
        assert snapshot is not None
        assert (snapshot.step, snapshot.critic_steps) == (round_ + 1, (round_ + 1) * n_critic)
        assert torch.equal(vector(training.critic), critic)
        assert not torch.equal(vector(training.generator), generator)
    assert list(updates) == []


@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_each_update_has_fresh_real_samples_and_fresh_latents(
    monkeypatch: pytest.MonkeyPatch, normalisation: str
) -> None:
    real: list[Tensor] = []
    latents: list[Tensor] = []
    sample_real, sample_latent = Ring.sample, Latent.sample

    def spy_real(self: Ring, *args: Any) -> Tensor:
        real.append(sample_real(self, *args))
        return real[-1]

    def spy_latent(self: Latent, *args: Any) -> Tensor:
        latents.append(sample_latent(self, *args))
        return latents[-1]

    monkeypatch.setattr(Ring, "sample", spy_real)
    monkeypatch.setattr(Latent, "sample", spy_latent)
    config = small(objective="gan", steps=3, n_critic=4, generator={"width": 16, "normalisation": normalisation})
    list(train(config))
    real, latents = real[1 + FLOOR_REPEATS :], latents[1:]  # the probe's come first
    m = config.batch_size
    assert [len(x) for x in real] == [m] * 12
    assert sum(map(len, latents)) == 3 * (4 + 1) * m
    for rows in (torch.cat(real).tolist(), torch.cat(latents).tolist()):
        assert len({tuple(row) for row in rows}) == len(rows)
    if normalisation == "batch":
        # A generator that mixes samples gets batches of the right size, never several at once.
        assert {len(z) for z in latents} == {m}


def test_fakes_in_one_pass_are_the_fakes_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    together = scalars(train(small()))
    monkeypatch.setattr(wgan_core.training.together, "MOST_IN_ONE_PASS", 0)
    apart = scalars(train(small()))
    for step, values in together.items():
        assert apart[step] == pytest.approx(values, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [(6, 2, [0, 2, 4, 6]), (7, 3, [0, 3, 6, 7]), (3, 100, [0, 3]), (1, 1, [0, 1])],
)
def test_snapshots_come_at_0_at_every_multiple_and_at_the_end(steps: int, every: int, expected: list[int]) -> None:
    snapshots = list(train(small(steps=steps, snapshot_every=every, n_critic=2)))
    assert [s.step for s in snapshots] == expected
    assert [s.critic_steps for s in snapshots] == [2 * step for step in expected]
    assert all(a.seconds <= b.seconds for a, b in pairwise(snapshots))


def test_losses_that_wait_too_long_are_read_before_the_next_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = scalars(train(small(steps=4, snapshot_every=4)))
    monkeypatch.setattr(wgan_core.training.measuring, "MOST_GATHERED", 3)
    assert scalars(train(small(steps=4, snapshot_every=4))) == patient


def test_seconds_count_updates_and_neither_pauses_nor_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    sample, measure = Ring.sample, wgan_core.metrics.measure

    def one_second_of_work(self: Ring, *args: Any) -> Tensor:
        clock[0] += 1
        return sample(self, *args)

    def a_long_measurement(*args: Any) -> Any:
        clock[0] += 1000
        return measure(*args)

    training = Training(small(steps=3, n_critic=2, snapshot_every=1))
    monkeypatch.setattr(wgan_core.training.loop, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(wgan_core.training.measuring, "measure", a_long_measurement)
    monkeypatch.setattr(Ring, "sample", one_second_of_work)
    seconds = []
    for snapshot in training.updates():
        clock[0] += 10_000  # a pause
        if snapshot is not None:
            seconds.append(snapshot.seconds)
    assert seconds == [0, 2, 4, 6]


def test_the_generator_of_the_parallel_lines_starts_at_theta() -> None:
    for theta in (-3.0, 2.0):
        config = small({"kind": "parallel-lines", "theta": theta})
        first = next(train(config))
        spread = 1.0  # of an untrained MLP of this size around its bias
        assert np.abs(first.arrays["fake"].mean(0) - [theta, 0.5]).max() < spread
        plain = Training(small({"kind": "parallel-lines", "theta": 0.0}))
        z = config.latent.sample(10, rng(), CPU)
        shift = Training(config).generator(z) - plain.generator(z)
        torch.testing.assert_close(shift, torch.tensor([theta, 0.0]).expand(10, 2))


# Devices


@PAIRS
def test_the_loop_makes_no_tensor_on_the_default_device_and_touches_no_global_random_state(
    dataset: str, objective: str
) -> None:
    def states() -> tuple[bytes, str, object]:
        return torch.get_rng_state().numpy().tobytes(), repr(np.random.get_state()), random.getstate()

    config = small(dataset, objective, steps=2)
    images._shared.clear()
    with torch.device("meta"):
        under_meta = scalars(train(config))
    before = states()
    assert under_meta == scalars(train(config))
    assert states() == before


def test_auto_is_a_device_of_this_machine() -> None:
    assert available()[-1] == "cpu"
    assert str(resolve("auto")) == available()[0]
    assert describe(CPU) == "CPU"


def test_an_absent_device_is_refused_with_what_there_is() -> None:
    with pytest.raises(DeviceError, match=r"'cuda:99' is not available here; this machine has auto, .*cpu"):
        Training(small(device="cuda:99"))


# Edits


def at_step(training: Training, step: int) -> Iterator[Snapshot | None]:
    """The training's updates, advanced to a step."""
    updates = training.updates()
    while training.step < step:
        next(updates)
    return updates


def test_an_edit_is_recorded_and_reaches_the_optimisers() -> None:
    training = Training(small(steps=6, n_critic=2))
    updates = at_step(training, 3)
    event = training.edit({"critic_optimiser.lr": 0.02, "n_critic": 4})
    assert (event.step, event.critic_steps, event.kind) == (3, 6, "edit")
    assert event.seconds == training.seconds > 0
    assert event.text == "critic_optimiser.lr: 0.0001 → 0.02, n_critic: 2 → 4"
    assert training.config.critic_optimiser.lr == 0.02
    assert training.config.generator_optimiser.lr == 1e-4
    *_, last = (s for s in updates if s is not None)
    assert last.critic_steps == 3 * 2 + 3 * 4


def test_an_edited_rate_changes_the_very_next_step() -> None:
    optimiser = {"kind": "sgd", "lr": 1e-3}
    moves = []
    for lr in (1e-3, 2e-3):
        training = Training(small(critic_optimiser=optimiser, steps=3))
        updates = at_step(training, 1)
        training.edit({"critic_optimiser.lr": lr})
        before = vector(training.critic).double()
        next(updates)
        moves.append(vector(training.critic).double() - before)
    torch.testing.assert_close(moves[1], 2 * moves[0], rtol=1e-3, atol=1e-6)


def test_an_edited_clip_holds_from_the_next_critic_step() -> None:
    training = Training(small(objective={"kind": "wgan-clip", "clip": 0.1}))
    updates = at_step(training, 1)
    training.edit({"objective.clip": 0.001})
    next(updates)
    assert vector(training.critic).abs().max() <= torch.tensor(0.001)


def test_an_edit_to_the_same_value_changes_no_number() -> None:
    config = small(steps=4)
    training = Training(config)
    found = {}
    for snapshot in training.updates():
        training.edit({"critic_optimiser.lr": config.critic_optimiser.lr})
        if snapshot is not None:
            found[snapshot.step] = snapshot.scalars
    assert found == scalars(train(config))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"steps": 9}, "steps: cannot be changed while a run trains; these can: objective.penalty_weight, n_critic"),
        ({"seed": 1}, "seed: cannot be changed"),
        ({"critic.width": 8}, "critic.width: cannot be changed"),
        ({"objective.kind": "gan"}, "objective.kind: cannot be changed"),
        ({"objective.clip": 0.1}, "objective.clip: cannot be changed"),
        ({"": 1}, "cannot be changed"),
        ({"critic_optimiser.lr": 0}, "critic_optimiser.lr: must be a number above 0 to 1,000; you gave 0"),
        ({"critic_optimiser.lr": float("nan")}, "you gave nan"),
        ({"n_critic": 0}, "n_critic: must be a whole number from 1 to 100; you gave 0"),
        ({"n_critic": None}, "you gave None"),
        ({"n_critic": 7, "critic_optimiser.lr": -1}, "critic_optimiser.lr: must be"),
        ({"n_critic": 7, "steps": 9}, "steps: cannot be changed"),
    ],
)
def test_a_bad_edit_is_refused_and_changes_nothing(changes: dict[str, Any], text: str) -> None:
    config = small()
    training = Training(config)
    with pytest.raises(ConfigError) as caught:
        training.edit(changes)
    assert text in str(caught.value)
    assert training.config == config


# Failures


@pytest.mark.parametrize("preset", ["ring-gan-collapse", "ring-gan-works", "ring-wgan-clip", "ring-wgan-gp"])
def test_a_learning_rate_of_100_ends_with_the_step_the_term_and_the_cause(preset: str) -> None:
    rates = {"critic_optimiser.lr": 100, "generator_optimiser.lr": 100, "device": "cpu"}
    config = PRESETS[preset].config.edited(rates)
    seen: list[Snapshot] = []
    with pytest.raises(Diverged) as caught:
        seen += train(config)
    error = caught.value
    assert 0 <= error.step <= config.steps
    assert error.term in ("critic_real", "critic_fake", "gradient_penalty", "generator_loss")
    failure = failure_of(error)
    assert f"generator step {error.step}" in failure.message
    assert error.term in failure.message
    assert failure.cause == "The critic's learning rate, 100, is very high. Try 1e-4 to 1e-3."
    assert "Diverged" in failure.traceback
    assert failure.kind == "diverged"


def test_the_cause_names_the_generators_rate_where_the_critics_is_fine() -> None:
    with pytest.raises(Diverged) as caught:
        list(train(small(steps=100, generator_optimiser={"lr": 1000})))
    assert caught.value.cause.startswith("The generator's learning rate, 1000,")


@pytest.mark.parametrize(
    ("objective", "cause"),
    [
        ({"kind": "wgan-gp", "penalty_weight": 5000}, "λ = 5000 is very high"),
        ({"kind": "wgan-gp", "penalty_weight": 0}, "With λ = 0 nothing holds the critic"),
        ({"kind": "gan"}, "Lower the learning rates"),
    ],
)
def test_the_cause_follows_the_setting(objective: dict[str, Any], cause: str) -> None:
    error = Diverged(3, "critic_fake", float("nan"), small(objective=objective))
    assert cause in error.cause
    assert str(error) == "Training diverged at generator step 3: critic_fake was not finite."


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 2e9, -2e9])
def test_a_term_that_leaves_the_finite_numbers_ends_the_training(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    training = Training(small(steps=5))
    original = type(training.config.objective).generator_loss

    def broken(self: Any, critic: Any, fake: Tensor) -> Tensor:
        loss: Tensor = original(self, critic, fake)
        return loss.detach() * 0 + value + loss * 0 if training.step == 2 else loss

    monkeypatch.setattr(type(training.config.objective), "generator_loss", broken)
    with pytest.raises(Diverged) as caught:
        list(training.updates())
    assert (caught.value.step, caught.value.term) == (3, "generator_loss")


@pytest.mark.parametrize("net", ["critic", "generator"])
def test_a_parameter_that_is_no_longer_finite_ends_the_training(net: str) -> None:
    training = Training(small())
    with torch.no_grad():
        next(getattr(training, net).parameters()).fill_(float("nan"))
    with pytest.raises(Diverged, match=f"a {net} parameter was not finite"):
        training.snapshot()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: not enough memory: you tried to"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_says_what_to_lower(error: BaseException) -> None:
    failure = failure_of(error)
    assert failure.message == "Memory ran out."
    assert failure.cause == "Lower the batch size, the width or the base channels."
    assert failure.kind == "memory"
    assert type(error).__name__ in failure.traceback


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("device", DeviceError("device 'cuda' is not available here")),
        ("data", DataError("The file is damaged")),
        ("config", ConfigError([Problem("n_critic", "must be")])),
    ],
)
def test_a_fault_in_the_setting_keeps_its_own_words(kind: str, error: Exception) -> None:
    failure = failure_of(error)
    assert (failure.message, failure.kind) == (str(error), kind)
    assert "setting" in failure.cause


def test_any_other_fault_says_so_and_keeps_the_traceback() -> None:
    try:
        raise ZeroDivisionError("by nought")
    except ZeroDivisionError as error:
        failure = failure_of(error)
    assert failure.message == "ZeroDivisionError: by nought"
    assert "fault in the software" in failure.cause
    assert "test_training.py" in failure.traceback


# The embedded file


@pytest.fixture
def other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the embedded images that the data set reads instead."""
    copy = tmp_path / FASHION_IMAGES.name
    shutil.copy(FASHION_IMAGES, copy)
    monkeypatch.setattr("wgan_core.datasets.idx.FASHION_IMAGES", copy)
    images._shared.clear()
    yield copy
    images._shared.clear()


@pytest.mark.parametrize("where", [0, 1000, -1])
def test_one_flipped_byte_in_the_embedded_file_is_found(other_file: Path, where: int) -> None:
    raw = bytearray(other_file.read_bytes())
    raw[where] ^= 1
    other_file.write_bytes(raw)
    with pytest.raises(DataError, match=rf"{other_file.name}.* is damaged: its sha256 is .*{FASHION_SHA256[:16]}"):
        next(train(small("fashion-mnist")))


def test_a_cut_off_embedded_file_is_found(other_file: Path) -> None:
    other_file.write_bytes(other_file.read_bytes()[:-100])
    with pytest.raises(DataError, match="damaged"):
        read_idx_images(other_file, FASHION_SHA256)


def test_a_missing_embedded_file_is_named_and_the_run_says_so(other_file: Path) -> None:
    other_file.unlink()
    run = Run(small("fashion-mnist"))
    run.start()
    wait_until(lambda: run.status == "failed")
    failure = run.lane_view().failure
    assert failure is not None
    assert f"{other_file.name} is missing from {other_file.parent}" in failure.message
    assert "DataError" in failure.traceback


def test_the_unharmed_copy_is_read(other_file: Path) -> None:
    images = read_idx_images(other_file, FASHION_SHA256)
    assert images.shape == (10_000, 28, 28)
    assert images.dtype == np.uint8
