"""What a training yields, and what happened to it: snapshots, events, a failure, a status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
# A run is interrupted when the process that trained it is gone without having said how it ended.
Status = Literal["starting", "running", "paused", "finished", "stopped", "failed", "interrupted"]
LIVE: frozenset[str] = frozenset({"starting", "running", "paused"})
# A run of several lanes shows the first of these that one of its lanes has.
SHOWN_FIRST: tuple[Status, ...] = ("running", "paused", "starting", "interrupted", "finished", "stopped", "failed")
# What ends a training: its numbers, its data, its device, its config, the memory, a process that trained for it, or a fault in
# the software. "" where it was written down before kinds were.
FailureKind = Literal["diverged", "data", "device", "config", "memory", "worker", "fault", ""]
CLOCKS = ("step", "critic_steps", "seconds")


@dataclass(frozen=True)
class Snapshot:
    """The state of a training at one step. Its arrays are read-only.

    Attributes
    ----------
    step, critic_steps : int
        Generator steps and critic steps done.
    seconds : float
        Seconds of training so far, without pauses and measurements.
    scalars : Mapping[str, float | ndarray]
        Finite numbers by name; what makes no sense is absent. Of a training with K seeds an array of shape (K,) each, NaN
        where a number is absent for one seed.
    arrays : Mapping[str, ndarray]
        Samples, surface, histogram and the like, by name. Of a training with K seeds, those of the first.
    """

    step: int
    critic_steps: int
    seconds: float
    scalars: Mapping[str, float | Floats]
    arrays: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """Something that happened at a step: the fork that a run began with, an edit of a knob, a failure, what the coach found,
    data that are others than before."""

    step: int
    critic_steps: int
    seconds: float
    kind: Literal["fork", "edit", "failure", "finding", "data"]
    text: str


@dataclass(frozen=True)
class Failure:
    """Why a run ended early: what happened, the likely cause in plain words, the traceback for the curious, and of what kind
    it is for programs."""

    message: str
    cause: str
    traceback: str = ""
    kind: FailureKind = ""


def overall(found: Iterable[Status]) -> Status:
    """The status of a run from those of its lanes: of those that still train, or else finished if any lane did."""
    there = set(found)
    return next(status for status in SHOWN_FIRST if status in there)
