"""Two Gaussians: KL depends on the order, JS does not; the best discriminator's loss is JS; which bump a fit chooses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from wgan_core.config import TrainingConfig
from wgan_core.schema import knob
from wgan_core.theory.divergences import DIVERGENCES, LOG_2, RealLine
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.normal import Normal, closed_form, line_for
from wgan_core.theory.result import Curve, Floats, Level, Number, Panel, Result, shown

X = np.linspace(-8, 8, 801)
ENDS = (-8.0, 8.0)
BUMP = 0.7  # standard deviation of each bump of the mixture
# Expectations under a Gaussian by 64 points (Gauss and Hermite): exact for polynomials up to degree 127.
NODES, WEIGHTS = hermegauss(64)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Gaussians(Figure):
    """From GAN to WGAN, Figure 1 and section 3, with integrals on a line instead of drawings."""

    place: ClassVar = 2
    label: ClassVar = "KL, JS and the best discriminator"
    source: ClassVar = (
        "Weng 2019, From GAN to WGAN, Figure 1 and sections 2, 3.1 to 3.3; Goodfellow et al. 2014, theorem 1"
    )
    formula: ClassVar = r"D^*(x)=\frac{p(x)}{p(x)+q(x)},\qquad L(G,D^*)=2\,D_{JS}(p\|q)-2\log 2"
    says: ClassVar = (
        "KL(p‖q) asks how surprised q is by samples of p, so it changes when p and q change places, while JS does not.",
        "With the best discriminator the GAN's loss is JS in another form: minimising it brings q to p.",
    )
    tries: ClassVar = (
        "Make q narrow and p wide: KL(p‖q) is large, since q gives almost no chance to what p does; then swap them.",
        "Pull the two apart: D* becomes a step and JS reaches its ceiling ln 2, where it stays.",
        "Pull the two bumps of the data apart: one fit spreads over both, the other gives one up.",
    )
    question: ClassVar = Question(
        "Data have two bumps, and q is one Gaussian. Which divergence makes q sit on one bump alone?",
        ("KL(data‖q), which punishes q ≈ 0 where data are", "KL(q‖data), which punishes q where no data are"),
        1,
        "KL(q‖data) averages over q: mass of q between the bumps costs much, missing data cost nothing. It is zero-forcing,"
        " and KL(data‖q), as in maximum likelihood, zero-avoiding.",
    )
    presets: ClassVar = {
        "Figure 1": {},
        "narrow against wide": {"mean_q": 0.0, "sd_p": 2.0, "sd_q": 0.5},
        "swapped": {"mean_q": 0.0, "sd_p": 2.0, "sd_q": 0.5, "swapped": True},
        "far apart": {"mean_p": -3.0, "mean_q": 3.0, "sd_p": 0.5, "sd_q": 0.5},
        "equal": {"mean_q": 0.0},
        "one bump": {"apart": 0.0},
    }

    kind: Literal["gaussians"] = "gaussians"
    mean_p: float = knob(0.0, "Mean of p", "p is the real distribution.", ge=-4, le=4)
    sd_p: float = knob(1.0, "σ of p", "Standard deviation of p.", ge=0.1, le=3)
    mean_q: float = knob(1.0, "Mean of q", "q is the generated distribution.", ge=-4, le=4)
    sd_q: float = knob(1.0, "σ of q", "Standard deviation of q.", ge=0.1, le=3)
    swapped: bool = knob(False, "Swap p and q", "Take q for the real distribution.", takes="true or false")
    apart: float = knob(
        4.0, "Bumps apart", "Distance between the two bumps that one Gaussian is fitted to.", ge=0, le=8
    )
    share: float = knob(0.5, "Share of the left bump", "How much of the data is in the left bump.", ge=0.05, le=0.95)

    def pair(self) -> tuple[Normal, Normal]:
        """p and q, swapped if so asked."""
        p, q = Normal(self.mean_p, self.sd_p), Normal(self.mean_q, self.sd_q)
        return (q, p) if self.swapped else (p, q)

    def bumps(self) -> Bumps:
        return Bumps(self.apart, self.share)

    def compute(self) -> Result:
        p, q = self.pair()
        line = line_for(p, q)
        found = {name: DIVERGENCES[name].of_densities(p.log_density, q.log_density, line) for name in ("kl", "js")}
        found["reverse-kl"] = DIVERGENCES["kl"].of_densities(q.log_density, p.log_density, line)
        bumps = self.bumps()
        spread, one = bumps.fit("kl"), bumps.fit("reverse-kl")
        return Result(
            panels=(_densities(p, q), _integrands(p, q), _discriminator(p, q), _fits(bumps, spread, one)),
            numbers=self._numbers(found, loss(p, q, line), spread, one),
            reading=_reading(found, one, bumps),
        )

    def _numbers(self, found: dict[str, float], gan: float, spread: Normal, one: Normal) -> tuple[Number, ...]:
        p, q = self.pair()
        js_back = DIVERGENCES["js"].of_densities(q.log_density, p.log_density, line_for(p, q))

        def known(name: str, a: Normal, b: Normal) -> float:
            value = closed_form(name, a, b)
            assert value is not None
            return value

        forward, backward = known("kl", p, q), known("kl", q, p)
        gaussian = "ln(σ₂/σ₁) + (σ₁² + (μ₁ − μ₂)²) / 2σ₂² − ½"
        mean, sd = self.bumps().moments()
        return (
            Number("KL(p‖q)", found["kl"], forward, 1e-6 * max(1, forward), gaussian),
            Number("KL(q‖p)", found["reverse-kl"], backward, 1e-6 * max(1, backward), "the same, with 1 and 2 swapped"),
            Number("JS(p, q)", found["js"], note="between 0 and ln 2 = 0.6931"),
            Number("JS(q, p)", js_back, found["js"], 1e-9, "JS(p, q): the order does not matter"),
            Number("L(G, D*)", gan, 2 * found["js"] - 2 * LOG_2, 1e-6, "2 JS − 2 ln 2; E_p[ln D*] + E_q[ln(1 − D*)]"),
            Number("Mean of the fit by KL(data‖q)", spread.mean, mean, 1e-4, "the mean of the data"),
            Number("σ of the fit by KL(data‖q)", spread.sd, sd, 1e-4, "the standard deviation of the data"),
            Number("Mean of the fit by KL(q‖data)", one.mean, note=f"the bumps are at ±{shown(self.apart / 2)}"),
            Number("σ of the fit by KL(q‖data)", one.sd, note=f"each bump has σ = {BUMP:g}"),
        )

    def live(self) -> TrainingConfig:
        """A GAN on two Gaussians, which may well find one of them alone."""
        return TrainingConfig.parse({"dataset": {"kind": "two-gaussians"}, "objective": {"kind": "gan"}})


def loss(p: Normal, q: Normal, line: RealLine) -> float:
    """The GAN's value with the best discriminator, E_p[ln D*] + E_q[ln(1 − D*)], from D* itself."""
    log_p, log_q = p.log_density(line.x), q.log_density(line.x)
    gain = np.exp(log_p) * log_expit(log_p - log_q) + np.exp(log_q) * log_expit(log_q - log_p)
    return float(gain @ line.weights)


