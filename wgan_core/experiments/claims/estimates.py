"""What a critic says of the distance, beside the distance itself, and what its slope does for the generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from wgan_core.experiments.claims.ring import SEEDS, race
from wgan_core.experiments.experiment import Leg, TrainedExperiment
from wgan_core.experiments.tracks import Track, Tracks
from wgan_core.experiments.verdict import Quantity, measured
from wgan_core.lessons.presets import adam
from wgan_core.lessons.scenarios import clip, gan, gp
from wgan_core.theory.figure import Question

THREE = ("WGAN-GP", "WGAN, clipped", "GAN")
WINDOW = 5
# Fast critics and slow generators, so that the critic keeps up: the papers train it to near its best.
SLOW_GP = gp() | adam(1e-3, 1e-4)
SLOW_CLIP = clip() | {
    "critic_optimiser": {"kind": "rmsprop", "lr": 5e-4},
    "generator_optimiser": {"kind": "rmsprop", "lr": 5e-5},
}
LAZY_GP = gp(n_critic=1) | adam(1e-4, 1e-3)
LAZY_CLIP = clip(n_critic=1) | {
    "critic_optimiser": {"kind": "rmsprop", "lr": 1e-5},
    "generator_optimiser": {"kind": "rmsprop", "lr": 1e-3},
}
RATES = ("usual rates", "high rates")
LINES: dict[str, Any] = {"dataset": {"kind": "parallel-lines", "theta": 2.0}, "latent": {"dim": 2}}
# Adam divides by the gradient's size and so walks even on a vanishing gradient; plain descent shows what is there.
PLAIN = {"generator_optimiser": {"kind": "sgd", "lr": 0.01}}
SATURATING = gan(1e-3, generator_goal="saturating") | {"n_critic": 5} | PLAIN
WALKERS = ("GAN", "WGAN-GP")


def _follows(at: Tracks) -> list[Quantity]:
    return [
        measured("rank correlation of Ŵ and W₁, WGAN-GP", _rho(at, "WGAN-GP", "w_estimate"), low=0.8, key=True),
        measured("rank correlation of Ŵ and W₁, clipped", _rho(at, "WGAN, clipped", "w_estimate"), low=0.6, key=True),
        measured("rank correlation of the JS estimate and W₁, GAN", _rho(at, "GAN", "js_estimate"), high=0.3),
    ]


def _rho(at: Tracks, lane: str, estimate: str) -> Any:
    return at.rank_correlation(lane, estimate, "w1", WINDOW)


def _flat(at: Tracks) -> list[Quantity]:
    usual, high = RATES
    scale = at.each(usual, lambda track: float(np.nanmax(track.scalar("w_estimate"))))
    return [
        measured("share of W₁ left, high rates", at.left(high, "w1"), low=0.75, key=True),
        measured("change of Ŵ late, high rates", at.each(high, _change("w_estimate")) / scale, high=0.1, key=True,
                 note="over the largest Ŵ at the usual rates"),
        measured("share of W₁ left, usual rates", at.left(usual, "w1"), high=0.5),
    ]  # fmt: skip


def _change(name: str) -> Any:
    def spread(track: Track) -> float:
        values = track.scalar(name)
        return float(np.ptp(values[len(values) // 2 :]))

    return spread


def _walk(at: Tracks) -> list[Quantity]:
    stands, walks = WALKERS
    return [
        measured("share of W₁ left, GAN", at.left(stands, "w1"), low=0.8, key=True),
        measured("share of W₁ left, WGAN-GP", at.left(walks, "w1"), high=0.2, key=True),
        measured(
            "JS estimate late, GAN", at.late(stands, "js_estimate"), low=0.65, key=True, note="its ceiling is ln 2"
        ),
        measured("generator's gradient late over first, GAN", at.left(stands, "generator_grad_norm"), high=0.01),
        measured("generator's gradient late over first, WGAN-GP", at.left(walks, "generator_grad_norm"), low=0.1),
    ]


EXPERIMENTS = (
    TrainedExperiment(
        name="estimate-follows",
        title="The critic's estimate follows the distance",
        paper="wgan",
        source="Section 4.2, Figures 3 to 5; here in the plane, where W₁ can be computed",
        claim="A WGAN's estimate of the EM distance falls as the generator gets better; a GAN's estimate of JS says nothing of"
        " how good its samples are.",
        question=Question(
            "Exact W₁ is measured beside each estimate. Which estimates rank the snapshots as W₁ does?",
            ("only WGAN-GP's", "those of both WGANs", "all three, the GAN's too"),
            1,
            "A critic that keeps up with its generator measures a multiple of W₁. The GAN's discriminator only measures how well"
            " it tells the samples of the moment apart.",
        ),
        criterion="Spearman's rank correlation over the snapshots, the estimate median-filtered over 5 of them as in the paper:"
        " at least 0.8 for WGAN-GP, 0.6 for clipping, and at most 0.3 for the GAN.",
        why="1 would be the same order, 0 none. Clipping gets a lower bar: its critic first has to reach its bound, and until"
        " then its estimate rises while W₁ falls.",
        control="Critics ten and a hundred times slower than their generators, one step each: they cannot keep up.",
        minutes={"quick": 0.26, "full": 1.8},
        tries=(
            "Give the GAN a discriminator ten times faster than its generator: then its estimate follows W₁ as well.",
            "Train on after the generator has arrived: near the floor there is nothing left to rank.",
        ),
        legs={
            "quick": (Leg("ring", THREE, race([SLOW_GP, SLOW_CLIP, gan()], 3, 350, 10)),),
            "full": (Leg("ring", THREE, race([SLOW_GP, SLOW_CLIP, gan()], SEEDS, 400, 10)),),
            "control": (Leg("ring", THREE, race([LAZY_GP, LAZY_CLIP, gan()], 1, 100, 10)),),
        },
        shows=("w1", "w_estimate", "js_estimate"),
        measure=_follows,
    ),
    TrainedExperiment(
        name="high-rates",
        title="A failing run shows: its curve stays flat",
        paper="wgan",
        source="Figure 4, lower half",
        claim="At far too high learning rates a WGAN fails, and its estimate says so: both its samples and its loss stay"
        " constant.",
        question=Question(
            "The learning rate is 250 times too high. What does the critic's estimate do?",
            ("It falls, as if all were well", "It hardly moves", "It grows without bound"),
            1,
            "Every step throws all weights from one bound to the other; clipping keeps them there, and the scores stay where they"
            " are.",
        ),
        criterion="With RMSProp at 0.05 instead of 2e-4: late in the training at least 0.75 of W₁ is left, and in the second half"
        " the estimate changes by at most 0.1 of the largest estimate at the usual rates, at which at most 0.5 of W₁ is left.",
        why="A quarter of W₁ is less than the first 30 steps bring at the usual rates. A tenth of the scale is what the noise of"
        " minibatches makes.",
        control="The usual rates under the name of the high ones.",
        minutes={"quick": 0.17, "full": 1.2},
        tries=("Rates of 1e-2: the run fails too, but less quietly.",),
        legs={
            "quick": (Leg("ring", RATES, race([clip(), clip(lr=5e-2)], 3, 400, 20)),),
            "full": (Leg("ring", RATES, race([clip(), clip(lr=5e-2)], SEEDS, 500, 20)),),
            "control": (Leg("ring", RATES, race([clip(), clip()], 1, 150, 10)),),
        },
        shows=("w1", "w_estimate"),
        measure=_flat,
    ),
    TrainedExperiment(
        name="stands-still",
        title="Two lines: a GAN stands still, a WGAN arrives",
        paper="wgan",
        source="Example 1; also Khelifa and Rossa, section 3.1.4 (vanishing gradients)",
        claim="Where the supports do not meet, a GAN's estimate of JS sits at ln 2 and its generator's gradient vanishes, while a"
        " WGAN's generator is led all the way.",
        question=Question(
            "The generator starts on a line beside the data, and descends by plain gradient steps. Who walks over?",
            ("the GAN", "the WGAN", "both"),
            1,
            "The EM distance is |θ|, whose slope is 1 everywhere. JS is ln 2 everywhere, and log(1 − D) has no slope.",
        ),
        criterion="After 300 steps at least 0.8 of W₁ is left for the GAN and at most 0.2 for WGAN-GP. The GAN's JS estimate is"
        " at least 0.65, and its generator's gradient at most 0.01 of the first; that of WGAN-GP keeps at least 0.1.",
        why="0.8 and 0.2 are as far from each other as one can ask where 1 is no move and 0 is arrival. ln 2 is 0.693. A"
        " hundredth of a gradient is a hundredth of a step.",
        control="WGAN-GP under the name of the GAN.",
        minutes={"quick": 0.16, "full": 0.91},
        tries=("Use Adam for the generator: it divides by the gradient's size, and walks even on next to nothing.",),
        legs={
            "quick": (Leg("lines", WALKERS, race([SATURATING, gp() | PLAIN], 3, 300, 15, **LINES)),),
            "full": (Leg("lines", WALKERS, race([SATURATING, gp() | PLAIN], SEEDS, 300, 15, **LINES)),),
            "control": (Leg("lines", WALKERS, race([gp() | PLAIN, gp() | PLAIN], 1, 100, 20, **LINES)),),
        },
        shows=("w1", "js_estimate", "generator_grad_norm"),
        measure=_walk,
    ),
)
