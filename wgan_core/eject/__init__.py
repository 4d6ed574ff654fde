"""A run's config as one training script of its own, which needs PyTorch and numpy and nothing of this software.

:func:`script` is the frame around the lines that each part of the run brings (see :mod:`wgan_core.schema.script`): objective,
constraints and remedies to the loop, data set, latent, networks and optimisers to what it uses. The script starts from the same
weights, draws the same random numbers and takes the same steps as :class:`~wgan_core.training.Training`, written plainly:
``torch.nn`` modules, ``torch.optim`` optimisers and automatic differentiation.
"""

from __future__ import annotations

import re
from string import Template

import torch

from wgan_core.config import TrainingConfig
from wgan_core.eject.loops import DRAWS_AGAIN, Steps, loop, steps_of
from wgan_core.eject.nets import definitions, layers, used_in
from wgan_core.eject.refusals import lines_of, missing, refuse
from wgan_core.metrics import GRID_IMAGES, MODE_SAMPLES
from wgan_core.networks import Given
from wgan_core.networks.piecewise import Net
from wgan_core.schema.script import Snippet
from wgan_core.training import STREAMS

MODULES = ("argparse", "copy", "gzip", "json", "math")

HEAD = '''\
"""$title: a training script that needs PyTorch and numpy only.

It starts from the same weights, draws the same random numbers and takes the same steps as the run in WGAN Live that it
was written for. On a CPU its losses agree with that run's but for rounding, which training amplifies in time.$precision
"""
'''

ARGUMENTS = """\
parser = argparse.ArgumentParser(description="$title")$arguments
parser.add_argument("--steps", type=int, default=$steps, help="generator steps")
parser.add_argument("--seed", type=int, default=$seed)
parser.add_argument("--device", default=$device)
parser.add_argument("--log-every", type=int, default=$every, help="generator steps between two lines")
parser.add_argument("--json", action="store_true", help="print each line as a JSON object")
parser.add_argument("--out", default="samples.npy", help="where generated samples go at the end")
args = parser.parse_args()
device = torch.device(args.device)
torch.set_num_threads($threads)
"""

STREAM = '''\
def stream(number, device="cpu"):
    """Random numbers of their own for each purpose, so that none disturbs another."""
    state = np.random.SeedSequence([args.seed, number]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state[0]) % 2**63)
'''

CLASSES = '''\
# The class of each of them, one-hot.
$classes
classes = nn.functional.one_hot(classes, $count).float()


def draw_classes(n, rng):
    """Classes as often as the data have them."""
    return classes[torch.randint(len(classes), (n,), generator=rng, device=device)]
'''

ITEMS_OF = '''\
def items_of(y, rng):
    """The number of an item of each of these classes, drawn at random."""
    numbers, asked = classes.argmax(1), y.argmax(1)
    counts = numbers.bincount(minlength=classes.shape[1])
    first = counts.cumsum(0) - counts
    nth = (torch.rand(len(y), generator=rng, device=device) * counts[asked]).long().minimum(counts[asked] - 1)
    return numbers.argsort(stable=True)[first[asked] + nth]
'''

LATENTS = '''\
critic_latent_rng = stream($critic, device)
generator_latent_rng = stream($generator, device)


def draw_latents(n, rng):
    """z ~ p(z), $what."""
    return $draw
'''

END = """\
# Samples of the $whose generator$evaluation
with torch.no_grad():
    $samples
np.save(args.out, samples.cpu().numpy())
"""
EVALUATION = """, normalised by what it has seen on average and not by their own batch.
$generator.eval()"""


def script(config: TrainingConfig) -> str:
    """The text of a Python file that trains as this config says.

    Knobs that were turned while the run trained are not in its config, and not in the script.

    Raises
    ------
    ConfigError
        A kind, or a layer of a network, has no snippet yet.

    Examples
    --------
    >>> text = script(TrainingConfig.parse({"objective": {"kind": "wgan-clip", "clip": 0.02}}))
    >>> "c = 0.02" in text, "penalty" in text
    (True, False)
    """
    refuse(config)
    inputs, seen = config.input_shapes
    with torch.device("meta"):
        generator, critic = config.generator.generator(*inputs, config.dataset.shape), config.critic.critic(seen)
        for remedy in config.remedies.active:
            generator = remedy.layers("generator", generator, config, inputs)
            critic = remedy.layers("critic", critic, config, seen)
    steps = steps_of(config, critic)
    data = _data(config, steps)
    body = "\n\n".join(
        (
            _arguments(config, data.argument),
            STREAM,
            f"# Real samples: {config.dataset.label}.\nreal_rng = stream({STREAMS.index('real')}, device)\n{data.code}",
            _latents(config),
            _networks(config, generator, critic),
            *(step.built for step in steps if step.built),
            _optimisers(config),
            loop(config, steps, critic.mixes_samples),
            _end(config, generator.mixes_samples),
        )
    )
    precision = (
        "" if config.speed.autocast == "off" else "\nThat run computed in bfloat16; this script computes in float32."
    )
    head = Template(HEAD).substitute(title=_title(config), precision=precision)
    return "\n".join((head, _imports(body), body))


