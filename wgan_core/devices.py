"""Which device a run trains on."""

from __future__ import annotations

import torch


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
