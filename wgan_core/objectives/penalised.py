"""Losses whose critic is held by other means: a one-sided penalty, a penalty around real samples, or a constraint of choice."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from wgan_core.objectives.base import ADAM_OF_DCGAN, ADAM_OF_WGAN_GP, usual
from wgan_core.objectives.constraints import DraganPenalty, OneSidedPenalty
from wgan_core.objectives.gan import Gan
from wgan_core.objectives.wgan import Wasserstein
from wgan_core.schema import same_knob
from wgan_core.schema.script import Step


class WganLp(Wasserstein):
    """WGAN with a one-sided penalty: slopes above 1 cost, slopes below 1 do not (Petzka, Fischer, Lukovnikov 2018).

        critic:     min  E[f(x̃)] − E[f(x)] + λ E[max(0, ‖∇f(x̂)‖₂ − 1)²],   x̂ = α x + (1 − α) x̃
        generator:  min  −E[f(x̃)]
        estimate:   Ŵ = E[f(x)] − E[f(x̃)], without the penalty

    The best 1-Lipschitz critic may be less steep than 1 in places, so only more is punished.
    """

    label: ClassVar = "WGAN-LP"
    source: ClassVar = "Petzka, Fischer, Lukovnikov 2018, On the regularization of Wasserstein GANs"
    color: ClassVar = "#3434F4"
    held_by: ClassVar = OneSidedPenalty
    defaults: ClassVar = usual(ADAM_OF_WGAN_GP, 5, 64)
    dcgan_critic_normalisation: ClassVar = "layer"

    kind: Literal["wgan-lp"] = "wgan-lp"
    penalty_weight: float = same_knob(OneSidedPenalty, "penalty_weight")


class Dragan(Gan):
    """A GAN whose critic has slope 1 around real samples (Kodali et al. 2017). The slope is that of the logit f.

        critic:     min  −E[log D(x)] − E[log(1 − D(x̃))] + λ E[(‖∇f(x + δ)‖₂ − 1)²],   δ Gaussian, as wide as the radius says
        generator:  as of a GAN
        estimate:   JS as of a GAN, without the penalty

    Far from the real samples the slope is free.
    """

    label: ClassVar = "DRAGAN"
    source: ClassVar = "Kodali, Abernethy, Hays, Kira 2017, On convergence and stability of GANs"
    color: ClassVar = "#334DCC"
    held_by: ClassVar = DraganPenalty
    defaults: ClassVar = usual(ADAM_OF_DCGAN, 1, 64)
    dcgan_critic_normalisation: ClassVar = "layer"

    kind: Literal["dragan"] = "dragan"  # type: ignore[assignment]
    penalty_weight: float = same_knob(DraganPenalty, "penalty_weight")
    radius: float = same_knob(DraganPenalty, "radius")

    def script(self) -> Step:
        return replace(super().script(), box="")  # the GAN's box has no penalty


class Wgan(Wasserstein):
    """The Wasserstein losses alone, for a constraint of your choice: nothing in them holds the critic.

        critic:     min  E[f(x̃)] − E[f(x)]
        generator:  min  −E[f(x̃)]
        estimate:   Ŵ = E[f(x)] − E[f(x̃)] ≤ K W1,   K: the critic's Lipschitz constant

    Without a constraint the scores would grow without bound, so a config that has none is refused.
    """

    label: ClassVar = "WGAN, other constraint"
    source: ClassVar = "the WGAN paper, equation 2"
    color: ClassVar = "#648FFF"
    defaults: ClassVar = usual(ADAM_OF_WGAN_GP, 5, 64) | {"constraint": {"kind": "spectral"}}
    dcgan_critic_normalisation: ClassVar = "none"

    kind: Literal["wgan"] = "wgan"
