"""What every architecture is: a description that builds a generator and a critic, and draws their first weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from wgan_core.networks.piecewise import Net
from wgan_core.schema import Part, Variant, knob
from wgan_core.schema.script import Snippet

Normalisation = Literal["none", "batch", "layer"]
LEAKY_SLOPE = 0.2
Activation = Literal["relu", "leaky-relu", "tanh"]
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": partial(nn.LeakyReLU, LEAKY_SLOPE),
    "tanh": nn.Tanh,
}
SLOPES = {"relu": 0.0, "leaky-relu": LEAKY_SLOPE}
NORMALISATION_HELP = (
    "Layer normalises each sample alone; batch mixes the samples of a batch, which a penalised critic must not."
)


class Latent(Part):
    """The prior p(z) that the generator turns into samples."""

    dim: int = knob(16, "Latent size", "Number of latent coordinates.", ge=1, le=1024)
    prior: Literal["gaussian", "uniform"] = knob(
        "gaussian", "Latent prior", "Standard Gaussian, or uniform on [−1, 1]."
    )

    def sample(self, n: int, rng: Generator, device: torch.device) -> Tensor:
        """Draw ``n`` latents: float32, shape (n, dim)."""
        if self.prior == "gaussian":
            return torch.randn(n, self.dim, generator=rng, dtype=torch.float32, device=device)
        return torch.rand(n, self.dim, generator=rng, dtype=torch.float32, device=device).mul_(2).sub_(1)

    def script(self) -> Snippet:
        """Its lines in a script: how ``n`` latents are drawn."""
        if self.prior == "gaussian":
            return Snippet(f"torch.randn(n, {self.dim}, generator=rng, device=device)", name="standard Gaussian")
        return Snippet(f"2 * torch.rand(n, {self.dim}, generator=rng, device=device) - 1", name="uniform from −1 to 1")


class Network(Variant):
    """An architecture, able to build a generator and a critic.

    Attributes
    ----------
    images_only : bool
        It cannot make points.
    for_images, as_critic : dict
        Knobs that start elsewhere for images, and in a critic.
    """

    images_only: ClassVar[bool] = False
    for_images: ClassVar[dict[str, Any]] = {}
    as_critic: ClassVar[dict[str, Any]] = {}

    normalisation: Normalisation = "none"

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Net:
        """Map latents (n, latent_dim) to samples (n, *shape); images end in tanh. Weights are not drawn yet."""
        raise NotImplementedError

    def critic(self, shape: tuple[int, ...]) -> Net:
        """Map samples (n, *shape) to scores (n, 1), without a sigmoid. Weights are not drawn yet."""
        raise NotImplementedError

    def initialise(self, net: nn.Module, rng: Generator) -> None:
        """Draw the weights of a net that this architecture built. Torch's default for linear layers."""
        for module in net.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=rng)
                bound = 1 / math.sqrt(module.in_features)
                nn.init.uniform_(module.bias, -bound, bound, generator=rng)

    def script(self) -> Snippet | None:
        """Its lines in a script: a function that draws the weights."""
        return None


def normalised(normalisation: Normalisation, channels: int) -> list[nn.Module]:
    """The layer that normalises feature maps, if there is one."""
    if normalisation == "batch":
        return [nn.BatchNorm2d(channels)]
    return [nn.GroupNorm(1, channels)] if normalisation == "layer" else []
