"""How fast this computer is now: three small things are timed, once, and stand for a step of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter, thread_time

import torch
from torch import Generator

from wgan_core.limits.cost import Operations
from wgan_core.metrics import EM_SAMPLES, exact_em

SIDE, NUMBERS, SMALL = 256, 1_000_000, 64
# A step's products and convolutions reach so much of the rate of one large product.
REACHED = 0.75


@dataclass(frozen=True)
class MachineSpeed:
    """Seconds of one floating-point operation of a product, of one byte that is moved, of one call, and of one exact W1."""

    flop: float
    byte: float
    call: float
    w1: float

    def seconds(self, work: Operations) -> float:
        """About how long some work takes."""
        return work.flops * self.flop + work.bytes * self.byte + work.calls * self.call


@lru_cache
def speed(device: torch.device) -> MachineSpeed:
    """That of a device, with one thread on the CPU. The first time takes about a tenth of a second."""
    cpu = torch.device("cpu")
    rng = Generator(cpu).manual_seed(0)
    a = torch.randn(SIDE, SIDE, generator=rng, dtype=torch.float32, device=cpu).to(device)
    x, small = (torch.zeros(n, dtype=torch.float32, device=device) for n in (NUMBERS, SMALL))
    points = torch.randn(2, EM_SAMPLES, 2, generator=rng, dtype=torch.float32, device=cpu)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return MachineSpeed(
            flop=_least(lambda: a @ a, device) / (2 * SIDE**3) / REACHED,
            byte=_least(lambda: x + x, device) / (2 * 4 * NUMBERS),
            # Beside the operation itself there is what Python and autograd do about it.
            call=4 * _least(lambda: [small + small for _ in range(50)], device) / 50,
            w1=_least(lambda: exact_em(*points), cpu, repeats=1),
        )
    finally:
        torch.set_num_threads(threads)


def _least(action: Callable[[], object], device: torch.device, repeats: int = 3) -> float:
    """The least time of a few: on the CPU that of this thread, whatever else the computer is at."""
    on_cpu = device.type == "cpu"
    clock = thread_time if on_cpu else perf_counter
    found = []
    for _ in range(repeats):
        start = clock()
        action()
        if not on_cpu:
            torch.accelerator.synchronize(device)
        found.append(clock() - start)
    return min(found)
