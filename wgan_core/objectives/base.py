"""What every objective is: two losses of the critic's scores, what they estimate, and the constraint that its paper has."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.constraints.base import Constraint, Free
from wgan_core.objectives.penalties import Rng
from wgan_core.schema import Variant
from wgan_core.schema.script import Step

ADAM_OF_DCGAN: dict[str, Any] = {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999}
ADAM_OF_WGAN_GP: dict[str, Any] = {"kind": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.9}


def usual(optimiser: dict[str, Any], n_critic: int, batch_size: int) -> dict[str, Any]:
    """Defaults with one optimiser for both networks."""
    return {
        "critic_optimiser": optimiser,
        "generator_optimiser": optimiser,
        "n_critic": n_critic,
        "batch_size": batch_size,
    }


def mean_over_samples(scores: Tensor) -> Tensor:
    """E[·] over a batch of scores: from (n, 1) a scalar, from (K, n, 1) one number for each of K critics."""
    return scores.mean() if scores.dim() == 2 else scores.mean((-2, -1))


def scores(critic: Net, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The critic's scores of both batches, in one pass where it treats each sample alone (faster, same numbers)."""
    if critic.mixes_samples:
        return critic(real), critic(fake)
    dim = critic.batch_dim
    both = critic(torch.cat([real, fake], dim))
    on_real, on_fake = torch.split(both, [real.shape[dim], fake.shape[dim]], dim)
    return on_real, on_fake


class Objective(Variant):
    """A pair of losses of scores, and the constraint on the critic that its paper has, if any.

    An objective says what to do with scores: :meth:`critic_terms` and :meth:`generator_term`. What looks at the critic itself,
    a penalty on its slope or a projection of its parameters, is a :class:`Constraint` that it carries.

    Attributes
    ----------
    estimate_name : str
        Which distance :meth:`estimate` approximates, as a name for a column: ``w_estimate``, ``js_estimate`` and so on.
    estimate_label : str
        The same as short as it stands on a chart.
    ceiling : tuple[float, str] or None
        The largest value that the estimate can take, and how it is written, where there is one.
    color : str
        Its colour on all charts, ``#rrggbb``, at least 18 from those of the others in CIELAB, as people with protanopia or
        deuteranopia see them too. One that names none has the colour of all such.
    held_by : type[Constraint]
        The kind of constraint that it carries. Each knob of it is a knob of the objective, of the same name.
    unheld : str
        Why something must hold its critic, or "" where nothing needs to.
    defaults : dict
        What its paper uses for optimisers, n_critic and batch size; the constraint beside it, where it needs one.
    dcgan_critic_normalisation : str
        What its paper puts into a DCGAN critic.
    stacks : bool
        The losses treat each of K stacked critics alone: for samples (K, n, d) each term has shape (K,) and is what the member
        alone gives. Runs that differ in seeds and knobs alone can then train as one program.
    no_labels : str
        Why there are no labels to smooth, or "" where :meth:`smoothing` says what that adds.
    """

    estimate_name: ClassVar[str] = "w_estimate"
    estimate_label: ClassVar[str] = "Ŵ"
    ceiling: ClassVar[tuple[float, str] | None] = None
    color: ClassVar[str] = ""
    held_by: ClassVar[type[Constraint]] = Free
    unheld: ClassVar[str] = ""
    defaults: ClassVar[dict[str, Any]] = {}
    dcgan_critic_normalisation: ClassVar[str] = "none"
    stacks: ClassVar[bool] = False
    no_labels: ClassVar[str] = "its critic gives scores and no probabilities, so there are no labels 0 and 1"

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        """Named terms from the scores of real and generated samples; the critic minimises their sum."""
        raise NotImplementedError

    def generator_term(self, on_fake: Tensor) -> Tensor:
        """What the generator minimises, from the scores of its samples."""
        raise NotImplementedError

    def estimate(self, terms: dict[str, float]) -> float:
        """What this objective says the distance is, from the critic's terms, without any penalty."""
        raise NotImplementedError

    def smoothing(self, on_real: Tensor, amount: float) -> Tensor:
        """What the critic's loss changes by when real samples have the label 1 − ``amount`` and not 1."""
        raise NotImplementedError

    def script(self) -> Step | None:
        """Its lines in a script: the losses of the scores and, where its paper has one, the whole algorithm box."""
        return None

    @cached_property
    def constraint(self) -> Constraint:
        """The constraint that it carries, made of its knobs.

        Examples
        --------
        >>> from wgan_core.objectives import WganClip
        >>> WganClip(clip=0.1).constraint
        Clip(kind='clip', clip=0.1)
        """
        knobs = {name: getattr(self, name) for name in self.held_by.model_fields if name != "kind"}
        return self.held_by(**knobs)

    # With its own constraint and nothing else, as a loop that knows of nothing else takes them

    def critic_loss(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        """All terms of the critic's loss, each a scalar. ``fake`` carries no graph."""
        return self.critic_terms(*scores(critic, real, fake)) | self.constraint.penalty(critic, real, fake, rng)

    def generator_loss(self, critic: Net, fake: Tensor) -> Tensor:
        """A scalar, which the generator minimises through ``fake``."""
        return self.generator_term(critic(fake))
