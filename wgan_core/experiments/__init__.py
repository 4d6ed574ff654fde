"""Experiments: claims of the papers, each with a verdict that is computed from numbers.

:data:`EXPERIMENTS` has every experiment by name. The page, the command ``reproduce``, the report and the contract tests are
derived from it. An experiment is one entry in a module of :mod:`wgan_core.experiments.claims`.
"""

from __future__ import annotations

import importlib
import pkgutil

from wgan_core.experiments import claims
from wgan_core.experiments.experiment import PAPERS as PAPERS
from wgan_core.experiments.experiment import SIZES as SIZES
from wgan_core.experiments.experiment import Computation as Computation
from wgan_core.experiments.experiment import Computed as Computed
from wgan_core.experiments.experiment import Experiment as Experiment
from wgan_core.experiments.experiment import Leg as Leg
from wgan_core.experiments.experiment import Progress as Progress
from wgan_core.experiments.experiment import Size as Size
from wgan_core.experiments.experiment import TrainedExperiment as TrainedExperiment
from wgan_core.experiments.standing import Standing as Standing
from wgan_core.experiments.standing import keep as keep
from wgan_core.experiments.standing import mark as mark
from wgan_core.experiments.standing import runs_of as runs_of
from wgan_core.experiments.standing import scoreboard as scoreboard
from wgan_core.experiments.standing import size_of as size_of
from wgan_core.experiments.standing import standings as standings
from wgan_core.experiments.tracks import Computations as Computations
from wgan_core.experiments.tracks import NoVerdict as NoVerdict
from wgan_core.experiments.tracks import Tracks as Tracks
from wgan_core.experiments.verdict import HOW_JUDGED as HOW_JUDGED
from wgan_core.experiments.verdict import OUTCOMES as OUTCOMES
from wgan_core.experiments.verdict import Quantity as Quantity
from wgan_core.experiments.verdict import Verdict as Verdict
from wgan_core.experiments.verdict import verdict as verdict
from wgan_core.schema import ConfigError, Problem

_FOUND: list[Experiment] = []
for _module in pkgutil.iter_modules(claims.__path__):
    _FOUND += importlib.import_module(f"{claims.__name__}.{_module.name}").EXPERIMENTS
_PAPERS = list(PAPERS)

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment for experiment in sorted(_FOUND, key=lambda found: _PAPERS.index(found.paper))
}


def find(name: str) -> Experiment:
    """An experiment by its name.

    Raises
    ------
    ConfigError
        There is none of this name.
    """
    if name not in EXPERIMENTS:
        raise ConfigError([Problem("experiment", f"must be one of {', '.join(EXPERIMENTS)}; you gave “{name[:60]}”")])
    return EXPERIMENTS[name]
