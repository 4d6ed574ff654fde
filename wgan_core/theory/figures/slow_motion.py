"""One round of a training in slow motion: each line of the algorithm box with what it changes, for three objectives."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.lessons.presets import PRESETS
from wgan_core.schema import knob
from wgan_core.theory.apart import Scene, axis, scenes
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.result import (
    AnyLayer,
    Arrows,
    Bars,
    Floats,
    Heat,
    Level,
    Marks,
    Number,
    Panel,
    Result,
    Role,
    Table,
)

MOMENTS, PULL = 12, 0.45  # moments of a round, and how long the longest arrow is drawn
BINS = 41
TRAININGS = {"gan": "ring-gan-works", "wgan-clip": "ring-wgan-clip", "wgan-gp": "ring-wgan-gp"}
NET = {"width": 64}
# What each moment is, in words.
SAID = {
    "sample real": "A batch of real samples is drawn.",
    "sample latents": "As many latents z are drawn from the prior.",
    "generate": "The generator turns each latent into a sample.",
    "score": "The critic scores both batches. Nothing is learnt yet.",
    "squash": "A discriminator squashes its score to a chance between 0 and 1.",
    "penalty": "Between each real and a generated sample a place is drawn, and the critic's slope there should be 1.",
    "loss": "The scores become one number, the critic's loss.",
    "critic's gradient": "Backward: the loss says of each score where it should go, and so of each weight.",
    "update critic": "The optimiser moves the critic's weights, and with them the whole surface.",
    "clip": "Every weight beyond c or −c is set back to it.",
    "sample latents again": "The generator's turn: fresh latents.",
    "generate again": "It turns them into samples.",
    "pull": "Backward through the critic: each generated sample is pulled along the critic's slope.",
    "update generator": "The optimiser moves the generator's weights, and the same latents land elsewhere.",
}
# The line of the paper's algorithm box that each moment is.
LINES: dict[str, dict[str, str]] = {
    "gan": {
        "sample real": "sample m examples x from the data",
        "sample latents": "sample m noise samples z from p(z)",
        "generate": "G(z)",
        "score": "the logit f of D = σ(f)",
        "squash": "D(x), D(G(z))",
        "loss": "1/m Σ [log D(x) + log(1 − D(G(z)))], to be raised",
        "critic's gradient": "∇θd 1/m Σ [log D(x) + log(1 − D(G(z)))]",
        "update critic": "update the discriminator by ascending its gradient",
        "sample latents again": "sample m noise samples z from p(z)",
        "generate again": "G(z)",
        "pull": "∇ log D(G(z)), the non-saturating form",
        "update generator": "update the generator by its gradient",
    },
    "wgan-clip": {
        "sample real": "3: sample {x} ∼ P_r, a batch of real data",
        "sample latents": "4: sample {z} ∼ p(z), a batch of prior samples",
        "generate": "5: g_θ(z)",
        "score": "5: f_w(x), f_w(g_θ(z))",
        "loss": "5: 1/m Σ f_w(x) − 1/m Σ f_w(g_θ(z)), to be raised",
        "critic's gradient": "5: g_w ← ∇_w [1/m Σ f_w(x) − 1/m Σ f_w(g_θ(z))]",
        "update critic": "6: w ← w + α · RMSProp(w, g_w)",
        "clip": "7: w ← clip(w, −c, c)",
        "sample latents again": "9: sample {z} ∼ p(z)",
        "generate again": "10: g_θ(z)",
        "pull": "10: g_θ ← −∇_θ 1/m Σ f_w(g_θ(z))",
        "update generator": "11: θ ← θ − α · RMSProp(θ, g_θ)",
    },
    "wgan-gp": {
        "sample real": "4: sample real data x ∼ P_r",
        "sample latents": "4: latent z ∼ p(z)",
        "generate": "5: x̃ ← G_θ(z)",
        "score": "7: D_w(x̃) − D_w(x)",
        "penalty": "6: x̂ ← ε x + (1 − ε) x̃, and 7: λ (‖∇D_w(x̂)‖ − 1)²",
        "loss": "7: L ← D_w(x̃) − D_w(x) + λ (‖∇D_w(x̂)‖ − 1)²",
        "critic's gradient": "9: ∇_w 1/m Σ L",
        "update critic": "9: w ← Adam(∇_w 1/m Σ L, w, α, β₁, β₂)",
        "sample latents again": "11: sample a batch of latents {z} ∼ p(z)",
        "generate again": "12: G_θ(z)",
        "pull": "12: ∇_θ 1/m Σ −D_w(G_θ(z))",
        "update generator": "12: θ ← Adam(∇_θ 1/m Σ −D_w(G_θ(z)), θ, α, β₁, β₂)",
    },
}


class SlowMotion(Figure):
    """The training of the live page, stopped inside a round. The numbers are those of the training, to the last digit."""

    place: ClassVar = 12
    label: ClassVar = "One round in slow motion"
    source: ClassVar = (
        "Goodfellow et al. 2014, Algorithm 1; Arjovsky et al. 2017, Wasserstein GAN, Algorithm 1;"
        " Gulrajani et al. 2017, Algorithm 1"
    )
    formula: ClassVar = (
        r"w\leftarrow w-\alpha\,\nabla_w\big(\mathbb{E}[f_w(g_\theta(z))]-\mathbb{E}[f_w(x)]\big),\qquad "
        r"\theta\leftarrow\theta+\alpha\,\nabla_\theta\,\mathbb{E}[f_w(g_\theta(z))]"
    )
    says: ClassVar = (
        "In a round the critic first learns to tell both batches apart, and then the generator follows the critic's slope.",
        "What differs between the objectives is what the loss asks of each score, and what holds the critic.",
    )
    tries: ClassVar = (
        "Go through the moments with the arrow keys, and watch which panel changes at each.",
        "Stop at the critic's gradient and change the objective: a WGAN pushes every score alike, a GAN those that are wrong.",
        "Stop at the pull and raise the rounds made before from 0: as the critic learns, the arrows come to point at the data.",
    )
    question: ClassVar = Question(
        "Which networks change while the critic takes its step?",
        ("Both", "The critic alone", "The generator alone"),
        1,
        "Its loss is differentiated in w alone, and the generated samples are taken as they are. In the second half it is the"
        " other way round: the gradient passes through the critic, and only θ moves.",
    )
    presets: ClassVar = {
        "a critic's gradient": {},
        "a discriminator's": {"objective": "gan"},
        "clipping": {"objective": "wgan-clip", "moment": 8},
        "the penalty": {"moment": 5},
        "the pull": {"moment": 11},
        "the samples move": {"moment": 12},
    }

    kind: Literal["slow-motion"] = "slow-motion"
    objective: Literal["gan", "wgan-clip", "wgan-gp"] = knob("wgan-gp", "Objective", "Whose round it is.")
    moment: int = knob(7, "Moment", "Of the round's 12 moments, the one that is shown.", ge=1, le=MOMENTS)
    rounds: int = knob(60, "Rounds before", "How many rounds were trained before this one.", ge=0, le=200)
    n_critic: int = knob(1, "n_critic", "Critic steps in a round; the last one is shown.", ge=1, le=5)
    batch_size: int = knob(24, "Batch size", "Samples in each step.", ge=4, le=128)
    seed: int = knob(0, "Seed", "Of the training.", ge=0, le=999)

    @property
    def config(self) -> TrainingConfig:
        """The training whose round it is: that of a preset, with small networks and a latent space that can be drawn."""
        changes = {
            "latent": {"dim": 2},
            "generator": {"kind": "mlp", **NET},
            "critic": {"kind": "mlp", **NET},
            "n_critic": self.n_critic,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }
        return TrainingConfig.parse(PRESETS[TRAININGS[self.objective]].settings | changes)

    def compute(self) -> Result:
        config = self.config
        round_ = scenes(config.edited({"device": "cpu"}).to_url(), self.rounds)
        now = round_[self.moment - 1]
        line = LINES[self.objective][now.name]
        return Result(
            panels=(
                _plane(now, axis(config)),
                _change(round_[0], now, axis(config)),
                _latents(now),
                self._weights(round_, now),
            ),
            numbers=(Number("rounds before this one", self.rounds), *now.numbers),
            tables=(self._box(round_, now),),
            reading=f"{self.moment} of {MOMENTS}. {SAID[now.name]} In the algorithm box: {line}.",
        )

    def live(self) -> TrainingConfig | None:
        return self.config

    def _weights(self, round_: tuple[Scene, ...], now: Scene) -> Panel:
        clip = getattr(self.config.objective, "clip", None)
        reach = 1.15 * clip if clip else max(float(np.abs(each.weights).max()) for each in round_)
        # The last bins also hold what lies beyond: after an update some weights do, until they are clipped.
        share, edges = np.histogram(np.clip(now.weights, -reach, reach), BINS, (-reach, reach))
        middles = (edges[1:] + edges[:-1]) / 2
        width = float(edges[1] - edges[0])
        layers: list[AnyLayer] = [Bars(middles, share / len(now.weights), "", _role(self.objective), width)]
        if clip:
            layers += [Level(end, text, "ink", "x", "dot") for end, text in ((-clip, "−c"), (clip, "c"))]
        return Panel(
            "weights",
            "All weights of the critic",
            tuple(layers),
            "weight",
            "share",
            x_range=(-reach, reach),
            wide=True,
            help="They change at the critic's update, and at the clip.",
        )

    def _box(self, round_: tuple[Scene, ...], now: Scene) -> Table:
        lines = LINES[self.objective]
        rows = ((f"{i}", each.name, lines[each.name], "now" if each is now else "") for i, each in enumerate(round_, 1))
        return Table("The round", ("", "moment", "algorithm box", ""), tuple(rows))


def _plane(now: Scene, line: Floats) -> Panel:
    layers: list[AnyLayer] = [Heat(line, line, now.surface - now.surface.mean(), "score", 0.0)]
    batches: tuple[tuple[Floats, str, Role], ...] = (
        (now.real, "real", "real"),
        (now.fake, "generated", "generated"),
        (now.between, "between", "ink"),
    )
    for points, name, role in batches:
        if len(points):
            layers.append(Marks(points[:, 0], points[:, 1], name, role, 7, "ring" if name == "between" else "circle"))
    help = "Colour: the critic's score around its mean. Points: the batch of this step."
    if now.field is not None:
        x, y = now.field.tails.T
        longest = float(np.linalg.norm(now.field.arrows, axis=1).max())
        times = PULL / longest if longest > 0 else 1.0
        u, v = times * now.field.arrows.T
        layers.append(Arrows(x, y, u, v, "", "ink", 1.6))
        help += f" Arrows: {now.field.meaning}, drawn {times:.3g} times as long as they are."
    ends = (float(line[0]), float(line[-1]))
    return Panel(
        "plane",
        "Samples on the critic's surface" if now.field is None else f"Arrows: {now.field.meaning}",
        tuple(layers),
        "x",
        "y",
        x_range=ends,
        y_range=ends,
        equal=True,
        tall=True,
        help=help,
    )


def _change(first: Scene, now: Scene, line: Floats) -> Panel:
    change = now.surface - first.surface
    moved = float(np.abs(change).max())
    return Panel(
        "change",
        f"Change of the surface: {f'up to {moved:.3g}' if moved else 'none yet'}",
        (Heat(line, line, change, "change of the score", 0.0),),
        "x",
        "y",
        x_range=(float(line[0]), float(line[-1])),
        y_range=(float(line[0]), float(line[-1])),
        equal=True,
        help="The critic's scores now minus those when its step began.",
    )


def _latents(now: Scene) -> Panel:
    return Panel(
        "latents",
        "Latents z" if len(now.latents) else "Latents z: none drawn yet",
        (Marks(now.latents[:, 0], now.latents[:, 1], "z", "generated", 6),),
        "z₁",
        "z₂",
        x_range=(-3.5, 3.5),
        y_range=(-3.5, 3.5),
        equal=True,
        help="Each latent becomes one generated sample.",
    )


def _role(objective: Literal["gan", "wgan-clip", "wgan-gp"]) -> Role:
    return objective
