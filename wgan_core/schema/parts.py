"""What every part of a run's configuration shares: frozen, bounded, explained.

A *part* is a small frozen model. A *variant* is a part that comes in several kinds (objectives, data sets,
networks, optimisers): each subclass that names a ``kind`` enters its family's map ``kinds``, from which the form,
the command line, the docs and the contract tests are derived. Defining the class is all it takes to add one.
"""

from __future__ import annotations

from copy import copy
from typing import Annotated, Any, ClassVar, Union

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A frozen piece of configuration: no unknown fields, no NaN, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __eq__(self, other: object) -> bool:
        # By the fields alone: what a part has cached, tensors perhaps, is not part of its value.
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in type(self).model_fields
        )


class Variant(Part):
    """A part that comes in several kinds. The direct subclasses are families, theirs are the kinds.

    Attributes
    ----------
    kinds : dict[str, type]
        The family's registry, in the order of definition.
    label : str
        The name shown to people.
    source : str
        Where the definition comes from (paper, equation).
    """

    kinds: ClassVar[dict[str, Any]]
    label: ClassVar[str] = ""
    source: ClassVar[str] = ""

    kind: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if Variant in cls.__bases__:
            cls.kinds = {}
        elif isinstance(kind := cls.model_fields["kind"].default, str):
            cls.kinds[kind] = cls


def knob(
    default: Any,
    title: str,
    help: str,
    *,
    live: bool = False,
    log: bool = False,
    takes: str = "",
    widget: str = "",
    **bounds: Any,
) -> Any:
    """A field with a default, bounds and one line of help.

    Parameters
    ----------
    default
        The value used when none is given.
    title, help
        The name on screen and the sentence beside it.
    live
        The knob may be turned while the run trains.
    log
        The knob is best thought of in powers of ten.
    takes
        What a text field takes, in words, where its type does not say it.
    widget
        The name of the form's input, where the type does not say it.
    **bounds
        ``ge``, ``gt``, ``le``, ``lt``, ``min_length``, ``max_length`` as in pydantic.
    """
    extra = {"live": live, "log": log, "takes": takes, "widget": widget}
    return Field(default, title=title, description=help, json_schema_extra=extra, **bounds)  # type: ignore[arg-type]


def same_knob(part: type[Part], name: str) -> Any:
    """The knob of another part once more, for a part that hands its value on: one default, one range, one explanation."""
    return copy(part.model_fields[name])


def union(family: type[Variant]) -> Any:
    """The discriminated union of all kinds of a family, for use as a field's type."""
    return Annotated[Union[tuple(family.kinds.values())], Field(discriminator="kind")]  # noqa: UP007
