"""Charts: from a view of a run to a plotly figure.

To add one, write a function under ``@chart``. It gets a :class:`LaneView` and the clock of its x axis, and returns
traces and layout as plain dicts, or None where there is nothing to draw. Arrays stay numpy: the live
component sends them as bytes. Nothing here imports streamlit.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wgan_core.charts import theme
from wgan_core.charts.plotting import (
    CHARTS,
    Clock,
    Figure,
    Trace,
    chart,
    curve,
    event_lines,
    first_seed,
    floor_of_w1,
    layout,
    level,
    symlog,
    symlog_axis,
)
from wgan_core.charts.text import charted
from wgan_core.history import LaneView
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES

__all__ = ["CHARTS", "SEEDS", "SEEDS_SUIT", "seeds_by_modes"]


# The charts, in the order of the page


@chart(
    "samples",
    "Samples over the critic's surface",
    "data coordinates",
    "Real and generated points lie over the critic's score, green where it is high (more real) and brown where it is low."
    " The arrows show which way the generator is pushed, the longest always drawn at one length; click a name in the legend"
    " to hide a layer.",
    "WGAN paper, Figure 2; GAN Lab",
    wide=True,
    images=False,
    moment=True,
    of=("surface",),
)
def samples(view: LaneView, clock: Clock) -> Figure | None:
    if view.latest is None:
        return None
    a = view.latest.arrays
    extent = view.config.dataset.extent
    score = a["surface"].astype(np.float32)
    spread = float(np.abs(score - score.mean()).max()) or 1.0
    tip, tail = _arrows(a["push_at"], a["push"], 0.12 * extent)
    points = np.stack([tail, tip, np.full_like(tip, np.nan)], 1).reshape(-1, 2).astype(np.float32)
    traces: list[Trace] = [
        {
            "type": "heatmap",
            "name": "critic's score",
            "z": score,
            "x": a["surface_axis"],
            "y": a["surface_axis"],
            "zmid": float(score.mean()),
            "zmin": float(score.mean()) - spread,
            "zmax": float(score.mean()) + spread,
            "colorscale": theme.SURFACE,
            "showscale": False,
            "showlegend": True,
            "zsmooth": "fast",
            "hovertemplate": "score %{z:.4g}<extra></extra>",
        },
        _points(a["real"], "real", theme.REAL, 4, 0.45),
        _points(a["fake"], "generated", theme.GENERATED, 5, 0.8),
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "push on the generator",
            "x": points[:, 0].copy(),
            "y": points[:, 1].copy(),
            "line": {"color": theme.INK, "width": 1.2},
            "marker": {"symbol": "arrow", "angleref": "previous", "color": theme.INK, "size": [0, 7, 0] * len(tip)},
            "hoverinfo": "skip",
        },
    ]
    side = {"range": [-extent, extent], "zeroline": False}
    return {
        "data": traces,
        "layout": {
            "xaxis": side | {"constrain": "domain"},
            "yaxis": side | {"scaleanchor": "x", "constrain": "domain"},
        },
    }


def _points(xy: NDArray[Any], name: str, color: str, size: int, opacity: float) -> Trace:
    marker = {"color": color, "size": size, "opacity": opacity}
    x, y = xy.astype(np.float32).T.copy()
    return {"type": "scatter", "mode": "markers", "name": name, "x": x, "y": y, "marker": marker, "hoverinfo": "skip"}


def _arrows(at: NDArray[Any], push: NDArray[Any], longest: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tips and tails of arrows whose longest has the given length."""
    norm = float(np.linalg.norm(push, axis=1).max())
    return at + push * (longest / norm if norm > 0 else 0.0), at


