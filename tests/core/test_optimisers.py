"""What optimisers say of their last step is the step that they made."""

from __future__ import annotations

import pytest
import torch

from wgan_core.config import TrainingConfig
from wgan_core.history import Snapshot
from wgan_core.optimisers import Adam, Optimiser, RmsProp, Sgd
from wgan_core.training import train

EVERY = [Adam(lr=0.01), Adam(lr=0.01, beta1=0.0), Adam(lr=0.01, beta1=0.99), RmsProp(lr=0.01), Sgd(lr=0.01),
         Sgd(lr=0.01, momentum=0.9)]  # fmt: skip


@pytest.mark.parametrize("optimiser", EVERY, ids=str)
def test_the_direction_is_that_of_the_step(optimiser: Optimiser) -> None:
    rng = torch.Generator().manual_seed(0)
    weights = torch.randn(50, generator=rng, dtype=torch.float64)
    memory = optimiser.start(weights)
    for _ in range(7):
        gradient = torch.randn(50, generator=rng, dtype=torch.float64)
        before = weights.clone()
        optimiser.step(weights, gradient, memory)
        torch.testing.assert_close(
            weights - before, optimiser.lr * optimiser.direction(gradient, memory), rtol=1e-4, atol=1e-6
        )


def last(**settings: object) -> Snapshot:
    settings = {"steps": 12, "snapshot_every": 12, "batch_size": 16, "device": "cpu", **settings}
    *_, snapshot = (s for s in train(TrainingConfig.parse(settings)) if s is not None)
    return snapshot


def test_plain_descent_goes_straight_down_and_momentum_does_not() -> None:
    plain = last(critic_optimiser={"kind": "sgd", "lr": 1e-3})
    assert plain.scalars["critic_step_cosine"] == pytest.approx(1.0, abs=1e-6)
    heavy = last(critic_optimiser={"kind": "adam", "lr": 1e-3, "beta1": 0.99})
    assert -1 <= heavy.scalars["critic_step_cosine"] < 0.9