def _data(config: TrainingConfig, steps: Steps) -> Snippet:
    """How real samples are drawn: from a second stream too where a remedy asks for that, with classes where the run has them."""
    data = lines_of(config.dataset, "dataset")
    code, argument = data.code, data.argument
    again = any(DRAWS_AGAIN.search(lines) for step in steps.remedies for lines in (step.built, step.generator))
    if again:
        code = code.replace("def draw_real(n)", "def draw_real(n, rng=real_rng)")
        code = code.replace("generator=real_rng", "generator=rng")
    if config.conditional:
        if again:
            code = code.replace("rng=real_rng)", "rng=real_rng, y=None)")
            code = re.sub(r"(    which = .*)", r"\1 if y is None else items_of(y, rng)", code)
        if (classes := config.dataset.script_of_classes()) is None:
            raise missing("conditional", f"the classes of {config.dataset.kind}")
        of_classes = Template(CLASSES).substitute(classes=classes.code, count=config.class_count)
        code = f"{code.rstrip()}, classes[which]\n\n\n{of_classes}" + (f"\n\n{ITEMS_OF}" if again else "")
        argument = "\n".join(filter(None, (argument, classes.argument)))
    return Snippet(code, argument=argument)


def _latents(config: TrainingConfig) -> str:
    drawn = config.latent.script()
    numbers = {role: STREAMS.index(f"{role}-latent") for role in ("critic", "generator")}
    return Template(LATENTS).substitute(numbers, what=drawn.name, draw=drawn.code)


def _title(config: TrainingConfig) -> str:
    return f"{config.objective.label}, {config.dataset.label}"


def _imports(body: str) -> str:
    """The import lines of what the body uses, as isort orders them."""
    used = "".join(f"import {name}\n" for name in MODULES if re.search(rf"\b{name}\.", body))
    return f"{used}\nimport numpy as np\nimport torch\nfrom torch import nn\n"


def _arguments(config: TrainingConfig, argument: str) -> str:
    automatic = '"cuda" if torch.cuda.is_available() else "cpu"'
    return Template(ARGUMENTS).substitute(
        title=_title(config),
        arguments=f"\n{argument}" if argument else "",
        steps=config.steps,
        seed=config.seed,
        device=automatic if config.device == "auto" else f'"{config.device}"',
        every=config.snapshot_every,
        threads=config.threads,
    )


def _networks(config: TrainingConfig, generator: Net, critic: Net) -> str:
    """Both nets, their weights, and where the generator starts."""
    drawn = {role: lines_of(getattr(config, role), role) for role in ("generator", "critic")}
    given = "Given" if config.conditional else ""
    nets = f"generator = {layers(generator, 'generator')}\ncritic = {layers(critic, 'critic', given)}\n"
    own_layers = definitions(*used_in(generator, critic), *((Given,) if config.conditional else ()))
    start = ""
    if config.dataset.start is not None and isinstance(generator[-1], torch.nn.Linear):
        start = (
            f"# Untrained, the generator puts its samples around {config.dataset.start}.\n"
            f"generator[-1].bias.data += torch.tensor({list(config.dataset.start)})\n"
        )
    weights = "".join(
        f"{drawn[role].name}({role}, stream({STREAMS.index(f'{role}-init')}))\n" for role in ("generator", "critic")
    )
    layout = ""
    if config.dataset.is_image and config.speed.channels_last:
        layout = ", memory_format=torch.channels_last"
    ready = f"{weights}{start}generator.to(device{layout})\ncritic.to(device{layout})\n"
    if config.generator_average:
        ready += "averaged = copy.deepcopy(generator)\n"
    functions = dict.fromkeys(snippet.code for snippet in drawn.values())
    return "\n\n".join((*own_layers, nets, *functions, ready))


def _optimisers(config: TrainingConfig) -> str:
    made = {
        role: lines_of(getattr(config, f"{role}_optimiser"), f"{role}_optimiser") for role in ("critic", "generator")
    }
    return "".join(
        f"{role}_optimiser = torch.optim.{snippet.name}({role}.parameters(), {snippet.code})\n"
        for role, snippet in made.items()
    )


def _end(config: TrainingConfig, mixes_samples: bool) -> str:
    whose, generator = ("averaged", "averaged") if config.generator_average else ("trained", "generator")
    count = GRID_IMAGES if config.dataset.is_image else MODE_SAMPLES
    latents, classes = (f"draw_{what}({count}, generator_latent_rng)" for what in ("latents", "classes"))
    samples = f"samples = {generator}({latents})"
    if config.conditional:
        samples = f"z, y = {latents}, {classes}\n    samples = {generator}(torch.cat([z, y], 1))"
    return Template(END).substitute(
        whose=whose,
        samples=samples,
        evaluation=Template(EVALUATION).substitute(generator=generator) if mixes_samples else ".",
    )
