"""What CONTRIBUTING.md says of adding things holds: so many files by hand, and menus, command line and contract tests follow."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.core.helpers import ROOT, python
from tests.core.newcomers import RECIPES

COMMANDS = {
    "objectives": "objectives --json",
    "datasets": "datasets --json",
    "both": "train --objective.kind toy --dataset.kind toy --objective.real_target 2 --steps 3 --device cpu --json",
    "any": "train --objective.kind gan --constraint.kind toy --constraint.share 0.001 --remedies.toy.weight 2 --steps 3"
    " --critic.kind toy --device cpu --json",
}
# The tests that look at one entry of a registry at a time, and those that hold documents to the code.
CONTRACTS = (
    *sorted(f"tests/core/{path.name}" for path in (ROOT / "tests" / "core").glob("test_contracts_*.py")),
    "tests/core/test_eject.py",
    "tests/core/test_export.py",
    "tests/core/test_race.py",
    "tests/core/test_layering.py",
    "tests/ui/test_charts.py",
    "tests/ui/test_experiment_words.py",
    "tests/pages/test_shell.py",
    "tests/pages/test_compare.py",
    "tests/pages/test_experiments.py",
)
DOCUMENTS = (
    "tests/core/test_export_commands.py::test_the_document_names_every_format",
    "tests/ui/test_documents.py::test_the_glossary_has_the_words_of_the_titles_on_screen",
    "tests/ui/test_documents.py::test_each_chart_has_its_section",
    "tests/ui/test_documents.py::test_there_is_no_section_for_a_chart_that_is_not",
    "tests/test_docs.py::test_the_page_of_lessons_names_each_lesson_and_no_other",
    "tests/test_docs.py::test_the_reference_is_what_the_code_says",
    "tests/test_docs.py::test_the_picture_of_the_house_is_what_the_code_says",
)
# All in one process: most of its time is that of its start.
CHILD = """
import contextlib, io, json, sys, pytest
from tests import make_docs
from wgan_core.cli import main
commands, contracts, documents = json.loads(sys.argv[1])
found = {}
for name, arguments in commands.items():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(arguments.split()) == 0, name
    found[name] = [json.loads(line) for line in out.getvalue().splitlines()]
with contextlib.redirect_stdout(io.StringIO()) as out:
    make_docs.main()
    quiet = ["-q", "-rA", "-p", "no:cacheprovider", "-p", "no:xdist"]
    status = [int(pytest.main([*quiet, "-k", "toy", *contracts])), int(pytest.main([*quiet, *documents]))]
print(json.dumps(found | {"contracts": out.getvalue(), "status": status}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the software prints with one more of each kind, and what its tests say."""
    place = tmp_path_factory.mktemp("newcomer")
    for name in ("wgan_core", "pages", "tests", "docs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "fixtures"))
    for name in ("pyproject.toml", "app.py", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, place)
    for name in ("assets", "static", ".streamlit", "tests/fixtures"):
        (place / name).symlink_to(ROOT / name)
    for edits in RECIPES.values():
        for edit in edits:
            edit.make(place)
    result = python("-c", CHILD, json.dumps([COMMANDS, CONTRACTS, DOCUMENTS]), cwd=place, timeout=400)
    assert result.returncode == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return told


def rows() -> Iterator[tuple[str, int]]:
    """The table of recipes in CONTRIBUTING.md: what is added, and how many files one edits."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name, count in re.findall(r"^\| ([a-z ]+) \| (\d) \|", text, re.MULTILINE):
        yield name, int(count)


def test_the_table_of_recipes_counts_the_files_that_one_edits() -> None:
    assert dict(rows()) == {name: len(edits) for name, edits in RECIPES.items()}


@pytest.mark.parametrize(("command", "title"), [("objectives", "Least squares"), ("datasets", "Disc")])
def test_a_newcomer_is_listed(found: dict[str, Any], command: str, title: str) -> None:
    (entries,) = found[command]
    assert {entry["name"]: entry["title"] for entry in entries}["toy"] == title


def test_a_newcomer_trains_from_the_command_line(found: dict[str, Any]) -> None:
    *_, snapshot, last = found["both"]
    assert snapshot["step"] == 3
    assert {"least_squares_estimate", "w1", "toy_radius"} <= snapshot["scalars"].keys()
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
    assert found["status"] == [0, 0], found["contracts"]
    passed = [line for line in found["contracts"].splitlines() if line.startswith("PASSED") and "toy" in line]
    for expected, least in {
        "core/test_contracts_variants": 5,
        "core/test_contracts_objectives": 5,
        "core/test_contracts_datasets": 5,
        "core/test_contracts_constraints": 5,
        "core/test_contracts_remedies": 5,
        "core/test_contracts_networks": 5,
        "core/test_contracts_experiments": 3,
        "core/test_export": 4,
        "core/test_race": 1,
        "ui/test_charts": 4,
        "ui/test_experiment_words": 1,
        "pages/test_shell": 1,
        "pages/test_compare": 1,
        "pages/test_experiments": 1,
    }.items():
        assert sum(f"{expected}.py" in line for line in passed) >= least, (expected, found["contracts"])
    for kind in ("objective-toy", "dataset-toy"):
        assert any(kind in line for line in passed)
