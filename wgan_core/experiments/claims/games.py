"""From GAN to WGAN, section 4.1: descent that finds no equilibrium."""

from __future__ import annotations

import math

from wgan_core.experiments.experiment import Computation, Computed
from wgan_core.experiments.tracks import Computations
from wgan_core.experiments.verdict import Quantity
from wgan_core.theory.figure import Question

ETAS = (0.01, 0.1, 1.0)
START = math.hypot(1, 1)  # both players of the figure begin at 1


def _spiral(at: Computations) -> list[Quantity]:
    growth = [
        float(at.value(f"η = {eta:g}", "Distance at the end, simultaneous")[0]) / START
        for eta in ETAS
        if f"η = {eta:g}" in at.parts
    ]
    return [
        Quantity(
            "distance at the end over that at the start",
            (min(growth),),
            low=1.01,
            key=True,
            note="from the equilibrium; the least over the step sizes",
        ),
        Quantity(
            "numbers that miss their closed form", (sum(float(at.missed(part)[0]) for part in at.parts),), low=0, high=0
        ),
    ]


EXPERIMENTS = (
    Computed(
        name="spiral",
        title="The game xy spirals outwards",
        paper="gan-to-wgan",
        source="Section 4.1, Figure 3",
        claim="Two players who descend on xy and −xy at the same time move away from their equilibrium, whatever the step size.",
        question=Question(
            "Both players use a step size of 0.01 instead of 0.1. What becomes of the spiral?",
            ("It turns inwards", "It still goes outwards, more slowly", "It closes to a circle"),
            1,
            "Each step multiplies the distance by √(1 + η²), which is above 1 for every η.",
        ),
        criterion="After 300 simultaneous steps with η = 0.01, 0.1 and 1 the distance from (0, 0) is at least 1.01 times that at"
        " the start, and no number of the figure misses its closed form.",
        why="With the smallest η the closed form gives 1.015: 1.01 is below that, and far above rounding.",
        control="Both players start at the equilibrium, where nothing moves them.",
        minutes={"quick": 0.01},
        tries=(
            "Alternating steps keep their distance up to η = 2.",
            "Extragradient steps come nearer, up to η = 1.",
        ),
        parts={
            "quick": tuple(Computation(f"η = {eta:g}", "xy-game", {"eta": eta, "steps": 300}) for eta in ETAS),
            "full": tuple(Computation(f"η = {eta:g}", "xy-game", {"eta": eta, "steps": 300}) for eta in ETAS),
            "control": (Computation("η = 0.1", "xy-game", {"eta": 0.1, "steps": 300, "x": 0.0, "y": 0.0}),),
        },
        measure=_spiral,
    ),
)
