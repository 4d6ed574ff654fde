"""What every constraint owes to the loop, whatever the objective; and what spectral normalisation and the others promise."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.core.helpers import CPU, rng, scalars, small
from tests.core.test_states import assert_resumed_is_uninterrupted
from wgan_core.config import TrainingConfig, live_paths
from wgan_core.datasets import Ring
from wgan_core.networks import Dcgan, Mlp, build_critic
from wgan_core.networks.piecewise import Net, PiecewiseLinear, stacked
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Clip, Constraint, Spectral, largest_singular_value
from wgan_core.objectives.penalties import around, gaussian_like, input_gradient_norms, one_sided_penalty
from wgan_core.schema import ConfigError
from wgan_core.schema.errors import bounds
from wgan_core.training import Training, train

KINDS = list(Constraint.kinds)
K = 3


pytestmark = pytest.mark.usefixtures("few_points")


@pytest.fixture(params=KINDS)
def constraint(request: pytest.FixtureRequest) -> Constraint:
    made: Constraint = Constraint.kinds[request.param]()
    return made


def critic_of(activation: str = "relu", seed: int = 0) -> Net:
    return build_critic(Mlp.model_validate({"width": 16, "activation": activation}), (2,), rng(seed), CPU)


def batches(n: int = 32) -> tuple[Tensor, Tensor]:
    return Ring().sample(n, rng(1), CPU), torch.randn(n, 2, generator=rng(2)) * 0.3 + 0.5


def with_gan(constraint: Constraint, **settings: Any) -> TrainingConfig:
    base: dict[str, Any] = {"objective": "gan", "constraint": constraint.model_dump(), "n_critic": 2}
    return small(**base | settings)


# What the loop asks of all of them


def test_its_term_is_a_finite_scalar_from_the_random_numbers_it_is_handed(constraint: Constraint) -> None:
    critic, (real, fake) = critic_of(), batches()
    before = torch.get_rng_state()
    first, again = (constraint.penalty(critic, real, fake, rng(3)) for _ in range(2))
    assert list(first) == [constraint.term] * bool(constraint.term)
    for name, term in first.items():
        assert name.isidentifier()
        assert term.shape == ()
        assert term.isfinite()
        assert torch.equal(term, again[name])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_held_critic_has_its_parameters_and_remembers_nothing(constraint: Constraint) -> None:
    critic, (real, _) = critic_of(), batches()
    before = {name: p.detach().clone() for name, p in critic.named_parameters()}
    held = constraint.held(critic)
    first = held(real)
    assert torch.equal(held(real), first)
    after = dict(held.named_parameters())
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not list(held.buffers())


def test_a_run_goes_on_from_a_state_as_if_never_stopped(constraint: Constraint) -> None:
    assert_resumed_is_uninterrupted(with_gan(constraint, steps=6, snapshot_every=2), 3)


def test_measuring_more_often_changes_nothing(constraint: Constraint) -> None:
    often, seldom = (scalars(train(with_gan(constraint, steps=4, snapshot_every=n))) for n in (1, 4))
    assert often[4] == seldom[4]


def test_every_tensor_is_made_on_the_runs_device(constraint: Constraint) -> None:
    config = with_gan(constraint, steps=2)
    with torch.device("meta"):
        under_meta = scalars(train(config))
    assert under_meta == scalars(train(config))


def test_its_knobs_that_are_live_can_be_turned(constraint: Constraint) -> None:
    training = Training(with_gan(constraint, steps=3))
    for path in live_paths(training.config):
        if path.startswith("constraint."):
            training.edit({path: 0.5})
    assert [s.step for s in training.updates() if s is not None] == [0, 1, 2, 3]


def test_stacked_critics_are_held_each_alone(constraint: Constraint) -> None:
    if not constraint.stacks:
        return
    each = [critic_of("leaky-relu", seed) for seed in range(K)]
    together = stacked([net for net in each if isinstance(net, PiecewiseLinear)])
    real, fake = (torch.randn(K, 20, 2, generator=rng(seed)) for seed in (1, 2))
    terms = constraint.penalty(together, real, fake, [rng(k) for k in range(K)])
    weights = torch.randn(K, 30, generator=rng())
    rows = [row.clone() for row in weights]
    constraint.constrain(weights)
    for k, net in enumerate(each):
        for name, term in constraint.penalty(net, real[k], fake[k], rng(k)).items():
            assert terms[name].shape == (K,)
            torch.testing.assert_close(terms[name][k], term)
        constraint.constrain(rows[k])
        torch.testing.assert_close(weights[k], rows[k])


# What goes together


def test_what_overlaps_is_refused_whichever_of_the_two_comes_first(constraint: Constraint) -> None:
    for cls in Constraint.kinds.values():
        other: Constraint = cls()
        assert bool(constraint.refusal(other, "Its objective")) == bool(other.refusal(constraint, "Its objective"))
    if constraint.term or constraint.limit is not None or constraint.no_size:
        assert constraint.refusal(constraint, "Its objective").startswith("Its objective ")


@pytest.mark.parametrize("kind", Objective.kinds)
def test_an_objective_carries_a_constraint_made_of_its_own_knobs(kind: str) -> None:
    objective = Objective.kinds[kind]
    of_both = [name for name in objective.held_by.model_fields if name != "kind"]
    for name in of_both:
        mine, theirs = (part.model_fields[name] for part in (objective, objective.held_by))
        assert (mine.default, bounds(mine)) == (theirs.default, bounds(theirs))
        value = 0.5 * mine.default
        assert getattr(objective(**{name: value}).constraint, name) == value
    assert objective().constraint == objective.held_by()
    assert small(objective=kind).constraints[: len(of_both)] == (objective().constraint,) * bool(of_both)


def test_no_constraint_repeats_what_an_objective_does() -> None:
    for objective in Objective.kinds.values():
        own = objective().constraint.penalty(critic_of(), *batches(), rng())
        for kind, cls in Constraint.kinds.items():
            if cls.term in own:
                with pytest.raises(ConfigError, match=f"constraint.kind: {kind} does not go with"):
                    small(objective=objective.model_fields["kind"].default, constraint={"kind": kind})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"objective": "wgan", "constraint": {"kind": "none"}}, "grow without bound"),
        (
            {"objective": "wgan-clip", "constraint": {"kind": "clip"}},
            "limits the size of the weights already; set its c instead",
        ),
        ({"objective": "wgan-clip", "constraint": {"kind": "spectral"}}, "means nothing"),
        ({"objective": "wgan-gp", "constraint": {"kind": "one-sided-penalty"}}, "at the same places already"),
        ({"objective": "dragan", "constraint": {"kind": "dragan"}}, "has this penalty already"),
        ({"objective": "gan", "constraint": {"kind": "r1"}, "critic": {"normalisation": "batch"}}, "use layer or none"),
        ({"objective": "gan", "constraint": {"kind": "r1", "clip": 1}}, "there is no such field"),
        ({"objective": "gan", "constraint": {"kind": "r1", "gamma": -1}}, "must be a number from 0"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        small(**settings)


def test_bare_wasserstein_losses_bring_a_constraint_along() -> None:
    assert small(objective="wgan").constraint == Spectral()
    assert small(objective="wgan", constraint={"kind": "clip"}).limit == Clip().clip


def test_a_penalised_dcgan_starts_without_batch_normalisation() -> None:
    config = small("fashion-mnist", "gan", constraint={"kind": "r1"})
    assert config.critic.normalisation == "layer"
    assert small("fashion-mnist", "gan").critic.normalisation == "batch"


def test_the_gradient_penalty_of_both_is_the_same_training() -> None:
    as_objective = small(objective={"kind": "wgan-gp", "penalty_weight": 3.0})
    as_constraint = small(
        objective="wgan",
        constraint={"kind": "gradient-penalty", "penalty_weight": 3.0},
        n_critic=as_objective.n_critic,
    )
    assert scalars(train(as_objective)) == scalars(train(as_constraint))
    assert as_objective.slope_weight == as_constraint.slope_weight == 3.0


def test_clipping_of_both_is_the_same_training() -> None:
    rule = {"kind": "rmsprop", "lr": 1e-3}
    both: dict[str, Any] = {"critic_optimiser": rule, "generator_optimiser": rule, "n_critic": 2}
    as_objective = small(objective={"kind": "wgan-clip", "clip": 0.05}, **both)
    as_constraint = small(objective="wgan", constraint={"kind": "clip", "clip": 0.05}, **both)
    found = scalars(train(as_constraint))
    assert scalars(train(as_objective)) == found
    assert found[3]["weights_at_clip"] > 0


# Penalties


def test_a_flat_critic_is_free_of_the_one_sided_penalty() -> None:
    critic = Net(nn.Linear(2, 1))
    with torch.no_grad():
        next(critic.parameters()).copy_(torch.tensor([[0.6, 0.7]]))
    assert one_sided_penalty(critic, *batches(), rng()).item() == 0


@pytest.mark.parametrize("images", [False, True])
def test_noise_around_the_data_has_the_given_size_in_their_standard_deviations(images: bool) -> None:
    shape = (400, 1, 8, 8) if images else (4000, 2)
    real = 3 + 5 * torch.randn(shape, generator=rng())
    moved = around(real, 0.5, rng(1)) - real
    assert moved.std().item() == pytest.approx(0.5 * 5, rel=0.05)
    assert abs(moved.mean().item()) < 0.1


def test_noise_of_stacked_batches_is_that_of_each() -> None:
    real = torch.randn(K, 10, 2, generator=rng())
    together = around(real, 0.3, [rng(k) for k in range(K)])
    for k in range(K):
        torch.testing.assert_close(together[k], around(real[k], 0.3, rng(k)))
        assert torch.equal(gaussian_like(real, [rng(k) for k in range(K)])[k], gaussian_like(real[k], rng(k)))


# Spectral normalisation


def applied(critic: Net) -> list[Tensor]:
    """The matrices that the layers apply, read off from what they make of each unit input."""
    found = []
    for module in critic.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            weight, bias = module.weight, module.bias
            assert bias is not None
            shape = weight.shape[1:]
            units = torch.eye(shape.numel()).view(-1, *shape)
            if isinstance(module, nn.Conv2d):
                module = copy.deepcopy(module)
                module.padding = (0, 0)
            out = module(units).flatten(1) - bias
            found.append(out.t())
    return found


@pytest.mark.parametrize("dataset", ["ring", "fashion-mnist"])
def test_every_layer_of_a_spectral_critic_has_norm_1_at_the_start_and_later(dataset: str) -> None:
    training = Training(small(dataset, "wgan", steps=2, n_critic=2))
    for _ in training.updates():
        with torch.no_grad():
            matrices = applied(training.critic)
        assert len(matrices) >= 3
        for matrix in matrices:
            assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "tanh"])
def test_a_spectral_critic_is_nowhere_steeper_than_1(activation: str) -> None:
    critic = Spectral().held(critic_of(activation))
    with torch.no_grad():
        for p in critic.parameters():
            p.mul_(7)
    slopes = input_gradient_norms(critic, 4 * torch.randn(500, 2, generator=rng()))
    assert 0 < slopes.max() <= 1 + 1e-5


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 6)])
def test_the_largest_singular_value_and_its_slope_are_torchs(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=rng(), dtype=torch.float64, requires_grad=True)
    found, expected = largest_singular_value(matrix), torch.linalg.matrix_norm(matrix, 2)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, matrix)[0] for value in (found, expected)))


def test_the_largest_singular_value_is_as_exact_where_products_are_not() -> None:
    matrix = torch.randn(64, 64, generator=rng())
    exact = largest_singular_value(matrix)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(largest_singular_value(matrix), exact)


def test_a_layer_of_zeros_stays_finite() -> None:
    critic = Spectral().held(critic_of())
    with torch.no_grad():
        for p in critic.parameters():
            p.zero_()
    loss = critic(batches()[0]).sum()
    assert all(g.isfinite().all() for g in torch.autograd.grad(loss, list(critic.parameters())))


def test_spectral_normalisation_reaches_nested_convolutions() -> None:
    with torch.device("meta"):
        plain = Dcgan(normalisation="none").critic((1, 32, 32))
        held = Spectral().held(Dcgan(normalisation="none").critic((1, 32, 32)))
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in plain.modules()) == sum(
        type(m).__name__.startswith("Spectral") for m in held.modules()
    )
