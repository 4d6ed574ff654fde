"""How much memory there is for trainings, and who has been promised how much of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from wgan_core.schema import ConfigError, Problem

VARIABLE = "WGAN_MEMORY_MB"
MB = 1_000_000
# Where Linux says what a container or a service may take; a test has its own.
CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
# Files of a cgroup, of version 2 and 1: its limit, what is used of it, and what of that is given back when it is needed.
V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def free(device: torch.device) -> int:
    """Bytes that are free on a device now: on the CPU what the computer and the container's limit leave."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min([int(psutil.virtual_memory().available), *_left_in_cgroups()])


def _left_in_cgroups() -> Iterator[int]:
    """What is left below each limit that holds for this process: its own cgroup's, and those of the ones around it."""
    with suppress(OSError, ValueError):
        for line in OWN_CGROUPS.read_text().splitlines():
            _, controllers, place = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            root, names = (CGROUPS / "memory", V1) if controllers else (CGROUPS, V2)
            inside = root / place.lstrip("/")
            # In a container the path may be the host's, and its own limit stands at the root.
            for folder in dict.fromkeys((root, inside, *inside.parents)):
                if folder.is_relative_to(root):
                    yield from _left(folder, *names)


def _left(folder: Path, limit: str, usage: str, inactive: str) -> Iterator[int]:
    with suppress(OSError, ValueError):  # without a limit the file says “max”, or is not there
        most, used = int((folder / limit).read_text()), int((folder / usage).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        yield max(0, most - used + int(stat.get(inactive, 0)))


def given() -> int | None:
    """The bytes that ``WGAN_MEMORY_MB`` allows to all trainings of this process together, or None where it is not set.

    Raises
    ------
    ConfigError
        It is no whole number of megabytes.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isdecimal() and len(text) <= 9 and int(text) > 0):
        raise ConfigError(
            [Problem(VARIABLE, f"must be a whole number of megabytes from 1 to 999,999,999; you gave “{text[:40]}”")]
        )
    return int(text) * MB


@dataclass(frozen=True)
class Promise:
    """What someone was promised: bytes, and worker processes."""

    bytes: int
    workers: int = 0


class Room:
    """What trainings on one device may take together, and what has been promised to those that run.

    Without a limit that someone has set it is half of what was free when nothing ran; on a GPU of its own memory all of it.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.lock = threading.Lock()
        self.promised: dict[str, Promise] = {}
        self._whole = 0

    @property
    def whole(self) -> int:
        """Bytes for all trainings together."""
        own = self.device.type == "cuda"
        if not own and (limit := given()) is not None:
            return limit
        if not self.promised or not self._whole:
            self._whole = free(self.device) // (1 if own else 2)
        return self._whole

    @property
    def left(self) -> int:
        """Bytes that nobody was promised."""
        return self.whole - sum(promise.bytes for promise in self.promised.values())

    @property
    def workers(self) -> int:
        """Worker processes of all that run."""
        return sum(promise.workers for promise in self.promised.values())


_rooms: dict[str, Room] = {}


def room(device: torch.device) -> Room:
    """The one room of a device in this process."""
    name = str(device) if device.type == "cuda" else "cpu"
    return _rooms.setdefault(name, Room(torch.device(name)))
