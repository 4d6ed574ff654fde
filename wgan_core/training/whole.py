"""A training from its start to its end, with room for it."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import Snapshot
from wgan_core.limits import claim
from wgan_core.training.loop import Training


def train(config: TrainingConfig) -> Iterator[Snapshot]:
    """Train to the end, yielding each snapshot.

    Raises
    ------
    ConfigError
        There is no room for it; see :func:`wgan_core.limits.claim`. DeviceError, DataError as of a :class:`Training`.

    Examples
    --------
    >>> config = TrainingConfig.parse({"steps": 4, "snapshot_every": 2})
    >>> [snapshot.step for snapshot in train(config)]
    [0, 2, 4]
    """
    held = claim(RunConfig.solo(config), 1)
    try:
        training = Training(config)
    except BaseException:
        held.give_back()
        raise
    weakref.finalize(training, held.give_back)
    return (snapshot for snapshot in training.updates() if snapshot is not None)
