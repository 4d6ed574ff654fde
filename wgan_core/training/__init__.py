"""The loop, as a generator that reads like the papers' algorithm boxes.

Pausing is not calling ``next``. The command line, the background thread and a test are three drivers of one generator.
It prints nothing, writes no file, starts no thread.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from torch import Generator, Tensor

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.history import Snapshot
from wgan_core.host.devices import threads
from wgan_core.limits import claim
from wgan_core.networks.piecewise import Net
from wgan_core.training.failures import Diverged as Diverged
from wgan_core.training.failures import failure_of as failure_of
from wgan_core.training.failures import likely_cause as likely_cause
from wgan_core.training.loop import Loop as Loop
from wgan_core.training.loop import check_edit as check_edit
from wgan_core.training.member import STREAMS as STREAMS
from wgan_core.training.member import STREAMS_OF_TRAINING as STREAMS_OF_TRAINING
from wgan_core.training.member import Member as Member
from wgan_core.training.member import stream as stream
from wgan_core.training.member import stream_number as stream_number
from wgan_core.training.state import DATA, TERM, BadState, State, check


class Training(Loop):
    """One training with the config's seed.

    Parameters
    ----------
    config : TrainingConfig

    Raises
    ------
    DeviceError, DataError
        The device or the data cannot be had.
    """

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config, [config.seed])
        with threads(config.threads):
            _ = self._member.probe  # what is wrong with the data shows now

    @property
    def _member(self) -> Member:
        return self._members[0]

    def _networks(self) -> tuple[Net, Net]:
        return self._member.generator, self._member.critic

    def _each(self, net: Net, like: Sequence[Net]) -> list[Net]:
        return [net]

    def _together(self, drawn: Sequence[Tensor]) -> Tensor:
        return drawn[0]

    def _rng(self, of: Callable[[Member], Generator]) -> Generator:
        return of(self._member)

    def _scalars(self, readings: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
        return readings[0]

    # Stopping here and going on elsewhere

    def state(self) -> State:
        """All that this training needs in order to go on, copied to the CPU.

        Raises
        ------
        RuntimeError
            In the middle of a round, where a batch of fakes is in use that no state holds.
        Diverged
            A loss term is no longer finite.
        """
        if self.within_round:
            raise RuntimeError("a training has a state between two rounds only, after a generator step")
        self._read_gathered()
        numbers: State = {
            "step": self.step,
            "critic_steps": self.critic_steps,
            "seconds": self.seconds,
            "device": self.device.type,
            DATA: self.config.dataset.fingerprint(),
        }
        terms = {TERM + name: value for name, value in self._member.terms.items()}
        tensors = {name: tensor.detach().to("cpu", copy=True) for name, tensor in self._tensors().items()}
        return numbers | terms | tensors | {name: rng.get_state() for name, rng in self._streams().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of a training with this config, rather than from the start.

        Raises
        ------
        BadState
            It does not fit. Nothing has changed then.
        """
        check(state, self.state())
        for name, rng in self._streams().items():
            try:
                Generator(rng.device).set_state(state[name])
            except RuntimeError as error:
                raise BadState(f"{name} is no state of random numbers ({error})") from None
        for name, rng in self._streams().items():
            rng.set_state(state[name])
        for name, tensor in self._tensors().items():
            tensor.copy_(state[name])
        self.step, self.critic_steps, self.seconds = state["step"], state["critic_steps"], state["seconds"]
        self._member.terms = {name.removeprefix(TERM): value for name, value in state.items() if name.startswith(TERM)}

    @classmethod
    def resume(cls, config: TrainingConfig, state: Mapping[str, Any]) -> Self:
        """A training that goes on from a state: on the CPU with the numbers of one that was never stopped, to the last digit.

        Parameters
        ----------
        config : TrainingConfig
            As it was when the state was taken, edits included.
        state : Mapping[str, Any]
            What :meth:`state` gave.

        Raises
        ------
        BadState
            The state does not fit the config. DeviceError, DataError as of a new training.

        Examples
        --------
        >>> config = TrainingConfig.parse({"steps": 4, "snapshot_every": 2, "device": "cpu"})
        >>> training = Training(config.edited({"steps": 2}))
        >>> _ = list(training.updates())
        >>> [s.step for s in Training.resume(config, training.state()).updates() if s is not None]
        [4]
        """
        training = cls(config)
        training.restore(state)
        return training

    def _tensors(self) -> dict[str, Tensor]:
        """The tensors that training changes, by name."""
        found: dict[str, Tensor] = {}
        for role, net, flat, memory in (
            ("generator", self.generator, self._theta, self._theta_memory),
            ("critic", self.critic, self._w, self._w_memory),
        ):
            found |= {f"{role}.weights": flat.weights, f"{role}.gradient": flat.gradient}
            found |= {f"{role}.buffer.{name}": buffer for name, buffer in net.named_buffers()}
            found |= {f"{role}.memory.{name}": tensor for name, tensor in memory.items()}
        if self._average is not None:
            found["average.weights"] = self._average.weights
            found |= {f"average.buffer.{name}": buffer for name, buffer in self._average.net.named_buffers()}
        for (role, name), memory in self._remedies.items():
            found |= {f"remedy.{role}.{name}.{key}": tensor for key, tensor in memory.items()}
        return found

    def _streams(self) -> dict[str, Generator]:
        """The random numbers that training draws. The probe has been drawn already, from a stream of its own."""
        own = {f"random.{name}": getattr(self._member, name) for name in STREAMS_OF_TRAINING}
        return own | {f"random.{name}": rng for name, rng in self._member.remedies.items()}


def train(config: TrainingConfig) -> Iterator[Snapshot]:
    """Train to the end, yielding each snapshot.

    Raises
    ------
    ConfigError
        There is no room for it; see :func:`wgan_core.limits.claim`. DeviceError, DataError as of a :class:`Training`.

    Examples
    --------
    >>> config = TrainingConfig.parse({"steps": 4, "snapshot_every": 2})
    >>> [snapshot.step for snapshot in train(config)]
    [0, 2, 4]
    """
    held = claim(RunConfig.solo(config), 1)
    try:
        training = Training(config)
    except BaseException:
        held.give_back()
        raise
    weakref.finalize(training, held.give_back)
    return (snapshot for snapshot in training.updates() if snapshot is not None)
