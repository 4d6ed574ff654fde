"""The vanishing gradient: it fades for log(1 − D), grows for −log D, stays for a critic; the generators stand still."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from wgan_core.objectives import Gan, WganClip, WganGp
from wgan_core.theory import build
from wgan_core.theory.frozen import GOALS, RING, Game, Judged
from wgan_core.theory.learner import stream
from wgan_core.theory.result import Curve, Result

SMALL: dict[str, Any] = {"dimensions": 16, "trained": 100, "steps": 60}


def curves(result: Result, panel: str) -> list[Curve]:
    (found,) = (each for each in result.panels if each.name == panel)
    return [layer for layer in found.layers if isinstance(layer, Curve)]


def test_three_generators_are_frozen_and_do_not_move() -> None:
    game = Game(8, 0)
    judged = Judged(game, 0, WganGp(), 0)
    before = [p.clone() for p in judged.generator.parameters()]
    for _ in range(3):
        game.round()
        judged.learn()
        judged.look(1)
    assert all(torch.equal(a, b) for a, b in zip(before, judged.generator.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(before, game.generator.parameters(), strict=True))


def test_the_gradient_is_that_of_the_loss() -> None:
    game = Game(4, 1)
    judged = Judged(game, 0, WganGp(), 1)
    gradient = judged.gradient(GOALS["saturating"], judged.discriminator)
    direction = torch.randn(gradient.shape, generator=stream(9), dtype=torch.float64)
    direction /= direction.norm()

    def loss(move: float) -> float:
        weights = judged._theta.weights
        kept = weights.clone()
        weights.add_(move * direction.float())
        with torch.no_grad():
            f = judged.discriminator.net(judged.generator(judged._z)).double()
        weights.copy_(kept)
        return float(torch.log1p(-torch.sigmoid(f)).mean())

    assert (loss(1e-2) - loss(-1e-2)) / 2e-2 == pytest.approx(float(gradient @ direction), rel=0.02)


def test_what_one_loss_loses_the_other_has() -> None:
    judged = Judged(Game(8, 2), 0, WganClip(), 2)
    for _ in range(20):
        judged.learn()
    judged.look(20)
    assert judged.mismatch < 1e-5
    both = sum((judged.gradient(goal, judged.discriminator) for goal in GOALS.values()), torch.zeros(()))
    alone = judged.gradient(WganGp(), judged.discriminator)
    torch.testing.assert_close(both, alone, rtol=1e-3, atol=1e-6)


def test_the_ring_lies_in_a_plane() -> None:
    game = Game(32, 0)
    real = game.real(200, stream(1))
    flat = real @ game.frame.t()
    torch.testing.assert_close(flat @ game.frame, real, rtol=0, atol=1e-5)
    assert float(flat.norm(dim=1).mean()) == pytest.approx(RING.radius, abs=0.05)


def test_frames_come_while_the_generator_trains() -> None:
    found = list(build("vanishing-gradient", SMALL).frames())
    assert found[0].step.startswith("the generator trains: step 2 of 100")
    assert all(len(curves(found[0], name)[0].x) == 0 for name in ("saturating", "other", "critic"))
    assert len(found[-1].tables[0].rows) == 3
    assert [row[0] for row in found[-1].tables[0].rows] == ["2", "20", "100"]


@pytest.mark.slow
@pytest.mark.parametrize(("held_by", "seed"), [("penalty", 0), ("clip", 3)])
def test_it_fades_grows_and_settles(held_by: str, seed: int) -> None:
    last = build("vanishing-gradient", {"held_by": held_by, "seed": seed}).compute()
    for fading, growing, held in zip(*(curves(last, name) for name in ("saturating", "other", "critic")), strict=True):
        assert fading.y[-1] < fading.y.max() / 100
        assert growing.y[-1] > 0.8 * growing.y.max() > 100 * growing.y[0]
        late = held.y[len(held.y) // 2 :]
        assert late.min() > 0.5 * late.max()
        assert fading.y[-1] < 1e-2 * held.y[-1]
    rows = last.tables[0].rows
    assert all(row[2] == "100.0%" for row in rows)
    assert float(rows[2][1]) < 0.8 * float(rows[0][1]), "the better generator is nearer to the ring's plane"


@pytest.mark.slow
def test_in_the_plane_little_vanishes() -> None:
    last = build("vanishing-gradient", {"dimensions": 2}).compute()
    assert all(curve.y[-1] > 0.1 * curve.y.max() for curve in curves(last, "saturating"))


def test_the_same_seed_gives_the_same_gradients() -> None:
    a, b = (build("vanishing-gradient", SMALL).compute() for _ in range(2))
    for one, other in zip(curves(a, "saturating"), curves(b, "saturating"), strict=True):
        np.testing.assert_array_equal(one.y, other.y)


def test_the_live_page_trains_its_discriminator_near_the_optimum_too() -> None:
    live = build("vanishing-gradient").live()
    assert live is not None
    assert live.objective == Gan(generator_goal="saturating")
    assert live.n_critic == 20
