"""Which stored run belongs to which experiment, and what the newest of each came to.

A run carries the tags ``experiment:NAME`` and its size; it counts for a leg whose race it is. Numbers of computed figures are
a file each beside the store. Verdicts are not stored: they are judged anew.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from time import time
from typing import Any

from wgan_core.config import TrainingConfig
from wgan_core.datasets.pictures import ALL, Folder
from wgan_core.experiments.experiment import SIZES, Computation, Computed, Experiment, Leg, Size, TrainedExperiment
from wgan_core.experiments.tracks import Computations, NoVerdict
from wgan_core.experiments.verdict import Verdict
from wgan_core.schema import ConfigError
from wgan_core.store import Store, StoredRun
from wgan_core.theory.result import Number

FOLDER = "experiments"
OLDER = 20  # runs that are looked at for each leg


@dataclass(frozen=True)
class Standing:
    """What an experiment came to.

    Attributes
    ----------
    when : float
        Seconds since 1970: when it began.
    seconds : float
        Of training, or of computing, added up over the lanes; their seeds train side by side.
    runs : Mapping[str, str]
        The id of each leg's run, by the leg's name. Empty of a computed experiment.
    verdict : Verdict or None
        None where there can be none, and ``problem`` says why.
    pictures : Mapping[str, Any] or None
        The data set of the reader's own pictures that it trained on, as a config has it; None if it was the experiment's own.
    """

    name: str
    size: Size
    when: float
    seconds: float
    runs: Mapping[str, str]
    verdict: Verdict | None
    problem: str = ""
    pictures: Mapping[str, Any] | None = None

    @property
    def stand_in(self) -> str:
        """What it trained on, in words; empty if that was the experiment's own data set."""
        if self.pictures is None:
            return ""
        path, classes = str(self.pictures["path"]), str(self.pictures["classes"])
        name = "an upload" if path.startswith("sha256:") else path
        return f"pictures of one's own: {name}" + (f", class {classes}" if classes != ALL else "")

    @property
    def date(self) -> str:
        """The day, as in 2026-11-22."""
        return datetime.fromtimestamp(self.when).strftime("%Y-%m-%d")


def tag_of(experiment: Experiment) -> str:
    """The tag of an experiment's runs."""
    return f"experiment:{experiment.name}"


def mark(store: Store, run_id: str, experiment: Experiment, size: Size, leg: Leg) -> None:
    """Say of a run that was just started that it belongs to an experiment. Waits until the store has it.

    Raises
    ------
    NotStored, StoreProblem
        The store does not take it: then its verdict is known as long as the run is remembered.
    """
    store.flush()
    store.tag(run_id, [tag_of(experiment), size])
    several = isinstance(experiment, TrainedExperiment) and len(experiment.legs[size]) > 1
    store.rename(run_id, f"{experiment.title}: {leg.name}" if several else experiment.title)


def standings(store: Store, experiment: Experiment, size: Size | None = None) -> Iterator[Standing]:
    """What an experiment came to each time it was run with the settings that it has now, the newest first.

    Parameters
    ----------
    size : Size, optional
        Of this size only; quick and full ones together if left out, never the controls.

    Raises
    ------
    StoreProblem
    """
    sizes: tuple[Size, ...] = ("full", "quick") if size is None else (size,)
    if isinstance(experiment, Computed):
        found = [each for s in sizes if (each := _computed(store.folder, experiment, s)) is not None]
        yield from sorted(found, key=lambda each: -each.when)
        return
    yield from _trained(store, experiment, sizes)


def scoreboard(store: Store, experiments: Mapping[str, Experiment]) -> dict[str, Standing | None]:
    """The newest verdict of each experiment; None where there is none."""
    return {
        name: next((each for each in standings(store, experiment) if each.verdict is not None), None)
        for name, experiment in experiments.items()
    }


# Trained: runs in the store


def runs_of(store: Store, experiment: TrainedExperiment, size: Size) -> dict[str, list[StoredRun]]:
    """Stored runs of each leg, the newest first, whatever became of them."""
    there = store.runs(tags=[tag_of(experiment), size], limit=OLDER * len(experiment.legs[size]))
    return {leg.name: [run for run in there if belongs(run, leg)] for leg in experiment.legs[size]}


