"""Findings about what the generator makes: a few modes, or the same thing always."""

from __future__ import annotations

from wgan_core.coach.evidence import Evidence
from wgan_core.coach.finding import Rule, rule
from wgan_core.objectives import Gan

RULES: list[Rule] = []

# Samples that do not lie on modes (this share of them) are not collapsed onto some: the generator has not got there.
ON_MODES = 0.2
# Half the modes at most, and another main mode in a quarter of the snapshots of the later half. Measured: 0.4 to 1 in GANs
# that rotate, 0 to 0.17 in those that have settled; healthy runs change too, but cover all.
FEW, TURNING = 0.5, 0.25


@rule(
    RULES,
    "rotating-modes",
    "Mode collapse, rotating",
    "modes",
    "the WGAN paper, §4.1; Metz et al. 2016",
    unless=("learning-rate", "wrong-sign", "c-too-small", "c-too-large", "penalty-not-met"),
    heading="Why does the count of modes jump?",
)
def rotating_modes(e: Evidence) -> str | None:
    main = e.all("main_mode")[e.rows // 2 :]
    if not (e.now("modes_covered") <= FEW * e.modes and e.now("high_quality") > ON_MODES and len(main) > 1):
        return None
    if (main[1:] != main[:-1]).mean() < TURNING:
        return None
    return (
        f"The samples cover about {e.now('modes_covered'):.0f} of {e.modes} modes at a time, and not the same ones:"
        f" {len(set(main.tolist()))} took the lead in turn. The generator runs to where the critic's score is highest, and the"
        f" critic follows. {balance(e)}"
    )


# Three quarters of the modes at most, no more than before, W1 not falling, and samples that do lie on modes: else it is not
# collapse but a generator that has not got there. Measured: healthy runs cover 84 % and more.
MISSING = 0.75
# Spread relative to real samples. Measured: 0.10 to 0.19 in collapsed GANs on points and images, 0.9 to 1.1 in healthy runs.
NARROW, GROWING = 0.2, 1.2


@rule(
    RULES,
    "mode-collapse",
    "Mode collapse",
    "modes",
    "the WGAN paper, §3 (after Theorem 3) and §4.1; From GAN to WGAN, §4.4",
    unless=(
        "learning-rate",
        "wrong-sign",
        "penalty-not-met",
        "c-too-small",
        "c-too-large",
        "discriminator-won",
        "js-at-ln-2",
        "rotating-modes",
    ),
    heading="Can a WGAN collapse?",
)
def mode_collapse(e: Evidence) -> str | None:
    covered, on_modes = e.now("modes_covered"), e.now("high_quality") > ON_MODES
    if on_modes and covered <= MISSING * e.modes and covered <= e.before("modes_covered") and not e.falling:
        return (
            f"The samples cover {covered:.0f} of {e.modes} modes, and the number does not grow. The best answer to a fixed critic"
            f" is the few points that it scores highest, and nothing rewards variety. {balance(e)}"
        )
    if e.now("spread") < NARROW and e.now("spread") <= GROWING * e.before("spread"):
        return (
            f"Generated samples spread only {e.now('spread'):.2f} times as far as real ones: the generator makes much the same"
            f" thing from every latent. {balance(e)}"
        )
    return None


# Scores of images. Measured on Fashion-MNIST: collapsed GANs cover 1 to 5 of 10 classes, at most 0.05 of the coverage of real
# images, and no more from one scoring to the next; a WGAN-GP covers 10 from step 100 on, a sixth of that coverage by then, half
# of it by step 400, and 1.6 times as much every hundred steps on its way there.
SCORINGS, THIN, GROWS = 4, 0.25, 1.2
# Where the data have no classes to miss, recall stands for them.
UNREACHED = 0.1


@rule(
    RULES,
    "image-collapse",
    "Mode collapse, by the image scores",
    "precision",
    "Metz et al. 2016; Kynkäänniemi et al. 2019; Naeem et al. 2020",
    unless=("learning-rate", "wrong-sign", "penalty-not-met", "c-too-small", "c-too-large", "mode-collapse"),
    heading="Precision, recall, density, coverage",
)
def image_collapse(e: Evidence) -> str | None:
    coverage = e.all("coverage")
    if len(coverage) < SCORINGS:
        return None
    now, before = float(coverage[-2:].mean()), float(coverage[-4:-2].mean())
    if not now < THIN * e.now("coverage_real") or now > GROWS * before:
        return None
    if (covered := e.all("classes_covered")[-2:]).size:
        missing, missed = (
            covered.mean() <= MISSING * e.now("classes"),
            f"{covered.mean():.0f} of {e.now('classes'):.0f} classes are covered. ",
        )
    else:
        missing, missed = e.all("recall")[-2:].mean() < UNREACHED * e.now("recall_real"), ""
    if not missing:
        return None
    return (
        f"{missed}Only {now:.1%} of the real images have a generated one near (coverage; among real images"
        f" {e.now('coverage_real'):.0%}), and it does not grow: the generator makes a few things only. {balance(e)}"
    )


# Measured on the ring: with equal rates of 1e-3 a GAN covers 8 of 8 in all of 8 seeds, after 500 to 1,900 steps; with 2e-4 or
# unequal rates it mostly collapses (betas 0.5 and 0.999).
GOOD_RATE = 5e-4


def balance(e: Evidence) -> str:
    """What to try against collapse."""
    if not isinstance(e.config.objective, Gan):
        return "Try more critic steps (n_critic) or a lower rate for the generator."
    theirs, ours = e.config.critic_optimiser.lr, e.config.generator_optimiser.lr
    first = "Train on, since it may pass," if theirs == ours >= GOOD_RATE else "Try equal learning rates of about 1e-3,"
    return f"{first} or try a WGAN, whose critic may be trained to its best."
