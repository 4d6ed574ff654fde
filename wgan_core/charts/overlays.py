"""Overlays: several lanes in one chart, one colour a lane.

To add one, write a function under ``@overlay``. It gets the lanes with their names and colours and the clock of the x
axis. Nothing here imports streamlit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wgan_core.charts.lanes import Shown
from wgan_core.charts.plotting import (
    OVERLAYS,
    Chart,
    Clock,
    Figure,
    Trace,
    curve,
    event_lines,
    floor_of_w1,
    layout,
    level,
    overlay,
    symlog,
    symlog_axis,
)
from wgan_core.charts.scores import marked, reference
from wgan_core.charts.theme import INK
from wgan_core.charts.training import SEEDS, SEEDS_SUIT, seeds_by_modes

__all__ = ["OVERLAYS"]


def events(lanes: Sequence[Shown], clock: Clock) -> dict[str, Any]:
    """A line where a knob of any lane was turned."""
    parts = [event_lines(lane.view, clock) for lane in lanes]
    return {name: [item for part in parts for item in part[name]] for name in ("shapes", "annotations")}


def curves(lanes: Sequence[Shown], clock: Clock, name: str, **style: Any) -> list[Trace]:
    """One scalar of all lanes, each in its colour."""
    return [trace for lane in lanes for trace in curve(lane.view, clock, name, lane.name, lane.color, **style)]


@overlay(
    "modes",
    "Modes covered",
    "modes",
    "A mode is covered when at least 1 % of 2,500 samples are nearest to it and within 3σ. All lanes of a race train on the"
    " same data from the same start, so what differs is the objective and its knobs.",
    "VEEGAN (Srivastava et al. 2017); PacGAN (Lin et al. 2018)",
    needs_modes=True,
)
def modes(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    counts = {len(where.centres) for lane in lanes if (where := lane.view.config.dataset.modes())}
    if not counts or not (traces := curves(lanes, clock, "modes_covered", raw=True, shape="hv")):
        return None
    axis = {"range": [0, max(counts) * 1.07], "dtick": max(1, max(counts) // 4)}
    levels = [level(count, f"all {count}") for count in sorted(counts)]
    return {"data": traces, "layout": layout(clock, "modes", events(lanes, clock), *levels, **axis)}


@overlay(
    "w1",
    "Exact W1",
    "distance",
    "The exact EM distance between 512 generated and 512 real samples, by linear programming. The dashed line is its floor:"
    " the same number between two samples of the data themselves.",
    "Kantorovich; computed with POT",
    images=False,
)
def w1(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    if not (traces := curves(lanes, clock, "w1")):
        return None
    # Lanes of a race have one floor; stored runs of other data, laid over each other, have one each.
    data = {lane.view.config.dataset: lane for lane in reversed(lanes)}
    floors = [(floor_of_w1(lane.view), lane.color if len(data) > 1 else INK) for lane in data.values()]
    parts = [level(floor, "floor", color) for floor, color in floors if floor is not None]
    return {"data": traces, "layout": layout(clock, "W1", events(lanes, clock), *parts, rangemode="tozero")}


@overlay(
    "estimate",
    "What each objective says",
    "symlog axis",
    "Ŵ = E[f(real)] − E[f(generated)] for a WGAN, the JS estimate for a GAN, whose ceiling is ln 2, and for others a bound of"
    " their divergence. Their scales differ with"
    " the critic's slope, so compare each with W1 in its own shape, not their heights.",
    "WGAN paper, Figures 3 and 4",
)
def estimate(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    traces: list[Trace] = []
    for lane in lanes:
        objective = lane.view.config.objective
        name = f"{lane.name}: {objective.estimate_label}"
        traces += curve(lane.view, clock, objective.estimate_name, name, lane.color, transform=symlog)
    if not traces:
        return None
    largest = max(float(np.nanmax(np.abs(trace["customdata"]))) for trace in traces)
    ceilings = dict.fromkeys(lane.view.config.objective.ceiling for lane in lanes)
    parts = [level(float(symlog(np.array(height))), text) for height, text in filter(None, ceilings)]
    return {"data": traces, "layout": layout(clock, "estimate", events(lanes, clock), *parts, **symlog_axis(largest))}


@overlay(
    "quality",
    "High-quality share",
    "share",
    "The share of samples within 3σ of a mode. A perfect generator reaches 0.989; one that sits on a single mode may reach as"
    " much, so read it beside the modes covered.",
    "VEEGAN (Srivastava et al. 2017)",
    needs_modes=True,
)
def quality(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    traces = curves(lanes, clock, "high_quality", raw=True)
    return {"data": traces, "layout": layout(clock, "share", events(lanes, clock), range=[0, 1.05])} if traces else None


@overlay(
    "frechet",
    "Fréchet distance of the lanes",
    "log axis, no FID",
    "How far the features of each lane's samples are from those of real images, by one small classifier that was trained here;"
    " dashed, what two samples of real images have. It ranks lanes on the same data, and mixes quality with variety.",
    "Heusel et al. 2017",
    images=True,
)
def frechet(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    return _scores(lanes, clock, "frechet_small_cnn", "Fréchet", type="log", exponentformat="power")


@overlay(
    "coverage",
    "Coverage of the lanes",
    "share",
    "The share of real images that have a generated one within their reach, which is variety; dashed, what real images reach"
    " among themselves. A lane that has collapsed stays near 0, however good its few pictures are.",
    "Naeem et al. 2020 (k = 5)",
    images=True,
)
def coverage(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    return _scores(lanes, clock, "coverage", "share", range=[0, 1.05])


def _scores(lanes: Sequence[Shown], clock: Clock, name: str, title: str, **yaxis: Any) -> Figure | None:
    """A score of all lanes, and what real images reach: the same for all that train on the same data."""
    traces = [trace for lane in lanes for trace in marked(lane.view, clock, name, lane.name, lane.color)]
    data = {lane.view.config.dataset: lane for lane in reversed(lanes)}
    reached = [(reference(lane.view, name), lane.color if len(data) > 1 else INK) for lane in data.values()]
    log = yaxis.get("type") == "log"
    parts = [level(value, "real images", color, log=log) for value, color in reached if value]
    return {"data": traces, "layout": layout(clock, title, events(lanes, clock), *parts, **yaxis)} if traces else None


@overlay(
    "generator-gradients",
    "The generator's gradient",
    "‖∇ loss‖₂, log axis",
    "How strongly each generator is being moved: the norm of its loss's gradient over all its parameters. One that falls by"
    " orders of magnitude has nothing left to learn from.",
    "WGAN paper, Figure 2; From GAN to WGAN, Figure 5",
)
def generator_gradients(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    return _norms(lanes, clock, "generator_grad_norm", "‖∇‖₂")


@overlay(
    "critic-gradients",
    "The critic's gradient",
    "‖∇ loss‖₂, log axis",
    "The norm of each critic's loss gradient over all its parameters, the penalty's share included. The critic of a GAN that"
    " has won has little left to learn.",
    "the report's Figure 6; Gulrajani et al. 2017",
)
def critic_gradients(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    return _norms(lanes, clock, "critic_grad_norm", "‖∇‖₂")


@overlay(
    "slope",
    "The critic's slope",
    "‖∇ₓ f‖₂, log axis",
    "The mean norm of each critic's gradient in its input, between real and generated samples. WGAN-GP pulls it to 1;"
    " clipping lets it vanish or grow with c, and a GAN does not hold it at all.",
    "Gulrajani et al. 2017, Figure 1",
)
def slope(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    return _norms(lanes, clock, "input_grad_norm_mean", "‖∇ₓ f‖₂", level(1.0, "slope 1", log=True))


def _norms(lanes: Sequence[Shown], clock: Clock, name: str, title: str, *parts: dict[str, Any]) -> Figure | None:
    traces = curves(lanes, clock, name)
    log = {"type": "log", "exponentformat": "power"}
    return {"data": traces, "layout": layout(clock, title, events(lanes, clock), *parts, **log)} if traces else None


@overlay(*SEEDS, **SEEDS_SUIT)
def seeds(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
    return seeds_by_modes([(lane.view, lane.name, lane.color) for lane in lanes])


# The scalars that the charts above have.
DRAWN = frozenset(
    {
        "modes_covered",
        "w1",
        "frechet_small_cnn",
        "coverage",
        "w_estimate",
        "js_estimate",
        "high_quality",
        "input_grad_norm_mean",
    }
) | frozenset({"generator_grad_norm", "critic_grad_norm"})


def of_scalars(names: Sequence[str]) -> list[Chart]:
    """A chart for each of these scalars that no overlay has, under its name in a snapshot."""

    def chart(name: str) -> Chart:
        def draw(lanes: Sequence[Shown], clock: Clock) -> Figure | None:
            traces = curves(lanes, clock, name)
            return {"data": traces, "layout": layout(clock, "", events(lanes, clock))} if traces else None

        about = (
            "A number of the experiment, over the training. Of several seeds the median and the band from 10 to 90 %."
        )
        return Chart(f"scalar.{name}", name.replace("_", " "), "", about, f"the measurement {name}", draw)

    return [chart(name) for name in names if name not in DRAWN]
