"""What every constraint is: a term of the critic's loss, a projection of its parameters, or other layers."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.penalties import Rng
from wgan_core.schema import Variant
from wgan_core.schema.script import Step


class Constraint(Variant):
    """What holds the critic.

    Attributes
    ----------
    term : str
        The name of its term in the critic's loss, or "" without one. Two constraints with one term look at the same places.
    no_batch_norm : str
        Why a score must not depend on the rest of the batch, or "" where it may.
    no_size : str
        What it does to the parameters, so that their size means nothing, or "" where it means something.
    stacks : bool
        It treats each of K stacked critics alone: for samples (K, n, d) and K generators of random numbers its term has shape
        (K,) and is what the member alone gives, and :meth:`constrain` treats each row of (K, p) alone. A knob that is a number
        may then be a vector (K,): see :func:`~wgan_core.objectives.penalties.along`.
    """

    term: ClassVar[str] = ""
    no_batch_norm: ClassVar[str] = ""
    no_size: ClassVar[str] = ""
    stacks: ClassVar[bool] = True

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        """Named terms for the critic's loss, which look at the critic and not at scores. ``fake`` carries no graph."""
        return {}

    def constrain(self, weights: Tensor) -> None:
        """Project the critic's parameters, one flat vector (p,) or (K, p), in place after each of its steps."""

    def held(self, critic: Net) -> Net:
        """The critic with other layers, where it needs some; its parameters keep their names, shapes and order."""
        return critic

    def script(self) -> Step | None:
        """Its lines in a script: its term, what is done after a step, or to the critic at the start."""
        return None

    @property
    def limit(self) -> float | None:
        """The largest size that the critic's parameters may have, or None."""
        return None

    @property
    def slope_weight(self) -> float | None:
        """λ of the two-sided penalty (‖∇f(x̂)‖ − 1)² at interpolates, or None without one."""
        return None

    def refusal(self, other: Constraint, whose: str) -> str:
        """Why it cannot hold a critic that ``whose`` constraint ``other`` holds already, or "". It follows from what they do.

        Examples
        --------
        >>> from wgan_core.objectives.constraints import Clip, GradientPenalty, OneSidedPenalty
        >>> OneSidedPenalty().refusal(GradientPenalty(), "WGAN-GP")
        'WGAN-GP has a penalty on the slope at the same places already; set its λ instead'
        >>> OneSidedPenalty().refusal(Clip(), "WGAN")
        ''
        """
        if self.term and self.term == other.term:
            penalty = "this penalty" if type(self) is type(other) else "a penalty on the slope at the same places"
            return f"{whose} has {penalty} already; set its {other.first_knob} instead"
        if self.limit is not None and other.limit is not None:
            return f"{whose} limits the size of the weights already; set its {other.first_knob} instead"
        if self.no_size and other.limit is not None:
            return f"it {self.no_size}, so that the size which {whose} limits means nothing"
        if other.no_size and self.limit is not None:
            return f"{whose} {other.no_size}, so that the size which it limits means nothing"
        return f"{whose} {other.no_size} already" if self.no_size and other.no_size else ""

    @property
    def first_knob(self) -> str:
        """The name on screen of what it is turned by, or its own name where there is nothing to turn."""
        titles = (field.title for name, field in type(self).model_fields.items() if name != "kind")
        return next(titles, None) or self.label


class Free(Constraint):
    label: ClassVar = "None"

    kind: Literal["none"] = "none"

    def script(self) -> Step:
        return Step()
