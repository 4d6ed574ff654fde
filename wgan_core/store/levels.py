"""Levels: which of an endless row of numbered things to read, or keep, when there is room for so many.

The level of an index is the number of its trailing zero bits. Things of level k and above are every 2ᵏ-th one, evenly spaced
from the first on, which is exactly what :class:`wgan_core.history.Thinning` keeps in memory.
"""

from __future__ import annotations

# Index 0 is on every level.
TOP = 62


def level(index: int) -> int:
    """The number of trailing zero bits of an index.

    Examples
    --------
    >>> [level(index) for index in range(9)]
    [62, 0, 1, 0, 2, 0, 1, 0, 3]
    """
    return (index & -index).bit_length() - 1 if index else TOP


def least_level(count: int, capacity: int) -> int:
    """The lowest level of which the first ``count`` indices fit into ``capacity`` (2 or more) places.

    Examples
    --------
    >>> least_level(4, 4), least_level(5, 4), least_level(100, 4)
    (0, 1, 6)
    """
    found = 0
    while (capacity - 1) << found < count - 1:
        found += 1
    return found
