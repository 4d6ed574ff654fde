"""Multi-layer perceptrons: for points, and for images as one long vector."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import nn

from wgan_core.networks.base import ACTIVATIONS, NORMALISATION_HELP, SLOPES, Activation, Network, Normalisation
from wgan_core.networks.piecewise import Net, PiecewiseLinear
from wgan_core.schema import knob
from wgan_core.schema.script import Snippet

WEIGHTS = '''\
def uniform_weights(net, rng):
    """Torch's default for linear layers: uniform within one over the root of the number of inputs."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=rng)
            bound = 1 / math.sqrt(layer.in_features)
            nn.init.uniform_(layer.bias, -bound, bound, generator=rng)
'''


class Mlp(Network):
    """Fully connected layers. Works for points and, flattened, for images.

    For images it starts as the WGAN paper's (§4.3 and Figure 8): four hidden layers of 512 units with ReLU.
    """

    label: ClassVar = "MLP"
    for_images: ClassVar = {"depth": 4, "width": 512}

    kind: Literal["mlp"] = "mlp"
    depth: int = knob(2, "Hidden layers", "Number of hidden layers.", ge=1, le=12)
    width: int = knob(128, "Width", "Units in each hidden layer.", ge=1, le=2048)
    activation: Activation = knob("relu", "Activation", "The non-linearity after each hidden layer.")
    normalisation: Normalisation = knob("none", "Normalisation", NORMALISATION_HELP)

    def _hidden(self, inputs: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for _ in range(self.depth):
            layers.append(nn.Linear(inputs, self.width))
            if self.normalisation == "batch":
                layers.append(nn.BatchNorm1d(self.width))
            elif self.normalisation == "layer":
                layers.append(nn.LayerNorm(self.width))
            layers.append(ACTIVATIONS[self.activation]())
            inputs = self.width
        return layers

    def _body(self, inputs: int, outputs: int) -> Net:
        layers = [*self._hidden(inputs), nn.Linear(self.width, outputs)]
        if self.normalisation == "none" and self.activation in SLOPES:
            return PiecewiseLinear(*layers, slope=SLOPES[self.activation])
        return Net(*layers)

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Net:
        body = self._body(latent_dim, math.prod(shape))
        return body if len(shape) == 1 else Net(*body, nn.Tanh(), nn.Unflatten(1, shape))

    def critic(self, shape: tuple[int, ...]) -> Net:
        body = self._body(math.prod(shape), 1)
        return body if len(shape) == 1 else Net(nn.Flatten(), *body)

    def script(self) -> Snippet:
        return Snippet(WEIGHTS, name="uniform_weights")
