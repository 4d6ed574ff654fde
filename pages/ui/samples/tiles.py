"""Panels of the page of samples, as ``assets/samples.js`` draws them: tiles of images, films of them, and charts.

Nothing here imports streamlit.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wgan_core.charts.plotting import Figure

Panel = dict[str, Any]
# Of a film; its frames are seen for a twelfth of a second each.
FILM_QUALITY = 85


def as_bytes(images: Tensor) -> Tensor:
    """Images with values from −1 to 1, shape (n, channels, height, width), as bytes of shape (n, height, width, channels)."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def sheet(images: Tensor, columns: int, lossless: bool = True) -> str:
    """Images side by side in rows of ``columns``, as a data URL: PNG, or WebP where it need not be exact."""
    pixels = as_bytes(images).numpy()
    n, height, width, channels = pixels.shape
    rows = pixels.reshape(n // columns, columns, height, width, channels).swapaxes(1, 2)
    paper = np.ascontiguousarray(rows.reshape(n // columns * height, columns * width, channels))
    buffer = io.BytesIO()
    image = Image.fromarray(paper[..., 0] if channels == 1 else paper)
    kind = "png" if lossless else "webp"
    if lossless:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.convert("RGB").save(buffer, "WEBP", quality=FILM_QUALITY, method=2)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def tiles(
    images: Tensor,
    columns: int,
    *,
    frames: int = 1,
    labels: Sequence[str] = (),
    heads: Sequence[str] = (),
    sides: Sequence[str] = (),
    marks: Mapping[int, str] | None = None,
    says: Sequence[str] = (),
    pick: bool = False,
) -> dict[str, Any]:
    """The tiles of a panel.

    Parameters
    ----------
    images : Tensor
        Shape (frames · tiles, channels, height, width), all tiles of a frame one after another.
    columns : int
        Tiles in a row.
    labels, heads, sides : Sequence[str]
        A word below each tile, above each column, and before each row.
    marks : Mapping[int, str]
        Tiles that stand out, with a letter.
    says : Sequence[str]
        What each tile is, for those who cannot see it.
    pick : bool
        A click on a tile is told to the page.
    """
    count = len(images) // frames
    return {
        "source": sheet(images, count, lossless=frames == 1),
        "size": [images.shape[-1], images.shape[-2]],
        "count": count,
        "columns": columns,
        "frames": frames,
        "labels": list(labels),
        "heads": list(heads),
        "sides": list(sides),
        "marks": {str(index): letter for index, letter in (marks or {}).items()},
        "says": list(says),
        "pick": pick,
    }


def panel(
    name: str,
    title: str,
    unit: str,
    help: str,
    source: str,
    span: int,
    *,
    shows: Mapping[str, Any] | None = None,
    figure: Figure | None = None,
    film: Mapping[str, Any] | None = None,
    key: Any = None,
) -> Panel:
    """A panel of tiles, or of a chart.

    Parameters
    ----------
    span : int
        How many of the page's twelve columns it takes.
    film : Mapping
        For a chart: ``trace``, and the ``x`` and ``y`` of its points, shape (frames, points).
    key
        Whatever a chart depends on: equal keys are drawn once.
    """
    depends = shows if shows is not None else key
    return {
        "name": name,
        "title": title,
        "unit": unit,
        "help": help,
        "source": source,
        "span": span,
        "wide": False,
        "time": False,
        "tag": f"{zlib.crc32(repr((name, depends)).encode()):x}",
        "tiles": shows,
        "figure": figure,
        "film": film,
    }
