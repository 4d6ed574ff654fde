"""Rows and frames as bytes. Nothing of it is ever executed on the way back: numbers, shapes and names, no pickle."""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wgan_core.history import CLOCKS, Array, Floats, Snapshot

NAN = struct.pack("<d", math.nan)
# More than any snapshot has, and less than hurts.
MOST_ARRAYS, MOST_FRAME_BYTES = 64, 64_000_000
# Level 1 takes a third of the time of level 6, for about a tenth more bytes.
ZLIB_LEVEL = 1


class DamagedFrame(ValueError):
    """Bytes that no frame was stored as."""


# Rows


def pack_row(snapshot: Snapshot, names: list[str], seeds: int) -> bytes:
    """Clocks and scalars of a snapshot as float64, NaN where one is absent.

    Parameters
    ----------
    names : list[str]
        The lane's columns in order. New ones are appended: earlier rows are shorter then.
    seeds : int
        Numbers in each scalar.
    """
    for name in snapshot.scalars:
        if name not in names:
            names.append(name)
    clocks = (snapshot.step, snapshot.critic_steps, snapshot.seconds)
    found = [snapshot.scalars.get(name, math.nan) for name in names]
    if seeds == 1:
        return struct.pack(f"<{len(found) + 3}d", *clocks, *found)
    columns = [np.broadcast_to(np.asarray(value, "<f8"), seeds) for value in found]
    return struct.pack("<3d", *clocks) + b"".join(column.tobytes() for column in columns)


def unpack_rows(blobs: Sequence[bytes], names: Sequence[str], seeds: int) -> dict[str, Floats]:
    """The columns of some rows: clocks of shape (rows,), scalars too, or (rows, K) of K > 1 seeds. The arrays are copies."""
    width = 8 * (len(CLOCKS) + seeds * len(names))
    whole = b"".join(blob[:width] + NAN * ((width - len(blob)) // 8) for blob in blobs)
    table = np.ascontiguousarray(np.frombuffer(whole, "<f8").reshape(len(blobs), width // 8).T)
    columns: dict[str, Floats] = {name: table[i] for i, name in enumerate(CLOCKS)}
    for i, name in enumerate(names):
        start = len(CLOCKS) + seeds * i
        columns[name] = table[start] if seeds == 1 else np.ascontiguousarray(table[start : start + seeds].T)
    return columns


def unpack_snapshots(
    blobs: Sequence[bytes], names: Sequence[str], seeds: int, arrays: Sequence[Mapping[str, Array]]
) -> tuple[Snapshot, ...]:
    """Rows as the snapshots that they were, with arrays from elsewhere."""
    columns = unpack_rows(blobs, names, seeds)
    steps, critic_steps, seconds = (columns.pop(name).tolist() for name in CLOCKS)
    # Plain floats of one seed, arrays of several.
    values = {name: column.tolist() if seeds == 1 else list(column) for name, column in columns.items()}
    there = {name: np.isfinite(column.reshape(len(blobs), seeds)).max(1) for name, column in columns.items()}
    return tuple(
        Snapshot(
            int(steps[i]),
            int(critic_steps[i]),
            seconds[i],
            {name: of_all[i] for name, of_all in values.items() if there[name][i]},
            arrays[i],
        )
        for i in range(len(blobs))
    )


# Frames


def pack_arrays(arrays: Mapping[str, Array]) -> bytes:
    """Named arrays, compressed: the length of a JSON list of names, dtypes and shapes, that list, and the numbers.

    Bytes of one place value stand together, which is how numbers that resemble each other compress well.
    """
    header = json.dumps([[name, array.dtype.str, array.shape] for name, array in arrays.items()]).encode()
    planes = [np.ascontiguousarray(a).reshape(-1).view(np.uint8).reshape(-1, a.itemsize).T for a in arrays.values()]
    body = zlib.compress(b"".join(plane.tobytes() for plane in planes), ZLIB_LEVEL)
    return struct.pack("<I", len(header)) + header + body


def unpack_arrays(blob: bytes) -> dict[str, Array]:
    """What :func:`pack_arrays` was given. The arrays are read-only.

    Raises
    ------
    DamagedFrame
    """
    try:
        (length,) = struct.unpack_from("<I", blob)
        entries = [_entry(*each) for each in json.loads(blob[4 : 4 + length])]
        total = sum(dtype.itemsize * math.prod(shape) for _, dtype, shape in entries)
        if len(entries) > MOST_ARRAYS or total > MOST_FRAME_BYTES:
            raise DamagedFrame(f"{len(entries)} arrays of {total:,} bytes are too much")
        inflate = zlib.decompressobj()
        body = inflate.decompress(blob[4 + length :], total + 1)
        if len(body) != total or not inflate.eof:
            raise DamagedFrame("its numbers are cut off")
    except (struct.error, zlib.error, TypeError, ValueError, RecursionError) as error:
        raise DamagedFrame(f"A stored frame is damaged: {error}.") from None
    arrays: dict[str, Array] = {}
    offset = 0
    for name, dtype, shape in entries:
        size = math.prod(shape)
        planes = np.frombuffer(body, np.uint8, size * dtype.itemsize, offset).reshape(dtype.itemsize, size)
        arrays[name] = np.ascontiguousarray(planes.T).reshape(-1).view(dtype).reshape(shape)
        arrays[name].setflags(write=False)
        offset += size * dtype.itemsize
    return arrays


class StoredArrays(Mapping[str, Array]):
    """The arrays of a stored frame, unpacked when first asked for: of all frames of a run, few are looked at.

    A damaged frame has none.
    """

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._arrays: dict[str, Array] | None = None

    def _unpacked(self) -> dict[str, Array]:
        if self._arrays is None:
            try:
                self._arrays = unpack_arrays(self._blob)
            except DamagedFrame:
                self._arrays = {}
        return self._arrays

    def __getitem__(self, name: str) -> Array:
        return self._unpacked()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._unpacked())

    def __len__(self) -> int:
        return len(self._unpacked())


def _entry(name: Any, dtype: Any, shape: Any) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    found = np.dtype(str(dtype))
    if found.kind not in "biuf" or not all(type(n) is int and n >= 0 for n in shape):
        raise DamagedFrame(f"an array has type {dtype} and shape {shape}")
    return str(name), found, tuple(shape)
