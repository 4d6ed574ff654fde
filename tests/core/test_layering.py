"""The core is pure, and imports run in one direction: a room may import from the floors below it, and from nowhere else."""

from __future__ import annotations

import json

import pytest

from tests.architecture import CORE_FLOORS, PAGES_FLOORS, circles, imports_of, modules, named_in, room_of
from tests.core.helpers import python

USER_INTERFACE = {"streamlit", "plotly", "pages", "app"}
ROOMS = [room for floor in CORE_FLOORS for room in floor]

IMPORT_EACH = """
import importlib, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    importlib.import_module(f"wgan_core.{name}")
    found[name] = [m for m in ("streamlit", "plotly", "torchvision", "sklearn", "pandas") if m in sys.modules]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """What a fresh interpreter has loaded after each room's import, config (and what it needs) first."""
    order = ["config", *(room for room in ROOMS if room != "config")]
    result = python("-c", IMPORT_EACH, json.dumps(order))
    assert result.returncode == 0, result.stderr
    found: dict[str, list[str]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize(("house", "floors"), [("wgan_core", CORE_FLOORS), ("pages.ui", PAGES_FLOORS)])
def test_every_room_has_its_floor(house: str, floors: tuple[tuple[str, ...], ...]) -> None:
    there = {room_of(name, house) for name in modules() if room_of(name, house)}
    assert there == {room for floor in floors for room in floor}, "a new room takes its place on a floor"


@pytest.mark.parametrize(("house", "floors"), [("wgan_core", CORE_FLOORS), ("pages.ui", PAGES_FLOORS)])
def test_a_room_imports_from_the_floors_below_it_alone(house: str, floors: tuple[tuple[str, ...], ...]) -> None:
    below: set[str] = set()
    for floor in floors:
        for name in modules():
            if (room := room_of(name, house)) in floor:
                asked = {room_of(other, house) for other in imports_of(name) | named_in(name)} - {room, ""}
                assert asked <= below, f"{name} reaches up, or across its floor, to {sorted(asked - below)}"
        below |= set(floor)


def test_no_module_imports_itself_by_a_detour() -> None:
    assert circles() == []


def test_the_core_does_not_know_the_user_interface() -> None:
    for name in modules():
        if name.startswith("wgan_core"):
            assert not {other.split(".")[0] for other in imports_of(name) | named_in(name)} & USER_INTERFACE, name


def test_importing_the_core_loads_neither_streamlit_nor_plotly(loaded: dict[str, list[str]]) -> None:
    assert {room: found for room, found in loaded.items() if {"streamlit", "plotly"} & set(found)} == {}


def test_importing_the_config_does_not_load_what_few_runs_need(loaded: dict[str, list[str]]) -> None:
    assert not {"torchvision", "sklearn", "pandas"} & set(loaded["config"])


def test_what_the_core_offers_can_be_had_from_its_front_door() -> None:
    result = python(
        "-W",
        "error",
        "-c",
        "from wgan_core import *; import wgan_core; print(set(wgan_core.__all__) <= set(globals()))",
    )
    assert result.stdout == "True\n", result.stderr
