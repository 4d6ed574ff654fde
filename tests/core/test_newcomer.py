"""Adding an objective, constraint, remedy or data set is one class in one file: menus, command line, contract tests follow."""

from __future__ import annotations

import json
import shutil
from typing import Any

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

    def script(self) -> Step:
        real = f"(on_real - {self.real_target}).square().mean()"
        return Step.scored(real, "on_fake.square().mean()", real.replace("on_real", "on_fake"))
'''

CONSTRAINT = '''

class Decay(Constraint):
    """Weights shrink a little after each of the critic's steps."""

    label: ClassVar = "Shrinking"

    kind: Literal["toy"] = "toy"
    share: float = knob(0.5, "Share", "What is left of each weight.", live=True, gt=0, le=1)

    def constrain(self, weights: Tensor) -> None:
        weights.mul_(self.share)

    def script(self) -> Step:
        return Step(
            setup=f"share = {self.share}  # what is left of each weight",
            project="with torch.no_grad():\\n    for w in critic.parameters():\\n        w.mul_(share)",
        )
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

    def script(self) -> Step:
        return Step(
            penalty=f"toy = {self.weight} * (on_real.square().mean() + on_fake.square().mean())\\n",
            term="toy",
        )
'''

DATASET = '''

DISC = """\\


def draw_real(n):
    radius = {radius} * torch.rand(n, generator=real_rng, device=device).sqrt()
    angle = 2 * math.pi * torch.rand(n, generator=real_rng, device=device)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
"""


class Toy(Dataset):
    """Evenly inside a disc."""

    label: ClassVar = "Disc"

    kind: Literal["toy"] = "toy"
    radius: float = knob(2.0, "Radius", "Radius of the disc.", gt=0, le=10)

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        radius = self.radius * torch.rand(n, generator=rng, device=device).sqrt()
        angle = 2 * math.pi * torch.rand(n, generator=rng, device=device)
        return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)

    def script(self) -> Snippet:
        return Snippet(DISC.format(radius=self.radius))
'''


COMMANDS = {
    "objectives": "objectives --json",
    "datasets": "datasets --json",
    "both": "train --objective.kind toy --dataset.kind toy --objective.real_target 2 --steps 3 --device cpu --json",
    "any": "train --objective.kind gan --constraint.kind toy --constraint.share 0.001 --remedies.toy.weight 2 --steps 3"
    " --device cpu --json",
}
# All in one process: most of its time is that of its start.
CHILD = """
import contextlib, io, json, sys, pytest
from wgan_core.cli import main
found = {}
for name, arguments in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(arguments.split()) == 0, name
    found[name] = [json.loads(line) for line in out.getvalue().splitlines()]
with contextlib.redirect_stdout(io.StringIO()) as out:
    status = pytest.main(["-k", "toy", "-q", "-rA", "-p", "no:cacheprovider", "-p", "no:xdist", *sys.argv[2:]])
print(json.dumps(found | {"contracts": out.getvalue(), "status": int(status)}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the software prints with one more objective, constraint, remedy and data set, and what its contract tests say."""
    place = tmp_path_factory.mktemp("newcomer")
    for name in ("wgan_core", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "fixtures"))
    shutil.copy(ROOT / "pyproject.toml", place)
    newcomers = {
        "objectives/gan": OBJECTIVE,
        "objectives/constraints/clip": CONSTRAINT,
        "objectives/remedies/losses": REMEDY,
        "datasets/planar": DATASET,
    }
    for name, text in newcomers.items():
        with (place / "wgan_core" / f"{name}.py").open("a", encoding="utf-8") as file:
            file.write(text)
    files = [f"tests/core/{path.name}" for path in sorted((place / "tests" / "core").glob("test_contracts_*.py"))]
    result = python("-c", CHILD, json.dumps(COMMANDS), *files, "tests/core/test_eject.py", cwd=place, timeout=250)
    assert result.returncode == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize(("command", "title"), [("objectives", "Least squares"), ("datasets", "Disc")])
def test_a_newcomer_is_listed(found: dict[str, Any], command: str, title: str) -> None:
    (entries,) = found[command]
    assert {entry["name"]: entry["title"] for entry in entries}["toy"] == title


def test_a_newcomer_trains_from_the_command_line(found: dict[str, Any]) -> None:
    *_, snapshot, last = found["both"]
    assert snapshot["step"] == 3
    assert {"least_squares_estimate", "w1"} <= snapshot["scalars"].keys()
    assert last["status"] == "finished"


def test_a_new_constraint_and_a_new_remedy_train_with_any_objective(found: dict[str, Any]) -> None:
    *_, snapshot, last = found["any"]
    assert last["status"] == "finished"
    # All weights shrink to a thousandth after each step: the slope to less than a thousandth.
    assert 0 < snapshot["scalars"]["input_grad_norm_max"] < 1e-3
    assert 0 < snapshot["scalars"]["toy"] < 1e-3


def test_the_script_tests_hold_newcomers_to_the_loop(found: dict[str, Any]) -> None:
    held = "PASSED tests/core/test_eject.py::test_a_script_has_the_first_losses_of_the_run"
    for name in ("objective-toy", "constraint-toy", "dataset-toy", "remedy-toy"):
        assert f"{held}[{name}]" in found["contracts"]


def test_the_contract_tests_find_a_newcomer_and_pass(found: dict[str, Any]) -> None:
    assert found["status"] == 0, found["contracts"]
    passed = [line for line in found["contracts"].splitlines() if line.startswith("PASSED")]
    for expected in ("variants.py", "objectives.py", "datasets.py", "constraints.py", "remedies.py"):
        assert sum(f"test_contracts_{expected}" in line for line in passed) > 4, expected
    assert any("objective-toy" in line for line in passed)
    assert any("dataset-toy" in line for line in passed)
