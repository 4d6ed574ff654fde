"""Which device a run trains on, and on how many threads of the CPU."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


class DeviceError(Exception):
    """The device that was asked for is not there."""


def available() -> list[str]:
    """Names of the devices of this machine, the best first; always ends with ``cpu``."""
    names = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def resolve(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps`` into a device that is there.

    Raises
    ------
    DeviceError
        The device is absent. The message lists what there is.
    """
    names = available()
    if name == "auto":
        name = names[0]
    elif name == "cuda" and "cuda:0" in names:
        name = "cuda:0"
    if name not in names:
        raise DeviceError(f"device {name!r} is not available here; this machine has {', '.join(['auto', *names])}.")
    return torch.device(name)


def describe(device: torch.device) -> str:
    """A name for people, e.g. ``CPU`` or ``NVIDIA H100 (cuda:0)``."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    return "Apple GPU (mps)" if device.type == "mps" else "CPU"


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many threads, and leave the caller's number as it was.

    The number belongs to the calling thread. Sums that are split differently have other last digits.
    """
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def on_threads(count: int, work: Iterator[T]) -> Iterator[T]:
    """The same items, each made with so many threads: in between, and after the last, the caller has its own number.

    Examples
    --------
    >>> before = torch.get_num_threads()
    >>> [(n, torch.get_num_threads() == before) for n in on_threads(3, (torch.get_num_threads() for _ in range(2)))]
    [(3, True), (3, True)]
    """
    try:
        while True:
            with threads(count):
                try:
                    item = next(work)
                except StopIteration:
                    return
            yield item
    finally:
        if isinstance(work, Generator):
            work.close()
