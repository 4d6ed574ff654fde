"""A round put together from what objective, constraint and remedies each bring, where no paper's box has it as a whole.

To add a part, write a function of it under ``@snippet(ItsClass)`` that returns a :class:`Step`. Its lines may use what
:mod:`~wgan_core.eject.loops` lists. In the critic's step there are ``x``, ``x_fake``, ``on_real`` and ``on_fake``, and a
further term is left in a variable of its name; in the generator's there is ``x_fake``.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from wgan_core.config import TrainingConfig
from wgan_core.eject.snippets import SNIPPETS, Snippet, missing, snippet, snippet_of
from wgan_core.objectives import Dragan, FGan, Gan, Hinge, Lsgan, Objective, Wgan, WganLp
from wgan_core.objectives.constraints import (
    R1,
    Clip,
    Constraint,
    DraganPenalty,
    Free,
    GradientPenalty,
    OneSidedPenalty,
    Spectral,
)
from wgan_core.objectives.margins import CODINGS
from wgan_core.objectives.remedies import Remedy


@dataclass(frozen=True)
class Step(Snippet):
    """What a part brings to a round. Each field holds lines without indentation, or nothing.

    Attributes
    ----------
    code : str
        Of an objective the paper's whole box, if there is one; of a
        constraint or remedy what is done to the networks once they have their weights.
    functions : tuple[str, ...]
        Functions that its lines call.
    setup : str
        Before the loop.
    losses, smoothing : str
        Of an objective: ``critic_real`` and ``critic_fake``, and what labels smoothed by ``smoothing`` add.
    term, penalty : str
        A further term of the critic's loss, and the lines that leave it in a variable of that name.
    seen : str
        What is done to a batch in the variable ``$batch`` before the critic sees it.
    pull : str
        What is done to the gradients of ``$role``, critic or generator, before its step.
    project : str
        After the critic's step.
    generator : str
        ``generator_loss``, from ``x_fake``.
    """

    functions: tuple[str, ...] = ()
    setup: str = ""
    losses: str = ""
    smoothing: str = ""
    penalty: str = ""
    term: str = ""
    seen: str = ""
    pull: str = ""
    project: str = ""
    generator: str = ""


def steps_of(config: TrainingConfig) -> list[Step]:
    """What objective, constraint and remedies bring, in this order, or ConfigError."""
    found = [snippet_of(config.objective, "objective"), snippet_of(config.constraint, "constraint")]
    for remedy in config.remedies.active:
        if (write := SNIPPETS.get(type(remedy))) is None:
            raise missing(f"remedies.{remedy.name}", remedy.label.lower())
        found.append(write(remedy))
    active = {remedy.name for remedy in config.remedies.active}
    if config.critic.normalisation == "batch" and {"virtual_batch", "feature_matching"} <= active:
        raise missing("remedies.feature_matching", "feature matching in a virtually normalised critic")
    return [step for step in found if isinstance(step, Step)]


def assembled(config: TrainingConfig) -> str:
    """The loop of a config, from its parts; ``$scores`` and other names that all loops have are still to be filled in."""
    steps = steps_of(config)
    objective, constraint, *remedies = steps
    seen_x = "".join("\n" + step.seen.replace("$batch", "x") for step in remedies if step.seen)
    critic = block(
        "# Fresh real samples, and generated ones; the critic's step does not reach the generator.",
        "x = draw_real(m)",
        "with torch.no_grad():\n    x_fake = generator(draw_latents(m, critic_latent_rng))",
        *(step.seen.replace("$batch", name) for step in remedies for name in ("x", "x_fake")),
        "",
        "# The critic's loss, term by term.",
        "on_real, on_fake = $scores",
        objective.losses,
        'losses = {"critic_real": critic_real, "critic_fake": critic_fake}',
        # Terms are summed in the run's order.
        *(
            f'{step.penalty}losses["{step.term}"] = {step.term}'
            for step in (*remedies, objective, constraint)
            if step.term
        ),
        "critic_optimiser.zero_grad()",
        "sum(losses.values()).backward()",
        *(step.pull.replace("$role", "critic") for step in remedies),
        "critic_optimiser.step()",
        *(step.project for step in (objective, constraint)),
    )
    generator = block(
        "# The generator's loss, through the critic.",
        "x_fake = generator(draw_latents(m, generator_latent_rng))",
        *(step.seen.replace("$batch", "x_fake") for step in remedies),
        next((step.generator.replace("$seen", seen_x) for step in remedies if step.generator), objective.generator),
        "generator_optimiser.zero_grad()",
        "generator_loss.backward()",
        'losses["generator_loss"] = generator_loss',
        *(step.pull.replace("$role", "generator") for step in remedies),
        "generator_optimiser.step()",
    )
    setup = block(
        f"# {_named(config)}.",
        "n_critic = $n_critic  # critic steps before each generator step",
        "m = $m  # batch size",
        *(step.setup for step in steps),
        "penalty_rng = stream($penalty, device)" if any("penalty_rng" in step.penalty for step in steps) else "",
    )
    functions = dict.fromkeys(code for step in steps for code in step.functions)
    loop = (
        "for step in range(1, args.steps + 1):\n    for _ in range(n_critic):\n"
        f"{textwrap.indent(critic, ' ' * 8)}\n{textwrap.indent(generator, ' ' * 4)}"
    )
    text = "\n\n".join((setup, *functions, loop)) if functions else f"{setup}\n{loop}"
    return text.replace("$smoothing", objective.smoothing)


def _named(config: TrainingConfig) -> str:
    """What is trained, and where it comes from, as lines of a comment."""
    parts: list[Objective | Constraint | Remedy] = [
        config.objective,
        *(() if config.constraint == Free() else (config.constraint,)),
        *config.remedies.active,
    ]
    return ";\n# ".join(f"{part.label}: {part.source}" for part in parts)


def block(*parts: str) -> str:
    """Parts below each other. An empty first line of a paragraph stays, an empty part does not."""
    lines = [
        part.rstrip("\n") for i, part in enumerate(parts) if part or (i + 1 < len(parts) and parts[i + 1][:1] == "#")
    ]
    return "\n".join(lines) + "\n"


# Objectives: losses of the scores


def scored(real: str, fake: str, generator: str, **more: Any) -> Step:
    """An objective's step, from its two losses of the scores and the generator's."""
    return Step(
        "",
        losses=f"critic_real = {real}\ncritic_fake = {fake}",
        generator=f"on_fake = critic(x_fake)\ngenerator_loss = {generator}",
        **more,
    )


def logistic(objective: Gan, **more: Any) -> Step:
    """The GAN's losses, from logits."""
    saturating = objective.generator_goal == "saturating"
    return scored(
        "nn.functional.softplus(-on_real).mean()",
        "nn.functional.softplus(on_fake).mean()",
        "-nn.functional.softplus(on_fake).mean()" if saturating else "nn.functional.softplus(-on_fake).mean()",
        smoothing="smoothing * on_real.mean()",
        **more,
    )


