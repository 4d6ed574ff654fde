"""Runs in threads, and finding one again."""

from wgan_core.runs.manage import (
    DEFAULT_LIVE_RUNS,
    KEPT_RUNS,
    MOST_LIVE_RUNS,
    RunManager,
    TooManyRuns,
    UnknownRun,
    manager,
)
from wgan_core.runs.run import Run

__all__ = [
    "DEFAULT_LIVE_RUNS",
    "KEPT_RUNS",
    "MOST_LIVE_RUNS",
    "Run",
    "RunManager",
    "TooManyRuns",
    "UnknownRun",
    "manager",
]
