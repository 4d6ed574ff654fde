"""Optimisers: thin descriptions of torch's own."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import nn

from wgan_core.schema import Variant, knob


def learning_rate(default: float) -> Any:
    return knob(default, "Learning rate", "Step size α.", live=True, log=True, gt=0, le=1000)


class Optimiser(Variant):
    """How gradients become steps."""

    lr: float = learning_rate(1e-4)

    def build(self, vector: nn.Parameter) -> torch.optim.Optimizer:
        """An optimiser of one flat vector of parameters."""
        raise NotImplementedError


class Adam(Optimiser):
    label: ClassVar = "Adam"
    source: ClassVar = "Kingma, Ba 2015"

    kind: Literal["adam"] = "adam"
    lr: float = learning_rate(1e-4)
    beta1: float = knob(
        0.5, "β₁", "Memory of the gradient (momentum). The WGAN-GP paper uses 0, DCGAN 0.5.", ge=0, lt=1
    )
    beta2: float = knob(0.999, "β₂", "Memory of the squared gradient.", ge=0, lt=1)

    def build(self, vector: nn.Parameter) -> torch.optim.Optimizer:
        return torch.optim.Adam([vector], lr=self.lr, betas=(self.beta1, self.beta2), fused=vector.device.type != "mps")


class RmsProp(Optimiser):
    label: ClassVar = "RMSProp"
    source: ClassVar = "Tieleman, Hinton 2012; the WGAN paper, Algorithm 1"

    kind: Literal["rmsprop"] = "rmsprop"
    lr: float = learning_rate(5e-5)
    alpha: float = knob(0.99, "Smoothing", "Memory of the squared gradient.", ge=0, lt=1)

    def build(self, vector: nn.Parameter) -> torch.optim.Optimizer:
        return torch.optim.RMSprop([vector], lr=self.lr, alpha=self.alpha)


class Sgd(Optimiser):
    label: ClassVar = "SGD"

    kind: Literal["sgd"] = "sgd"
    lr: float = learning_rate(1e-2)
    momentum: float = knob(0.0, "Momentum", "Memory of the step.", ge=0, lt=1)

    def build(self, vector: nn.Parameter) -> torch.optim.Optimizer:
        return torch.optim.SGD([vector], lr=self.lr, momentum=self.momentum)
