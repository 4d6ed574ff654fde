"""What is exported: a run as a whole, its lanes as they are now, and the states that were kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from wgan_core.config import TrainingConfig, added, differing
from wgan_core.history import RunView
from wgan_core.training.state import State


class ExportProblem(Exception):
    """Why something cannot be exported or imported: a sentence, and what to do where there is something."""


class BadBundle(ExportProblem):
    """A file is not a run of WGAN Live, is damaged, or holds what no run needs: says what."""


class File(NamedTuple):
    """One file of an export: its name, with folders before it, and what is in it."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Bundle:
    """A run with all that was kept of it.

    Attributes
    ----------
    view : RunView
    states : tuple[State or None, ...]
        For each lane the newest state of its training that was kept (see :mod:`wgan_core.training.state`), or None. Runs of
        several seeds have none here.
    """

    view: RunView
    states: tuple[State | None, ...]

    @classmethod
    def of(cls, view: RunView, states: Sequence[State | None] = ()) -> Bundle:
        """A run with the states of its lanes, where there are any."""
        return cls(view, tuple(states) or (None,) * len(view.lanes))

    @property
    def titles(self) -> list[str]:
        """Short names of the lanes."""
        return lane_titles([lane.config for lane in self.view.lanes])

    def folder_of(self, lane: int) -> str:
        """What stands before the names of a lane's files: nothing in a run of one lane."""
        return f"lane-{lane + 1}/" if len(self.view.lanes) > 1 else ""


class HasLane(Protocol):
    """A lane of a run, as :class:`wgan_core.runs.lane.Lane` is one."""

    training: Any

    @property
    def active(self) -> bool: ...


class HasLanes(Protocol):
    """A run, as :class:`wgan_core.runs.Run` is one."""

    @property
    def lanes(self) -> Sequence[HasLane]: ...
    def view(self) -> RunView: ...


def of_run(run: HasLanes) -> Bundle:
    """A run of this process, with the states of the lanes that train no more: of others only their thread may take one."""
    return Bundle.of(run.view(), [_state_of(lane) for lane in run.lanes])


def _state_of(lane: HasLane) -> State | None:
    if lane.active or not callable(take := getattr(lane.training, "state", None)):
        return None
    # A training that has diverged, or was stopped within a round, has no state to go on from.
    with suppress(Exception):
        found: State = take()
        return found
    return None


def lane_titles(configs: Sequence[TrainingConfig]) -> list[str]:
    """The objective of each lane, and of lanes with one objective the knobs in which they differ, two at most.

    Examples
    --------
    >>> lane_titles([TrainingConfig.parse({"objective": {"kind": "wgan-clip", "clip": c}}) for c in (0.01, 0.1)])
    ['WGAN, weight clipping, clip 0.01', 'WGAN, weight clipping, clip 0.1']
    """
    titles = []
    for config in configs:
        group = [other for other in configs if other.objective.kind == config.objective.kind]
        place = next(i for i, other in enumerate(group) if other is config)
        knobs = [
            added(config, path) or f"{path.rpartition('.')[2]} {_value(values[place])}"
            for path, values in differing(group)
            if values[place] is not None
        ]
        titles.append(", ".join([config.objective.label, *knobs[:2]]))
    return titles


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