@dataclass(frozen=True)
class Bumps:
    """A mixture of two Gaussians around 0, ``apart`` from each other, the left one with a share of the mass."""

    apart: float
    share: float

    def parts(self) -> list[tuple[float, Normal]]:
        return [(self.share, Normal(-self.apart / 2, BUMP)), (1 - self.share, Normal(self.apart / 2, BUMP))]

    def log_density(self, x: Floats) -> Floats:
        logs = [math.log(share) + part.log_density(x) for share, part in self.parts()]
        return np.logaddexp(*logs)

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation."""
        mean = sum(share * part.mean for share, part in self.parts())
        square = sum(share * (part.mean**2 + part.sd**2) for share, part in self.parts())
        return mean, math.sqrt(square - mean**2)

    def kl_to(self, q: Normal) -> float:
        """KL(data‖q) but for the data's entropy, which no q changes."""
        return -sum(share * _mean(part, q.log_density) for share, part in self.parts())

    def kl_from(self, q: Normal) -> float:
        """KL(q‖data)."""
        return _mean(q, lambda x: q.log_density(x) - self.log_density(x))

    def fit(self, name: Literal["kl", "reverse-kl"]) -> Normal:
        """The single Gaussian that minimises KL(data‖q), or KL(q‖data), from starts on each bump and between them."""
        cost = self.kl_to if name == "kl" else self.kl_from

        def of(at: Floats) -> float:
            return cost(Normal(float(at[0]), math.exp(float(at[1]))))

        starts = [[side * self.apart / 2, math.log(BUMP)] for side in (-1, 1)] + [
            [0.0, math.log(self.apart / 2 + BUMP)]
        ]
        found = [
            minimize(of, np.array(start), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12})
            for start in starts
        ]
        # Of equals the first: of two bumps that are alike, the left one.
        best = min(found, key=lambda result: round(float(result.fun), 9))
        # What the search leaves after the sixth digit is its own.
        return Normal(round(float(best.x[0]), 6), round(math.exp(float(best.x[1])), 6))


