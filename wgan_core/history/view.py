"""Views: all that a chart may know of a lane, and of a run, live or stored."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history.snapshot import CLOCKS, LIVE, Event, Failure, Floats, Snapshot, Status, overall


@dataclass(frozen=True)
class LaneView:
    """All that a chart may know of a lane, live or stored. Immutable.

    Attributes
    ----------
    run_id, lane
        The run that it belongs to, and its place in it: 0 for the first.
    version : int
        Grows with every change; equal versions of one lane are equal views.
    snapshots : int
        Grows with every snapshot; equal numbers have equal history and latest.
    step, critic_steps, seconds
        Progress now, which may be ahead of the latest snapshot.
    history : Mapping[str, ndarray]
        The clocks ``step``, ``critic_steps``, ``seconds`` and each scalar, as arrays of one length; the scalars of K > 1 seeds
        have shape (rows, K).
    latest : Snapshot or None
        The newest snapshot with its arrays, None before the first. Of a view back in time (:meth:`at`), the one looked at.
    frames : tuple[Snapshot, ...]
        Snapshots with their arrays over the whole run, evenly thinned, oldest first.
    seeds : int
        How many trainings with seeds ``config.seed``, ``config.seed + 1``, … this is.
    steps_per_second : float
        Generator steps a second of the recent past, measuring included, 0 when not running.
    activity : str
        What it is at where it is not training, in words: getting ready to score images. Empty otherwise.
    before : Mapping[str, ndarray] or None
        Of a fork, the history of its forebears up to where it began, where that is still stored.
    """

    run_id: str
    version: int
    config: TrainingConfig
    status: Status
    device: str
    snapshots: int
    step: int
    critic_steps: int
    seconds: float
    steps_per_second: float
    history: Mapping[str, Floats]
    latest: Snapshot | None
    events: tuple[Event, ...] = ()
    failure: Failure | None = None
    frames: tuple[Snapshot, ...] = ()
    seeds: int = 1
    before: Mapping[str, Floats] | None = None
    activity: str = ""
    lane: int = 0

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from all other lanes."""
        return self.run_id, self.lane

    def at(self, value: float, clock: str = "step") -> LaneView:
        """The same lane, showing its last frame up to a value of a clock (its first frame before that)."""
        if not self.frames:
            return self
        place = bisect_right(self.frames, value, key=lambda frame: getattr(frame, clock))
        return replace(self, latest=self.frames[max(0, place - 1)])

    def member(self, i: int) -> LaneView:
        """The history of one of K seeds as a view of a single run."""
        if self.seeds == 1:
            return self
        history = {name: column if name in CLOCKS else column[:, i] for name, column in self.history.items()}
        return replace(
            self, history=history, seeds=1, config=self.config.model_copy(update={"seed": self.config.seed + i})
        )


@dataclass(frozen=True)
class RunView:
    """All that a page may know of a run, live or stored, at one moment. Immutable.

    Attributes
    ----------
    id : str
    config : RunConfig
        As the run was started; the configs of its lanes have the edits in them.
    lanes : tuple[LaneView, ...]
        One for each lane, in the config's order.
    """

    id: str
    config: RunConfig
    lanes: tuple[LaneView, ...]

    @property
    def status(self) -> Status:
        """That of the lanes that still train, or else: finished if any lane did, stopped, failed if all did."""
        return overall(lane.status for lane in self.lanes)

    def at(self, value: float, clock: str = "step") -> RunView:
        """The same run, each lane showing its last frame up to a value of a clock."""
        return replace(self, lanes=tuple(lane.at(value, clock) for lane in self.lanes))
