"""Presets: configs by name that each show one phenomenon, on a CPU in about a minute at most, or the text says more.

What each one ended with, over which seeds, is in ``docs/presets.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wgan_core.config import TrainingConfig


@dataclass(frozen=True)
class Preset:
    """A named config and what it shows.

    Attributes
    ----------
    takes_pictures : bool
        Where pictures of one's own are chosen, it is for them too.
    """

    name: str
    title: str
    shows: str
    settings: dict[str, Any]
    takes_pictures: bool = False

    @property
    def config(self) -> TrainingConfig:
        return TrainingConfig.parse(self.settings)

    def config_beside(self, dataset: Mapping[str, Any]) -> TrainingConfig:
        """The config where this data set is chosen already: pictures of one's own stay, if the preset takes them."""
        own = self.takes_pictures and dataset.get("kind") == "folder" and dataset.get("path")
        return TrainingConfig.parse(self.settings | {"dataset": dict(dataset)}) if own else self.config


def adam(critic_lr: float, generator_lr: float | None = None, beta1: float = 0.5, beta2: float = 0.9) -> dict[str, Any]:
    betas = {"kind": "adam", "beta1": beta1, "beta2": beta2}
    return {
        "critic_optimiser": betas | {"lr": critic_lr},
        "generator_optimiser": betas | {"lr": critic_lr if generator_lr is None else generator_lr},
    }


def rmsprop(lr: float) -> dict[str, Any]:
    return {name: {"kind": "rmsprop", "lr": lr} for name in ("critic_optimiser", "generator_optimiser")}


GAN = {"objective": {"kind": "gan"}, "batch_size": 128, "snapshot_every": 50, "steps": 3000}
CLIP = {"objective": {"kind": "wgan-clip", "clip": 0.01}, "batch_size": 128, **rmsprop(2e-4)}
GP = {"objective": {"kind": "wgan-gp", "penalty_weight": 1.0}, "batch_size": 128, **adam(1e-3)}
LINES = {"dataset": {"kind": "parallel-lines", "theta": 2.0}, "latent": {"dim": 2}, "steps": 300, "snapshot_every": 10}
# Adam divides by the gradient's size and so walks even on a vanishing gradient; plain descent shows what is there.
PLAIN_GENERATOR = {"generator_optimiser": {"kind": "sgd", "lr": 0.01}}
# A flat latent square suits data spread over the plane; no momentum and a slower generator keep it from swinging.
PLANE = {
    "latent": {"dim": 2, "prior": "uniform"},
    "generator": {"kind": "mlp", "depth": 3},
    "critic": {"kind": "mlp", "depth": 3},
    "objective": {"kind": "wgan-gp", "penalty_weight": 0.1},
    "batch_size": 128,
} | adam(1e-3, 2e-4, beta1=0.0)

