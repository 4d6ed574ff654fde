"""Clouds of atoms of equal mass: the EM distance between two, and both as masses on common places, for f-divergences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wgan_core.theory.piles import Piles
from wgan_core.theory.result import Floats
from wgan_core.theory.transport import Transport


def between(x: Floats, y: Floats) -> Transport:
    """The cheapest way to carry the cloud x to the cloud y. Both have total mass 1; (n, d) and (m, d), d at most 2."""
    return Transport.between(_even(x), _even(y))


def em(x: Floats, y: Floats) -> float:
    """EM distance W1 between two clouds, by linear programming.

    Examples
    --------
    >>> em(np.array([[0.0], [1.0]]), np.array([[3.0], [2.0]]))
    2.0
    """
    return between(x, y).cost


def on_common_places(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Two clouds as masses p and q on the places of both.

    Examples
    --------
    >>> p, q = on_common_places(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]))
    >>> p.tolist(), q.tolist()
    ([0.5, 0.5, 0.0], [0.0, 0.5, 0.5])
    """
    places, index = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    index = index.reshape(-1)

    def masses(which: NDArray[np.intp]) -> Floats:
        return np.bincount(which, minlength=len(places)) / len(which)

    return masses(index[: len(x)]), masses(index[len(x) :])


def _even(places: Floats) -> Piles:
    return Piles(places, np.full(len(places), 1 / len(places)))