@chart(
    "images",
    "Generated and real images",
    "",
    "Left, what the generator makes of 64 latents that stay the same, so each place shows one picture as it develops."
    " Right, 64 real images.",
    "WGAN paper, Figure 4",
    wide=True,
    images=True,
    moment=True,
    of=("fake_grid",),
)
def images(view: LaneView, clock: Clock) -> Figure | None:
    if view.latest is None:
        return None
    a = view.latest.arrays
    bare = {"visible": False, "constrain": "domain", "constraintoward": "top"}
    titles = [
        {"xref": "paper", "yref": "paper", "x": x, "y": 1, "yanchor": "bottom", "text": text, "showarrow": False}
        for x, text in ((0.335, "generated"), (0.845, "real"))
    ]
    return {
        "data": [_picture(a["fake_grid"], ""), _picture(a["real_grid"], "2")],
        "layout": {
            "xaxis": bare | {"constraintoward": "center", "domain": [0, 0.67]},
            "yaxis": bare | {"scaleanchor": "x", "autorange": "reversed"},
            "xaxis2": bare | {"constraintoward": "center", "domain": [0.69, 1], "anchor": "y2"},
            "yaxis2": bare | {"scaleanchor": "x2", "autorange": "reversed", "anchor": "x2"},
            "annotations": titles,
        },
    }


