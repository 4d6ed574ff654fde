"""Points as a sequence of pairs, and what holds for points in whatever form they come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wgan_core.datasets.base import DataError
from wgan_core.datasets.points.shapes import Coordinates

MAX_POINTS = 20_000
LARGEST_NUMBER = 1e100


def read_pairs(given: Any) -> Coordinates:
    """The points in a sequence of pairs, e.g. from JSON."""
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if not isinstance(given, Sequence):
        raise DataError(f"points are a list of pairs, [[x, y], …], or text, not {type(given).__name__}")
    if len(given) > MAX_POINTS:
        raise DataError(too_many(len(given), "points"))
    points = []
    for number, pair in enumerate(given, 1):
        if not isinstance(pair, Sequence | np.ndarray) or isinstance(pair, str | bytes) or len(pair) != 2:
            raise DataError(f"point {number:,} is no pair of numbers, [x, y]")
        for given_value in pair:
            value = given_value.item() if isinstance(given_value, np.generic) else given_value
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError(f"point {number:,} holds {short(repr(value))}, which is no number")
            if not abs(value) <= LARGEST_NUMBER:
                raise DataError(f"point {number:,} holds {out_of_bounds(_shown(value))}")
        points.append((float(pair[0]), float(pair[1])))
    return np.array(points, float).reshape(-1, 2)


def too_many(count: int, what: str) -> str:
    """That so many are too many, and what to do."""
    every = math.ceil(count / MAX_POINTS)
    return f"{count:,} {what} are too many, {MAX_POINTS:,} are allowed; keep one of every {every}, for example"


def short(text: str) -> str:
    """A text on one line, cut off where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= 30 else text[:29] + "…"


def out_of_bounds(what: str) -> str:
    """That a number is none of those that are allowed."""
    return f"{what}; numbers from -1e100 to 1e100 are allowed, and neither nan nor inf"


def _shown(value: Any) -> str:
    return short(repr(value)) if isinstance(value, float) or abs(value) < 1e300 else "a very large number"
