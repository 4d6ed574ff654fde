"""What every objective owes to the loop, and the identities that its maths must keep."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from tests.core.helpers import CPU, rng, scalars, small
from wgan_core.datasets import Ring
from wgan_core.networks import FlatParameters, Mlp, build_critic
from wgan_core.networks.piecewise import Net, PiecewiseLinear
from wgan_core.objectives import (
    LOG_2,
    Gan,
    Objective,
    WganClip,
    WganGp,
    gradient_penalty,
    input_gradient_norms,
    interpolates,
    scores,
)
from wgan_core.optimisers import Adam
from wgan_core.training import Training, train

pytestmark = pytest.mark.usefixtures("few_points")

KINDS = list(Objective.kinds)
WGANS = ["wgan-clip", "wgan-gp"]
numbers = st.floats(-20, 20, allow_subnormal=False, width=32)


@pytest.fixture(params=KINDS)
def objective(request: pytest.FixtureRequest) -> Objective:
    made: Objective = Objective.kinds[request.param]()
    return made


def critic_of(normalisation: str = "none", activation: str = "relu", seed: int = 0) -> Net:
    architecture = Mlp.model_validate({"width": 32, "normalisation": normalisation, "activation": activation})
    return build_critic(architecture, (2,), rng(seed), CPU)


def batches(n: int = 64) -> tuple[Tensor, Tensor]:
    return Ring().sample(n, rng(1), CPU), torch.randn(n, 2, generator=rng(2)) * 0.3 + 0.5


def total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def values(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(term.detach()) for name, term in terms.items()}


def linear(weight: list[float], bias: float = 0.0, dtype: torch.dtype = torch.float32, plain: bool = True) -> Net:
    """A critic f(x) = w·x + b, for autograd or in the hand-written form."""
    layer = nn.Linear(len(weight), 1)
    net = Net(layer) if plain else PiecewiseLinear(layer, slope=0.0)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([weight]))
        layer.bias.fill_(bias)
    return net.to(dtype)


# What the loop asks of all of them


def test_the_critic_loss_is_named_finite_scalars(objective: Objective) -> None:
    terms = objective.critic_loss(critic_of(), *batches(), rng())
    assert terms
    for name, term in terms.items():
        assert name.isidentifier()
        assert term.shape == ()
        assert term.isfinite()


@pytest.mark.parametrize("normalisation", ["none", "layer"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_critic_loss_reaches_every_parameter(objective: Objective, normalisation: str, activation: str) -> None:
    critic = critic_of(normalisation, activation)
    torch.autograd.backward(total(objective.critic_loss(critic, *batches(), rng())))
    for name, p in critic.named_parameters():
        assert p.grad is not None, name
        assert p.grad.isfinite().all(), name
    assert sum(float(p.grad.abs().sum()) for p in critic.parameters() if p.grad is not None) > 0


def test_training_the_critic_on_one_batch_lowers_its_loss(objective: Objective) -> None:
    critic, (real, fake) = critic_of(), batches()
    flat = FlatParameters(critic)
    objective.constraint.constrain(flat.weights)
    optimiser = Adam(lr=1e-3)
    memory = optimiser.start(flat.weights)
    losses = []
    for _ in range(30):
        loss = total(objective.critic_loss(critic, real, fake, rng(3)))
        losses.append(loss.item())
        flat.backward(loss)
        optimiser.step(flat.weights, flat.gradient, memory)
        objective.constraint.constrain(flat.weights)
    assert losses[-1] < losses[0]


def test_the_generator_loss_is_a_scalar_with_a_slope_in_the_samples(objective: Objective) -> None:
    critic, (_, fake) = critic_of(), batches()
    fake.requires_grad_(True)
    loss = objective.generator_loss(critic, fake)
    assert loss.shape == ()
    assert loss.isfinite()
    (slope,) = torch.autograd.grad(loss, fake)
    assert slope.isfinite().all()
    assert slope.abs().sum() > 0


def test_following_the_generators_slope_raises_the_critics_score(objective: Objective) -> None:
    # Whatever the objective, the generator wants its samples to look more real to the critic.
    critic, (_, fake) = critic_of(activation="tanh"), batches()
    fake.requires_grad_(True)
    (slope,) = torch.autograd.grad(objective.generator_loss(critic, fake) * len(fake), fake)
    with torch.no_grad():
        assert critic(fake - 0.01 * slope).mean() > critic(fake).mean()


def test_an_objective_draws_only_from_the_generator_it_is_handed(objective: Objective) -> None:
    critic, (real, fake) = critic_of(), batches()
    before = torch.get_rng_state()
    first = values(objective.critic_loss(critic, real, fake, rng(5)))
    objective.generator_loss(critic, fake)
    assert torch.equal(torch.get_rng_state(), before)
    assert values(objective.critic_loss(critic, real, fake, rng(5))) == first


def test_an_objective_leaves_its_samples_alone(objective: Objective) -> None:
    critic, (real, fake) = critic_of(), batches()
    copies = real.clone(), fake.clone()
    torch.autograd.backward(total(objective.critic_loss(critic, real, fake, rng())))
    objective.generator_loss(critic, fake)
    assert torch.equal(real, copies[0])
    assert torch.equal(fake, copies[1])


def test_constraining_twice_is_constraining_once(objective: Objective) -> None:
    weights = torch.randn(500, generator=rng())
    objective.constraint.constrain(weights)
    once = weights.clone()
    objective.constraint.constrain(weights)
    assert torch.equal(weights, once)


def test_the_estimate_is_a_number_from_the_terms_alone(objective: Objective) -> None:
    terms = values(objective.critic_loss(critic_of(), *batches(), rng()))
    assert math.isfinite(objective.estimate(terms))
    assert objective.estimate_name.isidentifier()


def test_a_short_training_reports_the_estimate_and_each_term(objective: Objective) -> None:
    last = scalars(train(small(objective=objective.kind)))[3]
    terms = objective.critic_loss(critic_of(), *batches(), rng())
    assert {objective.estimate_name, "critic_loss", "generator_loss", *terms} <= last.keys()
    assert last["critic_loss"] == pytest.approx(sum(last[name] for name in terms))
    assert last[objective.estimate_name] == objective.estimate({name: last[name] for name in terms})


def test_the_papers_defaults_make_a_valid_config(objective: Objective) -> None:
    config = small(objective=objective.kind, batch_size=objective.defaults.get("batch_size", 64))
    assert config.n_critic == objective.defaults.get("n_critic", config.n_critic)
    for name in ("critic_optimiser", "generator_optimiser"):
        given = objective.defaults.get(name, {})
        assert given.items() <= getattr(config, name).model_dump().items()


def test_batch_normalisation_sees_real_and_generated_samples_apart() -> None:
    critic, (real, fake) = critic_of("batch"), batches()
    assert critic.mixes_samples
    on_real, on_fake = scores(critic, real, fake)
    assert torch.equal(on_real, critic(real))
    assert torch.equal(on_fake, critic(fake))
    # In one batch the two would share their statistics, and the scores would differ.
    assert not torch.allclose(on_real, critic(torch.cat([real, fake]))[: len(real)], atol=1e-3)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not Objective.kinds[kind].held_by.no_batch_norm])
def test_the_loss_of_a_batch_normalised_critic_is_that_of_two_passes(kind: str) -> None:
    objective, critic, (real, fake) = Objective.kinds[kind](), critic_of("batch"), batches()
    mistaken = critic_of("batch")
    mistaken.mixes_samples = False  # lets the loss put both batches into one: the mistake
    found = values(objective.critic_loss(critic, real, fake, rng()))
    assert found != values(objective.critic_loss(mistaken, real, fake, rng()))


@pytest.mark.parametrize("normalisation", ["none", "layer"])
@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "tanh"])
def test_one_pass_over_both_batches_gives_the_scores_of_two(normalisation: str, activation: str) -> None:
    critic, (real, fake) = critic_of(normalisation, activation), batches(40)
    assert not critic.mixes_samples
    on_real, on_fake = scores(critic, real, fake[:17])
    torch.testing.assert_close(on_real, critic(real))
    torch.testing.assert_close(on_fake, critic(fake[:17]))


# GAN


@given(w=st.lists(numbers, min_size=2, max_size=2), b=st.floats(-1000, 1000))
def test_gan_losses_are_binary_cross_entropy_of_the_logits(w: list[float], b: float) -> None:
    critic, (real, fake) = linear(w, b), batches(16)
    f_real, f_fake = critic(real), critic(fake)
    ones, zeros = torch.ones_like(f_real), torch.zeros_like(f_real)
    terms = Gan().critic_loss(critic, real, fake, rng())
    torch.testing.assert_close(terms["critic_real"], bce(f_real, ones))
    torch.testing.assert_close(terms["critic_fake"], bce(f_fake, zeros))
    torch.testing.assert_close(Gan().generator_loss(critic, fake), bce(f_fake, ones))
    saturating = Gan(generator_goal="saturating").generator_loss(critic, fake)
    torch.testing.assert_close(saturating, -bce(f_fake, zeros))


def test_gan_losses_stay_finite_where_a_sigmoid_would_be_exactly_0_or_1() -> None:
    critic, (real, fake) = linear([0.0, 0.0], 1e4), batches()
    terms = values(Gan().critic_loss(critic, real, fake, rng()))
    assert terms == {"critic_real": 0.0, "critic_fake": pytest.approx(1e4)}


def test_a_gan_critic_that_cannot_tell_estimates_zero() -> None:
    # f = 0 is D = ½ everywhere: the loss is 2 ln 2, and JS is 0.
    terms = values(Gan().critic_loss(linear([0.0, 0.0]), *batches(), rng()))
    assert Gan().estimate(terms) == pytest.approx(0, abs=1e-6)


def test_a_gan_critic_that_tells_all_apart_estimates_the_ceiling() -> None:
    real, fake = torch.ones(8, 2), -torch.ones(8, 2)
    terms = values(Gan().critic_loss(linear([100.0, 100.0]), real, fake, rng()))
    assert Gan().estimate(terms) == pytest.approx(LOG_2)


@given(w=st.lists(numbers, min_size=2, max_size=2), b=numbers, seed=st.integers(0, 100))
def test_the_js_estimate_never_exceeds_ln_2(w: list[float], b: float, seed: int) -> None:
    x = torch.randn(2, 16, 2, generator=rng(seed))
    terms = values(Gan().critic_loss(linear(w, b), x[0], x[1], rng()))
    assert Gan().estimate(terms) <= math.log(2)


# Both WGANs


@pytest.mark.parametrize("kind", WGANS)
@given(w=st.lists(numbers, min_size=2, max_size=2), b=numbers)
def test_the_wgan_estimate_is_the_difference_of_the_mean_scores(kind: str, w: list[float], b: float) -> None:
    critic, (real, fake) = linear(w, b), batches()
    terms = values(Objective.kinds[kind]().critic_loss(critic, real, fake, rng()))
    expected = float((critic(real).mean() - critic(fake).mean()).detach())
    assert Objective.kinds[kind]().estimate(terms) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", WGANS)
def test_the_wgan_generator_loss_is_minus_the_mean_score(kind: str) -> None:
    critic, (_, fake) = critic_of(), batches()
    assert Objective.kinds[kind]().generator_loss(critic, fake).item() == -critic(fake).mean().item()


def test_the_best_linear_critic_of_a_shifted_cloud_estimates_the_shift() -> None:
    # f(x) = x₁ has slope 1 everywhere: Kantorovich–Rubinstein's supremum for a shift along the first axis.
    x = torch.randn(64, 2, generator=rng())
    terms = values(WganGp().critic_loss(linear([1.0, 0.0]), x + torch.tensor([3.0, 0.0]), x, rng()))
    assert WganGp().estimate(terms) == pytest.approx(3, abs=1e-5)
    assert terms["gradient_penalty"] == pytest.approx(0, abs=1e-10)


# Weight clipping


@given(
    weights=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30),
    c=st.floats(1e-6, 10, exclude_min=True, allow_subnormal=False),
)
def test_clipping_leaves_no_weight_beyond_c_and_the_others_alone(weights: list[float], c: float) -> None:
    before = torch.tensor(weights)
    after = before.clone()
    WganClip(clip=c).constraint.constrain(after)
    limit = torch.tensor(c)
    assert (after.abs() <= limit).all()
    assert torch.equal(after[before.abs() <= limit], before[before.abs() <= limit])


@pytest.mark.parametrize("c", [0.01, 0.1])
def test_the_critic_is_within_c_after_every_update_of_a_training(c: float) -> None:
    training = Training(small(objective={"kind": "wgan-clip", "clip": c}, snapshot_every=100))
    updates = training.updates()
    next(updates)
    for _ in updates:
        assert max(float(p.detach().abs().max()) for p in training.critic.parameters()) <= torch.tensor(c)


# Gradient penalty


@pytest.mark.parametrize("plain", [True, False])
@given(w=st.lists(numbers, min_size=2, max_size=2), b=numbers)
def test_a_linear_critics_input_gradient_is_its_weight(plain: bool, w: list[float], b: float) -> None:
    norms = input_gradient_norms(linear(w, b, torch.float64, plain), batches(9)[0].double())
    expected = torch.full((9,), math.hypot(*w), dtype=torch.float64)
    # 1e-12 inside the root moves a norm of 0 to 1e-6.
    torch.testing.assert_close(norms, expected, atol=1.1e-6, rtol=1e-9)


@pytest.mark.parametrize("plain", [True, False])
@given(w=st.lists(numbers, min_size=2, max_size=2))
def test_a_linear_critics_penalty_is_the_squared_distance_of_its_norm_from_1(plain: bool, w: list[float]) -> None:
    real, fake = (x.double() for x in batches())
    found = gradient_penalty(linear(w, 1.0, torch.float64, plain), real, fake, rng()).item()
    assert found == pytest.approx((math.hypot(*w) - 1) ** 2, rel=1e-5, abs=1e-5)


def test_the_norm_is_over_all_dimensions_of_an_image_and_per_sample() -> None:
    flat = linear([0.5] * 16)
    norms = input_gradient_norms(Net(nn.Flatten(), *flat), torch.randn(3, 1, 4, 4, generator=rng()))
    torch.testing.assert_close(norms, torch.full((3,), 2.0))  # √(16 · ¼)


def test_the_penalty_is_differentiable_where_the_gradient_is_zero() -> None:
    critic = linear([0.0, 0.0])
    torch.autograd.backward(gradient_penalty(critic, *batches(), rng()))
    assert all(p.grad is None or p.grad.isfinite().all() for p in critic.parameters())


class Recorder(nn.Module):
    """f(x) = Σ x² that remembers where it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(x.detach())
        return x.square().flatten(1).sum(1, keepdim=True)


