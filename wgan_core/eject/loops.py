"""The training loop of a script: the paper's algorithm box where there is one, else put together from what the parts bring."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import Template

from wgan_core.config import TrainingConfig
from wgan_core.eject.refusals import lines_of, missing
from wgan_core.networks.piecewise import Net
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint, Free
from wgan_core.objectives.remedies import Remedy
from wgan_core.schema.script import OwnLayer, Step, block
from wgan_core.training import STREAMS, stream_number

# One pass for both batches where the critic treats each sample alone; a batch's statistics are to be its own.
TOGETHER = "critic(torch.cat([x, x_fake])).split(m)"
APART = "critic(x), critic(x_fake)"

# A batch of real samples from a remedy's own stream.
DRAWS_AGAIN = re.compile(r"(\w+) = draw_real\((\w+), (\w+)\)")

# What each half of a round starts with, and what it does where samples have classes.
BATCHES = """\
# Fresh real samples, and generated ones; the critic's step does not reach the generator.
x = draw_real(m)
with torch.no_grad():
    x_fake = generator(draw_latents(m, critic_latent_rng))
"""
BATCHES_OF_CLASSES = """\
# Fresh real samples with their classes, and generated ones of these; the generator is not reached.
x, critic.y = draw_real(m)
with torch.no_grad():
    x_fake = generator(torch.cat([draw_latents(m, critic_latent_rng), critic.y], 1))
"""
SAMPLES = """\
# The generator's loss, through the critic.
x_fake = generator(draw_latents(m, generator_latent_rng))
"""
SAMPLES_OF_CLASSES = """\
# The generator's loss, through the critic, for classes as often as the data have them.
z = draw_latents(m, generator_latent_rng)
critic.y = draw_classes(m, generator_latent_rng)
x_fake = generator(torch.cat([z, critic.y], 1))
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

# Of a critic that does more with a batch than pass it through its layers.
FEATURES = '''\
def features(x):
    """What the critic's last layer gets to see of a batch."""
    seen = []
    hook = critic[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    critic(x)
    hook.remove()
    return seen[0][-len(x) :]
'''


@dataclass(frozen=True)
class Steps:
    """What the parts of a run bring to a round, with the names filled in that are their own."""

    objective: Step
    constraints: tuple[Step, ...]
    remedies: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter((self.objective, *self.constraints, *self.remedies))


def steps_of(config: TrainingConfig, critic: Net) -> Steps:
    """What objective, constraints and remedies bring, or ConfigError."""
    plain = not (config.conditional or isinstance(critic, OwnLayer))
    objective = lines_of(config.objective, "objective")
    own = lines_of(config.objective.constraint, "objective").filled("held", "penalty")
    further = lines_of(config.constraint, "constraint").filled("held", "constraint")
    remedies = []
    for remedy in config.remedies.active:
        if (step := remedy.script()) is None:
            raise missing(f"remedies.{remedy.name}", remedy.label.lower())
        if "$features" in step.generator and not plain:
            step = replace(step, functions=(FEATURES, *step.functions))
        step = step.filled("features", "critic[:-1]" if plain else "features")
        remedies.append(step.filled("stream", stream_number(remedy.name)))
    return Steps(objective, (own, further), tuple(remedies))


def loop(config: TrainingConfig, steps: Steps, mixes_samples: bool) -> str:
    """The training loop of a config. ``mixes_samples`` says whether the critic does."""
    alone = isinstance(config.constraint, Free) and not steps.remedies and not config.conditional
    box = steps.objective.box if alone else ""
    average = AVERAGE if config.generator_average else ""
    return Template((box or assembled(config, steps)) + average + LOG).substitute(
        decay=config.generator_average,
        n_critic=config.n_critic,
        m=config.batch_size,
        scores=APART if mixes_samples else TOGETHER,
        ones=", 1" * len(config.dataset.shape),
        penalty=STREAMS.index("penalty"),
    )


def assembled(config: TrainingConfig, steps: Steps) -> str:
    """The loop from its parts; ``$scores`` and other names that all loops have are still to be filled in."""
    remedies = steps.remedies
    seen_x = "".join("\n" + step.seen.replace("$batch", "x") for step in remedies if step.seen)
    critic = block(
        BATCHES_OF_CLASSES if config.conditional else BATCHES,
        *(step.seen.replace("$batch", name) for step in remedies for name in ("x", "x_fake")),
        "",
        "# The critic's loss, term by term.",
        "on_real, on_fake = $scores",
        steps.objective.losses,
        'losses = {"critic_real": critic_real, "critic_fake": critic_fake}',
        # Terms are summed in the run's order.
        *(
            f'{step.penalty}losses["{step.term}"] = {step.term}'
            for step in (*remedies, *steps.constraints)
            if step.term
        ),
        "critic_optimiser.zero_grad()",
        "sum(losses.values()).backward()",
        *(step.pull.replace("$role", "critic") for step in remedies),
        "critic_optimiser.step()",
        *(step.project for step in steps.constraints),
    )
    in_its_place = (step.generator.replace("$seen", seen_x) for step in remedies if step.generator)
    if config.conditional:
        in_its_place = (DRAWS_AGAIN.sub(r"\1, _ = draw_real(\2, \3, critic.y)", lines) for lines in in_its_place)
    generator = block(
        SAMPLES_OF_CLASSES if config.conditional else SAMPLES,
        *(step.seen.replace("$batch", "x_fake") for step in remedies),
        next(in_its_place, steps.objective.generator),
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
    return text.replace("$smoothing", steps.objective.smoothing)


def _named(config: TrainingConfig) -> str:
    """What is trained, and where it comes from, as lines of a comment."""
    parts: list[Objective | Constraint | Remedy] = [config.objective, config.constraint, *config.remedies.active]
    return ";\n# ".join(f"{part.label}: {part.source}" for part in parts if not isinstance(part, Free))
