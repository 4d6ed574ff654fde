"""From GAN to WGAN, Figure 5: a frozen generator, a discriminator from scratch, and the gradient that fades as it learns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.objectives import Objective, WganClip, WganGp
from wgan_core.schema import knob
from wgan_core.theory.figure import Figure, Question
from wgan_core.theory.frozen import LEAST, RING, SHOWN, Game, Judged
from wgan_core.theory.learner import CPU, stream
from wgan_core.theory.result import AnyLayer, Curve, Marks, Number, Panel, Result, Role, Table, shown

FRAMES = 30
ROLES: tuple[Role, ...] = ("first", "second", "fourth")


class VanishingGradient(Figure):
    """Generators trained for a little, more, and long; each is frozen, and new discriminators and critics learn to judge it."""

    place: ClassVar = 6
    label: ClassVar = "The vanishing gradient"
    source: ClassVar = (
        "Weng 2019, From GAN to WGAN, section 4.3 and Figure 5;"
        " Arjovsky, Bottou 2017, Towards Principled Methods for Training GANs, theorem 2.4, Figures 2 and 3"
    )
    formula: ClassVar = (
        r"\|D-D^*\|<\epsilon\ \Rightarrow\ \big\|\nabla_\theta\,\mathbb{E}_z[\log(1-D(g_\theta(z)))]\big\|"
        r"\le M\frac{\epsilon}{1-\epsilon}"
    )
    says: ClassVar = (
        "The longer a discriminator learns against a generator that stands still, the less the loss log(1 − D) tells that"
        " generator.",
        "−log D tells it more and more instead, and nothing bounds it, while a critic that is held settles at one size.",
    )
    tries: ClassVar = (
        "Set the dimensions to 2: data and samples now fill the same plane, D cannot be perfect, and little vanishes.",
        "Compare the three generators: the better one is, the longer D needs to tell it apart, but it gets there.",
        "Change what holds the critic: clipping sets another size, and it does not fade either.",
    )
    question: ClassVar = Question(
        "The discriminator is trained far longer than the generator. Why does the generator then hardly learn from log(1 − D)?",
        (
            "Its learning rate is too small",
            "D is near 0 on all its samples and on all their neighbours",
            "The discriminator forgets the real data",
        ),
        1,
        "∇ log(1 − D) is D times the slope of D's logit. With D near 0 wherever the samples are, the product is near 0,"
        " in whichever way the samples should move.",
    )
    presets: ClassVar = {
        "Figure 5": {},
        "weight clipping": {"held_by": "clip"},
        "more dimensions": {"dimensions": 128},
        "in the plane": {"dimensions": 2},
    }

    kind: Literal["vanishing-gradient"] = "vanishing-gradient"
    dimensions: int = knob(
        64, "Dimensions", "The ring lies in a plane of a space of so many dimensions, as photos do among all images.",
        ge=2, le=256,
    )  # fmt: skip
    trained: int = knob(
        1000, "Longest training", "Generator steps of the best generator; the others get 1/50 and 1/5.", ge=100, le=3000
    )
    steps: int = knob(900, "Discriminator steps", "Of the new discriminators and critics.", ge=60, le=3000)
    held_by: Literal["penalty", "clip"] = knob("penalty", "Critic held by", "The gradient penalty, or weight clipping.")
    seed: int = knob(0, "Seed", "Of weights, latents and samples.", ge=0, le=999)

    @property
    def marks(self) -> tuple[int, int, int]:
        """After how many generator steps the generators are frozen."""
        return self.trained // 50, self.trained // 5, self.trained

    @property
    def critic(self) -> Objective:
        return WganClip(clip=0.1) if self.held_by == "clip" else WganGp()

    def frames(self) -> Iterator[Result]:
        game = Game(self.dimensions, self.seed)
        judged: list[Judged] = []
        every = max(1, self.trained // 10)
        for step in range(self.trained + 1):
            if step in self.marks:
                judged.append(Judged(game, step, self.critic, self.seed))
            if judged and (step == self.marks[0] or step % every == 0) and step < self.trained:
                yield self._result(judged, step, 0)
            if step < self.trained:
                game.round()
        every = max(1, self.steps // FRAMES)
        for step in range(self.steps + 1):
            if step % every == 0 or step == self.steps:
                for each in judged:
                    each.look(step)
                yield self._result(judged, self.trained, step)
            if step < self.steps:
                for each in judged:
                    each.learn()

    def live(self) -> TrainingConfig | None:
        return TrainingConfig.parse(
            {
                "dataset": {"kind": "ring", "sigma": RING.sigma},
                "objective": {"kind": "gan", "generator_goal": "saturating"},
                "n_critic": 20,
            }
        )

    def _result(self, judged: list[Judged], made: int, step: int) -> Result:
        freezing = step == 0 and made < self.trained
        return Result(
            panels=(
                *(self._norms(judged, *each) for each in _PANELS),
                _samples(judged),
            ),
            numbers=_numbers(judged),
            tables=(_table(judged),),
            reading=_reading(judged, freezing),
            # A round of the game costs about as much as a step of the six that judge.
            progress=(made + 2 * step) / (self.trained + 2 * self.steps),
            step=(
                f"the generator trains: step {made:,} of {self.trained:,}"
                if freezing
                else f"discriminator step {step:,} of {self.steps:,}"
            ),
        )

    def _norms(self, judged: list[Judged], name: str, title: str, help: str) -> Panel:
        layers: tuple[AnyLayer, ...] = tuple(
            Curve(np.array(each.at, float), np.maximum(each.norms[name], LEAST), each.name, role, width=2.5)
            for each, role in zip(judged, ROLES, strict=False)
        )
        return Panel(
            name,
            title,
            layers,
            "discriminator step" if name != "critic" else "critic step",
            "gradient norm",
            x_range=(0, self.steps),
            y_range=(1e-5, 1e3),
            log="y",
            help=help,
        )


_PANELS = (
    (
        "saturating",
        "‖∇θ E[log(1 − D)]‖: it fades",
        "The norm of the frozen generator's gradient over all its weights, on the same latents throughout. From GAN to WGAN,"
        " Figure 5.",
    ),
    (
        "other",
        "‖∇θ E[−log D]‖: it grows",
        "The same discriminators with the non-saturating loss. Once D is perfect this is the gradient of its logit, which"
        " nothing holds.",
    ),
    (
        "critic",
        "‖∇θ E[−f]‖: it settles",
        "New WGAN critics against the same frozen generators. Their slope is bounded, so their gradient neither fades nor"
        " explodes.",
    ),
)


def _samples(judged: list[Judged]) -> Panel:
    real = RING.sample(SHOWN, stream(0, 40), CPU).double().numpy()
    layers: list[AnyLayer] = [Marks(real[:, 0], real[:, 1], "real", "real", 4)]
    for each, role in zip(judged, ROLES, strict=False):
        layers.append(Marks(each.shown[:, 0], each.shown[:, 1], each.name, role, 4))
    return Panel(
        "samples",
        "The frozen generators, seen in the ring's plane",
        tuple(layers),
        "x",
        "y",
        x_range=(-3.2, 3.2),
        y_range=(-2.6, 2.6),
        equal=True,
        help="Samples after so many generator steps, projected to the plane in which the ring lies. How far they are from that"
        " plane stands in the table.",
    )


def _numbers(judged: list[Judged]) -> tuple[Number, ...]:
    worst = max(each.mismatch for each in judged)
    return (
        *(
            Number(
                f"powers of ten lost, {each.name} generator steps", each.faded, note="of log(1 − D), from its highest"
            )
            for each in judged
        ),
        Number(
            "‖∇ log(1 − D) − ∇ log D + ∇ logit D‖, relative",
            worst,
            0.0,
            1e-4,
            "0: log(1 − D) − log D = −logit D, so what one loss loses the other has",
        ),
    )


def _table(judged: list[Judged]) -> Table:
    def now(each: Judged, name: str) -> str:
        return shown(each.norms[name][-1]) if each.norms[name] else "–"

    return Table(
        "The frozen generators",
        ("generator steps", "off the plane", "D right", "‖∇ log(1 − D)‖", "‖∇ −log D‖", "critic's"),
        tuple(
            (
                f"{each.made:,}",
                shown(each.off),
                f"{each.right:.1%}",
                now(each, "saturating"),
                now(each, "other"),
                now(each, "critic"),
            )
            for each in judged
        ),
    )


def _reading(judged: list[Judged], freezing: bool) -> str:
    if freezing:
        return "The generator trains against its discriminator. Three copies are frozen on the way."
    lost = ", ".join(shown(each.faded) for each in judged)
    return (
        f"After {judged[0].at[-1]:,} steps of new discriminators the gradient of log(1 − D) is {lost} powers of ten below"
        f" its highest. The critics' is at {', '.join(shown(each.norms['critic'][-1]) for each in judged)}."
    )
