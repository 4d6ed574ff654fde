"""Several trainings that differ in the seed alone, as one program.

Nets of K seeds are stacked: parameters have a leading dimension K, and each matrix product of the step becomes one batched
product. What a step costs beside its arithmetic, on a GPU most of it, is then paid once and not K times.

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
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from wgan_core.config import TrainingConfig
from wgan_core.history import Floats
from wgan_core.host import resolve
from wgan_core.networks.piecewise import Net, PiecewiseLinear, stacked
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.penalties import Rng
from wgan_core.objectives.remedies import Remedy
from wgan_core.training import Diverged, Training

Way = Literal["stacked", "in turn"]
WARM_UP_ROUNDS, TIMED_ROUNDS, TURNS = 3, 10, 3


def stacks(config: TrainingConfig) -> bool:
    """Whether trainings of this config can be stacked: both nets piecewise-linear MLPs, the objective written for it.

    Examples
    --------
    >>> stacks(TrainingConfig.parse({})), stacks(TrainingConfig.parse({"critic": {"activation": "tanh"}}))
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

    def rng(self, rngs: Sequence[Generator]) -> Rng:
        return rngs

    def scalars(self, readings: Sequence[Mapping[str, float]]) -> Mapping[str, Floats]:
        names = dict.fromkeys(name for reading in readings for name in reading)
        scalars = {name: np.array([reading.get(name, np.nan) for reading in readings]) for name in names}
        for values in scalars.values():
            values.setflags(write=False)
        return scalars


class StackedTraining(Training):
    """K trainings of one config with different seeds, in step, as one program.

    Each member draws its weights and random numbers from the streams that :class:`Training` would make for its seed, and
    takes the same steps: its numbers are those of the training alone, but for the order of sums within a matrix product.
    Training is chaotic and makes such rounding visible in time.

    A member that diverges does not end the others. Its scalars are NaN from then on, :attr:`diverged` says why, and the arrays
    of snapshots are those of the first member that is left. When none is left, :class:`Diverged` is raised.

    Parameters
    ----------
    config : TrainingConfig
        Its own seed is not used.
    seeds : Sequence[int]
        One for each member.

    Raises
    ------
    ValueError
        The config cannot be stacked (see :func:`stacks`), or there is no seed.
    DeviceError
        The device cannot be had.

    Examples
    --------
    >>> training = StackedTraining(TrainingConfig.parse({"steps": 1, "device": "cpu"}), seeds=[0, 1, 2])
    >>> [snapshot.scalars["w1"].shape for snapshot in training.updates() if snapshot is not None]
    [(3,), (3,)]
    """

    def __init__(self, config: TrainingConfig, seeds: Sequence[int]) -> None:
        if not seeds:
            raise ValueError("there must be at least one seed")
        if not stacks(config):
            raise ValueError(
                "this config cannot be stacked: that takes points, MLPs with (leaky) ReLU and without normalisation, and an"
                " objective, a constraint and remedies that say they stack"
                + "".join(f"; {label} does not" for label in _apart(config))
            )
        super().__init__(config, seeds, Stacked())


def choose(config: TrainingConfig, members: int) -> Way:
    """Whether members train faster stacked or one after another on this GPU, by timing both.

    Always in turn on the CPU: there worker processes share out the members, and what each does with its share is decided by
    the table above, once and for all (:func:`wgan_core.members.group.group`).

    Raises
    ------
    DeviceError, DataError
        The device or the data cannot be had.
    """
    if members < 2 or resolve(config.device).type == "cpu" or not stacks(config):
        return "in turn"
    try:
        alone, together = seconds_a_round(
            Training(config), StackedTraining(config, range(config.seed, config.seed + members))
        )
    except (Diverged, torch.OutOfMemoryError):
        return "in turn"  # where a message can name the one that fails
    return "stacked" if together < members * alone else "in turn"


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
