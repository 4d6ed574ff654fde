"""Claims that figures of the theory lab decide: distances that can be computed, and critics trained to their best."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wgan_core.experiments.experiment import Computation, Computed
from wgan_core.experiments.tracks import Computations
from wgan_core.experiments.verdict import Quantity, measured
from wgan_core.theory.figure import Question

LOG_2 = math.log(2)
THETAS = (0.05, 0.2, 0.6, 1.0)
PILES = {"p": "0: 1, 1: 2, 3: 1", "q": "2: 1, 4: 2, 5: 1"}
PLANE = {"p": "(0, 0): 1, (1, 0): 1, (0, 1): 1", "q": "(2, 0): 1, (1, 2): 2"}
CLIPS = ("c = 0.001", "c = 0.01", "c = 1")


def _met(at: Computations, parts: Sequence[str]) -> Quantity:
    """How many numbers of all parts miss their closed form."""
    missed = sum(float(at.missed(part).sum()) for part in parts)
    return Quantity("numbers that miss their closed form", (missed,), low=0, high=0)


def _lines(at: Computations) -> list[Quantity]:
    parts = list(at.parts)
    left = max(abs(float(at.value(part, "θ at the end, with EM")[0])) for part in parts)
    slope = max(abs(float(at.value(part, "W, EM distance")[0]) - abs(THETAS[i])) for i, part in enumerate(parts))
    return [
        Quantity("W off |θ|, at most, by", (slope,), high=1e-9, key=True),
        *(
            Quantity(
                f"least {name} over the gaps",
                (min(float(at.value(part, name)[0]) for part in parts),),
                low=low,
                key=True,
            )
            for name, low in (("JS", LOG_2 - 1e-9), ("KL(P₀‖P_θ)", math.inf), ("δ, total variation", 1 - 1e-9))
        ),
        Quantity(
            "|θ| after 30 steps along EM, at most", (left,), high=0.05, note="it began at 0.05 to 1; a step is 0.05"
        ),
        _met(at, parts),
    ]


def _divergences(at: Computations) -> list[Quantity]:
    forward, backward = (at.value("two Gaussians", name) for name in ("KL(p‖q)", "KL(q‖p)"))
    there, back = (at.value("two Gaussians", name) for name in ("JS(p, q)", "JS(q, p)"))
    return [
        measured("KL(p‖q) over KL(q‖p)", forward / backward, low=1.5, key=True, note="1 if KL were symmetric"),
        measured("|JS(p, q) − JS(q, p)|", abs(there - back), high=1e-9, key=True),
        measured("JS(p, q)", there, high=LOG_2, key=True, note="its ceiling is ln 2"),
        _met(at, ["two Gaussians"]),
    ]


def _saturation(at: Computations) -> list[Quantity]:
    ratio = at.value("figure 3", "median |f′| there") / at.value("figure 3", "K, the steepest |f′|")
    return [
        measured("median |∇ log(1 − D)|", at.value("figure 3", "median |∇ log(1 − D)| there"), high=1e-3, key=True),
        measured("median |f′| over the steepest |f′|", ratio, low=0.5, key=True),
        measured(
            "estimate over K W₁", at.value("figure 3", "f's estimate over K") / at.value("figure 3", "W₁"), low=0.8
        ),
        _met(at, ["figure 3"]),
    ]


def _vanishing(at: Computations) -> list[Quantity]:
    names = [name for name in at.parts["figure 5"][0] if name.startswith("powers of ten lost")]
    return [
        *(
            measured(name.removesuffix(" generator steps") + " steps", at.value("figure 5", name), low=1, key=True)
            for name in names
        ),
        _met(at, ["figure 5"]),
    ]


def _perfect(at: Computations) -> list[Quantity]:
    slope = "median ‖∇ log(1 − D)‖ at generated samples"
    return [
        measured(
            "samples that D calls right", at.value("apart", "share of samples that D calls right"), low=0.99, key=True
        ),
        measured("JS", at.value("apart", "JS"), low=LOG_2 - 1e-6, high=LOG_2 + 1e-6, key=True),
        measured("median ‖∇ log(1 − D)‖", at.value("apart", slope), high=0.01, key=True),
        measured("the same with noise on both", at.value("noisy", slope), low=0.1),
        _met(at, ["apart", "noisy"]),
    ]


def _shovels(at: Computations) -> list[Quantity]:
    return [
        measured("cost of the walk", at.value("figure 7", "W, by the plan for |x − y|"), low=5, high=5, key=True),
        _met(at, ["figure 7"]),
    ]


def _duality(at: Computations) -> list[Quantity]:
    parts = list(at.parts)
    gaps = [abs(float(gap)) for part in parts for gap in at.value(part, "duality gap")]
    over = [float(over) for part in parts for over in at.value(part, "estimate over K W₁, at most, by")]
    slopes = [float(slope) for part in parts for slope in at.value(part, "steepest slope of f*")]
    return [
        Quantity("largest duality gap", (max(gaps),), high=1e-8, key=True),
        Quantity("steepest slope of f*", (max(slopes),), high=1 + 1e-8, key=True),
        measured(
            "a trained critic's estimate over K W₁",
            at.value(parts[0], "estimate over K W₁, at least"),
            low=0.9,
            key=True,
        ),
        Quantity("estimate over K W₁, at most, by", (max(over),), high=1e-4),
        _met(at, parts),
    ]


def _clipping(at: Computations) -> list[Quantity]:
    numbers = []
    for part in at.parts:
        powers = {name: at.value(part, f"powers of ten through the layers, {name}") for name in (*CLIPS, "penalty")}
        clipped, penalised = (at.value(part, f"estimate over K, {word}") for word in ("clipped", "penalised"))
        numbers += [
            measured(f"powers of ten, c = 0.01, {part}", powers["c = 0.01"], high=-5, key=True),
            measured(f"powers of ten, c = 1, {part}", powers["c = 1"], low=5, key=True),
            measured(f"powers of ten, penalty, {part}", powers["penalty"], low=-1, high=1, key=True),
            measured(f"clipped weights at ±c, {part}", at.value(part, "clipped weights at ±c"), low=0.5),
            measured(f"estimate over K, penalised over clipped, {part}", penalised / clipped, low=1.5),
        ]
    return numbers


EXPERIMENTS = (
    Computed(
        name="parallel-lines",
        title="Two lines: only the EM distance has a slope",
        paper="wgan",
        source="Example 1, Figure 1; also Weng 2019, section 6.2, Figure 8",
        claim="Between two parallel lines at distance θ the EM distance is |θ|, while JS, KL and TV are ln 2, ∞ and 1 for"
        " every θ but 0, and so only the first can be followed.",
        question=Question(
            "The lines come twice as near to each other. Which of EM, JS, KL and TV notices?",
            ("EM", "EM and JS", "all of them"),
            0,
            "The others only ask whether the lines overlap, and they do not before θ is 0.",
        ),
        criterion="For gaps of 0.05 to 1: W is |θ| to 1e-9, JS at least ln 2 − 1e-9, KL infinite, TV at least 1 − 1e-9. After 30"
        " steps of 0.05 along the slope of W, |θ| is at most 0.05.",
        why="All are closed forms, so that only rounding may lie between: 1e-9. A step of 0.05 cannot end nearer than one step.",
        control="θ = 0: the lines are one, and no distance is at its ceiling.",
        minutes={"quick": 0.01},
        tries=(
            "Train it: the experiment “stands-still” has a GAN and a WGAN on the same lines.",
            "Widen the lines by noise: then JS has a slope too (“perfect-discriminator”).",
        ),
        parts={
            "quick": tuple(Computation(f"θ = {theta:g}", "parallel-lines", {"theta": theta}) for theta in THETAS),
            "full": tuple(Computation(f"θ = {theta:g}", "parallel-lines", {"theta": theta}) for theta in THETAS),
            "control": (Computation("θ = 0", "parallel-lines", {"theta": 0.0}),),
        },
        measure=_lines,
    ),
    Computed(
        name="saturation",
        title="The best discriminator is flat, the best critic is not",
        paper="wgan",
        source="Section 3, Figure 3",
        claim="Between two Gaussians far apart a discriminator trained to its optimum gives no gradient at the generated"
        " points, while a WGAN's critic has a clean slope there.",
        question=Question(
            "Discriminator and critic are both trained until they get no better. Which of them tells a generated point where"
            " to go?",
            ("the discriminator", "the critic", "both"),
            1,
            "log(1 − D) has hardly a slope where D is near 0; the critic rises from q to p at nearly its steepest.",
        ),
        criterion="At generated points the median |∇ log(1 − D)| is at most 1e-3 and the critic's median slope at least half of"
        " its steepest; its estimate over K W₁ is at least 0.8.",
        why="1e-3 is a thousandth of the slope that the penalty asks of the critic. An optimal critic has its steepest slope"
        " wherever earth must move: half leaves room for training. 1 would be the dual optimum.",
        control="Two Gaussians that overlap (±0.5, σ = 1): there D has a slope.",
        minutes={"quick": 0.022, "full": 0.2},
        tries=("Hold the critic by clipping instead: it has the scale that c and its depth give it.",),
        parts={
            "quick": (Computation("figure 3", "optimal-critic", {"steps": 480}),),
            "full": (Computation("figure 3", "optimal-critic", {}, seeds=6),),
            "control": (
                Computation(
                    "figure 3",
                    "optimal-critic",
                    {"mean_p": -0.5, "mean_q": 0.5, "sd_p": 1.0, "sd_q": 1.0, "steps": 240},
                ),
            ),
        },
        measure=_saturation,
    ),
    Computed(
        name="perfect-discriminator",
        title="Curves that do not meet have a perfect discriminator",
        paper="moses-bai",
        source="Section 2.3, Figure 3; also Weng 2019, section 4.2",
        claim="Where data and samples lie on curves that do not overlap, some discriminator is right on all of them, its slope is"
        " 0 there, and JS is ln 2 however near they are; noise on both gives the slope back.",
        question=Question(
            "Two parallel curves come nearer without touching. What happens to JS?",
            ("It falls in proportion", "Nothing: it stays at ln 2", "It falls at the very end"),
            1,
            "JS asks how much the distributions overlap, and curves side by side do not overlap at all.",
        ),
        criterion="D calls at least 99 % of the samples right; JS is ln 2 to 1e-6; the median ‖∇ log(1 − D)‖ at samples is at"
        " most 0.01, and with noise (σ = 0.3) on both at least 0.1.",
        why="A perfect discriminator is right on 100 %: 99 % is what a trained one should come to. The two slopes are set a"
        " power of ten apart, so that both cannot be the same number by chance.",
        control="Noise on both from the start: the supports fill the plane.",
        minutes={"quick": 0.026, "full": 0.24},
        tries=("Let the curves cross: they then meet in points, which JS does not notice.",),
        parts={
            "quick": (
                Computation("apart", "low-dimensional", {}),
                Computation("noisy", "low-dimensional", {"noise": "on"}),
            ),
            "full": (
                Computation("apart", "low-dimensional", {}, seeds=6),
                Computation("noisy", "low-dimensional", {"noise": "on"}, seeds=6),
            ),
            "control": (
                Computation("apart", "low-dimensional", {"noise": "on", "steps": 90}),
                Computation("noisy", "low-dimensional", {"noise": "on", "steps": 90}),
            ),
        },
        measure=_perfect,
    ),
    Computed(
        name="duality",
        title="The cheapest plan costs what the best critic earns",
        paper="moses-bai",
        source="Section 1.3; the WGAN paper, equation 2; Khelifa and Rossa, section 2",
        claim="The largest E_P[f] − E_Q[f] over functions of slope at most 1 equals the cost of the cheapest plan, and no trained"
        " critic of slope K earns more than K times that.",
        question=Question(
            "A trained critic's steepest slope is 2. Its estimate can be at most …",
            ("W₁", "2 W₁", "4 W₁"),
            1,
            "f / 2 has slope at most 1, so that it earns at most W₁; and f twice that.",
        ),
        criterion="On two pairs of piles, on a line and in the plane: the duality gap is at most 1e-8 and the best f's steepest"
        " slope at most 1 + 1e-8; a critic trained with a gradient penalty earns at least 0.9 of K W₁, and at most 1e-4 more than"
        " it.",
        why="Both sides are solved by linear programs: only rounding may lie between. 1 is the best that a critic can earn for"
        " its slope: 0.9 leaves room for training. It computes in single precision, hence 1e-4.",
        control="Two other piles on which a large penalty weight (λ = 10) holds the critic in a bad place: it stays far below K"
        " W₁.",
        minutes={"quick": 0.013, "full": 0.2},
        tries=("Compare clipping with the penalty on the same piles: how near to K W₁ does each come?",),
        parts={
            "quick": (
                Computation("line", "duality", {**PILES, "steps": 300}),
                Computation("plane", "duality", {**PLANE, "steps": 300}),
            ),
            "full": (Computation("line", "duality", PILES, seeds=6), Computation("plane", "duality", PLANE, seeds=6)),
            "control": (Computation("valley", "duality", {"penalty_weight": 10.0, "steps": 300}),),
        },
        measure=_duality,
    ),
    Computed(
        name="moving-earth",
        title="Three walks of the shovel cost five",
        paper="gan-to-wgan",
        source="Section 6.1, Figure 7",
        claim="To turn the piles 3, 2, 1, 4 into 1, 2, 4, 3 costs 5, shovelfuls times distance, and nothing cheaper does it.",
        question=Question(
            "P = 3, 2, 1, 4 becomes Q = 1, 2, 4, 3. What is the EM distance?",
            ("3", "5", "10"),
            1,
            "δ goes 2, 2, −1, 0: two shovels to the second pile, two to the third, one back from the fourth.",
        ),
        criterion="The cost by the walk of the paper and by the linear program are both 5 exactly, and no number misses its"
        " closed form.",
        why="All masses are whole numbers: there is nothing to be inexact about.",
        control="Another Q, 1, 2, 3, 4.",
        minutes={"quick": 0.01},
        tries=("Square the distances: the best plan stays the same on a line, its cost does not.",),
        parts={
            "quick": (Computation("figure 7", "moving-earth", {"moved": 1.0}),),
            "full": (Computation("figure 7", "moving-earth", {"moved": 1.0}),),
            "control": (Computation("figure 7", "moving-earth", {"moved": 1.0, "q": "1, 2, 3, 4"}),),
        },
        measure=_shovels,
    ),
    Computed(
        name="divergences",
        title="KL has a direction, JS has none",
        paper="gan-to-wgan",
        source="Section 2, Figure 1",
        claim="KL(p‖q) and KL(q‖p) differ, JS(p, q) and JS(q, p) do not, and JS stays below its ceiling.",
        question=Question(
            "p is narrow and q is wide, both in the same place. How do KL(p‖q) and KL(q‖p) compare?",
            ("They are equal", "They differ by a lot", "One of them is infinite"),
            1,
            "KL weighs the log ratio by its first distribution: a wide one has mass where the narrow one has next to none.",
        ),
        criterion="For a wide (σ = 2) and a narrow (σ = 0.5) Gaussian KL(p‖q) is at least 1.5 times KL(q‖p); both JS are equal to"
        " 1e-9 and at most ln 2; no number misses its closed form.",
        why="1 would be symmetric: 1.5 is far from it. JS is symmetric by definition, so that only integration may differ.",
        control="Two Gaussians with the same σ, for which KL happens to be symmetric.",
        minutes={"quick": 0.01},
        tries=("Look at the fits: KL(data‖q) covers both bumps, KL(q‖data) sits on one.",),
        parts={
            "quick": (Computation("two Gaussians", "gaussians", {"mean_q": 0.0, "sd_p": 2.0, "sd_q": 0.5}),),
            "full": (Computation("two Gaussians", "gaussians", {"mean_q": 0.0, "sd_p": 2.0, "sd_q": 0.5}),),
            "control": (Computation("two Gaussians", "gaussians", {"mean_q": 1.0, "sd_p": 1.0, "sd_q": 1.0}),),
        },
        measure=_divergences,
    ),
    Computed(
        name="vanishing-gradient",
        title="The better the discriminator, the less the generator hears",
        paper="gan-to-wgan",
        source="Section 4.3, Figure 5; Moses and Bai, section 2.3.1",
        claim="While a generator stands still and its discriminator learns, the gradient of log(1 − D) falls by powers of ten,"
        " after 1, 10 or 25 epochs of training alike.",
        question=Question(
            "Three generators, hardly, somewhat and well trained, are frozen. For which of them does the gradient vanish?",
            ("the worst", "the best", "all three"),
            2,
            "In 64 dimensions data and samples hardly overlap for any of them, and D learns to tell them apart.",
        ),
        criterion="For each of the three generators the gradient falls by at least 1 power of ten below its highest while the"
        " discriminator learns, and no number misses its closed form.",
        why="Figure 5 shows one to several powers of ten; one is the least that deserves the word.",
        control="The same in the plane (2 dimensions), which data and samples fill together.",
        minutes={"quick": 0.037, "full": 0.73},
        tries=("In 128 dimensions it goes faster.", "−log D grows instead."),
        parts={
            "quick": (Computation("figure 5", "vanishing-gradient", {"trained": 200, "steps": 300}),),
            "full": (Computation("figure 5", "vanishing-gradient", {}, seeds=6),),
            "control": (Computation("figure 5", "vanishing-gradient", {"dimensions": 2, "trained": 100, "steps": 60}),),
        },
        measure=_vanishing,
    ),
    Computed(
        name="weight-clipping",
        title="Clipping lets gradients vanish or explode",
        paper="improved",
        source="Section 3, Figure 1",
        claim="Through a deep clipped critic the gradient vanishes or explodes, whatever c is; most of its weights sit at ±c, and"
        " it sees less of the data than a penalised critic, whose gradient keeps its size.",
        question=Question(
            "Through a clipped critic of eight layers with c = 0.01 the gradient loses ten powers of ten. What does c = 1 do?",
            ("It keeps the gradient's size", "The gradient explodes", "It vanishes as well"),
            1,
            "Each layer multiplies the gradient by about the same factor, which grows with c: below 1 it vanishes over many"
            " layers, above 1 it explodes, and in between lies hardly anything.",
        ),
        criterion="Over 8 hidden layers the gradient loses at least 5 powers of ten with c = 0.01, gains at least 5 with c = 1,"
        " and changes by at most 1 with the penalty. At least half of the clipped weights are within 1 % of ±c. The penalised"
        " critic's estimate over its K is at least 1.5 times the clipped one's.",
        why="Figure 1 shows a straight line of one power of ten and more a layer. Five of eight is a clear line; one is what the"
        " penalty, which only asks for slope 1 at the sample, leaves open. An optimal critic has estimate over K = W₁.",
        control="Critics of two hidden layers: hardly anything multiplies up.",
        minutes={"quick": 0.049, "full": 2.0},
        tries=("Twelve layers, as in the paper.", "Smaller λ: the penalised surface gets finer, and less stable."),
        parts={
            "quick": (Computation("swiss roll", "clipping", {"data": "swiss-roll", "steps": 200}),),
            "full": (
                Computation("swiss roll", "clipping", {"data": "swiss-roll"}, seeds=6),
                Computation("25 Gaussians", "clipping", {"data": "grid", "penalty_weight": 0.1}, seeds=6),
            ),
            "control": (Computation("swiss roll", "clipping", {"data": "swiss-roll", "depth": 2, "steps": 50}),),
        },
        measure=_clipping,
    ),
)
