"""The theory lab: figures that are computed from their definitions, each with the closed form that it has to meet.

:data:`FIGURES` has every figure by name, in the order of the lab; the page, the command line and the contract tests are
derived from it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from wgan_core.schema import ConfigError, Problem
from wgan_core.theory import figures
from wgan_core.theory.figure import Figure

__all__ = ["FIGURES", "Figure", "build"]

for _module in pkgutil.iter_modules(figures.__path__):
    importlib.import_module(f"{figures.__name__}.{_module.name}")

FIGURES: dict[str, type[Figure]] = dict(sorted(Figure.kinds.items(), key=lambda item: item[1].place))


def build(name: str, settings: Mapping[str, Any] | None = None) -> Figure:
    """A figure by its name, with settings that may be texts.

    Raises
    ------
    ConfigError
        An unknown figure or knob, or a value that is not allowed.
    """
    if name not in FIGURES:
        raise ConfigError([Problem("figure", f"must be one of {', '.join(FIGURES)}; you gave “{name[:60]}”")])
    return FIGURES[name].parse(settings or {})
