"""Remedies that change what a network does with a batch: minibatch discrimination, virtual batch normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from wgan_core.networks.piecewise import Net
from wgan_core.objectives.remedies.base import Remedy, Surroundings
from wgan_core.schema import knob
from wgan_core.schema.script import OwnLayer, Step

# A number for each kernel and each pair of samples: 80 MB of them.
MOST_PAIRS = 20_000_000


class Closeness(OwnLayer, nn.Module):
    """Appends to each sample's features how close it is to the samples of its batch.

    o(xᵢ)_b = Σⱼ exp(−‖M(xᵢ)_b − M(xⱼ)_b‖₁), where M(x)_b are ``size`` linear functions of the features, for each of ``kernels`` b
    (Salimans et al. 2016, §3.2). While it is only looked at, in evaluation mode, a sample is set beside the newest batch of
    training, so that its score is that of a newcomer to that batch, however many are asked about at once.
    """

    definition: ClassVar = '''\
class Closeness(nn.Module):
    """Appends to each sample's features how close it is to the samples of its batch, in several ways."""

    def __init__(self, features, kernels, size):
        super().__init__()
        self.kernels = kernels
        self.weight = nn.Parameter(torch.empty(features, kernels * size))

    def forward(self, features):
        here = (features @ self.weight).view(len(features), self.kernels, -1).transpose(0, 1)
        close = torch.cdist(here, here, p=1).neg().exp().sum(-1)
        return torch.cat([features, close.t()], 1)
'''
    mixes_samples = True

    def __init__(self, features: int, kernels: int, size: int, batch_size: int) -> None:
        super().__init__()
        self.kernels = kernels
        self.weight = nn.Parameter(torch.empty(features, kernels * size, dtype=torch.float32))
        self.newest: Tensor
        self.register_buffer("newest", torch.zeros(kernels, batch_size, size, dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        here = (features @ self.weight).view(len(features), self.kernels, -1).transpose(0, 1)
        if self.training:
            if here.shape == self.newest.shape:
                self.newest.copy_(here.detach())
            others = here
        else:
            others = self.newest
        close = torch.cdist(here, others, p=1).neg().exp().sum(-1)
        return torch.cat([features, close.t()], 1)

    def made_with(self) -> tuple[int, int, int]:
        return len(self.weight), self.kernels, self.newest.shape[-1]


CLOSENESS = """\
with torch.no_grad():
    closeness = critic[-2].weight
    drawn = torch.randn(closeness.shape, generator=stream($stream))
    closeness.copy_(drawn / len(closeness) ** 0.5)
"""


class MinibatchDiscrimination(Remedy):
    """The critic sees how close each sample is to the rest of its batch, so that samples all alike show (§3.2)."""

    name: ClassVar = "minibatch_discrimination"
    label: ClassVar = "Minibatch discrimination"
    help: ClassVar = "Shows the critic how alike the samples of a batch are, so that collapse is seen."
    source: ClassVar = "Salimans et al. 2016, §3.2; From GAN to WGAN, §5 (2)"
    usual: ClassVar = 16
    mixes_samples: ClassVar = True

    kernels: int = knob(0, "Kernels", "Numbers that tell how close a sample is to its batch; 0 is off.", ge=0, le=100)
    size: int = knob(8, "Kernel size", "Linear functions of the features that each of them compares.", ge=1, le=64)

    def refusal(self, of: Surroundings) -> str:
        if self.kernels * of.batch_size**2 > MOST_PAIRS:
            most = int((MOST_PAIRS / self.kernels) ** 0.5)
            return (
                f"compares every pair of samples, too many with {self.kernels} kernels and batches of {of.batch_size:,};"
                f" use a batch size of at most {most:,}"
            )
        if of.critic.normalisation == "batch" and any(isinstance(other, VirtualBatch) for other in of.remedies.active):
            return "does not go with virtual batch normalisation in the critic, whose reference batch would be compared too"
        return ""

    def layers(self, role: str, net: Net, of: Surroundings, shape: tuple[int, ...]) -> Net:
        if role == "generator":
            return net
        *before, last = net
        if not isinstance(last, nn.Linear):
            raise ValueError(
                f"critic.kind: minibatch discrimination needs a last layer that is linear; {of.critic.label} has none"
            )
        closeness = Closeness(last.in_features, self.kernels, self.size, of.batch_size)
        return Net(*before, closeness, type(last)(last.in_features + self.kernels, last.out_features))

    def fill(self, role: str, net: Net, rng: Generator, draw: Callable[[int], Tensor]) -> None:
        for module in net.modules():
            if isinstance(module, Closeness):
                drawn = (
                    torch.randn(module.weight.shape, generator=rng, dtype=torch.float32, device=rng.device)
                    / len(module.weight) ** 0.5
                )
                with torch.no_grad():
                    module.weight.copy_(drawn)
                module.newest.zero_()

    def script(self) -> Step:
        return Step(built=CLOSENESS)


class VirtualBatchNorm(OwnLayer, nn.Module):
    """Normalises each sample by the mean and variance of a reference batch and itself, and by nothing else of its batch.

    Input and output are the reference batch's activations, followed by those of the samples: (r + n, c) or (r + n, c, h, w).

    Parameters
    ----------
    like : BatchNorm
        The layer that this one stands in for.
    references : int
        r, the size of the reference batch.
    """

    definition: ClassVar = '''\
