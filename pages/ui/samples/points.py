"""The views of a generator of points on the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pages.ui.samples.look import (
    MOVE_HELP,
    REACH,
    SEFA,
    Look,
    directions,
    grid_of,
    inside,
    lines,
    moved,
    one_class,
    walked,
    way_of,
)
from pages.ui.samples.tiles import Panel, panel
from wgan_core.charts import theme
from wgan_core.charts.plotting import Figure, Trace
from wgan_core.explore import Sampler, plane

CPU = torch.device("cpu")
REAL = 500
WALKERS, FRAMES = 40, 96
CURVE = 121
PLANE_SIDE = 61
# One colour a mode, again and again: neighbours differ.
MODE_COLOURS = (
    theme.BLUE,
    theme.VERMILION,
    theme.GREEN,
    theme.ORANGE,
    theme.SKY,
    theme.VIOLET,
    theme.BROWN,
    "#7F7F7F",
)
# Ends in the colour that it begins with.
ROUND = [[0, theme.BLUE], [0.25, theme.GREEN], [0.5, theme.ORANGE], [0.75, theme.PURPLE], [1, theme.BLUE]]


def _real_points(sampler: Sampler) -> Trace:
    points = sampler.config.dataset.sample(REAL, Generator(CPU).manual_seed(0), CPU)
    return _dots(points, "real", theme.REAL, 4, opacity=0.35)


def _dots(xy: Tensor, name: str, color: Any, size: int, **marker: Any) -> Trace:
    x, y = xy.numpy().astype(np.float32).T.copy()
    look = {"color": color, "size": size} | marker
    return {"type": "scatter", "mode": "markers", "name": name, "x": x, "y": y, "marker": look, "hoverinfo": "skip"}


def _curve(xy: Tensor, name: str, color: str) -> Trace:
    x, y = xy.numpy().astype(np.float32).T.copy()
    style = {"color": color, "width": 2}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": style, "hoverinfo": "skip"}


def _square(sampler: Sampler, traces: list[Trace]) -> Figure:
    extent = sampler.config.dataset.extent
    side = {"range": [-extent, extent], "zeroline": False, "constrain": "domain"}
    return {"data": traces, "layout": {"xaxis": side, "yaxis": side | {"scaleanchor": "x"}}}


def scatter(sampler: Sampler, look: Look) -> list[Panel]:
    generated = sampler(*grid_of(sampler, look))
    traces = [_real_points(sampler), _dots(generated, "generated", theme.GENERATED, 4, opacity=0.7)]
    return [
        panel(
            "generated",
            "Generated points",
            f"step {sampler.step:,}, seed {look.seed}",
            f"What the generator makes of {look.n:,} latents drawn from the seed, over real points.",
            "WGAN-GP paper, Figure 1",
            12,
            figure=_square(sampler, traces),
            key=(sampler.mark, look),
        )
    ]


def where_it_goes(sampler: Sampler, look: Look) -> list[Panel]:
    asked, ways = grid_of(sampler, look), lines(sampler, look, CURVE)
    traces = [_real_points(sampler)]
    for i, way in enumerate(ways):
        traces.append(_curve(sampler(way, one_class(asked, look.base, CURVE)), f"direction {i + 1}", MODE_COLOURS[i]))
    here = _dots(
        sampler(moved(sampler, look)[None], one_class(asked, look.base, 1)),
        "where the sliders are",
        theme.GENERATED,
        14,
    )
    return [
        panel(
            "here",
            "Where the point goes",
            "data coordinates",
            MOVE_HELP + " Each curve is where one slider alone can bring the point.",
            SEFA,
            12,
            figure=_square(sampler, [*traces, here]),
            key=(sampler.mark, look),
        )
    ]


def walks(sampler: Sampler, look: Look) -> list[Panel]:
    at = sampler(*walked(sampler, look, WALKERS, FRAMES)).view(FRAMES, WALKERS, 2).numpy().astype(np.float32)
    x, y = at[..., 0].copy(), at[..., 1].copy()
    first = _dots(torch.from_numpy(at[0].copy()), "generated", theme.GENERATED, 8, opacity=0.9)
    return [
        panel(
            "walk",
            "A walk through the latent space",
            f"{WALKERS} latents from seed {look.seed}",
            "Latents that wander smoothly and come back to where they began; at every moment each is a draw from the prior. The"
            " generator is continuous, so that points cross the gaps between modes instead of jumping over them.",
            "Latents: Gaussian processes on a circle",
            12,
            figure=_square(sampler, [_real_points(sampler), first]),
            film={"trace": 1, "x": x, "y": y},
            key=(sampler.mark, look),
        )
    ]


def between(sampler: Sampler, look: Look) -> list[Panel]:
    way = sampler(*way_of(sampler, look, CURVE))
    ends = _dots(way[[0, -1]], "A and B", theme.INK, 9) | {"mode": "markers+text", "text": ["A", "B"]}
    traces = [
        _real_points(sampler),
        _curve(way, "on the way", theme.GENERATED),
        ends | {"textposition": "top center", "textfont": {"size": 16}},
    ]
    return [
        panel(
            "way",
            "From A to B",
            "data coordinates",
            "Where the generator puts what lies between two latents: on the sphere for a Gaussian prior, straight in the uniform"
            " prior's box.",
            "White 2016, Sampling Generative Networks",
            12,
            figure=_square(sampler, traces),
            key=(sampler.mark, look),
        )
    ]


def latent_plane(sampler: Sampler, look: Look) -> list[Panel]:
    along = directions(sampler, look.basis)
    reach = REACH if sampler.config.latent.prior == "gaussian" else 1.0
    offsets = torch.linspace(-reach, reach, PLANE_SIDE, dtype=torch.float32)
    asked = grid_of(sampler, look)
    base = asked.latents[look.base]
    if len(along) < 2:  # a single latent coordinate: its line, drawn as a band
        along = torch.cat([along, torch.zeros_like(along)])
    # Through the base latent, which is moved to the middle of the plane.
    first, second = along[:2]
    base = base - (base @ first) * first - (base @ second) * second
    points = sampler(inside(sampler, plane(base, first, second, offsets)), one_class(asked, look.base, PLANE_SIDE**2))
    where = sampler.config.dataset.modes()
    if where is not None:
        distance, which = where.nearest(points)
        number = (which % len(MODE_COLOURS)).numpy().astype(np.float32)
        top, scale = len(MODE_COLOURS) - 1, _steps(MODE_COLOURS)
        good = float((distance <= 3 * where.sigma).float().mean())
        says = f"{len(torch.unique(which))} of {len(where.centres)} modes, {good:.0%} within 3σ"
        what = "the mode that is nearest to the point"
    else:
        number = (torch.atan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1).numpy().astype(np.float32)
        top, scale = 1, ROUND
        says = "coloured by the point's angle around the middle"
        what = "the angle of the point around the middle, since this data set has no modes to tell apart"
    axis = offsets.numpy().astype(np.float32)
    heat = {
        "type": "heatmap",
        "x": axis,
        "y": axis,
        "z": number.reshape(PLANE_SIDE, PLANE_SIDE),
        "zmin": 0,
        "zmax": top,
        "colorscale": scale,
        "showscale": False,
        "hoverinfo": "skip",
        "name": "latents",
    }
    axes = {
        "xaxis": {"title": {"text": "direction 1"}, "constrain": "domain"},
        "yaxis": {"title": {"text": "direction 2"}, "scaleanchor": "x", "constrain": "domain"},
    }
    coloured = {"cmin": 0, "cmax": top, "colorscale": scale, "opacity": 0.8}
    help = (
        "A plane through the latent of the chosen sample, along the first two directions. Each latent has the colour of what the"
        f" generator makes of it: {what}. The seams between colours are what the generator has to cross in a gap between modes."
    )
    return [
        panel(
            "plane",
            "A plane of latents",
            says,
            help,
            "by definition",
            6,
            figure={"data": [heat], "layout": axes},
            key=(sampler.mark, look),
        ),
        panel(
            "image",
            "What becomes of it",
            "data coordinates",
            "Where the generator puts the latents of the plane, in the same colours.",
            "by definition",
            6,
            figure=_square(sampler, [_real_points(sampler), _dots(points, "generated", number, 4, **coloured)]),
            key=(sampler.mark, look),
        ),
    ]


def _steps(colours: tuple[str, ...]) -> list[list[Any]]:
    """A scale of plain colours, a band around each whole number."""
    edges = np.clip((np.arange(len(colours) + 1) - 0.5) / (len(colours) - 1), 0, 1).tolist()
    return [[edge, color] for i, color in enumerate(colours) for edge in edges[i : i + 2]]
