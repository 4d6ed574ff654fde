"""What makes a step faster leaves what is computed as it is, but for rounding."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from tests.core.helpers import CPU, rng, small
from wgan_core.config import TrainingConfig
from wgan_core.networks import Network, Speed, build_critic, build_generator
from wgan_core.objectives import Objective
from wgan_core.schema import ConfigError
from wgan_core.training import Training, train

IMAGE = (1, 28, 28)
CASES = [(kind, norm) for kind, cls in Network.kinds.items() if cls.images_only for norm in ("none", "batch", "layer")]


def critics(kind: str, norm: str, speed: Speed) -> tuple[nn.Module, nn.Module]:
    network = Network.kinds[kind](base_channels=4, normalisation=norm)
    plain, fast = (build_critic(network, IMAGE, rng(1), CPU) for _ in range(2))
    return plain, speed.prepare(fast)


@pytest.mark.parametrize(("kind", "norm"), CASES)
def test_scores_and_slopes_are_the_same_in_another_layout(kind: str, norm: str) -> None:
    plain, fast = critics(kind, norm, Speed())
    x = torch.rand(6, *IMAGE, generator=rng()) * 2 - 1
    torch.testing.assert_close(fast(x), plain(x), rtol=1e-4, atol=1e-5)
    found = []
    for net in (plain, fast):
        at = x.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(net(at).sum(), at, create_graph=True)
        loss = (slope.flatten(1).square().sum(1) - 1).square().mean() + net(x).square().mean()
        found.append([slope, *torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)])
    for ours, expected in zip(*found, strict=True):
        if ours is not None and expected is not None:
            torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("kind", "norm"), CASES)
def test_generated_images_are_the_same(kind: str, norm: str) -> None:
    network = Network.kinds[kind](base_channels=4, normalisation=norm)
    plain, fast = (build_generator(network, 5, IMAGE, rng(1), CPU) for _ in range(2))
    z = torch.randn(6, 5, generator=rng())
    torch.testing.assert_close(Speed().prepare(fast)(z), plain(z), rtol=1e-4, atol=1e-5)


def test_without_another_layout_the_numbers_are_the_very_same() -> None:
    plain, fast = critics("resnet", "none", Speed(channels_last=False))
    x = torch.rand(6, *IMAGE, generator=rng())
    assert torch.equal(fast(x), plain(x))


def test_half_precision_is_for_training_and_gives_float32() -> None:
    plain, fast = critics("dcgan", "layer", Speed(channels_last=False, autocast="bf16"))
    x = torch.rand(6, *IMAGE, generator=rng())
    assert fast(x).dtype == torch.float32
    assert not torch.equal(fast(x), plain(x))
    torch.testing.assert_close(fast(x), plain(x), rtol=0.05, atol=0.01)
    assert torch.equal(fast.eval()(x), plain(x))


@pytest.mark.parametrize("objective", Objective.kinds)
def test_every_objective_trains_in_half_precision(objective: str) -> None:
    config = small("fashion-mnist", objective, speed={"autocast": "bf16"}, steps=2, scores_every=0)
    training = Training(config)
    for snapshot in training.updates():
        for value in (snapshot.scalars if snapshot else {}).values():
            assert math.isfinite(float(value))
    state: dict[str, Any] = dict(training.state())
    assert state["generator.weights"].dtype == state["critic.gradient"].dtype == torch.float32


def test_points_are_refused_half_precision_with_the_reason() -> None:
    with pytest.raises(ConfigError) as refused:
        TrainingConfig.parse({"speed": {"autocast": "bf16"}})
    (problem,) = refused.value.problems
    assert problem.path == "speed.autocast"
    assert "for images" in problem.message


def test_points_do_not_notice() -> None:
    configs = (small(steps=2), small(steps=2, speed={"channels_last": False}))
    first, second = ([dict(s.scalars) for s in train(config)] for config in configs)
    assert first == second
