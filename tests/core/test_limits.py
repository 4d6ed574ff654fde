"""Limits before a start: what a run will take is known, and is refused where there is no room for it."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import torch

import wgan_core.limits.memory
from tests.core.helpers import CPU, published_data, python, small, with_data
from wgan_core.cli import main
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.datasets import Dataset
from wgan_core.limits import claim, forecast, refusal
from wgan_core.limits.cost import of_run
from wgan_core.limits.layers import through
from wgan_core.limits.memory import V1, V2, Room, free, room
from wgan_core.networks import Network
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.losses import Losses
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.runs import Run, RunManager
from wgan_core.runs.interrupt import Interruptible
from wgan_core.schema import ConfigError
from wgan_core.training import Diverged, Training, train

HUGE = {
    "dataset": {"kind": "fashion-mnist"},
    "batch_size": 10_000,
    "generator": {"kind": "resnet", "base_channels": 128},
    "critic": {"kind": "resnet", "base_channels": 128},
    "device": "cpu",
}


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 MB for all trainings together."""
    monkeypatch.setenv("WGAN_MEMORY_MB", "100")


@pytest.fixture(autouse=True)
def nothing_runs() -> Iterator[None]:
    gc.collect()
    yield
    gc.collect()
    assert room(CPU).promised == {}


# What it will take


@pytest.mark.parametrize("kind", Network.kinds)
@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
def test_a_sample_comes_out_of_the_count_as_it_comes_out_of_the_network(kind: str, normalisation: str) -> None:
    for side in ("28", "32", "64"):
        shape = (3, int(side), int(side))
        net = Network.kinds[kind](normalisation=normalisation)
        assert through(net.generator(16, shape), (16,)).shape == shape
        assert through(net.critic(shape), shape).shape == (1,)


def test_products_are_counted() -> None:
    config = small(generator={"width": 10, "depth": 1}, critic={"width": 10, "depth": 1}, latent={"dim": 4})
    generator, critic = config.nets()
    assert through(generator, (4,)).flops == 2 * (4 * 10 + 10 * 2)
    assert through(critic, (2,)).flops == 2 * (2 * 10 + 10 * 1)
    config.speed.prepare(critic)
    assert through(critic, (2,)).kept == 10 + 1  # ReLU writes over its input


