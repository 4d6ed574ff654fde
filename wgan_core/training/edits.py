"""Knobs that turn while a training runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wgan_core.config import TrainingConfig, live_paths
from wgan_core.schema import ConfigError, Problem


def check_edit(config: TrainingConfig, changes: Mapping[str, Any]) -> TrainingConfig:
    """The config after an edit.

    Raises
    ------
    ConfigError
        A path is not a live knob, or a value is out of its range.

    Examples
    --------
    >>> check_edit(TrainingConfig.parse({}), {"n_critic": 2}).n_critic
    2
    """
    allowed = live_paths(config)
    if wrong := [path for path in changes if path not in allowed]:
        known = ", ".join(allowed)
        raise ConfigError(
            [Problem(path, f"cannot be changed while a run trains; these can: {known}") for path in wrong]
        )
    return config.edited(changes)


def turned(before: TrainingConfig, after: TrainingConfig, paths: Iterable[str]) -> str:
    """What an edit did, in words, e.g. ``n_critic: 5 → 2``."""
    return ", ".join(f"{path}: {_at(before, path):g} → {_at(after, path):g}" for path in paths)


def _at(config: TrainingConfig, path: str) -> float:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return float(value)
