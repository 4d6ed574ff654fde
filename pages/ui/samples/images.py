"""The views of a generator of images."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pages.ui.samples.look import (
    MOVE_HELP,
    REACH,
    SEFA,
    GridLatents,
    Look,
    columns_of,
    grid_of,
    lines,
    moved,
    one_class,
    row_classes,
    some_classes,
    walked,
    way_of,
)
from pages.ui.samples.tiles import Panel, panel, tiles
from wgan_core.charts import theme
from wgan_core.charts.plotting import Figure, Trace
from wgan_core.datasets import DataError, ImageDataset
from wgan_core.datasets.images import as_samples
from wgan_core.explore import (
    Sampler,
    draw,
    nearest,
    nearest_others,
    pixel_statistics,
    truncate,
)

CPU = torch.device("cpu")
STRIP = 11
WALKERS, FRAMES = 8, 48
CHECKED, NEIGHBOURS, REFERENCE = 5, 5, 256
COUNTED = 1024


def _images(sampler: Sampler) -> Tensor:
    """The real images, as bytes."""
    dataset = sampler.config.dataset
    assert isinstance(dataset, ImageDataset)
    return dataset.items(CPU)


def _some_real(sampler: Sampler, n: int) -> Tensor:
    """Indices of real images, always the same."""
    return torch.randperm(len(_images(sampler)), generator=Generator().manual_seed(0))[:n]


def _real(sampler: Sampler, asked: GridLatents) -> Tensor:
    """As many real images, of the same classes where the run is conditional."""
    if asked.classes is None:
        return as_samples(_images(sampler)[_some_real(sampler, len(asked.latents))])
    return sampler.config.dataset.sample_of(asked.classes, Generator(CPU).manual_seed(0))


def grid(sampler: Sampler, look: Look) -> list[Panel]:
    asked = grid_of(sampler, look)
    generated = sampler(*asked)
    columns = columns_of(sampler, look)
    sides = [sampler.classes[i] for i in row_classes(sampler, look.n // columns)] if sampler.classes else []
    found = [
        panel(
            "generated",
            "Generated",
            f"step {sampler.step:,}, seed {look.seed}",
            "What the generator makes of latents drawn from the seed. The same seed gives the same latents at every step and in"
            " every run with this prior, so that grids can be compared.",
            "WGAN paper, Figure 4",
            6,
            shows=tiles(generated, columns, sides=sides, says=[f"generated image {i}" for i in range(look.n)]),
        )
    ]
    with suppress(DataError):  # what is generated can be seen where the data are not
        real = _real(sampler, asked)
        found.append(
            panel(
                "real",
                "Real",
                sampler.config.dataset.label,
                "Images of the data set, always the same ones, as training sees them; of a conditional run of the same classes.",
                "the data set",
                6,
                shows=tiles(real, columns, sides=sides, says=[f"real image {i}" for i in range(len(real))]),
            )
        )
    return found


def slides(sampler: Sampler, look: Look) -> list[Panel]:
    asked, ways = grid_of(sampler, look), lines(sampler, look, STRIP)
    offsets = np.linspace(-REACH, REACH, STRIP)
    heads = [f"{offset:+.1f}".replace("-", "−") if offset else "0" for offset in offsets]
    says = [f"direction {i + 1} at {head}" for i in range(len(ways)) for head in heads]
    return [
        panel(
            "here",
            "Where the sliders are",
            "",
            MOVE_HELP,
            SEFA,
            5,
            shows=tiles(
                sampler(moved(sampler, look)[None], one_class(asked, look.base, 1)),
                1,
                says=["the image where the sliders are"],
            ),
        ),
        panel(
            "ways",
            "Along each direction",
            "row 1 moves slider 1 alone",
            "Each row moves one slider from its one end to the other, while the others stay.",
            SEFA,
            7,
            shows=tiles(
                sampler(ways.flatten(0, 1), one_class(asked, look.base, ways.shape[0] * STRIP)),
                STRIP,
                heads=heads,
                sides=[str(i + 1) for i in range(len(ways))],
                says=says,
            ),
        ),
    ]


def walks(sampler: Sampler, look: Look) -> list[Panel]:
    z, classes = walked(sampler, look, WALKERS, FRAMES)
    return [
        panel(
            "walk",
            "A walk through the latent space",
            f"{WALKERS} latents from seed {look.seed}",
            "Latents that wander smoothly and come back to where they began; at every moment each is a draw from the prior. A"
            " generator that has learned changes smoothly too; one that has learned by heart jumps between pictures.",
            "DCGAN (Radford et al. 2016), Figure 4",
            12,
            shows=tiles(sampler(z, classes), 4, frames=FRAMES, says=[f"walking image {i}" for i in range(WALKERS)]),
        )
    ]


def between(sampler: Sampler, look: Look) -> list[Panel]:
    a, b = look.ends
    on_sphere = sampler.config.latent.prior == "gaussian"
    heads = ["A", *(f"{i / (STRIP - 1):.0%}" for i in range(1, STRIP - 1)), "B"]
    marks = {a: "A", b: "B"} if a != b else {a: "A B"}
    return [
        panel(
            "way",
            "From A to B",
            "on the sphere" if on_sphere else "straight",
            "Between two latents: on the sphere for a Gaussian prior, whose latents all lie near it, and straight in the uniform"
            " prior's box. Abrupt changes on the way are signs of learning by heart.",
            "White 2016, Sampling Generative Networks",
            12,
            shows=tiles(
                sampler(*way_of(sampler, look, STRIP)),
                STRIP,
                heads=heads,
                says=[f"{head} on the way" for head in heads],
            ),
        ),
        panel(
            "choose",
            "Click a picture to choose it",
            "A, then B",
            "A click chooses A, the next one B, and so on in turn.",
            "the grid of the view Samples",
            12,
            shows=tiles(
                sampler(*grid_of(sampler, look)),
                min(16, look.n),
                marks=marks,
                says=[f"choose image {i}" for i in range(look.n)],
                pick=True,
            ),
        ),
    ]


def neighbours(sampler: Sampler, look: Look) -> list[Panel]:
    generated = sampler(*grid_of(sampler, look))
    pixels = _images(sampler)
    found = nearest(generated, pixels, NEIGHBOURS)
    real = nearest_others(_some_real(sampler, REFERENCE), pixels)
    k = found.distance.shape[1]
    shown, labels, says = [], [], []
    for i in range(min(CHECKED, look.n)):
        shown += [generated[i : i + 1], as_samples(pixels[found.which[i]])]
        labels += [f"image {i}", *(f"{d:.2f}" for d in found.distance[i].tolist())]
        says += [f"generated image {i}", *(f"real image at distance {d:.2f}" for d in found.distance[i].tolist())]
    ours, theirs = float(found.distance[:, 0].median()), float(real.median())
    heads = ["generated", *(f"real {i + 1}" for i in range(k))]
    return [
        panel(
            "neighbours",
            "Nearest real images",
            "‖x − y‖₂ of pixels from −1 to 1",
            "Each generated image with the real ones that are nearest to it by the distance of their pixels. A copy has distance"
            " 0. Pixels are a poor judge of likeness: a copy that is moved by one pixel can be far away.",
            "Theis, van den Oord, Bethge 2016, section 3.3",
            6,
            shows=tiles(torch.cat(shown), k + 1, labels=labels, heads=heads, says=says),
        ),
        panel(
            "distances",
            "Nearest distances",
            f"medians: {ours:.2f} generated, {theirs:.2f} real",
            f"How far {look.n} generated images are from their nearest real one, beside how far {len(real)} real images are from"
            " the nearest other one. Generated images that lie much nearer than real ones do were learned by heart.",
            "Theis, van den Oord, Bethge 2016, section 3.3",
            6,
            figure=_distances(found.distance[:, 0], real),
            key=(sampler.mark, look),
        ),
    ]


def _distances(generated: Tensor, real: Tensor) -> Figure:
    top = float(torch.cat([generated, real]).max()) or 1.0
    edges = np.linspace(0, top * 1.001, 31)
    bars: list[Trace] = []
    for name, values, color in (("real to real", real, theme.REAL), ("generated to real", generated, theme.GENERATED)):
        counts, _ = np.histogram(values.numpy(), edges)
        bars.append(_bars(name, edges, counts / max(1, counts.sum()), color))
    return _histogram(bars, "distance to the nearest real image", "share")


def _bars(name: str, edges: Any, share: Any, color: str) -> Trace:
    return {
        "type": "bar",
        "name": name,
        "x": ((edges[1:] + edges[:-1]) / 2).astype(np.float32),
        "y": np.asarray(share, np.float32),
        "width": float(edges[1] - edges[0]),
        "marker": {"color": color, "opacity": 0.6},
        "hovertemplate": f"{name}, %{{x:.3g}}: %{{y:.3f}}<extra></extra>",
    }


def _histogram(bars: list[Trace], x: str, y: str, log: bool = False) -> Figure:
    scale = {"type": "log", "exponentformat": "power"} if log else {}
    axes = {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}} | scale}
    return {"data": bars, "layout": axes | {"barmode": "overlay", "bargap": 0}}


def pixel_values(sampler: Sampler, look: Look) -> list[Panel]:
    prior = sampler.config.latent
    z = truncate(prior, draw(prior, COUNTED, look.seed), look.truncation, look.bound)
    ours = pixel_statistics(sampler(z, some_classes(sampler, COUNTED, look.seed)))
    theirs = pixel_statistics(as_samples(_images(sampler)[_some_real(sampler, COUNTED)]))
    # A standard deviation is between 0 and 1: black to white.
    four = torch.stack([ours.mean, theirs.mean, 2 * ours.std - 1, 2 * theirs.std - 1])
    labels = ["mean, generated", "mean, real", "std, generated", "std, real"]
    edges = np.linspace(-1, 1, len(ours.share) + 1)
    bars = [
        _bars("real", edges, theirs.share, theme.REAL),
        _bars("generated", edges, ours.share, theme.GENERATED),
    ]
    return [
        panel(
            "moments",
            "Mean and spread of each pixel",
            f"{COUNTED:,} images each",
            "The mean image, and the standard deviation of each pixel over the images, black at 0 and white at 1. A generator"
            " that has collapsed has a sharp mean and little spread.",
            "by definition",
            6,
            shows=tiles(four, 2, labels=labels, says=labels),
        ),
        panel(
            "values",
            "Values of the pixels",
            "−1 is black, 1 white",
            "A histogram of all pixel values. Real images often have many at the very ends, which a tanh only comes near to.",
            "by definition",
            6,
            figure=_histogram(bars, "value", "share of all pixels", log=True),
            key=(sampler.mark, look),
        ),
    ]
