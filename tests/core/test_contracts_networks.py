"""What every architecture and every optimiser owes to the loop."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import nn

from tests.core.helpers import CPU, rng, small
from wgan_core.networks import FlatParameters, Latent, Mlp, Network, build_critic, build_generator
from wgan_core.optimisers import Adam, Optimiser, RmsProp, Sgd
from wgan_core.training import Training

pytestmark = pytest.mark.usefixtures("few_points")

CASES = [
    pytest.param(cls, shape, norm, id=f"{kind}-{'x'.join(map(str, shape))}-{norm}")
    for kind, cls in Network.kinds.items()
    for shape in ((2,), (1, 32, 32), (3, 28, 28), (3, 64, 64))
    if len(shape) == 3 or not cls.images_only
    for norm in ("none", "batch", "layer")
]


def smallest(kind: str) -> dict[str, Any]:
    return {"kind": kind, **({"base_channels": 4} if Network.kinds[kind].images_only else {"width": 16})}


def make(cls: Any, norm: str) -> Network:
    made: Network = cls.model_validate({"normalisation": norm, **smallest(cls().kind)})
    return made


@pytest.mark.parametrize(("cls", "shape", "norm"), CASES)
def test_generator_and_critic_fit_the_samples(cls: Any, shape: tuple[int, ...], norm: str) -> None:
    network = make(cls, norm)
    fake = build_generator(network, 5, shape, rng(), CPU)(torch.randn(6, 5, generator=rng()))
    assert fake.shape == (6, *shape)
    assert fake.dtype == torch.float32
    if len(shape) == 3:
        assert fake.abs().max() <= 1
    assert build_critic(network, shape, rng(), CPU)(fake).shape == (6, 1)


@pytest.mark.parametrize(("cls", "shape", "norm"), CASES)
def test_weights_come_from_the_seed_and_from_nothing_else(cls: Any, shape: tuple[int, ...], norm: str) -> None:
    network = make(cls, norm)
    before = torch.get_rng_state()
    first = build_critic(network, shape, rng(1), CPU).state_dict()
    with torch.device("meta"):  # an unlucky default device must not matter
        again = build_critic(network, shape, rng(1), CPU).state_dict()
    other = build_critic(network, shape, rng(2), CPU).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert all(value.isfinite().all() for value in first.values())


@pytest.mark.parametrize(("cls", "shape", "norm"), CASES)
def test_only_batch_normalisation_mixes_samples(cls: Any, shape: tuple[int, ...], norm: str) -> None:
    critic = build_critic(make(cls, norm), shape, rng(), CPU)
    x = torch.randn(8, *shape, generator=rng()).clamp(-1, 1)
    alone_or_together = torch.allclose(critic(x)[:4], critic(x[:4]), atol=1e-5)
    assert critic.mixes_samples == (norm == "batch")
    assert alone_or_together == (norm != "batch")


@pytest.mark.parametrize(("dataset", "kind"), [("ring", "mlp"), *(("fashion-mnist", kind) for kind in Network.kinds)])
def test_the_count_of_parameters_is_that_of_the_networks(dataset: str, kind: str) -> None:
    net = smallest(kind)
    config = small(dataset, "gan", generator=net, critic=net)
    training = Training(config)
    built = sum(p.numel() for net in (training.generator, training.critic) for p in net.parameters())
    assert config.parameters() == built


def test_an_mlps_linear_layers_start_within_torchs_default_bounds() -> None:
    critic = build_critic(Mlp(width=64), (2,), rng(), CPU)
    for layer in critic:
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            for p in (layer.weight, layer.bias):
                assert p.abs().max() <= bound
            assert layer.weight.abs().max() > 0.9 * bound


def test_a_dcgans_weights_start_as_the_paper_says() -> None:
    critic = build_critic(Network.kinds["dcgan"](normalisation="none"), (1, 32, 32), rng(), CPU)
    weights = torch.cat([m.weight.flatten() for m in critic if isinstance(m, nn.Conv2d | nn.Linear)])
    assert float(weights.detach().std()) == pytest.approx(0.02, rel=0.03)
    assert all(
        float(m.bias.detach().abs().max()) == 0 for m in critic if isinstance(m, nn.Conv2d) and m.bias is not None
    )


def test_a_start_shifts_the_first_samples_by_exactly_itself() -> None:
    z = torch.randn(10, 3, generator=rng())
    plain = build_generator(Mlp(), 3, (2,), rng(), CPU)(z)
    shifted = build_generator(Mlp(), 3, (2,), rng(), CPU, start=(2.0, 0.5))(z)
    torch.testing.assert_close(shifted - plain, torch.tensor([2.0, 0.5]).expand(10, 2))


@pytest.mark.parametrize("prior", ["gaussian", "uniform"])
def test_latents_follow_their_prior(prior: str) -> None:
    z = Latent.model_validate({"dim": 4, "prior": prior}).sample(5000, rng(), CPU)
    assert z.shape == (5000, 4)
    assert z.mean().abs() < 0.03
    assert float(z.std()) == pytest.approx(1 if prior == "gaussian" else 3**-0.5, rel=0.02)
    assert (z.abs().max() <= 1) == (prior == "uniform")


# One vector for all parameters


def mean_square(net: nn.Module, seed: int) -> torch.Tensor:
    x = torch.randn(32, 2, generator=rng(seed))
    found: torch.Tensor = (net(x) - x.sum(1, keepdim=True)).square().mean()
    return found


@pytest.mark.parametrize("kind", Optimiser.kinds)
def test_an_optimiser_of_the_flat_vector_moves_the_weights_as_one_of_each_tensor(kind: str) -> None:
    optimiser = Optimiser.kinds[kind](lr=1e-2)
    net = build_critic(Mlp(width=8), (2,), rng(), CPU)
    reference = nn.Sequential(*copy.deepcopy(net))
    flat = FlatParameters(net)
    together = optimiser.start(flat.weights)
    apart = [(p, optimiser.start(p)) for p in reference.parameters()]
    for step in range(8):
        flat.backward(mean_square(net, step))
        optimiser.step(flat.weights, flat.gradient, together)
        reference.zero_grad()
        torch.autograd.backward(mean_square(reference, step))
        with torch.no_grad():
            for p, memory in apart:
                assert p.grad is not None
                optimiser.step(p, p.grad, memory)
    for a, b in zip(net.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("part", "make_torch"),
    [
        (Adam(lr=0.01, beta1=0.5, beta2=0.9), lambda ps: torch.optim.Adam(ps, lr=0.01, betas=(0.5, 0.9))),
        (RmsProp(lr=0.01, alpha=0.9), lambda ps: torch.optim.RMSprop(ps, lr=0.01, alpha=0.9)),
        (Sgd(lr=0.01, momentum=0.9), lambda ps: torch.optim.SGD(ps, lr=0.01, momentum=0.9)),
    ],
    ids=["adam", "rmsprop", "sgd"],
)
def test_a_kind_is_torchs_optimiser_of_that_name_with_its_knobs(part: Optimiser, make_torch: Any) -> None:
    net = build_critic(Mlp(width=8), (2,), rng(), CPU)
    reference = nn.Sequential(*copy.deepcopy(net))
    flat = FlatParameters(net)
    memory, torchs = part.start(flat.weights), make_torch(list(reference.parameters()))
    for step in range(8):
        flat.backward(mean_square(net, step))
        part.step(flat.weights, flat.gradient, memory)
        torchs.zero_grad()
        torch.autograd.backward(mean_square(reference, step))
        torchs.step()
    for a, b in zip(net.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", Optimiser.kinds)
def test_an_optimisers_rate_can_be_turned_while_it_works(kind: str) -> None:
    weights, gradient = torch.zeros(3), torch.ones(3)
    slow, fast = Optimiser.kinds[kind](lr=1e-3), Optimiser.kinds[kind](lr=1e-2)
    memory = slow.start(weights)
    slow.step(weights, gradient, memory)
    before = weights.clone()
    fast.step(weights, gradient, memory)
    assert ((weights - before).abs() > 2 * before.abs()).all()


def test_gradients_do_not_add_up_from_one_loss_to_the_next() -> None:
    net = build_critic(Mlp(width=8), (2,), rng(), CPU)
    flat = FlatParameters(net)
    norms = []
    for _ in range(2):
        flat.backward(mean_square(net, 0))
        norms.append(float(flat.gradient.norm()))
    assert norms[0] == norms[1] > 0


def test_the_gradient_is_that_of_all_parameters_in_their_order() -> None:
    net = build_critic(Mlp(width=8), (2,), rng(), CPU)
    flat = FlatParameters(net)
    flat.backward(mean_square(net, 0))
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(mean_square(net, 0), list(net.parameters()))])
    torch.testing.assert_close(flat.gradient, expected)


def test_frozen_parameters_ask_for_no_gradient_and_thaw_even_after_an_error() -> None:
    net = build_critic(Mlp(width=8), (2,), rng(), CPU)
    flat = FlatParameters(net)
    with suppress(ZeroDivisionError), flat.frozen():
        assert not any(p.requires_grad for p in net.parameters())
        raise ZeroDivisionError
    assert all(p.requires_grad for p in net.parameters())