def test_the_penalty_looks_at_one_point_a_sample_on_the_line_between_real_and_fake() -> None:
    recorder = Recorder()
    real, fake = torch.randn(2, 32, 1, 4, 4, generator=rng(), dtype=torch.float64)
    gradient_penalty(Net(recorder), real, fake, rng(1))
    (x,) = recorder.asked
    alpha = ((x - fake) / (real - fake)).flatten(1)
    # The same α in every pixel of a sample, another in every sample, all within [0, 1].
    torch.testing.assert_close(alpha, alpha[:, :1].expand(-1, 16), atol=1e-7, rtol=0)
    assert len(alpha[:, 0].unique()) == 32
    assert 0 <= alpha.min() < 0.2 < 0.8 < alpha.max() <= 1


def test_alpha_1_is_the_real_sample_and_alpha_0_the_generated_one() -> None:
    real, fake = batches(4)
    x = interpolates(real, fake, torch.tensor([1.0, 0.0, 0.5, 0.25]))
    torch.testing.assert_close(x[0], real[0])
    torch.testing.assert_close(x[1], fake[1])
    torch.testing.assert_close(x[3], 0.25 * real[3] + 0.75 * fake[3])


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "tanh"])
@pytest.mark.parametrize("normalisation", ["none", "layer"])
def test_the_penalty_and_its_slope_are_those_of_plain_double_backward(activation: str, normalisation: str) -> None:
    critic = critic_of(normalisation, activation).double()
    reference = nn.Sequential(*critic)  # the same layers, differentiated by autograd alone
    real, fake = (x.double() for x in batches())

    alpha = torch.rand(len(real), generator=rng(7), dtype=torch.float64)[:, None]
    x = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    (gradient,) = torch.autograd.grad(reference(x).sum(), x, create_graph=True)
    expected = ((gradient.square().sum(1) + 1e-12).sqrt() - 1).square().mean()

    found = gradient_penalty(critic, real, fake, rng(7))
    torch.testing.assert_close(found, expected)
    weights = list(critic.parameters())
    slopes = [torch.autograd.grad(loss, weights, allow_unused=True) for loss in (found, expected)]
    for p, a, b in zip(weights, *slopes, strict=True):
        zero = torch.zeros_like(p)
        torch.testing.assert_close(zero if a is None else a, zero if b is None else b)


@given(weight=st.floats(0, 10_000))
def test_the_penalty_enters_the_loss_times_lambda_and_not_the_estimate(weight: float) -> None:
    critic, (real, fake) = critic_of(), batches()
    terms = values(WganGp(penalty_weight=weight).critic_loss(critic, real, fake, rng(4)))
    penalty = gradient_penalty(critic, real, fake, rng(4)).item()
    assert terms["gradient_penalty"] == pytest.approx(weight * penalty)
    without: dict[str, Any] = terms | {"gradient_penalty": 0.0}
    assert WganGp().estimate(terms) == WganGp().estimate(without)
