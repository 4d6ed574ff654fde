"""Conditional runs: both networks are told the class of each sample."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from tests.core.helpers import CPU, rng, scalars, several, small
from wgan_core.config import TrainingConfig
from wgan_core.config.conditional import critic_inputs, draw_reals, generator_inputs
from wgan_core.export.weights import model_of
from wgan_core.lessons.presets import PRESETS
from wgan_core.members.stacked import stack, stackable
from wgan_core.metrics import Probe
from wgan_core.networks import Given, Mlp, build_critic, joined
from wgan_core.objectives import Objective
from wgan_core.objectives.penalties import input_gradient_norms
from wgan_core.schema import ConfigError
from wgan_core.training import Training, train

pytestmark = pytest.mark.usefixtures("few_points")

FASHION = {"kind": "fashion-mnist"}


def conditional(dataset: Any = "ring", objective: Any = "wgan-gp", **settings: Any) -> TrainingConfig:
    return small(dataset, objective, conditional=True, **settings)


# The view of the critic


def critic_and_labels(kind: str, n: int) -> tuple[Given, Any, torch.Tensor]:
    knobs = {"activation": "tanh"} if kind == "tanh" else {}
    critic = build_critic(Mlp(width=8, **knobs), (5,), rng(1), CPU)
    labels = torch.nn.functional.one_hot(torch.arange(n) % 3, 3).float()
    return Given(critic, labels), critic, labels


@pytest.mark.parametrize("kind", ["relu", "tanh"])
def test_a_critic_given_labels_scores_samples_beside_their_labels(kind: str) -> None:
    given, critic, labels = critic_and_labels(kind, 6)
    x = torch.randn(6, 2, generator=rng())
    assert torch.equal(given(x), critic(torch.cat([x, labels], 1)))
    both = given(torch.cat([x, 2 * x]))
    torch.testing.assert_close(both, torch.cat([given(x), given(2 * x)]))
    torch.testing.assert_close(given(x[:4]), given(x)[:4])


@pytest.mark.parametrize("kind", ["relu", "tanh"])
def test_its_slope_is_that_in_the_sample_alone(kind: str) -> None:
    given, critic, labels = critic_and_labels(kind, 6)
    x = torch.randn(6, 2, generator=rng()).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(torch.cat([x, labels], 1)).sum(), x)
    torch.testing.assert_close(given.input_gradient(x.detach()), slope)
    torch.testing.assert_close(input_gradient_norms(given, x.detach()), slope.square().sum(1).add(1e-12).sqrt())


def test_the_penalty_s_slope_in_the_weights_is_autograd_s() -> None:
    given, critic, labels = critic_and_labels("relu", 6)
    x = torch.randn(6, 2, generator=rng())
    ours = torch.autograd.grad(
        (input_gradient_norms(given, x, create_graph=True) - 1).square().mean(),
        list(critic.parameters()),
        allow_unused=True,
    )
    plain = torch.nn.Sequential(*critic)
    x.requires_grad_(True)
    (slope,) = torch.autograd.grad(plain(torch.cat([x, labels], 1)).sum(), x, create_graph=True)
    loss = (slope.square().sum(1).add(1e-12).sqrt() - 1).square().mean()
    theirs = torch.autograd.grad(loss, list(plain.parameters()), allow_unused=True)
    for a, b in zip(ours, theirs, strict=True):
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)
        else:
            assert a is None or not a.any()
            assert b is None or not b.any()


def test_an_image_s_class_is_constant_channels() -> None:
    found = joined(torch.zeros(2, 1, 4, 4), torch.eye(3)[1:])
    assert found.shape == (2, 4, 4, 4)
    assert found.mean((2, 3)).tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]
    assert (found == found[:, :, :1, :1]).all()


# What can be conditional


@pytest.mark.parametrize(
    ("dataset", "why"),
    [
        ({"kind": "swiss-roll"}, "has no labels"),
        ({"kind": "fashion-mnist", "classes": "Bag"}, "two classes or more"),
        ({"kind": "ring", "modes_count": 1}, "two classes or more"),
        ({"kind": "stacked-mnist"}, "100 are allowed"),
        ({"kind": "folder", "path": ""}, ""),
    ],
)
def test_data_without_classes_are_refused_with_the_reason(dataset: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TrainingConfig.parse({"dataset": dataset, "conditional": True})
    (problem,) = refused.value.problems
    assert problem.path == "conditional"
    assert why in problem.message


def test_the_field_survives_json_and_the_link() -> None:
    config = conditional()
    assert TrainingConfig.parse(json.loads(config.to_url())) == config
    assert TrainingConfig.parse({}).conditional is False


# Training


@pytest.mark.parametrize("objective", Objective.kinds)
def test_every_objective_trains_conditionally(objective: str) -> None:
    for snapshot in train(conditional(objective=objective)):
        assert all(np.isfinite(value) for value in snapshot.scalars.values())
        assert 0 <= snapshot.scalars["asked_mode"] <= 1


@pytest.mark.parametrize("network", ["mlp", "dcgan", "resnet"])
def test_images_train_conditionally_and_have_a_row_for_each_class(network: str) -> None:
    net = {"kind": network, **({"width": 8, "depth": 1} if network == "mlp" else {"base_channels": 4})}
    config = conditional(FASHION, generator=net, critic=net, steps=1, scores_every=0)
    *_, last = train(config)
    rows, columns = (side // 34 for side in last.arrays["fake_grid"].shape[:2])
    assert (rows, columns) == (10, 8)
    assert last.arrays["real_grid"].shape == last.arrays["fake_grid"].shape


def test_the_real_row_of_a_class_has_images_of_it() -> None:
    config = conditional(FASHION)
    probe = Probe.draw(config, rng(), CPU)
    images = config.dataset.read()  # type: ignore[attr-defined]
    assert probe.labels is not None
    for one, label in zip(probe.real[::5], probe.labels.argmax(1)[::5], strict=True):
        pixels = one.add(1).mul(255 / 2).round().to(torch.uint8)
        assert (images.pixels[images.labels == label] == pixels).flatten(1).all(1).any()


def test_real_samples_are_those_of_an_unconditional_run() -> None:
    x, labels = draw_reals(conditional(), 32, rng(3), CPU)
    same, none = draw_reals(small(), 32, rng(3), CPU)
    assert torch.equal(x, same)
    assert none is None
    assert labels is not None
    assert labels.sum(1).tolist() == [1] * 32
    assert critic_inputs(conditional(), 5, rng(), CPU).shape == (5, 2 + 8)
    assert generator_inputs(conditional(latent={"dim": 3}), 5, rng(), CPU).shape == (5, 3 + 8)


def test_the_networks_are_counted_with_their_classes() -> None:
    config = conditional()
    training = Training(config)
    assert config.parameters() == sum(
        p.numel() for net in (training.generator, training.critic) for p in net.parameters()
    )
    assert config.parameters() - small().parameters() == 2 * 8 * 16


def test_stacked_members_have_the_numbers_of_each_alone() -> None:
    config = conditional(steps=4, snapshot_every=2)
    assert stackable(config)
    together = stack(several(config, [0, 1]))
    found = {s.step: s.scalars for s in together.updates() if s is not None}
    for k, seed in enumerate((0, 1)):
        for step, alone in scalars(train(config.edited({"seed": seed}))).items():
            for name in ("critic_loss", "generator_loss", "w1", "asked_mode"):
                if name in alone:
                    assert np.asarray(found[step][name])[k] == pytest.approx(alone[name], rel=1e-4, abs=1e-5)


def test_a_resumed_conditional_run_has_the_numbers_of_one_that_was_never_stopped() -> None:
    config = conditional(steps=6, snapshot_every=3)
    whole = scalars(train(config))
    first = Training(config.edited({"steps": 3}))
    list(first.updates())
    rest = scalars(s for s in Training.resume(config, first.state()).updates() if s is not None)
    assert rest[6] == whole[6]
    z = generator_inputs(config, 4, rng(), CPU)
    assert torch.equal(model_of(config, first.state()).generator(z), first.generator(z))


@pytest.mark.slow
def test_a_conditional_wgan_puts_samples_where_they_are_asked_for() -> None:
    config = PRESETS["ring-wgan-gp"].config.edited({"conditional": True, "device": "cpu"})
    *_, last = train(config.edited({"steps": 250, "snapshot_every": 250}))
    assert last.scalars["asked_mode"] >= 0.9
    assert last.scalars["modes_covered"] == 8
