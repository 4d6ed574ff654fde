"""f-divergences: seven generators, their conjugates, and the bound that a trained network reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import field_validator

from wgan_core.config import TrainingConfig
from wgan_core.schema import knob
from wgan_core.theory.divergences import DIVERGENCES, FDivergence
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.normal import Normal
from wgan_core.theory.pairs import LIMIT, Pair, VariationalFunction, gaussians, written
from wgan_core.theory.piles import PilesError, read_piles
from wgan_core.theory.result import (
    AnyLayer,
    Bars,
    Curve,
    Floats,
    Level,
    Marks,
    Number,
    Panel,
    Result,
    Table,
    shown,
)

FRAMES = 30
PILES = "masses, 3, 2, 1, 4, or place: mass, 0: 3, 2.5: 1"
Name = Literal["kl", "reverse-kl", "pearson", "neyman", "hellinger", "js", "tv"]


class FDivergences(Figure):
    """Seven divergences of one pair, and one of them learned by a network through its conjugate."""

    place: ClassVar = 9
    label: ClassVar = "f-divergences"
    source: ClassVar = (
        "Khelifa and Rossa, Wasserstein Generative Adversarial Networks, Appendix A;"
        " Nowozin, Cseke, Tomioka 2016, f-GAN, equations 2 to 5 and Tables 1 and 2"
    )
    formula: ClassVar = (
        r"D_f(P\|Q)=\int q(x)\,f\Big(\frac{p(x)}{q(x)}\Big)dx"
        r"=\sup_T\ \mathbb{E}_P[T]-\mathbb{E}_Q[f^*(T)],\qquad f^*(t)=\sup_{u\ge 0}\,(ut-f(u))"
    )
    says: ClassVar = (
        "A convex f with f(1) = 0 makes a divergence, and its conjugate f* turns that into a game that a network can play.",
        "The best T is f′(p/q), and it sees only the ratio p/q: how far apart two places are, no f-divergence knows.",
    )
    tries: ClassVar = (
        "Widen the gap: KL grows with its square, while JS and total variation stop at ln 2 and 1.",
        "Choose disjoint piles and then the same, farther apart: no number changes.",
        "Choose the heavy tails: Pearson's χ² is infinite from σ = √2 on, though the two densities overlap everywhere.",
    )
    question: ClassVar = Question(
        "P and Q share no place. Which of the seven tells how far P is from Q?",
        ("KL and reverse KL", "JS and total variation", "None of them"),
        2,
        "Where only one of them has mass, the ratio p/q is 0 or ∞ and the sum is f(0) + f′(∞), whatever the distance: ∞ for"
        " KL and χ², ln 2 for JS, 1 for total variation, 2 for Hellinger. That is why the WGAN paper turns to the EM distance.",
    )
    presets: ClassVar = {
        "two Gaussians": {},
        "far apart": {"gap": 5.0},
        "heavy tails": {"gap": 0.0, "sd": 2.0, "divergence": "pearson"},
        "disjoint piles": {"pair": "piles"},
        "disjoint, farther": {"pair": "piles", "q": "30: 1, 40: 1"},
        "KL of disjoint piles": {"pair": "piles", "divergence": "kl"},
        "piles that overlap": {"pair": "piles", "p": "3, 2, 1, 4", "q": "1, 2, 4, 3"},
    }

    kind: Literal["f-divergences"] = "f-divergences"
    divergence: Name = knob("js", "Learned", "The divergence whose bound the network climbs.")
    pair: Literal["gaussians", "piles"] = knob("gaussians", "Pair", "Two Gaussians, or piles that you write.")
    gap: float = knob(1.5, "Gap", "P's mean; Q is the standard Gaussian.", ge=-6, le=6)
    sd: float = knob(1.0, "σ of P", "P's standard deviation; that of Q is 1.", ge=0.3, le=3)
    p: str = knob("1: 1, 2: 1", "P", "The real piles, on a line.", takes=PILES)
    q: str = knob("3: 1, 4: 1", "Q", "The generated piles, on a line.", takes=PILES)
    steps: int = knob(300, "Steps", "Training steps of the network.", ge=30, le=2000)
    seed: int = knob(0, "Seed", "Of the network's first weights.", ge=0, le=999)

    @field_validator("p", "q")
    @classmethod
    def _on_a_line(cls, text: str) -> str:
        if read_piles(text).dimension > 1:
            raise PilesError("these piles lie on a line: write masses, or place: mass")
        return text

    def frames(self) -> Iterator[Result]:
        pair = (
            gaussians(Normal(self.gap, self.sd), Normal(0.0, 1.0))
            if self.pair == "gaussians"
            else written(self.p, self.q)
        )
        chosen, truth = DIVERGENCES[self.divergence], pair.values[self.divergence]
        network = VariationalFunction(pair, chosen, self.seed)
        seen: list[tuple[int, float]] = []
        every = max(1, self.steps // FRAMES)
        for step in range(self.steps + 1):
            bound = network.bound()
            if step % every == 0 or step == self.steps:
                seen.append((step, bound.item()))
                yield Result(
                    panels=(
                        _pair(pair),
                        _generators(chosen),
                        _conjugate(chosen),
                        _critic(pair, chosen, network.critic()),
                        _bounds(seen, chosen, truth, self.steps),
                    ),
                    numbers=(*_values(pair), *_reached(seen[-1][1], chosen, truth)),
                    tables=(_seven(),),
                    reading=_reading(seen[-1], chosen, truth),
                    progress=step / self.steps,
                    step=f"step {step:,} of {self.steps:,}",
                )
            if step < self.steps:
                network.climb(bound)

    def live(self) -> TrainingConfig | None:
        """The original GAN, which climbs the bound of JS."""
        if self.divergence != "js":
            return None
        return TrainingConfig.parse({"dataset": {"kind": "two-gaussians"}, "objective": {"kind": "gan"}})


# Panels


def _pair(pair: Pair) -> Panel:
    if pair.discrete:
        width = 0.3 * (np.diff(pair.x).min() if len(pair.x) > 1 else 1.0)
        layers: tuple[AnyLayer, ...] = (
            Bars(pair.x - width / 2, pair.p, "P", "real", width),
            Bars(pair.x + width / 2, pair.q, "Q", "generated", width),
        )
    else:
        spacing = pair.x[1] - pair.x[0]
        layers = (
            Curve(pair.x, pair.p / spacing, "P", "real", fill=True),
            Curve(pair.x, pair.q / spacing, "Q", "generated", fill=True),
        )
    return Panel("pair", "The pair", layers, "x", "mass" if pair.discrete else "density")


def _generators(chosen: FDivergence) -> Panel:
    u = np.linspace(0, 4, 401)
    others = [each for each in DIVERGENCES.values() if each is not chosen]
    layers: list[AnyLayer] = [
        Curve(u, _finite(each.f(u)), "the other six" if each is others[0] else "", "quiet", width=1.2)
        for each in others
    ]
    layers.append(Curve(u, _finite(chosen.f(u)), f"{chosen.label}: {chosen.formula}", "critic", width=3))
    return Panel(
        "generator",
        "The generators f",
        tuple(layers),
        "u = p/q",
        "f(u)",
        x_range=(0.0, 4.0),
        y_range=(-1.6, 4.0),
        help="All are convex and 0 at u = 1. How steep f is at u near 0 and at large u says what it makes of places that"
        " only one of P and Q has.",
    )


def _conjugate(chosen: FDivergence) -> Panel:
    t = np.linspace(-3, 2, 501)
    some = t[::25]
    u = np.concatenate([[0.0], np.geomspace(1e-6, 1e3, 4001)])
    f = chosen.f(u)
    supremum = np.where(np.isfinite(f), some[:, None] * u - np.where(np.isfinite(f), f, 0.0), -np.inf).max(1)
    by_formula = chosen.conjugate(torch.from_numpy(t)).numpy()
    layers = (
        Curve(t, _finite(by_formula), "f*", "critic", width=3),
        Marks(
            some,
            np.where(np.isfinite(by_formula[::25]), supremum, np.nan),
            "largest u t − f(u) found",
            "ink",
            8,
            "ring",
        ),
    )
    return Panel(
        "conjugate",
        f"Its conjugate, f*(t) = {chosen.conjugate_formula}",
        layers,
        "t",
        "f*(t)",
        x_range=(-3.0, 2.0),
        y_range=(-2.5, 4.0),
        help="f*(t) is the largest u t − f(u) over u ≥ 0. Rings: by trying 4,000 values of u. Where the curve ends f* is"
        " infinite, and the network's last layer keeps T inside.",
    )


def _critic(pair: Pair, chosen: FDivergence, t: Floats) -> Panel:
    best = chosen.best_t(pair.log_ratio)
    seen = pair.p + pair.q > 1e-3 * (pair.p + pair.q).max()
    finite = np.isfinite(best) & seen
    ends = np.concatenate([best[finite], t[seen]]).clip(-15, 15)
    margin = 0.1 * float(np.ptp(ends)) + 0.1
    if pair.discrete:
        layers: tuple[AnyLayer, ...] = (
            Marks(pair.x, _finite(best), "T* = f′(p/q)", "ink", 12, "ring"),
            Marks(pair.x, t, "T, trained", "critic", 7),
        )
    else:
        layers = (
            Curve(pair.x, t, "T, trained", "critic", width=3),
            Curve(pair.x, _finite(best), "T* = f′(p/q)", "ink", "dash"),
        )
    return Panel(
        "critic",
        "The best T and the trained one",
        layers,
        "x",
        "T(x)",
        y_range=(float(ends.min()) - margin, float(ends.max()) + margin),
        help="T* attains the supremum. Where neither P nor Q has mass, T may be anything. Where T* is infinite there is no"
        " ring, and the trained T runs away.",
    )


def _bounds(seen: list[tuple[int, float]], chosen: FDivergence, truth: float, steps: int) -> Panel:
    step, bound = np.array(seen, dtype=np.float64).T
    top = truth if math.isfinite(truth) else max(1.0, float(bound.max()))
    layers: list[AnyLayer] = [Curve(step, bound, "the network's bound", "critic", width=3)]
    if math.isfinite(truth):
        layers.append(Level(truth, f"D = {shown(truth)}", "ink"))
    if math.isfinite(chosen.greatest):
        layers.append(Level(chosen.greatest, "greatest possible", "quiet", dash="dot"))
    top = max(top, chosen.greatest) if math.isfinite(chosen.greatest) else top
    return Panel(
        "bound",
        f"The bound on {chosen.label} as the network learns",
        tuple(layers),
        "step",
        "E_P[T] − E_Q[f*(T)]",
        x_range=(0, steps),
        y_range=(min(0.0, max(float(bound.min()), -0.2 * top)) - 0.02 * top, 1.12 * top),
        wide=True,
        help="Whatever T is, this is never above D. Means are taken over the whole pair, not over samples."
        f" Where D is infinite it climbs until the network's raw output meets its limit, ±{LIMIT:g}.",
    )


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


# Numbers


def _values(pair: Pair) -> tuple[Number, ...]:
    found = []
    for kind, value in pair.values.items():
        expected, note = pair.expected[kind]
        small = 1e-6 * max(1.0, abs(value)) if math.isfinite(value) else 0.0
        found.append(Number(DIVERGENCES[kind].label, value, expected, small, note))
    return tuple(found)


def _reached(bound: float, chosen: FDivergence, truth: float) -> tuple[Number, Number]:
    small = 1e-4 * max(1.0, truth) if math.isfinite(truth) else 0.0
    return (
        Number(f"the network's bound on {chosen.label}", bound, note=f"D is {shown(truth)}"),
        Number("bound over D, by", max(0.0, bound - truth), 0.0, small, "never over: f*(t) ≥ u t − f(u) for every u"),
    )


def _seven() -> Table:
    return Table(
        "The seven",
        ("", "f(u)", "f*(t)", "for disjoint supports"),
        tuple(
            (each.label, each.formula, each.conjugate_formula, shown(each.greatest)) for each in DIVERGENCES.values()
        ),
    )


def _reading(last: tuple[int, float], chosen: FDivergence, truth: float) -> str:
    step, bound = last
    if truth == 0:
        return f"P and Q are the same: every divergence is 0, and the bound on {chosen.label} is {shown(bound)}."
    if not math.isfinite(truth):
        return f"{chosen.label} is infinite: after {step:,} steps the bound is {shown(bound)}, and only its limits stop it."
    share = f"{max(0.0, bound / truth):.1%}"
    ceiling = (
        " That is its ceiling: no distance shows any more."
        if math.isclose(truth, chosen.greatest, rel_tol=1e-6)
        else ""
    )
    return f"{chosen.label} is {shown(truth)}. After {step:,} steps the network has found {share} of it.{ceiling}"
