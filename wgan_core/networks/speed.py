"""How the networks of images compute: what makes a step faster and leaves the mathematics as it is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from wgan_core.networks.piecewise import Net
from wgan_core.schema import Part, knob

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
# Their slopes need what went in and not what came out, so that an activation may write over it.
OVERWRITABLE = (*CONVOLUTIONS, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


class Speed(Part):
    """Of networks of images. Parameters, losses and measurements are float32 whatever is chosen."""

    channels_last: bool = knob(
        True,
        "Channels last",
        "Keeps the channels of a place side by side in memory. Measured on a CPU: a DCGAN's step takes 0.80 to 0.96 of the time.",
    )
    autocast: Literal["off", "bf16"] = knob(
        "off",
        "Autocast",
        "bf16 computes products in 16 bits; the last digits are rougher. It pays where the processor has instructions for it:"
        " on such a CPU a DCGAN's step took 0.5 to 0.8 of the time.",
    )

    def prepare(self, net: Net) -> Net:
        """Have a network compute so. What it computes stays the same, but for rounding."""
        for sequence in net.modules():
            if isinstance(sequence, nn.Sequential):
                for before, activation in pairwise(sequence):
                    if isinstance(activation, nn.ReLU | nn.LeakyReLU) and isinstance(before, OVERWRITABLE):
                        activation.inplace = True
        for module in net.modules():
            if self.channels_last and isinstance(module, CONVOLUTIONS):
                module.register_forward_pre_hook(_channels_last)
        net.half_precision = self.autocast == "bf16"
        return net


def _channels_last(_: nn.Module, given: tuple[Any, ...]) -> tuple[Tensor]:
    """Before a convolution: its input, laid out so."""
    (x,) = given
    n, channels, height, width = x.shape
    if channels == 1:  # in memory this is the same, but the next layers go by the strides
        return (x.reshape(n, height, width, 1).permute(0, 3, 1, 2),)
    return (x.contiguous(memory_format=torch.channels_last),)
