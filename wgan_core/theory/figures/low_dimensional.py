"""Two curves in the plane: a perfect discriminator, its vanishing gradient, and what noise makes of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.schema import knob
from wgan_core.theory.discriminator import Discriminator, DiscriminatorReading
from wgan_core.theory.distances import em, on_common_places
from wgan_core.theory.divergences import DIVERGENCES, LOG_2, js
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.normal import Normal, closed_form, line_for
from wgan_core.theory.result import AnyLayer, Curve, Floats, Heat, Level, Marks, Number, Panel, Result, shown
from wgan_core.theory.supports import COARSE, CURVES, SPACING, blur, clean_js, noisy_js

FRAMES = 30
SIDE = 56  # of the discriminator's map
LEAST, MOST = 0.01, 1.0  # σ
SIGMAS = np.geomspace(0.03, MOST, 13)
GAPS = np.linspace(0.0, 1.5, 13)
STEP = 1e-3  # of the difference quotient in the gap
SHOWN = 120  # points of each curve
DRAWS = 4000  # of the noise


class LowDimensional(Figure):
    """A discriminator trains on two curves, with or without noise; JS from the densities stands beside it."""

    place: ClassVar = 10
    label: ClassVar = "Curves in the plane"
    source: ClassVar = (
        "Arjovsky, Bottou 2017, Towards Principled Methods for Training GANs, sections 2.1 and 3;"
        " Weng 2019, From GAN to WGAN, sections 4.2, 4.3 and 5"
    )
    formula: ClassVar = (
        r"D^*|_{\mathcal{M}_P}=1,\ D^*|_{\mathcal{M}_Q}=0\ \Rightarrow\ \nabla D^*=0,\ JS=\ln 2;\qquad "
        r"W_1\big(P,\,P*\mathcal{N}(0,\sigma^2 I)\big)\le\sigma\sqrt{\pi/2}"
    )
    says: ClassVar = (
        "Two curves share at most a few points, so a discriminator can separate them perfectly and has no slope left on them.",
        "Noise spreads the curves over the plane, JS feels the gap again, and the samples are blurred by as much.",
    )
    tries: ClassVar = (
        "Let it train without noise: the gradient at the generated points falls by powers of ten while the loss gets perfect.",
        "Turn the noise on and raise σ until the slope of JS is no longer 0, then read what that blurs.",
        "Choose the crossing lines: they do meet, in one point, and without noise that changes nothing.",
    )
    question: ClassVar = Question(
        "The discriminator tells both curves apart without an error. What can the generator learn from it?",
        (
            "Everything: it is the best teacher",
            "Almost nothing: its gradient is 0 there",
            "Only where the curves cross",
        ),
        1,
        "D is 1 all along one curve and 0 all along the other, so it is flat on both, and ∇D is what the generator's gradient"
        " is made of. The loss log(1 − D) is flat for the same reason.",
    )
    presets: ClassVar = {
        "a perfect discriminator": {},
        "noise": {"noise": "on", "sigma": 0.3},
        "too much noise": {"noise": "on", "sigma": 1.0},
        "crossing lines": {"curves": "crossing"},
        "circles, little noise": {"curves": "circles", "noise": "on", "sigma": 0.1},
    }

    kind: Literal["low-dimensional"] = "low-dimensional"
    curves: Literal["lines", "circles", "crossing"] = knob(
        "lines", "Curves", "Two lines, two circles, or lines that cross."
    )
    gap: float = knob(0.5, "Gap", "How far apart the curves are; of the crossing lines, where they meet.", ge=0, le=1.5)
    noise: Literal["off", "on"] = knob("off", "Noise", "Gaussian noise on the samples of both, real and generated.")
    sigma: float = knob(0.3, "σ", "Standard deviation of the noise.", ge=LEAST, le=MOST, log=True)
    steps: int = knob(600, "Steps", "Training steps of the discriminator.", ge=30, le=3000)
    seed: int = knob(0, "Seed", "Of weights, samples and noise.", ge=0, le=999)

    @property
    def level(self) -> float:
        """σ of the noise that there is."""
        return self.sigma if self.noise == "on" else 0.0

    def frames(self) -> Iterator[Result]:
        scene = _NoisyCurves(self.curves, self.gap, self.level, self.seed)
        discriminator = Discriminator(scene.p, scene.q, self.level, self.seed)
        every = max(1, self.steps // FRAMES)
        seen: list[DiscriminatorReading] = []
        for step in range(self.steps + 1):
            if step % every == 0 or step == self.steps:
                seen.append(discriminator.look(step))
                yield Result(
                    panels=(
                        scene.plane(discriminator.map(scene.x, scene.y)),
                        _gradients(seen, self.steps),
                        scene.gap_panel(),
                        scene.noise_panel(),
                        scene.estimates(seen, self.steps),
                    ),
                    numbers=scene.numbers(seen[-1]),
                    reading=scene.reading(seen[-1]),
                    progress=step / self.steps,
                    step=f"step {step:,} of {self.steps:,}",
                )
            if step < self.steps:
                discriminator.train()

    def live(self) -> TrainingConfig | None:
        if self.curves != "lines" or self.gap > 1:
            return None
        return TrainingConfig.parse(
            {
                "dataset": {"kind": "parallel-lines", "theta": self.gap},
                "latent": {"dim": 2},
                "objective": {"kind": "gan"},
                "steps": 300,
            }
        )


class _NoisyCurves:
    """The two curves, their noise, and what their densities say."""

    def __init__(self, name: str, gap: float, sigma: float, seed: int) -> None:
        self.name, self.gap, self.sigma = name, gap, sigma
        self.p, self.q = CURVES[name](gap)
        both = np.concatenate([self.p, self.q])
        low, high = both.min() - 0.5, both.max() + 0.5
        self.x = self.y = np.linspace(low, high, SIDE)
        rng = np.random.default_rng(seed)
        self.draws = rng.standard_normal((DRAWS, 2)) * sigma
        self._kept = rng.integers(0, len(self.p), (2, SHOWN))
        self.js = self.js_at(gap, sigma)
        self.by_sigma = np.array([self.js_at(gap, each, COARSE) for each in SIGMAS])
        self.by_gap = np.array([self.js_at(each, sigma, COARSE) for each in GAPS])
        self.slope = (self.js_at(gap + STEP, sigma) - self.js_at(gap - STEP, sigma)) / (2 * STEP)

    def js_at(self, gap: float, sigma: float, spacing: float = SPACING) -> float:
        p, q = CURVES[self.name](gap)
        return noisy_js(p, q, sigma, spacing) if sigma > 0 else js(*on_common_places(p, q))

    def plane(self, d: Floats) -> Panel:
        layers: list[AnyLayer] = [Heat(self.x, self.y, d, "D", 0.5)]
        for i, (points, name, role) in enumerate(((self.p, "real, P", "real"), (self.q, "generated, Q", "generated"))):
            shown_ = points[self._kept[i]] + self.draws[i * SHOWN : (i + 1) * SHOWN]
            layers.append(Marks(shown_[:, 0], shown_[:, 1], name, role, 4))  # type: ignore[arg-type]
        return Panel(
            "plane",
            "The samples and the discriminator D",
            tuple(layers),
            "x",
            "y",
            x_range=(float(self.x[0]), float(self.x[-1])),
            y_range=(float(self.y[0]), float(self.y[-1])),
            equal=True,
            tall=True,
            help="Colour: D from 0 to 1, ½ is white. Points: some samples, with their noise.",
        )

    def noise_panel(self) -> Panel:
        layers = (
            Curve(SIGMAS, self.by_sigma, "JS of the noisy curves", "js", width=3),
            Curve(SIGMAS, np.array([blur(s) for s in SIGMAS]), "blur: how far noise moves a point", "em", "dash"),
            Level(LOG_2, "ln 2", "quiet", dash="dot"),
            *((Level(self.sigma, "σ", "ink", "x"),) if self.sigma else ()),
        )
        return Panel(
            "noise",
            "What noise buys and what it costs",
            layers,
            "σ",
            "nats; distance",
            x_range=(float(SIGMAS[0]), MOST),
            y_range=(-0.02, 1.3),
            log="x",
            help="JS from the densities of both noisy curves on a grid. The price: the mean distance σ √(π/2) by which noise"
            " moves a sample.",
        )

    def gap_panel(self) -> Panel:
        clean = np.array([self.js_at(gap, 0.0) for gap in GAPS])
        at_zero = clean[0]
        if self.name != "crossing":
            clean[0] = np.nan  # it jumps there
        layers: list[AnyLayer] = [
            Curve(GAPS, clean, "without noise", "quiet", "dot"),
            Marks(np.zeros(1), np.array([at_zero]), "", "quiet", 8, "ring"),
        ]
        if self.sigma:
            layers.append(Curve(GAPS, self.by_gap, f"with σ = {self.sigma:g}", "js", width=3))
        layers.append(Marks(np.array([self.gap]), np.array([self.js]), "here", "ink", 10))
        return Panel(
            "gap",
            "JS against the gap",
            tuple(layers),
            "gap",
            "JS in nats",
            x_range=(-0.03, 1.53),
            y_range=(-0.02, 0.75),
            help="Only a curve that slopes tells the generator which way to move its own.",
        )

    def estimates(self, seen: list[DiscriminatorReading], steps: int) -> Panel:
        at = np.array([each.step for each in seen], dtype=np.float64)
        layers = (
            Curve(at, np.array([each.right for each in seen]), "samples called right", "real"),
            Curve(at, np.array([each.js for each in seen]), "JS by the discriminator", "js", width=3),
            Level(self.js, f"JS = {shown(self.js)}", "ink"),
        )
        return Panel(
            "estimates",
            "How good the discriminator is",
            layers,
            "step",
            "share; nats",
            x_range=(0, steps),
            y_range=(-0.05, 1.05),
            help="ln 2 − half its loss, and the share of samples on the right side of ½, both on fresh samples. The"
            " dashed line is JS from the densities, which it cannot pass but by chance.",
        )

    def numbers(self, last: DiscriminatorReading) -> tuple[Number, ...]:
        p, q = (points[::2] for points in (self.p, self.q))
        moved = np.linalg.norm(self.draws, axis=1)
        noisy = p + self.draws[: len(p)]
        return (
            Number("JS", self.js, self._expected_js(), 1e-6, self._why_js()),
            Number(
                "slope of JS in the gap",
                self.slope,
                None if self.sigma else 0.0,
                0.0,
                "what the generator could follow",
            ),
            Number("EM distance of the curves", em(p, q), self._expected_em(), 1e-9, self._why_em()),
            Number(
                "blur: mean distance of a sample from its place",
                float(moved.mean()),
                blur(self.sigma),
                4 * float(moved.std()) / DRAWS**0.5,
                f"σ √(π/2), by {DRAWS:,} draws",
            ),
            Number(
                "EM distance of P from noisy P",
                em(p, noisy),
                note=f"at most the {shown(float(moved[: len(p)].mean()))} that noise moved these {len(p)} points",
            ),
            Number("share of samples that D calls right", last.right, note=self._why_right()),
            Number("median ‖∇D‖ at generated samples", last.slope, note="0 for a perfect discriminator"),
            Number(
                "median ‖∇ log(1 − D)‖ at generated samples",
                last.saturating,
                note="what the saturating loss sends to the generator",
            ),
            Number(
                "median ‖∇ log D‖ at generated samples",
                last.other,
                note="what the non-saturating loss sends: large, whatever the distance",
            ),
        )

    def _expected_js(self) -> float | None:
        if self.sigma == 0:
            return clean_js(self.name, self.gap)
        if self.name == "lines":
            # Across the lines the noisy ones are two Gaussians; along them they are alike.
            normals = Normal(0.0, self.sigma), Normal(self.gap, self.sigma)
            return DIVERGENCES["js"].of_densities(normals[0].log_density, normals[1].log_density, line_for(*normals))
        return None

    def _why_js(self) -> str:
        if self.sigma == 0:
            return "ln 2, unless the curves are the same"
        return "that of two Gaussians a gap apart" if self.name == "lines" else "by densities on a grid; at most ln 2"

    def _expected_em(self) -> float | None:
        return None if self.name == "crossing" else self.gap

    def _why_em(self) -> str:
        return "" if self.name == "crossing" else "the gap: every point goes straight across"

    def _why_right(self) -> str:
        if self.sigma == 0:
            return "1: a perfect discriminator"
        if self.name != "lines":
            return "½ + ½ δ(P_σ, Q_σ) at most: below 1, since the noisy curves overlap"
        best = 0.5 + 0.5 * (closed_form("tv", Normal(0.0, self.sigma), Normal(self.gap, self.sigma)) or 0.0)
        return f"½ + ½ δ(P_σ, Q_σ) = {shown(best)} at most, but for chance"

    def reading(self, last: DiscriminatorReading) -> str:
        told = f"After {last.step:,} steps D calls {last.right:.1%} of the samples right; ‖∇D‖ there is {shown(last.slope)}."
        if self.sigma == 0:
            return f"Without noise JS is {shown(self.js)} and has slope 0. {told}"
        return (
            f"With σ = {shown(self.sigma)} JS is {shown(self.js)} and has slope {shown(self.slope)} in the gap;"
            f" each sample is blurred by {shown(blur(self.sigma))}. {told}"
        )


def _gradients(seen: list[DiscriminatorReading], steps: int) -> Panel:
    at = np.array([each.step for each in seen], dtype=np.float64)
    rows = (
        ("‖∇ log D‖", "quiet", "dash", "other"),
        ("‖∇ log(1 − D)‖", "gan", "solid", "saturating"),
        ("‖∇D‖", "critic", "dot", "slope"),
    )
    layers = tuple(
        Curve(at, np.maximum([getattr(each, name) for each in seen], 1e-12), title, role, dash)  # type: ignore[arg-type]
        for title, role, dash, name in rows
    )
    return Panel(
        "gradient",
        "Gradients at the generated points",
        layers,
        "step",
        "median norm",
        x_range=(0, steps),
        y_range=(1e-8, 1e3),
        log="y",
        help="Medians over fresh samples. With log(1 − D) the generator gets less and less as D gets better. With −log D it gets"
        " much, whatever the distance, and so nothing of how far to go.",
    )
