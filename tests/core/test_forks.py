"""Forks: what goes over, what begins anew, what is refused; and forked runs in the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.core.helpers import small
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.runs import RunManager, UnknownRun
from wgan_core.schema import ConfigError
from wgan_core.store import BadCheckpoint, Parent, Store, recorder
from wgan_core.training import Training, train
from wgan_core.training.forks import forked
from wgan_core.training.state import State

pytestmark = pytest.mark.usefixtures("few_points")

STEP = 20


def trained(config: TrainingConfig, steps: int = STEP) -> State:
    training = Training(config.edited({"steps": steps}))
    for _ in training.updates():
        pass
    return training.state()


def losses(config: TrainingConfig, state: State) -> list[float]:
    return [float(s.scalars["critic_loss"]) for s in Training.resume(config, state).updates() if s is not None]


@pytest.fixture(scope="module")
def was() -> TrainingConfig:
    return small("ring", steps=2 * STEP, snapshot_every=4)


@pytest.fixture(scope="module")
def state(was: TrainingConfig) -> State:
    return trained(was)


def test_without_a_change_a_fork_goes_on_as_its_parent_did(was: TrainingConfig, state: State) -> None:
    whole = [s.scalars["critic_loss"] for s in train(was) if s.step > STEP]
    assert losses(was, forked(state, was, was)) == whole


def test_another_seed_keeps_the_networks_and_draws_other_numbers(was: TrainingConfig, state: State) -> None:
    other = was.edited({"seed": was.seed + 1})
    found = forked(state, was, other)
    for name, value in state.items():
        same = np.array_equal(np.asarray(value), np.asarray(found[name]))
        assert same != name.startswith("random."), name
    assert losses(other, found) != losses(was, state)
    assert losses(other, found) == losses(other, forked(state, was, other))


def test_another_objective_and_optimiser_go_on_with_the_same_weights(was: TrainingConfig, state: State) -> None:
    other = TrainingConfig.parse(
        was.model_dump()
        | {
            "objective": {"kind": "wgan-clip", "clip": 0.1},
            "critic_optimiser": {"kind": "rmsprop", "lr": 1e-3},
        }
    )
    found = forked(state, was, other)
    assert np.array_equal(np.asarray(found["critic.weights"]), np.asarray(state["critic.weights"]))
    assert not any(name.startswith("term.") for name in found)
    assert len(losses(other, found)) == STEP // 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"critic.width": 24}, "do not fit the networks"), ({"steps": STEP}, "must be above 20")],
)
def test_what_does_not_fit_is_refused(was: TrainingConfig, state: State, changes: dict[str, int], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        forked(state, was, was.edited(changes))


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunManager:
    monkeypatch.setattr(recorder, "CHECKPOINT_SECONDS", 0.0)
    return RunManager(store=Store(tmp_path))


def ended(manager: RunManager, run_id: str) -> str:
    assert manager.get(run_id).join(60)
    assert manager.store is not None
    assert manager.store.flush()
    return run_id


def test_a_fork_shows_its_parent_up_to_the_fork_and_is_stored_with_it(manager: RunManager, was: TrainingConfig) -> None:
    store = manager.store
    assert store is not None
    step = STEP
    parent = ended(manager, manager.start(was.edited({"steps": step})))
    child = ended(manager, manager.fork(Parent(parent, 0, 10**6), was.edited({"n_critic": 2})))
    grandchild = ended(manager, manager.fork(Parent(child, 0, 2 * STEP), was.edited({"steps": 3 * STEP})))

    view, stored = manager.get(child).lane_view(), store.lane_view(child)
    of_parent = store.lane_view(parent).history
    for found in (view, stored):
        assert found.before is not None
        assert found.before["step"].tolist() == [x for x in of_parent["step"] if x <= step]
        np.testing.assert_array_equal(found.before["w1"], of_parent["w1"][: len(found.before["w1"])])
        assert found.history["step"][0] > step
        assert found.events[0].kind == "fork"
        assert f"from run {parent} at step {step}" in found.events[0].text
        assert "n_critic: 5 → 2" in found.events[0].text
    assert store.run(child).parent == Parent(parent, 0, step)

    before = store.lane_view(grandchild).before
    assert before is not None
    assert before["step"].tolist() == [*stored.before["step"], *stored.history["step"]]  # type: ignore[index]
    manager.shutdown()


def test_several_seeds_are_forked_together(manager: RunManager, was: TrainingConfig) -> None:
    store = manager.store
    assert store is not None
    parent = ended(manager, manager.start(RunConfig.solo(was.edited({"steps": STEP}), 2)))
    child = ended(manager, manager.fork(Parent(parent, 0, STEP), was.edited({"n_critic": 2})))
    view = store.lane_view(child)
    assert (view.seeds, view.status, store.run(child).config.seeds) == (2, "finished", 2)
    assert view.before is not None
    assert view.before["w1"].shape == (STEP // 4 + 1, 2)
    assert view.history["step"].tolist() == list(range(STEP + 4, 2 * STEP + 1, 4))
    for k in range(2):
        its = was.model_copy(update={"seed": was.seed + k})
        other = its.edited({"n_critic": 2})
        alone = losses(other, forked(trained(its), its, other))
        np.testing.assert_allclose(view.history["critic_loss"][:, k], alone, rtol=1e-2, atol=1e-3)
    manager.shutdown()


def test_a_fork_that_was_cut_off_at_once_can_be_resumed(manager: RunManager, was: TrainingConfig) -> None:
    store = manager.store
    assert store is not None
    parent = ended(manager, manager.start(was.edited({"steps": STEP})))
    store.recorder("cut-off", RunConfig.solo(was), ["CPU"], Parent(parent, 0, STEP)).close()
    store.flush()
    assert store.run("cut-off").status == "interrupted"
    ended(manager, manager.resume("cut-off"))
    found = manager.get("cut-off").lane_view().history["critic_loss"].tolist()
    assert found == [s.scalars["critic_loss"] for s in train(was) if s.step > STEP]
    manager.shutdown()


def test_a_fork_of_nothing_is_refused(manager: RunManager, was: TrainingConfig) -> None:
    with pytest.raises(UnknownRun):
        manager.fork(Parent("nobody", 0, 5))
    parent = ended(manager, manager.start(was))
    with pytest.raises(BadCheckpoint):
        manager.fork(Parent(parent, 0, 0))
    with pytest.raises(ConfigError, match="do not fit"):
        manager.fork(Parent(parent, 0, 2 * STEP), was.edited({"generator.width": 24, "steps": 3 * STEP}))
    assert len(manager.runs()) == 1
    manager.shutdown()
