"""The original GAN."""

from __future__ import annotations

import math
from string import Template
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from wgan_core.objectives.base import ADAM_OF_DCGAN, Objective, mean_over_samples, usual
from wgan_core.schema import knob
from wgan_core.schema.script import Step

LOG_2 = math.log(2)

BOX = """\
# Algorithm 1 of "Generative Adversarial Nets" (Goodfellow et al. 2014). The critic, there called the discriminator, gives
# the logit f: D(x) = sigmoid(f(x)), so that log D(x) = −softplus(−f(x)) and log(1 − D(x)) = −softplus(f(x)).
k = $n_critic  # critic steps before each generator step
m = $m  # batch size

for step in range(1, args.steps + 1):
    for _ in range(k):
        # Sample a minibatch of m latents z from the prior, and of m examples x from the data.
        z = draw_latents(m, critic_latent_rng)
        x = draw_real(m)

        # Update the critic: it ascends along E[log D(x)] + E[log(1 − D(G(z)))]. We descend along its negative, L;
        # log 2 − L / 2 estimates the Jensen–Shannon divergence from below.
        with torch.no_grad():
            x_fake = generator(z)
        on_real, on_fake = $scores
        critic_real = nn.functional.softplus(-on_real).mean()
        critic_fake = nn.functional.softplus(on_fake).mean()
        critic_optimiser.zero_grad()
        (critic_real + critic_fake).backward()
        critic_optimiser.step()

    # Sample a minibatch of m latents z from the prior.
    z = draw_latents(m, generator_latent_rng)

    # Update the generator: it $along
    on_fake = critic(generator(z))
    generator_loss = $generator_loss
    generator_optimiser.zero_grad()
    generator_loss.backward()
    generator_optimiser.step()

    losses = {"critic_real": critic_real, "critic_fake": critic_fake, "generator_loss": generator_loss}
"""


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
    color: ClassVar = "#D55E00"
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

    def script(self) -> Step:
        if self.generator_goal == "saturating":
            along, loss = "descends along log(1 − D(G(z))).", "-nn.functional.softplus(on_fake).mean()"
        else:
            along = "ascends along log D(G(z)). Section 3 prefers it to the box's log(1 − D(G(z))): its gradients\n"
            along += "    # are stronger early in learning."
            loss = "nn.functional.softplus(-on_fake).mean()"
        return Step.scored(
            "nn.functional.softplus(-on_real).mean()",
            "nn.functional.softplus(on_fake).mean()",
            loss,
            smoothing="smoothing * on_real.mean()",
            box=Template(BOX).safe_substitute(along=along, generator_loss=loss),
        )
