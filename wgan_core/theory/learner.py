"""Small networks that learn one function, for figures in which something trains."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Generator, Tensor
from torch.nn.utils import parametrize

from wgan_core.networks import FlatParameters, Mlp, build_critic
from wgan_core.networks.piecewise import Net
from wgan_core.optimisers import Adam, Optimiser
from wgan_core.theory.result import Floats

CPU = torch.device("cpu")
WIDTH = 64


def stream(seed: int, number: int = 0) -> Generator:
    """Random numbers of a figure's own: one stream for each use."""
    return torch.Generator(CPU).manual_seed(1_000 * seed + number)


def tensor(values: Floats, dtype: torch.dtype = torch.float32) -> Tensor:
    """An array as networks take it."""
    return torch.tensor(values, dtype=dtype, device=CPU)


class SpectralWeight(torch.nn.Module):
    """W / σ(W), so that a layer stretches nothing (Miyato et al. 2018, equation 8). σ is exact here: the layers are small."""

    def forward(self, weight: Tensor) -> Tensor:
        normalised: Tensor = weight / torch.linalg.matrix_norm(weight, 2)
        return normalised


class Learner:
    """A multi-layer perceptron from R^d to R and its optimiser.

    Parameters
    ----------
    inputs : int
        d.
    rng : Generator
        Draws the first weights.
    spectral : bool
        Each layer has spectral norm 1.
    dtype : torch.dtype
        Of parameters and inputs in training.
    """

    def __init__(
        self,
        inputs: int,
        rng: Generator,
        *,
        depth: int = 2,
        width: int = WIDTH,
        optimiser: Optimiser | None = None,
        spectral: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.net: Net = build_critic(Mlp(depth=depth, width=width), (inputs,), rng, CPU).to(dtype)
        if spectral:
            self.net = Net(*self.net)
            for layer in self.net:
                if isinstance(layer, torch.nn.Linear):
                    parametrize.register_parametrization(layer, "weight", SpectralWeight())
        self.flat = FlatParameters(self.net)
        self.optimiser = optimiser or Adam(lr=1e-3, beta1=0.5, beta2=0.9)
        self._memory = self.optimiser.start(self.flat.weights)

    def descend(self, loss: Tensor) -> None:
        """One step down a loss of the network's outputs."""
        self.flat.backward(loss)
        self.optimiser.step(self.flat.weights, self.flat.gradient, self._memory)

    def at(self, x: Floats) -> Floats:
        """The network's values, shape (n,), at places (n, d).

        In double precision, whatever it trains in: what two places near each other differ by would else be rounding.
        """
        with torch.no_grad():
            values: Floats = deepcopy(self.net).double()(tensor(x, torch.float64)).squeeze(-1).numpy()
        return values