def belongs(run: StoredRun, leg: Leg) -> bool:
    """Whether a run was started with a leg's settings, perhaps on pictures of the reader's own where these may stand in.

    What has become a setting since has its default.
    """
    try:
        config = run.config
    except ConfigError:  # of a version that this one cannot read
        return False
    pictures = own_pictures(config.lanes)
    return config == (leg if pictures is None else leg.on(pictures)).config


def own_pictures(configs: Iterable[TrainingConfig]) -> Mapping[str, Any] | None:
    """The first data set of the reader's own pictures, as a config has it."""
    return next((config.dataset.model_dump() for config in configs if isinstance(config.dataset, Folder)), None)


def _trained(store: Store, experiment: TrainedExperiment, sizes: tuple[Size, ...]) -> Iterator[Standing]:
    attempts: list[tuple[float, Size, dict[str, StoredRun]]] = []
    for size in sizes:
        of_leg = runs_of(store, experiment, size)
        finished = {name: [run for run in runs if run.status == "finished"] for name, runs in of_leg.items()}
        for nth in zip(*finished.values(), strict=False):  # the n-th newest of each leg together
            attempts.append((min(run.created for run in nth), size, dict(zip(finished, nth, strict=True))))
    for when, size, legs in sorted(attempts, key=lambda attempt: -attempt[0]):
        seconds = math.fsum(lane.seconds for run in legs.values() for lane in run.lanes)
        runs = {name: run.id for name, run in legs.items()}
        verdict, problem = None, ""
        try:
            views = {name: store.view(run_id).lanes for name, run_id in runs.items()}
            verdict = experiment.judge(experiment.evidence(size, views))
        except NoVerdict as reason:
            problem = str(reason)
        pictures = own_pictures(config for run in legs.values() for config in run.config.lanes)
        yield Standing(experiment.name, size, when, seconds, runs, verdict, problem, pictures)


# Computed: a file each


def record(experiment: Computed, size: Size, computations: Computations, when: float, seconds: float) -> dict[str, Any]:
    """The numbers of a computed experiment as JSON has them, with the settings that they belong to."""
    return {
        "settings": _settings(experiment.parts[size]),
        "when": when,
        "seconds": seconds,
        "parts": {
            name: [[asdict(number) for number in seed.values()] for seed in seeds]
            for name, seeds in computations.parts.items()
        },
    }


def computed_standing(data: Mapping[str, Any], experiment: Computed, size: Size) -> Standing | None:
    """What :func:`record` gave, judged; None if that has other settings than the experiment has now, or is none of ours."""
    try:
        if data["settings"] != _settings(experiment.parts[size]):
            return None
        parts = {
            name: [{number["name"]: Number(**number) for number in seed} for seed in seeds]
            for name, seeds in data["parts"].items()
        }
        when, seconds = float(data["when"]), float(data["seconds"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Standing(experiment.name, size, when, seconds, {}, experiment.judge(Computations(parts)))


def keep(folder: Path, experiment: Computed, size: Size, computations: Computations, seconds: float) -> Standing:
    """Write down the numbers of a computed experiment beside the store, in place of those before. OSError if that fails."""
    path = _path(folder, experiment, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = record(experiment, size, computations, time() - seconds, seconds)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(json.dumps(data), encoding="utf-8")
    fresh.replace(path)
    return Standing(experiment.name, size, data["when"], seconds, {}, experiment.judge(computations))


def _computed(folder: Path, experiment: Computed, size: Size) -> Standing | None:
    try:
        data = json.loads(_path(folder, experiment, size).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # not there, or not what we wrote
    return computed_standing(data, experiment, size) if isinstance(data, dict) else None


def _path(folder: Path, experiment: Computed, size: Size) -> Path:
    return folder / FOLDER / f"{experiment.name}.{size}.json"


def _settings(parts: tuple[Computation, ...]) -> list[dict[str, Any]]:
    return [{"figure": part.figure, "settings": dict(part.settings), "seeds": part.seeds} for part in parts]


def size_of(run: StoredRun) -> tuple[str, Size] | None:
    """Of which experiment a run is, by its name, and of which size; None of other runs."""
    names = [tag.removeprefix("experiment:") for tag in run.tags if tag.startswith("experiment:")]
    sizes = [size for size in SIZES if size in run.tags]
    return (names[0], sizes[0]) if names and sizes else None
