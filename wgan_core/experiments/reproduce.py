"""Run experiments one after another into a folder, and go on where that was interrupted.

A file ``NAME.SIZE.json`` is written for each experiment, after every leg and at its end; it names the runs of the store that
it was judged from. A leg whose run is in the store, with the settings that the experiment has now, is not run again.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter, time
from typing import Any

import torch

from wgan_core.experiments.experiment import Computed, Experiment, Leg, Size, TrainedExperiment
from wgan_core.experiments.reopening import judged
from wgan_core.experiments.standing import Standing, belongs, computed_standing, keep, mark, record
from wgan_core.experiments.tracks import NoVerdict
from wgan_core.history import LaneView
from wgan_core.runs import Run
from wgan_core.store import NotStored, Store, StoreProblem

# Drives a run to its end, or raises KeyboardInterrupt where someone wants it to stop.
Drive = Callable[[Run], None]
Say = Callable[[str], None]


@dataclass
class Entry:
    """An experiment in the folder of a reproduction.

    Attributes
    ----------
    seconds : float
        How long it ran by the clock on the wall.
    runs : dict[str, str]
        The run of each leg that is done, by the leg's name.
    numbers : dict
        Of a computed experiment, see :func:`wgan_core.experiments.standing.record`.
    lacks : str
        Why it was not run: see :meth:`wgan_core.experiments.experiment.Claim.lacks`.
    """

    experiment: Experiment
    size: Size
    path: Path
    when: float = 0.0
    seconds: float = 0.0
    machine: str = ""
    runs: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    standing: Standing | None = None
    problem: str = ""
    lacks: str = ""

    @classmethod
    def of(cls, experiment: Experiment, size: Size, folder: Path) -> Entry:
        """What the folder has of an experiment; an empty entry if that is nothing that can be read."""
        entry = cls(experiment, size, folder / f"{experiment.name}.{size}.json")
        try:
            data = json.loads(entry.path.read_text(encoding="utf-8"))
            entry.when, entry.seconds = float(data["when"]), float(data["seconds"])
            entry.machine, entry.runs, entry.numbers = str(data["machine"]), dict(data["runs"]), dict(data["numbers"])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(experiment, size, entry.path)
        return entry

    def write(self) -> None:
        """Write the file, all of it or none."""
        verdict = self.standing.verdict if self.standing is not None else None
        data = {
            "name": self.experiment.name,
            "title": self.experiment.title,
            "claim": self.experiment.claim,
            "size": self.size,
            "when": self.when,
            "seconds": self.seconds,
            "machine": self.machine,
            "runs": self.runs,
            "numbers": self.numbers,
            "verdict": None if verdict is None else verdict.plain(),
            "problem": self.problem,
        }
        fresh = self.path.with_suffix(".tmp")
        fresh.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
        fresh.replace(self.path)

    @property
    def picture(self) -> Path:
        """Where its chart is, if there is one."""
        return self.path.with_suffix(".svg" if isinstance(self.experiment, TrainedExperiment) else ".png")


class Reproduction:
    """Experiments of one size, a folder, and a store for their runs."""

    def __init__(self, experiments: Sequence[Experiment], size: Size, folder: Path, store: Store, drive: Drive) -> None:
        self.size, self.folder, self._store, self._drive = size, folder, store, drive
        folder.mkdir(parents=True, exist_ok=True)
        self.entries = [Entry.of(experiment, size, folder) for experiment in experiments]

    def run(self, say: Say) -> None:
        """Run what is not done, one experiment after another. KeyboardInterrupt leaves all that is done in the folder."""
        for number, entry in enumerate(self.entries, 1):
            begun = perf_counter()
            say(f"[{number}/{len(self.entries)}] {entry.experiment.name}: {entry.experiment.title}")
            done = self._judged(entry)
            if not done and (lacks := entry.experiment.lacks(self.size)):
                entry.lacks = entry.problem = lacks
                entry.write()
                say(f"    Not run: {lacks}")
                continue
            try:
                if not done:
                    entry.machine, entry.problem = machine(), ""
                    entry.when = entry.when or time()
                    self._run(entry)
                    if self._judged(entry):
                        self._draw(entry)
            except (NoVerdict, StoreProblem) as reason:
                entry.problem = str(reason)
            entry.write()
            how = "done before" if done else f"{perf_counter() - begun:.0f} s"
            verdict = entry.standing.verdict if entry.standing is not None else None
            say(f"    {verdict.text if verdict else f'No verdict: {entry.problem}'} ({how})")

    def _run(self, entry: Entry) -> None:
        if isinstance(entry.experiment, Computed):
            self._compute(entry, entry.experiment)
            return
        for leg in entry.experiment.legs[self.size]:
            if leg.name not in entry.runs or not self._stored(entry.runs[leg.name], leg):
                self._train(entry, entry.experiment, leg)

    def _train(self, entry: Entry, experiment: TrainedExperiment, leg: Leg) -> None:
        run = Run(leg.config, store=self._store)
        begun = perf_counter()
        run.start()
        try:
            mark(self._store, run.id, experiment, self.size, leg)
        except (NotStored, StoreProblem) as error:  # a verdict is judged by what is stored
            run.stop()
            run.join()
            raise NoVerdict(self._store.problem or str(error)) from error
        self._drive(run)
        if run.status != "finished":
            failures = [view.failure.message for view in run.view().lanes if view.failure is not None]
            raise NoVerdict(f"{leg.name} {run.status}. {' '.join(failures)}".strip())
        self._store.flush()
        entry.runs[leg.name] = run.id
        entry.seconds += perf_counter() - begun
        entry.write()

    def _compute(self, entry: Entry, experiment: Computed) -> None:
        begun = perf_counter()
        pictures: list[tuple[Any, Any]] = []
        for progress in experiment.compute(self.size):
            if progress.result.progress >= 1 and (not pictures or pictures[-1][0] is not progress.figure):
                pictures.append((progress.figure, progress.result))
        assert progress.computations is not None
        entry.seconds = seconds = perf_counter() - begun
        entry.numbers = record(experiment, self.size, progress.computations, entry.when, seconds)
        keep(self._store.folder, experiment, self.size, progress.computations, seconds)
        if importlib.util.find_spec("matplotlib") is not None:
            from wgan_core.theory.png import png

            entry.picture.write_bytes(png(*pictures[0]))

    # Judging

    def _judged(self, entry: Entry) -> bool:
        """Judge an entry by what the folder and the store have. Whether there is a verdict."""
        entry.standing = self._standing(entry)
        return entry.standing is not None and entry.standing.verdict is not None

    def _standing(self, entry: Entry) -> Standing | None:
        if isinstance(entry.experiment, Computed):
            return computed_standing(entry.numbers, entry.experiment, self.size)
        legs = entry.experiment.legs[self.size]
        if not all(leg.name in entry.runs and self._stored(entry.runs[leg.name], leg) for leg in legs):
            return None
        standing = judged(entry.experiment, self.size, entry.when, entry.runs, self.views(entry))
        entry.problem = standing.problem
        return replace(standing, seconds=entry.seconds)

    def _draw(self, entry: Entry) -> None:
        if isinstance(entry.experiment, TrainedExperiment) and importlib.util.find_spec("matplotlib") is not None:
            from wgan_core.experiments.curves import svg

            entry.picture.write_text(svg(entry.experiment, self.size, self.views(entry)), encoding="utf-8")

    def views(self, entry: Entry) -> dict[str, tuple[LaneView, ...]]:
        """The stored runs of a trained experiment, by the leg's name."""
        return {name: self._store.view(run_id).lanes for name, run_id in entry.runs.items()}

    def _stored(self, run_id: str, leg: Leg) -> bool:
        try:
            run = self._store.run(run_id)
        except NotStored:
            return False
        return run.status == "finished" and run.deleted is None and belongs(run, leg)


def machine() -> str:
    """What this runs on, in words.

    Examples
    --------
    >>> "-core" in machine()
    True
    """
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{os.cpu_count()}-core {platform.machine().replace('_', '-')}, {gpu}, torch {torch.__version__.split('+')[0]}"
    )
