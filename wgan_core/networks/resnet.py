"""Residual networks, as Gulrajani et al. train them with a gradient penalty."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Generator, Tensor, nn

from wgan_core.networks.base import NORMALISATION_HELP, Network, Normalisation, normalised
from wgan_core.networks.piecewise import Net
from wgan_core.schema import knob
from wgan_core.schema.script import OwnLayer, Snippet


class Residual(OwnLayer, nn.Module):
    """x ↦ main(x) + shortcut(x)."""

    definition: ClassVar = '''\
class Residual(nn.Module):
    """What its main branch adds to the input, or to what the shortcut makes of it."""

    def __init__(self, main, shortcut):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return self.main(x) + self.shortcut(x)
'''

    def __init__(self, main: nn.Sequential, shortcut: nn.Sequential) -> None:
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.main(x) + self.shortcut(x)
        return out

    def made_with(self) -> tuple[nn.Sequential, nn.Sequential]:
        return self.main, self.shortcut


WEIGHTS = '''\
def he_weights(net, rng):
    """As in He et al. 2015: weights N(0, 2 / inputs), in shortcuts and linear layers N(0, 1 / inputs); biases 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            plain = isinstance(layer, nn.Linear) or layer.kernel_size == (1, 1)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if plain else "relu", generator=rng)
            nn.init.zeros_(layer.bias)
'''


class ResNet(Network):
    """The residual networks for CIFAR-10 of Gulrajani et al. 2017, Appendix C.

    Blocks are pre-activated: (normalise), ReLU, 3 × 3 convolution, twice. A generator's block doubles the side by repeating
    each place before its second convolution, a critic's halves it by the mean of 2 × 2 places after its second. The critic
    has two such blocks and two that keep the side, then ReLU, the mean over all places and a linear layer. Images of 32 and
    64 pixels grow from 4 × 4 places in three and four blocks, those of 28 from 7 × 7 in two. The paper has 128
    channels; they are fewer here unless you ask for more.
    """

    label: ClassVar = "ResNet"
    source: ClassVar = "Gulrajani et al. 2017, Appendix C"
    images_only: ClassVar = True
    as_critic: ClassVar = {"normalisation": "none"}

    kind: Literal["resnet"] = "resnet"
    base_channels: int = knob(32, "Base channels", "Channels of every layer. The paper has 128.", ge=4, le=256)
    normalisation: Normalisation = knob("batch", "Normalisation", NORMALISATION_HELP)

    def _activated(self) -> list[nn.Module]:
        return [*normalised(self.normalisation, self.base_channels), nn.ReLU()]

    def _convolution(self, inputs: int | None = None, outputs: int | None = None, kernel: int = 3) -> nn.Conv2d:
        return nn.Conv2d(inputs or self.base_channels, outputs or self.base_channels, kernel, 1, kernel // 2)

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Net:
        side, blocks = shape[-1], []
        while side % 2 == 0 and side > 4:
            side //= 2
            blocks.append(
                Residual(
                    nn.Sequential(
                        *self._activated(),
                        self._convolution(),
                        *self._activated(),
                        nn.Upsample(scale_factor=2),
                        self._convolution(),
                    ),
                    nn.Sequential(nn.Upsample(scale_factor=2), self._convolution(kernel=1)),
                )
            )
        width = self.base_channels
        first = nn.Linear(latent_dim, width * side**2), nn.Unflatten(1, (width, side, side))
        return Net(*first, *blocks, *self._activated(), self._convolution(outputs=shape[0]), nn.Tanh())

    def critic(self, shape: tuple[int, ...]) -> Net:
        halve = nn.AvgPool2d(2)
        # The first block starts from the image itself: an activation before it would cut off half of each pixel's range.
        from_image = Residual(
            nn.Sequential(self._convolution(shape[0]), *self._activated(), self._convolution(), halve),
            nn.Sequential(halve, self._convolution(shape[0], kernel=1)),
        )
        halving = Residual(nn.Sequential(*self._main(), halve), nn.Sequential(self._convolution(kernel=1), halve))
        keeping = [Residual(nn.Sequential(*self._main()), nn.Sequential()) for _ in range(2)]
        side = shape[-1] // 4
        end = nn.ReLU(), nn.AvgPool2d(side), nn.Flatten(), nn.Linear(self.base_channels, 1)
        return Net(from_image, halving, *keeping, *end)

    def _main(self) -> list[nn.Module]:
        return [*self._activated(), self._convolution(), *self._activated(), self._convolution()]

    def initialise(self, net: nn.Module, rng: Generator) -> None:
        """Weights as in He et al. 2015: N(0, 2 / inputs), in shortcuts and linear layers N(0, 1 / inputs); biases 0."""
        for module in net.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                plain = isinstance(module, nn.Linear) or module.kernel_size == (1, 1)
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear" if plain else "relu", generator=rng)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def script(self) -> Snippet:
        return Snippet(WEIGHTS, name="he_weights")
