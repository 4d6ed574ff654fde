"""f-GANs: any f-divergence, from below, by its variational bound (Nowozin, Cseke, Tomioka 2016).

D_f(P‖Q) = ∫ q f(p / q) ≥ E_P[T(x)] − E_Q[f*(T(x))] for every T, where f* is the conjugate of f. The critic's raw score v goes
through an output activation g_f into the domain of f*: T = g_f(v). Table 2 of the paper has both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from wgan_core.objectives.base import ADAM_OF_DCGAN, Objective, mean_over_samples, usual
from wgan_core.objectives.gan import LOG_2
from wgan_core.schema import knob
from wgan_core.schema.script import Step


@dataclass(frozen=True)
class Divergence:
    """One f-divergence as a critic bounds it.

    Attributes
    ----------
    name, label : str
        Of the estimate.
    activation : callable
        g_f(v), what the critic says of real samples.
    conjugate : callable
        f*(g_f(v)), written in v where it is stable there.
    activation_code, conjugate_code : str
        Both, as a script writes them.
    ceiling : tuple[float, str] or None
        The divergence of two distributions that share no point, where that is finite.
    """

    name: str
    label: str
    activation: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]
    activation_code: str
    conjugate_code: str
    ceiling: tuple[float, str] | None = None


DIVERGENCES = {
    # f(u) = u log u, f*(t) = exp(t − 1)
    "kl": Divergence("kl_estimate", "KL", lambda v: v, lambda v: (v - 1).exp(), "v", "(v - 1).exp()"),
    # f(u) = −log u, f*(t) = −1 − log(−t), g_f(v) = −exp(−v)
    "reverse-kl": Divergence(
        "reverse_kl_estimate", "reverse KL", lambda v: -(-v).exp(), lambda v: v - 1, "-(-v).exp()", "v - 1"
    ),
    # f(u) = (u − 1)² for all u, f*(t) = t² / 4 + t
    "pearson": Divergence(
        "pearson_estimate", "Pearson χ²", lambda v: v, lambda v: 0.25 * v.square() + v, "v", "0.25 * v.square() + v"
    ),
    # Half the paper's, so that it is JS as everywhere else, from 0 to ln 2: T = ½ (log 2 + log D), D = sigmoid(v)
    "js": Divergence(
        "js_estimate",
        "JS",
        lambda v: 0.5 * (LOG_2 - softplus(-v)),
        lambda v: 0.5 * (softplus(v) - LOG_2),
        "0.5 * (math.log(2) - nn.functional.softplus(-v))",
        "0.5 * (nn.functional.softplus(v) - math.log(2))",
        (LOG_2, "ln 2"),
    ),
    # f(u) = (√u − 1)², f*(t) = t / (1 − t), g_f(v) = 1 − exp(−v)
    "hellinger": Divergence(
        "hellinger_estimate",
        "Hellinger²",
        lambda v: 1 - (-v).exp(),
        lambda v: v.exp() - 1,
        "1 - (-v).exp()",
        "v.exp() - 1",
        (2.0, "2"),
    ),
}


OUTPUTS = """\
def output(v):
    \"\"\"g(v): from a score into the domain of the conjugate.\"\"\"
    return {}


def conjugate(v):
    \"\"\"f*(g(v)), where f* is the conjugate of f.\"\"\"
    return {}
"""


class FGan(Objective):
    """An f-GAN: the critic bounds an f-divergence between data and samples from below (Nowozin et al. 2016, equations 4 and 6).

        critic:     min  −E[T(x)] + E[φ*(T(x̃))],   T = g(f): the critic's output brought into the domain of φ*
        generator:  min  −E[T(x̃)]           non-saturating
                    min  −E[φ*(T(x̃))]       saturating
        estimate:   D_φ = ∫ q φ(p / q) ≥ E[T(x)] − E[φ*(T(x̃))]

    φ* is the conjugate of the convex φ:

        KL                 φ(u) = u ln u        T = f                        φ*(t) = e^(t − 1)
        reverse KL         φ(u) = −ln u         T = −e^(−f)                  φ*(t) = −1 − ln(−t)
        Pearson χ²         φ(u) = (u − 1)²      T = f                        φ*(t) = t² / 4 + t
        JS                 D = sigmoid(f)       T = ½ (ln 2 + ln D)          φ*(T) = −½ (ln 2 + ln(1 − D))
        squared Hellinger  φ(u) = (√u − 1)²     T = 1 − e^(−f)               φ*(t) = t / (1 − t)

    Examples
    --------
    >>> FGan(divergence="js").estimate_name, FGan(divergence="kl").estimate_name
    ('js_estimate', 'kl_estimate')
    """

    label: ClassVar = "f-GAN"
    source: ClassVar = "Nowozin, Cseke, Tomioka 2016, equation 6 and Tables 1 and 2"
    color: ClassVar = "#AA098F"
    defaults: ClassVar = usual(ADAM_OF_DCGAN, 1, 64)
    dcgan_critic_normalisation: ClassVar = "batch"
    stacks: ClassVar = True
    no_labels: ClassVar = "its critic bounds a divergence and knows no labels 0 and 1"

    kind: Literal["f-gan"] = "f-gan"
    divergence: Literal["kl", "reverse-kl", "pearson", "js", "hellinger"] = knob(
        "kl",
        "Divergence",
        "What the critic bounds from below; most of them have no bound where data and samples do not overlap.",
    )
    generator_goal: Literal["non-saturating", "saturating"] = knob(
        "non-saturating",
        "Generator's loss",
        "Saturating minimises the bound itself; non-saturating raises the critic's output on generated samples (§3.2).",
    )

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        f = DIVERGENCES[self.divergence]
        return {
            "critic_real": -mean_over_samples(f.activation(on_real)),
            "critic_fake": mean_over_samples(f.conjugate(on_fake)),
        }

    def generator_term(self, on_fake: Tensor) -> Tensor:
        f = DIVERGENCES[self.divergence]
        return -mean_over_samples((f.conjugate if self.generator_goal == "saturating" else f.activation)(on_fake))

    def estimate(self, terms: dict[str, float]) -> float:
        return -(terms["critic_real"] + terms["critic_fake"])

    def script(self) -> Step:
        f = DIVERGENCES[self.divergence]
        return Step.scored(
            "-output(on_real).mean()",
            "conjugate(on_fake).mean()",
            "-conjugate(on_fake).mean()" if self.generator_goal == "saturating" else "-output(on_fake).mean()",
            functions=(OUTPUTS.format(f.activation_code, f.conjugate_code),),
        )

    @property
    def estimate_name(self) -> str:  # type: ignore[override]
        return DIVERGENCES[self.divergence].name

    @property
    def estimate_label(self) -> str:  # type: ignore[override]
        return DIVERGENCES[self.divergence].label

    @property
    def ceiling(self) -> tuple[float, str] | None:  # type: ignore[override]
        return DIVERGENCES[self.divergence].ceiling
