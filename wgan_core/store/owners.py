"""Owners: which process trains a run, and whether it is still there.

A process that is killed has no time to say so. Its runs are recognised by their owner being gone.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import time

# An owner on another machine that has not been heard of for so long is taken to be gone.
SILENCE_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True)
class Owner:
    """A process: where it runs, its number there, and when it started, since numbers are given out again."""

    host: str
    pid: int
    started: str


def this_process() -> Owner:
    return Owner(_host(), os.getpid(), _started(os.getpid()) or "")


def is_alive(owner: Owner, heartbeat: float) -> bool:
    """Whether an owner is still there, judged by its process on this machine, by its last sign of life on others."""
    if owner.host == _host():
        started = _started(owner.pid)
        if started is not None:
            return started == owner.started
    return abs(time() - heartbeat) < SILENCE_SECONDS


@cache
def _host() -> str:
    """This machine since it was started, and within it this container: where a process number means one process."""
    found = [socket.gethostname()]
    with suppress(OSError):
        found.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        found.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return "/".join(found)


def _started(pid: int) -> str | None:
    """When a process started, "" if there is none with this number, None if this system does not tell."""
    if not Path("/proc/self/stat").exists():
        return None if os.name != "posix" or _exists(pid) else ""
    try:
        # The name, in brackets, may hold spaces and brackets itself.
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    state, started = after_name[0], after_name[19]
    return "" if state in "ZX" else started


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
