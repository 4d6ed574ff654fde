"""Attempts: experiments that run in the background, one leg after another, and are judged at their end.

An attempt goes on when nobody watches. What it trained is in the store, so that it can be opened again by the id of a run.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import closing
from time import monotonic, time

from wgan_core.experiments.experiment import Computed, Experiment, Leg, Progress, Size, TrainedExperiment
from wgan_core.experiments.reopening import computed_id, judged
from wgan_core.experiments.standing import Standing, keep, mark
from wgan_core.history import LaneView
from wgan_core.host import single
from wgan_core.runs import Run, RunManager, TooManyRuns, UnknownRun, manager
from wgan_core.store import NotStored, Store, StoreProblem

MOST_COMPUTED = 2  # that are computed at once; what trains is held by the manager's limit
KEPT = 40
RESUMABLE = ("stopped", "interrupted")
ROOM_SECONDS = 1.0  # between two looks whether there is room for the next leg


class Attempt(ABC):
    """An experiment of one size in a thread of its own. Every method may be called from any thread.

    Attributes
    ----------
    id : str
        Of a trained experiment the id of its first leg's run; of a computed one its name and size.
    when : float
        Seconds since 1970: when it began.
    """

    id: str

    def __init__(self, experiment: Experiment, size: Size) -> None:
        self.size, self.when = size, time()
        self._name = experiment.name
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._standing: Standing | None = None
        self._thread = threading.Thread(target=self._live, name=f"experiment-{experiment.name}", daemon=True)

    @property
    def name(self) -> str:
        """That of the experiment."""
        return self._name

    @property
    def standing(self) -> Standing | None:
        """What it came to; None until its end."""
        return self._standing

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it. What is done stays."""
        self._stopping.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end. True if it has ended."""
        return self._ended.wait(timeout)

    def _live(self) -> None:
        try:
            self._standing = self._work()
        except Exception as error:  # the last line of defence: whatever it was, the attempt says so
            self._standing = Standing(self._name, self.size, self.when, 0.0, {}, None, f"It failed: {error}")
        finally:
            self._ended.set()

    @abstractmethod
    def _work(self) -> Standing: ...


class TrainingAttempt(Attempt):
    """A trained experiment: each leg a run of the manager.

    Parameters
    ----------
    runs : Mapping[str, str]
        Runs of an attempt before, by the leg's name. Those that have finished count; those that can go on do.

    Raises
    ------
    TooManyRuns, DeviceError
        The first leg cannot begin. Later ones wait for room.
    """

    def __init__(self, experiment: TrainedExperiment, size: Size, runs: RunManager, before: Mapping[str, str]) -> None:
        super().__init__(experiment, size)
        self.experiment, self._manager = experiment, runs
        self._lock = threading.Lock()
        self._runs: dict[str, str] = {}
        self._views: dict[str, Sequence[LaneView]] = {}
        self._now: Run | None = None
        self.waiting = ""
        self._todo: list[Leg] = []
        self._before = dict(before)
        for leg in experiment.legs[size]:
            if (found := self._finished(leg)) is None:
                self._todo.append(leg)
            else:
                self._runs[leg.name], self._views[leg.name] = self._before[leg.name], found
        if self._todo:
            self._begin(self._todo[0])
        self.id = self._runs[experiment.legs[size][0].name] if self._runs else ""

    @property
    def runs(self) -> dict[str, str]:
        """The run of each leg that has begun, by the leg's name."""
        with self._lock:
            return dict(self._runs)

    @property
    def now(self) -> Run | None:
        """The run of the leg that was begun last."""
        return self._now

    def stop(self) -> None:
        super().stop()
        if self._now is not None:
            self._now.stop()

    def _finished(self, leg: Leg) -> Sequence[LaneView] | None:
        """The views of a leg's run from before, if it is done."""
        if self._manager.store is None or (run_id := self._before.get(leg.name)) is None:
            return None
        try:
            views = self._manager.store.view(run_id).lanes
        except (NotStored, StoreProblem):
            return None
        return views if all(view.status == "finished" for view in views) else None

    def _begin(self, leg: Leg) -> Run:
        run_id = self._resumed(leg) or self._manager.start(leg.config)
        self._now = self._manager.get(run_id)
        with self._lock:
            self._runs[leg.name] = run_id
        return self._now

    def _resumed(self, leg: Leg) -> str | None:
        """The id of a leg's run from before that goes on, if it can."""
        store, run_id = self._manager.store, self._before.get(leg.name)
        try:
            if store is not None and run_id is not None and store.run(run_id).status in RESUMABLE:
                return self._manager.resume(run_id)
        except (NotStored, UnknownRun, StoreProblem):  # it cannot go on: it is begun anew
            pass
        return None

    def _work(self) -> Standing:
        for number, leg in enumerate(self._todo):
            run = self._now if number == 0 else self._begin_when_there_is_room(leg)
            if run is None:
                break
            self._mark(leg, run.id)
            run.join()
            self._views[leg.name] = run.view().lanes
            if not all(view.status == "finished" for view in self._views[leg.name]):
                break
        if self._manager.store is not None:
            self._manager.store.flush()  # the scoreboard, which reads the store, is then not behind
        return judged(self.experiment, self.size, self.when, self.runs, self._views)

    def _begin_when_there_is_room(self, leg: Leg) -> Run | None:
        while not self._stopping.is_set():
            try:
                run = self._begin(leg)
            except TooManyRuns as reason:
                self.waiting = f"“{leg.name}” waits for its turn. {reason}"
                self._stopping.wait(ROOM_SECONDS)
                continue
            self.waiting = ""
            if self._stopping.is_set():  # meanwhile
                run.stop()
            return run
        return None

    def _mark(self, leg: Leg, run_id: str) -> None:
        if self._manager.store is None:
            return
        # Where the store does not take it, the run goes on in memory, and so does its verdict.
        with contextlib.suppress(NotStored, StoreProblem):
            mark(self._manager.store, run_id, self.experiment, self.size, leg)


