"""What a run will take, told from the shapes of its networks before anything is allocated: bytes, and arithmetic.

Factors below are of the algorithm where it tells them (two batches of scores, one pass back for each pass forth), else fitted to
measured peaks; docs/limits.md has the table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod
from typing import Literal

import torch

from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.datasets import ImageDataset
from wgan_core.history import frames_kept
from wgan_core.limits.layers import Pass, alongside, through
from wgan_core.metrics import EM_SAMPLES, GRID_IMAGES
from wgan_core.metrics.images.scorer import SAMPLES
from wgan_core.networks.piecewise import Net, PiecewiseLinear
from wgan_core.optimisers import Optimiser

Cause = Literal["batch", "networks", "processes", "data"]
BYTES = 4  # of a float32
# What libraries take once they compute, and a worker: an interpreter with torch, one that is built for CUDA too.
LIBRARIES, WORKER = 50_000_000, 460_000_000
# What a pass through the critic keeps, once more for each of these. The penalty's slope is differentiated again, for which
# autograd keeps the way back too, and makes both anew on its way; by hand it is the way forth and the way back.
SCORED_BATCHES, PENALTY, PENALTY_BY_HAND = 2, 6, 2
# Tensors of the widest layer's size that are in work at one time, kept by nobody.
IN_WORK = 4
# A data set is there three times while it is read and brought to one form.
READING = 3
# Numbers that are read or written, for each that is kept, on the way there and back; and with a penalty.
TRAFFIC, PENALTY_TRAFFIC = 9, 39
CALLS, PENALTY_CALLS, STEP_CALLS = 3, 10, 20


@dataclass(frozen=True)
class Operations:
    """Arithmetic of products and convolutions, bytes that are moved, and operations that are called."""

    flops: float = 0
    bytes: float = 0
    calls: float = 0

    def __add__(self, other: Operations) -> Operations:
        return Operations(self.flops + other.flops, self.bytes + other.bytes, self.calls + other.calls)

    def __mul__(self, times: float) -> Operations:
        return Operations(self.flops * times, self.bytes * times, self.calls * times)


@dataclass(frozen=True)
class TrainingCost:
    """What one training of one seed takes, in bytes and work.

    Attributes
    ----------
    networks : int
        Parameters, gradients, the optimisers' memories and averages, and what is copied of them for a checkpoint.
    batch : int
        What comes on top at the worst moment of a round: what passes leave behind for the way back.
    data : int
        Images, and what is kept of them to be shown and scored.
    round, measuring, scoring : Operations
        Of a generator step with its critic steps, of a snapshot, and of a scoring.
    stacks : bool
        Several seeds go through as one program, and their batches with them.
    """

    networks: int
    batch: int
    data: int
    round: Operations
    measuring: Operations
    scoring: Operations
    stacks: bool


def of_training(config: TrainingConfig) -> TrainingCost:
    """What a training of one seed will take."""
    deciding = config.model_dump(exclude=set(NOT_DECIDING))
    return _of(json.dumps(deciding, sort_keys=True, default=str), _Held(config))


# What changes neither shapes nor what is done with them.
NOT_DECIDING = ("seed", "steps", "snapshot_every", "device", "threads")


class _Held:
    """A config that a cache does not look at."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(256)
def _of(_: str, held: _Held) -> TrainingCost:
    config = held.config
    generator, critic = config.nets()
    for net in (generator, critic):
        config.speed.prepare(net)
    inputs, seen = config.input_shapes
    g, d = through(generator, inputs), through(critic, seen)
    m, n = config.batch_size, config.n_critic
    mg, md = m + alongside(generator), m + alongside(critic)
    by_hand = isinstance(critic, PiecewiseLinear)
    penalised = any(constraint.no_batch_norm for constraint in config.constraints)
    penalty = (PENALTY_BY_HAND if by_hand else PENALTY) if penalised else 0
    kept_g, kept_d, in_work = g.kept * mg, d.kept * md, IN_WORK * max(g.widest * mg, d.widest * md)
    batches = 2 * (n if not generator.mixes_samples else 1) * m * prod(seen)
    largest = max((SCORED_BATCHES + penalty) * kept_d, kept_g + kept_d) + in_work + batches
    shown = prod(config.dataset.shape)
    frames = 2 * GRID_IMAGES * shown * frames_kept(config) if config.dataset.is_image else 0
    scored = 4 * SAMPLES * shown * BYTES if config.dataset.is_image and config.scores_every else 0
    return TrainingCost(
        networks=_networks(config, generator, critic),
        batch=BYTES * largest,
        data=_images(config) + frames + scored,
        round=_critic_step(g, d, mg, md, penalised, by_hand) * n + _generator_step(g, d, mg, md),
        measuring=_passes(g, d, GRID_IMAGES if config.dataset.is_image else 5 * EM_SAMPLES),
        scoring=_passes(g, d, SAMPLES) if config.dataset.is_image else Operations(),
        stacks=by_hand and isinstance(generator, PiecewiseLinear),
    )


