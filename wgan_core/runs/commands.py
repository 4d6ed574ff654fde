"""What a person may tell a run: small values, which its thread reads between two updates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Pause:
    """Rest after the present update."""


@dataclass(frozen=True)
class Resume:
    """Train on."""


@dataclass(frozen=True)
class OneStep:
    """Train each lane one more generator step, then rest."""


@dataclass(frozen=True)
class Stop:
    """End.

    Attributes
    ----------
    by : float
        When rounds are left where they are, by the monotonic clock. It holds within a long update too.
    """

    by: float


@dataclass(frozen=True)
class Turn:
    """Turn live knobs of a lane.

    Attributes
    ----------
    lane : int
    changes : mapping
        New values by dotted path, which were found to fit.
    """

    lane: int
    changes: Mapping[str, Any]


Command: TypeAlias = Pause | Resume | OneStep | Stop | Turn
