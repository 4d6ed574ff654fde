"""The chart of pixel values, from the grids that every snapshot of images holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgan_core.charts import theme
from wgan_core.charts.plotting import Clock, Figure, Trace, chart
from wgan_core.history import LaneView

BINS = 32
GAP = 2  # between the images of a grid, see wgan_core.metrics.image_grid


def pixels_of(grid: NDArray[Any], side: int) -> NDArray[Any]:
    """The images of a grid (H, W, 3) without the gaps between them: shape (images, side, side, 3)."""
    cells = grid[GAP:, GAP:]
    rows, columns = (length // (side + GAP) for length in cells.shape[:2])
    whole = cells.reshape(rows, side + GAP, columns, side + GAP, 3)[:, :side, :, :side]
    return whole.swapaxes(1, 2).reshape(-1, side, side, 3)


@chart(
    "pixels",
    "Values of the pixels",
    "log axis",
    "How often each value, from −1, black, to 1, white, occurs in the generated and the real images. Real images often have many"
    " pixels at the very ends, which a generator that ends in tanh only comes near to; one of grey mush has them in the middle.",
    "by definition",
    images=True,
    moment=True,
    of=("fake_grid",),
)
def pixels(view: LaneView, clock: Clock) -> Figure | None:
    if view.latest is None:
        return None
    bars: list[Trace] = []
    said = []
    side = view.config.dataset.shape[-1]
    edges = np.linspace(-1, 1, BINS + 1)
    for name, array, color in (("real", "real_grid", theme.REAL), ("generated", "fake_grid", theme.GENERATED)):
        values = pixels_of(view.latest.arrays[array], side) / 127.5 - 1
        counts, _ = np.histogram(values, edges)
        said.append(f"{name} {values.mean():.2f} ± {values.std():.2f}".replace("-", "−"))
        bars.append(
            {
                "type": "bar",
                "name": name,
                "x": ((edges[1:] + edges[:-1]) / 2).astype(np.float32),
                "y": (counts / counts.sum()).astype(np.float32),
                "width": float(edges[1] - edges[0]),
                "marker": {"color": color, "opacity": 0.6},
                "hovertemplate": f"{name}, %{{x:.3g}}: %{{y:.3g}}<extra></extra>",
            }
        )
    axes = {
        "xaxis": {"title": {"text": "value"}},
        "yaxis": {"title": {"text": "share"}, "type": "log", "exponentformat": "power"},
    }
    note = {"xref": "paper", "yref": "paper", "x": 0.97, "y": 1, "yanchor": "top", "showarrow": False, "align": "right"}
    note |= {"text": "<br>".join(["mean ± std", *said]), "font": {"size": 11}}
    return {"data": bars, "layout": axes | {"barmode": "overlay", "bargap": 0, "annotations": [note]}}
