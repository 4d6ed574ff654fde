"""Adversarial training that can be watched: configs, the loop, its measurements, runs in threads, and what is kept of them.

What a program needs is listed here; each name is fetched from its room when it is first used, so that nothing waits for what it
does not need.

Examples
--------
>>> from wgan_core import TrainingConfig, train
>>> config = TrainingConfig.parse({"objective": {"kind": "wgan-gp"}, "steps": 1, "device": "cpu"})
>>> [snapshot.step for snapshot in train(config)]
[0, 1]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wgan_core.config import RunConfig as RunConfig
    from wgan_core.config import TrainingConfig as TrainingConfig
    from wgan_core.export import read_bundle as read_bundle
    from wgan_core.history import LaneView as LaneView
    from wgan_core.history import RunView as RunView
    from wgan_core.history import Snapshot as Snapshot
    from wgan_core.members.ensemble import Ensemble as Ensemble
    from wgan_core.runs import Run as Run
    from wgan_core.runs.past import find as find
    from wgan_core.schema import ConfigError as ConfigError
    from wgan_core.store import Store as Store
    from wgan_core.training import train as train

ROOMS = {
    "ConfigError": "schema",
    "TrainingConfig": "config",
    "RunConfig": "config",
    "Snapshot": "history",
    "LaneView": "history",
    "RunView": "history",
    "train": "training",
    "Ensemble": "members.ensemble",
    "Store": "store",
    "read_bundle": "export",
    "Run": "runs",
    "find": "runs.past",
}
__all__ = list(ROOMS)


def __getattr__(name: str) -> Any:
    if name not in ROOMS:
        raise AttributeError(f"wgan_core has no {name}; it has {', '.join(ROOMS)}")
    return getattr(import_module(f"wgan_core.{ROOMS[name]}"), name)
