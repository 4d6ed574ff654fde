"""The EM distance between clouds of atoms, and clouds as masses on common places, which f-divergences compare."""

from __future__ import annotations

import numpy as np
import ot
from numpy.typing import NDArray

from wgan_core.theory.result import Floats


def w1_line(x: Floats, p: Floats, q: Floats) -> float:
    """EM distance on a line: the area between the two cumulative sums. x ascends.

    Examples
    --------
    >>> w1_line(np.arange(4.0), np.array([3.0, 2, 1, 4]), np.array([1.0, 2, 4, 3]))
    5.0
    """
    return float((np.abs(np.cumsum(p - q))[:-1] * np.diff(x)).sum())


def plan(x: Floats, y: Floats, p: Floats | None = None, q: Floats | None = None) -> Floats:
    """The cheapest plan that carries p at the places x to q at the places y, by linear programming (POT).

    Parameters
    ----------
    x, y : (n, d), (m, d)
        The price of a unit of mass is the Euclidean distance it travels.
    p, q : (n,), (m,)
        Masses of equal total; even ones of total 1 if not given.

    Returns
    -------
    (n, m)
        Its rows sum to p and its columns to q.
    """
    cost = ot.dist(x, y, metric="euclidean")
    found: Floats = ot.emd(_even(p, x), _even(q, y), cost)
    return found


def em(x: Floats, y: Floats, p: Floats | None = None, q: Floats | None = None) -> float:
    """EM distance W1: the price of :func:`plan`."""
    cost = ot.dist(x, y, metric="euclidean")
    return float(ot.emd2(_even(p, x), _even(q, y), cost))


def on_common_places(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Two clouds (n, d) and (m, d) of even masses, as masses p and q on the places of both."""
    places, index = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    index = index.reshape(-1)

    def masses(which: NDArray[np.intp]) -> Floats:
        return np.bincount(which, minlength=len(places)) / len(which)

    return masses(index[: len(x)]), masses(index[len(x) :])


def _even(masses: Floats | None, places: Floats) -> Floats:
    return np.full(len(places), 1 / len(places)) if masses is None else masses
