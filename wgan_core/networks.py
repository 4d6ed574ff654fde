"""Networks: multi-layer perceptrons for points, DCGANs for images, as generator and as critic.

Weights are drawn from the run's own generator of random numbers, on the CPU, so that two runs with the same seed start
alike on every device, and nothing touches torch's global state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from wgan_core.piecewise import Net, PiecewiseLinear
from wgan_core.schema import Part, Variant, knob

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
            return torch.randn(n, self.dim, generator=rng, device=device)
        return torch.rand(n, self.dim, generator=rng, device=device).mul_(2).sub_(1)


class Network(Variant):
    """An architecture, able to build a generator and a critic."""

    images_only: ClassVar[bool] = False

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


class Mlp(Network):
    """Fully connected layers. Works for points and, flattened, for images."""

    label: ClassVar = "MLP"

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


class Dcgan(Network):
    """The DCGAN of Radford et al. 2016: strided layers and one linear layer each way.

    Images of 32 and 64 pixels have three and four strided layers around 4 × 4 places, those of 28 two around 7 × 7.
    """

    label: ClassVar = "DCGAN"
    source: ClassVar = "Radford, Metz, Chintala 2016"
    images_only: ClassVar = True

    kind: Literal["dcgan"] = "dcgan"
    base_channels: int = knob(
        16, "Base channels", "Channels of the layer beside the image; they double inwards.", ge=4, le=256
    )
    normalisation: Normalisation = knob("batch", "Normalisation", NORMALISATION_HELP)

    def _innermost(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Side and channels of the layer that is farthest from the image."""
        side, channels = shape[-1] // 2, self.base_channels
        while side % 2 == 0 and side > 4:
            side, channels = side // 2, channels * 2
        return side, channels

    def _block(self, layer: nn.Module, channels: int, activation: nn.Module) -> list[nn.Module]:
        if self.normalisation == "batch":
            return [layer, nn.BatchNorm2d(channels), activation]
        if self.normalisation == "layer":
            return [layer, nn.GroupNorm(1, channels), activation]
        return [layer, activation]

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Net:
        side, channels = self._innermost(shape)
        layers: list[nn.Module] = [nn.Linear(latent_dim, channels * side**2), nn.Unflatten(1, (channels, side, side))]
        layers += self._block(nn.Identity(), channels, nn.ReLU())
        while channels > self.base_channels:
            layers += self._block(nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1), channels // 2, nn.ReLU())
            channels //= 2
        return Net(*layers, nn.ConvTranspose2d(channels, shape[0], 4, 2, 1), nn.Tanh())

    def critic(self, shape: tuple[int, ...]) -> Net:
        side, innermost = self._innermost(shape)
        channels = self.base_channels
        layers: list[nn.Module] = [
            nn.Conv2d(shape[0], channels, 4, 2, 1),
            nn.LeakyReLU(LEAKY_SLOPE),
        ]  # never normalised, as in DCGAN
        while channels < innermost:
            layers += self._block(nn.Conv2d(channels, 2 * channels, 4, 2, 1), 2 * channels, nn.LeakyReLU(LEAKY_SLOPE))
            channels *= 2
        return Net(*layers, nn.Flatten(), nn.Linear(channels * side**2, 1))

    def initialise(self, net: nn.Module, rng: Generator) -> None:
        """Weights N(0, 0.02²), biases 0, as the DCGAN paper says."""
        for module in net.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02, generator=rng)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


def materialise(net: Net, architecture: Network, rng: Generator, device: torch.device) -> Net:
    """Give a net that was built on the meta device its weights, drawn on the CPU, and move it to ``device``."""
    net.to_empty(device=torch.device("cpu"))
    for module in net.modules():
        # Normalisation layers reset to constants; the layers with weights are drawn below.
        if isinstance(module, nn.LayerNorm | nn.GroupNorm | nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
    architecture.initialise(net, rng)
    return net.to(device)


def build_generator(
    architecture: Network,
    latent_dim: int,
    shape: tuple[int, ...],
    rng: Generator,
    device: torch.device,
    start: tuple[float, ...] | None = None,
) -> Net:
    """Build a generator with weights from ``rng`` (on the CPU). ``start`` shifts the mean of its first samples."""
    with torch.device("meta"):
        net = architecture.generator(latent_dim, shape)
    net = materialise(net, architecture, rng, device)
    if start is not None and isinstance(last := net[-1], nn.Linear):
        with torch.no_grad():
            last.bias.add_(torch.tensor(start, device=device))
    return net


def build_critic(architecture: Network, shape: tuple[int, ...], rng: Generator, device: torch.device) -> Net:
    """Build a critic with weights from ``rng`` (on the CPU)."""
    with torch.device("meta"):
        net = architecture.critic(shape)
    return materialise(net, architecture, rng, device)


class FlatParameters:
    """All parameters of a net in one vector, their gradients in another; the net's tensors are views of it.

    Optimiser step, clipping, norms, histograms and finiteness then cost one operation on one tensor instead of one for
    each layer, which is most of the time of a small net's step. Element-wise optimisers (Adam, RMSProp, SGD) give
    the same numbers either way.

    Attributes
    ----------
    weights, gradient : Tensor
        Shape (p,), or (K, p) for K stacked nets, one row each. :meth:`backward` leaves its result in ``gradient``.

    Examples
    --------
    >>> net = nn.Linear(2, 1)
    >>> flat = FlatParameters(net)
    >>> _ = flat.weights.fill_(3.0)
    >>> net.bias.item()
    3.0
    """

    def __init__(self, net: nn.Module) -> None:
        self._parameters = list(net.parameters())
        self._leading = net.batch_dim if isinstance(net, Net) else 0
        self.weights = torch.cat([p.detach().flatten(self._leading) for p in self._parameters], -1)
        self.gradient = torch.zeros_like(self.weights)
        offset = 0
        for p in self._parameters:
            size = math.prod(p.shape[self._leading :])
            p.data = self.weights[..., offset : offset + size].view_as(p)
            offset += size

    def backward(self, loss: Tensor) -> None:
        """Put ∂loss/∂weights into ``gradient``. Nothing accumulates, no other net's gradient is computed.

        For K stacked nets ``loss`` has shape (K,). No net's loss depends on another's weights, so that the slope of the
        sum holds the slope of each.
        """
        gradients = torch.autograd.grad(loss.sum() if self._leading else loss, self._parameters)
        torch.cat([g.flatten(self._leading) for g in gradients], -1, out=self.gradient)

    def rows(self, vector: Tensor | None = None) -> Tensor:
        """The weights, or another tensor of their shape, as (K, p): one row for each stacked net, one in all for a net alone."""
        return (self.weights if vector is None else vector).view(-1, self.weights.shape[-1])

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within, losses go through the net without asking for its own gradient."""
        for p in self._parameters:
            p.requires_grad_(False)
        try:
            yield
        finally:
            for p in self._parameters:
                p.requires_grad_(True)
