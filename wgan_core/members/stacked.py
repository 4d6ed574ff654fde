"""Several trainings that agree in shapes, as one program.

Nets of K members are stacked: parameters have a leading dimension K, and each matrix product of the step becomes one batched
product. What a step costs beside its arithmetic, on a GPU most of it, is then paid once and not K times. Members may differ in
their seeds, and in every knob that is a mere number in the losses or optimisers: it becomes a vector of length K.

Time of a member's step, stacked, as a ratio to that of a training alone, on the CPU with one thread (batch 128, two hidden
layers, median of 13 pairs that took turns, no measurements):

========== ======= ===== ===== =====
objective  width   K 4   K 8   K 16
========== ======= ===== ===== =====
gan        128     0.61  0.51  0.52
wgan-clip  128     0.68  0.62  0.56
wgan-gp    128     0.62  0.54  0.50
gan        32      0.44  0.30  0.23
wgan-clip  32      0.45  0.32  0.25
wgan-gp    32      0.39  0.29  0.20
========== ======= ===== ===== =====
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from wgan_core.config import TrainingConfig
from wgan_core.history import Floats
from wgan_core.networks.piecewise import Net, PiecewiseLinear, stacked
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.losses import Losses, in_vectors
from wgan_core.objectives.penalties import Rng
from wgan_core.objectives.remedies import Remedy
from wgan_core.training import Diverged, Training

# Parts whose numbers may differ within a stack. One that is 0 may switch something off, and so must be 0 in all.
IN_VECTORS = ("objective", "constraint", "remedies", "critic_optimiser", "generator_optimiser")
WARM_UP_ROUNDS, TIMED_ROUNDS, TURNS = 3, 10, 3


def stackable(config: TrainingConfig) -> bool:
    """Whether trainings of this config can be stacked: both nets piecewise-linear MLPs, the objective written for it.

    Examples
    --------
    >>> stackable(TrainingConfig.parse({})), stackable(TrainingConfig.parse({"critic": {"activation": "tanh"}}))
    (True, False)
    """
    return not _apart(config) and all(isinstance(net, PiecewiseLinear) for net in config.nets())


def _apart(config: TrainingConfig) -> list[str]:
    """What of objective, constraint and remedies was not written for stacked networks."""
    parts: tuple[Objective | Constraint | Remedy, ...] = (
        config.objective,
        *config.constraints,
        *config.remedies.active,
    )
    return [part.label for part in parts if not part.stacks]


def stacks(configs: Sequence[TrainingConfig]) -> list[list[int]]:
    """Which of several trainings go together as one program, by their places; those that go with no other stand alone.

    On the CPU that is the faster way, by the table above. It is decided by the configs alone, and not by timing at each start:
    it decides the last digits, and the same configs are to give the same numbers.

    Examples
    --------
    >>> each = [{"seed": 1}, {"generator": {"width": 32}}, {"objective": {"penalty_weight": 1}}, {"seed": 2, "n_critic": 2}]
    >>> stacks([TrainingConfig.parse(settings) for settings in each])
    [[0, 2], [1], [3]]
    """
    found: dict[str, list[int]] = {}
    for i, config in enumerate(configs):
        found.setdefault(_form(config) if stackable(config) else f"alone {i}", []).append(i)
    return list(found.values())


def _form(config: TrainingConfig) -> str:
    """What the members of a stack have in common."""
    data = config.model_dump() | {"seed": 0}
    return str(data | {name: _switches(data[name]) for name in IN_VECTORS})


def _switches(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _switches(each) for name, each in value.items()}
    return bool(value) if isinstance(value, float) else value


class Stacked:
    """Puts members together as a stack: a leading dimension K of parameters and draws, a vector of K numbers."""

    def net(self, nets: Sequence[Net]) -> Net:
        return stacked([net for net in nets if isinstance(net, PiecewiseLinear)])

    def nets(self, net: Net, like: Sequence[Net]) -> list[Net]:
        found = [copy.deepcopy(one) for one in like]
        for k, own in enumerate(found):
            for p, stack in zip(own.parameters(), net.parameters(), strict=True):
                p.data = stack.data[k]
        return found

    def tensor(self, drawn: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(drawn))

    def losses(self, losses: Sequence[Losses], device: torch.device) -> Losses:
        return in_vectors(losses, device)

    def rng(self, rngs: Sequence[Generator]) -> Rng:
        return rngs

    def scalars(self, readings: Sequence[Mapping[str, float]]) -> Mapping[str, Floats]:
        names = dict.fromkeys(name for reading in readings for name in reading)
        scalars = {name: np.array([reading.get(name, np.nan) for reading in readings]) for name in names}
        for values in scalars.values():
            values.setflags(write=False)
        return scalars


def stack(configs: Sequence[TrainingConfig]) -> Training:
    """K trainings that agree in shapes, in step, as one program.

    Each member draws its weights and random numbers from the streams that a :class:`Training` of its config would make, and
    takes the same steps: its numbers are those of the training alone, but for the order of sums within a matrix product.
    Training is chaotic and makes such rounding visible in time.

    A member that diverges does not end the others. Its scalars are NaN from then on, ``diverged`` says why, and the arrays
    of snapshots are those of the first member that is left. When none is left, :class:`Diverged` is raised.

    Parameters
    ----------
    configs : Sequence[TrainingConfig]
        One for each member. They go together by :func:`stacks`.

    Raises
    ------
    ValueError
        They do not go together, or there is none.
    DeviceError
        The device cannot be had.

    Examples
    --------
    >>> config = TrainingConfig.parse({"steps": 1, "device": "cpu"})
    >>> training = stack([config, config.edited({"seed": 1}), config.edited({"objective.penalty_weight": 1})])
    >>> [snapshot.scalars["w1"].shape for snapshot in training.updates() if snapshot is not None]
    [(3,), (3,)]
    """
    if not configs:
        raise ValueError("there must be at least one member")
    for config in configs:
        if not stackable(config):
            raise ValueError(
                "this config cannot be stacked: that takes points, MLPs with (leaky) ReLU and without normalisation, and an"
                " objective, a constraint and remedies that say they stack"
                + "".join(f"; {label} does not" for label in _apart(config))
            )
    if len(stacks(configs)) > 1:
        raise ValueError("these configs differ in more than seeds and numbers of their losses and optimisers")
    return Training(*configs, together=Stacked())


def faster(configs: Sequence[TrainingConfig]) -> list[list[int]]:
    """As :func:`stacks`, but only where that is the faster way on this GPU, by timing both.

    Raises
    ------
    DeviceError, DataError
        The device or the data cannot be had.
    """
    found: list[list[int]] = []
    for places in stacks(configs):
        together = [configs[i] for i in places]
        if len(places) > 1 and not _gains(together):
            found += [[i] for i in places]
        else:
            found.append(places)
    return found


def _gains(configs: Sequence[TrainingConfig]) -> bool:
    try:
        alone, together = seconds_a_round(Training(configs[0]), stack(configs))
    except (Diverged, torch.OutOfMemoryError):
        return False  # where a message can name the one that fails
    return together < len(configs) * alone


def seconds_a_round(*loops: Training, rounds: int = TIMED_ROUNDS) -> list[float]:
    """The least time of a round of each of several trainings, taking turns, after a short warm-up. No measurements."""

    def spend(loop: Training, rounds: int) -> float:
        start = perf_counter()
        for _ in range(rounds):
            for _ in loop.round():
                pass
        if loop.device.type != "cpu":
            torch.accelerator.synchronize(loop.device)
        return (perf_counter() - start) / rounds

    for loop in loops:
        spend(loop, WARM_UP_ROUNDS)
    turns = [[spend(loop, rounds) for loop in loops] for _ in range(TURNS)]
    return [min(each) for each in zip(*turns, strict=True)]
