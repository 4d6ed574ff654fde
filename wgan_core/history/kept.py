"""What is kept of a training in bounded memory, however long it is: rows of numbers, and whole snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.history.snapshot import CLOCKS, Floats, Snapshot

# Rows kept of a history; frames kept for looking back: about 4 MB a lane of points, and 20 MB of images.
HISTORY_ROWS, POINT_FRAMES, IMAGE_FRAMES = 1024, 256, 48


def frames_kept(config: TrainingConfig) -> int:
    """How many frames of a training are kept."""
    return IMAGE_FRAMES if config.dataset.is_image else POINT_FRAMES


class Thinning:
    """Which of an endless row of things to keep when there is room for ``capacity``.

    When all places are taken, every other thing is dropped, and from then on only every second one is kept: what stays is
    evenly spaced over the whole row, however long it is.
    """

    def __init__(self, capacity: int, seen: int = 0) -> None:
        self.capacity, self._seen = capacity, seen
        self._stride = 1
        while (capacity - 1) * self._stride < seen - 1:
            self._stride *= 2
        self._kept = self.kept_of(seen)

    def kept_of(self, seen: int) -> int:
        """How many of the first things are among those kept now."""
        return -(-seen // self._stride)

    def offer(self) -> tuple[bool, bool]:
        """For the next thing: whether to drop every other one first, and whether to keep this one."""
        halve = self._kept == self.capacity
        if halve:
            self._kept = (self._kept + 1) // 2
            self._stride *= 2
        keep = self._seen % self._stride == 0
        self._kept += keep
        self._seen += 1
        return halve, keep


class Frames:
    """Whole snapshots over time, evenly thinned, the newest always among them: what looking back shows.

    Examples
    --------
    >>> frames = Frames(capacity=4)
    >>> for step in range(100):
    ...     frames.append(Snapshot(step, step, 0.0, {}))
    >>> [frame.step for frame in frames.all()]
    [0, 64, 99]
    """

    def __init__(self, capacity: int) -> None:
        self._thinning = Thinning(capacity)
        self._kept: list[Snapshot] = []
        self._newest: Snapshot | None = None

    @classmethod
    def resumed(cls, capacity: int, frames: Sequence[Snapshot], seen: int) -> Frames:
        """Those of a training that goes on after ``seen`` snapshots, from what :meth:`all` gave then."""
        found = cls(capacity)
        found._thinning = Thinning(capacity, seen)
        kept = found._thinning.kept_of(seen)
        found._kept = list(frames[:kept])
        found._newest = frames[-1] if len(frames) > kept else None
        return found

    def append(self, snapshot: Snapshot) -> None:
        halve, keep = self._thinning.offer()
        if halve:
            self._kept = self._kept[::2]
        if keep:
            self._kept.append(snapshot)
        self._newest = None if keep else snapshot

    def all(self) -> tuple[Snapshot, ...]:
        """The frames, oldest first."""
        return (*self._kept, self._newest) if self._newest is not None else tuple(self._kept)


class History:
    """The scalars of a run over time, in bounded memory, evenly thinned. The newest row is always there.

    Parameters
    ----------
    capacity : int
        Most rows.
    seeds : int
        Numbers in each scalar of the snapshots: 1 for plain numbers, K for arrays of shape (K,).

    Examples
    --------
    >>> history = History(capacity=4)
    >>> for step in range(100):
    ...     history.append(Snapshot(step, step, 0.0, {"w1": float(step)}))
    >>> history.columns()["step"].tolist()
    [0.0, 64.0, 99.0]
    """

    def __init__(self, capacity: int = HISTORY_ROWS, seeds: int = 1) -> None:
        self.seeds = seeds
        self._names: dict[str, int] = {name: i for i, name in enumerate(CLOCKS)}
        self._rows = np.full((capacity, len(CLOCKS) + 24, seeds), np.nan)
        self._thinning = Thinning(capacity)
        self._count = 0
        self._newest: Floats | None = None

    @classmethod
    def resumed(cls, columns: Mapping[str, Floats], seen: int, capacity: int = HISTORY_ROWS, seeds: int = 1) -> History:
        """That of a training that goes on after ``seen`` snapshots, from what :meth:`columns` gave then."""
        found = cls(capacity, seeds)
        found._thinning = Thinning(capacity, seen)
        found._names = {name: i for i, name in enumerate(columns)}
        wide = [column if column.ndim > 1 else column[:, None] for column in columns.values()]
        table = np.stack([np.broadcast_to(column, (len(column), seeds)) for column in wide], axis=1)
        found._count = min(found._thinning.kept_of(seen), len(table))
        found._rows = np.full((capacity, max(table.shape[1], found._rows.shape[1]), seeds), np.nan)
        found._rows[: found._count, : table.shape[1]] = table[: found._count]
        if len(table) > found._count:
            found._newest = np.full(found._rows.shape[1:], np.nan)
            found._newest[: table.shape[1]] = table[-1]
        return found

    def append(self, snapshot: Snapshot) -> None:
        values = {name: getattr(snapshot, name) for name in CLOCKS} | dict(snapshot.scalars)
        for name in values:
            self._names.setdefault(name, len(self._names))
        if (missing := len(self._names) - self._rows.shape[1]) > 0:
            self._rows = np.pad(self._rows, ((0, 0), (0, missing), (0, 0)), constant_values=np.nan)
        row = np.full(self._rows.shape[1:], np.nan)
        for name, value in values.items():
            row[self._names[name]] = value
        halve, keep = self._thinning.offer()
        if halve:
            self._rows[: (self._count + 1) // 2] = self._rows[: self._count : 2].copy()
            self._count = (self._count + 1) // 2
        if keep:
            self._rows[self._count] = row
            self._count += 1
        self._newest = None if keep else row

    def columns(self) -> dict[str, Floats]:
        """Each clock and scalar as a float64 array, oldest first, NaN where it was absent. The arrays are copies.

        Clocks have shape (rows,), as have the scalars of one seed; those of K > 1 seeds have (rows, K).
        """
        rows = self._rows[: self._count]
        if self._newest is not None:
            newest = np.full((1, *rows.shape[1:]), np.nan)
            newest[0, : len(self._newest)] = self._newest
            rows = np.concatenate([rows, newest])
        columns = np.ascontiguousarray(rows.swapaxes(0, 1))
        first = columns[:, :, 0]
        return {name: first[i] if self.seeds == 1 or name in CLOCKS else columns[i] for name, i in self._names.items()}
