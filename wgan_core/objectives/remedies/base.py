"""What every remedy is: a switch, and the places of the loop at which it may do something."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, Protocol

from pydantic import Field, create_model
from torch import Generator, Tensor

from wgan_core.networks import Network
from wgan_core.networks.piecewise import Net
from wgan_core.objectives.base import Objective
from wgan_core.objectives.penalties import Rng
from wgan_core.schema import Part
from wgan_core.schema.script import Step

Memory = dict[str, Tensor]
REMEDIES: dict[str, type[Remedy]] = {}


class Surroundings(Protocol):
    """What of a config decides whether a remedy makes sense."""

    @property
    def objective(self) -> Objective: ...
    @property
    def generator(self) -> Network: ...
    @property
    def critic(self) -> Network: ...
    @property
    def remedies(self) -> Switches: ...
    @property
    def batch_size(self) -> int: ...


class Remedy(Part):
    """One way to steady a training, whatever its objective. Off while its first knob is 0.

    A subclass with a ``name`` is in the registry, and with it in the config, the form and the command line. All that it does not
    say stays as it is without it. Random numbers come from a stream of its own.

    Attributes
    ----------
    name, label, help, source : str
        Its field in ``remedies``, what people read, and where it comes from.
    term : str
        What its term in a loss is called on a chart, if not by its label.
    usual : float
        The switch's value to begin with where it is switched on: its paper's, where that names one.
    mixes_samples : bool
        A sample's score depends on the rest of its batch.
    stacks : bool
        It treats each of K stacked networks alone, and takes a vector (K,) for a knob that is a number; see
        :class:`~wgan_core.objectives.constraints.Constraint`.
    """

    name: ClassVar[str] = ""
    label: ClassVar[str] = ""
    help: ClassVar[str] = ""
    source: ClassVar[str] = ""
    term: ClassVar[str] = ""
    usual: ClassVar[float] = 1
    mixes_samples: ClassVar[bool] = False
    stacks: ClassVar[bool] = False

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if cls.name:
            REMEDIES[cls.name] = cls

    @classmethod
    def switch(cls) -> str:
        """The name of the knob that switches it off with 0."""
        return next(iter(cls.model_fields))

    @property
    def active(self) -> bool:
        """Whether it is switched on."""
        return bool(getattr(self, self.switch()))

    def refusal(self, of: Surroundings) -> str:
        """Why it does not go with the rest of a config, or ""."""
        return ""

    def script(self) -> Step | None:
        """Its lines in a script, at the places of the loop at which it does something."""
        return None

    # When the networks are built

    def layers(self, role: str, net: Net, of: Surroundings, shape: tuple[int, ...]) -> Net:
        """A network with other layers, before it has weights. ``role`` is generator or critic, ``shape`` that of an input."""
        return net

    def fill(self, role: str, net: Net, rng: Generator, draw: Callable[[int], Tensor]) -> None:
        """Give these layers their numbers: weights from ``rng`` (on the CPU), n inputs of the network from ``draw(n)``."""

    # In each step

    def seen(self, batch: Tensor, step: int, rng: Rng) -> Tensor:
        """What the critic gets to see of a batch, real or generated, after so many generator steps."""
        return batch

    def critic_terms(self, objective: Objective, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        """Further named terms of the critic's loss, from its scores."""
        return {}

    def generator_loss(self, critic: Net, fake: Tensor, real: Callable[[], Tensor]) -> Tensor | None:
        """A loss for the generator in place of the objective's, or None. ``real`` draws a batch of real samples."""
        return None

    def start(self, weights: Tensor) -> Memory:
        """What it remembers of one network, before its first step. The names do not change later."""
        return {}

    def pull(self, weights: Tensor, gradient: Tensor, memory: Memory) -> Tensor | None:
        """Add the slope of a term in the weights, (p,) or (K, p), to ``gradient`` in place, and return the term."""
        return None


class Switches(Part):
    """All remedies, most of them off."""

    @cached_property
    def active(self) -> tuple[Remedy, ...]:
        """Those that are switched on."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return tuple(remedy for remedy in found if remedy.active)


def switches(module: str) -> Any:
    """A part with a field for each remedy that there is. Those who unpickle a config find it in this module as ``Remedies``."""
    fields: dict[str, Any] = {
        name: (cls, Field(cls(), title=cls.label, description=cls.help)) for name, cls in REMEDIES.items()
    }
    return create_model("Remedies", __base__=Switches, __module__=module, **fields)
