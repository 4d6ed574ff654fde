"""Lanes on screen: their names and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgan_core.charts import theme
from wgan_core.config import TrainingConfig, added, differing
from wgan_core.history import LaneView
from wgan_core.schema import Variant


@dataclass(frozen=True)
class Shown:
    """A lane as charts of several see it."""

    view: LaneView
    name: str
    color: str


def shown(views: Sequence[LaneView], names: Sequence[str] | None = None) -> list[Shown]:
    """Views with the names and colours of their lanes; the names are made from what tells them apart if left out."""
    configs = [view.config for view in views]
    colours = lane_colours([config.objective.kind for config in configs])
    return [Shown(*lane) for lane in zip(views, names or lane_names(configs), colours, strict=True)]


def lane_colours(kinds: Sequence[str]) -> list[str]:
    """One colour a lane: its objective's where no other lane has it, of the rest one from the palette each."""
    free = [c for c in theme.LANES if c not in {theme.of_objective(k) for k in kinds if kinds.count(k) == 1}]
    return [theme.of_objective(kind) if kinds.count(kind) == 1 else free.pop(0) for kind in kinds]


def lane_names(configs: Sequence[TrainingConfig]) -> list[str]:
    """Short names that tell lanes apart: the objective, the knobs in which lanes of one objective differ, or both.

    Examples
    --------
    >>> lane_names([TrainingConfig.parse({"objective": {"kind": "wgan-clip", "clip": c}}) for c in (0.01, 0.1)])
    ['c 0.01', 'c 0.1']
    >>> lane_names([TrainingConfig.parse({"objective": given}) for given in ({"kind": "gan"}, {}, {})])
    ['GAN', 'WGAN-GP, lane 2', 'WGAN-GP, lane 3']
    >>> goals = [{"kind": "gan", "generator_goal": goal} for goal in ("saturating", "non-saturating")]
    >>> lane_names([TrainingConfig.parse({"objective": given}) for given in (*goals, {})])
    ['GAN, saturating', 'GAN, non-saturating', 'WGAN-GP']
    """
    labels = [config.objective.label for config in configs]
    names = []
    for i, config in enumerate(configs):
        group = [j for j, other in enumerate(configs) if other.objective.kind == config.objective.kind]
        if len(group) == 1:
            names.append(labels[i])
            continue
        knobs = [
            (path, values[group.index(i)])
            for path, values in differing([configs[j] for j in group])
            if values[group.index(i)] is not None
        ]
        alone = len(group) == len(configs)
        # Beside an objective's name there is little room, and a word says which knob it is of.
        own = [
            added(config, path)
            or (_value(value) if isinstance(value, str) and not alone else f"{knob_name(config, path)} {_value(value)}")
            for path, value in knobs[:2]
        ]
        names.append(", ".join(([] if alone else [labels[i]]) + (own or [f"lane {i + 1}"])))
    return names


def knob_name(config: TrainingConfig, path: str) -> str:
    """The title of a knob by its dotted path, e.g. ``λ``."""
    part: Any = config
    *parents, leaf = path.split(".")
    for name in parents:
        part = getattr(part, name)
    if parents[:1] == ["remedies"]:
        return f"{part.label}: {type(part).model_fields[leaf].title}"
    if leaf == "kind":
        return str(type(config).model_fields[parents[-1]].title)
    title = str(type(part).model_fields[leaf].title)
    return title if leaf in ("clip", "penalty_weight", "n_critic") else title[0].lower() + title[1:]


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


MOST_CHARACTERS = 40  # of a knob in a cell; points of one's own have many more
# Measures of the table: scalar, title, and whether the best is the largest or the smallest; None where best has no sense.
MEASURES = (
    ("modes_covered", "modes", max),
    ("high_quality", "quality", max),
    ("w1", "W1", min),
    ("estimate", "estimate", None),
    ("input_grad_norm_mean", "slope", None),
    ("generator_grad_norm", "‖∇ generator‖", None),
)


def table(lanes: Sequence[Shown]) -> dict[str, Any]:
    """The lanes as rows: only the knobs that differ, then last and best of each measure, medians over the seeds."""
    configs = [lane.view.config for lane in lanes]
    columns = knob_columns(configs) | {
        "step": [f"{lane.view.step:,}" for lane in lanes],
        "seconds": [f"{lane.view.seconds:.1f}" for lane in lanes],
    }
    for name, title, best in MEASURES:
        values = [_medians(lane.view, name) for lane in lanes]
        if not any(len(column) for column in values):
            continue
        columns[title] = [_cell(column[-1] if len(column) else None) for column in values]
        if best is not None:
            columns[f"best {title}"] = [_cell(best(column) if len(column) else None) for column in values]
    rows = [
        {"name": lane.name, "color": lane.color, "status": lane.view.status, "cells": list(cells)}
        for lane, cells in zip(lanes, zip(*columns.values(), strict=True), strict=True)
    ]
    return {"columns": list(columns), "rows": rows}


def knob_columns(configs: Sequence[TrainingConfig]) -> dict[str, list[str]]:
    """The knobs in which configs differ, by title. A part of different kinds is one column, as each part says it is.

    Examples
    --------
    >>> knob_columns([TrainingConfig.parse({"objective": {"kind": "wgan-clip", "clip": c}}) for c in (0.01, 0.1)])
    {'c': ['0.01', '0.1']}
    """
    columns: dict[str, list[str]] = {}
    for path, values in differing(configs):
        top = path.split(".")[0]
        title = str(TrainingConfig.model_fields[top].title)
        parts = [getattr(config, top) for config in configs]
        if isinstance(parts[0], Variant) and len({part.kind for part in parts}) > 1:
            columns[title] = [summary(part) for part in parts]
        elif "." in path and top not in ("objective", "remedies"):
            columns[f"{title}: {knob_name(configs[0], path)}"] = [_cell(value) for value in values]
        else:
            columns[knob_name(configs[0], path)] = [_cell(value) for value in values]
    return columns


def summary(part: Variant) -> str:
    """A part in a few words: its kind and its knobs."""
    fields = type(part).model_fields
    knobs = [
        f"{fields[n].title} {_cell(v)}" for n, v in part.model_dump().items() if n not in ("kind", "generator_goal")
    ]
    return ", ".join([part.label, *knobs]).replace("Learning rate ", "")


def _medians(view: LaneView, name: str) -> NDArray[np.float64]:
    column = view.history.get(view.config.objective.estimate_name if name == "estimate" else name)
    if column is None:
        return np.array([])
    if column.ndim == 2:
        column = np.nanmedian(column[np.isfinite(column).any(1)], axis=1)
    return column[np.isfinite(column)]


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
