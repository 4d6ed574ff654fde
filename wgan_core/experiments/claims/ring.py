"""The ring of eight Gaussians: who covers it, in which order, and what helps a GAN that does not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wgan_core.experiments.experiment import Leg, TrainedExperiment
from wgan_core.experiments.tracks import Track, Tracks
from wgan_core.experiments.verdict import Quantity, measured
from wgan_core.lessons.scenarios import clip, clip_with, gan, gp
from wgan_core.theory.figure import Question

SEEDS = 16  # of a full size on points: then the interval leaves three seeds out on either side
RING = {"kind": "ring"}  # σ² = 0.05, as in the paper by Khelifa and Rossa
LANES = ("GAN", "WGAN, clipped", "WGAN-GP")
WGANS = LANES[1:]
ORDERED = ("WGAN-GP", "WGAN, clipped")
BETAS = ("RMSProp", "Adam, β₁ = 0.9", "Adam, β₁ = 0.99")
BATCH_NORM = {"kind": "mlp", "normalisation": "batch"}
REMEDIES: dict[str, dict[str, Any]] = {
    "feature matching": {"remedies": {"feature_matching": {"weight": 1.0}}},
    "minibatch discrimination": {"remedies": {"minibatch_discrimination": {"kernels": 16}}},
    "historical averaging": {"remedies": {"historical_averaging": {"weight": 1.0}}},
    "label smoothing": {"remedies": {"label_smoothing": {"amount": 0.1}}},
    "virtual batch normalisation": {
        "generator": BATCH_NORM,
        "critic": BATCH_NORM,
        "remedies": {"virtual_batch": {"references": 128}},
    },
    "noise": {"remedies": {"instance_noise": {"sigma": 0.5}}},
}


def race(lanes: Sequence[Mapping[str, Any]], seeds: int, length: int, every: int = 50, **shared: Any) -> dict[str, Any]:
    """A race on the ring, or with another ``dataset`` among what is shared."""
    return {
        "shared": {"dataset": RING, **shared},
        "lanes": [dict(lane) for lane in lanes],
        "seeds": seeds,
        "length": length,
        "snapshot_every": every,
    }


def _coverage(at: Tracks) -> list[Quantity]:
    left = np.max([at.left(lane, "w1") for lane in WGANS], axis=0)
    return [
        measured("modes of the GAN", at.late("GAN", "modes_covered"), high=3, key=True),
        *(measured(f"modes of the {lane}", at.late(lane, "modes_covered"), low=8, key=True) for lane in WGANS),
        measured("share of W₁ left, the larger of both WGANs", left, high=0.5),
        measured("share of W₁ left, GAN", at.left("GAN", "w1")),
    ]


def _bumps_with_the_circle(track: Track) -> float:
    """How marked the bumps are when the circle's error first is a quarter of that at the start."""
    error, bumps = track.scalar("radius_w1"), track.scalar("bumps")
    there = np.flatnonzero(error <= error[0] / 4)
    return abs(float(bumps[there[0]])) if len(there) else math.nan


def _order(at: Tracks) -> list[Quantity]:
    numbers = []
    for lane in ORDERED:
        then = at.each(lane, _bumps_with_the_circle)
        numbers += [
            measured(f"bumps when the circle is found, {lane}", then, high=1 / 3, key=True),
            measured(f"bumps at the end, {lane}", at.late(lane, "bumps"), low=0.5),
            measured(f"modes at the end, {lane}", at.late(lane, "modes_covered"), low=8, key=True),
        ]
    return numbers


def _momentum(at: Tracks) -> list[Quantity]:
    plain, some, strong = BETAS
    return [
        measured(f"modes, {strong}", at.late(strong, "modes_covered"), high=4, key=True),
        measured(f"modes, {plain}", at.late(plain, "modes_covered"), low=8, key=True),
        measured(f"least cosine of step and descent, {strong}", at.least(strong, "critic_step_cosine"), high=0),
        measured(f"least cosine of step and descent, {plain}", at.least(plain, "critic_step_cosine"), low=0),
        measured(f"modes, {some}", at.late(some, "modes_covered")),
        measured(f"least cosine, {some}", at.least(some, "critic_step_cosine")),
    ]


