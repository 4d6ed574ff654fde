"""The papers that the lab is built around: the WGAN with weight clipping, the WGAN with gradient penalty."""

from __future__ import annotations

from dataclasses import replace
from string import Template
from typing import ClassVar, Literal

from torch import Tensor

from wgan_core.objectives.base import ADAM_OF_WGAN_GP, Objective, mean_over_samples, usual
from wgan_core.objectives.constraints import Clip, GradientPenalty
from wgan_core.schema import same_knob
from wgan_core.schema.script import Step


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

    def script(self) -> Step:
        return Step.scored("-on_real.mean()", "on_fake.mean()", "-on_fake.mean()")


CLIP_BOX = """\
# Algorithm 1 of "Wasserstein GAN" (Arjovsky, Chintala, Bottou 2017). f is the critic, with the weights w; g is the
# generator, with the weights θ.
c = $c  # the clipping parameter
n_critic = $n_critic  # critic steps before each generator step
m = $m  # batch size

for step in range(1, args.steps + 1):  # line 1
    for _ in range(n_critic):  # line 2
        # Lines 3 and 4: a batch x of real samples, and a batch z of latents.
        x = draw_real(m)
        z = draw_latents(m, critic_latent_rng)

        # Line 5: the critic ascends along E[f(x)] − E[f(g(z))], its estimate of the EM distance up to a factor. We descend
        # along the negative.
        with torch.no_grad():
            x_fake = generator(z)
        on_real, on_fake = $scores
        critic_real, critic_fake = -on_real.mean(), on_fake.mean()
        critic_optimiser.zero_grad()
        (critic_real + critic_fake).backward()

        # Line 6: the step.
        critic_optimiser.step()

        # Line 7: w ← clip(w, −c, c).
        with torch.no_grad():
            for w in critic.parameters():
                w.clamp_(-c, c)

    # Line 9: a batch of latents.
    z = draw_latents(m, generator_latent_rng)

    # Line 10: the generator descends along −E[f(g(z))].
    generator_loss = -critic(generator(z)).mean()
    generator_optimiser.zero_grad()
    generator_loss.backward()

    # Line 11: the step.
    generator_optimiser.step()

    losses = {"critic_real": critic_real, "critic_fake": critic_fake, "generator_loss": generator_loss}
"""


class WganClip(Wasserstein):
    """WGAN with weight clipping (Arjovsky, Chintala, Bottou 2017, Algorithm 1).

        critic:     min  E[f(x̃)] − E[f(x)],   after each step w ← clip(w, −c, c) for each parameter
        generator:  min  −E[f(x̃)]
        estimate:   Ŵ = E[f(x)] − E[f(x̃)] ≤ K W1,   K: the critic's Lipschitz constant

    A bounded box of parameters bounds K, but nobody knows by how much: it depends on c, on the depth and on the width.
    """

    label: ClassVar = "WGAN, weight clipping"
    source: ClassVar = "the WGAN paper, Algorithm 1"
    color: ClassVar = "#E69F00"
    held_by: ClassVar = Clip
    defaults: ClassVar = usual({"kind": "rmsprop", "lr": 5e-5}, 5, 64)
    dcgan_critic_normalisation: ClassVar = "batch"

    kind: Literal["wgan-clip"] = "wgan-clip"
    clip: float = same_knob(Clip, "clip")

    def script(self) -> Step:
        return replace(super().script(), box=Template(CLIP_BOX).safe_substitute(c=self.clip))


GP_BOX = """\
# Algorithm 1 of "Improved Training of Wasserstein GANs" (Gulrajani et al. 2017). D is the critic, with the weights w; G is
# the generator, with the weights θ.
penalty_weight = $weight  # λ
n_critic = $n_critic  # critic steps before each generator step
m = $m  # batch size
penalty_rng = stream($penalty, device)

for step in range(1, args.steps + 1):  # line 1
    for _ in range(n_critic):  # line 2
        # Lines 3 and 4: for each of m samples real data x, a latent z and a random number ε from 0 to 1.
        x = draw_real(m)
        z = draw_latents(m, critic_latent_rng)
        epsilon = torch.rand(m$ones, generator=penalty_rng, device=device)

        # Line 5: x̃ ← G(z). The critic's step does not reach the generator.
        with torch.no_grad():
            x_fake = generator(z)

        # Line 6: x̂ ← ε x + (1 − ε) x̃.
        x_hat = torch.lerp(x_fake, x, epsilon).requires_grad_()

        # Line 7: L ← D(x̃) − D(x) + λ (‖∇D(x̂)‖ − 1)². Without the penalty, −L is the estimate of the EM distance.
        on_real, on_fake = $scores
        critic_real, critic_fake = -on_real.mean(), on_fake.mean()
        (gradient,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
        norm = (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
        gradient_penalty = penalty_weight * (norm - 1).square().mean()

        # Line 9: the step of w.
        critic_optimiser.zero_grad()
        (critic_real + critic_fake + gradient_penalty).backward()
        critic_optimiser.step()

    # Line 11: a batch of latents.
    z = draw_latents(m, generator_latent_rng)

    # Line 12: the step of θ along −D(G(z)).
    generator_loss = -critic(generator(z)).mean()
    generator_optimiser.zero_grad()
    generator_loss.backward()
    generator_optimiser.step()

    losses = {
        "critic_real": critic_real,
        "critic_fake": critic_fake,
        "gradient_penalty": gradient_penalty,
        "generator_loss": generator_loss,
    }
"""


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
    color: ClassVar = "#009E73"
    held_by: ClassVar = GradientPenalty
    defaults: ClassVar = usual(ADAM_OF_WGAN_GP, 5, 64)
    dcgan_critic_normalisation: ClassVar = "layer"

    kind: Literal["wgan-gp"] = "wgan-gp"
    penalty_weight: float = same_knob(GradientPenalty, "penalty_weight")

    def script(self) -> Step:
        return replace(super().script(), box=Template(GP_BOX).safe_substitute(weight=self.penalty_weight))
