"""Runs in background threads, and the manager that owns them.

A thread appends snapshots under a short lock and never touches a page; pages ask for a view, as often as they like.
"""

from __future__ import annotations

import atexit
import os
import threading
from time import monotonic

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import LIVE, RunView
from wgan_core.host import single
from wgan_core.runs.run import Run as Run
from wgan_core.schema import ConfigError, Problem
from wgan_core.store import NotStored, Parent, Store, store

DEFAULT_LIVE_RUNS = 4
MOST_LIVE_RUNS = 64
KEPT_RUNS = 20


class TooManyRuns(Exception):
    """The server trains as many runs as it may."""


class UnknownRun(KeyError):
    """No run has this id (it may have been forgotten since)."""

    def __str__(self) -> str:
        return (
            f"There is no run {self.args[0]!r} on this server. It may have ended long ago, or the server was restarted."
        )


class RunManager:
    """The runs of one process.

    Parameters
    ----------
    live_limit : int
        Most runs that may be live (starting, running or paused) at once.
    kept : int
        Ended runs that are remembered; the oldest are forgotten first.
    store : Store, optional
        Where runs are written down.
    """

    def __init__(self, live_limit: int = DEFAULT_LIVE_RUNS, kept: int = KEPT_RUNS, store: Store | None = None) -> None:
        self.live_limit, self.kept, self.store = live_limit, kept, store
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._closed = False

    def start(self, config: RunConfig | TrainingConfig) -> str:
        """Start a run in the background and return its id.

        Raises
        ------
        TooManyRuns
            The limit is reached. ConfigError if there is no room for it, DeviceError if the device is absent.
        """
        return self._begin(Run(config, store=self.store))

    def resume(self, run_id: str, more: int | None = None) -> str:
        """Go on with a stored run in the background, and return its id.

        Parameters
        ----------
        more : int, optional
            Train so many generator steps, rather than to the end that was planned.

        Raises
        ------
        TooManyRuns
            The limit is reached. UnknownRun if it is not stored, StoreProblem if it cannot go on.
        """
        if self.store is None:
            raise UnknownRun(run_id)
        with self._lock:
            self._check_limit()
        try:
            run = Run.resumed(self.store, run_id, more)
        except NotStored:
            raise UnknownRun(run_id) from None
        try:
            return self._begin(run)
        except (TooManyRuns, ConfigError):
            run.let_go()
            raise

    def fork(self, parent: Parent, config: TrainingConfig | None = None) -> str:
        """Start a run from a checkpoint of a stored one, and return its id.

        Parameters
        ----------
        parent : Parent
            The run, its lane, and a step; of its checkpoints the latest up to that step is taken.
        config : TrainingConfig, optional
            The knobs from there on; those of the checkpoint if left out. See :func:`wgan_core.training.forks.forked`.

        Raises
        ------
        ConfigError
            The settings do not fit that checkpoint. BadCheckpoint if there is none, UnknownRun if no such run is stored,
            TooManyRuns if the limit is reached, DeviceError if the device is absent.
        """
        if self.store is None:
            raise UnknownRun(parent.run_id)
        try:
            return self._begin(Run.forked(self.store, parent, config))
        except NotStored:
            raise UnknownRun(parent.run_id) from None

    def _begin(self, run: Run) -> str:
        with self._lock:
            self._check_limit()
            run.start()
            self._runs.pop(run.id, None)  # what was remembered of it before it went on
            ended = [r for r in self._runs.values() if r.status not in LIVE]
            for old in ended[: max(0, len(ended) - self.kept + 1)]:
                del self._runs[old.id]
            self._runs[run.id] = run
        return run.id

    def _check_limit(self) -> None:
        live = [r for r in self._runs.values() if r.status in LIVE]
        if self._closed:
            raise TooManyRuns("The server is shutting down and starts no more runs.")
        if len(live) >= self.live_limit:
            raise TooManyRuns(
                f"{len(live)} runs are live on this server, which is its limit. Stop one of them, or wait for one to end."
            )

    def get(self, run_id: str) -> Run:
        """The run with this id, or UnknownRun."""
        with self._lock:
            if run_id not in self._runs:
                raise UnknownRun(run_id)
            return self._runs[run_id]

    def view(self, run_id: str) -> RunView:
        return self.get(run_id).view()

    def runs(self) -> list[Run]:
        """All runs that are remembered, the newest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def shutdown(self, timeout: float = 4.0) -> None:
        """Stop every run and wait for its thread. May be called again. Starts are refused from then on."""
        with self._lock:
            self._closed = True
            runs = list(self._runs.values())
        for run in runs:
            run.stop()
        deadline = monotonic() + timeout
        for run in runs:
            run.join(max(0.0, deadline - monotonic()))
        if self.store is not None:
            self.store.close()


def manager() -> RunManager:
    """The one manager of this process.

    A torch thread that still runs when Python exits aborts the process, so shutdown is registered for the exit.
    """

    def make() -> RunManager:
        limit = _live_limit(os.environ.get("WGAN_LIVE_RUNS", str(DEFAULT_LIVE_RUNS)))
        made = RunManager(limit, store=store())
        atexit.register(made.shutdown)
        return made

    return single("manager", make)


def _live_limit(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST_LIVE_RUNS):
        problem = Problem(
            "WGAN_LIVE_RUNS", f"must be a whole number from 1 to {MOST_LIVE_RUNS}; you gave “{text[:40]}”"
        )
        raise ConfigError([problem])
    return int(text)
