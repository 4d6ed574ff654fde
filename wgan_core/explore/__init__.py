"""Looking into a trained generator: its samples, the space of latents behind them, the real images nearest to them.

Everything here reads a checkpoint and trains nothing. Same seed, same latents, same samples.
"""

from wgan_core.explore.latents import (
    TRUNCATIONS,
    Truncation,
    draw,
    interpolate,
    line,
    plane,
    principal_directions,
    slerp,
    truncate,
    walk,
)
from wgan_core.explore.neighbours import Nearest, nearest, nearest_others
from wgan_core.explore.pixels import PixelStatistics, pixel_statistics
from wgan_core.explore.sampler import NoWeights, Sampler, sampler, steps

__all__ = [
    "TRUNCATIONS",
    "Nearest",
    "NoWeights",
    "PixelStatistics",
    "Sampler",
    "Truncation",
    "draw",
    "interpolate",
    "line",
    "nearest",
    "nearest_others",
    "pixel_statistics",
    "plane",
    "principal_directions",
    "sampler",
    "slerp",
    "steps",
    "truncate",
    "walk",
]
