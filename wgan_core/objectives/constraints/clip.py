"""Weight clipping."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from wgan_core.objectives.constraints.base import Constraint
from wgan_core.objectives.penalties import along
from wgan_core.schema import knob
from wgan_core.schema.script import Step


class Clip(Constraint):
    """Weight clipping (the WGAN paper, Algorithm 1, line 7)."""

    label: ClassVar = "Weight clipping"
    source: ClassVar = "the WGAN paper, Algorithm 1"

    kind: Literal["clip"] = "clip"
    clip: float = knob(
        0.01,
        "c",
        "Every parameter of the critic is clipped to [−c, c] after each step.",
        live=True,
        log=True,
        gt=0,
        le=10,
    )

    def constrain(self, weights: Tensor) -> None:
        c = along(self.clip, weights)
        weights.clamp_(-c, c)  # type: ignore[arg-type]  # numbers or tensors

    @property
    def limit(self) -> float:
        return self.clip

    def script(self) -> Step:
        return Step(
            setup=f"c = {self.clip}  # the clipping parameter",
            project="with torch.no_grad():\n    for w in critic.parameters():\n        w.clamp_(-c, c)",
        )
