"""``train`` and ``resume``: a run in its thread, and this one, which prints what comes and passes on that it shall end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from time import monotonic

from wgan_core.cli.lines import Lines
from wgan_core.config import MOST_STEPS, RunConfig, TrainingConfig
from wgan_core.datasets import DataError
from wgan_core.history import Failure, Snapshot
from wgan_core.host import DeviceError
from wgan_core.runs import Run
from wgan_core.runs.lane import other_data
from wgan_core.schema import ConfigError, Problem
from wgan_core.store import BadCheckpoint, NotStored, Store, StoreProblem

USAGE = "python -m wgan_core resume ID [--steps N] [--json]"
# An interrupt may come twice at once, from a terminal and from a program that passes it on. One that comes later than
# that is from someone who does not want to wait.
TWICE_SECONDS = 2.0
# What is still to be written down at the end gets so long.
CLOSE_SECONDS = 20.0


def run(config: TrainingConfig, as_json: bool, seeds: int | None = None, recorded: bool = True) -> int:
    """Train, print each snapshot and, if ``recorded``, write all of it into the store. Returns the exit status.

    Raises
    ------
    ConfigError
        A limit of the store that is set in the environment makes no sense.
    """
    whole = RunConfig.solo(config, seeds or 1)
    if not recorded:
        return drive(Run(whole), None, Lines(as_json, seeds))
    with closing(Store()) as store:
        return drive(Run(whole, store=store), store, Lines(as_json, seeds))


def resume(arguments: Sequence[str]) -> int:
    """Go on with a stored run, the command first. Returns the exit status: 0 finished or stopped, 1 failed, 2 bad arguments."""
    parser = argparse.ArgumentParser("python -m wgan_core", usage=USAGE, allow_abbrev=False)
    parser.add_argument("command")
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--steps", metavar="N", help="train so many generator steps more")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    known = parser.parse_args(arguments)
    try:
        more = None if known.steps is None else _steps_of(known.steps)
        with closing(Store()) as store:
            found = Run.resumed(store, known.id, more)
            for note in _notes(found):
                print(note, file=sys.stderr, flush=True)
            seeds = found.config.seeds if found.config.seeds > 1 else None
            return drive(found, store, Lines(known.json, seeds, len(found.lanes)))
    except (ConfigError, NotStored, StoreProblem, BadCheckpoint, DeviceError, DataError) as error:
        for problem in getattr(error, "problems", [error]):
            print(f"error: {problem}", file=sys.stderr)
        return 2


def _notes(run: Run) -> Iterator[str]:
    """What a person may not expect of a run that is to go on."""
    if run.status == "failed":
        yield f"Run {run.id} has failed, so it does not go on. Start it again with other settings."
    elif not any(lane.active for lane in run.lanes):
        yield f"Run {run.id} has finished. With --steps N it trains N steps more."
    for lane in run.lanes[:1]:  # all lanes train on one data set
        if lane.active and (other := other_data(lane.config, lane.state)):
            yield f"warning: {other}"
    for number, lane in enumerate(run.lanes, 1):
        if lane.active and lane.state is None:
            which = f"Lane {number} of run" if len(run.lanes) > 1 else "Run"
            yield f"{which} {run.id} has no checkpoint yet, and begins again."


def _steps_of(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MOST_STEPS):
        raise ConfigError(
            [Problem("steps", f"must be a whole number from 1 to {MOST_STEPS:,}; you gave “{text[:40]}”")]
        )
    return int(text)


def drive(run: Run, store: Store | None, lines: Lines) -> int:
    """Start a run and print it until it ends; Ctrl-C and SIGTERM end it cleanly. Returns the exit status."""
    coming = run.follow()
    newest: Snapshot | None = None
    watch = Watch(store)
    watch.look()
    told = False
    with stopped_by_signals(run):
        try:
            if (first := lines.first(run.config.lanes[0].seed)) is not None:
                print(first, flush=True)
            run.start()
            for lane, newest in coming:
                if not told:
                    told = True
                    _tell_of_data(run)
                print(lines.snapshot(lane, newest), flush=True)
                watch.look()
        finally:
            run.stop()
            run.join()
            if store is not None:
                store.close(CLOSE_SECONDS)  # so that whoever reads the last line finds the run in the store
        watch.look()
        for line in lines.last(run.id, run.status, run.view().lanes, newest, failures_of(run)):
            print(line, flush=True)
    return 1 if run.status == "failed" else 0


@contextmanager
def stopped_by_signals(run: Run) -> Iterator[None]:
    """Ctrl-C and SIGTERM stop the run rather than this thread, which ends when the run has ended."""
    asked: list[float] = []

    def stop(*_: object) -> None:
        if asked and monotonic() - asked[0] > TWICE_SECONDS:
            os._exit(1)
        asked.append(monotonic())
        run.stop()
        notice = threading.Timer(TWICE_SECONDS, _notice, [run])
        notice.daemon = True
        notice.start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _notice(run: Run) -> None:
    """Say why it has not ended yet."""
    if not run.join(0) and (doing := run.lane_view().activity):
        print(f"{doing}; Ctrl-C again ends it at once", file=sys.stderr, flush=True)


def failures_of(run: Run) -> Mapping[int, Failure]:
    """Why, by seed, members of a run of several seeds have failed."""
    (lane, *_), (view, *_) = run.lanes, run.view().lanes
    first = view.config.seed
    if run.config.seeds == 1:
        return {} if view.failure is None else {first: view.failure}
    return {first + k: why for k, why in lane.training.failures.items()} if lane.training else {}


def _tell_of_data(run: Run) -> None:
    """Say what was left out of the data and why: once they have been read, so that they are not read twice at once."""
    with suppress(DataError):  # its files are gone since
        for remark in dict.fromkeys(remark for lane in run.config.lanes for remark in lane.dataset.remarks()):
            print(f"note: {remark}", file=sys.stderr, flush=True)


class Watch:
    """Says once on stderr that runs cannot be stored, and once that they can be again."""

    def __init__(self, store: Store | None) -> None:
        self._store, self._wrong = store, False

    def look(self) -> None:
        problem = self._store.problem if self._store is not None else None
        if (problem is not None) == self._wrong:
            return
        self._wrong = problem is not None
        print(f"warning: {problem}" if problem else "All is stored again.", file=sys.stderr, flush=True)
