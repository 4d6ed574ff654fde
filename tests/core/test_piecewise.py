"""The hand-written derivatives of piecewise-linear nets are autograd's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.core.helpers import rng
from wgan_core.networks.piecewise import Net, PiecewiseLinear
from wgan_core.objectives import gradient_penalty, input_gradient_norms

SHAPES = [(slope, depth) for slope in (0.0, 0.2) for depth in (1, 2, 3, 4)]


@pytest.fixture(params=SHAPES, ids=[f"slope{s}-depth{d}" for s, d in SHAPES])
def nets(request: pytest.FixtureRequest) -> tuple[PiecewiseLinear, nn.Sequential]:
    """A net and plain layers that share its parameters, in float64. ``depth`` counts the hidden layers."""
    slope, depth = request.param
    layers: list[nn.Module] = []
    for inputs, outputs in zip([3] + [7] * depth, [7] * depth + [1], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ReLU() if slope == 0 else nn.LeakyReLU(slope)]
    net = PiecewiseLinear(*layers[:-1], slope=slope).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=rng(len(p)), dtype=torch.float64) / 2)
    return net, nn.Sequential(*net)


def points(seed: int = 1) -> Tensor:
    return torch.randn(20, 3, generator=rng(seed), dtype=torch.float64)


def slopes(loss: Tensor, net: nn.Module) -> list[Tensor]:
    found = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(net.parameters(), found, strict=True)]


Pair = tuple[PiecewiseLinear, nn.Sequential]


def test_outputs_are_equal(nets: Pair) -> None:
    net, reference = nets
    torch.testing.assert_close(net(points()), reference(points()))


def test_the_input_is_left_alone(nets: Pair) -> None:
    x = points()
    nets[0](x)
    nets[0].input_gradient(x)
    assert torch.equal(x, points())


def test_parameter_and_input_gradients_are_equal(nets: Pair) -> None:
    found = []
    for net in nets:
        x = points().requires_grad_(True)
        loss = (net(x).sin() * torch.arange(20)[:, None]).sum()
        found.append(torch.autograd.grad(loss, [x, *net.parameters()]))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_finite_differences_agree(nets: Pair) -> None:
    assert torch.autograd.gradcheck(nets[0], (points().requires_grad_(True),))


def test_the_input_gradient_is_autograds(nets: Pair) -> None:
    net, reference = nets
    x = points().requires_grad_(True)
    (expected,) = torch.autograd.grad(reference(x).sum(), x)
    torch.testing.assert_close(net.input_gradient(x), expected)


def test_a_loss_of_the_input_gradient_has_autograds_slope_in_the_parameters(nets: Pair) -> None:
    net, reference = nets
    direction = points(2)
    losses: list[Callable[[Tensor], Tensor]] = [
        lambda g: (g * direction).sum(),
        lambda g: (g.square().sum(1).sqrt() - 1).square().mean(),
    ]
    for loss in losses:
        x = points().requires_grad_(True)
        (gradient,) = torch.autograd.grad(reference(x).sum(), x, create_graph=True)
        for a, b in zip(slopes(loss(net.input_gradient(x)), net), slopes(loss(gradient), net), strict=True):
            torch.testing.assert_close(a, b)


def test_the_penalty_takes_the_same_value_and_slope_either_way(nets: Pair) -> None:
    net, reference = nets
    found = [gradient_penalty(f, points(), points(2), rng(3)) for f in (net, Net(*reference))]
    torch.testing.assert_close(*found)
    for a, b in zip(slopes(found[0], net), slopes(found[1], net), strict=True):
        torch.testing.assert_close(a, b)


def test_a_frozen_net_still_passes_gradients_to_its_input(nets: Pair) -> None:
    net, reference = nets
    for p in net.parameters():
        p.requires_grad_(False)
    x = points().requires_grad_(True)
    (found,) = torch.autograd.grad(net(x).sum(), x)
    (expected,) = torch.autograd.grad(reference(x).sum(), x)
    torch.testing.assert_close(found, expected)


def test_a_net_with_several_outputs_differentiates_their_sum() -> None:
    net = PiecewiseLinear(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2), slope=0.0).double()
    x = points().requires_grad_(True)
    (gradient,) = torch.autograd.grad(nn.Sequential(*net)(x).sum(), x, create_graph=True)
    torch.testing.assert_close(net.input_gradient(x), gradient)
    loss = [(g * points(2)).sum() for g in (net.input_gradient(x), gradient)]
    for a, b in zip(slopes(loss[0], net), slopes(loss[1], net), strict=True):
        torch.testing.assert_close(a, b)


def test_a_net_that_was_converted_uses_its_new_parameters() -> None:
    net = PiecewiseLinear(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1), slope=0.0)
    net(points().float())
    assert net.double()(points()).dtype == torch.float64
    assert input_gradient_norms(net, points()).dtype == torch.float64
