"""The WGAN paper's Figure 3: a discriminator and a critic, trained to their optimum between two Gaussians."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy.special import expit, log_expit
from scipy.stats import norm

from wgan_core.config import TrainingConfig
from wgan_core.objectives import Gan, Objective, WganClip, WganGp
from wgan_core.schema import knob
from wgan_core.theory.divergences import DIVERGENCES
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.learner import tensor
from wgan_core.theory.normal import Normal, line_for, wasserstein
from wgan_core.theory.result import AnyLayer, Curve, Floats, Level, Number, Panel, Result, Role, shown
from wgan_core.theory.scorer import TrainedCritic

FRAMES, BATCH = 32, 256
ENDS = (-8.0, 8.0)
WIDE = np.linspace(-24, 24, 4801)  # 8 σ beyond either mean, whatever the knobs
SHOWN = np.abs(WIDE) <= 8
LEVELS = (np.arange(201) + 0.5) / 201  # generated points by even quantiles
LEAST = 1e-30


class OptimalCritic(Figure):
    """Both train live on samples of two Gaussians that can be pulled apart; D* and all means are exact."""

    place: ClassVar = 5
    label: ClassVar = "The best discriminator and the best critic"
    source: ClassVar = "Arjovsky et al. 2017, Wasserstein GAN, Figure 3; Goodfellow et al. 2014, proposition 1"
    formula: ClassVar = (
        r"D^*(x)=\frac{p(x)}{p(x)+q(x)},\quad \nabla\log(1-D)=-D\,\nabla\operatorname{logit}D\to 0;\qquad "
        r"f^*=\arg\max_{\|f\|_L\le 1}\mathbb{E}_p[f]-\mathbb{E}_q[f]"
    )
    says: ClassVar = (
        "The better the discriminator tells two distant bumps apart, the flatter it is where the generated samples are.",
        "A critic of bounded slope cannot saturate: its best is to rise from q to p at full slope all the way.",
    )
    tries: ClassVar = (
        "Take overlapping bumps and pull them apart: D's gradient at the generated points falls by powers of ten, f's stays.",
        "Compare clipping with the penalty: a clipped critic has a scale of its own and uses its full slope only in places.",
        "Let the bumps overlap: then D has a slope as well, and both would do.",
    )
    question: ClassVar = Question(
        "A discriminator is trained to its optimum before every generator step. What does that do?",
        (
            "To GAN and WGAN the same good: a better judge is a better teacher",
            "It helps a WGAN and starves a GAN",
            "It helps a GAN and starves a WGAN",
        ),
        1,
        "The optimal D is flat on the generated samples, so log(1 − D) sends nothing back. The optimal critic has slope K there,"
        " and the closer it is to optimal, the better its gradient is that of W₁.",
    )
    presets: ClassVar = {
        "Figure 3": {},
        "weight clipping": {"method": "clip"},
        "farther apart": {"mean_p": -4.0, "mean_q": 4.0},
        "overlapping": {"mean_p": -0.5, "mean_q": 0.5, "sd_p": 1.0, "sd_q": 1.0},
        "narrow against wide": {"sd_p": 0.3, "sd_q": 2.0, "mean_p": 0.0, "mean_q": 0.0},
    }

    kind: Literal["optimal-critic"] = "optimal-critic"
    mean_p: float = knob(-2.0, "Mean of p", "p is the real distribution.", ge=-4, le=4)
    sd_p: float = knob(0.5, "σ of p", "Standard deviation of p.", ge=0.2, le=2)
    mean_q: float = knob(2.0, "Mean of q", "q is the generated distribution.", ge=-4, le=4)
    sd_q: float = knob(0.5, "σ of q", "Standard deviation of q.", ge=0.2, le=2)
    method: Literal["penalty", "clip"] = knob(
        "penalty", "Critic held by", "The gradient penalty, or weight clipping as in the paper."
    )
    penalty_weight: float = knob(10.0, "λ", "Gradient penalty: its weight.", ge=1, le=1000, log=True)
    clip: float = knob(0.1, "c", "Weight clipping: every parameter stays within ±c.", ge=0.01, le=1, log=True)
    steps: int = knob(960, "Steps", "Training steps of both.", ge=64, le=3000)
    seed: int = knob(0, "Seed", "Of weights and samples.", ge=0, le=999)

    @property
    def objective(self) -> Objective:
        """The critic's."""
        return WganClip(clip=self.clip) if self.method == "clip" else WganGp(penalty_weight=self.penalty_weight)

    def frames(self) -> Iterator[Result]:
        scene = _TwoGaussians(Normal(self.mean_p, self.sd_p), Normal(self.mean_q, self.sd_q))
        discriminator, critic = TrainedCritic(Gan(), 1, self.seed), TrainedCritic(self.objective, 1, self.seed)
        rng = np.random.default_rng(self.seed)
        every = max(1, self.steps // FRAMES)
        seen: list[_Seen] = []
        for step in range(self.steps + 1):
            if step % every == 0 or step == self.steps:
                seen.append(scene.look(step, discriminator, critic))
                yield self._result(scene, seen)
            if step < self.steps:
                real, fake = (tensor(n.mean + n.sd * rng.standard_normal((BATCH, 1))) for n in (scene.p, scene.q))
                discriminator.learn(real, fake)
                critic.learn(real, fake)

    def live(self) -> TrainingConfig | None:
        if (apart := abs(self.mean_p - self.mean_q)) == 0:
            return None
        return TrainingConfig.parse(
            {
                "dataset": {"kind": "two-gaussians", "separation": apart, "sigma": self.sd_p},
                "objective": self.objective.model_dump(),
            }
        )

    def _result(self, scene: _TwoGaussians, seen: list[_Seen]) -> Result:
        role: Role = "wgan-clip" if self.method == "clip" else "wgan-gp"
        last = seen[-1]
        return Result(
            panels=(scene.curves(last, role), scene.slopes(last, role), _course(seen, role, self.steps)),
            numbers=self._numbers(scene, last),
            reading=(
                f"After {last.step:,} steps D is off D* by {shown(last.error)} where there is mass. At the generated points"
                f" log(1 − D) has slope {shown(last.saturating)}, f has {shown(last.slope / last.steepest)} of its steepest."
            ),
            progress=last.step / self.steps,
            step=f"step {last.step:,} of {self.steps:,}",
        )

    def _numbers(self, scene: _TwoGaussians, last: _Seen) -> tuple[Number, ...]:
        bound = last.steepest * scene.w1
        one_way = self.method == "penalty" and self.sd_p == self.sd_q and self.mean_p != self.mean_q
        best = f"; 1 + W₁/2λ = {shown(1 + scene.w1 / (2 * self.penalty_weight))} is best" if one_way else ""
        return (
            Number(
                "mean |D − D*|", last.error, note="over (p + q)/2: how far D is from its optimum where there is mass"
            ),
            Number("JS by D's loss", last.js, note=f"½ L + ln 2; JS itself is {shown(scene.js)}"),
            Number("JS by D over JS, by", max(0.0, last.js - scene.js), 0.0, 1e-6, "never over: D* has the least loss"),
            Number("median |D′| at generated points", last.flat, note=f"of D* it is {shown(scene.flat)}"),
            Number(
                "median |∇ log(1 − D)| there",
                last.saturating,
                note=f"what the saturating loss sends; of D* it is {shown(scene.saturating)}",
            ),
            Number("median |f′| there", last.slope, note="what the Wasserstein loss sends"),
            Number("K, the steepest |f′|", last.steepest, note="c and the depth decide it" if not best else best[2:]),
            Number("W₁", scene.w1, wasserstein(scene.p, scene.q), 1e-4, "∫ |F_p − F_q|; |μ_p − μ_q| for equal σ"),
            Number("f's estimate", last.estimate, note="E_p[f] − E_q[f]"),
            Number(
                "f's estimate over K",
                last.estimate / last.steepest,
                note="W₁ for the best critic, and less for any other",
            ),
            Number(
                "f's estimate over K W₁, by",
                max(0.0, last.estimate - bound),
                0.0,
                1e-4 * max(1.0, bound),
                "never over: f gains at most K times the way",
            ),
        )


@dataclass(frozen=True, eq=False)
class _Seen:
    """Both at one step: values on the whole line, and what follows from them by exact means."""

    step: int
    logit: Floats
    f: Floats
    error: float  # E |D − D*|
    js: float
    flat: float  # median |D′| at generated points
    saturating: float  # median |∇ log(1 − D)|
    slope: float  # median |f′|
    steepest: float
    estimate: float


class _TwoGaussians:
    """The two Gaussians and what is exact of them."""

    def __init__(self, p: Normal, q: Normal) -> None:
        self.p, self.q = p, q
        self.density = np.exp(p.log_density(WIDE)), np.exp(q.log_density(WIDE))
        self._dx = WIDE[1] - WIDE[0]
        self.best = p.log_density(WIDE) - q.log_density(WIDE)  # logit D*
        self.w1 = float(np.abs(p.below(WIDE) - q.below(WIDE)).sum() * self._dx)
        self.js = DIVERGENCES["js"].of_densities(p.log_density, q.log_density, line_for(p, q))
        self.generated = q.mean + q.sd * norm.ppf(LEVELS)
        logit = p.log_density(self.generated) - q.log_density(self.generated)
        slope = np.abs((self.generated - q.mean) / q.sd**2 - (self.generated - p.mean) / p.sd**2)
        self.saturating, self.flat = _medians(logit, slope)

    def look(self, step: int, discriminator: TrainedCritic, critic: TrainedCritic) -> _Seen:
        logit, f = discriminator.at(WIDE[:, None]), critic.at(WIDE[:, None])
        p, q = self.density
        terms = {
            "critic_real": -float(p @ log_expit(logit) * self._dx),
            "critic_fake": -float(q @ log_expit(-logit) * self._dx),
        }
        there = self.generated[:, None]
        saturating, flat = _medians(discriminator.at(there), discriminator.slopes(there))
        return _Seen(
            step,
            logit,
            f,
            float(np.abs(expit(logit) - expit(self.best)) @ (p + q) / 2 * self._dx),
            Gan().estimate(terms),
            flat,
            saturating,
            float(np.median(critic.slopes(there))),
            float(max(np.abs(np.diff(f)).max() / self._dx, LEAST)),
            float((p - q) @ f * self._dx),
        )

    def curves(self, seen: _Seen, role: Role) -> Panel:
        x = WIDE[SHOWN]
        tall = max(density.max() for density in self.density)
        # A critic has neither level nor unit of its own: here ½ lies midway, and its steepest climb spans half the picture.
        middle = (self.p.mean + self.q.mean) / 2
        reach = max(1.0, self.w1)
        f = 0.5 + (seen.f - np.interp(middle, WIDE, seen.f)) / (seen.steepest * reach)
        layers = (
            Curve(x, 0.9 * self.density[0][SHOWN] / tall, "p, real", "real", width=1.5, fill=True),
            Curve(x, 0.9 * self.density[1][SHOWN] / tall, "q, generated", "generated", width=1.5, fill=True),
            Curve(x, expit(seen.logit)[SHOWN], "D", "gan", width=3),
            Curve(x, expit(self.best)[SHOWN], "D*", "ink", "dash", 1.5),
            Curve(x, f[SHOWN], "f, moved and scaled", role, width=3),
        )
        return Panel(
            "curves",
            "Discriminator and critic between two Gaussians",
            layers,
            "x",
            "D; density, scaled",
            x_range=ENDS,
            y_range=(-0.3, 1.3),
            wide=True,
            help="D* = p/(p + q) is exact. f is moved to ½ midway between the means and divided by its steepest slope, which"
            " changes where it stands but not which way it points.",
        )

    def slopes(self, seen: _Seen, role: Role) -> Panel:
        x = ((WIDE[1:] + WIDE[:-1]) / 2)[SHOWN[1:]]

        def slope(f: Floats) -> Floats:
            return np.asarray(np.abs(np.diff(f)) / self._dx)[SHOWN[1:]]

        def of_d(logit: Floats) -> Floats:
            # |D′| = D (1 − D) |f′|: D itself rounds to 1 long before its slope is 0.
            middle = ((logit[1:] + logit[:-1]) / 2)[SHOWN[1:]]
            return np.maximum(slope(logit) * np.exp(log_expit(middle) + log_expit(-middle)), LEAST)

        layers: tuple[AnyLayer, ...] = (
            Curve(x, of_d(seen.logit), "|D′|", "gan"),
            Curve(x, of_d(self.best), "|D*′|", "ink", "dash", 1.5),
            Curve(x, np.maximum(slope(seen.f), LEAST), "|f′|", role),
            Level(self.q.mean, "q", "generated", "x", "dot"),
            Level(self.p.mean, "p", "real", "x", "dot"),
        )
        return Panel(
            "slopes",
            "Slope at each place",
            layers,
            "x",
            "slope",
            x_range=ENDS,
            y_range=(1e-12, 1e3),
            log="y",
            help="D* is steep where it changes its mind and flat on both bumps. f keeps its slope all the way.",
        )


def _course(seen: list[_Seen], role: Role, steps: int) -> Panel:
    at = np.array([each.step for each in seen], dtype=np.float64)
    layers = (
        Curve(at, np.maximum([each.saturating for each in seen], LEAST), "|∇ log(1 − D)|", "gan"),
        Curve(at, np.array([each.slope for each in seen]), "|f′|", role),
        Curve(at, np.maximum([each.error for each in seen], LEAST), "mean |D − D*|", "quiet", "dash"),
    )
    return Panel(
        "course",
        "At the generated points, while both train",
        layers,
        "step",
        "median slope; mean error",
        x_range=(0, steps),
        y_range=(1e-9, 1e2),
        log="y",
        help="As D comes closer to D*, what the saturating loss would send to the generator vanishes. f's slope settles.",
    )


def _medians(logit: Floats, slope: Floats) -> tuple[float, float]:
    """Medians of |∇ log(1 − D)| = D |f′| and of |D′| = D (1 − D) |f′|, for a logit f with slope |f′|."""
    saturating = expit(logit) * slope
    return float(np.median(saturating)), float(np.median(saturating * expit(-logit)))