def _networks(config: TrainingConfig, generator: Net, critic: Net) -> int:
    """Bytes that belong to the networks."""
    found = 0
    for net, optimiser in ((generator, config.generator_optimiser), (critic, config.critic_optimiser)):
        size = sum(p.numel() for p in net.parameters())
        remembered = _remembered(optimiser) + sum(_vectors(r.start(_ONE)) for r in config.remedies.active)
        held = 2 + remembered + (net is generator and config.generator_average > 0)
        # A checkpoint copies what is held; gradients are there once more before they are one vector.
        found += size * (2 * held + 1)
    return BYTES * found


_ONE = torch.zeros(1, dtype=torch.float32, device="cpu")


def _remembered(optimiser: Optimiser) -> int:
    return _vectors(optimiser.start(_ONE))


def _vectors(memory: dict[str, torch.Tensor]) -> int:
    """How many tensors of the weights' size there are."""
    return sum(x.dim() > 0 for x in memory.values())


def _images(config: TrainingConfig) -> int:
    """Bytes of the data set; 0 where it is drawn anew, or only reading tells how many images there are."""
    data = config.dataset
    if not isinstance(data, ImageDataset) or data.size is None:
        return 0
    return READING * data.size * prod(data.shape)


def _critic_step(g: Pass, d: Pass, mg: int, md: int, penalised: bool, by_hand: bool) -> Operations:
    """Fakes; then both batches there and back, which takes twice as long; then a penalty, as much as that again."""
    flops: float = g.flops * mg + 3 * SCORED_BATCHES * d.flops * md
    moved: float = 3 * g.kept * mg + SCORED_BATCHES * TRAFFIC * d.kept * md
    calls = (CALLS + 3) * (d.layers + g.layers)
    if penalised:
        flops += (4 if by_hand else 6) * d.flops * md
        moved += (PENALTY_TRAFFIC / 3 if by_hand else PENALTY_TRAFFIC) * d.kept * md
        calls += PENALTY_CALLS * d.layers
    return Operations(flops, BYTES * moved, calls + STEP_CALLS)


def _generator_step(g: Pass, d: Pass, mg: int, md: int) -> Operations:
    """There and back through both networks."""
    moved = TRAFFIC * (g.kept * mg + d.kept * md)
    return Operations(3 * g.flops * mg + 2 * d.flops * md, BYTES * moved, CALLS * (g.layers + d.layers) + STEP_CALLS)


def _passes(g: Pass, d: Pass, n: int) -> Operations:
    return Operations(n * (g.flops + 2 * d.flops), BYTES * n * 3 * (g.kept + d.kept), 2 * (g.layers + d.layers))


@dataclass(frozen=True)
class Cost:
    """What a run will take, by cause, in bytes."""

    batch: int
    networks: int
    data: int
    processes: int

    @property
    def bytes(self) -> int:
        return self.batch + self.networks + self.data + self.processes

    @property
    def main(self) -> Cause:
        """What most of it goes to."""
        causes: tuple[Cause, ...] = ("batch", "networks", "processes", "data")
        return max(causes, key=lambda cause: getattr(self, cause))


def of_run(config: RunConfig, workers: int) -> Cost:
    """What a run will take.

    Parameters
    ----------
    workers : int
        Processes that several seeds are dealt out to; 0 where they train in this one, as on a GPU.
    """
    lanes = [of_training(each) for each in config.lanes]
    networks = config.seeds * sum(lane.networks for lane in lanes)
    hand = ceil(config.seeds / workers) if workers else config.seeds
    # Lanes of one process take turns.
    batch = max(lane.batch * (hand if lane.stacks else 1) for lane in lanes)
    if config.seeds == 1 or not workers:
        return Cost(batch, networks, max(lane.data for lane in lanes), LIBRARIES)
    workers = min(workers, config.seeds * len(lanes))
    return Cost(workers * batch, networks, 0, workers * WORKER)
