"""Penalties on the critic's slope: between real and generated samples, around real ones, and on them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.constraints.base import Constraint
from wgan_core.objectives.penalties import (
    NO_BATCH_NORM,
    Rng,
    dragan_penalty,
    gradient_penalty,
    one_sided_penalty,
    r1_penalty,
)
from wgan_core.schema import knob
from wgan_core.schema.script import Step

SLOPES = """\
def slopes(x):
    \"\"\"The norm of the critic's gradient at each sample.\"\"\"
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
"""


def penalty_weight(help: str) -> Any:
    """The knob λ of a penalty."""
    return knob(10.0, "λ", help, live=True, log=True, ge=0, le=10_000)


def interpolated(weight: float, over: str) -> Step:
    """The lines of a penalty at interpolates, on what is ``over`` the slope that it asks for."""
    return Step(
        functions=(SLOPES,),
        setup=f"$held_weight = {weight}  # of the gradient penalty",
        penalty=(
            "epsilon = torch.rand(m$ones, generator=penalty_rng, device=device)\n"
            f"x_hat = torch.lerp(x_fake, x, epsilon)\ngradient_penalty = $held_weight * {over}.square().mean()\n"
        ),
        term="gradient_penalty",
    )


class _Slope(Constraint):
    """What penalties share: each looks at the norm of a sample's own gradient."""

    no_batch_norm: ClassVar = NO_BATCH_NORM

    kind: str


class GradientPenalty(_Slope):
    """The two-sided penalty of WGAN-GP (Gulrajani et al. 2017, equation 3)."""

    label: ClassVar = "Gradient penalty"
    source: ClassVar = "Gulrajani et al. 2017, equation 3"
    term: ClassVar = "gradient_penalty"

    kind: Literal["gradient-penalty"] = "gradient-penalty"
    penalty_weight: float = penalty_weight(
        "Weight of the penalty (‖∇f(x̂)‖ − 1)² between real and generated samples, which keeps the critic near 1-Lipschitz."
    )

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {self.term: self.penalty_weight * gradient_penalty(critic, real, fake, rng)}

    def script(self) -> Step:
        return interpolated(self.penalty_weight, "(slopes(x_hat) - 1)")

    @property
    def slope_weight(self) -> float:
        return self.penalty_weight


class OneSidedPenalty(_Slope):
    """The one-sided penalty of WGAN-LP: slopes below 1 are free (Petzka et al. 2018)."""

    label: ClassVar = "One-sided penalty"
    source: ClassVar = "Petzka, Fischer, Lukovnikov 2018"
    term: ClassVar = "gradient_penalty"

    kind: Literal["one-sided-penalty"] = "one-sided-penalty"
    penalty_weight: float = penalty_weight(
        "Weight of the penalty max(0, ‖∇f(x̂)‖ − 1)², which a slope below 1 is free of."
    )

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {self.term: self.penalty_weight * one_sided_penalty(critic, real, fake, rng)}

    def script(self) -> Step:
        return interpolated(self.penalty_weight, "(slopes(x_hat) - 1).relu()")


class DraganPenalty(_Slope):
    """The penalty of DRAGAN: slope 1 around real samples (Kodali et al. 2017)."""

    label: ClassVar = "DRAGAN's penalty"
    source: ClassVar = "Kodali, Abernethy, Hays, Kira 2017"
    term: ClassVar = "dragan_penalty"

    kind: Literal["dragan"] = "dragan"
    penalty_weight: float = penalty_weight("Weight of the penalty (‖∇f(x + δ)‖ − 1)² around real samples x.")
    radius: float = knob(
        0.5,
        "Radius",
        "How far from real samples the slope is looked at, in standard deviations of the data.",
        gt=0,
        le=10,
    )

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {self.term: self.penalty_weight * dragan_penalty(critic, real, self.radius, rng)}

    def script(self) -> Step:
        return Step(
            functions=(SLOPES,),
            setup=f"$held_weight, $held_radius = {self.penalty_weight}, {self.radius}  # of DRAGAN's penalty",
            penalty=(
                "noise = torch.randn(x.shape, generator=penalty_rng, device=device)\n"
                "x_near = x + $held_radius * x.std(correction=0) * noise\n"
                "dragan_penalty = $held_weight * (slopes(x_near) - 1).square().mean()\n"
            ),
            term=self.term,
        )


class R1(_Slope):
    """R1: slope 0 on real samples, ½ γ E[‖∇f(x)‖²] (Mescheder, Geiger, Nowozin 2018, equation 9)."""

    label: ClassVar = "R1"
    source: ClassVar = "Mescheder, Geiger, Nowozin 2018, equation 9"
    term: ClassVar = "r1_penalty"

    kind: Literal["r1"] = "r1"
    gamma: float = knob(
        10.0, "γ", "Half of it is the weight of ‖∇f(x)‖² on real samples x.", live=True, log=True, ge=0, le=10_000
    )

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {self.term: 0.5 * self.gamma * r1_penalty(critic, real)}

    def script(self) -> Step:
        return Step(
            functions=(SLOPES,),
            setup=f"gamma = {self.gamma}  # half of it is the weight of R1",
            penalty="r1_penalty = 0.5 * gamma * slopes(x).square().mean()\n",
            term=self.term,
        )
