"""Kantorovich and Rubinstein: the cheapest plan and the best critic are two sides of one linear program."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator

from wgan_core.config import TrainingConfig
from wgan_core.schema import knob
from wgan_core.theory.critics import Critic, Method, Recipe
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.piles import HOW_TO_WRITE, PilesError, read_piles
from wgan_core.theory.potentials import Scene, WatchedCritic
from wgan_core.theory.result import (
    AnyLayer,
    Curve,
    Level,
    Panel,
    Result,
    Role,
    Table,
    shown,
)
from wgan_core.theory.transport import Transport

FRAMES = 40
FARTHEST = 10.0
CLIPS, WEIGHTS, DEPTHS = (0.01, 0.03, 0.1, 0.3), (0.1, 1.0, 10.0, 100.0), (1, 2, 3, 4)
# All earth moves to the right: the best critic is one straight line.
SLOPE = {"p": "0: 1, 1: 2, 3: 1", "q": "2: 1, 4: 2, 5: 1"}
METHODS: tuple[Method, ...] = ("gradient-penalty", "weight-clipping", "spectral-norm")
COLOURS: tuple[Role, ...] = ("first", "second", "third", "fourth")
COLOUR_OF: dict[Method, Role] = {
    "gradient-penalty": "wgan-gp",
    "weight-clipping": "wgan-clip",
    "spectral-norm": "fourth",
}


class Duality(Figure):
    """Plan and potential of two edited distributions, and critics that train towards the potential."""

    place: ClassVar = 4
    label: ClassVar = "Plan and critic: duality"
    source: ClassVar = (
        "Arjovsky et al. 2017, Wasserstein GAN, equation 2; Weng 2019, From GAN to WGAN, section 6.3;"
        " Gulrajani et al. 2017, equation 3; Miyato et al. 2018, equation 8"
    )
    formula: ClassVar = (
        r"W_1(P,Q)=\min_{\gamma\in\Pi(P,Q)}\mathbb{E}_\gamma\|x-y\|"
        r"=\max_{\|f\|_L\le 1}\mathbb{E}_P[f]-\mathbb{E}_Q[f],\qquad "
        r"\mathbb{E}_P[f]-\mathbb{E}_Q[f]\le K\,W_1\ \text{ if }\ \|f\|_L\le K"
    )
    says: ClassVar = (
        "The price of the cheapest plan is the most that a 1-Lipschitz critic can tell P from Q by, so a critic can measure it.",
        "A critic that is held to another slope K measures K times as much, and K hangs on c, λ and the depth.",
    )
    tries: ClassVar = (
        "Compare c: the estimate grows with a power of c, though P and Q stay where they are.",
        "Compare λ: the estimate is near (1 + W₁/2λ) W₁, since s W₁ − λ (s − 1)² is greatest at slope s = 1 + W₁/2λ.",
        "Choose a critic that is stuck: its slope is 1 with the wrong sign on one side, and turning it would first cost the"
        " whole penalty λ at slope 0.",
    )
    question: ClassVar = Question(
        "Two WGANs train on the same data. One, with c = 0.1, ends with a critic loss of −0.7, the other, with c = 0.3,"
        " with −17. Which generator is closer to the data?",
        ("The first", "The second", "The losses do not tell"),
        2,
        "Each estimate is W₁ times its own critic's K, and K grows steeply with c. Within one run K hardly changes, so the"
        " curve of one run does tell.",
    )
    presets: ClassVar = {
        "a valley": {},
        "compare c": SLOPE | {"method": "weight-clipping", "compare": "c-or-λ"},
        "compare λ": SLOPE | {"compare": "c-or-λ"},
        "compare depth": SLOPE | {"method": "weight-clipping", "compare": "depth"},
        "three methods": SLOPE | {"compare": "methods"},
        "a critic that is stuck": {"penalty_weight": 10.0},
        "in the plane": {"p": "(0, 0): 1, (1, 0): 1, (0, 1): 1", "q": "(2, 0): 1, (1, 2): 2"},
    }

    kind: Literal["duality"] = "duality"
    p: str = knob(
        "-3: 1, 2: 1, 3: 1",
        "P",
        "The real piles, on a line or in the plane. Each pile counts as its share of P.",
        takes=HOW_TO_WRITE,
    )
    q: str = knob(
        "-1: 1, 0: 2",
        "Q",
        "The generated piles, on a line or in the plane as P. Each counts as its share of Q.",
        takes=HOW_TO_WRITE,
    )
    method: Method = knob("gradient-penalty", "Critic", "How the critic is held near slope 1.")
    clip: float = knob(0.1, "c", "Weight clipping: every parameter stays within ±c.", ge=0.001, le=1, log=True)
    penalty_weight: float = knob(1.0, "λ", "Gradient penalty: its weight.", ge=0.1, le=1000, log=True)
    depth: int = knob(2, "Hidden layers", "Of the critic, 64 units each.", ge=1, le=4)
    compare: Literal["one", "c-or-λ", "depth", "methods"] = knob(
        "one", "Compare", "Train one critic, or several that differ in one thing."
    )
    steps: int = knob(600, "Steps", "Critic steps.", ge=50, le=1000)
    seed: int = knob(0, "Seed", "Of the critics' first weights and of the batches.", ge=0, le=999)

    @field_validator("p", "q")
    @classmethod
    def _near(cls, text: str) -> str:
        if (far := np.abs(read_piles(text).places).max()) > FARTHEST:
            raise PilesError(f"a critic learns here within ±{FARTHEST:g}; you gave {far:g}")
        return text

    @model_validator(mode="after")
    def _together(self) -> Self:
        p, q = read_piles(self.p), read_piles(self.q)
        if p.dimension != q.dimension:
            raise PilesError("q: P and Q must both lie on a line, or both in the plane")
        if self.compare == "c-or-λ" and self.method == "spectral-norm":
            raise ValueError("compare: spectral norm has neither c nor λ; compare depth or methods")
        return self

    def recipes(self) -> dict[str, Recipe]:
        """The critics to train, by the name that the chart gives them."""
        own = Recipe(self.method, self.clip, self.penalty_weight, self.depth)
        match self.compare:
            case "c-or-λ" if self.method == "weight-clipping":
                return {f"c = {c:g}": replace(own, clip=c) for c in CLIPS}
            case "c-or-λ":
                return {f"λ = {w:g}": replace(own, penalty_weight=w) for w in WEIGHTS}
            case "depth":
                return {f"{d} hidden": replace(own, depth=d) for d in DEPTHS}
            case "methods":
                return {_words(method): replace(own, method=method) for method in METHODS}
        return {_words(self.method): own}

    def frames(self) -> Iterator[Result]:
        p, q = read_piles(self.p), read_piles(self.q)
        shared = Scene(Transport.between(p, q))
        critics = [
            WatchedCritic(name, recipe, _colour(i, recipe, self.compare), Critic(p, q, recipe, self.seed), [], [])
            for i, (name, recipe) in enumerate(self.recipes().items())
        ]
        every = max(1, self.steps // FRAMES)
        for step in range(self.steps + 1):
            if step % every == 0 or step == self.steps:
                for critic in critics:
                    critic.look(step)
                yield self._result(shared, critics, step)
            if step < self.steps:
                for critic in critics:
                    critic.critic.step()

    def live(self) -> TrainingConfig | None:
        if self.method == "spectral-norm":
            return None
        clipped = self.method == "weight-clipping"
        held = (
            {"kind": "wgan-clip", "clip": self.clip}
            if clipped
            else {"kind": "wgan-gp", "penalty_weight": self.penalty_weight}
        )
        return TrainingConfig.parse({"dataset": {"kind": "two-gaussians"}, "objective": held})

    def _result(self, shared: Scene, critics: list[WatchedCritic], step: int) -> Result:
        return Result(
            panels=(
                shared.potentials(critics),
                shared.critic(critics),
                shared.plan(),
                _ratios(critics, shared.w1, self.steps),
            ),
            numbers=shared.numbers(critics),
            tables=(_table(critics, shared.w1),),
            reading=_reading(critics, shared.w1, step),
            progress=step / self.steps,
            step=f"critic step {step:,} of {self.steps:,}",
        )


def _ratios(critics: list[WatchedCritic], w1: float, steps: int) -> Panel:
    layers: list[AnyLayer] = [Level(1.0, "W₁", "em")]
    for each in critics:
        found = np.array([_over(reading.estimate, w1) for reading in each.readings])
        layers.append(Curve(each.steps, np.where(found > 0, found, np.nan), each.name, each.role))  # type: ignore[arg-type]
        if each.recipe.method == "gradient-penalty":
            layers.append(
                Curve(np.array([0.0, steps]), np.full(2, _penalised(w1, each.recipe)), "", each.role, "dot", 1.5)
            )
    return Panel(
        "ratio",
        "Estimate over W₁",
        tuple(layers),
        "critic step",
        "estimate / W₁",
        x_range=(0, steps),
        y_range=(1e-4, 1e3),
        log="y",
        help="1 is the truth. Dotted, for the gradient penalty: 1 + W₁/2λ, what the best slope makes of it where all"
        " interpolates lie on the plan's ways.",
    )


def _table(critics: list[WatchedCritic], w1: float) -> Table:
    return Table(
        "The critics",
        ("critic", "estimate", "estimate / W₁", "its slope K", "estimate / (K W₁)", "1 + W₁/2λ"),
        tuple(
            (
                each.name,
                shown(each.now.estimate),
                shown(_over(each.now.estimate, w1)),
                shown(each.now.slope),
                shown(_over(each.now.estimate, w1 * each.now.slope)),
                shown(_penalised(w1, each.recipe)) if each.recipe.method == "gradient-penalty" else "",
            )
            for each in critics
        ),
    )


def _penalised(w1: float, recipe: Recipe) -> float:
    """What a critic with one slope s along all ways makes of W1: s W1 − λ (s − 1)² is greatest at s = 1 + W1 / 2λ."""
    return 1 + w1 / (2 * recipe.penalty_weight)


def _over(value: float, whole: float) -> float:
    return value / whole if whole > 0 else math.nan


def _reading(critics: list[WatchedCritic], w1: float, step: int) -> str:
    if w1 == 0:
        return "P and Q are the same: W₁ is 0, and whatever a critic says of them is 0."
    said = "; ".join(f"{each.name}: {shown(_over(each.now.estimate, w1))}" for each in critics)
    return f"W₁ is {shown(w1)}. After {step:,} critic steps the estimate over W₁ is {said}."


def _words(method: Method) -> str:
    return method.replace("-", " ")


def _colour(i: int, recipe: Recipe, compare: str) -> Role:
    return COLOUR_OF[recipe.method] if compare in ("one", "methods") else COLOURS[i]