# The image experiment of the report (§3.1, Table 1). It gives neither widths nor n_critic, clip bound nor λ: those are the
# papers' and the network's own. An epoch is 5,000 horses in batches of 16, one for each critic step: 1,400 are 437,500.
HORSES = {
    "dataset": {"kind": "cifar10", "classes": "horse"},
    "latent": {"dim": 100},
    "generator": {"kind": "report-dcgan"},
    "critic": {"kind": "report-dcgan"},
    "batch_size": 16,
    "snapshot_every": 500,
    "scores_every": 10_000,
} | adam(1e-5, beta2=0.99)
HORSE_STEPS = 1400 * 5000 // 16
FOR_A_GPU = (
    " This is the report's experiment at its full length, for a GPU; it has not been run to its end here. Pictures of your own"
    " stay, if you have chosen some."
)
# Half the width and fifty times the rate, so that a CPU gets there.
SMALL_HORSES = (
    HORSES
    | {
        "generator": {"kind": "report-dcgan", "base_channels": 16},
        "critic": {"kind": "report-dcgan", "base_channels": 16},
        "steps": 2000,
        "snapshot_every": 20,
        "scores_every": 500,
    }
    | adam(5e-4, beta2=0.99)
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "ring-gan-collapse",
            "Ring: a GAN collapses",
            "The generator learns ten times faster than the discriminator and chases one mode after another:"
            " 1 or 2 of 8 are covered at the end.",
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
            "Finds the circle first and the bumps later: all 8 modes within 80 steps, but after 1,500 steps 3 to 5 of 10 of"
            " the samples still lie between them.",
            CLIP | {"steps": 1500},
        ),
        Preset(
            "ring-wgan-gp",
            "Ring: WGAN-GP",
            "All 8 modes within 60 steps. After 1,000 steps 83 to 89 of 100 samples lie on a mode, against 53 to 71 with"
            " clipping after 1,500.",
            GP | {"steps": 1000},
        ),
        Preset(
            "ring-wgan-gp-estimate",
            "Ring: an estimate that follows the truth",
            "A fast critic and a slow generator: all 8 modes by step 230, and the estimate falls as the exact EM distance falls"
            " (rank correlation 0.95 to 0.97).",
            GP | {"steps": 350, "snapshot_every": 10} | adam(1e-3, 1e-4),
        ),
        Preset(
            "grid-wgan-gp",
            "25 Gaussians: WGAN-GP",
            "Twenty-five narrow modes on a grid, a hard task: 22 or 23 are covered after 2,500 steps, and more than half of"
            " the samples lie between modes. The count still changes from snapshot to snapshot.",
            PLANE | {"dataset": {"kind": "grid", "sigma": 0.1}, "steps": 2500, "snapshot_every": 50},
        ),
        Preset(
            "swiss-roll-wgan-gp",
            "Swiss roll: WGAN-GP",
            "One connected curve, rolled up. After 1,200 steps W1 is 1.0 to 1.4 times what two samples of the data"
            " themselves have.",
            PLANE | {"dataset": {"kind": "swiss-roll"}, "steps": 1200, "snapshot_every": 40},
        ),
        Preset(
            "lines-gan",
            "Parallel lines: a GAN stands still",
            "Example 1 of the WGAN paper: the discriminator soon tells the lines apart, its JS estimate sits at ln 2, and the"
            " generator, with plain gradient descent, stops near its start: W1 goes from 1.9 to 1.8.",
            LINES
            | {"objective": {"kind": "gan", "generator_goal": "saturating"}, "n_critic": 5}
            | adam(1e-3, beta2=0.999)
            | PLAIN_GENERATOR,
        ),
        Preset(
            "lines-wgan-gp",
            "Parallel lines: WGAN-GP arrives",
            "The same start and the same plain descent: the EM distance is |θ|, its slope never vanishes, and the generator"
            " walks over: W1 goes from 1.9 to about 0.1.",
            LINES | {"objective": {"kind": "wgan-gp", "penalty_weight": 1.0}} | adam(1e-3) | PLAIN_GENERATOR,
        ),
        Preset(
            "fashion-wgan-gp",
            "Fashion-MNIST: WGAN-GP with a DCGAN",
            "Real images: trousers, tops, shoes and boots can be told apart after 500 steps, and gain detail until 1,200,"
            " about three minutes on one free CPU core.",
            {
                "dataset": {"kind": "fashion-mnist"},
                "objective": {"kind": "wgan-gp", "penalty_weight": 10.0},
                "critic": {"kind": "dcgan", "normalisation": "none"},
                "batch_size": 32,
                "steps": 1200,
                "snapshot_every": 20,
            }
            | adam(2e-3),
        ),
        Preset(
            "horses-small",
            "Horses: WGAN-GP in minutes",
            "The report's networks at half the width and fifty times its rate: brown, dark and white bodies over green or pale"
            " ground after 2,000 steps, about four minutes on one free CPU core. Pictures of your own stay, if you have chosen"
            " some.",
            SMALL_HORSES | {"objective": {"kind": "wgan-gp", "penalty_weight": 10.0}},
            takes_pictures=True,
        ),
        Preset(
            "horses-gan",
            "Horses, full length: GAN",
            "CIFAR-10's horses, Adam 1e-5, batch 16: 437,500 steps of both networks." + FOR_A_GPU,
            HORSES | {"objective": {"kind": "gan"}, "steps": HORSE_STEPS},
            takes_pictures=True,
        ),
        Preset(
            "horses-wgan-clip",
            "Horses, full length: WGAN with weight clipping",
            "The same horses, networks and rates: 437,500 critic steps, and a generator step after every fifth."
            + FOR_A_GPU,
            HORSES | {"objective": {"kind": "wgan-clip", "clip": 0.01}, "steps": HORSE_STEPS // 5},
            takes_pictures=True,
        ),
        Preset(
            "horses-wgan-gp",
            "Horses, full length: WGAN-GP",
            "The same horses, networks and rates with λ = 10: 437,500 critic steps, and a generator step after every fifth."
            + FOR_A_GPU,
            HORSES | {"objective": {"kind": "wgan-gp", "penalty_weight": 10.0}, "steps": HORSE_STEPS // 5},
            takes_pictures=True,
        ),
    )
}
