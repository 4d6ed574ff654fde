"""The core is pure, and its imports run in one direction."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.core.helpers import ROOT, python

CORE = ROOT / "wgan_core"

# Each module may import those above it.
ORDER = (
    "schema",
    "devices",
    "folders",
    "fetching",
    "datasets",
    "pictures",
    "shapes",
    "numerals",
    "pairs",
    "pointfile",
    "packing",
    "drawing",
    "points",
    "piecewise",
    "networks",
    "penalties",
    "objectives",
    "constraints",
    "remedies",
    "optimisers",
    "explain",
    "config",
    "conditional",
    "losses",
    "presets",
    "race",
    "scenarios",
    "records",
    "coach",
    "metrics",
    "scores",
    "states",
    "limits",
    "training",
    "forks",
    "eject",
    "stacked",
    "members",
    "worker",
    "crew",
    "ensemble",
    "store",
    "lanes",
    "runs",
    "export",
    "library",
    "explore",
    "theory",
    "experiments",
    "cli",
    "__main__",
)
PACKAGES = {path.parent.name: path.parent for path in CORE.glob("*/__init__.py")}
MODULES = sorted({path.stem for path in CORE.glob("*.py") if path.stem != "__init__"} | PACKAGES.keys())
USER_INTERFACE = {"streamlit", "plotly", "pages", "app"}

IMPORT_EACH = """
import importlib, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    importlib.import_module(f"wgan_core.{name}")
    found[name] = [m for m in ("streamlit", "plotly", "torchvision", "sklearn") if m in sys.modules]
print(json.dumps(found))
"""


def imports_of(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively; the order is checked on absolute names"
            assert node.module is not None
            names.add(node.module)
            if node.module == "wgan_core":
                names |= {f"wgan_core.{alias.name}" for alias in node.names}
    return names


def imports_of_module(module: str) -> set[str]:
    """Dotted names of all modules that a module, or any file of a package, imports."""
    files = PACKAGES[module].glob("**/*.py") if module in PACKAGES else [CORE / f"{module}.py"]
    return set().union(*map(imports_of, files))


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """What a fresh interpreter has loaded after each module's import, config (and what it needs) first."""
    order = ["config", *(m for m in MODULES if m not in ("config", "__main__"))]
    result = python("-c", IMPORT_EACH, json.dumps(order))
    assert result.returncode == 0, result.stderr
    found: dict[str, list[str]] = json.loads(result.stdout)
    return found


def test_every_module_has_a_place_in_the_order() -> None:
    assert set(MODULES) == set(ORDER), "a new module of the core takes its place in ORDER"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_stands_before_it(module: str) -> None:
    inside = {name.split(".")[1] for name in imports_of_module(module) if name.startswith("wgan_core.")}
    assert inside - {module} <= set(ORDER[: ORDER.index(module)])


@pytest.mark.parametrize("module", MODULES)
def test_no_module_names_the_user_interface(module: str) -> None:
    assert not {name.split(".")[0] for name in imports_of_module(module)} & USER_INTERFACE


def test_importing_the_core_loads_neither_streamlit_nor_plotly(loaded: dict[str, list[str]]) -> None:
    assert {m: found for m, found in loaded.items() if {"streamlit", "plotly"} & set(found)} == {}


def test_importing_the_config_does_not_load_what_few_runs_need(loaded: dict[str, list[str]]) -> None:
    assert not {"torchvision", "sklearn"} & set(loaded["config"])
