"""What an attempt came to, when nobody remembers it any more but the store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wgan_core.experiments.experiment import Computed, Experiment, Size, TrainedExperiment
from wgan_core.experiments.standing import Standing, belongs, own_pictures, runs_of, size_of, standings
from wgan_core.experiments.tracks import NoVerdict
from wgan_core.experiments.verdict import Verdict
from wgan_core.history import LaneView
from wgan_core.runs import UnknownRun
from wgan_core.store import NotStored, Store


def computed_id(experiment: Computed, size: Size) -> str:
    """What stands for the run of a computed experiment in an address."""
    return f"{experiment.name}.{size}"


def judged(
    experiment: TrainedExperiment,
    size: Size,
    when: float,
    runs: Mapping[str, str],
    views: Mapping[str, Sequence[LaneView]],
) -> Standing:
    """What runs came to: a verdict, or the reason why there is none."""
    verdict: Verdict | None = None
    problem = ""
    try:
        verdict = experiment.judge(experiment.evidence(size, views))
    except NoVerdict as reason:
        problem = str(reason)
    seconds = math.fsum(view.seconds for lanes in views.values() for view in lanes)
    pictures = own_pictures(view.config for lanes in views.values() for view in lanes)
    return Standing(experiment.name, size, when, seconds, dict(runs), verdict, problem, pictures)


def reopened(store: Store, experiment: Experiment, run_id: str) -> Standing:
    """What the attempt came to that a stored run belongs to, or that of a computed experiment which :func:`computed_id` names.

    Raises
    ------
    UnknownRun
        There is no such run, or it is of no such experiment. StoreProblem if the store cannot be read.
    """
    if isinstance(experiment, Computed):
        sizes = (size for size in experiment.parts if computed_id(experiment, size) == run_id)
        found = next((each for size in sizes for each in standings(store, experiment, size)), None)
        if found is None:
            raise UnknownRun(run_id)
        return found
    try:
        stored = store.run(run_id)
    except NotStored:
        raise UnknownRun(run_id) from None
    name, size = size_of(stored) or ("", "quick")
    if name != experiment.name or size not in experiment.legs:
        raise UnknownRun(run_id)
    for standing in standings(store, experiment, size):
        if run_id in standing.runs.values():
            return standing
    legs = [leg.name for leg in experiment.legs[size] if belongs(stored, leg)]
    if not legs:
        changed = "The experiment has other settings now than when this was run."
        return Standing(name, size, stored.created, 0.0, {}, None, changed)
    # Not all legs have finished: those that followed the first one.
    runs: dict[str, str] = {}
    after = stored.created
    for name_of_leg, there in runs_of(store, experiment, size).items():
        later = [run for run in there if run.created >= after]
        if not later:
            break
        runs[name_of_leg], after = later[-1].id, later[-1].created
    runs = runs or {legs[0]: run_id}
    views = {name: store.view(each).lanes for name, each in runs.items()}
    return judged(experiment, size, stored.created, runs, views)
