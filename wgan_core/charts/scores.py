"""The charts of the scores of images: how varied and how good, each beside what real images reach.

Scores come at some snapshots only, so their curves have a mark at each and a line between.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np

from wgan_core.charts import theme
from wgan_core.charts.plotting import Clock, Figure, Trace, chart, curve, event_lines, layout, level, middle
from wgan_core.charts.text import charted
from wgan_core.datasets import DataError, Dataset
from wgan_core.history import Array, LaneView, Snapshot

# More bars than this have no names below them.
MOST_NAMES = 20


@chart(
    "classes",
    "Classes",
    "share of the samples",
    "What a small classifier, trained here on the same data, makes of generated samples and of real images; a class is covered"
    " from 1 % of the samples on, or a quarter of its fair share. It sees whether a class is there, not whether its pictures are"
    " good, and it must put even noise into some class.",
    "Metz et al. 2016; VEEGAN (Srivastava et al. 2017)",
    images=True,
    moment=True,
    of=("class_shares",),
)
def classes(view: LaneView, clock: Clock) -> Figure | None:
    scored = _scored(view)
    if scored is None or "class_shares" not in scored.arrays:
        return None
    names = _names(view, len(scored.arrays["class_shares"]))
    ours, theirs = scored.scalars.get("classes_covered"), scored.scalars.get("classes_covered_real")
    text = f"step {scored.step:,}"
    if ours is not None and theirs is not None:
        text += (
            f": {middle(ours):.0f} of {middle(scored.scalars['classes']):.0f} covered, real images {middle(theirs):.0f}"
        )
    note = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 1, "yanchor": "top", "text": text, "showarrow": False}
    room = 1.2 * float(max(scored.arrays["class_shares"].max(), scored.arrays["class_shares_real"].max()))
    # Names take more room below than numbers do.
    axes = {
        "xaxis": {"type": "category", "automargin": True, "tickfont": {"size": 10}},
        "yaxis": {"title": {"text": "share"}, "range": [0, room]},
    }
    return {
        "data": [
            _bars(names, scored.arrays["class_shares_real"], "real", theme.REAL),
            _bars(names, scored.arrays["class_shares"], "generated", theme.GENERATED),
        ],
        "layout": axes | {"barmode": "group", "bargap": 0.15, "annotations": [note]},
    }


def _bars(names: list[str], shares: Array, name: str, color: str) -> Trace:
    found: Trace = {"type": "bar", "name": name, "x": names, "y": shares.astype(np.float32), "marker": {"color": color}}
    return found | {"hovertemplate": f"{name} %{{x}}: %{{y:.1%}}<extra></extra>"}


def _scored(view: LaneView) -> Snapshot | None:
    """The newest snapshot that was scored, of those kept up to the one that is shown."""
    if view.latest is None:
        return None
    shown = [frame for frame in view.frames if frame.step <= view.latest.step]
    return next((found for found in (view.latest, *reversed(shown)) if "frechet_small_cnn" in found.scalars), None)


def _names(view: LaneView, count: int) -> list[str]:
    """What stands below the bars: the classes' names, or their numbers where there are too many, or where they cannot be read."""
    data = view.config.dataset
    names = _class_names(getattr(data, "base", data).model_dump_json())
    return (
        list(map(charted, names))
        if len(names) == count <= MOST_NAMES
        else [str(number) for number in range(1, count + 1)]
    )


@lru_cache(maxsize=32)
def _class_names(settings: str) -> tuple[str, ...]:
    """The names of a data set's classes, read once: those of one's own pictures stand in files."""
    try:
        dataset: Dataset = Dataset.kinds[json.loads(settings)["kind"]].model_validate_json(settings)
        return dataset.class_names
    except DataError:
        return ()


