"""Races: what lanes share, one clock for all, and lanes that equal solo runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.core.helpers import scalars, small, wait_until
from wgan_core.config import MOST_LANES, RunConfig, differing
from wgan_core.lessons.scenarios import SCENARIOS
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import GradientPenalty
from wgan_core.objectives.losses import Losses
from wgan_core.runs import Run
from wgan_core.runs.work import Work
from wgan_core.schema import ConfigError
from wgan_core.training import Training, train

pytestmark = pytest.mark.usefixtures("few_points")

NET = {"width": 16}
SHARED = {"generator": NET, "critic": NET, "batch_size": 20, "device": "cpu"}
GAN, CLIP, GP = ({"objective": {"kind": kind}} for kind in ("gan", "wgan-clip", "wgan-gp"))


def race(*lanes: dict[str, Any], **settings: Any) -> RunConfig:
    return RunConfig.parse(
        {"shared": SHARED, "lanes": list(lanes or (GAN, CLIP, GP)), "length": 6, "snapshot_every": 2} | settings
    )


@pytest.fixture
def started() -> Iterator[list[Run]]:
    """Runs that are stopped at the end."""
    runs: list[Run] = []
    yield runs
    for run in runs:
        run.stop()
        assert run.join(30)


def ended(of: RunConfig) -> Run:
    run = Run(of)
    run.start()
    assert run.join(60)
    return run


# The description


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_survives_its_link(name: str) -> None:
    found = SCENARIOS[name].config
    assert RunConfig.parse(found.to_url()) == found
    assert 2 <= len(found.lanes) <= MOST_LANES


@given(
    kinds=st.lists(st.sampled_from(list(Objective.kinds)), min_size=1, max_size=MOST_LANES),
    clock=st.sampled_from(["step", "critic_steps", "seconds"]),
    length=st.integers(1, 10_000),
    seeds=st.integers(1, 32),
    width=st.integers(1, 64),
    own=st.booleans(),
    n_critic=st.integers(1, 20),
    batch_size=st.sampled_from([16, 64, 128]),
)
def test_every_race_survives_its_link(
    kinds: list[str], clock: str, length: int, seeds: int, width: int, own: bool, n_critic: int, batch_size: int
) -> None:
    lanes: list[dict[str, Any]] = [{"objective": {"kind": kind}} for kind in kinds]
    lanes[0] |= {"n_critic": n_critic} | ({"critic": {"width": width}} if own else {})
    shared = {"batch_size": batch_size, "generator": {"width": width}}
    found = RunConfig.parse({"shared": shared, "lanes": lanes, "clock": clock, "length": length, "seeds": seeds})
    assert RunConfig.parse(found.to_url()) == found


BAD: dict[str, tuple[Any, str]] = {
    "a fifth lane": ({"lanes": [{}] * 5}, "a race has 1 to 4 lanes; you gave 5"),
    "no lane": ({"lanes": []}, "a race has 1 to 4 lanes; you gave 0"),
    "lanes in words": ({"lanes": "two"}, "lanes: must be a list of objects"),
    "images beside points": (
        {"lanes": [{}, {"dataset": {"kind": "fashion-mnist"}}]},
        "lane 2: each of its samples has 1 × 32 × 32 numbers, each of lane 1 has 2",
    ),
    "another data set": ({"lanes": [{}, {"dataset": {"kind": "grid"}}]}, "lane 2: dataset: all lanes share it"),
    "another seed": ({"lanes": [{}, {"seed": 3}]}, "lane 2: seed: all lanes share it"),
    "a knob of the race in a lane": ({"lanes": [{"steps": 3}]}, "lane 1: steps: belongs to the race"),
    "a wrong knob": (
        {"lanes": [{}, {"objective": {"penalty_weight": -1}}]},
        "lane 2: objective.penalty_weight: must be",
    ),
    "33 seeds": ({"lanes": [{}], "seeds": 33}, "seeds: must be a whole number from 1 to 32; you gave 33"),
    "seeds of images": (
        {"shared": {"dataset": {"kind": "fashion-mnist"}}, "lanes": [{}], "seeds": 2},
        "images take one",
    ),
    "seeds beyond the last": ({"shared": {"seed": 2**31 - 2}, "lanes": [{}], "seeds": 3}, "it must be at most"),
    "an unknown clock": ({"lanes": [{}], "clock": "hours"}, "clock: must be one of step, critic_steps, seconds"),
    "an unknown field": ({"lanes": [{}], "speed": 1}, "speed: there is no such field"),
    "shared in words": ({"shared": 1, "lanes": [{}]}, "shared: must be an object of settings"),
    "a list": ([1], "the race must be a JSON object"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_wrong_race_is_refused_in_words(bad: str) -> None:
    data, words = BAD[bad]
    for given_as in (data, json.dumps(data)):
        with pytest.raises(ConfigError) as caught:
            RunConfig.parse(given_as)
        assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 5000, "x" * 5000, "null", '{"lanes": [null]}'])
def test_text_that_is_no_race_is_refused_in_words(text: str) -> None:
    with pytest.raises(ConfigError):
        RunConfig.parse(text)


def test_lengths_are_in_the_clocks_units() -> None:
    assert [lane.steps for lane in race().lanes] == [6, 6, 6]
    by_critic = race(clock="critic_steps", length=12, snapshot_every=5)
    assert [(lane.steps, lane.snapshot_every) for lane in by_critic.lanes] == [(12, 5), (3, 1), (3, 1)]
    assert {lane.steps for lane in race(clock="seconds").lanes} == {10_000_000}


def test_only_knobs_that_differ_are_named() -> None:
    lanes = race({"objective": {"kind": "wgan-clip", "clip": 0.1}}, {"objective": {"kind": "wgan-clip"}}).lanes
    assert differing(lanes) == [("objective.clip", [0.1, 0.01])]
    assert differing([lanes[0], lanes[0]]) == []


def test_races_compare_by_their_fields_whatever_their_data_sets_have_cached() -> None:
    found, other = race(), race()
    for lane in (*found.lanes, *other.lanes):
        assert lane.dataset.extent > 0  # kept on the data set, with tensors
    assert found == other
    assert hash(found.lanes[0]) == hash(other.lanes[0])
    assert found.with_seeds(3).seeds == 3
    assert found != race(GAN, CLIP)


# Common random numbers


def test_lanes_start_alike_and_see_the_same_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, tuple[list[torch.Tensor], list[torch.Tensor]]] = {kind: ([], []) for kind in Objective.kinds}
    of_critic, of_generator = Losses.critic, Losses.generator

    def watch_critic(self: Losses, net: Any, real: torch.Tensor, fake: Any, rng: Any) -> Any:
        seen[self.objective.kind][0].append(real.clone())
        return of_critic(self, net, real, fake, rng)

    def watch_generator(self: Losses, net: Any, fake: torch.Tensor, real: Any) -> Any:
        seen[self.objective.kind][1].append(fake.detach().clone())
        return of_generator(self, net, fake, real)

    monkeypatch.setattr(Losses, "critic", watch_critic)
    monkeypatch.setattr(Losses, "generator", watch_generator)
    # A generator that does not learn shows which latents it was given.
    still = {"generator_optimiser": {"kind": "sgd", "lr": 1e-30}}
    trainings = [Training(lane) for lane in race(*({**lane, **still} for lane in (GAN, CLIP, GP)), length=5).lanes]
    weights = [torch.cat([p.flatten() for p in net.parameters()]) for t in trainings for net in (t.generator, t.critic)]
    for i in (2, 4):
        assert torch.equal(weights[0], weights[i])
        assert torch.equal(weights[1], weights[i + 1])
    for training in trainings:
        for _ in training.updates():
            pass
    gan, clip, gp = (seen[kind] for kind in ("gan", "wgan-clip", "wgan-gp"))
    assert (len(gan[0]), len(clip[0]), len(gp[0])) == (5, 25, 25)
    assert all(map(torch.equal, gan[0], clip[0]))
    assert all(map(torch.equal, clip[0], gp[0]))
    # The probe's measurement asks for the generator's loss too, of other samples, in all lanes alike.
    assert len(gan[1]) == len(clip[1]) == len(gp[1])
    assert all(map(torch.equal, gan[1], clip[1]))
    assert all(map(torch.equal, clip[1], gp[1]))


# Lockstep


@pytest.mark.parametrize("clock", ["step", "critic_steps"])
def test_lanes_equal_solo_runs(clock: str) -> None:
    found = race(clock=clock, length=10)
    run = ended(found)
    for lane, view in zip(found.lanes, run.view().lanes, strict=True):
        assert view.status == "finished"
        alone = scalars(train(lane))
        assert view.history["step"].tolist() == list(alone)
        for name, column in view.history.items():
            if name not in ("step", "critic_steps", "seconds"):
                expected = [values.get(name, np.nan) for values in alone.values()]
                np.testing.assert_array_equal(column, expected)


@pytest.mark.parametrize("clock", ["step", "critic_steps", "seconds"])
def test_no_lane_gets_ahead_on_the_clock(clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(race({**GAN, "n_critic": 3}, CLIP, GP, clock=clock, length=3 if clock == "seconds" else 60))
    apart: list[float] = []
    heed = Work._heed

    def watch(self: Work) -> None:
        heed(self)
        at = [lane.position(clock) for lane in run.lanes if lane.active and lane.training]
        if len(at) == 3:
            apart.append(max(at) - min(at))

    monkeypatch.setattr(Work, "_heed", watch)
    run.start()
    assert run.join(60)
    assert len(apart) > 100
    # Seconds: of one update, which a busy machine may stretch.
    assert np.quantile(apart, 0.9) <= {"step": 1, "critic_steps": 1, "seconds": 0.2}[clock]
    assert max(apart) <= {"step": 1, "critic_steps": 5, "seconds": 10.0}[clock]


def test_seconds_end_the_race() -> None:
    run = ended(race(clock="seconds", length=1, snapshot_every=1000))
    for view in run.view().lanes:
        assert view.status == "finished"
        assert 1 <= view.seconds < 3
        assert view.latest is not None
        assert view.latest.step == view.step  # measured at the end


def test_a_lane_that_fails_says_why_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(GradientPenalty, "penalty", fails)
    run = ended(race())
    assert [view.status for view in run.view().lanes] == ["finished", "finished", "failed"]
    assert run.status == "finished"
    failed = run.lane_view(2)
    assert failed.failure is not None
    assert failed.failure.message == "Memory ran out."
    assert failed.snapshots == 1  # what was measured stays


def test_when_all_lanes_fail_the_race_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Losses, "critic", fails)
    run = ended(race())
    assert run.status == "failed"
    assert {view.snapshots for view in run.view().lanes} == {1}


def test_pause_step_resume_and_stop_act_on_all_lanes(started: list[Run]) -> None:
    run = Run(race(length=1_000_000, snapshot_every=1000))
    started.append(run)
    run.start()
    wait_until(lambda: all(view.step > 2 for view in run.view().lanes))
    run.pause()
    wait_until(lambda: run.status == "paused")
    before = [view.step for view in run.view().lanes]
    assert max(before) - min(before) <= 1
    run.step()
    wait_until(lambda: [view.step for view in run.view().lanes] == [step + 1 for step in before])
    wait_until(lambda: all(view.latest and view.latest.step == view.step for view in run.view().lanes))
    assert {view.status for view in run.view().lanes} == {"paused"}
    run.resume()
    wait_until(lambda: all(view.step > step + 3 for view, step in zip(run.view().lanes, before, strict=True)))
    run.stop()
    assert run.join(10)
    assert {view.status for view in run.view().lanes} == {"stopped"}


def test_a_knob_is_turned_in_one_lane(started: list[Run]) -> None:
    run = Run(race(length=1_000_000))
    started.append(run)
    run.start()
    run.edit({"objective.clip": 0.5}, lane=1)
    wait_until(lambda: bool(run.lane_view(1).events))
    assert run.lane_view(1).config.objective.model_dump()["clip"] == 0.5
    assert not run.lane_view(0).events
    with pytest.raises(ConfigError):
        run.edit({"objective.clip": 0.5}, lane=0)


# Looking back


def test_a_view_back_in_time_shows_the_frame_before() -> None:
    run = ended(race(GP, length=40, snapshot_every=4))
    view = run.lane_view()
    assert [frame.step for frame in view.frames] == list(range(0, 41, 4))
    for value, expected in ((-1, 0), (0, 0), (3.9, 0), (4, 4), (17, 16), (1e9, 40)):
        then = view.at(value).latest
        assert then is not None
        assert then.step == expected
        assert then.arrays["fake"].shape[1:] == (2,)
    then = view.at(21, "critic_steps").latest
    assert then is not None
    assert then.critic_steps == 20
    alone = {snapshot.step: snapshot for snapshot in train(run.config.lanes[0])}
    for frame in view.frames:
        np.testing.assert_array_equal(frame.arrays["fake"], alone[frame.step].arrays["fake"])


def test_a_solo_run_is_a_race_of_one() -> None:
    config = small(steps=4)
    assert RunConfig.solo(config).lanes == (config,)
    with pytest.raises(ConfigError, match="from 1 to 32"):
        RunConfig.solo(config, seeds=100)


def test_lanes_may_differ_in_constraint_and_remedies() -> None:
    noisy: dict[str, Any] = {"objective": {"kind": "gan"}, "remedies": {"instance_noise": {"sigma": 0.5}}}
    plain: dict[str, Any] = {"objective": {"kind": "gan"}}
    lanes = [plain, plain | {"constraint": {"kind": "r1"}}, noisy]
    found = race(*lanes, length=2)
    assert [lane.constraint.kind for lane in found.lanes] == ["none", "r1", "none"]
    assert RunConfig.parse(found.to_url()) == found
    assert RunConfig.from_json(found.to_json()) == found
    views = ended(found).view().lanes
    assert [view.status for view in views] == ["finished"] * 3
    assert "r1_penalty" in views[1].history
