"""What the one who calls the core has set in torch: it changes no number, and it is left as it was."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import wgan_core.metrics
from tests.core.helpers import ROOT, several, small, with_data
from wgan_core.config import TrainingConfig
from wgan_core.datasets import images
from wgan_core.members.stacked import stack
from wgan_core.metrics.images.classifier import Fitting
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.optimisers import Optimiser
from wgan_core.theory import FIGURES, build
from wgan_core.training import Diverged, Training, train

pytestmark = pytest.mark.usefixtures("few_points")

IMAGES = {"steps": 1, "scores_every": 0}
CONFIGS: dict[str, dict[str, Any]] = {
    **{
        f"data {kind}": {"dataset": kind}
        for kind in ("grid", "swiss-roll", "two-gaussians", "parallel-lines", "points")
    },
    **{f"classes of {kind}": {"dataset": kind, "conditional": True} for kind in ("ring", "points")},
    **{f"objective {kind}": {"objective": kind} for kind in Objective.kinds},
    **{f"constraint {kind}": {"objective": "gan", "constraint": {"kind": kind}} for kind in Constraint.kinds},
    **{
        f"remedy {name}": {"objective": "gan", "remedies": {name: {remedy.switch(): remedy.usual}}}
        for name, remedy in REMEDIES.items()
    },
    **{
        f"optimiser {kind}": {f"{role}_optimiser": {"kind": kind} for role in ("critic", "generator")}
        for kind in Optimiser.kinds
    },
    "average": {"generator_average": 0.9},
    "uniform": {"latent": {"prior": "uniform", "dim": 4}},
    "pictures": {"dataset": "folder", "conditional": True, **IMAGES},
    "images": {"dataset": "fashion-mnist", "objective": "gan", **IMAGES},
    "resnet": {
        "dataset": "fashion-mnist",
        "generator": {"kind": "resnet", "base_channels": 4},
        "critic": {"kind": "resnet", "base_channels": 4},
        **IMAGES,
    },
}


def config_of(name: str) -> TrainingConfig:
    settings = {"snapshot_every": 3} | CONFIGS[name]
    kind = settings.pop("dataset", "ring")
    if "virtual_batch" in settings.get("remedies", {}):
        settings["generator"] = {"width": 16, "normalisation": "batch"}
    return small(with_data(kind), settings.pop("objective", "wgan-gp"), **settings)


@pytest.fixture
def double() -> Iterator[Callable[[], None]]:
    before = torch.get_default_dtype()
    yield lambda: torch.set_default_dtype(torch.float64)
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_default_dtype_changes_no_number(name: str, double: Callable[[], None]) -> None:
    config = config_of(name)
    usual = [(dict(s.scalars), {n: a.tobytes() for n, a in s.arrays.items()}) for s in train(config)]
    images._shared.clear()
    double()
    again = config_of(name)
    assert [(dict(s.scalars), {n: a.tobytes() for n, a in s.arrays.items()}) for s in train(again)] == usual


def test_the_default_dtype_changes_no_number_of_several_seeds(double: Callable[[], None]) -> None:
    def found() -> list[bytes]:
        training = stack(several(small(steps=2), [0, 1]))
        return [b"".join(map(bytes, s.scalars.values())) for s in training.updates() if s is not None]  # type: ignore[arg-type]

    usual = found()
    double()
    assert found() == usual


def test_the_default_dtype_changes_no_score_of_images(
    double: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgan_core.metrics.images.classifier.STEPS", 2)
    config = small("fashion-mnist", steps=1)

    def found() -> dict[str, Any]:
        training = Training(config)
        scorer = training.members[0].scorer
        assert scorer is not None
        return dict(scorer.score(training.generator))

    usual, read = found(), config.dataset.read()  # type: ignore[attr-defined]
    fitted = []
    for doubled in (False, True):
        if doubled:
            double()
        fitting = Fitting(read)
        fitting.advance()
        fitted.append([tensor.clone() for tensor in fitting.net.state_dict().values()])
    assert all(map(torch.equal, *fitted))
    again = found()
    assert again.keys() == usual.keys()
    for name, value in usual.items():
        assert (
            bytes(memoryview(again[name])) == bytes(memoryview(value))
            if name.startswith("class_sh")
            else again[name] == value
        )


@pytest.mark.parametrize("kind", [kind for kind, figure in FIGURES.items() if not figure.animated()])
def test_the_default_dtype_changes_no_figure(kind: str, double: Callable[[], None]) -> None:
    def found() -> list[float]:
        return [number.value for number in build(kind).compute().numbers]

    usual = found()
    double()
    assert found() == usual


# Of those that take a type; whole numbers come from the others.
TYPED = {"arange", "empty", "eye", "full", "linspace", "ones", "rand", "randn", "scalar_tensor", "tensor", "zeros"}


def test_every_tensor_is_made_with_an_explicit_type() -> None:
    bare = []
    for path in sorted((ROOT / "wgan_core").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr=name), keywords=given) if (
                    name in TYPED
                ):
                    if "dtype" not in {keyword.arg for keyword in given}:
                        bare.append(f"{path.relative_to(ROOT)}:{node.lineno}: torch.{name}")
    assert bare == []


# The number of threads


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of threads at each measurement."""
    found: list[int] = []
    measure = wgan_core.metrics.measure

    def measured(*at: Any) -> Any:
        found.append(torch.get_num_threads())
        return measure(*at)

    monkeypatch.setattr("wgan_core.training.measuring.measure", measured)
    return found


@pytest.mark.usefixtures("three_threads")
def test_a_training_has_the_threads_of_its_config_and_its_caller_keeps_his(seen: list[int]) -> None:
    for snapshot in train(small(threads=2, steps=2)):
        assert torch.get_num_threads() == 3, snapshot.step
    assert seen == [2, 2, 2]
    assert torch.get_num_threads() == 3


def closed_early() -> None:
    coming = train(small(threads=2))
    next(coming)
    coming.close()  # type: ignore[attr-defined]


def left_within_a_round() -> None:
    training = Training(small(threads=2, n_critic=2))
    updates = training.updates()
    next(updates), next(updates)
    assert training.within_round


def diverges() -> None:
    with pytest.raises(Diverged):
        list(train(small(threads=2, critic_optimiser={"kind": "sgd", "lr": 1.0}, objective={"kind": "wgan-gp"})))


def ends_by_itself() -> None:
    training = Training(small(threads=2))
    list(training.round())
    training.restore(training.state())
    training.snapshot()


def several_seeds() -> None:
    list(stack(several(small(threads=2), [0, 1])).updates())


def a_classifier() -> None:
    Fitting(small(with_data("folder")).dataset.read()).advance()  # type: ignore[attr-defined]


def a_figure() -> None:
    build("slow-motion").compute()


def a_figure_that_is_left() -> None:
    frames = build("optimal-critic").frames()
    next(frames)
    frames.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize(
    "work",
    [
        closed_early,
        left_within_a_round,
        diverges,
        ends_by_itself,
        several_seeds,
        a_classifier,
        a_figure,
        a_figure_that_is_left,
    ],
)
def test_the_caller_keeps_his_number_of_threads(work: Callable[[], None]) -> None:
    work()
    assert torch.get_num_threads() == 3
