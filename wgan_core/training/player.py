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
    """One of the two players of the game: the generator or the critic, of one member or of K stacked ones.

    Attributes
    ----------
    net : Net
    flat : FlatParameters
        Its parameters and their gradient, (p,) each, or (K, p).
    memory : dict[str, Tensor]
        What the optimisers remember.
    """

    def __init__(
        self,
        role: Literal["generator", "critic"],
        net: Net,
        optimisers: Sequence[Optimiser],
        remedies: Sequence[Remedy],
    ) -> None:
        self._role = role
        self.net, self.flat = net, FlatParameters(net)
        self.follow(optimisers)
        self.memory = optimisers[0].start(self.flat.weights)
        self._remembered = {remedy.name: remedy.start(self.flat.weights) for remedy in remedies}

    def follow(self, optimisers: Sequence[Optimiser]) -> None:
        """Step by these from now on, one for each member, of the kind that they were of."""
        first, *others = optimisers
        self._of_all = first if all(other == first for other in others) else None
        self._of_each = optimisers

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

    def step(self) -> None:
        """Take the optimiser's step along the gradient that is there: one for all members, or a row each where theirs differ."""
        if self._of_all is not None:
            self._of_all.step(self.flat.weights, self.flat.gradient, self.memory)
            return
        memories = [self.memory_of(k) for k in range(len(self._of_each))]
        rows = self.flat.rows(), self.flat.rows(self.flat.gradient), memories
        for optimiser, weights, gradient, memory in zip(self._of_each, *rows, strict=True):
            optimiser.step(weights, gradient, memory)
        for name, tensor in self.memory.items():
            if not tensor.dim():  # how many steps there were, the same for all
                tensor.copy_(memories[0][name])

    def memory_of(self, k: int) -> dict[str, Tensor]:
        """What the optimiser remembers of one member: views, and copies of single numbers, which all have in common."""
        return {name: self.flat.rows(t)[k] if t.dim() else t.clone() for name, t in self.memory.items()}

    def tensors(self, k: int) -> dict[str, Tensor]:
        """All that training changes of one member, by name."""
        role, flat = self._role, self.flat
        found = {f"{role}.weights": flat.rows()[k], f"{role}.gradient": flat.rows(flat.gradient)[k]}
        found |= {f"{role}.buffer.{name}": buffer for name, buffer in self.net.named_buffers()}
        found |= {f"{role}.memory.{name}": flat.rows(t)[k] if t.dim() else t for name, t in self.memory.items()}
        for name, memory in self._remembered.items():
            found |= {f"remedy.{role}.{name}.{key}": flat.rows(t)[k] if t.dim() else t for key, t in memory.items()}
        return found
