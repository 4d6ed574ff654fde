"""The architectures are those of their papers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.core.helpers import CPU, rng
from wgan_core.config import TrainingConfig
from wgan_core.networks import Dcgan, Mlp, Network, ReportDcgan, Residual, ResNet, build_critic, build_generator
from wgan_core.objectives import Objective

CIFAR = (3, 32, 32)


def layers(net: nn.Module, *kinds: type[nn.Module]) -> list[Any]:
    return [module for module in net.modules() if isinstance(module, kinds)]


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("objective", Objective.kinds)
def test_each_kind_starts_as_critic_with_a_normalisation_that_the_objective_allows(objective: str) -> None:
    for kind in Network.kinds:
        config = TrainingConfig.parse(
            {"dataset": {"kind": "fashion-mnist"}, "objective": {"kind": objective}, "critic": {"kind": kind}}
        )
        assert config.critic.kind == kind


def test_an_mlp_for_images_is_the_wgan_papers_and_one_for_points_is_not() -> None:
    images = TrainingConfig.parse({"dataset": {"kind": "fashion-mnist"}, "generator": {"kind": "mlp"}})
    assert images.generator == Mlp(depth=4, width=512, activation="relu", normalisation="none")
    assert images.critic.kind == "dcgan"
    assert TrainingConfig.parse({}).generator == Mlp(depth=2, width=128)


def test_constant_filters_without_normalisation_save_an_order_of_magnitude() -> None:
    """The WGAN paper says of Figure 7's generator: a bit more than an order of magnitude fewer parameters."""
    usual = Dcgan(base_channels=64).generator(100, (3, 64, 64))
    thin = Dcgan(base_channels=64, filters="constant", normalisation="none").generator(100, (3, 64, 64))
    assert 10 < count(usual) / count(thin) < 20
    assert not layers(thin, nn.BatchNorm2d)
    assert {layer.in_channels for layer in layers(thin, nn.ConvTranspose2d)} == {64}


def test_the_reports_dcgan_has_the_layers_that_it_names() -> None:
    generator, critic = ReportDcgan().generator(100, CIFAR), ReportDcgan(normalisation="none").critic(CIFAR)
    assert [len(layers(generator, kind)) for kind in (nn.Linear, nn.ConvTranspose2d, nn.Sigmoid)] == [1, 4, 1]
    assert [len(layers(critic, kind)) for kind in (nn.Conv2d, nn.LeakyReLU, nn.Linear)] == [4, 4, 1]
    assert layers(generator, nn.BatchNorm2d)
    assert layers(generator, nn.ReLU)
    assert not layers(critic, nn.BatchNorm2d, nn.GroupNorm)


def test_the_reports_pixels_are_its_sigmoid_stretched_to_where_images_are() -> None:
    generator = build_generator(ReportDcgan(base_channels=4), 5, CIFAR, rng(), CPU)
    z = torch.randn(6, 5, generator=rng())
    torch.testing.assert_close(generator(z), 2 * generator[:-1](z) - 1)
    assert isinstance(generator[-2], nn.Sigmoid)


def test_a_residual_block_adds_its_branches() -> None:
    critic = build_critic(ResNet(base_channels=4, normalisation="none"), CIFAR, rng(), CPU)
    blocks = layers(critic, Residual)
    x = torch.randn(2, 4, 8, 8, generator=rng())
    torch.testing.assert_close(blocks[-1](x), blocks[-1].main(x) + x)
    for p in blocks[-1].main.parameters():
        p.data.zero_()
    torch.testing.assert_close(blocks[-1](x), x)


def test_a_residual_critic_sees_the_paper_s_sides() -> None:
    """32 → 16 → 8 → 8 → 8, then the mean over all places; a generator goes 4 → 8 → 16 → 32."""
    net = ResNet(base_channels=4, normalisation="none")
    x, sides = torch.randn(2, *CIFAR, generator=rng()), []
    for layer in build_critic(net, CIFAR, rng(), CPU):
        x = layer(x)
        sides += [x.shape[-1]] if isinstance(layer, Residual) else []
    assert sides == [16, 8, 8, 8]
    x, sides = torch.randn(2, 5, generator=rng()), []
    for layer in build_generator(net, 5, CIFAR, rng(), CPU):
        x = layer(x)
        sides += [x.shape[-1]] if isinstance(layer, Residual) else []
    assert sides == [8, 16, 32]


def test_residual_weights_start_with_he_s_variance() -> None:
    critic = build_critic(ResNet(base_channels=64, normalisation="none"), CIFAR, rng(), CPU)
    for layer in layers(critic, nn.Conv2d):
        inputs = layer.weight[0].numel()
        expected = (1 if layer.kernel_size == (1, 1) else 2) / inputs
        assert float(layer.weight.detach().var()) == pytest.approx(expected, rel=0.25)
        assert float(layer.bias.detach().abs().max()) == 0
