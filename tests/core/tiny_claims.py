"""Experiments that take a second, for those who test how experiments are run: a trained one of two legs, and a computed one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wgan_core.experiments import Computation, Computations, Computed, Leg, Quantity, Tracks, TrainedExperiment
from wgan_core.experiments.verdict import measured
from wgan_core.theory.figure import Question

LANES = ("GAN", "WGAN-GP")
STEPS = 20


def race(seed: int, steps: int = STEPS, every: int = 10) -> dict[str, Any]:
    net = {"width": 16}
    shared = {"generator": net, "critic": net, "batch_size": 16, "device": "cpu", "seed": seed}
    lanes = [{"objective": {"kind": "gan"}}, {"objective": {"kind": "wgan-gp"}}]
    return {"shared": shared, "lanes": lanes, "length": steps, "snapshot_every": every}


def legs(steps: int = STEPS, every: int = 10) -> tuple[Leg, ...]:
    return tuple(Leg(f"seed {seed}", LANES, race(seed, steps, every)) for seed in (0, 1))


def _spread(at: Tracks) -> Sequence[Quantity]:
    return [
        measured("steps of the WGAN-GP", at.end("WGAN-GP", "step"), low=STEPS, key=True),
        measured("W₁ of the WGAN-GP", at.end("WGAN-GP", "w1")),
        measured("W₁ of the GAN", at.end("GAN", "w1")),
    ]


def trained(name: str = "tiny", steps: int = STEPS, every: int = 10) -> TrainedExperiment:
    """Two legs of one seed each, whose quick size meets its claim and whose control misses it."""
    return TrainedExperiment(
        name=name,
        title="A race of two lanes is run to its end",
        paper="wgan",
        source="None: it is made for tests",
        claim=f"A WGAN-GP of two seeds makes {STEPS} steps.",
        question=Question("How many steps?", ("fewer", f"{STEPS}", "more"), 1, "It is told to."),
        criterion=f"At least {STEPS} steps in both seeds.",
        why="That is how many there are.",
        control="Fewer steps.",
        minutes={"quick": 0.02},
        tries=("Take more steps.",),
        legs={"quick": legs(steps, every), "full": legs(steps, every), "control": legs(STEPS // 2)[:1]},
        shows=("w1", "input_grad_norm_max"),
        measure=_spread,
    )


def _js(at: Computations) -> Sequence[Quantity]:
    return [measured("JS", at.value("lines", "JS"), low=0.693, high=0.694, key=True)]


def computed(name: str = "tiny-lines") -> Computed:
    """One figure of the theory lab."""
    return Computed(
        name=name,
        title="JS of two parallel lines is ln 2",
        paper="wgan",
        source="Example 1",
        claim="JS of two parallel lines that do not meet is ln 2.",
        question=Question("JS at θ = 0.3?", ("0.3", "ln 2"), 1, "They do not meet."),
        criterion="JS from 0.693 to 0.694.",
        why="ln 2 is 0.6931.",
        control="θ = 0, where they meet.",
        minutes={},
        tries=("Move θ.",),
        parts={
            "quick": (Computation("lines", "parallel-lines", {"theta": 0.3}),),
            "full": (Computation("lines", "parallel-lines", {"theta": 0.3}),),
            "control": (Computation("lines", "parallel-lines", {"theta": 0.0}),),
        },
        measure=_js,
    )
