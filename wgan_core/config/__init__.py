"""What one training is configured by, and what a run is: one to four trainings on one clock."""

from wgan_core.config.run import MOST_LANES, MOST_SEEDS, MOST_STEPS, Clock, RunConfig, added, differing
from wgan_core.config.training import (
    MAX_PARAMETERS,
    MAX_URL_CHARACTERS,
    TrainingConfig,
    difference,
    live_paths,
    with_paths,
)

__all__ = [
    "MAX_PARAMETERS",
    "MAX_URL_CHARACTERS",
    "MOST_LANES",
    "MOST_SEEDS",
    "MOST_STEPS",
    "Clock",
    "RunConfig",
    "TrainingConfig",
    "added",
    "difference",
    "differing",
    "live_paths",
    "with_paths",
]
