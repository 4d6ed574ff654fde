"""Scenarios: races that each teach one thing, with a question to answer before looking.

What each one ended with, over which seeds, is in ``docs/scenarios.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wgan_core.config import RunConfig
from wgan_core.config.run import ARCHITECTURE, SHARED
from wgan_core.lessons.presets import SMALL_HORSES, adam, rmsprop


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
        What :meth:`wgan_core.config.run.RunConfig.parse` takes.
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
    def config(self) -> RunConfig:
        return RunConfig.parse(self.settings)


def gan(critic_lr: float = 1e-4, generator_lr: float = 1e-3, **more: Any) -> dict[str, Any]:
    return {"objective": {"kind": "gan", **more}, **adam(critic_lr, generator_lr, beta2=0.999)}


def clip(c: float = 0.01, lr: float = 2e-4, **more: Any) -> dict[str, Any]:
    return {"objective": {"kind": "wgan-clip", "clip": c}, **rmsprop(lr), **more}


def gp(penalty_weight: float = 1.0, lr: float = 1e-3, **more: Any) -> dict[str, Any]:
    return {"objective": {"kind": "wgan-gp", "penalty_weight": penalty_weight}, **adam(lr), **more}


def clip_with(beta1: float) -> dict[str, Any]:
    """A clipped critic under Adam with this much momentum; the generator under RMSProp, as in the paper."""
    return clip() | {"critic_optimiser": {"kind": "adam", "lr": 2e-4, "beta1": beta1, "beta2": 0.99}}


WIDE, NARROW = {"kind": "ring"}, {"kind": "ring", "sigma": 0.02}
THREE = [gan(), clip(), gp()]
DEEP = {"kind": "mlp", "depth": 3}
PLANE = {"latent": {"dim": 2, "prior": "uniform"}, "generator": DEEP, "critic": DEEP}
HORSE_RATES = adam(5e-4, beta2=0.99)
PLAIN_GENERATOR = {"generator_optimiser": {"kind": "sgd", "lr": 0.01}}

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "three-objectives",
            "GAN, WGAN-clip, WGAN-GP: the wide ring",
            "Eight Gaussians on a ring (σ² = 0.05); same networks, same start. Which will cover all eight?",
            ("only the GAN", "only WGAN-clip", "both WGANs", "all three"),
            2,
            "In 16 of 16 seeds the GAN ends on one mode, and both WGANs cover all eight. The GAN's generator "
            "learns ten times faster than its discriminator and chases one mode after another. WGAN-clip finds "
            "the circle first (a high-quality share of 0.4), WGAN-GP the bumps too (0.8). (WGAN paper, §3 and "
            "§4.)",
            30,
            {"shared": {"dataset": WIDE}, "lanes": THREE, "length": 600, "snapshot_every": 30},
        ),
        Scenario(
            "narrow-ring",
            "GAN, WGAN-clip, WGAN-GP: the narrow ring",
            "The same ring with tiny bumps (σ = 0.02). Which puts most samples onto a mode?",
            ("the GAN", "WGAN-clip", "WGAN-GP"),
            2,
            "After 1,000 steps WGAN-GP has 11 to 18 of 100 samples on a mode and covers 4 to 6; WGAN-clip has "
            "found the circle (W1 0.7 to 0.9) and no bump; the GAN sits beside a single mode. Narrow modes take "
            "all of them far longer. (Gulrajani et al. 2017, §3.)",
            60,
            {"shared": {"dataset": NARROW}, "lanes": THREE, "length": 1000, "snapshot_every": 40},
        ),
        Scenario(
            "equal-seconds",
            "A fair clock: ten seconds each",
            "A WGAN trains its critic five times a step. With equal seconds of training, will the GAN catch up?",
            ("yes, it covers all eight", "no, it stays at one or two"),
            1,
            "In ten seconds the GAN makes three to five times as many generator steps and still ends on 1 to 3 "
            "modes; both WGANs cover all eight. Its trouble is not a lack of steps. (WGAN paper, §3.)",
            45,
            {"shared": {"dataset": WIDE}, "lanes": THREE, "clock": "seconds", "length": 10, "snapshot_every": 30},
        ),
        Scenario(
            "clip-bound",
            "The clip bound c",
            "Only c differs: 0.001, 0.01, 0.1, 0.5. Which of them cover all eight modes, whatever the seed?",
            ("0.001 and 0.01", "0.01 and 0.1", "0.1 and 0.5", "all four"),
            0,
            "With c = 0.001 and 0.01 all eight are covered (from step 200 and 80), with 0.1 three to eight, with "
            "0.5 two to five. A large c lets the critic grow steep and takes long to reach its bound. A small one"
            " makes gradients tiny (1e-6), which RMSProp scales up again: plain descent could not. (Gulrajani et "
            "al. 2017, §3; WGAN paper, §3.)",
            60,
            {
                "shared": {"dataset": WIDE},
                "lanes": [clip(0.001), clip(0.01), clip(0.1), clip(0.5)],
                "length": 500,
                "snapshot_every": 20,
            },
        ),
        Scenario(
            "penalty-weight",
            "The penalty's weight λ",
            "Only λ differs: 0.1, 1, 10 (the paper's), 100. Which gets nearest to the data?",
            ("0.1 or 1", "10", "100", "all alike"),
            0,
            "With λ = 0.1 and 1 all eight modes are covered from step 60 and W1 falls to about 0.3. With the "
            "paper's λ = 10, tuned on images with a rate ten times lower, 2 to 5; with 100 none or two, and the "
            "generator may fly away. (Gulrajani et al. 2017, §4, for λ.)",
            60,
            {
                "shared": {"dataset": WIDE},
                "lanes": [gp(0.1), gp(1), gp(10), gp(100)],
                "length": 500,
                "snapshot_every": 20,
            },
        ),
        Scenario(
            "critic-steps",
            "Critic steps before each generator step",
            "n_critic is 1, 5 or 25. After the same number of generator steps, which is nearest to the data?",
            ("1", "5", "25 by far", "5 and 25 alike"),
            3,
            "With n_critic = 1 the critic lags and the generator collapses onto 1 or 2 modes, WGAN-GP or not. "
            "With 5 and 25 all eight are covered, from step 50 and 30, and W1 is about 0.5 for both: more than "
            "enough critic steps buy little and cost five times as much. (WGAN paper, §3, trains the critic to "
            "near optimality.)",
            40,
            {
                "shared": {"dataset": WIDE},
                "lanes": [gp(n_critic=n) for n in (1, 5, 25)],
                "length": 200,
                "snapshot_every": 10,
            },
        ),
        Scenario(
            "saturating",
            "Saturating against non-saturating",
            "The generator minimises log(1 − D) or −log D; all else is equal. Which covers all eight, whatever "
            "the seed?",
            ("log(1 − D), the saturating one", "−log D, the non-saturating one", "both all eight"),
            0,
            "Here the saturating loss covers all eight in 4 of 4 seeds; the non-saturating one, which everyone "
            "uses, ends on one mode in two of them. Its gradient is strong where the discriminator is sure, and "
            "throws the generator from mode to mode. The saturating loss fails elsewhere: see the parallel lines."
            " (From GAN to WGAN, §4.)",
            40,
            {
                "shared": {"dataset": WIDE},
                "lanes": [gan(2e-4, 2e-4, generator_goal="saturating"), gan(2e-4, 2e-4)],
                "length": 2000,
                "snapshot_every": 50,
            },
        ),
        Scenario(
            "momentum",
            "Momentum on a clipped critic",
            "The WGAN paper found momentum harmful to a clipped critic. How much does it take here?",
            ("β₁ = 0.5 is enough", "β₁ = 0.9 is enough", "it takes β₁ = 0.99", "it never harms"),
            2,
            "β₁ = 0.5 and 0.9 still cover all eight, a little later; with β₁ = 0.99 the estimate swings below 0 "
            "and 1 to 3 modes are covered. The paper's warning holds, but on this ring it takes strong momentum. "
            "(WGAN paper, §4.3.)",
            60,
            {
                "shared": {"dataset": WIDE},
                "lanes": [clip(), clip_with(0.5), clip_with(0.9), clip_with(0.99)],
                "length": 500,
                "snapshot_every": 20,
            },
        ),
        Scenario(
            "twenty-five",
            "Twenty-five Gaussians",
            "A grid of 25 modes (σ = 0.1). About how many will the GAN and WGAN-GP cover?",
            ("the GAN more", "both about 20", "the GAN under 10, WGAN-GP about 20"),
            2,
            "The GAN ends on no mode or one of 25; WGAN-GP covers 21 to 24, with many samples still between them."
            " (Gulrajani et al. 2017, Figure 1, has this grid.)",
            70,
            {
                "shared": {"dataset": {"kind": "grid", "sigma": 0.1}, **PLANE},
                "lanes": [gan(), gp(0.1) | adam(1e-3, 2e-4, beta1=0.0)],
                "length": 1200,
                "snapshot_every": 50,
            },
        ),
        Scenario(
            "gan-that-works",
            "A GAN that works beside one that collapses",
            "Two GANs, the same networks. One generator learns ten times faster than its discriminator. Which "
            "covers all eight?",
            ("the one with the fast generator", "the one with equal rates", "neither", "both"),
            1,
            "With equal rates of 1e-3 the GAN covers all eight from about step 800; with a fast generator it "
            "stays on one. Collapse is a matter of settings, not of the name GAN; what a WGAN buys is that far "
            "more settings work. (WGAN paper, §4.3.)",
            35,
            {
                "shared": {"dataset": WIDE},
                "lanes": [gan(), gan(1e-3, 1e-3)],
                "length": 2000,
                "snapshot_every": 50,
            },
        ),
        Scenario(
            "parallel-lines",
            "Two parallel lines",
            "The generator starts on a line beside the data (Example 1 of the WGAN paper). Who walks over?",
            ("the GAN", "WGAN-GP", "both", "neither"),
            1,
            "The lines do not overlap, so the discriminator tells them apart, JS sits at ln 2, and log(1 − D) has"
            " no slope: W1 stays at 1.7 to 1.8. The EM distance is |θ| and always has a slope: WGAN-GP walks "
            "over, W1 falls to about 0.1. (WGAN paper, Example 1.)",
            20,
            {
                "shared": {"dataset": {"kind": "parallel-lines", "theta": 2.0}, "latent": {"dim": 2}},
                "lanes": [
                    gan(1e-3, generator_goal="saturating") | {"n_critic": 5} | PLAIN_GENERATOR,
                    gp() | PLAIN_GENERATOR,
                ],
                "length": 300,
                "snapshot_every": 10,
            },
        ),
        Scenario(
            "horses",
            "Horses: the report's image experiment, small",
            "CIFAR-10's horses; the same networks and rates, only the loss differs. Whose pictures end nearest to the horses, by"
            " the Fréchet distance of a small CNN?",
            ("the GAN with log(1 − D)", "the GAN with −log D", "WGAN-clip", "WGAN-GP"),
            3,
            "After 2,000 steps the distances are 61, 75, 85 and 7 (horses against other horses: 1.6), and only WGAN-GP has"
            " variety: recall 0.49, the others 0.00. Its generator's gradient stays between 13 and 36. That of log(1 − D) falls"
            " to 0.1 where the discriminator wins, as the report says, and comes back; that of WGAN-clip falls to 0.01. One"
            " seed. (The report, §3.1.4 and Figure 6.)",
            540,
            {
                "shared": {name: value for name, value in SMALL_HORSES.items() if name in SHARED + ARCHITECTURE},
                "lanes": [
                    HORSE_RATES | {"objective": objective}
                    for objective in (
                        {"kind": "gan", "generator_goal": "saturating"},
                        {"kind": "gan"},
                        {"kind": "wgan-clip", "clip": 0.01},
                        {"kind": "wgan-gp", "penalty_weight": 10.0},
                    )
                ],
                "length": 2000,
                "snapshot_every": 20,
            },
        ),
    )
}
