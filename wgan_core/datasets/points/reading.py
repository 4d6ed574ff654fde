"""Points of one's own: whatever form they come in, as the text that configs hold, placed where networks learn well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from wgan_core.datasets.base import DataError
from wgan_core.datasets.points.packing import DRAWN, EXACT, Frame, pack, pack_exact, shapes, unpack
from wgan_core.datasets.points.pairs import MAX_POINTS, read_pairs, too_many
from wgan_core.datasets.points.shapes import Coordinates
from wgan_core.datasets.points.tables import NumberTable, decoded, read_table

RADIUS = 2.0
"""Points from elsewhere are fitted into this radius; a drawing lies in the square with this half-side."""

# Smaller than this, points that lie in the square already are fitted all the same: a generator starts around 1.
SMALLEST_RADIUS = 0.5
# Below this a double has no digits left with which to place points.
SMALLEST_EXTENT = 1e-100


@dataclass(frozen=True)
class Reading:
    """Points as the text that configs hold, and what to say of their file, or ""."""

    text: str
    note: str


def read(given: Any) -> Reading:
    """Any form of points as the text that configs hold.

    Parameters
    ----------
    given : str, bytes or sequence of pairs
        The name of a built-in shape, packed points, a table of two numbers a row, or pairs of numbers. Points of a table or
        of pairs are moved and scaled alike in x and y to fit the radius 2, unless they lie in that square already.

    Raises
    ------
    DataError
        What is wrong and what is allowed.
    """
    text = decoded(given) if isinstance(given, bytes | bytearray) else given
    if isinstance(text, str):
        text = text.lstrip("\ufeff")
        if (name := text.strip()) in shapes():
            return Reading(name, "")
        if name.startswith((DRAWN, EXACT)):
            checked(unpack(name).placed)
            return Reading(_names().get(name, name), "")
        table = read_table(text)
    else:
        table = NumberTable(read_pairs(text))
    return Reading(_shortest(checked(table.points)), table.note)


def packed(given: Any) -> str:
    """The text that :func:`read` finds.

    Examples
    --------
    >>> packed("x,y\\n10,10\\n14,10\\n") == packed([(10, 10), (14, 10)]) == "p1.AwgA_QgA~12.0~10.0~1.0"
    True
    """
    return read(given).text


def checked(points: Coordinates) -> Coordinates:
    """The points, if they are neither too few nor too many, and differ."""
    if len(points) == 0:
        raise DataError("there are no points; two different ones are needed at least")
    if len(points) > MAX_POINTS:
        raise DataError(too_many(len(points), "points"))
    if (points == points[0]).all():
        what = "there is one point only" if len(points) == 1 else f"all {len(points):,} points are the same"
        raise DataError(f"{what}; two different ones are needed at least")
    if (extent := float(np.ptp(points, axis=0).max())) < SMALLEST_EXTENT:
        raise DataError(
            f"the points reach over {extent:.3g} only, and {SMALLEST_EXTENT:g} is the least; multiply all numbers by one factor"
        )
    return points


def frame_of(points: Coordinates) -> Frame | None:
    """The frame that moves and scales points to fit the radius 2, or None where they suit as they are.

    Parameters
    ----------
    points : array
        Shape (n, 2), not all equal.
    """
    low, high = points.min(0), points.max(0)
    centre = (low + high) / 2
    radius = float(np.hypot(*(points - centre).T).max())
    if np.abs(points).max() <= RADIUS and radius >= SMALLEST_RADIUS:
        return None
    return Frame(float(centre[0]), float(centre[1]), radius / RADIUS)


def as_drawn(text: str) -> str:
    """Packed points as a canvas takes them: to thousandths of the square."""
    if not text.startswith(EXACT):
        return shapes().get(text, text)
    drawing = unpack(text)
    return pack(drawing.placed, drawing.frame)


def redrawn(drawn: str, before: str) -> str:
    """What was made of packed points on a canvas, where those that are still there keep the digits that a canvas does not show.

    Parameters
    ----------
    drawn : str
        What the canvas holds now.
    before : str
        The packed points that it was given.
    """
    shown = as_drawn(before)
    if drawn == shown:
        return before
    old, new = unpack(before), unpack(drawn)
    if not before.startswith(EXACT) or drawn.partition("~")[2] != shown.partition("~")[2] or not len(new.given):
        return drawn
    left: dict[tuple[float, ...], list[list[float]]] = {}
    for place, digits in zip(unpack(shown).placed.tolist()[::-1], old.given.tolist()[::-1], strict=True):
        left.setdefault(tuple(place), []).append(digits)
    given = [
        left[tuple(place)].pop() if left.get(tuple(place)) else there
        for place, there in zip(new.placed.tolist(), new.given.tolist(), strict=True)
    ]
    text = pack_exact(np.array(given), old.frame)
    # Far from the origin, doubles may be too coarse for what was added.
    return text if as_drawn(text) == drawn else drawn


def _shortest(given: Coordinates) -> str:
    """The text of a drawing where that loses nothing, and else the exact one."""
    frame = frame_of(given)
    placed = given if frame is None else frame.placed(given)
    drawn = pack(placed, frame)
    again = unpack(drawn)
    same = (again.given == given).all() and np.allclose(again.placed, placed, rtol=0, atol=1e-12)
    return drawn if same else pack_exact(given, frame)


@cache
def _names() -> dict[str, str]:
    return {text: name for name, text in shapes().items()}
