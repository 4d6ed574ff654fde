"""Stacked trainings: each member is the training alone with its seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import wgan_core.members.stacked
from tests.core.helpers import CPU, rng, several, small
from wgan_core.config import TrainingConfig
from wgan_core.datasets import Ring
from wgan_core.history import Snapshot
from wgan_core.members.stacked import faster, seconds_a_round, stack, stackable, stacks
from wgan_core.networks import FlatParameters
from wgan_core.networks.piecewise import PiecewiseLinear, stacked
from wgan_core.objectives import Objective, WganGp, gradient_penalty, input_gradient_norms, interpolates, scores
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.optimisers import Optimiser, RmsProp
from wgan_core.schema import ConfigError
from wgan_core.training import Diverged, Training

# Of those that stack, without one that brings a constraint along.
OBJECTIVES = [kind for kind, objective in Objective.kinds.items() if objective.stacks and kind != "wgan"]
SEEDS = [7, 8, 9]
K = len(SEEDS)


pytestmark = pytest.mark.usefixtures("few_points")


def snapshots(training: Training, edits: dict[int, dict[str, Any]] | None = None) -> list[Snapshot]:
    """All snapshots of a training that gets edits at the given steps."""
    edits, found = dict(edits or {}), []
    for snapshot in training.updates():
        found += [] if snapshot is None else [snapshot]
        if training.step in edits:
            training.edit(edits.pop(training.step))
    return found


def assert_members_equal_solo(
    config: TrainingConfig, edits: dict[int, dict[str, Any]] | None = None, rel: float = 1e-4
) -> None:
    assert_members_equal_alone(several(config, SEEDS), edits, rel)


def assert_members_equal_alone(
    configs: list[TrainingConfig], edits: dict[int, dict[str, Any]] | None = None, rel: float = 1e-4
) -> None:
    together = snapshots(stack(configs), edits)
    for k, config in enumerate(configs):
        alone = snapshots(Training(config), edits)
        assert [(s.step, s.critic_steps) for s in together] == [(s.step, s.critic_steps) for s in alone]
        for one, all_ in zip(alone, together, strict=True):
            of_member = {name: float(values[k]) for name, values in scalars_of(all_).items()}
            assert one.scalars.keys() <= of_member.keys()
            for name, value in of_member.items():
                expected = one.scalars.get(name, float("nan"))
                assert value == pytest.approx(expected, rel=rel, abs=1e-5, nan_ok=True), (name, one.step, k)
            if k == 0:
                assert one.arrays.keys() == all_.arrays.keys()
                for name, array in one.arrays.items():
                    assert all_.arrays[name].shape == array.shape
                    if name not in ("weight_counts", "weight_edges"):  # a weight at a bin's edge may fall either side
                        np.testing.assert_allclose(all_.arrays[name], array, rtol=1e-3, atol=1e-4)


def scalars_of(snapshot: Snapshot) -> dict[str, np.ndarray[Any, Any]]:
    found = {}
    for name, values in snapshot.scalars.items():
        assert isinstance(values, np.ndarray)
        found[name] = values
    return found


# Members and trainings alone


@pytest.mark.parametrize(
    ("objective", "optimiser", "n_critic"),
    [
        *((kind, rule, n) for kind in OBJECTIVES[:3] for rule in ("adam", "rmsprop") for n in (1, 5)),
        *((kind, "adam", 2) for kind in OBJECTIVES[3:]),
    ],
)
def test_each_member_has_the_numbers_of_its_seed_alone(objective: str, optimiser: str, n_critic: int) -> None:
    rule = {"kind": optimiser, "lr": 1e-3}
    assert_members_equal_solo(
        small(
            objective=objective,
            critic_optimiser=rule,
            generator_optimiser=rule,
            n_critic=n_critic,
            steps=16,
            snapshot_every=4,
        )
    )


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"critic": {"width": 16, "activation": "leaky-relu", "depth": 3}}, id="leaky-critic"),
        pytest.param({"generator": {"width": 16, "activation": "leaky-relu"}}, id="leaky-generator"),
        pytest.param({"objective": {"kind": "gan", "generator_goal": "saturating"}}, id="saturating"),
        pytest.param({"dataset": {"kind": "parallel-lines", "theta": -2.0}}, id="generator-with-a-start"),
        pytest.param({"dataset": {"kind": "swiss-roll"}, "latent": {"dim": 3, "prior": "uniform"}}, id="uniform"),
        pytest.param({"critic_optimiser": {"kind": "sgd", "lr": 1e-3, "momentum": 0.9}}, id="momentum"),
    ],
)
def test_every_architecture_that_stacks_gives_the_numbers_alone(settings: dict[str, Any]) -> None:
    config = small(**{"n_critic": 2, "steps": 12, "snapshot_every": 3, **settings})
    assert stackable(config)
    assert_members_equal_solo(config)


def test_a_network_of_the_presets_size_gives_the_numbers_alone() -> None:
    net = {"width": 128}
    assert_members_equal_solo(small(generator=net, critic=net, batch_size=128, steps=10, snapshot_every=5))


def test_edits_reach_every_member() -> None:
    config = small(n_critic=2, steps=12, snapshot_every=3)
    edits: dict[int, dict[str, Any]] = {
        3: {"critic_optimiser.lr": 1e-3, "n_critic": 3},
        6: {"objective.penalty_weight": 0.5},
        8: {"generator_optimiser.lr": 5e-4},
    }
    assert_members_equal_solo(config, edits)
    clip = small(objective={"kind": "wgan-clip", "clip": 0.1}, steps=6)
    assert_members_equal_solo(clip, {2: {"objective.clip": 0.01}})


def test_an_edit_is_recorded_or_refused_as_in_a_training_alone() -> None:
    training = stack(several(small(steps=4), SEEDS))
    event = training.edit({"n_critic": 2})
    assert (event.step, event.kind, event.text) == (0, "edit", "n_critic: 5 → 2")
    with pytest.raises(ConfigError, match="seed: cannot be changed"):
        training.edit({"seed": 3})
    assert training.config == small(steps=4, n_critic=2, seed=SEEDS[0])


def test_fakes_of_several_passes_are_those_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wgan_core.training.together.MOST_IN_ONE_PASS", 0)
    assert_members_equal_solo(small(steps=4))


def test_one_member_is_the_training_alone() -> None:
    config = small(steps=6, snapshot_every=2)
    (alone, together) = snapshots(Training(config)), snapshots(stack(several(config, [config.seed])))
    for one, vectors in zip(alone, together, strict=True):
        assert {values.shape for values in scalars_of(vectors).values()} == {(1,)}
        found = {name: float(values[0]) for name, values in scalars_of(vectors).items()}
        assert one.scalars == pytest.approx(found, rel=1e-4, abs=1e-5)


def test_a_member_does_not_depend_on_the_others() -> None:
    # Two numbers may differ in rounding where the batched product treats sizes differently.
    first, second = (snapshots(stack(several(small(steps=6), seeds)))[-1] for seeds in ([3, 4], [5, 3, 6]))
    for name, values in scalars_of(first).items():
        assert values[0] == pytest.approx(scalars_of(second)[name][1], rel=1e-4, abs=1e-5, nan_ok=True)


# Members that differ in knobs

ADAM, RMSPROP = {"kind": "adam", "lr": 1e-3}, {"kind": "rmsprop", "lr": 1e-3}
NOISE = {"instance_noise": {"sigma": 0.1}}
KNOBS: dict[str, tuple[dict[str, Any], dict[str, list[float]]]] = {
    "clip": ({"objective": "wgan-clip"}, {"objective.clip": [0.01, 0.1, 0.3]}),
    "penalty": ({"objective": "wgan-gp"}, {"objective.penalty_weight": [0.1, 10.0, 1.0]}),
    "one-sided": ({"objective": "wgan-lp"}, {"objective.penalty_weight": [0.1, 10.0, 1.0]}),
    "dragan": (
        {"objective": "dragan"},
        {"objective.penalty_weight": [1.0, 10.0, 5.0], "objective.radius": [0.5, 0.1, 1.0]},
    ),
    "r1": ({"objective": "gan", "constraint": {"kind": "r1"}}, {"constraint.gamma": [1.0, 10.0, 0.1]}),
    "added clip": ({"objective": "wgan", "constraint": {"kind": "clip"}}, {"constraint.clip": [0.01, 0.1, 0.3]}),
    "noise": ({"objective": "gan", "remedies": NOISE}, {"remedies.instance_noise.sigma": [0.1, 0.5, 0.3]}),
    "fading noise": (
        {"objective": "gan", "remedies": {"instance_noise": {"sigma": 0.1, "until": 6}}},
        {"remedies.instance_noise.sigma": [0.1, 0.5, 0.3]},
    ),
    "smoothing": (
        {"objective": "lsgan", "remedies": {"label_smoothing": {"amount": 0.1}}},
        {"remedies.label_smoothing.amount": [0.1, 0.2, 0.3]},
    ),
    "history": (
        {"objective": "gan", "remedies": {"historical_averaging": {"weight": 0.1}}},
        {"remedies.historical_averaging.weight": [0.1, 0.01, 1.0]},
    ),
    "adam": (
        {"critic_optimiser": ADAM},
        {
            "critic_optimiser.lr": [1e-3, 1e-4, 1e-2],
            "critic_optimiser.beta1": [0.5, 0.9, 0.5],
            "critic_optimiser.beta2": [0.9, 0.99, 0.999],
        },
    ),
    "rmsprop": ({"generator_optimiser": RMSPROP}, {"generator_optimiser.lr": [1e-3, 1e-4, 1e-2]}),
    "momentum": (
        {"critic_optimiser": {"kind": "sgd", "lr": 1e-3, "momentum": 0.5}},
        {"critic_optimiser.momentum": [0.5, 0.9, 0.1]},
    ),
}


@pytest.mark.parametrize("name", KNOBS)
def test_members_that_differ_in_knobs_have_the_numbers_of_each_alone(name: str) -> None:
    settings, knobs = KNOBS[name]
    base = small(**{"n_critic": 2, "steps": 8, "snapshot_every": 4, **settings})
    each = [
        base.edited({"seed": seed} | {path: values[k] for path, values in knobs.items()})
        for k, seed in enumerate(SEEDS)
    ]
    assert stacks(each) == [[0, 1, 2]]
    assert_members_equal_alone(each, rel=1e-3)


def test_an_edit_gives_all_members_one_value_of_a_knob_in_which_they_differed() -> None:
    each = [small(steps=8, snapshot_every=4, objective={"penalty_weight": weight}) for weight in (0.1, 1.0, 10.0)]
    edits: dict[int, dict[str, Any]] = {4: {"objective.penalty_weight": 5.0, "critic_optimiser.lr": 1e-3}}
    assert_members_equal_alone(each, edits, rel=1e-3)


def test_every_knob_of_the_kinds_that_stack_is_tried() -> None:
    """Each number of a loss or an optimiser that members may differ in is among those above."""
    tried = {path.partition(".")[2] for _, knobs in KNOBS.values() for path in knobs}
    parts = [part for part in (*Constraint.kinds.values(), *Optimiser.kinds.values()) if getattr(part, "stacks", True)]
    for part in parts:
        for knob, field in part.model_fields.items():
            assert field.annotation is not float or knob in tried or (part, knob) == (RmsProp, "alpha")
    for remedy in (each for each in REMEDIES.values() if each.stacks):
        for knob, field in remedy.model_fields.items():
            assert field.annotation is not float or f"{remedy.name}.{knob}" in tried
    for objective in (each for each in Objective.kinds.values() if each.stacks):
        own = {knob for knob, field in objective.model_fields.items() if field.annotation is float}
        assert own <= set(objective.held_by.model_fields), (
            "what is not its constraint's would be taken from the first member"
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"n_critic": 2},
        {"generator.width": 17},
        {"dataset.modes_count": 7},
        {"objective.penalty_weight": 0},
        {"generator_average": 0.5},
    ],
)
def test_what_changes_what_is_computed_stands_apart(changes: dict[str, Any]) -> None:
    each = [small(), small().edited(changes), small(seed=5)]
    assert stacks(each) == [[0, 2], [1]]
    with pytest.raises(ValueError, match="differ in more than seeds and numbers"):
        stack(each)


# What a snapshot holds


def test_scalars_are_read_only_vectors_of_float64_with_one_number_a_seed() -> None:
    training = stack(several(small(), SEEDS))
    found = snapshots(training)
    assert [s.step for s in found] == [0, 1, 2, 3]
    assert (training.step, training.critic_steps) == (3, 15)
    assert training.seconds == found[-1].seconds > 0
    for snapshot in found:
        for values in scalars_of(snapshot).values():
            assert (values.shape, values.dtype) == ((K,), np.float64)
            assert not values.flags.writeable
    assert len(set(found[-1].scalars["w1"].tolist())) == K  # type: ignore[union-attr]


def test_a_number_that_one_member_lacks_is_nan_there(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = iter(range(100))

    def sometimes(*args: Any) -> dict[str, float]:
        return {"always": 1.0} if next(counter) == 1 else {"always": 1.0, "sometimes": 2.0}

    monkeypatch.setattr("wgan_core.training.measuring.measure", sometimes)
    found = scalars_of(stack(several(small(), SEEDS)).snapshot())
    np.testing.assert_array_equal(found["sometimes"], [2.0, np.nan, 2.0])
    np.testing.assert_array_equal(found["always"], [1.0, 1.0, 1.0])


# What can be stacked


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        *(({"objective": kind}, objective.stacks) for kind, objective in Objective.kinds.items() if kind != "wgan"),
        ({"objective": "wgan"}, False),
        ({"objective": "wgan", "constraint": {"kind": "clip"}}, True),
        ({"objective": "gan", "constraint": {"kind": "r1"}}, True),
        ({"objective": "gan", "remedies": {"instance_noise": {"sigma": 0.1}}}, True),
        ({"objective": "gan", "remedies": {"minibatch_discrimination": {"kernels": 2}}}, False),
        ({"critic": {"activation": "leaky-relu"}}, True),
        ({"critic": {"activation": "tanh"}}, False),
        ({"generator": {"activation": "tanh"}}, False),
        ({"critic": {"normalisation": "layer"}}, False),
        ({"generator": {"normalisation": "batch"}}, False),
        ({"dataset": "fashion-mnist"}, False),
        ({"dataset": "fashion-mnist", "generator": {"kind": "mlp"}, "critic": {"kind": "mlp"}}, False),
        ({"dataset": "swiss-roll"}, True),
    ],
)
def test_what_stacks(settings: dict[str, Any], expected: bool) -> None:
    config = small(**settings)
    assert stackable(config) == expected
    if not expected:
        with pytest.raises(ValueError, match="this config cannot be stacked"):
            stack(several(config, SEEDS))


def test_the_objectives_of_the_papers_stack() -> None:
    assert {"gan", "wgan-clip", "wgan-gp"} <= set(OBJECTIVES)


def test_there_must_be_a_member() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        stack([])


# Members that diverge


def break_member(training: Training, k: int) -> None:
    with torch.no_grad():
        next(training.critic.parameters())[k].fill_(float("nan"))


def test_a_member_that_diverges_is_named_and_does_not_end_or_disturb_the_others() -> None:
    config = small(steps=6)
    training = stack(several(config, SEEDS))
    found: list[Snapshot] = []
    for snapshot in training.updates():
        found += [] if snapshot is None else [snapshot]
        if snapshot is not None and snapshot.step == 2:
            break_member(training, 1)
    assert list(training.diverged) == [1]
    error = training.diverged[1]
    assert (error.step, error.term) == (3, "critic_real")
    assert str(error) == "Training with seed 8 diverged at generator step 3: critic_real was not finite."
    whole = snapshots(stack(several(config, SEEDS)))
    for broken, sound in zip(found, whole, strict=True):
        for name, values in scalars_of(broken).items():
            expected = scalars_of(sound)[name].copy()
            if broken.step > 2:
                expected[1] = np.nan
            np.testing.assert_array_equal(values, expected)


def test_a_member_that_diverges_in_its_parameters_is_found_at_the_snapshot() -> None:
    training = stack(several(small(), SEEDS))
    break_member(training, 2)
    training.snapshot()
    assert str(training.diverged[2]).endswith("generator step 0: a critic parameter was not finite.")


def test_arrays_are_those_of_the_first_member_that_is_left() -> None:
    training = stack(several(small(), SEEDS))
    break_member(training, 0)
    second = Training(small(seed=SEEDS[1])).snapshot()
    np.testing.assert_array_equal(training.snapshot().arrays["fake"], second.arrays["fake"])


def test_the_training_ends_when_every_member_has_diverged() -> None:
    rates = {"lr": 1000}
    config = small(steps=200, critic_optimiser=rates, generator_optimiser=rates)
    training = stack(several(config, SEEDS))
    with pytest.raises(Diverged, match=r"Training with all 3 seeds, last with seed \d, diverged at generator step"):
        list(training.updates())
    assert sorted(training.diverged) == list(range(K))
    for k, error in training.diverged.items():
        with pytest.raises(Diverged) as caught:
            list(Training(config.edited({"seed": SEEDS[k]})).updates())
        assert (error.step, error.term) == (caught.value.step, caught.value.term)
        assert error.cause == caught.value.cause


# Devices


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_stacked_loop_makes_no_tensor_on_the_default_device(objective: str) -> None:
    config = small(objective=objective, steps=2)
    with torch.device("meta"):
        under_meta = snapshots(stack(several(config, SEEDS)))
    for a, b in zip(under_meta, snapshots(stack(several(config, SEEDS))), strict=True):
        for name, values in scalars_of(a).items():
            np.testing.assert_array_equal(values, scalars_of(b)[name])


def test_nothing_within_a_round_reads_a_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    training = stack(several(small(), SEEDS))

    def refuse(self: Tensor, *args: Any) -> Any:
        raise AssertionError("the step waits for the device")

    for name in ("item", "tolist", "cpu", "numpy", "__float__", "__bool__"):
        monkeypatch.setattr(Tensor, name, refuse)
    for _ in training.round():
        pass


def test_a_whole_stacked_training_touches_no_global_random_state() -> None:
    before = torch.get_rng_state()
    snapshots(stack(several(small(), SEEDS)))
    assert torch.equal(torch.get_rng_state(), before)


# Which way is faster


@pytest.mark.parametrize(
    ("times", "expected"),
    [([1.0, 2.9], [[0, 1, 2]]), ([1.0, 3.1], [[0], [1], [2]]), (Diverged, [[0], [1], [2]])],
)
def test_on_a_gpu_the_faster_way_is_taken(
    monkeypatch: pytest.MonkeyPatch, times: Any, expected: list[list[int]]
) -> None:
    def measured(*loops: Training) -> list[float]:
        if times is Diverged:
            raise Diverged(1, "critic_real", float("nan"), small())
        assert [len(loop.members) for loop in loops] == [1, K]
        return list(times)

    monkeypatch.setattr(wgan_core.members.stacked, "seconds_a_round", measured)
    assert faster(several(small(), SEEDS)) == expected
    assert faster([small()]) == [[0]]
    assert faster(several(small(critic={"activation": "tanh"}), [1, 2])) == [[0], [1]]


def test_the_time_of_a_round_is_measured_in_turns() -> None:
    loops = Training(small(n_critic=2)), stack(several(small(n_critic=2), SEEDS))
    times = seconds_a_round(*loops, rounds=4)
    assert all(time > 0 for time in times)
    assert {loop.step for loop in loops} == {3 + 3 * 4}


# The parts


def nets(slope: float = 0.2, depth: int = 2) -> Iterator[PiecewiseLinear]:
    """K nets from ℝ³ to ℝ in float64."""
    for seed in range(K):
        layers: list[nn.Module] = []
        for inputs, outputs in zip([3] + [7] * depth, [7] * depth + [1], strict=True):
            layers += [nn.Linear(inputs, outputs), nn.ReLU() if slope == 0 else nn.LeakyReLU(slope)]
        net = PiecewiseLinear(*layers[:-1], slope=slope).double()
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(torch.randn(p.shape, generator=rng(seed), dtype=torch.float64) / 2)
        yield net


def points(seed: int = 1) -> Tensor:
    return torch.randn(K, 20, 3, generator=rng(seed), dtype=torch.float64)


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_stacked_nets_have_the_outputs_and_slopes_of_each(slope: float, depth: int) -> None:
    each = list(nets(slope, depth))
    together = stacked(each)
    x = points().requires_grad_(True)
    loss = together(x).sin().sum() + together.input_gradient(x).square().sum()
    found = torch.autograd.grad(loss, [x, *together.parameters()])
    for k, net in enumerate(each):
        own = points()[k].requires_grad_(True)
        loss = net(own).sin().sum() + net.input_gradient(own).square().sum()
        expected = torch.autograd.grad(loss, [own, *net.parameters()])
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a[k], b)


def test_stacking_copies_and_leaves_the_nets_alone() -> None:
    each = list(nets())
    before = each[0](points()[0])
    together = stacked(each)
    with torch.no_grad():
        for p in together.parameters():
            p.zero_()
    assert torch.equal(each[0](points()[0]), before)
    assert (each[0].batch_dim, together.batch_dim) == (0, 1)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_each_term_of_a_stacked_critic_is_that_of_the_member(kind: str) -> None:
    objective = Objective.kinds[kind]()
    each = list(nets())
    together, real, fake = stacked(each), points(1), points(2)
    terms = objective.critic_loss(together, real, fake, [rng(k) for k in range(K)])
    generator_loss = objective.generator_loss(together, fake)
    weights = torch.randn(K, 30, generator=rng())
    rows = [row.clone() for row in weights]
    objective.constraint.constrain(weights)
    for k, net in enumerate(each):
        alone = objective.critic_loss(net, real[k], fake[k], rng(k))
        assert terms.keys() == alone.keys()
        for name, term in alone.items():
            assert terms[name].shape == (K,)
            torch.testing.assert_close(terms[name][k], term)
        torch.testing.assert_close(generator_loss[k], objective.generator_loss(net, fake[k]))
        objective.constraint.constrain(rows[k])
        assert torch.equal(weights[k], rows[k])


def test_norms_interpolates_and_penalties_are_those_of_each_member() -> None:
    each = list(nets())
    together, real, fake = stacked(each), points(1), points(2)
    alpha = torch.rand(K, 20, generator=rng(), dtype=torch.float64)
    x = interpolates(real, fake, alpha)
    norms = input_gradient_norms(together, x)
    penalties = gradient_penalty(together, real, fake, [rng(k) for k in range(K)])
    on_real, on_fake = scores(together, real, fake)
    for k, net in enumerate(each):
        torch.testing.assert_close(x[k], interpolates(real[k], fake[k], alpha[k]))
        torch.testing.assert_close(norms[k], input_gradient_norms(net, x[k]))
        torch.testing.assert_close(penalties[k], gradient_penalty(net, real[k], fake[k], rng(k)))
        torch.testing.assert_close(on_real[k], net(real[k]))
        torch.testing.assert_close(on_fake[k], net(fake[k]))


def test_the_flat_gradient_of_stacked_nets_has_one_row_for_each() -> None:
    each = list(nets())
    together, x = stacked(each), points()
    flat = FlatParameters(together)
    losses = together(x).square().mean((-2, -1))
    flat.backward(losses)
    assert flat.rows().shape == flat.gradient.shape == (K, sum(p.numel() for p in each[0].parameters()))
    for k, net in enumerate(each):
        alone = FlatParameters(net)
        alone.backward(net(x[k]).square().mean())
        assert torch.equal(flat.rows()[k], alone.weights)
        assert torch.equal(alone.rows(alone.gradient)[0], alone.gradient)
        torch.testing.assert_close(flat.gradient[k], alone.gradient)


@pytest.mark.parametrize("kind", Optimiser.kinds)
def test_an_optimiser_moves_each_row_as_a_vector_alone(kind: str) -> None:
    optimiser = Optimiser.kinds[kind](lr=1e-2)
    weights = torch.randn(K, 30, generator=rng())
    rows = [row.clone() for row in weights]
    memory, memories = optimiser.start(weights), [optimiser.start(row) for row in rows]
    for step in range(4):
        gradient = torch.randn(K, 30, generator=rng(step + 1))
        optimiser.step(weights, gradient, memory)
        for k, row in enumerate(rows):
            optimiser.step(row, gradient[k], memories[k])
    torch.testing.assert_close(weights, torch.stack(rows), rtol=1e-6, atol=1e-7)


def test_a_penalty_weight_reaches_the_stacked_critic() -> None:
    together, real, fake = stacked(list(nets())), points(1), points(2)
    light, heavy = (
        WganGp(penalty_weight=weight).critic_loss(together, real, fake, [rng(k) for k in range(K)])["gradient_penalty"]
        for weight in (1, 5)
    )
    torch.testing.assert_close(heavy, 5 * light)


def test_real_samples_are_those_that_each_seed_draws_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Tensor] = []
    sample = Ring.sample

    def spy(self: Ring, n: int, one: torch.Generator, device: torch.device) -> Tensor:
        drawn.append(sample(self, n, one, device))
        return drawn[-1]

    trainings = [Training(small(seed=seed, n_critic=1)) for seed in SEEDS]
    together = stack(several(small(n_critic=1), SEEDS))
    monkeypatch.setattr(Ring, "sample", spy)
    for loop in (*trainings, together):
        for _ in loop.round():
            pass
    assert all(torch.equal(a, b) for a, b in zip(drawn[:K], drawn[K:], strict=True))
    assert all(x.device == CPU for x in drawn)
