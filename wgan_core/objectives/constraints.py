"""Constraints: what holds the critic, for any objective that does not bring its own.

To add one, write a subclass of :class:`Constraint` here. It may add terms to the critic's loss, project the critic's parameters
after each step, and change the layers of the critic when it is built; form, command line, URL and contract tests follow.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, normalize

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.base import Objective
from wgan_core.objectives.classic import WganClip, penalty_weight
from wgan_core.objectives.penalised import RADIUS_HELP, Dragan
from wgan_core.objectives.penalties import (
    NO_BATCH_NORM,
    Rng,
    dragan_penalty,
    gradient_penalty,
    one_sided_penalty,
    r1_penalty,
)
from wgan_core.schema import Variant, knob


class Constraint(Variant):
    """What holds the critic beside its objective.

    Attributes
    ----------
    term : str
        The name of its term in the critic's loss, or "" without one. No objective may have that term already.
    no_batch_norm : str
        Why a score must not depend on the rest of the batch, or "" where it may.
    stacks : bool
        As of an objective: it treats each of K stacked critics alone.
    """

    term: ClassVar[str] = ""
    no_batch_norm: ClassVar[str] = ""
    stacks: ClassVar[bool] = True

    def refusal(self, objective: Objective) -> str:
        """Why it does not go with this objective, or ""."""
        return ""

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        """Named terms for the critic's loss. ``fake`` carries no graph."""
        return {}

    def constrain(self, weights: Tensor) -> None:
        """Project the critic's parameters, one flat vector (p,) or (K, p), in place after each of its steps."""

    def held(self, critic: Net) -> Net:
        """The critic with other layers, where it needs some; its parameters keep their names, shapes and order."""
        return critic

    @property
    def limit(self) -> float | None:
        """The largest size that the critic's parameters may have, or None."""
        return None

    @property
    def slope_weight(self) -> float | None:
        """λ of the two-sided penalty (‖∇f(x̂)‖ − 1)² at interpolates, or None without one."""
        return None


class Free(Constraint):
    label: ClassVar = "None"

    kind: Literal["none"] = "none"

    def refusal(self, objective: Objective) -> str:
        if objective.kind == "wgan":
            return (
                "the Wasserstein losses alone grow without bound, since nothing holds the critic's slope; choose one of "
                + ", ".join(kind for kind in Constraint.kinds if kind != "none")
            )
        return ""


class Clip(Constraint):
    """Weight clipping (the WGAN paper, Algorithm 1, line 7)."""

    label: ClassVar = "Weight clipping"
    source: ClassVar = "the WGAN paper, Algorithm 1"

    kind: Literal["clip"] = "clip"
    clip: float = knob(
        0.01,
        "c",
        "Every parameter of the critic is clipped to [−c, c] after each step.",
        live=True,
        log=True,
        gt=0,
        le=10,
    )

    def refusal(self, objective: Objective) -> str:
        return f"{objective.label} clips the weights already" if isinstance(objective, WganClip) else ""

    def constrain(self, weights: Tensor) -> None:
        weights.clamp_(-self.clip, self.clip)

    @property
    def limit(self) -> float:
        return self.clip


class _Interpolated(Constraint):
    """What both penalties at interpolates share."""

    term: ClassVar = "gradient_penalty"
    no_batch_norm: ClassVar = NO_BATCH_NORM

    kind: str
    penalty_weight: float = 10.0

    def refusal(self, objective: Objective) -> str:
        if objective.kind in ("wgan-gp", "wgan-lp"):
            return f"{objective.label} has a penalty on the slope at the same places already; set its λ instead"
        return ""


class GradientPenalty(_Interpolated):
    """The two-sided penalty of WGAN-GP for any objective (Gulrajani et al. 2017, equation 3)."""

    label: ClassVar = "Gradient penalty"
    source: ClassVar = "Gulrajani et al. 2017, equation 3"

    kind: Literal["gradient-penalty"] = "gradient-penalty"
    penalty_weight: float = penalty_weight("Weight of the penalty (‖∇f(x̂)‖ − 1)² between real and generated samples.")

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {self.term: self.penalty_weight * gradient_penalty(critic, real, fake, rng)}

    @property
    def slope_weight(self) -> float:
        return self.penalty_weight


