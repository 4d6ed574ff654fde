"""The ring of eight Gaussians: who covers it, and in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from wgan_core.experiments.evidence import Evidence
from wgan_core.experiments.experiment import Leg, Trained
from wgan_core.experiments.verdict import Measured, measured
from wgan_core.scenarios import clip, gan, gp
from wgan_core.theory.figure import Question

RING = {"kind": "ring"}  # σ² = 0.05, the report's
LANES = ("GAN", "WGAN, clipped", "WGAN-GP")


def _race(lanes: Sequence[dict[str, Any]], seeds: int, length: int = 600) -> dict[str, Any]:
    return {"shared": {"dataset": RING}, "lanes": lanes, "seeds": seeds, "length": length, "snapshot_every": 30}


def _coverage(at: Evidence) -> list[Measured]:
    return [
        measured("modes of the GAN", at.late("GAN", "modes_covered"), high=3, key=True),
        *(measured(f"modes of the {lane}", at.late(lane, "modes_covered"), low=8, key=True) for lane in LANES[1:]),
        measured("largest share of W₁ left, WGANs", _left(at, LANES[1:]), high=0.5),
        measured("share of W₁ left, GAN", _left(at, LANES[:1])),
    ]


def _left(at: Evidence, lanes: Sequence[str]) -> list[float]:
    """W₁ at the end over W₁ of the untrained generator, the largest of some lanes, for each seed."""
    shares = [at.late(lane, "w1") / at.each(lane, lambda track: float(track.scalar("w1")[0])) for lane in lanes]
    return [math.nan if any(map(math.isnan, each)) else max(each) for each in zip(*shares, strict=True)]


EXPERIMENTS = (
    Trained(
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
        criterion="Over the last fifth of the training: the GAN covers at most 3 modes, each WGAN all 8. W₁ of each WGAN falls to"
        " at most 0.5 of where it began. A mode is covered when 1 % of the samples are within 3σ of it.",
        why="3 of 8 is what the paper reports, and 8 is all. Half of W₁ keeps a WGAN from passing that smears samples over the"
        " whole plane.",
        control="The GAN's settings under the names of the WGANs.",
        minutes={},
        tries=(
            "Give the GAN equal learning rates of 1e-3: it covers all eight.",
            "Take the narrow ring, σ = 0.02: every method needs far longer.",
        ),
        legs={
            "quick": (Leg("ring", LANES, _race([gan(), clip(), gp()], 4)),),
            "full": (Leg("ring", LANES, _race([gan(), clip(), gp()], 16, 1000)),),
            "control": (Leg("ring", LANES, _race([gan(), gan(), gan()], 1)),),
        },
        measure=_coverage,
    ),
)
