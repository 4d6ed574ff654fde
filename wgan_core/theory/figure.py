"""A figure of the theory lab: what it claims, the knobs that it has, and how it is computed."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, Self

from pydantic import ValidationError

from wgan_core.config import TrainingConfig
from wgan_core.host.devices import on_threads, threads
from wgan_core.schema import ConfigError, Variant, problems_of
from wgan_core.theory.result import Result


@dataclass(frozen=True)
class Question:
    """To be answered before one moves on. ``answer`` is the place of the right option, ``why`` the reason."""

    text: str
    options: tuple[str, ...]
    answer: int
    why: str


class Figure(Variant):
    """A theorem or an example that one can move.

    A subclass in a module of its own in ``wgan_core/theory/figures`` is all that a new figure takes. Its fields, made with
    :func:`wgan_core.schema.parts.knob`, are the sliders. It overrides :meth:`compute`, or :meth:`frames` where the picture
    grows while something trains.

    Attributes
    ----------
    place : int
        Where it stands in the lab, from 1.
    label : str
        The title.
    source : str
        Paper, section, figure.
    formula : str
        In LaTeX, one line if it can be.
    says : tuple[str, str]
        Two plain sentences.
    tries : tuple[str, ...]
        What to try, two or three of them.
    question : Question
        What a reader should be able to answer.
    presets : dict[str, dict]
        Named settings that show its point at once.
    """

    place: ClassVar[int] = 99
    formula: ClassVar[str] = ""
    says: ClassVar[tuple[str, str]] = ("", "")
    tries: ClassVar[tuple[str, ...]] = ()
    question: ClassVar[Question]
    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name, alone in (("compute", _computed_alone), ("frames", _drawn_alone)):
            if name in vars(cls):
                setattr(cls, name, alone(vars(cls)[name]))

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Self:
        """Build the figure from settings by name, which may be texts.

        Raises
        ------
        ConfigError
            Each problem names the knob, what is allowed and what was given.
        """
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            raise ConfigError(problems_of(error, cls)) from None

    @classmethod
    def animated(cls) -> bool:
        """Whether it comes in many frames, over seconds."""
        return cls.frames is not Figure.frames

    def compute(self) -> Result:
        """The figure, of an animated one its last frame. A static one takes well under 200 ms.

        Raises
        ------
        ConfigError
            Where these settings together make no sense, with the reason.
        """
        (last,) = collections.deque(self.frames(), maxlen=1)
        return last

    def frames(self) -> Iterator[Result]:
        """The figure as it grows: the first frame within a second, the last within 30 s, the same panels in each.

        May be closed between frames. Draws random numbers from generators of its own.
        """
        yield self.compute()

    def live(self) -> TrainingConfig | None:
        """The config of a training on the live page that shows the same, if there is one."""
        return None

    def settings(self) -> dict[str, Any]:
        """The knobs that differ from their defaults."""
        return self.model_dump(exclude_defaults=True, exclude={"kind"})


# Sums split over threads differ in their last digits, and what figures train is too small to gain by threads.


def _computed_alone(compute: Callable[[Figure], Result]) -> Callable[[Figure], Result]:
    @wraps(compute)
    def computed(figure: Figure) -> Result:
        with threads(1):
            return compute(figure)

    return computed


def _drawn_alone(frames: Callable[[Figure], Iterator[Result]]) -> Callable[[Figure], Iterator[Result]]:
    @wraps(frames)
    def drawn(figure: Figure) -> Iterator[Result]:
        return on_threads(1, frames(figure))

    return drawn
