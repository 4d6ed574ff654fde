"""Those who read every snapshot of a run, and for whom its training waits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from wgan_core.history import Snapshot

# Snapshots that training may be ahead of one who reads them all.
MOST_AHEAD = 100
# On Windows a signal is noticed between two waits only.
SIGNAL_SECONDS = 0.5


class Followers:
    """The readers of a run.

    Parameters
    ----------
    changed : threading.Condition
        The run's lock, notified of what there is to read, and of what was read.
    ended : threading.Event
        Nothing more will come.
    """

    def __init__(self, changed: threading.Condition, ended: threading.Event) -> None:
        self._changed, self._ended = changed, ended
        self._readers: list[deque[tuple[int, Snapshot]]] = []

    def follow(self) -> Iterator[tuple[int, Snapshot]]:
        """Every snapshot from now on, with the number of its lane, until the end."""
        coming: deque[tuple[int, Snapshot]] = deque()
        with self._changed:
            self._readers.append(coming)
        return self._read(coming)

    def _read(self, coming: deque[tuple[int, Snapshot]]) -> Iterator[tuple[int, Snapshot]]:
        while True:
            with self._changed:
                while not coming and not self._ended.is_set():
                    self._changed.wait(SIGNAL_SECONDS)
                if not coming:
                    return
                found = coming.popleft()
                self._changed.notify_all()
            yield found

    def hand_out(self, lane: int, snapshot: Snapshot, hurry: Callable[[], bool]) -> None:
        """Give a snapshot to all, under the lock. Waits for one that is far behind, unless there is a hurry."""
        self._changed.wait_for(lambda: hurry() or all(len(coming) < MOST_AHEAD for coming in self._readers))
        for coming in self._readers:
            coming.append((lane, snapshot))
        self._changed.notify_all()
