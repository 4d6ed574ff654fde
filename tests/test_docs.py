"""The documents, tested against the code: what they show works, what they name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import architecture, make_docs
from tests.core.helpers import small
from wgan_core.coach import RULES
from wgan_core.config import TrainingConfig
from wgan_core.lessons.presets import PRESETS
from wgan_core.lessons.scenarios import SCENARIOS
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.schema.errors import choices
from wgan_core.training import train

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def python_blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


def run(code: str) -> str:
    """Run code in a fresh interpreter, so that a recipe's class does not stay in this one's registries."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_page_of_presets_names_each_preset_and_no_other() -> None:
    text = (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)`", text, re.MULTILINE)) == set(PRESETS)


def test_the_page_of_lessons_names_each_lesson_and_no_other() -> None:
    text = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)`", text, re.MULTILINE) == list(SCENARIOS)


def test_the_page_of_the_coach_names_each_finding_in_the_coachs_order() -> None:
    text = (ROOT / "docs" / "coach.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)`", text, re.MULTILINE) == list(RULES)


def test_the_reference_is_what_the_code_says() -> None:
    there = {path.relative_to(make_docs.FOLDER).as_posix(): path for path in make_docs.FOLDER.rglob("*.md")}
    wanted = make_docs.pages()
    assert there.keys() == wanted.keys(), "run make docs"
    assert not [name for name, text in wanted.items() if there[name].read_text(encoding="utf-8") != text], "make docs"


def test_the_picture_of_the_house_is_what_the_code_says() -> None:
    assert make_docs.PICTURE.read_text(encoding="utf-8") == architecture.picture(), "run make docs"


def test_the_page_of_the_architecture_names_files_that_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:wgan_core|pages)/[\w/.]*)`", text)
    assert len(named) > 15
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("kind", Objective.kinds)
def test_the_page_of_an_objective_has_its_losses_and_what_its_estimate_is(kind: str) -> None:
    page = (make_docs.FOLDER / "objectives" / f"{kind}.md").read_text(encoding="utf-8")
    formulas = re.findall(r"^ {4}(critic|generator|estimate): +\S", page, re.MULTILINE)
    assert formulas == ["critic", "generator", "estimate"]


def one_of_each() -> Iterator[TrainingConfig]:
    """Small configs that have every objective, constraint, divergence and remedy between them, points, images and classes."""
    ring = {"kind": "ring", "sigma": 1.0}  # some of the first samples lie on a mode
    for kind in make_docs.kinds(Objective):
        yield small(ring, kind)
    for divergence in choices(Objective.kinds["f-gan"].model_fields["divergence"]):
        yield small(ring, {"kind": "f-gan", "divergence": divergence})
    for kind in make_docs.kinds(Constraint):
        yield small(ring, "gan", constraint={"kind": kind})
    for name, remedy in REMEDIES.items():
        first, field = next(iter(remedy.model_fields.items()))
        settings = {name: {first: 1 if field.annotation is int else 0.1}}
        yield small(ring, "gan", remedies=settings, generator={"width": 16, "normalisation": "batch"})
    yield small(ring, conditional=True)
    yield small("swiss-roll")
    yield small("fashion-mnist", scores_every=3)


@pytest.mark.slow
def test_the_reference_explains_each_number_of_a_snapshot_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The names are asked for, not the numbers.
    monkeypatch.setattr("wgan_core.metrics.images.classifier.STEPS", 1)
    for module in ("moment", "samples"):
        monkeypatch.setattr(f"wgan_core.metrics.{module}.exact_em", lambda *_: 0.0)
    monkeypatch.setenv("WGAN_HOME", str(tmp_path))
    found: set[str] = set()
    for config in one_of_each():
        for snapshot in train(config):
            found |= snapshot.scalars.keys() | snapshot.arrays.keys()
    explained = make_docs.given_names().keys()
    assert not found - explained, "their measurement's docstring does not name them"
    assert not explained - found, "they are named in a docstring and measured nowhere"


def test_the_readmes_example_runs() -> None:
    (example,) = python_blocks("README.md")
    out = run(example.replace('"steps": 500', '"steps": 2'))
    assert len(out.splitlines()) == 2
    assert out.startswith("0 ")


def test_the_recipe_for_an_objective_trains() -> None:
    recipe = python_blocks("CONTRIBUTING.md")[0]
    out = run(
        "from wgan_core.objectives import *\nfrom wgan_core.objectives.gan import ClassVar, Literal, knob, softplus\n"
        + "from wgan_core.objectives.gan import Step\n"
        + recipe
        + "\nfrom wgan_core.cli import main\n"
        "flags = '--objective.kind softer --objective.temperature 3 --steps 2'.split()\n"
        "raise SystemExit(main(['eject', *flags]) or main(['train', *flags, '--json']))"
    )
    assert "critic_real = nn.functional.softplus(-on_real / 3.0).mean()" in out
    assert "generator_loss = nn.functional.softplus(-on_fake / 3.0).mean()" in out
    assert '"status": "finished"' in out.splitlines()[-1]


def test_the_recipe_for_a_chart_draws() -> None:
    recipe = python_blocks("CONTRIBUTING.md")[1]
    out = run(
        "import plotly.graph_objects as go\nfrom wgan_core.charts import theme\nfrom wgan_core.charts.plotting import *\n"
        "from wgan_core.history import LaneView\n"
        + recipe
        + """
from wgan_core.config import TrainingConfig
from wgan_core.runs import Run
run = Run(TrainingConfig.parse({"dataset": {"kind": "ring", "sigma": 1.0}, "steps": 4, "snapshot_every": 1}))
run.start()
run.join()
print(len(go.Figure(CHARTS["reverse_kl"].draw(run.lane_view(), "step")).data))
"""
    )
    assert out.strip() == "2"


def test_the_recipe_for_a_figure_meets_its_closed_form() -> None:
    (recipe,) = [block for block in python_blocks("CONTRIBUTING.md") if "(Figure)" in block]
    out = run(
        "from typing import ClassVar, Literal\nimport numpy as np\nfrom wgan_core.schema.parts import knob\n"
        "from wgan_core.theory import FIGURES, build\nfrom wgan_core.theory.divergences import LOG_2, js\n"
        "from wgan_core.theory.figure import Figure, Question\nfrom wgan_core.theory.result import *\n"
        + recipe
        + """
FIGURES["two-coins"] = CoinFlips
for settings in ({}, *CoinFlips.presets.values()):
    print([number.holds for number in build("two-coins", settings).compute().numbers])
"""
    )
    assert out.split() == ["[None]", "[True]", "[True]"]
