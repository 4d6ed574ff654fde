"""Adding an objective, constraint, remedy or data set is one class in one file: menus, command line, contract tests follow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.core.helpers import ROOT, python

OBJECTIVE = '''

class Toy(Objective):
    """Least squares: real samples are to score 1, generated ones 0."""

    label: ClassVar = "Least squares"
    source: ClassVar = "Mao et al. 2017"
    estimate_name: ClassVar = "least_squares_estimate"

    kind: Literal["toy"] = "toy"
    real_target: float = knob(1.0, "Target", "What real samples are to score.", ge=-10, le=10)

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        return {"critic_real": (on_real - self.real_target).square().mean(), "critic_fake": on_fake.square().mean()}

    def generator_term(self, on_fake: Tensor) -> Tensor:
        return (on_fake - self.real_target).square().mean()

    def estimate(self, terms: dict[str, float]) -> float:
        return 1 - terms["critic_real"] - terms["critic_fake"]
'''

CONSTRAINT = '''

class Decay(Constraint):
    """Weights shrink a little after each of the critic's steps."""

    label: ClassVar = "Shrinking"

    kind: Literal["toy"] = "toy"
    share: float = knob(0.5, "Share", "What is left of each weight.", live=True, gt=0, le=1)

    def constrain(self, weights: Tensor) -> None:
        weights.mul_(self.share)
'''

REMEDY = '''

class Decay(Remedy):
    """Scores near 0."""

    name: ClassVar = "toy"
    label: ClassVar = "Small scores"
    help: ClassVar = "The critic pays for large scores."

    weight: float = knob(0.0, "Weight", "Weight of the square of the scores; 0 is off.", ge=0, le=10)

    def critic_terms(self, objective: Objective, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        return {"toy": self.weight * (on_real.square().mean() + on_fake.square().mean())}
'''

DATASET = '''

class Toy(Dataset):
    """Evenly inside a disc."""

    label: ClassVar = "Disc"

    kind: Literal["toy"] = "toy"
    radius: float = knob(2.0, "Radius", "Radius of the disc.", gt=0, le=10)

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        radius = self.radius * torch.rand(n, generator=rng, device=device).sqrt()
        angle = 2 * math.pi * torch.rand(n, generator=rng, device=device)
        return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
'''


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The software with one more objective, constraint, remedy and data set."""
    place = tmp_path_factory.mktemp("newcomer")
    for name in ("wgan_core", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    newcomers = {
        "objectives/classic": OBJECTIVE,
        "constraints": CONSTRAINT,
        "remedies/losses": REMEDY,
        "datasets/planar": DATASET,
    }
    for name, text in newcomers.items():
        with (place / "wgan_core" / f"{name}.py").open("a", encoding="utf-8") as file:
            file.write(text)
    return place


@pytest.mark.parametrize(("command", "title"), [("objectives", "Least squares"), ("datasets", "Disc")])
def test_a_newcomer_is_listed(copy: Path, command: str, title: str) -> None:
    result = python("-m", "wgan_core", command, "--json", cwd=copy)
    assert result.returncode == 0, result.stderr
    entries = {entry["name"]: entry["title"] for entry in json.loads(result.stdout)}
    assert entries["toy"] == title


def test_a_newcomer_trains_from_the_command_line(copy: Path) -> None:
    toy = ("--objective.kind", "toy", "--dataset.kind", "toy", "--objective.real_target", "2")
    result = python("-m", "wgan_core", "train", *toy, "--steps", "3", "--device", "cpu", "--json", cwd=copy)
    assert result.returncode == 0, result.stderr
    *_, snapshot, last = map(json.loads, result.stdout.splitlines())
    assert snapshot["step"] == 3
    assert {"least_squares_estimate", "w1"} <= snapshot["scalars"].keys()
    assert last["status"] == "finished"


def test_a_new_constraint_and_a_new_remedy_train_with_any_objective(copy: Path) -> None:
    flags = (
        "--objective.kind",
        "gan",
        "--constraint.kind",
        "toy",
        "--constraint.share",
        "0.001",
        "--remedies.toy.weight",
        "2",
    )
    result = python("-m", "wgan_core", "train", *flags, "--steps", "3", "--device", "cpu", "--json", cwd=copy)
    assert result.returncode == 0, result.stderr
    *_, snapshot, last = map(json.loads, result.stdout.splitlines())
    assert last["status"] == "finished"
    # All weights shrink to a thousandth after each step: the slope to less than a thousandth.
    assert 0 < snapshot["scalars"]["input_grad_norm_max"] < 1e-3
    assert 0 < snapshot["scalars"]["toy"] < 1e-3


def test_the_contract_tests_find_a_newcomer_and_pass(copy: Path) -> None:
    files = sorted(str(path) for path in (copy / "tests" / "core").glob("test_contracts_*.py"))
    result = python("-m", "pytest", "-k", "toy", "-q", "-rA", "-p", "no:cacheprovider", *files, cwd=copy)
    assert result.returncode == 0, result.stdout
    passed = [line for line in result.stdout.splitlines() if line.startswith("PASSED")]
    for expected in ("variants.py", "objectives.py", "datasets.py", "constraints.py", "remedies.py"):
        assert sum(f"test_contracts_{expected}" in line for line in passed) > 4, expected
    assert any("objective-toy" in line for line in passed)
    assert any("dataset-toy" in line for line in passed)
