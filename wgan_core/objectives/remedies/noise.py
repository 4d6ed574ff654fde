"""Instance noise: what the critic sees is blurred, so that data and samples overlap."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from wgan_core.objectives.penalties import Rng, along, gaussian_like
from wgan_core.objectives.remedies.base import Remedy
from wgan_core.schema import knob
from wgan_core.schema.script import Step, block

BLURRED = '''\
def blurred(batch, deviation):
    """A batch as the critic sees it, with noise of this standard deviation."""
    return batch + deviation * torch.randn(batch.shape, generator=noise_rng, device=device)
'''


class InstanceNoise(Remedy):
    """Gaussian noise on real and generated samples before the critic, less and less of it.

    After t generator steps its standard deviation is σ (1 − t / until), and 0 from ``until`` on; with ``until`` 0 it stays σ.
    """

    name: ClassVar = "instance_noise"
    label: ClassVar = "Instance noise"
    help: ClassVar = "Blurs real and generated samples alike, so that the critic cannot tell them all apart."
    source: ClassVar = "Sønderby et al. 2016; Arjovsky, Bottou 2017, §3; From GAN to WGAN, §5 (6)"
    usual: ClassVar = 0.3
    stacks: ClassVar = True

    sigma: float = knob(0.0, "σ", "Standard deviation of the noise at the start; 0 is off.", ge=0, le=10)
    until: int = knob(
        0, "Gone after", "Generator steps over which the noise falls to 0; 0 lets it stay.", ge=0, le=10_000_000
    )

    def deviation(self, step: int) -> float:
        """The noise's standard deviation after so many generator steps.

        Examples
        --------
        >>> [InstanceNoise(sigma=0.5, until=100).deviation(step) for step in (0, 50, 100, 200)]
        [0.5, 0.25, 0.0, 0.0]
        """
        return self.sigma * max(0.0, 1 - step / self.until) if self.until else self.sigma

    def seen(self, batch: Tensor, step: int, rng: Rng) -> Tensor:
        if self.until and step >= self.until:
            return batch
        return batch + along(self.deviation(step), batch) * gaussian_like(batch, rng)

    def script(self) -> Step:
        fades = " * max(0.0, 1 - (step - 1) / until)" if self.until else ""
        return Step(
            functions=(BLURRED,),
            setup=block(
                f"sigma = {self.sigma}  # of the noise on what the critic sees",
                f"until = {self.until}  # generator steps over which it falls to 0" if fades else "",
                "noise_rng = stream($stream, device)",
            ),
            seen=f"$batch = blurred($batch, sigma{fades})",
        )
