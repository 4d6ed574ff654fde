"""Clipping against the penalty: gradients by layer meet autograd and closed forms, weights pile up at ±c or do not."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wgan_core.networks.piecewise import PiecewiseLinear
from wgan_core.objectives import WganClip
from wgan_core.theory import build
from wgan_core.theory.figures.clipping import CLIPS, DATA, _Source, layer_norms, powers
from wgan_core.theory.result import Bars, Curve, Heat, Result
from wgan_core.theory.scorer import TrainedCritic


def value(result: Result, start: str) -> float:
    return next(n.value for n in result.numbers if n.name.startswith(start))


def layers(result: Result) -> dict[str, Curve]:
    (panel,) = (each for each in result.panels if each.name == "layers")
    return {
        layer.name.split(",")[0] + layer.name.split(",")[1]: layer for layer in panel.layers if isinstance(layer, Curve)
    }


def heat(result: Result, name: str) -> Heat:
    (panel,) = (each for each in result.panels if each.name == name)
    (found,) = (layer for layer in panel.layers if isinstance(layer, Heat))
    return found


@cache
def final(**settings: Any) -> Result:
    return build("clipping", settings).compute()


def test_at_the_sample_the_gradient_is_the_input_gradient() -> None:
    scorer = TrainedCritic(WganClip(), 2, 0, depth=5)
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    norms = layer_norms(scorer.net, x)
    assert len(norms) == 6
    assert norms[0] == pytest.approx(scorer.slopes(x.double().numpy()).mean(), rel=1e-4)
    last = list(scorer.net.parameters())[-2]
    assert norms[-1] == pytest.approx(float(last.detach().norm()), rel=1e-5)  # f = w · h + b


@pytest.mark.parametrize("c", [0.01, 0.1, 1.0])
def test_with_all_weights_at_c_each_layer_multiplies_by_c_times_its_width(c: float) -> None:
    width, depth = 16, 6
    sizes = [2] + [width] * depth
    linears = [nn.Linear(a, b) for a, b in zip(sizes, [*sizes[1:], 1], strict=True)]
    parts = [part for linear in linears for part in (linear, nn.ReLU())][:-1]
    net = PiecewiseLinear(*parts, slope=0.0)
    with torch.no_grad():
        for p in net.parameters():
            p.fill_(c)
    norms = layer_norms(net, torch.ones(3, 2))
    np.testing.assert_allclose(norms[1:-1] / norms[2:], c * width, rtol=1e-4)
    # Into the two coordinates of the sample from `width` units.
    assert norms[0] / norms[1] == pytest.approx(c * np.sqrt(2 * width), rel=1e-4)


def test_what_underflows_has_no_powers() -> None:
    assert np.isnan(powers(np.array([0.0, 1.0])))
    assert powers(np.array([1e-6, 1.0, 1.0])) == pytest.approx(-6)


@pytest.mark.parametrize("data", DATA)
def test_the_generator_is_the_data_with_noise_of_variance_one(data: str) -> None:
    source = _Source(DATA[data], 0)
    real, fake = (x.double().numpy() for x in source.draw(20_000))
    np.testing.assert_allclose(np.cov(fake.T) - np.cov(real.T), np.eye(2), atol=0.12)
    np.testing.assert_allclose(real.mean(0), fake.mean(0), atol=0.06)


def test_numbers_hold_from_the_first_step() -> None:
    first, second = (result for result, _ in zip(build("clipping", {"depth": 3}).frames(), range(2), strict=False))
    for result in (first, second):
        assert all(n.holds is not False for n in result.numbers)
    assert value(first, "clipped weights") < 0.1 < value(second, "clipped weights")


@pytest.mark.slow
def test_clipped_critics_vanish_or_explode_and_the_penalised_does_not() -> None:
    last = final()
    found = layers(last)
    gains = {c: powers(found[f"clipped c = {c:g}"].y) for c in CLIPS}
    assert gains[0.001] < -12
    assert gains[0.01] < -8
    assert gains[0.1] > 2
    assert gains[1.0] > 8
    assert abs(powers(found["penalty λ = 1"].y)) < 0.7
    assert value(last, "clipped weights") > 0.5
    (bars,) = (layer for p in last.panels if p.name == "weights-clip" for layer in p.layers if isinstance(layer, Bars))
    ends = np.abs(np.abs(bars.x) - 0.1) < bars.width
    assert bars.y[ends].sum() > 0.5
    (bars,) = (
        layer for p in last.panels if p.name == "weights-penalty" for layer in p.layers if isinstance(layer, Bars)
    )
    assert bars.y.max() < 0.2


@pytest.mark.slow
def test_the_penalised_critic_sees_the_ring_and_the_clipped_a_lump() -> None:
    last = final()
    for name, ring in (("surface-clip", False), ("surface-penalty", True)):
        surface = heat(last, name)
        i = np.abs(surface.x).argmin()
        at_mode = surface.z[i, np.abs(surface.x - 2).argmin()]
        assert (at_mode > surface.z[i, i]) == ring
    assert value(last, "estimate over K, penalised") > 1.5 * value(last, "estimate over K, clipped")


def test_the_live_page_clips_the_same_data() -> None:
    live = build("clipping", {"data": "swiss-roll", "clip": 0.05}).live()
    assert live is not None
    assert live.dataset.kind == "swiss-roll"
    assert live.objective == WganClip(clip=0.05)
