"""A crew of worker processes, as the one who owns it sees them.

Processes, since threads would take turns at Python's lock. They are started afresh: torch's threads do not survive a fork,
and ``multiprocessing`` would import anew the program that started it, which may be a whole Streamlit server.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO, Any

from wgan_core.config import TrainingConfig
from wgan_core.host import ROOT
from wgan_core.members.group import Report, States
from wgan_core.members.sites import EnsembleFailed
from wgan_core.members.worker import pack, receive
from wgan_core.training.state import State

# A container's share of the cores: microseconds in each period, or "max".
QUOTA = Path("/sys/fs/cgroup/cpu.max")
# A worker that has not ended so long after its pipe was closed is killed.
GRACE_SECONDS = 1.0


class Crew:
    """Worker processes, shared by the ensembles that are given the crew.

    They start when an ensemble needs them, and end when the crew is closed or forgotten, or when this process ends in whatever
    way.

    Parameters
    ----------
    workers : int, optional
        Most workers. There are never more than cores, nor more than members. How members are put together does not hang on it,
        and neither do their numbers.
    """

    ahead = 1  # While all look at one chunk, workers do the next.

    def __init__(self, workers: int | None = None) -> None:
        self._cores = usable_cores()
        self._most = self._cores if workers is None else max(1, min(workers, self._cores))
        self._mail, self._workers, self._lock = _Mail(), list[Worker](), threading.Lock()
        self._dealt = self._lanes = 0
        self._end = weakref.finalize(self, _end, self._mail, self._workers, self._lock)
        # When Python exits, the end of their pipes ends them; before that, runs may still want to close in good order.
        self._end.atexit = False

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def hold(self, members: Mapping[int, TrainingConfig], states: Mapping[int, State]) -> tuple[int, list[Worker]]:
        """Deal members out, in turn, into as many hands as there are cores, and the hands to the workers.

        Parameters
        ----------
        members : Mapping[int, TrainingConfig]
            Their configs, by place.
        states : Mapping[int, State]
            What members go on from that do not start anew.

        Returns
        -------
        lane : int
            The number under which these members are known from now on.
        workers : list[Worker]
            Those that have some of them.

        Raises
        ------
        EnsembleFailed
            The crew is closed or a worker has ended.
        """
        with self._lock:
            self._mail.check()
            hands = min(self._cores, self._dealt + len(members))
            while len(self._workers) < min(self._most, hands):
                self._workers.append(Worker(self._mail))
            dealt: dict[Worker, dict[int, dict[int, TrainingConfig]]] = {}
            for i, (k, config) in enumerate(members.items(), self._dealt):
                worker = self._workers[i % hands % len(self._workers)]
                dealt.setdefault(worker, {}).setdefault(i % hands, {})[k] = config
            self._dealt += len(members)
            self._lanes += 1
            lane = self._lanes
        for worker, held in dealt.items():
            its = {k: states[k] for hand in held.values() for k in hand if k in states}
            worker.send((lane, "hold", (list(held.values()), its)))
        return lane, list(dealt)

    def leave(self, lane: int) -> None:
        """Forget the members of a lane."""
        for worker in list(self._workers):
            worker.send((lane, "leave", None))

    def wait(self, lane: int, seconds: float) -> list[tuple[Worker, Report]]:
        """What has come for a lane, as soon as there is something; nothing after so many seconds.

        Raises
        ------
        EnsembleFailed
            The crew is closed or a worker has ended.
        """
        return self._mail.take((lane, "report"), monotonic() + seconds)

    def states(self, lane: int, workers: Sequence[Worker], chunk: int, seconds: float) -> States:
        """The states of a lane's members at the end of a chunk that all have done, by place.

        Raises
        ------
        EnsembleFailed
            The crew is closed, a worker has ended, or one has not answered after so many seconds.
        """
        deadline = monotonic() + seconds
        for worker in workers:
            worker.send((lane, "states", chunk))
        found: States = {}
        answered = 0
        while answered < len(workers):
            news = self._mail.take((lane, "states"), deadline)
            if not news:
                raise EnsembleFailed(
                    "A worker process does not answer.", "Try again when this computer has less to do."
                )
            for _, states in news:
                found |= states
            answered += len(news)
        return found

    def close(self) -> None:
        """End all workers, whatever they are at. May be called again, and from any thread."""
        self._end()


class Worker:
    """One worker process, and the thread that reads what it sends."""

    def __init__(self, mail: _Mail) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            # -P: a file in the directory that we happen to be in must not stand in for a module.
            [sys.executable, "-P", "-m", "wgan_core.members.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=worker_environment(),
        )
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, args=(mail,), name="worker-reader", daemon=True)
        self._reader.start()

    def send(self, message: tuple[int, str, Any]) -> None:
        """Send an order. Does not wait, and does not complain if the process has ended: its reader tells."""
        assert self.process.stdin is not None
        with self._lock, suppress(OSError, ValueError):
            self.process.stdin.write(pack(message))
            self.process.stdin.flush()

    def hang_up(self) -> None:
        """Close its pipe, at which the process ends, whatever it is at. Does not wait for that."""
        assert self.process.stdin is not None
        # Where someone is stuck sending to it, the process has stopped reading and will have to be killed.
        if self._lock.acquire(timeout=0.1):
            with suppress(OSError):  # what was still to be written
                self.process.stdin.close()
            self._lock.release()

    def end(self) -> None:
        """Wait for the process, and see to it that it ends. No trace of it is left."""
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._reader is not threading.current_thread():
            self._reader.join()
        with self._lock:
            for stream in (self.process.stdin, self.process.stdout, self._errors):
                assert stream is not None
                with suppress(OSError):
                    stream.close()

    def _read(self, mail: _Mail) -> None:
        assert self.process.stdout is not None
        try:
            while True:
                lane, kind, content = pickle.loads(receive(self.process.stdout))
                mail.put((lane, kind), self, content)
        except EOFError:
            pass
        except BaseException:
            self.process.kill()
            raise
        finally:
            mail.put_end(*self._obituary(self.process.wait()))

    def _obituary(self, status: int) -> tuple[str, str, str]:
        """What to say of a worker that has ended and was to go on: message, cause, details."""
        if status < 0:
            name = signal.Signals(-status).name
            return (
                f"A worker process was ended from outside ({name}).",
                "The system does that when memory runs out: train fewer seeds, or smaller networks.",
                "",
            )
        self._errors.seek(0)
        errors = self._errors.read().decode(errors="replace").strip()
        last = errors.splitlines()[-1] if errors else "it left no message"
        return (
            f"A worker process ended with status {status}: {last}",
            "This is likely a fault in the software; the traceback says where.",
            errors,
        )


class _Mail:
    """What workers have sent, by lane and kind, for whoever waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._letters: dict[tuple[int, str], list[tuple[Worker, Any]]] = {}
        self._end: tuple[str, str, str] | None = None

    def put(self, about: tuple[int, str], worker: Worker, content: Any) -> None:
        with self._changed:
            self._letters.setdefault(about, []).append((worker, content))
            self._changed.notify_all()

    def put_end(self, message: str, cause: str, details: str = "") -> None:
        with self._changed:
            self._end = self._end or (message, cause, details)
            self._changed.notify_all()

    def check(self) -> None:
        if self._end is not None:
            raise EnsembleFailed(*self._end)

    def take(self, about: tuple[int, str], deadline: float) -> list[tuple[Worker, Any]]:
        with self._changed:
            left = max(0.0, deadline - monotonic())
            self._changed.wait_for(lambda: self._end is not None or about in self._letters, left)
            self.check()
            return self._letters.pop(about, [])


def _end(mail: _Mail, workers: Sequence[Worker], lock: threading.Lock) -> None:
    mail.put_end("The ensemble was closed.", "Start it again.")
    with lock:
        for worker in workers:
            worker.hang_up()
        for worker in workers:
            worker.end()


def usable_cores() -> int:
    """Cores that this process may use: those it may run on, or its container's share of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        share, period = QUOTA.read_text().split()
        cores = min(cores, max(1, round(int(share) / int(period))))
    return cores


def worker_environment() -> dict[str, str]:
    """Ours, with the software importable from any directory, one thread in each library, and no GPU to look for."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    libraries = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **libraries, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}
