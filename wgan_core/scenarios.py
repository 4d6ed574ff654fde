"""Scenarios: races that each teach one thing, with a question to answer before looking.

What each one ended with, over which seeds, is in ``docs/scenarios.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wgan_core.presets import adam, rmsprop
from wgan_core.race import Race


@dataclass(frozen=True)
class Scenario:
    """A race and the lesson in it.

    Attributes
    ----------
    question, options, answer
        What to predict, between what, and the index of what was measured.
    reveal : str
        What is seen and why, with its source.
    seconds : int
        How long it takes on two CPU cores.
    settings : dict
        What :meth:`wgan_core.race.Race.parse` takes.
    """

    name: str
    title: str
    question: str
    options: tuple[str, ...]
    answer: int
    reveal: str
    seconds: int
    settings: dict[str, Any]

    @property
    def race(self) -> Race:
        return Race.parse(self.settings)


def gan(critic_lr: float = 1e-4, generator_lr: float = 1e-3, **more: Any) -> dict[str, Any]:
    return {"objective": {"kind": "gan", **more}, **adam(critic_lr, generator_lr, beta2=0.999)}


def clip(c: float = 0.01, lr: float = 2e-4) -> dict[str, Any]:
    return {"objective": {"kind": "wgan-clip", "clip": c}, **rmsprop(lr)}


def gp(penalty_weight: float = 1.0, lr: float = 1e-3) -> dict[str, Any]:
    return {"objective": {"kind": "wgan-gp", "penalty_weight": penalty_weight}, **adam(lr)}


RING = {"batch_size": 128}
WHICH = ("GAN only", "WGAN with clipping only", "both WGANs", "all three")

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "three-objectives",
            "GAN, WGAN-clip, WGAN-GP on the ring",
            "Eight Gaussians on a ring; the same networks, the same start. Which will cover all eight?",
            WHICH,
            2,
            "The GAN's generator chases one mode after another; WGAN-clip finds the circle first and the bumps later;"
            " WGAN-GP covers all eight within some 40 steps.",
            30,
            {"shared": RING, "lanes": [gan(), clip(), gp()], "length": 600, "snapshot_every": 20},
        ),
    )
}