def wasserstein(**more: Any) -> Step:
    """Every WGAN's losses."""
    return scored("-on_real.mean()", "on_fake.mean()", "-on_fake.mean()", **more)


@snippet(Wgan)
def wgan(_: Wgan) -> Step:
    return wasserstein()


@snippet(WganLp)
def wgan_lp(objective: WganLp) -> Step:
    return wasserstein(**interpolated("penalty_weight", objective.penalty_weight, one_sided=True))


@snippet(Dragan)
def dragan(objective: Dragan) -> Step:
    return logistic(objective, **around_data("penalty", objective.penalty_weight, objective.radius))


@snippet(Lsgan)
def lsgan(objective: Lsgan) -> Step:
    a, b, c = CODINGS[objective.coding]
    return scored(
        "0.5 * (on_real - b).square().mean()",
        "0.5 * (on_fake - a).square().mean()",
        "0.5 * (on_fake - c).square().mean()",
        setup=f"a, b, c = {a}, {b}, {c}  # what generated samples, real ones, and the generator's should score",
        smoothing="smoothing * (b - a) * (on_real.mean() - b) + 0.5 * (smoothing * (b - a)) ** 2",
    )


@snippet(Hinge)
def hinge(_: Hinge) -> Step:
    return scored("(1 - on_real).relu().mean()", "(1 + on_fake).relu().mean()", "-on_fake.mean()")


