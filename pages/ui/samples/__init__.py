"""The page of samples: the views of a generator, and the message that shows one.

Only :mod:`pages.ui.samples.page` and :mod:`pages.ui.samples.controls` import streamlit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pages.ui.live.packets import join, pack
from pages.ui.samples import images, points
from pages.ui.samples.look import Look
from pages.ui.samples.tiles import Panel
from wgan_core.explore import Sampler

Draw = Callable[[Sampler, Look], list[Panel]]


@dataclass(frozen=True)
class View:
    """A way to look at a generator: of images, of points, or of both."""

    title: str
    says: str
    images: Draw | None
    points: Draw | None

    def of(self, sampler: Sampler) -> Draw | None:
        return self.images if sampler.config.dataset.is_image else self.points


VIEWS: dict[str, View] = {
    "samples": View("Samples", "What the generator makes of latents from a seed.", images.grid, points.scatter),
    "sliders": View("Sliders", "Move one latent, and see what changes.", images.slides, points.where_it_goes),
    "walk": View("Walk", "Press ▶ and wander through the latent space.", images.walks, points.walks),
    "between": View(
        "Between two", "From one sample to another, by the latents between.", images.between, points.between
    ),
    "plane": View("Latent plane", "Which latents become which mode.", None, points.latent_plane),
    "nearest": View(
        "Nearest real", "Has it learned by heart? The real images nearest to its own.", images.neighbours, None
    ),
    "pixels": View("Pixels", "Mean, spread and values of pixels, generated and real.", images.pixel_values, None),
}


def views_of(sampler: Sampler) -> list[str]:
    """Names of the views that suit a generator."""
    return [name for name, view in VIEWS.items() if view.of(sampler)]


def message(sampler: Sampler, look: Look) -> bytes:
    """The bytes for the page. Equal samplers and looks give equal ones."""
    drawn = VIEWS[look.view].of(sampler)
    assert drawn is not None, "the page offers only views that suit"
    kind = sampler.config.dataset.kind
    head = {"view": f"{kind} {look.view}", "file": f"{kind}-step-{sampler.step}-{look.view}-seed-{look.seed}"}
    return join(head, [pack(found) for found in drawn(sampler, look)])
