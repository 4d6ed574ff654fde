"""States: a training that was stopped goes on as if it had not been, and only what fits is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from tests.core.helpers import scalars, small
from wgan_core.config import TrainingConfig
from wgan_core.history import Snapshot
from wgan_core.objectives import Objective
from wgan_core.training import Training
from wgan_core.training.state import BadState, State

pytestmark = pytest.mark.usefixtures("few_points")

OBJECTIVES = list(Objective.kinds)


def trained(config: TrainingConfig, to: int, edits: Mapping[int, Mapping[str, Any]] | None = None) -> Training:
    """A training at a generator step, knobs turned on the way."""
    training = Training(config)
    updates = training.updates()
    waiting = dict(edits or {})
    while training.step < to or training.within_round:
        next(updates)
        for step in [s for s in waiting if training.step >= s and not training.within_round]:
            training.edit(waiting.pop(step))
    return training


def rest(training: Training) -> dict[int, Mapping[str, float]]:
    """The scalars of all snapshots from here to the end."""
    found: list[Snapshot | None] = []
    while training.step < training.config.steps:
        found += training.round()
        due = training.step % training.config.snapshot_every == 0 or training.step >= training.config.steps
        found.append(training.snapshot() if due else None)
    return scalars(s for s in found if s is not None)


def assert_resumed_is_uninterrupted(config: TrainingConfig, at: int, edits: Any = None) -> None:
    training = trained(config, at, edits)
    state = training.state()
    expected = rest(training)
    assert expected
    again = Training.resume(training.config, state)
    assert (again.step, again.critic_steps, again.seconds) == (at, state["critic_steps"], state["seconds"])
    assert scalars(s for s in again.updates() if s is not None) == expected


@pytest.mark.parametrize(
    ("objective", "norm"), [*((kind, "none") for kind in OBJECTIVES), ("wgan-gp", "batch"), ("wgan-gp", "layer")]
)
def test_a_resumed_mlp_has_the_numbers_of_one_that_was_never_stopped(objective: str, norm: str) -> None:
    critic = {"width": 16, "normalisation": "none" if norm == "batch" else norm}
    config = small("ring", objective, steps=14, snapshot_every=3, generator={"normalisation": norm}, critic=critic)
    assert_resumed_is_uninterrupted(config, 7)


@pytest.mark.parametrize("objective", ["gan", "wgan-gp"])
def test_a_resumed_dcgan_has_the_numbers_of_one_that_was_never_stopped(objective: str) -> None:
    norm = "layer" if Objective.kinds[objective].held_by.no_batch_norm else "batch"
    net = {"kind": "dcgan", "base_channels": 4}
    config = small("fashion-mnist", objective, steps=4, critic=net | {"normalisation": norm}, generator=net)
    assert config.generator.normalisation == "batch"
    assert_resumed_is_uninterrupted(config, 2)


@pytest.mark.parametrize(
    "optimiser",
    [
        {"kind": "adam", "beta1": 0.9},
        {"kind": "rmsprop"},
        {"kind": "sgd"},
        {"kind": "sgd", "momentum": 0.9},
    ],
)
def test_each_optimisers_memory_is_part_of_the_state(optimiser: dict[str, Any]) -> None:
    config = small(steps=12, critic_optimiser=optimiser, generator_optimiser=optimiser)
    assert_resumed_is_uninterrupted(config, 6)


def test_edits_before_a_state_hold_after_it() -> None:
    edits = {3: {"n_critic": 2, "critic_optimiser.lr": 1e-3}, 5: {"objective.penalty_weight": 1.0}}
    assert_resumed_is_uninterrupted(small(steps=15), 8, edits)


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_state_between_two_snapshots_is_as_good_as_one_at_a_snapshot(at: int) -> None:
    assert_resumed_is_uninterrupted(small(steps=9, snapshot_every=4), at)


def test_taking_a_state_changes_no_number() -> None:
    config = small(steps=10)
    plain, watched = Training(config), Training(config)
    found = []
    for snapshot in watched.updates():
        if not watched.within_round:
            watched.state()
        if snapshot is not None:
            found.append(snapshot)
    assert scalars(found) == scalars(s for s in plain.updates() if s is not None)


def test_a_state_stays_as_it_was_while_the_training_goes_on() -> None:
    training = trained(small(steps=9), 4)
    state = training.state()
    before = {name: value.clone() for name, value in state.items() if isinstance(value, torch.Tensor)}
    rest(training)
    for name, value in before.items():
        torch.testing.assert_close(state[name], value, rtol=0, atol=0)


def test_there_is_no_state_in_the_middle_of_a_round() -> None:
    training = Training(small())
    updates = training.updates()
    next(updates), next(updates)
    assert training.within_round
    with pytest.raises(RuntimeError, match="between two rounds only"):
        training.state()


def edited(name: str, value: Any) -> Callable[[State], Any]:
    return lambda state: state | {name: value}


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda _: [1, 2], "not a collection"),
        (lambda _: {}, "is missing"),
        (lambda state: {name: value for name, value in state.items() if name != "random.real"}, "random.real is miss"),
        (edited("extra", 1), "“extra” does not belong there"),
        (edited("step", -1), "step must be a number from 0 to 10,000,000"),
        (edited("step", 2.0), "step must be"),
        (edited("step", True), "step must be"),
        (edited("seconds", float("nan")), "seconds must be"),
        (edited("device", "cuda"), "device is cuda, and this training has cpu"),
        (edited("critic.weights", torch.zeros(3)), r"critic.weights is float32 \(3,\), and this training has float32"),
        (edited("critic.weights", torch.zeros(1).expand(10**15)), r"critic.weights is float32 \(1000000000000000,\)"),
        (edited("critic.weights", torch.zeros(3).to_sparse()), "critic.weights is not an array"),
        (edited("critic.weights", "text"), "critic.weights is not an array"),
        (lambda state: state | {"critic.weights": state["critic.weights"] * torch.nan}, "critic.weights is not finite"),
        (lambda state: state | {"critic.weights": state["critic.weights"].double()}, "critic.weights is float64"),
        (lambda state: state | {"random.real": state["random.real"] * 0}, "random.real is no state of random numbers"),
        (edited("random.real", torch.zeros(10, dtype=torch.uint8)), "random.real is uint8"),
        (edited("term.critic_fake", float("inf")), "is not a loss term"),
        (edited("term.critic fake", 1.0), "is not a loss term"),
        (lambda state: state | {f"term.t{i}": 0.0 for i in range(30)}, "3[0-9] loss terms"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil: Callable[[Any], Any], text: str) -> None:
    config = small(steps=6)
    bad = spoil(trained(config, 3).state())
    training = Training(config)
    with pytest.raises(BadState, match=text):
        training.restore(bad)
    assert scalars(s for s in training.updates() if s is not None) == scalars(
        s for s in Training(config).updates() if s is not None
    )


def test_a_state_of_another_architecture_is_refused() -> None:
    state = trained(small(), 2).state()
    with pytest.raises(BadState, match=r"critic\.|generator\."):
        Training.resume(small(critic={"width": 17}), state)