def _mean(normal: Normal, f: Callable[[Floats], Floats]) -> float:
    return float(WEIGHTS @ f(normal.mean + normal.sd * NODES))


# Panels


def _densities(p: Normal, q: Normal) -> Panel:
    on_p, on_q = np.exp(p.log_density(X)), np.exp(q.log_density(X))
    layers = (
        Curve(X, on_p, "p, real", "real", fill=True),
        Curve(X, on_q, "q, generated", "generated", fill=True),
        Curve(X, (on_p + on_q) / 2, "m = (p + q)/2", "ink", "dash"),
    )
    return Panel(
        "densities", "The densities", layers, "x", "density", x_range=ENDS, help="JS compares each with their mean m."
    )


def _integrands(p: Normal, q: Normal) -> Panel:
    log_p, log_q = p.log_density(X), q.log_density(X)
    layers = (
        Curve(X, np.exp(log_p) * (log_p - log_q), "p ln(p/q)", "kl", fill=True),
        Curve(X, np.exp(log_q) * (log_q - log_p), "q ln(q/p)", "reverse-kl", fill=True),
        Curve(X, DIVERGENCES["js"].summand(log_p, log_q), "that of JS", "js", fill=True),
    )
    return Panel(
        "integrands",
        "What is integrated: areas are KL(p‖q), KL(q‖p), JS",
        layers,
        "x",
        "nats per x",
        x_range=ENDS,
        help="The area over 0 minus the area under 0 is the divergence. JS's curve never falls under 0.",
    )


def _discriminator(p: Normal, q: Normal) -> Panel:
    best = expit(p.log_density(X) - q.log_density(X))
    layers = (Curve(X, best, "D*", "critic"), Level(0.5, "½: cannot tell", "quiet"))
    return Panel(
        "discriminator",
        "The best discriminator, D* = p/(p + q)",
        layers,
        "x",
        "chance of real",
        x_range=ENDS,
        y_range=(-0.03, 1.03),
        help="Where p = q it says ½. The farther apart p and q are, the more it looks like a step, flat on both sides.",
    )


def _fits(bumps: Bumps, spread: Normal, one: Normal) -> Panel:
    layers = (
        Curve(X, np.exp(bumps.log_density(X)), "data", "real", fill=True),
        Curve(X, np.exp(spread.log_density(X)), "q by KL(data‖q)", "kl"),
        Curve(X, np.exp(one.log_density(X)), "q by KL(q‖data)", "reverse-kl"),
    )
    return Panel(
        "fits",
        "One Gaussian fitted to two bumps",
        layers,
        "x",
        "density",
        x_range=ENDS,
        help="KL(data‖q) is infinite where q has nothing and data are: its fit avoids zeros. KL(q‖data) is infinite where q is"
        " and no data: its fit is forced to zero there.",
    )


def _reading(found: dict[str, float], one: Normal, bumps: Bumps) -> str:
    ratio = (
        "the same both ways"
        if math.isclose(found["kl"], found["reverse-kl"], rel_tol=1e-6, abs_tol=1e-9)
        else (f"{shown(found['kl'])} one way and {shown(found['reverse-kl'])} the other")
    )
    side = "the left bump" if one.mean < 0 else "the right bump"
    alone = bumps.apart > 2 * BUMP and abs(abs(one.mean) - bumps.apart / 2) < BUMP and one.sd < 1.5 * BUMP
    fit = f"the fit by KL(q‖data) sits on {side} alone" if alone else "both fits cover both bumps"
    return f"KL is {ratio}, JS is {shown(found['js'])} of at most {shown(LOG_2)}; {fit}."