MEASURE = """
import json, re, sys
from pathlib import Path
import psutil
from wgan_core.config import TrainingConfig
from wgan_core.training import Training
config = TrainingConfig.parse(json.loads(sys.argv[1]))
before = psutil.Process().memory_info().rss
training = Training(config)
for _ in range(2):
    for _ in training.round():
        pass
# The peak of this program alone: the one that getrusage tells begins with that of the process which started it.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
print(peak - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "channels", "batch", "objective"),
    [
        ("dcgan", 32, 256, "wgan-gp"),
        ("dcgan", 32, 512, "wgan-clip"),
        ("resnet", 16, 128, "wgan-gp"),
        ("mlp", 1024, 2000, "gan"),
    ],
)
def test_the_memory_that_is_foretold_is_about_what_is_taken(
    kind: str, channels: int, batch: int, objective: str
) -> None:
    net = {"kind": kind, **({"width": channels} if kind == "mlp" else {"base_channels": channels})}
    data = {"dataset": {"kind": "fashion-mnist"}, "objective": {"kind": objective}, "generator": net, "critic": net}
    data |= {"batch_size": batch, "n_critic": 1, "device": "cpu", "scores_every": 0}
    result = python("-c", MEASURE, json.dumps(data), timeout=500)
    assert result.returncode == 0, result.stderr
    foretold = of_run(RunConfig.solo(TrainingConfig.parse(data)), 1).bytes
    assert 0.7 < foretold / int(result.stdout) < 2


def test_memory_grows_with_the_batch_the_width_the_penalty_and_the_seeds() -> None:
    def size(seeds: int = 1, workers: int = 2, **settings: Any) -> int:
        return of_run(RunConfig.solo(small(**settings), seeds), workers).bytes

    assert size(batch_size=1024) > size(batch_size=512)
    assert size(generator={"width": 512}) > size(generator={"width": 64})
    assert size(objective="wgan-gp", batch_size=512) > size(objective="wgan-clip", batch_size=512)
    assert size(seeds=16) > size(seeds=16, workers=1) > size()


def test_a_forecast_is_a_short_line_of_memory_and_time() -> None:
    found = forecast(RunConfig.solo(small(steps=1000)), 2)
    assert found.bytes > 1e6
    assert 0 < found.seconds_a_step < found.seconds
    assert str(found).startswith("about ")
    assert " a step: " in str(found)


def test_twice_the_length_takes_about_twice_as_long() -> None:
    once, twice = (forecast(RunConfig.solo(small(steps=steps)), 2).seconds for steps in (1000, 2000))
    assert twice == pytest.approx(2 * once, rel=0.01)


# The room


@pytest.mark.parametrize(("names", "line"), [(V2, "0::/mine"), (V1, "4:memory:/mine")])
def test_what_a_container_may_take_counts(
    names: tuple[str, str, str], line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit, usage, inactive = names
    place = (tmp_path if names is V2 else tmp_path / "memory") / "mine"
    place.mkdir(parents=True)
    (tmp_path / "own").write_text(f"7:cpu:/elsewhere\n{line}\n")
    monkeypatch.setattr(wgan_core.limits.memory, "CGROUPS", tmp_path)
    monkeypatch.setattr(wgan_core.limits.memory, "OWN_CGROUPS", tmp_path / "own")
    before = free(CPU)
    (place / limit).write_text("9000000\n")
    (place / usage).write_text("5000000\n")
    (place / "memory.stat").write_text(f"anon 1\n{inactive} 1000000\n")
    assert free(CPU) == 5_000_000 < before
    (place / limit).write_text("max\n")
    assert free(CPU) > 5_000_000


def test_half_of_what_was_free_when_nothing_ran_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WGAN_MEMORY_MB", raising=False)
    left = [8_000]
    monkeypatch.setattr(wgan_core.limits.memory, "free", lambda _: left[0])
    here = Room(CPU)
    assert here.whole == 4_000
    here.promised["a"] = wgan_core.limits.memory.Promise(1_000)
    left[0] = 6_000
    assert (here.whole, here.left) == (4_000, 3_000)
    here.promised.clear()
    assert here.whole == 3_000


@pytest.mark.parametrize("text", ["0", "-5", "much", "1.5", "9" * 30])
def test_a_limit_that_makes_no_sense_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_MEMORY_MB", text)
    with pytest.raises(ConfigError, match="WGAN_MEMORY_MB: must be a whole number of megabytes"):
        claim(RunConfig.solo(small()), 2)


# Refusals


def test_what_would_take_all_memory_is_refused_wherever_it_would_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_MEMORY_MB", "8000")
    config = TrainingConfig.parse(HUGE)
    manager = RunManager()
    for start in (lambda: train(config), lambda: Run(config).start(), lambda: manager.start(config)):
        with pytest.raises(ConfigError) as refused:
            start()
        (problem,) = refused.value.problems
        assert problem.path == "batch_size"
        assert "all runs together may take 8.0 GB (WGAN_MEMORY_MB)" in problem.message
        assert "Lower batch_size from 10,000 to" in problem.message
    assert manager.runs() == []


def test_the_batch_size_that_is_named_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_MEMORY_MB", "8000")
    config = RunConfig.solo(TrainingConfig.parse(HUGE))
    refused = refusal(config, 2)
    assert refused is not None
    most = int(str(refused).split("10,000 to ")[1].split(" ")[0].replace(",", ""))
    assert 100 < most < 10_000
    assert refusal(RunConfig.solo(config.lanes[0].edited({"batch_size": most})), 2) is None


def test_the_command_line_refuses_with_status_2(tight: None, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--dataset.kind", "fashion-mnist", "--batch_size", "4096", "--device", "cpu", "--no-store"]
    assert main(["train", *flags]) == 2
    assert "error: batch_size: this run would take about" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "path", "words"),
    [
        (
            {"batch_size": 8192, "critic": {"width": 512}, "generator": {"width": 512}},
            "batch_size",
            "Lower batch_size from 8,192",
        ),
        (
            {"critic": {"width": 2048, "depth": 4}, "generator": {"width": 64}},
            "generator, critic",
            "Lower width, depth",
        ),
    ],
)
def test_a_refusal_names_what_takes_most(tight: None, settings: dict[str, Any], path: str, words: str) -> None:
    refused = refusal(RunConfig.solo(small(**settings)), 2)
    assert refused is not None
    assert refused.problems[0].path == path
    assert words in str(refused)


def test_seeds_are_named_where_their_processes_take_most(tight: None) -> None:
    refused = refusal(RunConfig.solo(small(), 32), 8)
    assert refused is not None
    assert refused.problems[0].path == "seeds"


def test_runs_share_the_room_and_one_that_has_no_more_says_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_MEMORY_MB", "120")
    config = RunConfig.solo(small())
    first, second = (claim(config, 2, who) for who in ("run a", "run b"))
    with pytest.raises(ConfigError, match=r"are left: run a has \d+ MB, run b has \d+ MB.*Wait, stop a run, or"):
        claim(config, 2, "run c")
    first.give_back()
    third = claim(config, 2, "run c")
    for one in (second, third):
        one.give_back()


def test_workers_of_all_runs_share_the_cores_and_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_MEMORY_MB", "100000")
    config = RunConfig.solo(small(), 8)
    claims = [claim(config, 4) for _ in range(3)]
    assert [one.workers for one in claims] == [4, 1, 1]
    for one in claims:
        one.give_back()
    monkeypatch.setenv("WGAN_MEMORY_MB", "1000")
    one = claim(config, 4)
    assert one.workers == 2
    one.give_back()


def test_a_training_and_a_run_give_back_what_they_were_promised() -> None:
    updates = train(small())
    assert len(room(CPU).promised) == 1
    del updates
    gc.collect()
    assert room(CPU).promised == {}
    run = Run(small())
    run.start()
    assert run.join(60)
    assert room(CPU).promised == {}
    with pytest.raises(AssertionError):
        train_broken()


def train_broken() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wgan_core.training.Training.__init__", lambda *_: (_ for _ in ()).throw(AssertionError))
        train(small())


# Every config that is accepted can make its first round

TINY = {"width": 1, "depth": 1}


def first_round(config: TrainingConfig) -> None:
    training = Training(config)
    try:
        for _ in training.round():
            pass
    except Diverged:
        pass


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with published_data(tmp_path_factory.mktemp("data")):
        yield


def accepted(settings: dict[str, Any]) -> bool:
    """Whether a config was accepted, after its first round."""
    fixed = {"steps": 1, "device": "cpu", "n_critic": 1, "scores_every": 0, "latent": {"dim": 1}}
    try:
        config = TrainingConfig.parse(fixed | settings)
    except ConfigError:
        return False
    first_round(config)
    return True


@pytest.mark.parametrize("kind", Dataset.kinds)
def test_every_network_at_its_smallest_makes_a_round_or_is_refused(
    kind: str, data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgan_core.metrics.moment.EM_SAMPLES", 8)
    is_image, found = Dataset.kinds[kind].is_image, []
    for name, cls in Network.kinds.items():
        if cls.images_only and not is_image:
            continue
        net = {"kind": name, **(TINY if name == "mlp" else {"base_channels": 4})}
        for normalisation in ("none", "batch", "layer"):
            for remedies in ({}, {"virtual_batch": {"references": 1}}):
                nets = {role: net | {"normalisation": normalisation} for role in ("generator", "critic")}
                settings = {"dataset": with_data(kind), "objective": {"kind": "gan"}, "batch_size": 1}
                found.append(accepted(settings | nets | {"remedies": remedies}))
    assert any(found)


@pytest.mark.parametrize("objective", Objective.kinds)
def test_every_objective_makes_a_round_of_one_sample_or_is_refused(
    objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgan_core.metrics.moment.EM_SAMPLES", 8)
    found = []
    for constraint in Constraint.kinds:
        for remedy in REMEDIES:
            on = {remedy: {REMEDIES[remedy].switch(): 1 if remedy == "virtual_batch" else REMEDIES[remedy].usual}}
            nets = {
                "generator": TINY | {"normalisation": "batch" if remedy == "virtual_batch" else "none"},
                "critic": TINY,
            }
            settings = {"objective": {"kind": objective}, "constraint": {"kind": constraint}, "batch_size": 1}
            if remedy in ("minibatch_discrimination", "label_smoothing") or constraint in ("none", "spectral", "r1"):
                found.append(accepted(settings | nets | {"remedies": on}))
    assert any(found)


@pytest.mark.parametrize("role", ["generator", "critic"])
def test_batch_normalisation_of_one_sample_is_refused_with_the_reason(role: str) -> None:
    settings: dict[str, Any] = {"objective": "gan", "batch_size": 1, role: {"normalisation": "batch"}}
    with pytest.raises(ConfigError, match=f"batch_size: must be 2 or more where the {role} has batch normalisation"):
        small(**settings)
    assert small(**settings | {"batch_size": 2}).batch_size == 2
    assert small(**settings, remedies={"virtual_batch": {"references": 4}}).batch_size == 1


# Stop


def test_watched_operations_give_the_same_numbers() -> None:
    one, other = Training(small()), Training(small())
    seen = []
    for _ in one.round():
        pass
    with Interruptible(lambda: seen.append(1)):
        for _ in other.round():
            pass
    assert len(seen) > 100
    for a, b in zip(one.state().values(), other.state().values(), strict=True):
        assert not isinstance(a, torch.Tensor) or (isinstance(b, torch.Tensor) and torch.equal(a, b))


def test_stop_ends_an_update_that_would_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that never ends by itself, of operations of a millisecond."""
    entered = threading.Event()

    def forever(*_: object) -> None:
        entered.set()
        x = torch.ones(500, 500, device="cpu")
        while True:
            x = (x @ x).clamp(max=1)

    monkeypatch.setattr(Losses, "critic", forever)
    run = Run(small())
    run.start()
    assert entered.wait(60)
    asked = monotonic()
    run.stop()
    assert run.lane_view().activity == "stopping after this step" or run.status == "stopped"
    assert run.join(30)
    assert monotonic() - asked < 5
    assert run.status == "stopped"


def test_a_pause_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go = threading.Event(), threading.Event()

    def waits(*_: object) -> None:
        entered.set()
        assert go.wait(60)

    monkeypatch.setattr(Losses, "critic", waits)
    run = Run(small())
    run.start()
    assert entered.wait(60)
    run.lanes[0].fresh, run.lanes[0].takes = 0, 40.0
    run.pause()
    assert run.lane_view().activity == "pausing after this step, about 40 s"
    run.resume()
    assert run.lane_view().activity == ""
    run.stop()
    go.set()
    assert run.join(30)
