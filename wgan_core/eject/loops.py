"""The papers' algorithm boxes: a script of an objective that has one, and nothing else, holds it as a whole.

All other loops are put together in :mod:`wgan_core.eject.steps`. The code may use what stands above it in the
script: ``draw_real(n)``, ``draw_latents(n, rng)`` with ``critic_latent_rng`` or ``generator_latent_rng``, ``generator``,
``critic`` and an optimiser for each, ``device`` and ``args``. It leaves the losses of a step in a dict ``losses``. What
every run has (see :func:`loop`) it may leave to be filled in: ``$m``, ``$n_critic`` and so on.
"""

from __future__ import annotations

from dataclasses import replace
from string import Template
from typing import Any

from wgan_core.config import TrainingConfig
from wgan_core.eject.snippets import snippet, snippet_of
from wgan_core.eject.steps import Step, assembled, clipped, interpolated, logistic, wasserstein
from wgan_core.objectives import Gan, WganClip, WganGp
from wgan_core.objectives.constraints import Free
from wgan_core.training import STREAMS

# One pass for both batches where the critic treats each sample alone; a batch's statistics are to be its own.
TOGETHER = "critic(torch.cat([x, x_fake])).split(m)"
APART = "critic(x), critic(x_fake)"

GAN = """\
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

WGAN_CLIP = """\
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

WGAN_GP = """\
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

AVERAGE = """\

    # The generator averaged over its past, θ̄ ← β θ̄ + (1 − β) θ (Karras et al. 2018), with a smaller β in the first steps.
    share = 1 - min($decay, (1 + step) / (10 + step))
    for mean, value in zip(averaged.state_dict().values(), generator.state_dict().values(), strict=True):
        mean.lerp_(value, share) if mean.is_floating_point() else mean.copy_(value)
"""

LOG = """\

    if step % args.log_every == 0 or step == args.steps:
        numbers = {"step": step} | {name: loss.item() for name, loss in losses.items()}
        line = "  ".join(f"{name} {number:.6g}" for name, number in numbers.items())
        print(json.dumps(numbers) if args.json else line, flush=True)
"""


def loop(config: TrainingConfig, mixes_samples: bool) -> str:
    """The training loop of a config, or ConfigError. ``mixes_samples`` says whether the critic does."""
    alone = config.constraint == Free() and not config.remedies.active
    box = snippet_of(config.objective, "objective").code if alone else ""
    average = AVERAGE if config.generator_average else ""
    return Template((box or assembled(config)) + average + LOG).substitute(
        decay=config.generator_average,
        n_critic=config.n_critic,
        m=config.batch_size,
        scores=APART if mixes_samples else TOGETHER,
        ones=", 1" * len(config.dataset.shape),
        penalty=STREAMS.index("penalty"),
    )


def boxed(step: Step, text: str, **knobs: Any) -> Step:
    """A step, and the whole box with the objective's own knobs filled in."""
    return replace(step, code=Template(text).safe_substitute(knobs))


@snippet(Gan)
def gan(objective: Gan) -> Step:
    if objective.generator_goal == "saturating":
        along = "descends along log(1 − D(G(z)))."
        return boxed(logistic(objective), GAN, along=along, generator_loss="-nn.functional.softplus(on_fake).mean()")
    along = "ascends along log D(G(z)). Section 3 prefers it to the box's log(1 − D(G(z))): its gradients\n"
    along += "    # are stronger early in learning."
    return boxed(logistic(objective), GAN, along=along, generator_loss="nn.functional.softplus(-on_fake).mean()")


@snippet(WganClip)
def wgan_clip(objective: WganClip) -> Step:
    return boxed(wasserstein(**clipped(objective.clip)), WGAN_CLIP, c=objective.clip)


@snippet(WganGp)
def wgan_gp(objective: WganGp) -> Step:
    penalty = interpolated("penalty_weight", objective.penalty_weight)
    return boxed(wasserstein(**penalty), WGAN_GP, weight=objective.penalty_weight)