class OneSidedPenalty(_Interpolated):
    """The one-sided penalty of WGAN-LP for any objective: slopes below 1 are free (Petzka et al. 2018)."""

    label: ClassVar = "One-sided penalty"
    source: ClassVar = "Petzka, Fischer, Lukovnikov 2018"

    kind: Literal["one-sided-penalty"] = "one-sided-penalty"
    penalty_weight: float = penalty_weight(
        "Weight of the penalty max(0, ‖∇f(x̂)‖ − 1)², which a slope below 1 is free of."
    )

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {self.term: self.penalty_weight * one_sided_penalty(critic, real, fake, rng)}


class DraganPenalty(Constraint):
    """The penalty of DRAGAN for any objective: slope 1 around real samples (Kodali et al. 2017)."""

    label: ClassVar = "DRAGAN's penalty"
    source: ClassVar = "Kodali, Abernethy, Hays, Kira 2017"
    term: ClassVar = "dragan_penalty"
    no_batch_norm: ClassVar = NO_BATCH_NORM

    kind: Literal["dragan"] = "dragan"
    penalty_weight: float = penalty_weight("Weight of the penalty (‖∇f(x + δ)‖ − 1)² around real samples x.")
    radius: float = knob(0.5, "Radius", RADIUS_HELP, gt=0, le=10)

    def refusal(self, objective: Objective) -> str:
        return f"{objective.label} has this penalty already; set its λ instead" if isinstance(objective, Dragan) else ""

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {self.term: self.penalty_weight * dragan_penalty(critic, real, self.radius, rng)}


class R1(Constraint):
    """R1: slope 0 on real samples, ½ γ E[‖∇f(x)‖²] (Mescheder, Geiger, Nowozin 2018, equation 9)."""

    label: ClassVar = "R1"
    source: ClassVar = "Mescheder, Geiger, Nowozin 2018, equation 9"
    term: ClassVar = "r1_penalty"
    no_batch_norm: ClassVar = NO_BATCH_NORM

    kind: Literal["r1"] = "r1"
    gamma: float = knob(
        10.0, "γ", "Half of it is the weight of ‖∇f(x)‖² on real samples x.", live=True, log=True, ge=0, le=10_000
    )

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        return {self.term: 0.5 * self.gamma * r1_penalty(critic, real)}


def largest_singular_value(matrix: Tensor) -> Tensor:
    """σ(W) of a matrix, exactly; its slope in W is u vᵀ, with the singular vectors of σ.

    They come from the smaller of W Wᵀ and Wᵀ W, in a third of the time of a singular value decomposition.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    # In 16 bits, where a run asks for them, σ would be off by a percent.
    with torch.autocast(matrix.device.type, enabled=False):
        with torch.no_grad():
            rows = matrix.mT if tall else matrix
            u = torch.linalg.eigh(rows @ rows.mT).eigenvectors[:, -1]
            v = normalize(rows.mT @ u, dim=0)
        found: Tensor = v @ (matrix @ u) if tall else u @ (matrix @ v)
    return found


def normalised(weight: Tensor) -> Tensor:
    """W / σ(W), where σ is the largest singular value; of a convolution's weights as a matrix (out, −1).

    Examples
    --------
    >>> normalised(torch.diag(torch.tensor([4.0, 2.0])))
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5000]])
    """
    return weight / largest_singular_value(weight.flatten(1)).clamp(min=1e-12)


class SpectralLinear(nn.Linear):
    """A linear layer that applies W / σ(W)."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, normalised(self.weight), self.bias)


class SpectralConv2d(nn.Conv2d):
    """A convolution that applies W / σ(W)."""

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, normalised(self.weight), self.bias, self.stride, self.padding, self.dilation, self.groups)


SPECTRAL: dict[type[nn.Module], type[nn.Module]] = {nn.Linear: SpectralLinear, nn.Conv2d: SpectralConv2d}


class Spectral(Constraint):
    """Spectral normalisation: each layer applies its weights divided by their largest singular value (Miyato et al. 2018).

    The paper follows σ by power iteration, a step each time the critic is used. Here σ is exact, and nothing is remembered,
    so that looking at a critic does not change it.
    """

    label: ClassVar = "Spectral normalisation"
    source: ClassVar = "Miyato, Kataoka, Koyama, Yoshida 2018, equations 6 to 8"
    stacks: ClassVar = False

    kind: Literal["spectral"] = "spectral"

    def refusal(self, objective: Objective) -> str:
        if isinstance(objective, WganClip):
            return (
                f"it divides the weights by their norm, so that the size which {objective.label} limits means nothing"
            )
        return ""

    def held(self, critic: Net) -> Net:
        for module in critic.modules():
            if type(module) in SPECTRAL:
                module.__class__ = SPECTRAL[type(module)]
        # The layers as they are: a hand-written pass knows nothing of sigma.
        return Net(*critic)
