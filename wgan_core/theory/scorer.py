"""A critic or a discriminator of some objective, trained alone between real samples and generated ones that stand still."""

from __future__ import annotations

import torch
from torch import Tensor

from wgan_core.objectives import Objective, WganClip, WganGp, input_gradient_norms
from wgan_core.optimisers import Adam, Optimiser, RmsProp
from wgan_core.theory.learner import WIDTH, Learner, stream, tensor
from wgan_core.theory.result import Floats


def usual(objective: Objective) -> Optimiser:
    """An optimiser that brings a small network to this objective's optimum in some hundred steps."""
    match objective:
        case WganClip():
            return RmsProp(lr=1e-3)
        case WganGp():
            return Adam(lr=1e-3, beta1=0.5, beta2=0.9)
    return Adam(lr=2e-3, beta1=0.9)


class TrainedCritic(Learner):
    """A network that scores samples, and the loss by which it learns to.

    Parameters
    ----------
    objective : Objective
        Its critic's loss, and what holds the critic.
    dimension : int
        Of a sample.
    seed : int
        Of the first weights and of the penalty's interpolates.
    """

    def __init__(
        self,
        objective: Objective,
        dimension: int,
        seed: int,
        *,
        depth: int = 2,
        width: int = WIDTH,
        optimiser: Optimiser | None = None,
    ) -> None:
        super().__init__(dimension, stream(seed, 10), depth=depth, width=width, optimiser=optimiser or usual(objective))
        self.objective = objective
        self._penalty = stream(seed, 11)

    def loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What it minimises, with the penalty if there is one, on samples (n, d) and (m, d)."""
        return torch.stack(list(self.objective.critic_loss(self.net, real, fake, self._penalty).values())).sum()

    def learn(self, real: Tensor, fake: Tensor) -> None:
        """One step of the critic: descend, then the constraint."""
        self.descend(self.loss(real, fake))
        self.objective.constraint.constrain(self.flat.weights)

    def slopes(self, x: Floats) -> Floats:
        """‖∇f‖₂, shape (n,), at places (n, d)."""
        with torch.no_grad():
            found: Floats = input_gradient_norms(self.net, tensor(x)).double().numpy()
        return found