def _remedies(at: Tracks) -> list[Quantity]:
    alone = at.late("GAN alone", "modes_covered")
    modes = {name: at.late(name, "modes_covered") for name in REMEDIES}
    more = float(np.median(alone)) + 1
    helped = sum(float(np.median(np.nan_to_num(found))) >= more for found in modes.values())
    return [
        Quantity("remedies that help, of six", (float(helped),), low=4, key=True),
        *(measured(f"modes with {name}", found, low=more) for name, found in modes.items()),
        measured("modes of the GAN alone", alone),
    ]


def _remedy_legs(seeds: int, length: int) -> tuple[Leg, ...]:
    names = list(REMEDIES)
    first, second = [gan() | REMEDIES[n] for n in names[:3]], [gan() | REMEDIES[n] for n in names[3:]]
    return (
        Leg("first three", ("GAN alone", *names[:3]), race([gan(), *first], seeds, length, 100)),
        Leg("other three", tuple(names[3:]), race(second, seeds, length, 100)),
    )


EXPERIMENTS = (
    TrainedExperiment(
        name="ring-coverage",
        title="The ring: 3 of 8 modes against 8 of 8",
        paper="khelifa-rossa",
        source="Section 3.2, Figure 7",
        claim="On a ring of eight Gaussians (σ² = 0.05) a GAN ends on 3 of 8 modes; a WGAN, clipped or penalised, covers 8.",
        question=Question(
            "A GAN, a WGAN with clipping and a WGAN with a gradient penalty train on the ring. How many modes of eight does the"
            " GAN have at the end?",
            ("1 to 3", "4 to 6", "all 8"),
            0,
            "With a generator that learns ten times faster than its discriminator, the GAN chases one mode after another."
            " Other rates give other counts, up to all eight: collapse is a matter of settings.",
        ),
        criterion="Over the last fifth of the training: the GAN covers at most 3 modes, each WGAN all 8, and W₁ of each WGAN is"
        " at most 0.5 of that at the start. A mode is covered when 1 % of the samples are within 3σ of it.",
        why="3 of 8 is what the paper reports, and 8 is all. Half of W₁ keeps a WGAN from passing that smears samples over the"
        " whole plane.",
        control="The GAN's settings under the names of the WGANs.",
        minutes={"quick": 0.33, "full": 2.0},
        tries=(
            "Give the GAN equal learning rates of 1e-3: it covers all eight.",
            "Take the narrow ring, σ = 0.02: every method needs far longer.",
        ),
        legs={
            "quick": (Leg("ring", LANES, race([gan(), clip(), gp()], 4, 600)),),
            "full": (Leg("ring", LANES, race([gan(), clip(), gp()], SEEDS, 600)),),
            "control": (Leg("ring", LANES, race([gan(), gan(), gan()], 1, 300)),),
        },
        measure=_coverage,
    ),
    TrainedExperiment(
        name="circle-first",
        title="The circle first, the bumps later",
        paper="wgan",
        source="Figure 2 and section 4; also Khelifa and Rossa, section 3.2.3",
        claim="A WGAN first finds the low-dimensional structure of the ring, its circle, and only then the bumps of the density.",
        question=Question(
            "A WGAN has found the circle. Where on it are its samples?",
            ("evenly all around", "already gathered in eight bumps", "on one side of it"),
            0,
            "Moving earth along the circle is cheaper than moving it onto the circle, so that the critic's slope points there"
            " first.",
        ),
        criterion="When the error of the radius (W₁ of the distances from the centre) first is a quarter of that at the start,"
        " the bumps are at most 1/3 as marked as those of the data; at the end they are at least 0.5, and all 8 modes are"
        " covered.",
        why="1 would be the bumps of the data and 0 an even circle. 1/3 and 0.5 are far enough apart that both cannot be the same"
        " number by chance.",
        control="The GAN's settings: it sits on single modes, each with a radius and a bump at once.",
        minutes={"quick": 0.35, "full": 5.6},
        tries=("Train the clipped WGAN four times as long: its bumps come too.",),
        legs={
            "quick": (Leg("ring", ORDERED, race([gp(), clip(lr=5e-4)], 3, 1000, 50)),),
            "full": (Leg("ring", ORDERED, race([gp(), clip(lr=5e-4)], SEEDS, 1200, 50)),),
            "control": (Leg("ring", ORDERED, race([gan(), gan()], 1, 300, 25)),),
        },
        shows=("radius_w1", "bumps", "modes_covered"),
        measure=_order,
    ),
    TrainedExperiment(
        name="momentum",
        title="Momentum unsettles a clipped critic",
        paper="wgan",
        source="Section 4.3, the negative result",
        claim="Adam with momentum makes a clipped critic's training unstable where RMSProp is stable, and there the cosine"
        " between Adam's step and the gradient's turns negative.",
        question=Question(
            "The critic's optimiser is RMSProp, or Adam with β₁ = 0.9 or 0.99. Which of them still cover all eight modes?",
            ("RMSProp only", "RMSProp and β₁ = 0.9", "all three"),
            1,
            "On this ring it takes strong momentum: with β₁ = 0.99 the critic goes on towards where the generator was long ago.",
        ),
        criterion="With β₁ = 0.99 at most 4 modes are covered late in the training, with RMSProp all 8; the least cosine between"
        " step and descent falls to 0 or below with β₁ = 0.99, and stays at 0 or above with RMSProp.",
        why="Half of the modes is a failure that no seed's luck makes up for. A cosine below 0 is what the paper saw: the step"
        " goes uphill.",
        control="RMSProp under the name of Adam.",
        minutes={"quick": 0.23, "full": 4.6},
        tries=(
            "β₁ = 0.5, the GAN's usual one: hardly a difference.",
            "A learning rate ten times higher, with β₁ = 0.9.",
        ),
        legs={
            "quick": (Leg("ring", BETAS, race([clip(), clip_with(0.9), clip_with(0.99)], 3, 400, 20)),),
            "full": (Leg("ring", BETAS, race([clip(), clip_with(0.9), clip_with(0.99)], SEEDS, 500, 20)),),
            "control": (Leg("ring", BETAS, race([clip(), clip(), clip()], 1, 120, 20)),),
        },
        shows=("modes_covered", "critic_step_cosine", "w1"),
        measure=_momentum,
    ),
    TrainedExperiment(
        name="remedies",
        title="Six remedies for a GAN that collapses",
        paper="gan-to-wgan",
        source="Section 5, (1) to (6)",
        claim="Feature matching, minibatch discrimination, historical averaging, label smoothing, virtual batch normalisation and"
        " noise each help a GAN; here: they reduce its collapse on the ring.",
        question=Question(
            "A GAN ends on one mode of eight. How many of the six remedies bring it to two modes or more?",
            ("one or two", "three or four", "five or six"),
            1,
            "Three did: feature matching, minibatch discrimination and virtual batch normalisation. Averaging, smoothing and"
            " noise steady a training, but this generator still outruns its discriminator.",
        ),
        criterion="At least 4 of the six remedies raise the median of the modes covered late in the training by at least 1.",
        why="More than half of the remedies must help for the claim as a whole to hold, and one mode more is the least that"
        " can be called help where the GAN alone has one.",
        control="All remedies switched off.",
        minutes={"quick": 0.34, "full": 4.3},
        tries=("Change a remedy's weight: each was given one value, that of its paper where there is one.",),
        legs={
            "quick": _remedy_legs(2, 300),
            "full": _remedy_legs(SEEDS, 300),
            "control": (
                Leg("first three", ("GAN alone", *list(REMEDIES)[:3]), race([gan()] * 4, 1, 50)),
                Leg("other three", tuple(list(REMEDIES)[3:]), race([gan()] * 3, 1, 50)),
            ),
        },
        shows=("modes_covered", "high_quality"),
        measure=_remedies,
    ),
)
