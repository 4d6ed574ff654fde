"""Optimisers: descriptions of torch's own, stepped through its functional interface.

An optimiser here is a value without memory: what it remembers between steps is a plain dict of tensors beside it. A
learning rate that is edited mid-run then simply holds from the next step on. The functional interface also leaves out the
hooks and groups of ``torch.optim``'s classes, which cost more than the arithmetic of a small net.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from wgan_core.schema import Variant, knob
from wgan_core.schema.script import Snippet

Memory = dict[str, Tensor]
EPSILON = 1e-8


def learning_rate(default: float) -> Any:
    return knob(default, "Learning rate", "Step size α.", live=True, log=True, gt=0, le=1000)


class Optimiser(Variant):
    """How gradients become steps."""

    lr: float = learning_rate(1e-4)

    def start(self, weights: Tensor) -> Memory:
        """What the optimiser remembers before its first step of a vector of weights."""
        raise NotImplementedError

    def step(self, weights: Tensor, gradient: Tensor, memory: Memory) -> None:
        """Move ``weights`` in place against ``gradient``, both of shape (p,), and update ``memory``."""
        raise NotImplementedError

    def direction(self, gradient: Tensor, memory: Memory) -> Tensor:
        """Where the last step went, up to its length, from that step's gradient and the memory after it."""
        raise NotImplementedError

    def script(self) -> Snippet | None:
        """Its lines in a script: a class of ``torch.optim`` and its arguments."""
        return None


class Adam(Optimiser):
    label: ClassVar = "Adam"
    source: ClassVar = "Kingma, Ba 2015"

    kind: Literal["adam"] = "adam"
    lr: float = learning_rate(1e-4)
    beta1: float = knob(
        0.5, "β₁", "Memory of the gradient (momentum). The WGAN-GP paper uses 0, DCGAN 0.5.", ge=0, lt=1
    )
    beta2: float = knob(0.999, "β₂", "Memory of the squared gradient.", ge=0, lt=1)

    def start(self, weights: Tensor) -> Memory:
        zeros = {name: torch.zeros_like(weights) for name in ("mean", "mean_square")}
        return zeros | {"steps": torch.zeros((), dtype=torch.float32, device=weights.device)}

    def step(self, weights: Tensor, gradient: Tensor, memory: Memory) -> None:
        adam(
            [weights],
            [gradient],
            [memory["mean"]],
            [memory["mean_square"]],
            [],
            [memory["steps"]],
            foreach=False,
            fused=weights.device.type != "mps",
            amsgrad=False,
            beta1=self.beta1,
            beta2=self.beta2,
            lr=self.lr,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def direction(self, gradient: Tensor, memory: Memory) -> Tensor:
        # Both memories start at 0; while they are young Adam makes up for that.
        age = memory["steps"]
        mean = memory["mean"] / (1 - self.beta1**age)
        return -mean / ((memory["mean_square"] / (1 - self.beta2**age)).sqrt() + EPSILON)

    def script(self) -> Snippet:
        return Snippet(f"lr={self.lr}, betas=({self.beta1}, {self.beta2}), fused=True", name="Adam")


class RmsProp(Optimiser):
    label: ClassVar = "RMSProp"
    source: ClassVar = "Tieleman, Hinton 2012; the WGAN paper, Algorithm 1"

    kind: Literal["rmsprop"] = "rmsprop"
    lr: float = learning_rate(5e-5)
    alpha: float = knob(0.99, "Smoothing", "Memory of the squared gradient.", ge=0, lt=1)

    def start(self, weights: Tensor) -> Memory:
        return {
            "mean_square": torch.zeros_like(weights),
            "steps": torch.zeros((), dtype=torch.float32, device=weights.device),
        }

    def step(self, weights: Tensor, gradient: Tensor, memory: Memory) -> None:
        rmsprop(
            [weights],
            [gradient],
            [memory["mean_square"]],
            [],
            [],
            [memory["steps"]],
            foreach=False,
            lr=self.lr,
            alpha=self.alpha,
            eps=EPSILON,
            weight_decay=0.0,
            momentum=0.0,
            centered=False,
        )

    def direction(self, gradient: Tensor, memory: Memory) -> Tensor:
        return -gradient / (memory["mean_square"].sqrt() + EPSILON)

    def script(self) -> Snippet:
        return Snippet(f"lr={self.lr}, alpha={self.alpha}", name="RMSprop")


class Sgd(Optimiser):
    label: ClassVar = "SGD"

    kind: Literal["sgd"] = "sgd"
    lr: float = learning_rate(1e-2)
    momentum: float = knob(0.0, "Momentum", "Memory of the step.", ge=0, lt=1)

    def start(self, weights: Tensor) -> Memory:
        return {"step": torch.zeros_like(weights)} if self.momentum else {}

    def step(self, weights: Tensor, gradient: Tensor, memory: Memory) -> None:
        sgd(
            [weights],
            [gradient],
            [memory.get("step")],
            foreach=False,
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=0.0,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )

    def direction(self, gradient: Tensor, memory: Memory) -> Tensor:
        return -memory.get("step", gradient)

    def script(self) -> Snippet:
        momentum = f", momentum={self.momentum}" if self.momentum else ""
        return Snippet(f"lr={self.lr}{momentum}", name="SGD")
