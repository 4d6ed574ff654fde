"""Findings about how good the outcome is, where nothing has gone wrong: middling, with what is, or healthy."""

from __future__ import annotations

import math

from wgan_core.coach.evidence import FALLING, Evidence
from wgan_core.coach.finding import Rule, rule
from wgan_core.objectives import Gan, Wasserstein

RULES: list[Rule] = []

# Points are good where all four are so. Measured at the ends of the presets: 8 of 8 modes and 22 or 23 of 25; 53 % of the
# samples on modes with clipping, 83 % and more with WGAN-GP, 36 to 42 % where a run stops early or blurs; W1 up to 2.4
# times its floor, and 3 to 5 times where it stops early; a spread of 0.9 to 1.15.
MODES, ON_MODES, FLOORS, ALIKE = 0.9, 0.5, 2.5, (0.7, 1.4)
# Of data as thin as a line two samples are so near each other that W1 is many floors when all that counts is done: 6 floors,
# and 6 % of the way, on the parallel lines.
ARRIVED = 0.1
# Images are good where each score is at least half of what real images reach. Measured on Fashion-MNIST: recall and coverage
# are 0.02 and 0.15 of 0.87 and 0.97 at step 100, when all is blots, and 0.57 and 0.52 at step 600, when most can be told.
HALF = 0.5
SCORES = ("precision", "recall", "coverage")
# Without scores there is a WGAN's estimate, over its first: 0.37 at step 100 of that run, 0.17 at 200, 0.03 at 1,200.
ESTIMATE_GOOD = 0.1
# By how much a score has grown where a run still improves.
GROWN = 1.1


def shortfalls(e: Evidence) -> list[str] | None:
    """A sentence for each thing that is not good: which number, its value, and what a good one is. The most telling first.

    None where nothing tells good from bad: of a GAN on images that are not scored.
    """
    if not math.isnan(e.now("w1")):
        return _of_points(e) + _of_spread(e)
    if _scored(e):
        return _of_scores(e) + _of_spread(e)
    if isinstance(e.config.objective, Wasserstein) and not math.isnan(e.estimate_left):
        return _of_estimate(e) + _of_spread(e)
    return None


def _of_points(e: Evidence) -> list[str]:
    found = []
    covered, on_modes, w1, floor = (e.now(name) for name in ("modes_covered", "high_quality", "w1", "w1_floor"))
    if covered < MODES * e.modes:
        good = math.ceil(MODES * e.modes)
        found.append(f"{covered:.0f} of {e.modes} modes are covered; a good run has {good} or more.")
    if on_modes < ON_MODES:
        found.append(f"{on_modes:.0%} of the samples lie on a mode; in a good run half or more do.")
    if w1 > FLOORS * floor and not e.way_left < ARRIVED:
        found.append(
            f"W1 is {w1:.2f}, {w1 / floor:.3g} times the {floor:.2f} between two samples of real data; up to {FLOORS:g} times"
            " is good."
        )
    return found


def _of_scores(e: Evidence) -> list[str]:
    found = []
    covered, classes = _score(e, "classes_covered"), e.now("classes")
    if covered < MODES * classes:
        good = math.ceil(MODES * classes)
        found.append(f"{covered:.0f} of {classes:.0f} classes are covered; a good run has {good} or more.")
    low = [name for name in SCORES if _score(e, name) < HALF * e.now(f"{name}_real")]
    if low:
        scores = ", ".join(
            f"{name} is {_score(e, name):.2f}, of real images {e.now(f'{name}_real'):.2f}" for name in low
        )
        found.append(f"{scores[0].upper()}{scores[1:]}; half of that is good.")
    return found


def _of_estimate(e: Evidence) -> list[str]:
    if e.estimate_left <= ESTIMATE_GOOD:
        return []
    return [
        f"The estimate went from {e.first_estimate:.3g} to {e.estimate:.3g}; where pictures are good it comes down to a tenth,"
        " and scores of images (scores_every) tell more."
    ]


def _of_spread(e: Evidence) -> list[str]:
    spread = e.now("spread")
    if math.isnan(spread) or ALIKE[0] < spread < ALIKE[1]:
        return []
    return [f"Samples spread {spread:.2f} times as far as real ones; {ALIKE[0]:g} to {ALIKE[1]:g} times is good."]


def _scored(e: Evidence) -> bool:
    return len(e.all("coverage")) > 1


def _score(e: Evidence, name: str) -> float:
    """The mean of the last two, or NaN."""
    values = e.all(name)[-2:]
    return float(values.mean()) if len(values) else math.nan


@rule(
    RULES,
    "middling",
    "Middling",
    "distance",
    "the WGAN paper, Figures 2 and 4",
    alone=True,
    heading="Why is W1 not 0 when the samples are perfect?",
)
def middling(e: Evidence) -> str | None:
    return None if _scored(e) else _with_advice(e)


@rule(
    RULES,
    "image-middling",
    "Middling, by the image scores",
    "precision",
    "Kynkäänniemi et al. 2019; Naeem et al. 2020",
    alone=True,
    heading="Precision, recall, density, coverage",
)
def image_middling(e: Evidence) -> str | None:
    return _with_advice(e) if _scored(e) else None


def _with_advice(e: Evidence) -> str | None:
    # Two sentences are as much as one reads; the first may be all there is to it.
    return f"{' '.join(lacks[:2])} {_advice(e)}" if (lacks := shortfalls(e)) else None


def _advice(e: Evidence) -> str:
    coverage, estimate = e.all("coverage"), e.config.objective.estimate_name
    if (
        e.falling
        or e.now("high_quality") > GROWN * e.before("high_quality")
        or (len(coverage) > 3 and coverage[-2:].mean() > GROWN * coverage[-4:-2].mean())
        or (e.config.dataset.is_image and not _scored(e) and e.now(estimate) < FALLING * e.before(estimate))
    ):
        return "It still improves: train longer."
    if isinstance(e.config.objective, Gan):
        return "Train longer, or try equal learning rates of about 1e-3, or a WGAN."
    if e.config.limit is not None:
        return "A clipped critic is slow to show details: train longer, or try WGAN-GP."
    return "It hardly improves now: try other learning rates (1e-4 to 1e-3) or more critic steps, or train much longer."


@rule(
    RULES,
    "healthy",
    "Healthy",
    "distance",
    "the WGAN paper, Figures 2 and 4",
    healthy=True,
    alone=True,
    heading="Why is W1 not 0 when the samples are perfect?",
)
def healthy(e: Evidence) -> str | None:
    if shortfalls(e) != []:
        return None
    if not math.isnan(e.now("w1")):
        floor = f"two samples of real data are {e.now('w1_floor'):.2f} apart"
        said = f"W1 fell from {e.start('w1'):.2f} to {e.now('w1'):.2f}; {floor}."
        if e.modes:
            modes = f"{e.now('modes_covered'):.0f} of {e.modes} modes are covered"
            said += f" {modes}, and {e.now('high_quality'):.0%} of the samples lie on one."
    elif _scored(e):
        scores = ", ".join(f"{name} {_score(e, name):.2f} ({e.now(f'{name}_real'):.2f})" for name in SCORES)
        said = f"Scores, those of real images in brackets: {scores}."
    else:
        said = (
            f"The estimate fell from {e.first_estimate:.3g} to {e.estimate:.3g}, and samples are as varied as"
            f" {e.now('spread'):.0%} of real ones."
        )
    return f"{said} None of the known failures is seen."
