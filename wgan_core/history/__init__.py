"""What a training leaves behind: snapshots, events, a bounded history, and the views that charts read."""

from wgan_core.history.kept import HISTORY_ROWS, POINT_FRAMES, Frames, History, Thinning, frames_kept
from wgan_core.history.snapshot import (
    CLOCKS,
    LIVE,
    SHOWN_FIRST,
    Array,
    Event,
    Failure,
    FailureKind,
    Floats,
    Snapshot,
    Status,
    overall,
)
from wgan_core.history.view import LaneView, RunView

__all__ = [
    "CLOCKS",
    "HISTORY_ROWS",
    "LIVE",
    "POINT_FRAMES",
    "SHOWN_FIRST",
    "Array",
    "Event",
    "Failure",
    "FailureKind",
    "Floats",
    "Frames",
    "History",
    "LaneView",
    "RunView",
    "Snapshot",
    "Status",
    "Thinning",
    "frames_kept",
    "overall",
]
