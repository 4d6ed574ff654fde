"""The averaged generator: an option that is looked at, and that training does not notice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.core.helpers import scalars, several, small
from wgan_core.config import TrainingConfig
from wgan_core.export.bundle import check_state
from wgan_core.export.weights import model_of
from wgan_core.members.stacked import stack
from wgan_core.training import Training, train
from wgan_core.training.forks import forked

pytestmark = pytest.mark.usefixtures("few_points")

DECAY = 0.9
BATCH = {"kind": "dcgan", "base_channels": 4, "normalisation": "batch"}


def averaged(dataset: Any = "ring", objective: Any = "wgan-gp", **settings: Any) -> TrainingConfig:
    return small(dataset, objective, generator_average=DECAY, **settings)


def advanced(config: TrainingConfig, steps: int) -> Training:
    training = Training(config.edited({"steps": steps}))
    list(training.updates())
    return training


def state_of(training: Training) -> dict[str, Any]:
    return dict(training.state())


def test_the_average_is_the_papers_recursion() -> None:
    training = Training(averaged(steps=30, snapshot_every=30))
    expected = state_of(training)["generator.weights"]
    updates = training.updates()
    while training.step < 30:
        before = training.step
        next(updates)
        if training.step > before:
            decay = min(DECAY, (1 + training.step) / (10 + training.step))
            expected = decay * expected + (1 - decay) * state_of(training)["generator.weights"]
    torch.testing.assert_close(state_of(training)["average.weights"], expected, rtol=1e-5, atol=1e-6)


def test_training_has_the_same_numbers_with_and_without() -> None:
    plain, other = (state_of(advanced(config, 6)) for config in (small(), averaged()))
    assert plain.keys() == other.keys() - {"average.weights"}
    for name in ("generator.weights", "critic.weights", "random.real"):
        assert torch.equal(plain[name], other[name])


@pytest.mark.parametrize("dataset", ["ring", "fashion-mnist"])
def test_samples_come_from_the_average_and_so_does_what_is_exported(dataset: str) -> None:
    net = {"generator": BATCH} if dataset != "ring" else {}
    config = averaged(dataset, "gan", steps=8, snapshot_every=8, scores_every=0, **net)
    training = Training(config)
    *_, last = (snapshot for snapshot in training.updates() if snapshot is not None)
    model = model_of(config, training.state())
    plain = model_of(config.edited({"generator_average": 0}), training.state())
    latents = training.members[0].probe.latents
    with torch.no_grad():
        shown, newest = model.generator(latents), plain.generator(latents)
    assert not torch.allclose(shown, newest, atol=1e-3)
    if dataset == "ring":
        drawn = torch.from_numpy(np.array(last.arrays["fake"]))
        assert torch.equal(drawn, shown[: len(drawn)])
    check_state(config, training.state())


def test_what_batch_normalisation_has_seen_is_averaged_too() -> None:
    training = advanced(averaged("fashion-mnist", "gan", generator=BATCH, scores_every=0), 3)
    state = state_of(training)
    names = [name for name in state if name.startswith("average.buffer.")]
    assert names
    for name in names:
        newest = state[name.replace("average", "generator")]
        assert torch.equal(state[name], newest) == name.endswith("num_batches_tracked")


@pytest.mark.parametrize("dataset", ["ring", "fashion-mnist"])
def test_a_resumed_run_has_the_numbers_of_one_that_was_never_stopped(dataset: str) -> None:
    config = averaged(dataset, "gan", steps=4, snapshot_every=2, scores_every=0)
    whole, first = Training(config), advanced(config, 2)
    expected = scalars(s for s in whole.updates() if s is not None)
    again = Training.resume(config, first.state())
    assert scalars(s for s in again.updates() if s is not None)[4] == expected[4]
    assert all(torch.equal(a, b) for a, b in zip(*(t._tensors(0).values() for t in (whole, again)), strict=True))


@pytest.mark.parametrize(("was", "now"), [(0, DECAY), (DECAY, 0), (DECAY, 0.5)])
def test_a_fork_may_switch_it_on_and_off(was: float, now: float) -> None:
    before = small(generator_average=was, steps=3)
    after = before.edited({"generator_average": now, "steps": 5})
    state = state_of(advanced(before, 3))
    start: dict[str, Any] = forked(state, before, after)
    assert ("average.weights" in start) == bool(now)
    if now and not was:
        assert torch.equal(start["average.weights"], start["generator.weights"])
    if now and was:
        assert torch.equal(start["average.weights"], state["average.weights"])
    assert [s.step for s in Training.resume(after, start).updates() if s is not None] == [4, 5]


def test_stacked_members_are_shown_as_each_alone() -> None:
    config = averaged(steps=4, snapshot_every=2)
    found = {s.step: s.scalars for s in stack(several(config, [0, 1])).updates() if s is not None}
    for k, seed in enumerate((0, 1)):
        for step, alone in scalars(train(config.edited({"seed": seed}))).items():
            for name in ("w1", "spread", "high_quality"):
                assert np.asarray(found[step][name])[k] == pytest.approx(alone[name], rel=1e-4, abs=1e-5)
