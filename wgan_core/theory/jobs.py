"""Animated figures in threads of their own. All who look at the same figure with the same settings share one job."""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from time import monotonic

from wgan_core.host import single
from wgan_core.schema import ConfigError
from wgan_core.theory.figure import Figure
from wgan_core.theory.result import Result

AT_ONCE = 2  # threads that compute; others wait for their turn
UNSEEN_SECONDS = 6.0  # a job that nobody has looked at for so long ends
UNSEEN_WHEN_BUSY = 1.5  # the same while another waits for its turn
KEPT = 32


@dataclass(frozen=True, eq=False)
class JobView:
    """A job at one moment. ``version`` counts its frames, ``error`` says in words why it ended before its last."""

    result: Result | None
    version: int
    ended: bool
    error: str | None


class Turns:
    """Places for so many to compute, and how many wait for one."""

    def __init__(self, places: int) -> None:
        self._free, self._lock = threading.Semaphore(places), threading.Lock()
        self.waiting = 0

    def take(self, wanted: Callable[[], bool]) -> bool:
        """Wait for a place as long as it is wanted. Returns whether it was got."""
        if self._free.acquire(blocking=False):
            return True
        with self._lock:
            self.waiting += 1
        try:
            while wanted():
                if self._free.acquire(timeout=0.1):
                    return True
            return False
        finally:
            with self._lock:
                self.waiting -= 1

    def give_back(self) -> None:
        """Let the next one in."""
        self._free.release()


class FigureJob:
    """One figure being computed. Ends by itself when nobody asks for its view any more."""

    def __init__(self, figure: Figure, turns: Turns) -> None:
        self.figure = figure
        self._turns = turns
        self._changed = threading.Condition()
        self._result: Result | None = None
        self._version = 0
        self._ended = False
        self._error: str | None = None
        self._stop = threading.Event()
        self._seen = monotonic()
        self._thread = threading.Thread(target=self._work, name=f"theory-{figure.kind}", daemon=True)
        self._thread.start()

    def view(self, wait: float = 0.0) -> JobView:
        """What there is by now. Waits at most so many seconds for the first frame."""
        with self._changed:
            self._seen = monotonic()
            self._changed.wait_for(lambda: self._result is not None or self._ended, wait)
            return JobView(self._result, self._version, self._ended, self._error)

    def stop(self) -> None:
        """Ask it to end after the frame that it is at."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end. Returns whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def given_up(self) -> bool:
        """Whether it was ended, or is about to be, before its last frame."""
        return self._stop.is_set()

    def _wanted(self) -> bool:
        if monotonic() - self._seen > (UNSEEN_WHEN_BUSY if self._turns.waiting else UNSEEN_SECONDS):
            self._stop.set()
        return not self._stop.is_set()

    def _work(self) -> None:
        try:
            if not self._turns.take(self._wanted):
                return
            try:
                with closing(self.figure.frames()) as frames:  # type: ignore[type-var]
                    for result in frames:
                        with self._changed:
                            self._result, self._version = result, self._version + 1
                            self._changed.notify_all()
                        if not self._wanted():
                            return
            finally:
                self._turns.give_back()
        except ConfigError as error:
            self._error = str(error)
        except Exception as error:
            self._error = f"The computation failed: {type(error).__name__}: {error}"
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()


class Jobs:
    """The jobs of a process, the newest few of them kept with what they have found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns = Turns(AT_ONCE)
        self._jobs: OrderedDict[str, FigureJob] = OrderedDict()
        self._closed = False

    def of(self, figure: Figure) -> FigureJob:
        """The job of this figure with these settings, started if there is none."""
        key = figure.model_dump_json()
        with self._lock:
            if self._closed:
                raise RuntimeError("the server is shutting down")
            if key not in self._jobs or self._jobs[key].given_up:
                self._jobs[key] = FigureJob(figure, self._turns)
            self._jobs.move_to_end(key)
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)[1].stop()
            return self._jobs[key]

    def shutdown(self, timeout: float = 4.0) -> None:
        """Stop every job and wait for its thread. May be called again. New ones are refused from then on."""
        with self._lock:
            self._closed = True
            jobs = list(self._jobs.values())
        for job in jobs:
            job.stop()
        deadline = monotonic() + timeout
        for job in jobs:
            job.join(max(0.0, deadline - monotonic()))


def jobs() -> Jobs:
    """The jobs of this process, one set however often this module is loaded.

    A thread inside torch when Python exits aborts the process, so their end is registered for the exit.
    """

    def make() -> Jobs:
        made = Jobs()
        atexit.register(made.shutdown)
        return made

    return single("theory jobs", make)
