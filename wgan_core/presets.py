"""Presets: configs by name that each show one phenomenon, on two CPU cores in under a minute unless their text says more.

The settings of the ring were measured over eight seeds; see ``docs/presets.md`` for what each one shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wgan_core.config import RunConfig


@dataclass(frozen=True)
class Preset:
    """A named config and what it shows."""

    name: str
    title: str
    shows: str
    settings: dict[str, Any]

    @property
    def config(self) -> RunConfig:
        return RunConfig.parse(self.settings)


def adam(critic_lr: float, generator_lr: float | None = None, beta1: float = 0.5, beta2: float = 0.9) -> dict[str, Any]:
    betas = {"kind": "adam", "beta1": beta1, "beta2": beta2}
    return {
        "critic_optimiser": betas | {"lr": critic_lr},
        "generator_optimiser": betas | {"lr": critic_lr if generator_lr is None else generator_lr},
    }


def rmsprop(lr: float) -> dict[str, Any]:
    return {name: {"kind": "rmsprop", "lr": lr} for name in ("critic_optimiser", "generator_optimiser")}


GAN = {"objective": {"kind": "gan"}, "batch_size": 128, "snapshot_every": 40, "steps": 4000}
CLIP = {"objective": {"kind": "wgan-clip", "clip": 0.01}, "batch_size": 128, **rmsprop(2e-4)}
GP = {"objective": {"kind": "wgan-gp", "penalty_weight": 1.0}, "batch_size": 128, **adam(1e-3)}
LINES = {"dataset": {"kind": "parallel-lines", "theta": 2.0}, "latent": {"dim": 2}, "steps": 600, "snapshot_every": 10}

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "ring-gan-collapse",
            "Ring: a GAN collapses",
            "The generator learns ten times faster than the discriminator and chases one mode after another:"
            " 1 or 2 of 8 stay covered.",
            GAN | adam(1e-4, 1e-3, beta2=0.999),
        ),
        Preset(
            "ring-gan-works",
            "Ring: a GAN that works",
            "The same networks with equal learning rates of 1e-3: 8 of 8. Collapse is a matter of settings, not of the"
            " name GAN.",
            GAN | adam(1e-3, beta2=0.999),
        ),
        Preset(
            "ring-wgan-clip",
            "Ring: WGAN with weight clipping",
            "Finds the circle first and the bumps later; all 8 modes within 100 steps. The estimate follows the exact EM"
            " distance.",
            CLIP | {"steps": 2000},
        ),
        Preset(
            "ring-wgan-gp",
            "Ring: WGAN-GP",
            "All 8 modes within 50 steps, and the sharpest samples of the three at the end.",
            GP | {"steps": 1500},
        ),
        Preset(
            "ring-wgan-gp-estimate",
            "Ring: an estimate that follows the truth",
            "A small λ and a lower rate: the critic's estimate stays near 1.7 times the exact EM distance all the way down.",
            GP | {"objective": {"kind": "wgan-gp", "penalty_weight": 0.1}, "steps": 2000} | adam(3e-4),
        ),
        Preset(
            "grid-wgan-gp",
            "25 Gaussians: WGAN-GP",
            "Twenty-five narrow modes on a grid.",
            GP | {"dataset": {"kind": "grid"}, "steps": 4000, "snapshot_every": 50},
        ),
        Preset(
            "swiss-roll-wgan-gp",
            "Swiss roll: WGAN-GP",
            "One connected curve, rolled up.",
            GP | {"dataset": {"kind": "swiss-roll"}, "steps": 3000, "snapshot_every": 30},
        ),
        Preset(
            "lines-gan",
            "Parallel lines: a GAN stands still",
            "Example 1 of the WGAN paper: the discriminator tells the lines apart at once, JS sits at ln 2, and the"
            " generator gets no direction.",
            LINES
            | {"objective": {"kind": "gan", "generator_goal": "saturating"}, "n_critic": 5}
            | adam(1e-3, 1e-4, beta2=0.999),
        ),
        Preset(
            "lines-wgan-gp",
            "Parallel lines: WGAN-GP arrives",
            "The same start: the EM distance is |θ|, its slope never vanishes, and the generator walks over.",
            LINES | {"objective": {"kind": "wgan-gp", "penalty_weight": 1.0}} | adam(1e-3),
        ),
        Preset(
            "fashion-wgan-gp",
            "Fashion-MNIST: WGAN-GP with a DCGAN",
            "Real images: clothes of many kinds. About five minutes on two CPU cores, seconds on a GPU.",
            {
                "dataset": {"kind": "fashion-mnist"},
                "objective": {"kind": "wgan-gp", "penalty_weight": 10.0},
                "steps": 1000,
                "snapshot_every": 10,
                "threads": 2,
            }
            | adam(5e-4, beta1=0.5),
        ),
    )
}
