"""Losses that pull scores to targets or over margins: least squares and hinge."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import relu

from wgan_core.objectives.base import ADAM_OF_DCGAN, ADAM_OF_WGAN_GP, Objective, mean_over_samples, usual
from wgan_core.schema import knob
from wgan_core.schema.script import Step

# What generated samples, real ones, and the generator's should score: a, b and c of the paper.
CODINGS = {"0-1": (0.0, 1.0, 1.0), "minus-plus": (-1.0, 1.0, 0.0)}


class Lsgan(Objective):
    """Least squares: scores are pulled to a for generated and b for real samples (Mao et al. 2017, equation 2).

        critic:     min  ½ E[(f(x) − b)²] + ½ E[(f(x̃) − a)²]
        generator:  min  ½ E[(f(x̃) − c)²],   (a, b, c) = (0, 1, 1) or (−1, 1, 0)
        estimate:   Δ ≥ 2 − 8 L / (b − a)²,   L: the critic's loss

    With an optimal critic the loss is (b − a)² (2 − Δ) / 8, where Δ = ∫ (p − q)² / (p + q) is the Pearson χ² divergence between
    p + q and 2 q (the paper's theorem in §3.2.2), from 0 to 2. For any critic the estimate is at most Δ.
    """

    label: ClassVar = "LSGAN"
    source: ClassVar = "Mao et al. 2017, equations 2, 8 and 9"
    color: ClassVar = "#99306B"
    estimate_name: ClassVar = "chi2_estimate"
    estimate_label: ClassVar = "χ²"
    ceiling: ClassVar = (2.0, "2")
    defaults: ClassVar = usual(ADAM_OF_DCGAN, 1, 64)
    dcgan_critic_normalisation: ClassVar = "batch"
    stacks: ClassVar = True
    no_labels: ClassVar = ""

    kind: Literal["lsgan"] = "lsgan"
    coding: Literal["0-1", "minus-plus"] = knob(
        "0-1",
        "Targets",
        "0-1 pulls generated samples to 0, real ones to 1, the generator's to 1; minus-plus to −1, 1 and 0.",
    )

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        a, b, _ = CODINGS[self.coding]
        return {
            "critic_real": 0.5 * mean_over_samples((on_real - b).square()),
            "critic_fake": 0.5 * mean_over_samples((on_fake - a).square()),
        }

    def generator_term(self, on_fake: Tensor) -> Tensor:
        return 0.5 * mean_over_samples((on_fake - CODINGS[self.coding][2]).square())

    def estimate(self, terms: dict[str, float]) -> float:
        a, b, _ = CODINGS[self.coding]
        return 2 - 8 * (terms["critic_real"] + terms["critic_fake"]) / (b - a) ** 2

    def smoothing(self, on_real: Tensor, amount: float) -> Tensor:
        # ½ (f − b + d)² − ½ (f − b)² = d (f − b) + ½ d², where d is the amount's share of the way from b to a.
        a, b, _ = CODINGS[self.coding]
        d = amount * (b - a)
        return d * (mean_over_samples(on_real) - b) + 0.5 * d**2

    def script(self) -> Step:
        a, b, c = CODINGS[self.coding]
        return Step.scored(
            "0.5 * (on_real - b).square().mean()",
            "0.5 * (on_fake - a).square().mean()",
            "0.5 * (on_fake - c).square().mean()",
            setup=f"a, b, c = {a}, {b}, {c}  # what generated samples, real ones, and the generator's should score",
            smoothing="smoothing * (b - a) * (on_real.mean() - b) + 0.5 * (smoothing * (b - a)) ** 2",
        )


class Hinge(Objective):
    """The hinge loss: scores beyond the margins 1 and −1 cost nothing more (Lim, Ye 2017; Miyato et al. 2018, equation 16).

        critic:     min  E[max(0, 1 − f(x))] + E[max(0, 1 + f(x̃))]
        generator:  min  −E[f(x̃)]
        estimate:   TV ≥ 1 − ½ L,   L: the critic's loss

    With an optimal critic the loss is 2 − 2 TV, where TV = ½ ∫ |p − q| is the total variation distance. For any critic the
    estimate is at most TV.
    """

    label: ClassVar = "Hinge"
    source: ClassVar = "Lim, Ye 2017, Geometric GAN; Miyato et al. 2018, equations 16 and 17"
    color: ClassVar = "#8F4724"
    estimate_name: ClassVar = "tv_estimate"
    estimate_label: ClassVar = "TV"
    ceiling: ClassVar = (1.0, "1")
    defaults: ClassVar = usual(ADAM_OF_WGAN_GP | {"lr": 2e-4}, 5, 64)
    stacks: ClassVar = True
    no_labels: ClassVar = "its critic keeps scores over margins and knows no labels 0 and 1"

    kind: Literal["hinge"] = "hinge"

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        return {
            "critic_real": mean_over_samples(relu(1 - on_real)),
            "critic_fake": mean_over_samples(relu(1 + on_fake)),
        }

    def generator_term(self, on_fake: Tensor) -> Tensor:
        return -mean_over_samples(on_fake)

    def estimate(self, terms: dict[str, float]) -> float:
        return 1 - 0.5 * (terms["critic_real"] + terms["critic_fake"])

    def script(self) -> Step:
        return Step.scored("(1 - on_real).relu().mean()", "(1 + on_fake).relu().mean()", "-on_fake.mean()")
