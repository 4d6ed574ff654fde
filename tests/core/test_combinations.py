"""Objectives, constraints and remedies in pairs: each pair trains with finite numbers, or is refused with a sentence."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.core.helpers import small
from wgan_core.config import TrainingConfig
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.schema import ConfigError
from wgan_core.training import Training

NET = {"width": 8}


@pytest.fixture(autouse=True)
def no_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wgan_core.training.measuring.measure", lambda *_: {})
    monkeypatch.setattr("wgan_core.metrics.moment.EM_SAMPLES", 8)


def combined(objective: str, constraint: str | None = None, remedy: str | None = None) -> TrainingConfig | None:
    """The config of a combination, or None where it is refused. A refusal names a field and is a sentence."""
    settings: dict[str, Any] = {
        "generator": NET | {"normalisation": "batch"},
        "critic": NET,
        "batch_size": 8,
        "n_critic": 1,
    }
    if constraint is not None:
        settings["constraint"] = {"kind": constraint}
    if remedy is not None:
        settings["remedies"] = {remedy: {REMEDIES[remedy].switch(): REMEDIES[remedy].usual}}
    try:
        return small(objective=objective, **settings)
    except ConfigError as error:
        (problem,) = error.problems
        assert problem.path in ("constraint.kind", f"remedies.{remedy}")
        assert "does not go with" in problem.message
        assert len(problem.message) < 300
        return None


def trains(config: TrainingConfig) -> None:
    training = Training(config)
    *_, last = (s for s in training.updates() if s is not None)
    assert last.step == 3
    for name, value in last.scalars.items():
        assert isinstance(value, float)
        assert math.isfinite(value), name
    assert {config.objective.estimate_name, "critic_loss", "generator_loss"} <= last.scalars.keys()
    assert config.constraint.term in ("", *last.scalars)


@pytest.mark.parametrize("constraint", Constraint.kinds)
@pytest.mark.parametrize("objective", Objective.kinds)
def test_an_objective_and_a_constraint(objective: str, constraint: str) -> None:
    config = combined(objective, constraint)
    if config is not None:
        trains(config)


@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize("objective", Objective.kinds)
def test_an_objective_and_a_remedy(objective: str, remedy: str) -> None:
    config = combined(objective, remedy=remedy)
    if config is not None:
        trains(config)


@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize("constraint", Constraint.kinds)
def test_a_constraint_and_a_remedy(constraint: str, remedy: str) -> None:
    config = combined("gan", constraint, remedy)
    if config is not None:
        trains(config)


def test_most_combinations_are_allowed() -> None:
    pairs = [(objective, constraint) for objective in Objective.kinds for constraint in Constraint.kinds]
    refused = {pair for pair in pairs if combined(*pair) is None}
    assert refused == {
        ("wgan", "none"),
        ("wgan-clip", "clip"),
        ("wgan-clip", "spectral"),
        ("wgan-gp", "gradient-penalty"),
        ("wgan-gp", "one-sided-penalty"),
        ("wgan-lp", "gradient-penalty"),
        ("wgan-lp", "one-sided-penalty"),
        ("dragan", "dragan"),
    }


def test_all_remedies_at_once_train_a_gan() -> None:
    remedies = {name: {cls.switch(): cls.usual} for name, cls in REMEDIES.items()}
    trains(
        small(
            objective="gan",
            constraint={"kind": "spectral"},
            remedies=remedies,
            generator=NET | {"normalisation": "batch"},
            critic=NET,
        )
    )
