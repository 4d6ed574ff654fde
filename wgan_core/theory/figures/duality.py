"""Kantorovich and Rubinstein: the cheapest plan and the best critic are two sides of one linear program."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator
from scipy.spatial.distance import cdist

from wgan_core.config import RunConfig
from wgan_core.schema import knob
from wgan_core.theory.critics import Critic, Method, Reading, Recipe
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.piles import HOW_TO_WRITE, PilesError, read_piles
from wgan_core.theory.result import (
    AnyLayer,
    Bars,
    Curve,
    Floats,
    Heat,
    Level,
    Number,
    Panel,
    Points,
    Result,
    Role,
    Table,
    shown,
)
from wgan_core.theory.transport import Transport

FRAMES = 40
SIDE = 40  # of the grid in the plane
ALONG = 241  # places on the line
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
    p: str = knob("-3: 1, 2: 1, 3: 1", "P", "The real piles, on a line or in the plane.", takes=HOW_TO_WRITE)
    q: str = knob("-1: 1, 0: 2", "Q", "The generated piles, on a line or in the plane as P.", takes=HOW_TO_WRITE)
    method: Method = knob("gradient-penalty", "Critic", "How the critic is held near slope 1.")
    clip: float = knob(0.1, "c", "Weight clipping: every parameter stays within ±c.", ge=0.001, le=1, log=True)
    penalty_weight: float = knob(1.0, "λ", "Gradient penalty: its weight.", ge=0.1, le=1000, log=True)
    depth: int = knob(2, "Hidden layers", "Of the critic, 64 units each.", ge=1, le=4)
    compare: Literal["one", "c-or-λ", "depth", "methods"] = knob(
        "one", "Compare", "Train one critic, or several that differ in one thing."
    )
    steps: int = knob(600, "Steps", "Critic steps.", ge=50, le=1200)
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
        shared = _Scene(Transport.between(p, q))
        critics = [
            _Trained(name, recipe, _colour(i, recipe, self.compare), Critic(p, q, recipe, self.seed), [], [])
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

    def live(self) -> RunConfig | None:
        if self.method == "spectral-norm":
            return None
        clipped = self.method == "weight-clipping"
        held = (
            {"kind": "wgan-clip", "clip": self.clip}
            if clipped
            else {"kind": "wgan-gp", "penalty_weight": self.penalty_weight}
        )
        return RunConfig.parse({"dataset": {"kind": "two-gaussians"}, "objective": held})

    def _result(self, shared: _Scene, critics: list[_Trained], step: int) -> Result:
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


@dataclass(eq=False)
class _Trained:
    """A critic with what was read of it so far."""

    name: str
    recipe: Recipe
    role: Role
    critic: Critic
    steps: list[int]
    readings: list[Reading]

    def look(self, step: int) -> None:
        self.steps.append(step)
        self.readings.append(self.critic.read())

    @property
    def now(self) -> Reading:
        return self.readings[-1]


class _Scene:
    """What the linear program found, and where the critics are drawn."""

    def __init__(self, best: Transport) -> None:
        self.best = best
        self.p, self.q = best.p, best.q
        self.w1 = best.cost / best.p.total
        self.places = np.concatenate([self.p.places, self.q.places])
        low, high = self.places.min(0), self.places.max(0)
        margin = 0.15 * max(1.0, float((high - low).max()))
        axes = [
            np.linspace(a - margin, b + margin, ALONG if len(low) == 1 else SIDE)
            for a, b in zip(low, high, strict=True)
        ]
        self.axes = axes
        self.grid = np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="xy")], 1)
        self.f = best.potential(self.grid)

    @property
    def on_a_line(self) -> bool:
        return len(self.axes) == 1

    def potentials(self, critics: list[_Trained]) -> Panel:
        if not self.on_a_line:
            return self._map("potential-map", "The best critic f*, by the linear program", self.f)
        layers: list[AnyLayer] = [*self._piles_below()]
        for each in critics:
            f = self._levelled(each)
            layers.append(Curve(self.grid[:, 0], f, f"{each.name} / K", each.role))
        layers.append(Curve(self.grid[:, 0], self.f, "f*", "ink", "dash", 2.5))
        reach = float(np.ptp(self.f))
        return Panel(
            "potential",
            "The best critic f*, and the trained over their K",
            tuple(layers),
            "x",
            "score",
            y_range=(float(self.f.min()) - 0.45 * reach - 0.1, float(self.f.max()) + 0.25 * reach + 0.1),
            help="Bars: P and Q. Dashed: f* by the linear program. Full: each trained critic divided by its K and moved up or"
            " down, which changes no difference of means. Where no earth passes, f* may have any slope from −1 to 1.",
        )

    def critic(self, critics: list[_Trained]) -> Panel:
        if not self.on_a_line:
            return self._map("critic-map", f"The trained critic: {critics[0].name}", critics[0].critic.at(self.grid))
        x = self.grid[:, 0]
        middles = (x[1:] + x[:-1]) / 2
        layers: list[AnyLayer] = [Level(1.0, "", "quiet", dash="dot"), Level(-1.0, "", "quiet", dash="dot")]
        for each in critics:
            layers.append(Curve(middles, np.diff(each.critic.at(self.grid)) / np.diff(x), each.name, each.role))
        layers.append(Curve(middles, np.diff(self.f) / np.diff(x), "f*", "ink", "dash", 2.5))
        return Panel(
            "critic",
            "Slopes of the critics, as they are",
            tuple(layers),
            "x",
            "f′(x)",
            y_range=(-3.0, 3.0),
            help="The best critic has slope 1 or −1 wherever earth passes. Clipped critics have slopes far from it.",
        )

    def plan(self) -> Panel:
        layers: list[AnyLayer] = []
        ends = self.p.places, self.q.places
        if self.on_a_line:
            ends = tuple(
                np.column_stack([places, np.full(len(places), y)]) for places, y in zip(ends, (1.0, 0.0), strict=True)
            )  # type: ignore[assignment]
        for i, j in np.argwhere(self.best.plan > 0):
            way = np.stack([ends[0][i], ends[1][j]])
            thick = 1 + 7 * float(self.best.plan[i, j]) / self.p.total
            layers.append(Curve(way[:, 0], way[:, 1], "", "em", width=thick))
        for places, name, role in ((ends[0], "P", "real"), (ends[1], "Q", "generated")):
            layers.append(Points(places[:, 0], places[:, 1], name, role, 11))  # type: ignore[arg-type]
        return Panel(
            "plan",
            "The cheapest plan",
            tuple(layers),
            "x",
            "" if self.on_a_line else "y",
            x_range=(float(self.axes[0][0]), float(self.axes[0][-1])),
            y_range=(-0.2, 1.2) if self.on_a_line else (float(self.axes[1][0]), float(self.axes[1][-1])),
            help="Where the earth of P goes in Q; the thicker a line, the more. Along each, f* falls by the length of the way.",
        )

    def numbers(self, critics: list[_Trained]) -> tuple[Number, ...]:
        best, total = self.best, self.p.total
        anywhere = np.concatenate([self.places, self.grid[:: max(1, len(self.grid) // 200)]])
        f, apart = best.potential(anywhere), cdist(anywhere, anywhere)
        steepest = float((np.abs(f[:, None] - f) / np.where(apart > 0, apart, math.inf)).max())
        n = len(self.p.places)
        fall = f[:n, None] - f[n : len(self.places)][None] - apart[:n, n : len(self.places)]
        over = max(each.now.estimate - each.now.slope * self.w1 for each in critics)
        return (
            Number(
                "W₁, price of the cheapest plan", self.w1, best.dual / total, 1e-8, "E_P[f*] − E_Q[f*]: no duality gap"
            ),
            Number("duality gap", best.gap / total, 0.0, 1e-8, "price − dual value"),
            Number(
                "steepest slope of f*",
                steepest,
                1.0 if self.w1 > 0 else None,
                1e-9,
                "1-Lipschitz: between any two places of the chart at most 1",
            ),
            Number(
                "f*(x) − f*(y) − ‖x − y‖ where earth goes",
                float(np.abs(fall[best.plan > 0]).max()),
                0.0,
                1e-8,
                "0: complementary slackness",
            ),
            Number(
                "estimate over K W₁, at most, by",
                max(0.0, over),
                0.0,
                1e-6 * max(1.0, *(each.now.slope for each in critics)),
                "never over: along each way of the plan a critic falls by at most K times its length",
            ),
        )

    def _piles_below(self) -> list[AnyLayer]:
        """The piles as bars from the panel's floor."""
        reach = float(np.ptp(self.f)) + 0.2
        floor = float(self.f.min()) - 0.45 * reach
        top = max(self.p.shares.max(), self.q.shares.max())
        width = 0.02 * float(self.axes[0][-1] - self.axes[0][0])
        return [
            Bars(piles.line, 0.3 * reach * piles.shares / top, "", role, width, floor)  # type: ignore[arg-type]
            for piles, role in ((self.p, "real"), (self.q, "generated"))
        ]

    def _levelled(self, trained: _Trained) -> Floats:
        """A critic divided by its K and moved to meet f* at the piles in the mean: a constant changes no estimate."""
        slope = max(trained.now.slope, 1e-12)
        constant = float((self.best.potential(self.places) - trained.critic.at(self.places) / slope).mean())
        return trained.critic.at(self.grid) / slope + constant

    def _map(self, name: str, title: str, f: Floats) -> Panel:
        f = f - f.mean()
        layers: list[AnyLayer] = [Heat(self.axes[0], self.axes[1], f.reshape(SIDE, SIDE), "score", 0.0)]
        for piles, label, role in ((self.p, "P", "real"), (self.q, "Q", "generated")):
            layers.append(Points(piles.places[:, 0], piles.places[:, 1], label, role, 11))  # type: ignore[arg-type]
        return Panel(
            name,
            title,
            tuple(layers),
            "x",
            "y",
            equal=True,
            help="Scores around their mean. The best critic falls at slope 1 from P to Q, along the ways of the plan.",
        )


def _ratios(critics: list[_Trained], w1: float, steps: int) -> Panel:
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


def _table(critics: list[_Trained], w1: float) -> Table:
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


def _reading(critics: list[_Trained], w1: float, step: int) -> str:
    if w1 == 0:
        return "P and Q are the same: W₁ is 0, and whatever a critic says of them is 0."
    said = "; ".join(f"{each.name}: {shown(_over(each.now.estimate, w1))}" for each in critics)
    return f"W₁ is {shown(w1)}. After {step:,} critic steps the estimate over W₁ is {said}."


def _words(method: Method) -> str:
    return method.replace("-", " ")


def _colour(i: int, recipe: Recipe, compare: str) -> Role:
    return COLOUR_OF[recipe.method] if compare in ("one", "methods") else COLOURS[i]
