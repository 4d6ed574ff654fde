"""The papers that the lab is built around: the WGAN with weight clipping, the WGAN with gradient penalty."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from wgan_core.objectives.base import ADAM_OF_WGAN_GP, Objective, mean_over_samples, usual
from wgan_core.objectives.constraints import Clip, GradientPenalty
from wgan_core.schema import same_knob


class Wasserstein(Objective):
    """What all WGANs share: the critic maximises E[f(x)] − E[f(x̃)] (WGAN paper, equation 2)."""

    unheld: ClassVar = "the Wasserstein losses alone grow without bound, since nothing holds the critic's slope"
    stacks: ClassVar = True

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        return {"critic_real": -mean_over_samples(on_real), "critic_fake": mean_over_samples(on_fake)}

    def generator_term(self, on_fake: Tensor) -> Tensor:
        return -mean_over_samples(on_fake)

    def estimate(self, terms: dict[str, float]) -> float:
        return -(terms["critic_real"] + terms["critic_fake"])


class WganClip(Wasserstein):
    """WGAN with weight clipping (Arjovsky, Chintala, Bottou 2017, Algorithm 1).

        critic:     min  E[f(x̃)] − E[f(x)],   after each step w ← clip(w, −c, c) for each parameter
        generator:  min  −E[f(x̃)]
        estimate:   Ŵ = E[f(x)] − E[f(x̃)] ≤ K W1,   K: the critic's Lipschitz constant

    A bounded box of parameters bounds K, but nobody knows by how much: it depends on c, on the depth and on the width.
    """

    label: ClassVar = "WGAN, weight clipping"
    source: ClassVar = "the WGAN paper, Algorithm 1"
    held_by: ClassVar = Clip
    defaults: ClassVar = usual({"kind": "rmsprop", "lr": 5e-5}, 5, 64)
    dcgan_critic_normalisation: ClassVar = "batch"

    kind: Literal["wgan-clip"] = "wgan-clip"
    clip: float = same_knob(Clip, "clip")


class WganGp(Wasserstein):
    """WGAN with gradient penalty (Gulrajani et al. 2017, Algorithm 1).

        critic:     min  E[f(x̃)] − E[f(x)] + λ E[(‖∇f(x̂)‖₂ − 1)²],   x̂ = α x + (1 − α) x̃,   α uniform on [0, 1], one a sample
        generator:  min  −E[f(x̃)]
        estimate:   Ŵ = E[f(x)] − E[f(x̃)], without the penalty

    The best 1-Lipschitz critic has slope 1 almost everywhere on the lines between paired samples (the paper's Proposition 1).
    That is why the penalty looks there, and pulls to 1 from both sides.
    """

    label: ClassVar = "WGAN-GP"
    source: ClassVar = "Gulrajani et al. 2017, equation 3 and Algorithm 1"
    held_by: ClassVar = GradientPenalty
    defaults: ClassVar = usual(ADAM_OF_WGAN_GP, 5, 64)
    dcgan_critic_normalisation: ClassVar = "layer"

    kind: Literal["wgan-gp"] = "wgan-gp"
    penalty_weight: float = same_knob(GradientPenalty, "penalty_weight")