def _picture(pixels: NDArray[Any], axis: str) -> Trace:
    buffer = io.BytesIO()
    grey = (pixels[..., :1] == pixels).all()
    Image.fromarray(pixels[..., 0] if grey else pixels).save(buffer, "PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"type": "image", "source": source, "xaxis": f"x{axis}", "yaxis": f"y{axis}", "hoverinfo": "skip"}


@chart(
    "distance",
    "Estimate and truth",
    "distance",
    "The estimate is what the critic says the distance is: Ŵ = E[f(real)] − E[f(generated)] without the penalty, JS for a"
    " GAN, for other objectives a bound of the divergence in the legend. For points, exact W1 of 512 against 512 samples"
    " stands beside it on the right axis, with the floor that two real samples reach.",
    "WGAN paper, Figures 3 and 4; exact W1 by linear programming (POT)",
    of=("w1", "estimate"),
)
def distance(view: LaneView, clock: Clock) -> Figure | None:
    objective = view.config.objective
    color = theme.of_objective(objective.kind)
    label = objective.estimate_label
    name = label if label == "Ŵ" else f"{label} estimate"
    traces = curve(view, clock, objective.estimate_name, name, color)
    truth = curve(view, clock, "w1", "exact W1", theme.REAL, raw=True, yaxis="y2")
    if not traces and not truth:
        return None
    parts = [event_lines(view, clock)]
    if objective.ceiling:
        parts.append(level(*objective.ceiling))
    if truth:
        floor = floor_of_w1(view)
        if floor is not None:
            parts.append(level(floor, "floor of W1", theme.REAL, "y2"))
        parts.append(
            {
                "yaxis2": {
                    "title": {"text": "exact W1"},
                    "overlaying": "y",
                    "side": "right",
                    "rangemode": "tozero",
                    "tickmode": "auto",
                }
            }
        )
        parts[-1]["yaxis2"]["showgrid"] = False
    return {"data": traces + truth, "layout": layout(clock, name, *parts)}


@chart(
    "modes",
    "Modes and quality",
    "modes, share",
    "A sample is of high quality when it lies within 3σ of a mode; a mode is covered when at least 1 % of 2,500 samples are of"
    " high quality and nearest to it; of a conditional run “as asked” is the share of samples nearest to the mode that was asked"
    " for. A perfect generator reaches a share of 0.989.",
    "VEEGAN (Srivastava et al. 2017); PacGAN (Lin et al. 2018)",
    needs_modes=True,
    of=("modes_covered",),
)
def modes(view: LaneView, clock: Clock) -> Figure | None:
    where = view.config.dataset.modes()
    covered = curve(view, clock, "modes_covered", "modes", theme.GENERATED, raw=True, shape="hv")
    if where is None or not covered:
        return None
    count = len(where.centres)
    share = curve(view, clock, "high_quality", "quality", theme.REAL, raw=True, width=1.5, yaxis="y2")
    share += curve(view, clock, "asked_mode", "as asked", theme.INK, raw=True, width=1.5, dash="dot", yaxis="y2")
    right = {
        "title": {"text": "share"},
        "overlaying": "y",
        "side": "right",
        "range": [0, 1.05],
        "showgrid": False,
        "tickmode": "auto",
    }
    axis = {"range": [0, count * 1.05], "dtick": max(1, count // 4)}
    parts = [event_lines(view, clock), level(count, f"all {count}"), {"yaxis2": right}]
    return {"data": covered + share, "layout": layout(clock, "modes", *parts, **axis)}


def further_terms() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Terms that constraints and remedies add to a loss: column, label, colour and style."""
    dash = {"dash": "dash", "width": 1.5}
    found = {kind.term: (kind.label, theme.CRITIC) for kind in Constraint.kinds.values() if kind.term}
    found.pop("gradient_penalty")
    for name, remedy in REMEDIES.items():
        label = remedy.term or remedy.label
        found[name] = found[f"critic_{name}"] = label, theme.CRITIC
        found[f"generator_{name}"] = f"{label}, generator", theme.INK
    return [(name, label, color, dash) for name, (label, color) in found.items()]


@chart(
    "losses",
    "Loss terms",
    "loss, symlog axis",
    "The critic minimises the sum of its terms; for a WGAN that is E[f(generated)] − E[f(real)], plus the penalty, which is drawn"
    " apart with its weight λ in it. The axis is logarithmic on both sides of 0.",
    "WGAN paper, Algorithm 1; Gulrajani et al. 2017, equation 3",
    of=("critic_real", "generator_loss"),
)
def losses(view: LaneView, clock: Clock) -> Figure | None:
    lines: list[tuple[str, str, str, dict[str, Any]]] = [
        ("critic_real", "on real", theme.REAL, {}),
        ("critic_fake", "on generated", theme.GENERATED, {}),
        ("gradient_penalty", "penalty", theme.CRITIC, {"dash": "dot"}),
        *further_terms(),
        ("generator_loss", "generator", theme.INK, {"width": 1.5}),
    ]
    traces = [
        t
        for name, label, color, style in lines
        for t in curve(view, clock, name, label, color, transform=symlog, **style)
    ]
    if not traces:
        return None
    largest = max(float(np.abs(trace["customdata"]).max()) for trace in traces if "customdata" in trace)
    return {"data": traces, "layout": layout(clock, "loss", event_lines(view, clock), **symlog_axis(largest))}


@chart(
    "gradients",
    "Gradient norms",
    "‖∇ loss‖₂, log axis",
    "How strongly each network is being moved: the norm of its loss's gradient over all its parameters at the newest step."
    " A generator whose norm falls by orders of magnitude has stopped learning.",
    "WGAN paper, Figure 3; From GAN to WGAN, Figure 5",
    of=("critic_grad_norm", "generator_grad_norm"),
)
def gradients(view: LaneView, clock: Clock) -> Figure | None:
    traces = curve(view, clock, "critic_grad_norm", "critic", theme.CRITIC)
    traces += curve(view, clock, "generator_grad_norm", "generator", theme.GENERATED)
    return {"data": traces, "layout": layout(clock, "‖∇‖₂", event_lines(view, clock), **LOG)} if traces else None


LOG = {"type": "log", "exponentformat": "power"}


@chart(
    "lipschitz",
    "The critic's slope",
    "‖∇ₓ f‖₂, log axis",
    "The norm of the critic's gradient in its input, at points between real and generated samples. WGAN-GP pulls it to 1;"
    " clipping lets it vanish or grow, and a GAN does not hold it at all.",
    "Gulrajani et al. 2017, Figure 1",
    of=("input_grad_norm_mean", "input_grad_norm_max"),
)
def lipschitz(view: LaneView, clock: Clock) -> Figure | None:
    traces = curve(view, clock, "input_grad_norm_mean", "mean", theme.CRITIC)
    traces += curve(view, clock, "input_grad_norm_max", "largest", theme.INK, width=1)
    parts = (event_lines(view, clock), level(1.0, "slope 1", log=True))
    return {"data": traces, "layout": layout(clock, "‖∇ₓ f‖₂", *parts, **LOG)} if traces else None


@chart(
    "weights",
    "The critic's parameters",
    "log axis",
    "A histogram of all parameters of the critic as they are now. Clipping piles them up at −c and c, the dashed lines; a"
    " penalty does not.",
    "Gulrajani et al. 2017, Figure 1",
    moment=True,
    of=("weight_counts",),
)
def weights(view: LaneView, clock: Clock) -> Figure | None:
    if view.latest is None:
        return None
    edges, counts = view.latest.arrays["weight_edges"], view.latest.arrays["weight_counts"]
    bars = {
        "type": "bar",
        "name": "parameters",
        "x": ((edges[1:] + edges[:-1]) / 2).astype(np.float32),
        "y": counts.astype(np.float32),
        "width": float(edges[1] - edges[0]),
        "marker": {"color": theme.CRITIC},
        "showlegend": False,
        "hovertemplate": "%{x:.3g}: %{y}<extra></extra>",
    }
    clip = view.config.limit
    shapes, notes = [], []
    for x in () if clip is None else (-clip, clip):
        line = {"color": theme.INK, "width": 1.5, "dash": "dash"}
        shapes.append({"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line})
        note = {
            "x": x,
            "yref": "paper",
            "y": 1,
            "yanchor": "top",
            "xanchor": "left" if x < 0 else "right",
            "showarrow": False,
        }
        notes.append(note | {"text": f"{'−' if x < 0 else ''}c"})
    at_clip = view.latest.scalars.get("weights_at_clip")
    if at_clip is not None and (share := first_seed(at_clip)) is not None:
        text = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 1, "yanchor": "top", "showarrow": False}
        notes.append(text | {"text": f"{share:.0%} at ±c"})
    axes = {"xaxis": {"title": {"text": "value"}}, "yaxis": {"title": {"text": "parameters"}} | LOG}
    return {"data": [bars], "layout": axes | {"shapes": shapes, "annotations": notes, "bargap": 0}}


# The same of one run and, as an overlay, of several lanes.
SEEDS: tuple[str, str, str, str, str] = (
    "seeds",
    "Modes over the seeds",
    "seeds",
    "How many of the seeds cover how many modes at the moment that is shown. One run may be luck; a pile at the right end is"
    " not.",
    "PacGAN (Lin et al. 2018), which counts modes over trials",
)
SEEDS_SUIT: dict[str, Any] = {"moment": True, "needs_modes": True, "needs_seeds": True}


@chart(*SEEDS, of=("modes_covered",), **SEEDS_SUIT)
def seeds(view: LaneView, clock: Clock) -> Figure | None:
    return seeds_by_modes([(view, "seeds", theme.GENERATED)])


def seeds_by_modes(lanes: Sequence[tuple[LaneView, str, str]]) -> Figure | None:
    """Bars for views with their names and colours: how many seeds cover 0, 1, 2, … modes at the latest snapshot."""
    bars: list[Trace] = []
    for view, name, color in lanes:
        where = view.config.dataset.modes()
        if view.latest is None or where is None or "modes_covered" not in view.latest.scalars:
            continue
        found = np.atleast_1d(view.latest.scalars["modes_covered"])
        counts = np.bincount(found[np.isfinite(found)].astype(int), minlength=len(where.centres) + 1)
        bars.append(
            {
                "type": "bar",
                "name": charted(name),
                "x": np.arange(len(counts), dtype=np.float32),
                "y": counts.astype(np.float32),
                "marker": {"color": color},
                "hovertemplate": "%{x} modes in %{y} seeds<extra></extra>",
            }
        )
    if not bars:
        return None
    tick = max(1, len(bars[0]["x"]) // 8)
    axes = {"xaxis": {"title": {"text": "modes covered"}, "dtick": tick}, "yaxis": {"title": {"text": "seeds"}}}
    return {"data": bars, "layout": axes | {"barmode": "group", "bargap": 0.15}}
