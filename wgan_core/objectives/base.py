"""What every objective is: two losses of the critic's scores, and what they estimate."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.penalties import Rng
from wgan_core.schema import Variant


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
    """A pair of losses and, where its paper has one, the constraint on the critic.

    An objective says what to do with scores: :meth:`critic_terms` and :meth:`generator_term`. What looks at the critic itself,
    a penalty on its slope or a projection of its parameters, stands in :meth:`penalty` and :meth:`constrain`.

    Attributes
    ----------
    estimate_name : str
        Which distance :meth:`estimate` approximates, as a name for a column: ``w_estimate``, ``js_estimate`` and so on.
    estimate_label : str
        The same as short as it stands on a chart.
    ceiling : tuple[float, str] or None
        The largest value that the estimate can take, and how it is written, where there is one.
    defaults : dict
        What its paper uses for optimisers, n_critic and batch size; the constraint, where it needs one.
    dcgan_critic_normalisation : str
        What its paper puts into a DCGAN critic.
    no_batch_norm : str
        Why the critic must not have batch normalisation, or "" where it may.
    stacks : bool
        The losses treat each of K stacked critics alone: for samples (K, n, d) and K generators of random numbers each
        term has shape (K,) and is what the member alone gives, and ``constrain`` treats each row of (K, p) alone. Runs
        that differ in the seed alone can then train as one program.
    no_labels : str
        Why there are no labels to smooth, or "" where :meth:`smoothing` says what that adds.
    """

    estimate_name: ClassVar[str] = "w_estimate"
    estimate_label: ClassVar[str] = "Ŵ"
    ceiling: ClassVar[tuple[float, str] | None] = None
    defaults: ClassVar[dict[str, Any]] = {}
    dcgan_critic_normalisation: ClassVar[str] = "none"
    no_batch_norm: ClassVar[str] = ""
    stacks: ClassVar[bool] = False
    no_labels: ClassVar[str] = "its critic gives scores and no probabilities, so there are no labels 0 and 1"

    def critic_terms(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        """Named terms from the scores of real and generated samples; the critic minimises their sum."""
        raise NotImplementedError

    def generator_term(self, on_fake: Tensor) -> Tensor:
        """What the generator minimises, from the scores of its samples."""
        raise NotImplementedError

    def penalty(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        """Further named terms of the critic's loss, which look at the critic and not at scores. ``fake`` carries no graph."""
        return {}

    def constrain(self, weights: Tensor) -> None:
        """Project the critic's parameters, one flat vector, in place after each of its steps."""

    def estimate(self, terms: dict[str, float]) -> float:
        """What this objective says the distance is, from the critic's terms, without any penalty."""
        raise NotImplementedError

    def smoothing(self, on_real: Tensor, amount: float) -> Tensor:
        """What the critic's loss changes by when real samples have the label 1 − ``amount`` and not 1."""
        raise NotImplementedError

    @property
    def limit(self) -> float | None:
        """The largest size that the critic's parameters may have, or None."""
        return None

    @property
    def slope_weight(self) -> float | None:
        """λ of the two-sided penalty (‖∇f(x̂)‖ − 1)² at interpolates, or None without one."""
        return None

    # Both together, as a loop that knows of nothing else takes them

    def critic_loss(self, critic: Net, real: Tensor, fake: Tensor, rng: Rng) -> dict[str, Tensor]:
        """All terms of the critic's loss, each a scalar. ``fake`` carries no graph."""
        return self.critic_terms(*scores(critic, real, fake)) | self.penalty(critic, real, fake, rng)

    def generator_loss(self, critic: Net, fake: Tensor) -> Tensor:
        """A scalar, which the generator minimises through ``fake``."""
        return self.generator_term(critic(fake))
