"""What every remedy owes to the loop; and what each one's paper promises, on cases with a known answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.core.helpers import CPU, rng, scalars, several, small
from tests.core.test_states import assert_resumed_is_uninterrupted
from wgan_core.config import TrainingConfig
from wgan_core.datasets import Ring
from wgan_core.members.stacked import stack, stackable
from wgan_core.networks import Mlp, build_critic
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import Gan
from wgan_core.objectives.remedies import (
    REMEDIES,
    FeatureMatching,
    HistoricalAveraging,
    InstanceNoise,
    LabelSmoothing,
    MinibatchDiscrimination,
    Remedy,
)
from wgan_core.objectives.remedies.batches import Closeness, VirtualBatchNorm
from wgan_core.schema import ConfigError
from wgan_core.training import Training, train
from wgan_core.training.forks import forked

SEEDS = [7, 8, 9]
BATCH_NORM = {"width": 16, "normalisation": "batch"}


pytestmark = pytest.mark.usefixtures("few_points")


@pytest.fixture(params=REMEDIES)
def remedy(request: pytest.FixtureRequest) -> type[Remedy]:
    return REMEDIES[request.param]


def switched_on(remedy: type[Remedy], **settings: Any) -> TrainingConfig:
    """A GAN with this remedy at the value that the form begins with. There is a batch normalisation for those that ask for it."""
    base: dict[str, Any] = {
        "objective": "gan",
        "remedies": {remedy.name: {remedy.switch(): remedy.usual}},
        "generator": BATCH_NORM,
        "n_critic": 2,
    }
    return small(**base | settings)


# What the loop asks of all of them


def test_it_is_off_at_first_and_says_what_it_is(remedy: type[Remedy]) -> None:
    assert not remedy().active
    assert remedy.model_validate({remedy.switch(): remedy.usual}).active
    assert remedy.label
    assert remedy.help.endswith(".")
    assert small().remedies.active == ()
    for field in remedy.model_fields.values():
        assert field.description
        assert field.description.endswith(".")


def test_it_changes_the_numbers_and_leaves_them_finite(remedy: type[Remedy]) -> None:
    config = switched_on(remedy)
    (found,) = config.remedies.active
    assert isinstance(found, remedy)
    without = scalars(train(config.edited({f"remedies.{remedy.name}.{remedy.switch()}": 0})))
    assert scalars(train(config))[3]["generator_loss"] != without[3]["generator_loss"]


def test_a_run_goes_on_from_a_state_as_if_never_stopped(remedy: type[Remedy]) -> None:
    assert_resumed_is_uninterrupted(switched_on(remedy, steps=6, snapshot_every=2), 3)


def test_measuring_more_often_changes_nothing(remedy: type[Remedy]) -> None:
    often, seldom = (scalars(train(switched_on(remedy, steps=4, snapshot_every=n))) for n in (1, 4))
    assert often[4] == seldom[4]


def test_every_tensor_is_made_on_the_runs_device(remedy: type[Remedy]) -> None:
    config, before = switched_on(remedy, steps=2), torch.get_rng_state()
    with torch.device("meta"):
        under_meta = scalars(train(config))
    assert under_meta == scalars(train(config))
    assert torch.equal(torch.get_rng_state(), before)


def test_other_streams_of_random_numbers_stay_as_they_are(remedy: type[Remedy]) -> None:
    off = switched_on(remedy).edited({f"remedies.{remedy.name}.{remedy.switch()}": 0})
    plain, treated = Training(off), Training(switched_on(remedy))
    for one, other in zip(plain.generator.parameters(), treated.generator.parameters(), strict=True):
        assert torch.equal(one, other)
    for _ in range(2):
        for training in (plain, treated):
            list(training.round())
    names = [name for name in plain.state() if name.startswith("random.")]
    assert all(torch.equal(plain.state()[name], treated.state()[name]) for name in names)  # type: ignore[arg-type]


def test_it_survives_a_link(remedy: type[Remedy]) -> None:
    config = switched_on(remedy)
    assert TrainingConfig.parse(config.to_url()) == config
    assert remedy.name in config.to_url()


def test_each_stacked_member_is_treated_as_alone(remedy: type[Remedy]) -> None:
    config = (
        switched_on(remedy, generator={"width": 16}, steps=4, snapshot_every=2)
        if remedy.stacks
        else switched_on(remedy)
    )
    if not remedy.stacks:
        assert not stackable(config)
        return
    together = [s for s in stack(several(config, SEEDS)).updates() if s is not None]
    for k, seed in enumerate(SEEDS):
        alone = scalars(train(config.edited({"seed": seed})))
        for snapshot in together:
            for name, value in alone[snapshot.step].items():
                assert snapshot.scalars[name][k] == pytest.approx(value, rel=1e-4, abs=1e-5), name  # type: ignore[index]


def test_a_fork_may_switch_it_on_unless_it_changes_the_networks(remedy: type[Remedy]) -> None:
    on = switched_on(remedy, steps=6)
    off = on.edited({f"remedies.{remedy.name}.{remedy.switch()}": 0})
    training = Training(off.edited({"steps": 3}))
    list(training.updates())
    if [p.shape for p in Training(on).critic.parameters()] != [p.shape for p in training.critic.parameters()] or (
        dict(Training(on).generator.named_buffers()).keys() != dict(training.generator.named_buffers()).keys()
    ):
        with pytest.raises(ConfigError, match="do not fit the networks"):
            forked(training.state(), off, on)
        return
    resumed = Training.resume(on, forked(training.state(), off, on))
    assert [s.step for s in resumed.updates() if s is not None] == [4, 5, 6]
    back = Training.resume(off.edited({"steps": 9}), forked(resumed.state(), on, off.edited({"steps": 9})))
    assert [s.step for s in back.updates() if s is not None] == [7, 8, 9]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"remedies": {"label_smoothing": {"amount": 0.1}}}, "remedies.label_smoothing: does not go with WGAN-GP"),
        ({"objective": "hinge", "remedies": {"label_smoothing": {"amount": 0.1}}}, "knows no labels"),
        ({"objective": "f-gan", "remedies": {"label_smoothing": {"amount": 0.1}}}, "knows no labels"),
        ({"remedies": {"virtual_batch": {"references": 8}}}, "no batch normalisation whose place"),
        ({"remedies": {"minibatch_discrimination": {"kernels": 4}}}, "a score depends on the whole batch"),
        (
            {
                "objective": "gan",
                "constraint": {"kind": "r1"},
                "remedies": {"minibatch_discrimination": {"kernels": 4}},
            },
            "does not go with R1",
        ),
        (
            {"objective": "gan", "batch_size": 4096, "remedies": {"minibatch_discrimination": {"kernels": 100}}},
            "a batch size of at most 447",
        ),
        (
            {
                "objective": "gan",
                "critic": BATCH_NORM,
                "remedies": {"virtual_batch": {"references": 8}, "minibatch_discrimination": {"kernels": 4}},
            },
            "virtual batch normalisation",
        ),
        (
            {"remedies": {"instance_noise": {"sigma": -1}}},
            "remedies.instance_noise.sigma: must be a number from 0 to 10",
        ),
        ({"remedies": {"hope": {"amount": 1}}}, "remedies.hope: there is no such field"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        small(**settings)


# Feature matching


def seeing_everything() -> Net:
    """A critic whose last hidden layer is the sample itself."""
    return Net(nn.Identity(), nn.Linear(2, 1))


def test_feature_matching_is_0_where_the_means_are_equal() -> None:
    fake = torch.randn(16, 2, generator=rng())
    loss = FeatureMatching(weight=1).generator_loss(seeing_everything(), fake, lambda: fake.flip(0))
    assert loss.item() == pytest.approx(0, abs=1e-12)


def test_feature_matching_is_the_squared_distance_of_the_means() -> None:
    fake, shift = torch.randn(16, 2, generator=rng()).requires_grad_(True), torch.tensor([3.0, 4.0])
    loss = FeatureMatching(weight=2).generator_loss(seeing_everything(), fake, lambda: fake.detach() + shift)
    assert loss.item() == pytest.approx(2 * 25, rel=1e-5)
    (slope,) = torch.autograd.grad(loss, fake)
    torch.testing.assert_close(slope, (-2 * 2 * shift / 16).expand(16, 2))


def test_features_are_what_the_last_layer_gets_to_see() -> None:
    critic = build_critic(Mlp(width=16), (2,), rng(), CPU)
    x = torch.randn(9, 2, generator=rng())
    last = critic[-1]
    assert isinstance(last, nn.Linear)
    torch.testing.assert_close(last(critic.features(x)), critic(x))


# Historical averaging


def test_historical_averaging_pulls_towards_the_mean_of_the_past() -> None:
    remedy, weights = HistoricalAveraging(weight=0.5), torch.zeros(3)
    memory, path = remedy.start(weights), [torch.tensor([float(t), -2.0 * t, 1.0]) for t in range(1, 5)]
    for t, place in enumerate(path, 1):
        weights.copy_(place)
        gradient = torch.ones(3)
        term = remedy.pull(weights, gradient, memory)
        mean = torch.stack(path[:t]).mean(0)
        torch.testing.assert_close(gradient, 1 + 2 * 0.5 * (place - mean))
        torch.testing.assert_close(term, 0.5 * (place - mean).square().sum())


def test_historical_averaging_calms_players_who_circle() -> None:
    # min over x, max over y of x y: plain steps spiral outwards, steps with their past do not get as far.
    def far(weight: float) -> float:
        remedy = HistoricalAveraging(weight=weight)
        x, y = torch.ones(1), torch.ones(1)
        of_x, of_y = remedy.start(x), remedy.start(y)
        for _ in range(200):
            to_x, to_y = y.clone(), -x.clone()
            remedy.pull(x, to_x, of_x)
            remedy.pull(y, to_y, of_y)
            x, y = x - 0.1 * to_x, y - 0.1 * to_y
        return float(torch.hypot(x, y))

    assert far(0.0) > 2
    assert far(0.5) < 0.5 * far(0.0)


# Virtual batch normalisation


@pytest.mark.parametrize("shape", [(5,), (5, 4, 4)])
def test_a_virtually_normalised_sample_is_that_of_batch_normalisation_with_the_references_alone(
    shape: tuple[int, ...],
) -> None:
    like = nn.BatchNorm1d(5) if len(shape) == 1 else nn.BatchNorm2d(5)
    with torch.no_grad():
        like.weight.copy_(torch.randn(5, generator=rng(5)))
        like.bias.copy_(torch.randn(5, generator=rng(6)))
    layer = VirtualBatchNorm(like, 8)
    references, own = 2 + torch.randn(8, *shape, generator=rng(1)), 5 * torch.randn(3, *shape, generator=rng(2))
    found = layer(torch.cat([references, own]))
    torch.testing.assert_close(found[:8], like(references), rtol=1e-4, atol=1e-5)
    for i, one in enumerate(own):
        expected = like(torch.cat([references, one[None]]))[-1]
        torch.testing.assert_close(found[8 + i], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dataset", ["ring", "fashion-mnist"])
def test_with_virtual_batch_normalisation_a_sample_depends_on_no_other(dataset: str) -> None:
    nets = {"generator": {"normalisation": "batch"}, "critic": {"normalisation": "batch"}}
    config = small(dataset, "gan", steps=1, remedies={"virtual_batch": {"references": 6}}, **nets)
    training = Training(config)
    z = config.latent.sample(5, rng(), CPU)
    assert not training.generator.mixes_samples
    assert not training.critic.mixes_samples
    with torch.no_grad():
        samples, alone = training.generator(z), training.generator(z[2:3])
        torch.testing.assert_close(samples[2:3], alone, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(training.critic(samples)[2:3], training.critic(alone), rtol=1e-3, atol=1e-4)
    reference = training.generator.get_buffer("reference").clone()
    list(training.updates())
    assert torch.equal(training.generator.get_buffer("reference"), reference)


def test_virtual_batch_normalisation_makes_a_penalty_admissible() -> None:
    settings: dict[str, Any] = {"critic": BATCH_NORM, "remedies": {"virtual_batch": {"references": 8}}}
    assert "gradient_penalty" in scalars(train(small(**settings)))[3]


# Minibatch discrimination


def closeness(kernels: int = 4, size: int = 3, batch: int = 6) -> Closeness:
    layer = Closeness(2, kernels, size, batch)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=rng()))
    return layer


def test_closeness_is_what_the_paper_says() -> None:
    layer, x = closeness(), torch.randn(6, 2, generator=rng(1))
    m = (x @ layer.weight.detach()).view(6, 4, 3)
    expected = (-(m[:, None] - m[None]).abs().sum(-1)).exp().sum(1)
    found = layer(x)
    assert torch.equal(found[:, :2], x)
    torch.testing.assert_close(found[:, 2:].detach(), expected)


def test_closeness_tells_samples_that_are_all_alike_from_varied_ones() -> None:
    layer = closeness(batch=8)
    alike, varied = layer(torch.ones(8, 2))[:, 2:], layer(50 * torch.randn(8, 2, generator=rng(1)))[:, 2:]
    torch.testing.assert_close(alike.detach(), torch.full((8, 4), 8.0))
    assert varied.mean() < 1.1


def test_while_looked_at_a_sample_is_set_beside_the_newest_batch_of_training() -> None:
    layer, batch = closeness(), torch.randn(6, 2, generator=rng(1))
    trained = layer(batch)
    layer.eval()
    torch.testing.assert_close(layer(batch), trained)
    x = torch.randn(1, 2, generator=rng(2))
    many = torch.cat([x, torch.randn(20, 2, generator=rng(3))])
    torch.testing.assert_close(layer(many)[:1], layer(x))
    assert layer(many).shape == (21, 6)


def test_a_critic_learns_to_see_collapse_from_the_batch_alone() -> None:
    # Real batches are spread, generated ones are one point each, drawn from the same law: no single sample gives it away.
    def told_apart(kernels: int) -> float:
        config = small(objective="gan", remedies={"minibatch_discrimination": {"kernels": kernels}}, batch_size=32)
        training = Training(config)
        optimiser = torch.optim.Adam(training.critic.parameters(), lr=5e-3)
        noise, losses = rng(4), []
        for _ in range(150):
            real, fake = Ring().sample(32, noise, CPU), Ring().sample(1, noise, CPU).expand(32, 2)
            loss = torch.stack(list(Gan().critic_loss(training.critic, real, fake, noise).values())).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(loss.item())
        return sum(losses[-20:]) / 20

    assert told_apart(8) < 0.3 < 1.2 < told_apart(0)


def test_minibatch_discrimination_keeps_the_other_weights_draws() -> None:
    plain, treated = (
        Training(small(objective="gan", remedies={"minibatch_discrimination": {"kernels": k}})) for k in (0, 4)
    )
    names = [name for name, _ in plain.critic.named_parameters()][:-2]
    theirs = dict(treated.critic.named_parameters())
    assert names
    assert all(torch.equal(plain.critic.get_parameter(name), theirs[name]) for name in names)


# Instance noise


def test_noise_has_its_size_at_each_step_and_then_is_gone() -> None:
    remedy, batch = InstanceNoise(sigma=0.8, until=10), torch.zeros(20_000, 2)
    for step, expected in ((0, 0.8), (5, 0.4), (9, 0.08)):
        seen = remedy.seen(batch, step, rng(step))
        assert seen.std().item() == pytest.approx(expected, rel=0.02)
    assert remedy.seen(batch, 10, rng()) is batch
    assert remedy.seen(batch, 99, rng()) is batch
    assert InstanceNoise(sigma=0.8).seen(batch, 10_000, rng()).std().item() == pytest.approx(0.8, rel=0.02)


def test_the_critic_sees_real_and_generated_samples_blurred_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small(objective="gan", n_critic=1, steps=2, remedies={"instance_noise": {"sigma": 2.0, "until": 2}})
    asked: list[Tensor] = []
    forward = Net.__call__

    def spy(self: Net, x: Tensor) -> Tensor:
        if x.shape[1:] == (2,) and self.training:
            asked.append(x.detach())
        return forward(self, x)

    training = Training(config)
    monkeypatch.setattr(Net, "__call__", spy)
    monkeypatch.setattr(Ring, "sample", lambda _, n, *__: torch.zeros(n, 2))
    for _ in training.round():
        pass
    both, of_generator = asked
    real, fake = both[: config.batch_size], both[config.batch_size :]
    assert 1.2 < real.std() < 2.8
    assert 1.2 < fake.std() < 2.8
    assert 1.2 < of_generator.std() < 2.8


# Label smoothing


def test_smoothing_leaves_the_estimate_what_it_is() -> None:
    config = small(objective="gan", remedies={"label_smoothing": {"amount": 0.1}})
    last = scalars(train(config))[3]
    unsmoothed = {name: last[name] for name in ("critic_real", "critic_fake")}
    assert last["js_estimate"] == Gan().estimate(unsmoothed)
    assert last["critic_loss"] == pytest.approx(sum(unsmoothed.values()) + last["label_smoothing"])
    assert LabelSmoothing(amount=0.1).active


def test_minibatch_discrimination_is_counted_among_the_parameters() -> None:
    kernels, size = 5, 3
    config = small(
        objective="gan", remedies={"minibatch_discrimination": {"kernels": kernels, "size": size}}, critic={"width": 16}
    )
    without = small(objective="gan", critic={"width": 16})
    assert config.parameters() == without.parameters() + 16 * kernels * size + kernels
    assert MinibatchDiscrimination(kernels=kernels).active
