"""Spectral normalisation: layers that apply their weights divided by their largest singular value."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, normalize

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.constraints.base import Constraint
from wgan_core.schema.script import Step


def largest_singular_value(matrix: Tensor) -> Tensor:
    """σ(W) of a matrix, exactly; its slope in W is u vᵀ, with the singular vectors of σ.

    They come from the smaller of W Wᵀ and Wᵀ W, in a third of the time of a singular value decomposition.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    # In 16 bits, where a run asks for them, σ would be off by a percent.
    with torch.autocast(matrix.device.type, enabled=False):
        with torch.no_grad():
            rows = matrix.mT if tall else matrix
            u = torch.linalg.eigh(rows @ rows.mT).eigenvectors[:, -1]
            v = normalize(rows.mT @ u, dim=0)
        found: Tensor = v @ (matrix @ u) if tall else u @ (matrix @ v)
    return found


def normalised(weight: Tensor) -> Tensor:
    """W / σ(W), where σ is the largest singular value; of a convolution's weights as a matrix (out, −1).

    Examples
    --------
    >>> normalised(torch.diag(torch.tensor([4.0, 2.0])))
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5000]])
    """
    return weight / largest_singular_value(weight.flatten(1)).clamp(min=1e-12)


class SpectralLinear(nn.Linear):
    """A linear layer that applies W / σ(W)."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, normalised(self.weight), self.bias)


class SpectralConv2d(nn.Conv2d):
    """A convolution that applies W / σ(W)."""

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, normalised(self.weight), self.bias, self.stride, self.padding, self.dilation, self.groups)


SPECTRAL: dict[type[nn.Module], type[nn.Module]] = {nn.Linear: SpectralLinear, nn.Conv2d: SpectralConv2d}


LINES = '''\
class Spectral(nn.Module):
    """A layer's weights divided by their largest singular value."""

    def forward(self, w):
        return w / torch.linalg.matrix_norm(w.flatten(1), 2)


for layer in list(critic.modules()):
    if isinstance(layer, nn.Linear | nn.Conv2d):
        nn.utils.parametrize.register_parametrization(layer, "weight", Spectral())
'''


class Spectral(Constraint):
    """Spectral normalisation: each layer applies its weights divided by their largest singular value (Miyato et al. 2018).

    The paper follows σ by power iteration, a step each time the critic is used. Here σ is exact, and nothing is remembered,
    so that looking at a critic does not change it.
    """

    label: ClassVar = "Spectral normalisation"
    source: ClassVar = "Miyato, Kataoka, Koyama, Yoshida 2018, equations 6 to 8"
    no_size: ClassVar = "divides the weights by their norm"
    stacks: ClassVar = False

    kind: Literal["spectral"] = "spectral"

    def held(self, critic: Net) -> Net:
        for module in critic.modules():
            if type(module) in SPECTRAL:
                module.__class__ = SPECTRAL[type(module)]
        # The layers as they are: a hand-written pass knows nothing of sigma.
        return Net(*critic)

    def script(self) -> Step:
        return Step(built=LINES)
