"""A network in training, with what its optimiser and the remedies remember of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor

from wgan_core.networks import FlatParameters
from wgan_core.networks.piecewise import Net
from wgan_core.objectives.remedies import Remedy
from wgan_core.optimisers import Optimiser


class Player:
    """One of the two players of the game: the generator or the critic, of one training or of K stacked ones.

    Attributes
    ----------
    net : Net
    flat : FlatParameters
        Its parameters and their gradient, (p,) each, or (K, p).
    memory : dict[str, Tensor]
        What the optimiser remembers.
    """

    def __init__(
        self, role: Literal["generator", "critic"], net: Net, optimiser: Optimiser, remedies: Sequence[Remedy]
    ) -> None:
        self._role = role
        self.net, self.flat = net, FlatParameters(net)
        self.memory = optimiser.start(self.flat.weights)
        self._remembered = {remedy.name: remedy.start(self.flat.weights) for remedy in remedies}

    def differentiate(self, terms: Mapping[str, Tensor], remedies: Sequence[Remedy]) -> dict[str, Tensor]:
        """Leave the gradient of the sum of these terms, and of those that remedies have in the parameters alone; returns all."""
        loss, *rest = terms.values()
        for term in rest:
            loss = loss + term
        self.flat.backward(loss)
        found = dict(terms)
        for remedy in remedies:
            pull = remedy.pull(self.flat.weights, self.flat.gradient, self._remembered[remedy.name])
            found |= {} if pull is None else {f"{self._role}_{remedy.name}": pull}
        return found

    def step(self, optimiser: Optimiser) -> None:
        """Let the optimiser take its step along the gradient that is there."""
        optimiser.step(self.flat.weights, self.flat.gradient, self.memory)

    def tensors(self) -> dict[str, Tensor]:
        """All that training changes, by name."""
        role = self._role
        found = {f"{role}.weights": self.flat.weights, f"{role}.gradient": self.flat.gradient}
        found |= {f"{role}.buffer.{name}": buffer for name, buffer in self.net.named_buffers()}
        found |= {f"{role}.memory.{name}": tensor for name, tensor in self.memory.items()}
        for name, memory in self._remembered.items():
            found |= {f"remedy.{role}.{name}.{key}": tensor for key, tensor in memory.items()}
        return found
