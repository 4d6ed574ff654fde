"""What every kind of every family owes: a name, an explanation of each knob, bounds that hold, a JSON form."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from wgan_core.config import TrainingConfig
from wgan_core.datasets import Dataset
from wgan_core.networks import Latent, Network
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.optimisers import Optimiser
from wgan_core.schema import Part, allowed
from wgan_core.schema.errors import bounds

pytestmark = pytest.mark.usefixtures("few_points")

FAMILIES: tuple[Any, ...] = (Dataset, Objective, Constraint, Network, Optimiser)
VARIANTS = [
    pytest.param(cls, id=f"{family.__name__.lower()}-{kind}")
    for family in FAMILIES
    for kind, cls in family.kinds.items()
]
# Not variants, but with knobs that the form shows all the same.
PARTS = [
    *VARIANTS,
    *(pytest.param(cls, id=f"remedy-{name}") for name, cls in REMEDIES.items()),
    pytest.param(Latent, id="latent"),
    pytest.param(TrainingConfig, id="run-config"),
]


@pytest.mark.parametrize("cls", VARIANTS)
def test_a_kind_has_a_label_and_says_what_it_is(cls: Any) -> None:
    assert cls.label.strip()
    assert cls.__doc__ is None or cls.__doc__.strip()
    assert cls().kind == cls.model_fields["kind"].default


def test_labels_tell_the_kinds_of_a_family_apart() -> None:
    for family in FAMILIES:
        labels = [cls.label for cls in family.kinds.values()]
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("cls", PARTS)
def test_each_knob_has_a_title_and_a_sentence_of_help(cls: Any) -> None:
    for name, field in cls.model_fields.items():
        if name not in ("kind", "schema_version"):
            assert field.title, name
            assert field.description, name
            assert field.description.strip().endswith("."), f"{name}: help is a sentence"
            assert allowed(field)


@pytest.mark.parametrize("cls", PARTS)
def test_the_defaults_come_back_from_json(cls: type[Part]) -> None:
    part = cls()
    again = cls.model_validate(json.loads(json.dumps(part.model_dump())))
    assert again == part
    assert cls.model_validate_json(part.model_dump_json()) == part


@pytest.mark.parametrize("cls", PARTS)
def test_a_part_is_frozen_and_takes_no_unknown_field(cls: type[Part]) -> None:
    with pytest.raises(ValidationError):
        cls.model_validate({"no_such_knob": 1})
    name = next(iter(cls.model_fields))
    with pytest.raises(ValidationError):
        setattr(cls(), name, None)


@pytest.mark.parametrize("cls", PARTS)
def test_numeric_knobs_are_bounded_and_their_bounds_hold(cls: type[Part]) -> None:
    for name, field in cls.model_fields.items():
        if field.annotation not in (int, float):
            continue
        limits = bounds(field)
        assert {"ge", "gt"} & limits.keys(), f"{name} has no lower bound"
        assert {"le", "lt"} & limits.keys(), f"{name} has no upper bound"
        low, high = limits.get("ge", limits.get("gt", 0)), limits.get("le", limits.get("lt", 0))
        outside = [low - 1, high + 1]
        outside += [low] if "gt" in limits else []
        outside += [high] if "lt" in limits else []
        for value in [*outside, math.nan, math.inf]:
            with pytest.raises(ValidationError):
                cls.model_validate({name: value})
