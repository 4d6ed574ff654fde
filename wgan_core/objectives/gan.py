"""The original GAN."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from wgan_core.objectives.base import ADAM_OF_DCGAN, Objective, mean_over_samples, usual
from wgan_core.schema import knob

LOG_2 = math.log(2)


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
