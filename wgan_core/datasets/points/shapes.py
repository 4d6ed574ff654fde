"""Shapes to start a drawing from: points in the square from −2 to 2, the same every time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Coordinates = NDArray[np.float64]


def _arc(x: float, y: float, radius: float, start: float, end: float, n: int) -> Coordinates:
    """``n`` points evenly on an arc, angles in turns."""
    angle = 2 * np.pi * np.linspace(start, end, n, endpoint=abs(end - start) < 1)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def _disc(x: float, y: float, radius: float, n: int) -> Coordinates:
    """``n`` points evenly in a disc, as a sunflower sets its seeds."""
    i = np.arange(n)
    angle = i * np.pi * (3 - math.sqrt(5))
    r = radius * np.sqrt((i + 0.5) / n)
    return np.stack([x + r * np.cos(angle), y + r * np.sin(angle)], 1)


def _line(*corners: tuple[float, float], n: int) -> Coordinates:
    """``n`` points evenly along straight lines from corner to corner."""
    at = np.array(corners)
    along = np.concatenate([[0.0], np.linalg.norm(np.diff(at, axis=0), axis=1).cumsum()])
    wanted = np.linspace(0, along[-1], n)
    return np.stack([np.interp(wanted, along, at[:, 0]), np.interp(wanted, along, at[:, 1])], 1)


def _smiley() -> Coordinates:
    mouth = _arc(0, 0.1, 1.05, 0.56, 0.94, 30)
    return np.concatenate([_arc(0, 0, 1.9, 0, 1, 120), _disc(-0.65, 0.65, 0.2, 16), _disc(0.65, 0.65, 0.2, 16), mouth])


def _moons() -> Coordinates:
    return np.concatenate([_arc(-0.6, -0.25, 1.2, 0, 0.5, 60), _arc(0.6, 0.25, 1.2, 0.5, 1, 61)[:-1]])


def _spiral() -> Coordinates:
    # Evenly along the curve: the length of r = a·angle grows with the square of the angle.
    angle = 4.5 * np.pi * np.sqrt(np.linspace(0.03, 1, 140))
    return np.stack([angle * np.cos(angle), angle * np.sin(angle)], 1) * (1.9 / (4.5 * np.pi))


def _circles() -> Coordinates:
    return np.concatenate([_arc(0, 0, 1.8, 0, 1, 120), _arc(0, 0, 0.8, 0, 1, 54)])


def _letter() -> Coordinates:
    return _line((-1.7, 1.4), (-0.85, -1.4), (0, 1.0), (0.85, -1.4), (1.7, 1.4), n=130)


def _islands() -> Coordinates:
    """Five groups of unequal weight and size: the small ones are those that a generator forgets."""
    groups = [
        (-0.9, 0.6, 0.75, 90),
        (1.2, 1.1, 0.4, 40),
        (0.9, -0.6, 0.5, 40),
        (-1.2, -1.2, 0.3, 20),
        (0.1, -1.7, 0.15, 10),
    ]
    return np.concatenate([_disc(*group) for group in groups])


SHAPES: dict[str, Callable[[], Coordinates]] = {
    "smiley": _smiley,
    "moons": _moons,
    "spiral": _spiral,
    "circles": _circles,
    "letter": _letter,
    "islands": _islands,
}