class VirtualBatchNorm(nn.Module):
    """Normalises each sample by the mean and variance of the references, which come first, and itself."""

    def __init__(self, references, channels):
        super().__init__()
        self.references = references
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        r, places = self.references, x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)
        mean, variance = places[:r].mean((0, 2), keepdim=True), places[:r].var((0, 2), correction=0, keepdim=True)
        own = places[r:]
        its_mean, its_variance = own.mean(2, keepdim=True), own.var(2, correction=0, keepdim=True)
        both = (r * variance + its_variance) / (r + 1) + r * (its_mean - mean).square() / (r + 1) ** 2
        first = (places[:r] - mean) * (variance + 1e-5).rsqrt()
        rest = (own - (r * mean + its_mean) / (r + 1)) * (both + 1e-5).rsqrt()
        found = torch.cat([first, rest]) * self.weight.view(1, -1, 1) + self.bias.view(1, -1, 1)
        return found.view_as(x)
'''

    def __init__(self, like: nn.modules.batchnorm._BatchNorm, references: int) -> None:
        super().__init__()
        self.references, self.eps = references, like.eps
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        places = x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)
        reference, own = torch.split(places, [self.references, len(x) - self.references])
        mean = reference.mean((0, 2), keepdim=True)
        variance = reference.var((0, 2), correction=0, keepdim=True)
        # Mean and variance of r + 1 samples, of which the last is the sample itself.
        r, its_mean = self.references, own.mean(2, keepdim=True)
        its_variance = own.var(2, correction=0, keepdim=True)
        both = (r * variance + its_variance) / (r + 1) + r * (its_mean - mean).square() / (r + 1) ** 2
        found = torch.cat(
            [
                (reference - mean) * (variance + self.eps).rsqrt(),
                (own - (r * mean + its_mean) / (r + 1)) * (both + self.eps).rsqrt(),
            ]
        )
        found = found * self.weight.view(1, -1, 1) + self.bias.view(1, -1, 1)
        return found.view_as(x)

    def made_with(self) -> tuple[int, int]:
        return self.references, len(self.weight)


class VirtualNet(OwnLayer, Net):
    """A network that takes its reference batch along through all layers. A sample's output depends on no other sample."""

    definition: ClassVar = '''\
class VirtualNet(nn.Sequential):
    """Layers through which samples go behind a reference batch, which is chosen once."""

    def forward(self, x):
        return super().forward(torch.cat([self.reference, x]))[len(self.reference) :]
'''

    def __init__(self, net: Net, references: int, shape: tuple[int, ...]) -> None:
        for parent in list(net.modules()):
            for name, module in parent.named_children():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    setattr(parent, name, VirtualBatchNorm(module, references))
        super().__init__(*net)
        self.reference: Tensor
        self.register_buffer("reference", torch.zeros(references, *shape, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(torch.cat([self.reference, x]))  # type: ignore[no-untyped-call]
        return out[len(self.reference) :]

    def features(self, x: Tensor) -> Tensor:
        return super().features(torch.cat([self.reference, x]))[len(self.reference) :]


class VirtualBatch(Remedy):
    """Virtual batch normalisation: a sample is normalised by a reference batch, chosen once at the start, and itself (§3.5).

    It takes the place of batch normalisation in both networks. A score then depends on its own sample only, so that a penalty on
    the critic's slope is admissible.
    """

    name: ClassVar = "virtual_batch"
    label: ClassVar = "Virtual batch normalisation"
    help: ClassVar = (
        "Normalises by a batch chosen once at the start, where batch normalisation would use the sample's own batch."
    )
    source: ClassVar = "Salimans et al. 2016, §3.5; From GAN to WGAN, §5 (5)"
    usual: ClassVar = 64

    references: int = knob(0, "Reference batch", "Samples in the reference batch; 0 is off.", ge=0, le=1024)

    def refusal(self, of: Surroundings) -> str:
        if "batch" not in (of.generator.normalisation, of.critic.normalisation):
            return (
                "there is no batch normalisation whose place it could take; set generator.normalisation or"
                " critic.normalisation to batch"
            )
        return ""

    def layers(self, role: str, net: Net, of: Surroundings, shape: tuple[int, ...]) -> Net:
        normalised = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())
        return VirtualNet(net, self.references, shape) if normalised else net

    def fill(self, role: str, net: Net, rng: Generator, draw: Callable[[int], Tensor]) -> None:
        if isinstance(net, VirtualNet):
            net.reference.copy_(draw(self.references))
            for module in net.modules():
                if isinstance(module, VirtualBatchNorm):
                    nn.init.ones_(module.weight)
                    nn.init.zeros_(module.bias)

    def script(self) -> Step:
        draws = {"generator": "draw_latents", "critic": "draw_real"}
        lines = "# The reference batches, chosen once.\nreference_rng = stream($stream, device)\n"
        for role, draw in draws.items():
            lines += f"if isinstance({role}, VirtualNet):\n"
            lines += f"    {role}.reference = {draw}({self.references}, reference_rng)\n"
        return Step(built=lines)
