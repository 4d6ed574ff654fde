"""The course of an experiment's scalars as SVG, drawn by matplotlib, which requirements-extra.txt brings."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Paper

from wgan_core.charts import theme
from wgan_core.experiments.experiment import Size, TrainedExperiment
from wgan_core.experiments.tracks import Track
from wgan_core.history import LaneView

# Colours that lanes of one objective are told apart by (Okabe–Ito).
OTHERS = (theme.BLUE, theme.ORANGE, theme.GREEN, theme.PURPLE, theme.SKY, theme.VERMILION, "#F0E442")
LOGARITHMIC = frozenset({"critic_grad_norm", "generator_grad_norm"})
WIDTH, HEIGHT = 4.2, 2.9  # inches


def svg(experiment: TrainedExperiment, size: Size, views: Mapping[str, Sequence[LaneView]]) -> str:
    """A panel for each scalar that the experiment shows, a curve for each lane: the median over seeds and all of them around it.

    Raises
    ------
    NoVerdict
        The runs are no evidence; see :meth:`TrainedExperiment.evidence`.
    """
    tracks = experiment.evidence(size, views).tracks
    paper = Paper(figsize=(WIDTH * len(experiment.shows), HEIGHT), layout="constrained", facecolor="white")
    panels = paper.subplots(1, len(experiment.shows), squeeze=False)[0]
    for axes, name in zip(panels, experiment.shows, strict=True):
        _panel(axes, name, tracks)
    panels[0].legend(fontsize=7, frameon=False)
    out = io.StringIO()
    FigureCanvasSVG(paper)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": experiment.name}):
        paper.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _panel(axes: Axes, name: str, tracks: Mapping[str, Sequence[Track]]) -> None:
    colours = [theme.of_objective(of_lane[0].config.objective.kind) for of_lane in tracks.values()]
    if len(set(colours)) < len(colours):
        colours = [OTHERS[number % len(OTHERS)] for number in range(len(tracks))]
    for colour, (lane, of_lane) in zip(colours, tracks.items(), strict=True):
        steps = of_lane[0].history["step"]
        values = np.stack([np.interp(steps, t.history["step"], t.scalar(name)) for t in of_lane])
        measured = np.isfinite(values).any(axis=0)
        if measured.any():
            steps, values = steps[measured], values[:, measured]
            axes.plot(steps, np.nanmedian(values, axis=0), color=colour, label=lane, linewidth=1.5)
            axes.fill_between(
                steps, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=colour, alpha=0.15, linewidth=0
            )
    if name in LOGARITHMIC:
        axes.set_yscale("log")
    axes.set_title(name, size=10, loc="left", color=theme.printed(theme.INK))
    axes.set_xlabel("generator steps", size=8)
    axes.grid(color=theme.LINES_ON_PAPER, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=theme.printed(theme.INK))
    axes.spines[["top", "right"]].set_visible(False)
