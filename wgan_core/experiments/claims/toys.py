"""Five Gaussians on a circle, the toy of the report by Moses and Bai: gradients, spectral normalisation, asking for a mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from wgan_core.experiments.claims.ring import SEEDS, race
from wgan_core.experiments.experiment import Leg, TrainedExperiment
from wgan_core.experiments.tracks import Track, Tracks
from wgan_core.experiments.verdict import Quantity, measured
from wgan_core.lessons.presets import adam
from wgan_core.lessons.scenarios import clip, gp
from wgan_core.theory.figure import Question

# As in the notebook that goes with the report (gan-wgan.ipynb), but networks of 128 units instead of 512 and rates ten times
# as high, so that a CPU gets there.
NET = {"kind": "mlp", "depth": 3, "activation": "leaky-relu"}
TOY: dict[str, Any] = {
    "dataset": {"kind": "ring", "modes_count": 5, "radius": 1.0, "sigma": 0.0125**0.5},
    "latent": {"dim": 2, "prior": "uniform"},
    "generator": NET,
    "critic": NET,
    "batch_size": 64,
    "n_critic": 5,
}
RATE = 5e-4
CLIPPED = clip(lr=RATE)
SATURATING: dict[str, Any] = {"objective": {"kind": "gan", "generator_goal": "saturating"}}
GANS = {
    "GAN, log(1 − D)": SATURATING | adam(RATE, beta1=0.9, beta2=0.999),
    "GAN, −log D": {"objective": {"kind": "gan"}} | adam(RATE, beta1=0.9, beta2=0.999),
}
FIVE_LANES = (*GANS, "WGAN, clipped")
SLOPE_LANES = ("spectral normalisation", "gradient penalty")
SPECTRAL = {"objective": {"kind": "wgan"}, "constraint": {"kind": "spectral"}} | adam(1e-3)
STEEP = clip(1.0, lr=RATE)
ASKED = ("WGAN-GP, told", "WGAN, clipped, told")
NOT_TOLD = "WGAN-GP, not told"
STANDING = {"generator_optimiser": {"kind": "sgd", "lr": 1e-6}}  # a generator that hardly learns


def _asking(seeds: int, length: int, every: int, generator: dict[str, Any] | None = None) -> tuple[Leg, ...]:
    """A leg of conditional runs, and one of an unconditional one: the lanes of a race see the same data."""
    told = [lane | (generator or {}) for lane in (gp(), CLIPPED)]
    return (
        Leg("told", ASKED, race(told, seeds, length, every, **TOY, conditional=True)),
        Leg("not told", (NOT_TOLD,), race(told[:1], seeds, length, every, **TOY)),
    )


def _gradients(at: Tracks) -> list[Quantity]:
    left = {lane: at.left(lane, "generator_grad_norm") for lane in FIVE_LANES}
    written, usual = GANS
    wgan = FIVE_LANES[-1]
    return [
        measured(f"generator's gradient late over first, {written}", left[written], high=0.1, key=True),
        measured(f"generator's gradient late over first, {wgan}", left[wgan], low=0.1, key=True),
        measured(f"modes of the {wgan}", at.late(wgan, "modes_covered"), low=5, key=True),
        measured(f"share of W₁ left, {wgan}", at.left(wgan, "w1"), high=0.5),
        *(measured(f"modes of the {lane}", at.late(lane, "modes_covered"), high=2) for lane in GANS),
        measured(f"generator's gradient late over first, {usual}", left[usual]),
        *(measured(f"share of W₁ left, {lane}", at.left(lane, "w1")) for lane in GANS),
        *(measured(f"JS estimate late, {lane}", at.late(lane, "js_estimate")) for lane in GANS),
    ]


def _steepest(track: Track) -> float:
    return float(np.nanmax(track.scalar("input_grad_norm_max")))


def _slope(at: Tracks) -> list[Quantity]:
    spectral, penalty = SLOPE_LANES
    return [
        measured(f"steepest slope of all snapshots, {spectral}", at.each(spectral, _steepest), high=1.001, key=True),
        measured(f"modes, {spectral}", at.late(spectral, "modes_covered"), low=5, key=True),
        measured(f"share of W₁ left, {spectral}", at.left(spectral, "w1"), high=0.5),
        measured(f"mean slope late, {spectral}", at.late(spectral, "input_grad_norm_mean")),
        measured(f"steepest slope of all snapshots, {penalty}", at.each(penalty, _steepest)),
        measured(f"mean slope late, {penalty}", at.late(penalty, "input_grad_norm_mean")),
        measured(f"share of W₁ left, {penalty}", at.left(penalty, "w1")),
    ]


def _asked(at: Tracks) -> list[Quantity]:
    return [
        *(measured(f"samples in the asked mode, {n}", at.late(n, "asked_mode"), low=0.9, key=True) for n in ASKED),
        *(measured(f"modes, {n}", at.late(n, "modes_covered"), low=5) for n in ASKED),
        *(measured(f"share of W₁ left, {n}", at.left(n, "w1"), high=0.5) for n in ASKED),
        measured(f"share of W₁ left, {NOT_TOLD}", at.left(NOT_TOLD, "w1")),
        *(measured(f"high-quality share late, {n}", at.late(n, "high_quality")) for n in (*ASKED, NOT_TOLD)),
    ]


EXPERIMENTS = (
    TrainedExperiment(
        name="five-gaussians",
        title="Five Gaussians: does the GAN's gradient vanish?",
        paper="moses-bai",
        source="Sections 2.3.1 and 3.5; the five Gaussians are those of the notebook that goes with the report",
        claim="On five Gaussians the gradient that a GAN's generator gets from log(1 − D) vanishes and modes are lost, while a"
        " clipped WGAN's generator keeps its gradient and covers all five.",
        question=Question(
            "Discriminator and critic make five steps for each of the generator's. Whose generator's gradient ends below a tenth"
            " of what it was?",
            ("the GAN's with log(1 − D)", "the WGAN's", "neither"),
            2,
            "The full size: 1.2 times the first for the GAN, 7.7 times for the WGAN. Gaussians overlap everywhere in the plane:"
            " the JS estimate ends near 0.2, far from ln 2. And with this discriminator both GANs cover all five modes too.",
        ),
        criterion="Late in the training the norm of the generator's gradient is at most 0.1 of the first one measured for the GAN"
        " with log(1 − D), and at least 0.1 for the clipped WGAN, which covers all 5 modes and has at most 0.5 of W₁ left; both"
        " GANs cover at most 2 modes.",
        why="Norms of different losses have different units, so each is compared with its own start. A tenth is far outside of"
        " what minibatches do; 2 of 5 is fewer than half. The report says it of supports that hardly overlap: neighbouring modes"
        " are ten σ apart here. It derives the vanishing gradient for log(1 − D); its notebook trains with −log D.",
        control="The WGAN under all names.",
        minutes={"quick": 0.18, "full": 1.7},
        tries=(
            "Run “Two lines: a GAN stands still, a WGAN arrives”: there the supports do not meet, and the gradient vanishes.",
            "Let the GAN's generator learn ten times faster than its discriminator.",
        ),
        legs={
            "quick": (Leg("five", FIVE_LANES, race([*GANS.values(), CLIPPED], 2, 300, 20, **TOY)),),
            "full": (Leg("five", FIVE_LANES, race([*GANS.values(), CLIPPED], SEEDS, 500, 20, **TOY)),),
            "control": (Leg("five", FIVE_LANES, race([CLIPPED] * 3, 1, 40, 10, **TOY)),),
        },
        shows=("generator_grad_norm", "modes_covered", "w1"),
        measure=_gradients,
    ),
    TrainedExperiment(
        name="spectral-slope",
        title="Spectral normalisation holds the critic's slope",
        paper="moses-bai",
        source="Section 3.6, “Other GAN variants”; Miyato et al. 2018, section 2.1",
        claim="Spectral normalisation enforces the Lipschitz constraint: no slope of the critic exceeds 1 at any time, without"
        " clipping or penalty, and the WGAN still learns the five Gaussians.",
        question=Question(
            "Each layer of the critic has spectral norm 1. How steep is the critic on average late in the training?",
            ("1, nearly everywhere", "clearly below 1", "above 1 in places"),
            1,
            "The full size: 0.57 on average, and never above 0.9, as norms of 1 bound the slope from above only. The constraint"
            " holds, but a flat critic teaches slowly: after 400 steps seven seeds of sixteen still lack a mode or two. The quick"
            " size ends earlier, with 0.55 of W₁ left. The gradient penalty keeps the mean at 0.95, and lets single slopes reach"
            " 2.3.",
        ),
        criterion="The steepest slope measured between data and samples, over all snapshots, is at most 1.001; late in the"
        " training all 5 modes are covered, and at most 0.5 of W₁ is left.",
        why="The product of the layers' norms bounds the slope by 1 exactly: 0.001 is for rounding in single precision. Half of"
        " W₁ is what the WGANs on the ring of eight are asked for.",
        control="A critic that is clipped at c = 1 instead, which allows far steeper slopes, under both names.",
        minutes={"quick": 0.27, "full": 2.5},
        tries=(
            "Train longer: does it catch up with the gradient penalty?",
            "Make the critic deeper or flatter: what becomes of its mean slope?",
        ),
        legs={
            "quick": (Leg("five", SLOPE_LANES, race([SPECTRAL, gp()], 2, 250, 25, **TOY)),),
            "full": (Leg("five", SLOPE_LANES, race([SPECTRAL, gp()], SEEDS, 400, 25, **TOY)),),
            "control": (Leg("five", SLOPE_LANES, race([STEEP] * 2, 1, 40, 10, **TOY)),),
        },
        shows=("input_grad_norm_max", "input_grad_norm_mean", "modes_covered", "w1"),
        measure=_slope,
    ),
    TrainedExperiment(
        name="asked-mode",
        title="A WGAN that is told what to make",
        paper="moses-bai",
        source="Section 3.6, “Conditional WGANs”; also Mirza and Osindero 2014",
        claim="Told the class in both generator and critic, a WGAN puts its samples where they are asked for, held by a gradient"
        " penalty or by clipping, and still covers the data.",
        question=Question(
            "Five Gaussians, and generator and critic are told which one each sample belongs to. How many samples of ten does a"
            " clipped WGAN put into the mode that was asked for?",
            ("about 2, as by chance", "about 5", "9 or more"),
            2,
            "All ten, with either constraint. Only coverage is not sure: with the gradient penalty one seed of sixteen lost a"
            " mode in the full size.",
        ),
        criterion="Late in the training at least 0.9 of the samples are nearest to the mode that was asked for, all 5 modes are"
        " covered, and at most 0.5 of W₁ is left, with either constraint.",
        why="By chance it is 1 in 5, and the data themselves come to 1, as their modes are ten σ apart. 0.9 leaves room for"
        " samples between modes.",
        control="Generators that hardly learn: where their samples lie has little to do with what was asked for.",
        minutes={"quick": 0.2, "full": 1.4},
        tries=("Ask for more modes: 25 on the grid, each told by its number.",),
        legs={
            "quick": _asking(2, 200, 20),
            "full": _asking(SEEDS, 300, 20),
            "control": _asking(1, 20, 10, STANDING),
        },
        shows=("asked_mode", "modes_covered", "w1"),
        measure=_asked,
    ),
)