class Computing(Attempt):
    """A computed experiment, figure by figure."""

    def __init__(self, experiment: Computed, size: Size, store: Store | None) -> None:
        super().__init__(experiment, size)
        self.experiment, self._store = experiment, store
        self.id = computed_id(experiment, size)
        self.progress: Progress | None = None

    def _work(self) -> Standing:
        begun = monotonic()
        with closing(self.experiment.compute(self.size)) as coming:  # type: ignore[type-var]
            for progress in coming:
                self.progress = progress
                if self._stopping.is_set() and progress.computations is None:
                    stopped = "It was stopped before its end."
                    return Standing(self.name, self.size, self.when, monotonic() - begun, {}, None, stopped)
        assert progress.computations is not None
        seconds = monotonic() - begun
        if self._store is not None:
            try:
                return keep(self._store.folder, self.experiment, self.size, progress.computations, seconds)
            except OSError:
                pass  # then it is known as long as this process lives
        verdict = self.experiment.judge(progress.computations)
        return Standing(self.name, self.size, self.when, seconds, {}, verdict)


class Attempts:
    """The attempts of a process; of those that have ended the newest few."""

    def __init__(self, runs: RunManager) -> None:
        self._manager = runs
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Attempt] = OrderedDict()

    def start(self, experiment: Experiment, size: Size, before: Mapping[str, str] | None = None) -> Attempt:
        """Run an experiment in the background. One that is being computed already is joined.

        Parameters
        ----------
        before : Mapping[str, str], optional
            Runs of an attempt that has ended early, by the leg's name, to go on from.

        Raises
        ------
        TooManyRuns
            The limit of the server is reached. DeviceError if the device is absent.
        """
        with self._lock:
            live = [each for each in self._known.values() if each.standing is None]
            attempt: Attempt
            if isinstance(experiment, Computed):
                for each in live:
                    if each.id == computed_id(experiment, size):
                        return each
                if sum(isinstance(each, Computing) for each in live) >= MOST_COMPUTED:
                    raise TooManyRuns(
                        f"{MOST_COMPUTED} experiments are being computed on this server, which is its limit. Try again when"
                        " one of them is done."
                    )
                attempt = Computing(experiment, size, self._manager.store)
            else:
                attempt = TrainingAttempt(experiment, size, self._manager, before or {})
            self._known.pop(attempt.id, None)
            self._known[attempt.id] = attempt
            ended = [each.id for each in self._known.values() if each.standing is not None]
            for old in ended[: max(0, len(self._known) - KEPT)]:
                del self._known[old]
            attempt.start()
            return attempt

    def get(self, attempt_id: str) -> Attempt | None:
        """The attempt with this id, or of which a run has it, if it is still known."""
        with self._lock:
            if attempt_id in self._known:
                return self._known[attempt_id]
            training = (each for each in self._known.values() if isinstance(each, TrainingAttempt))
            return next((each for each in training if attempt_id in each.runs.values()), None)

    def live(self, name: str | None = None) -> list[Attempt]:
        """Those that go on now, of all experiments or of one, the newest first."""
        with self._lock:
            there = [each for each in self._known.values() if each.standing is None]
        return [each for each in reversed(there) if name in (None, each.name)]

    def shutdown(self, timeout: float = 4.0) -> None:
        """Stop all of them and wait for their threads."""
        live = self.live()
        for attempt in live:
            attempt.stop()
        deadline = monotonic() + timeout
        for attempt in live:
            attempt.join(max(0.0, deadline - monotonic()))


def attempts() -> Attempts:
    """The attempts of this process, kept where no source watcher evicts them, as the manager is.

    A thread inside torch when Python exits aborts the process, so their end is registered for the exit.
    """
    runs = manager()  # its shutdown is registered first, and so runs after ours

    def make() -> Attempts:
        made = Attempts(runs)
        atexit.register(made.shutdown)
        return made

    return single("attempts", make)
