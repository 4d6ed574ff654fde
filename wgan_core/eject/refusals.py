"""What has no script: a part that brings no lines, and what the frame of a script does not know."""

from __future__ import annotations

from typing import Protocol, TypeVar

from wgan_core.config import TrainingConfig
from wgan_core.objectives.remedies import VirtualBatch
from wgan_core.schema import ConfigError, Problem

Found = TypeVar("Found", covariant=True)


class Scripted(Protocol[Found]):
    """A part that may bring lines."""

    @property
    def kind(self) -> str: ...

    def script(self) -> Found | None: ...


def missing(path: str, what: str) -> ConfigError:
    """The error for what stands at ``path`` in a config."""
    return ConfigError([Problem(path, f"there is no script for {what} yet; its lines belong beside it, as script()")])


def lines_of(part: Scripted[Found], path: str) -> Found:
    """What a part that stands at ``path`` in the config brings, or ConfigError."""
    if (found := part.script()) is None:
        raise missing(f"{path}.kind", part.kind)
    return found


def refuse(config: TrainingConfig) -> None:
    """Refuse a remedy that has a script, but not with the classes of a conditional run."""
    for remedy in config.remedies.active:
        if config.conditional and isinstance(remedy, VirtualBatch):
            raise missing(f"remedies.{remedy.name}", f"{remedy.label.lower()} in a conditional run")