# g(v) and f*(g(v)) of each divergence, as functions of the score v.
F_GAN = {
    "kl": ("v", "(v - 1).exp()"),
    "reverse-kl": ("-(-v).exp()", "v - 1"),
    "pearson": ("v", "0.25 * v.square() + v"),
    "js": ("0.5 * (math.log(2) - nn.functional.softplus(-v))", "0.5 * (nn.functional.softplus(v) - math.log(2))"),
    "hellinger": ("1 - (-v).exp()", "v.exp() - 1"),
}
OUTPUTS = """\
def output(v):
    \"\"\"g(v): from a score into the domain of the conjugate.\"\"\"
    return {}


def conjugate(v):
    \"\"\"f*(g(v)), where f* is the conjugate of f.\"\"\"
    return {}
"""


@snippet(FGan)
def f_gan(objective: FGan) -> Step:
    return scored(
        "-output(on_real).mean()",
        "conjugate(on_fake).mean()",
        "-conjugate(on_fake).mean()" if objective.generator_goal == "saturating" else "-output(on_fake).mean()",
        functions=(OUTPUTS.format(*F_GAN[objective.divergence]),),
    )


# Penalties, of objectives and of constraints

SLOPES = """\
def slopes(x):
    \"\"\"The norm of the critic's gradient at each sample.\"\"\"
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
"""


def interpolated(knob: str, weight: float, *, one_sided: bool = False) -> dict[str, Any]:
    """A penalty on the slope at interpolates; its weight stands in a variable of the script."""
    over = "(slopes(x_hat) - 1).relu()" if one_sided else "(slopes(x_hat) - 1)"
    return {
        "functions": (SLOPES,),
        "setup": f"{knob} = {weight}  # of the gradient penalty",
        "penalty": (
            "epsilon = torch.rand(m$ones, generator=penalty_rng, device=device)\n"
            f"x_hat = torch.lerp(x_fake, x, epsilon)\ngradient_penalty = {knob} * {over}.square().mean()\n"
        ),
        "term": "gradient_penalty",
    }


def around_data(name: str, weight: float, radius: float) -> dict[str, Any]:
    """DRAGAN's penalty on the slope around real samples."""
    return {
        "functions": (SLOPES,),
        "setup": f"{name}_weight, {name}_radius = {weight}, {radius}  # of DRAGAN's penalty",
        "penalty": (
            "noise = torch.randn(x.shape, generator=penalty_rng, device=device)\n"
            f"x_near = x + {name}_radius * x.std(correction=0) * noise\n"
            f"dragan_penalty = {name}_weight * (slopes(x_near) - 1).square().mean()\n"
        ),
        "term": "dragan_penalty",
    }


def clipped(c: float) -> dict[str, Any]:
    """Weight clipping after each of the critic's steps."""
    return {
        "setup": f"c = {c}  # the clipping parameter",
        "project": "with torch.no_grad():\n    for w in critic.parameters():\n        w.clamp_(-c, c)",
    }


# Constraints


@snippet(Free)
def free(_: Free) -> Step:
    return Step("")


@snippet(Clip)
def clip(constraint: Clip) -> Step:
    return Step("", **clipped(constraint.clip))


@snippet(GradientPenalty)
def gradient_penalty(constraint: GradientPenalty) -> Step:
    return Step("", **interpolated("constraint_weight", constraint.penalty_weight))


@snippet(OneSidedPenalty)
def one_sided_penalty(constraint: OneSidedPenalty) -> Step:
    return Step("", **interpolated("constraint_weight", constraint.penalty_weight, one_sided=True))


@snippet(DraganPenalty)
def dragan_penalty(constraint: DraganPenalty) -> Step:
    return Step("", **around_data("constraint", constraint.penalty_weight, constraint.radius))


@snippet(R1)
def r1(constraint: R1) -> Step:
    return Step(
        "",
        functions=(SLOPES,),
        setup=f"gamma = {constraint.gamma}  # half of it is the weight of R1",
        penalty="r1_penalty = 0.5 * gamma * slopes(x).square().mean()\n",
        term="r1_penalty",
    )


@snippet(Spectral)
def spectral(_: Spectral) -> Step:
    return Step(
        '''\
class Spectral(nn.Module):
    """A layer's weights divided by their largest singular value."""

    def forward(self, w):
        return w / torch.linalg.matrix_norm(w.flatten(1), 2)


for layer in list(critic.modules()):
    if isinstance(layer, nn.Linear | nn.Conv2d):
        nn.utils.parametrize.register_parametrization(layer, "weight", Spectral())
'''
    )
