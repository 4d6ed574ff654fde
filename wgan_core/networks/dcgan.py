"""Strided convolutions: the DCGAN, and one that a report made of it."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Generator, Tensor, nn

from wgan_core.networks.base import LEAKY_SLOPE, NORMALISATION_HELP, Network, Normalisation, normalised
from wgan_core.networks.piecewise import Net
from wgan_core.schema import knob
from wgan_core.schema.script import OwnLayer, Snippet

# Kernel, stride and padding of a layer that halves the side (transposed: doubles it), and of one that keeps it.
HALVING, KEEPING = (4, 2, 1), (3, 1, 1)


WEIGHTS = '''\
def normal_weights(net, rng):
    """As the DCGAN paper has them: weights N(0, 0.02²), biases 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02, generator=rng)
            nn.init.zeros_(layer.bias)
'''


class Convolutional(Network):
    """What architectures of convolutions share: base channels, normalisation, and how weights start."""

    images_only: ClassVar = True

    base_channels: int
    normalisation: Normalisation = knob("batch", "Normalisation", NORMALISATION_HELP)

    def _block(self, layer: nn.Module, channels: int, activation: nn.Module) -> list[nn.Module]:
        return [layer, *normalised(self.normalisation, channels), activation]

    def initialise(self, net: nn.Module, rng: Generator) -> None:
        """Weights N(0, 0.02²), biases 0, as the DCGAN paper says."""
        for module in net.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02, generator=rng)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def script(self) -> Snippet:
        return Snippet(WEIGHTS, name="normal_weights")


class Dcgan(Convolutional):
    """The DCGAN of Radford et al. 2016: strided layers and one linear layer each way.

    Images of 32 and 64 pixels have three and four strided layers around 4 × 4 places, those of 28 two around 7 × 7.
    """

    label: ClassVar = "DCGAN"
    source: ClassVar = "Radford, Metz, Chintala 2016"

    kind: Literal["dcgan"] = "dcgan"
    base_channels: int = knob(16, "Base channels", "Channels of the layer beside the image.", ge=4, le=256)
    filters: Literal["doubling", "constant"] = knob(
        "doubling",
        "Filters",
        "Doubling inwards, as in DCGAN; or the same number at every layer, as the WGAN paper's Figure 7 has it, there"
        " in a generator without normalisation.",
    )
    normalisation: Normalisation = knob("batch", "Normalisation", NORMALISATION_HELP)

    def _channels(self, shape: tuple[int, ...]) -> tuple[int, list[int]]:
        """Side of the layer that is farthest from the image, and the channels of all layers, from the image inwards."""
        side, channels = shape[-1] // 2, [self.base_channels]
        while side % 2 == 0 and side > 4:
            side //= 2
            channels.append(channels[-1] * (2 if self.filters == "doubling" else 1))
        return side, channels

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Net:
        side, channels = self._channels(shape)
        inner = channels.pop()
        layers: list[nn.Module] = [nn.Linear(latent_dim, inner * side**2), nn.Unflatten(1, (inner, side, side))]
        layers += self._block(nn.Identity(), inner, nn.ReLU())
        for outer in reversed(channels):
            layers += self._block(nn.ConvTranspose2d(inner, outer, 4, 2, 1), outer, nn.ReLU())
            inner = outer
        return Net(*layers, nn.ConvTranspose2d(inner, shape[0], 4, 2, 1), nn.Tanh())

    def critic(self, shape: tuple[int, ...]) -> Net:
        side, (outer, *channels) = self._channels(shape)
        layers: list[nn.Module] = [
            nn.Conv2d(shape[0], outer, 4, 2, 1),
            nn.LeakyReLU(LEAKY_SLOPE),
        ]  # never normalised, as in DCGAN
        for inner in channels:
            layers += self._block(nn.Conv2d(outer, inner, 4, 2, 1), inner, nn.LeakyReLU(LEAKY_SLOPE))
            outer = inner
        return Net(*layers, nn.Flatten(), nn.Linear(outer * side**2, 1))


class ToSigned(OwnLayer, nn.Module):
    """s ↦ 2 s − 1: from [0, 1] to [−1, 1], where images are here."""

    definition: ClassVar = '''\
class ToSigned(nn.Module):
    """From [0, 1] to [−1, 1]."""

    def forward(self, s):
        return 2 * s - 1
'''

    def forward(self, s: Tensor) -> Tensor:
        return 2 * s - 1


class ReportDcgan(Convolutional):
    """The DCGAN of a student report on WGANs: one more layer each way than a DCGAN has, and a sigmoid at the end.

    Generator: a linear layer, then four transposed convolutions with batch normalisation and ReLU, and a sigmoid for
    pixels in [0, 1]. Pixels are in [−1, 1] here, so that 2 s − 1 follows the sigmoid. Critic: four convolutions with
    leaky ReLU and a linear layer, which gives the logit; the probability is its sigmoid. Images of 32 pixels have 2 × 2
    places inside, those of 64 have 4 × 4; of the layers for 28 pixels the two inner ones keep 7 × 7. The report
    does not say how wide the layers are, nor how the weights start: here as in DCGAN.
    """

    label: ClassVar = "DCGAN of the report"
    source: ClassVar = "a report on WGANs: CIFAR-10's horses, §3.1.2"
    as_critic: ClassVar = {"normalisation": "none"}

    kind: Literal["report-dcgan"] = "report-dcgan"
    base_channels: int = knob(
        32, "Base channels", "Channels of the layer beside the image; they double inwards.", ge=4, le=256
    )

    def _layers(self, shape: tuple[int, ...]) -> tuple[int, list[tuple[int, int, bool]]]:
        """Side of the innermost layer; of each, from the image inwards, its channels on both sides and whether it halves."""
        side, outer, found = shape[-1], shape[0], []
        for i in range(4):
            inner, halves = self.base_channels * 2**i, side % 2 == 0
            found.append((outer, inner, halves))
            side, outer = side // 2 if halves else side, inner
        return side, found

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Net:
        side, (last, *others) = self._layers(shape)
        inner = 8 * self.base_channels
        layers: list[nn.Module] = [nn.Linear(latent_dim, inner * side**2), nn.Unflatten(1, (inner, side, side))]
        layers += self._block(nn.Identity(), inner, nn.ReLU())
        for outer, inner, doubles in reversed(others):
            layer = nn.ConvTranspose2d(inner, outer, *(HALVING if doubles else KEEPING))
            layers += self._block(layer, outer, nn.ReLU())
        outer, inner, _ = last
        return Net(*layers, nn.ConvTranspose2d(inner, outer, *HALVING), nn.Sigmoid(), ToSigned())

    def critic(self, shape: tuple[int, ...]) -> Net:
        side, (first, *others) = self._layers(shape)
        outer, inner, _ = first
        layers: list[nn.Module] = [nn.Conv2d(outer, inner, *HALVING), nn.LeakyReLU(LEAKY_SLOPE)]
        for outer, inner, halves in others:
            layer = nn.Conv2d(outer, inner, *(HALVING if halves else KEEPING))
            layers += self._block(layer, inner, nn.LeakyReLU(LEAKY_SLOPE))
        return Net(*layers, nn.Flatten(), nn.Linear(8 * self.base_channels * side**2, 1))
