"""Errors in plain words: which field, what is allowed, what was given."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Any

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a config. ``path`` is dotted, "" for the whole."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(ValueError):
    """A config was refused.

    Attributes
    ----------
    problems : list[Problem]
        Never empty.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


def bounds(field: FieldInfo) -> dict[str, float]:
    """The numeric bounds of a field, by name: ge, gt, le, lt."""
    found: dict[str, float] = {}
    for item in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if isinstance(item, getattr(annotated_types, name.capitalize())):
                found[name] = getattr(item, name)
    return found


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The values of a Literal field, or () for other types."""
    return typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else ()


def allowed(field: FieldInfo) -> str:
    """What a field takes, in words, e.g. ``a whole number from 1 to 100``."""
    if options := choices(field):
        return "one of " + ", ".join(map(str, options)) if len(options) > 1 else str(options[0])
    if field.annotation is bool:
        return "true or false"
    if field.annotation not in (int, float):
        extra = field.json_schema_extra
        return str((extra.get("takes") if isinstance(extra, dict) else "") or "text")
    limits = bounds(field)
    low = f"from {limits['ge']:,}" if "ge" in limits else f"above {limits['gt']:,}" if "gt" in limits else ""
    high = f"to {limits['le']:,}" if "le" in limits else f"and below {limits['lt']:,}" if "lt" in limits else ""
    noun = "a whole number" if field.annotation is int else "a number"
    return " ".join(word for word in (noun, low, high) if word)


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Translate pydantic's errors into problems that name the field, the allowed range and the value given."""
    problems: list[Problem] = []
    for item in error.errors(include_url=False):
        names, owner, field = _resolve(item["loc"], model)
        path = ".".join(names)
        given = f"; you gave {_short(item['input'])}"
        if item["type"] == "value_error":
            message = str(item["ctx"]["error"])
            if field is None:  # a rule over several fields names them itself
                path, _, message = message.partition(": ")
        elif item["type"] == "extra_forbidden":
            known = ", ".join(owner.model_fields) if owner else ""
            message = f"there is no such field; allowed here: {known}"
        elif item["type"] == "union_tag_invalid":
            path += ".kind"
            message = f"must be one of {item['ctx']['expected_tags'].replace(chr(39), '')}; you gave {_short(item['ctx']['tag'])}"
        elif item["type"] == "union_tag_not_found":
            path += ".kind"
            message = "a kind is needed" + given
        elif field is not None:
            message = f"must be {allowed(field)}{given}"
        elif item["type"] in ("model_type", "model_attributes_type"):
            message = "must be an object of settings, {…}" + given
        else:
            message = item["msg"] + given
        problems.append(Problem(path, message))
    return problems


def _resolve(
    loc: tuple[int | str, ...], model: type[BaseModel]
) -> tuple[list[str], type[BaseModel] | None, FieldInfo | None]:
    """Follow a pydantic location, dropping the tags of unions: the names on the way, and the model and field it ends in."""
    names: list[str] = []
    owner: type[BaseModel] | None = None
    field: FieldInfo | None = None
    models = [model]
    for part in map(str, loc):
        tagged = [m for m in models if len(models) > 1 and m.model_fields["kind"].default == part]
        if tagged:
            models = tagged
            continue
        names.append(part)
        owner = models[0] if len(models) == 1 else None
        field = owner.model_fields.get(part) if owner else None
        models = models_of(field.annotation) if field else []
    return names, owner, None if models else field


def models_of(annotation: Any) -> list[Any]:
    """The models that a field's type names: one for a part, several for a union of kinds, none for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [model for item in typing.get_args(annotation) for model in models_of(item)]
    return []


def _short(value: Any) -> str:
    try:
        text = repr(value) if not isinstance(value, str) else f"“{value}”"
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "…"