@chart(
    "frechet",
    "Fréchet distance and KID",
    "log axis, no FID",
    "How far the features of generated samples are from those of real images, by a small classifier that was trained here;"
    " dashed, what two samples of real images have. Only numbers of one data set may be compared, and none is an FID, which takes"
    " the features of Inception.",
    "Heusel et al. 2017; Bińkowski et al. 2018",
    images=True,
    of=("frechet_small_cnn", "kid"),
)
def frechet(view: LaneView, clock: Clock) -> Figure | None:
    traces = marked(view, clock, "frechet_small_cnn", "Fréchet", theme.GENERATED)
    traces += marked(view, clock, "kid", "KID", theme.CRITIC, yaxis="y2")
    if not traces:
        return None
    parts = [event_lines(view, clock)]
    if reached := reference(view, "frechet_small_cnn"):
        parts.append(level(reached, "real images", theme.GENERATED, log=True))
    parts.append(_seen_by(view))
    right = {"title": {"text": "KID"}, "overlaying": "y", "side": "right", "showgrid": False, "rangemode": "tozero"}
    log = {"type": "log", "exponentformat": "power"}
    return {"data": traces, "layout": layout(clock, "Fréchet", *parts, {"yaxis2": right | {"tickmode": "auto"}}, **log)}


def _seen_by(view: LaneView) -> dict[str, Any]:
    """What the classifier can do on images held out, as a note where a falling curve no longer is."""
    accuracy = view.history.get("classifier_accuracy", np.empty(0))
    accuracy = accuracy[np.isfinite(accuracy)]
    if not accuracy.size:
        return {}
    of_turns = "classes" not in view.history and not getattr(view.config.dataset, "one_class", False)
    text = f"{'quarter turns' if of_turns else 'classes'} told apart: {accuracy.flat[-1]:.0%} right"
    place = {"xref": "paper", "yref": "paper", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top", "showarrow": False}
    return {"annotations": [place | {"text": text, "font": {"size": 11}}]}


# Variety in the colour of the generated samples' own role, quality in the critic's, the newer pair dotted.
LINES = {
    "precision": (theme.CRITIC, {}),
    "recall": (theme.GENERATED, {}),
    "density": (theme.CRITIC, {"dash": "dot"}),
    "coverage": (theme.GENERATED, {"dash": "dot"}),
}


@chart(
    "precision",
    "Precision, recall, density, coverage",
    "share; density a ratio",
    "Precision and density say how many generated samples lie where real images are, which is quality; recall and coverage, how"
    " much of the real images is reached, which is variety. The ticks at the right are what real images reach among themselves.",
    "Kynkäänniemi et al. 2019 (k = 3); Naeem et al. 2020 (k = 5)",
    images=True,
    of=("precision", "recall", "density", "coverage"),
)
def precision(view: LaneView, clock: Clock) -> Figure | None:
    traces: list[Trace] = []
    shapes: list[dict[str, Any]] = []
    for name, (color, style) in LINES.items():
        traces += marked(view, clock, name, name, color, **style)
        if (reached := reference(view, name)) is not None:
            line = {"color": color, "width": 3} | style
            place = {"xref": "paper", "x0": 0.96, "x1": 1, "y0": reached, "y1": reached}
            shapes.append({"type": "line", "line": line} | place)
    if not traces:
        return None
    parts = (event_lines(view, clock), {"shapes": shapes})
    return {"data": traces, "layout": layout(clock, "share", *parts, rangemode="tozero")}


def marked(view: LaneView, clock: Clock, name: str, label: str, color: str, **style: Any) -> list[Trace]:
    """A curve with a mark at each scoring."""
    marks: dict[str, Any] = {"mode": "lines+markers", "marker": {"size": 5, "color": color}}
    traces = curve(view, clock, name, label, color, raw=True, **style)
    return [trace | marks if trace["line"]["width"] else trace for trace in traces]


def reference(view: LaneView, name: str) -> float | None:
    """What real images reached, as last measured."""
    values = view.history.get(f"{name}_real", np.empty(0))
    there = np.isfinite(values) if values.ndim == 1 else np.isfinite(values).any(1)
    return middle(values[there][-1]) if there.any() else None
