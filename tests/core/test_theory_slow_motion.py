"""Slow motion: the round taken apart is the training's own, and each moment changes what it says."""

from __future__ import annotations

import copy
import math
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from wgan_core.config import TrainingConfig
from wgan_core.networks.piecewise import Net
from wgan_core.theory import build
from wgan_core.theory.apart import Scene, scenes
from wgan_core.theory.figures.slow_motion import LINES, MOMENTS, SAID
from wgan_core.theory.watched import watch
from wgan_core.training import Training

KINDS = ("gan", "wgan-clip", "wgan-gp")
EACH = pytest.mark.parametrize("kind", KINDS)


def config(kind: str, **settings: Any) -> TrainingConfig:
    found = build("slow-motion", {"objective": kind, "batch_size": 16} | settings).live()
    assert found is not None
    return found.edited({"device": "cpu"})


def played(kind: str, rounds: int = 10, **settings: Any) -> dict[str, Scene]:
    return {each.name: each for each in scenes(config(kind, **settings).to_url(), rounds)}


def weights(net: Net) -> Tensor:
    return torch.cat([each.detach().flatten() for each in net.parameters()])


def value(scene: Scene, name: str) -> float:
    return next(n.value for n in scene.numbers if n.name == name)


@EACH
@pytest.mark.parametrize("n_critic", [1, 3])
def test_a_watched_round_is_that_of_a_training(kind: str, n_critic: int) -> None:
    chosen = config(kind, n_critic=n_critic)
    seen = watch(chosen, 4)
    training = Training(chosen)
    for _ in range(5):
        generator = copy.deepcopy(training.generator)
        critics = [copy.deepcopy(training.critic) for _ in chain([0], training.round())]
    state, terms = training.state(), training.members[0].terms
    for net, role in ((seen.critic_held, "critic"), (seen.generator_stepped, "generator")):
        torch.testing.assert_close(weights(net), state[f"{role}.weights"], rtol=0, atol=0)
    torch.testing.assert_close(seen.critic_gradient, state["critic.gradient"], rtol=0, atol=0)
    torch.testing.assert_close(seen.generator_gradient, state["generator.gradient"], rtol=0, atol=0)
    assert seen.terms | {"generator_loss": seen.generator_loss} == terms
    assert torch.equal(weights(seen.generator), weights(generator))
    assert torch.equal(weights(seen.critic), weights(critics[-2]))
    # What stands beside it belongs to it.
    with torch.no_grad():
        torch.testing.assert_close(generator(seen.latents), seen.fake)
        torch.testing.assert_close(generator(seen.latents_again), seen.fake_again)


@EACH
@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_difference_quotients(kind: str, seed: int) -> None:
    found = played(kind, seed=seed)
    checked = [n for each in found.values() for n in each.numbers if n.name.startswith("‖∇") and n.expected is not None]
    assert {n.name[:3] for n in checked} == {"‖∇w", "‖∇θ"}
    assert all(n.holds for n in checked)


@EACH
def test_twelve_moments_each_with_its_line(kind: str) -> None:
    found = list(played(kind))
    assert len(found) == MOMENTS
    assert set(found) == LINES[kind].keys() <= SAID.keys()


@EACH
def test_only_the_update_and_the_clip_change_the_critic(kind: str) -> None:
    found = list(played(kind).values())
    changed = [b.name for a, b in pairwise(found) if not np.array_equal(a.weights, b.weights)]
    assert changed == (["update critic", "clip"] if kind == "wgan-clip" else ["update critic"])
    assert [b.name for a, b in pairwise(found) if not np.array_equal(a.surface, b.surface)] == changed


def test_the_clip_cuts_what_the_update_put_beyond() -> None:
    found = played("wgan-clip")
    clip = config("wgan-clip").objective.model_dump()["clip"]
    assert np.abs(found["update critic"].weights).max() > clip
    np.testing.assert_allclose(found["clip"].weights, found["update critic"].weights.clip(-clip, clip), atol=1e-8)


def test_the_penalty_is_the_mean_of_its_arrows() -> None:
    arrows = played("wgan-gp")["penalty"].field
    assert arrows is not None
    norms = np.linalg.norm(arrows.arrows, axis=1)
    weight = config("wgan-gp").objective.model_dump()["penalty_weight"]
    loss = played("wgan-gp")["loss"]
    assert value(loss, "gradient penalty, times λ") == pytest.approx(weight * ((norms - 1) ** 2).mean(), rel=1e-4)
    assert value(loss, "mean ‖∇f‖ at the interpolates") == pytest.approx(norms.mean(), rel=1e-5)


@EACH
def test_interpolates_lie_between(kind: str) -> None:
    found = played(kind)
    if kind != "wgan-gp":
        assert not any(len(each.between) for each in found.values())
        return
    at = found["penalty"]
    to_real, to_fake = (np.linalg.norm(at.between - each, axis=1) for each in (at.real, at.fake))
    np.testing.assert_allclose(to_real + to_fake, np.linalg.norm(at.real - at.fake, axis=1), rtol=1e-4)


@EACH
def test_what_the_loss_asks_of_scores(kind: str) -> None:
    wishes = played(kind)["critic's gradient"].field
    assert wishes is not None
    up = wishes.arrows[:, 1]
    n = len(up) // 2
    assert (wishes.arrows[:, 0] == 0).all()
    assert (up[:n] > 0).all()
    assert (up[n:] < 0).all()
    if kind == "gan":
        scored = played(kind)["squash"]
        assert up[:n].mean() == pytest.approx(1 - value(scored, "mean D of real samples"), rel=1e-5)
        assert -up[n:].mean() == pytest.approx(value(scored, "mean D of generated samples"), rel=1e-5)
    else:
        assert (np.abs(up) == 1).all()


@EACH
def test_the_estimate_follows_from_the_terms(kind: str) -> None:
    loss = played(kind)["loss"]
    total = value(loss, "loss on real samples") + value(loss, "loss on generated samples")
    if kind == "gan":
        assert value(loss, "estimate of JS") == pytest.approx(math.log(2) - total / 2, rel=1e-6)
    else:
        assert value(loss, "estimate of W₁") == pytest.approx(-total, rel=1e-6)
        gap = value(loss, "mean score of real samples") - value(loss, "mean score of generated samples")
        assert gap == pytest.approx(-total, rel=1e-5, abs=1e-8)


@EACH
def test_samples_move_along_their_arrows(kind: str) -> None:
    found = played(kind)
    way = found["update generator"].field
    assert way is not None
    np.testing.assert_allclose(way.tails, found["generate again"].fake, atol=1e-6)
    np.testing.assert_allclose(way.tails + way.arrows, found["update generator"].fake, atol=1e-6)
    assert 0 < value(found["update generator"], "mean way of a sample") < 0.5


def test_a_later_moment_of_a_round_is_not_computed_anew() -> None:
    build("slow-motion", {"seed": 5, "moment": 2}).compute()
    before = scenes.cache_info().misses
    result = build("slow-motion", {"seed": 5, "moment": 9}).compute()
    assert scenes.cache_info().misses == before
    assert result.reading.startswith("9 of 12.")
    assert [row[0] for row in result.tables[0].rows if row[3] == "now"] == ["9"]
