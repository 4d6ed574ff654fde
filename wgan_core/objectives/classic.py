"""The papers that the lab is built around: the GAN, the WGAN with weight clipping, the WGAN with gradient penalty."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.base import Objective, mean_over_samples
from wgan_core.objectives.penalties import NO_BATCH_NORM, Rng, gradient_penalty
from wgan_core.schema import knob

LOG_2 = math.log(2)

ADAM_OF_DCGAN: dict[str, Any] = {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999}
ADAM_OF_WGAN_GP: dict[str, Any] = {"kind": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.9}


def usual(optimiser: dict[str, Any], n_critic: int, batch_size: int) -> dict[str, Any]:
    """Defaults with one optimiser for both networks."""
    return {
        "critic_optimiser": optimiser,
        "generator_optimiser": optimiser,
        "n_critic": n_critic,
        "batch_size": batch_size,
    }


def penalty_weight(help: str, default: float = 10.0) -> Any:
    """The knob λ of a penalty."""
    return knob(default, "λ", help, live=True, log=True, ge=0, le=10_000)


class Gan(Objective):
    """The original GAN: the critic tells real from generated, and the generator makes it err (Goodfellow et al. 2014).

        critic:     min  −E[log D(x)] − E[log(1 − D(x̃))],   D = sigmoid(f)
        generator:  min  −E[log D(x̃)]          non-saturating
                    min  E[log(1 − D(x̃))]      saturating
        estimate:   JS ≥ ln 2 + ½ (E[log D(x)] + E[log(1 − D(x̃))])

    All of it comes from the logits f: log D = −softplus(−f), log(1 − D) = −softplus(f). With the best critic, D = p / (p + q),
    the estimate is JS itself; for any other it is less.
    """

    label: ClassVar = "GAN"
    source: ClassVar = "Goodfellow et al. 2014; From GAN to WGAN, §3"
    estimate_name: ClassVar = "js_estimate"
    estimate_label: ClassVar = "JS"
    ceiling: ClassVar = (LOG_2, "ln 2")
    defaults: ClassVar = usual(ADAM_OF_DCGAN, 1, 128)
    dcgan_critic_normalisation: ClassVar = "batch"
    stacks: ClassVar = True
    no_labels: ClassVar = ""

    kind: Literal["gan"] = "gan"
    generator_goal: Literal["non-saturating", "saturating"] = knob(
        "non-saturating",
        "Generator's loss",
        "Non-saturating minimises −log D(G(z)); saturating minimises log(1 − D(G(z))).",
    )

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        # −L(D, G) = −E[log D(x)] − E[log(1 − D(x̃))]
        return {
            "critic_real": mean_over_samples(softplus(-on_real)),
            "critic_fake": mean_over_samples(softplus(on_fake)),
        }

    def generator_term(self, on_fake: Tensor) -> Tensor:
        if self.generator_goal == "saturating":
            return -mean_over_samples(softplus(on_fake))
        return mean_over_samples(softplus(-on_fake))

    def estimate(self, terms: dict[str, float]) -> float:
        # L(D*, G) = 2 JS − 2 log 2, so JS ≈ ½ L + log 2 (WGAN paper, §4.3); never above log 2.
        return LOG_2 - 0.5 * (terms["critic_real"] + terms["critic_fake"])

    def smoothing(self, on_real: Tensor, amount: float) -> Tensor:
        # −(1 − s) log D − s log(1 − D) = −log D + s f, since log D − log(1 − D) is the logit f.
        return amount * mean_over_samples(on_real)


class Wasserstein(Objective):
    """What all WGANs share: the critic maximises E[f(x)] − E[f(x̃)] (WGAN paper, equation 2)."""

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
    defaults: ClassVar = usual({"kind": "rmsprop", "lr": 5e-5}, 5, 64)
    dcgan_critic_normalisation: ClassVar = "batch"

    kind: Literal["wgan-clip"] = "wgan-clip"
    clip: float = knob(
        0.01,
        "c",
        "Every parameter of the critic is clipped to [−c, c] after each step.",
        live=True,
        log=True,
        gt=0,
        le=10,
    )

    def constrain(self, weights: Tensor) -> None:
        weights.clamp_(-self.clip, self.clip)

    @property
    def limit(self) -> float:
        return self.clip


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
    no_batch_norm: ClassVar = NO_BATCH_NORM
    defaults: ClassVar = usual(ADAM_OF_WGAN_GP, 5, 64)
    dcgan_critic_normalisation: ClassVar = "layer"

    kind: Literal["wgan-gp"] = "wgan-gp"
    penalty_weight: float = penalty_weight(
        "Weight of the penalty (‖∇f(x̂)‖ − 1)² that keeps the critic near 1-Lipschitz."
    )

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {"gradient_penalty": self.penalty_weight * gradient_penalty(critic, real, fake, rng)}

    @property
    def slope_weight(self) -> float:
        return self.penalty_weight
