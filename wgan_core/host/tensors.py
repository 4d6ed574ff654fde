"""Named arrays as safetensors: numbers, shapes and names, and nothing that could run. Looked at before it is read."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

Array = NDArray[Any]

# What the arrays of a run have: floats, whole numbers, bytes, flags.
KINDS = {"F64", "F32", "I64", "I32", "U8", "BOOL"}
LENGTH_BYTES = 8
MOST_TENSORS = 20_000
# Names and shapes of that many, or a config with a large drawing in it.
MOST_HEADER_BYTES = 8_000_000


class BadTensors(ValueError):
    """Bytes that are no safetensors, or hold what nothing here needs."""


def pack(arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> bytes:
    """Arrays by name, in the byte order of the format."""
    return bytes(
        safetensors.numpy.save(
            {name: np.asarray(a, a.dtype.newbyteorder("<"), order="C") for name, a in arrays.items()},
            dict(metadata) if metadata else None,
        )
    )


def unpack(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the metadata that were packed.

    Raises
    ------
    BadTensors
    """
    metadata = look_at_header(data, len(data))
    try:
        return dict(safetensors.numpy.load(data)), metadata
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise BadTensors(f"it is not a safetensors file ({_first_line(error)})") from None


def header_bytes(data: bytes, size: int) -> int:
    """How many of the first bytes of a file of some size are its table of contents, from its first eight or more.

    Raises
    ------
    BadTensors
    """
    if len(data) < LENGTH_BYTES:
        raise BadTensors("it is cut off")
    (length,) = struct.unpack_from("<Q", data)
    if length > min(MOST_HEADER_BYTES, size - LENGTH_BYTES):
        raise BadTensors("it is not a safetensors file, or it is cut off")
    return LENGTH_BYTES + int(length)


def look_at_header(data: bytes, size: int) -> dict[str, str]:
    """The metadata of a file of some size, from its table of contents, which is checked. The arrays need not be in ``data``.

    Raises
    ------
    BadTensors
    """
    end = header_bytes(data, size)
    try:
        header = json.loads(data[LENGTH_BYTES:end])
    except (ValueError, RecursionError):
        raise BadTensors("its table of contents is not JSON") from None
    if not isinstance(header, dict):
        raise BadTensors("its table of contents is not an object")
    metadata: Any = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise BadTensors("its metadata is not text by name")
    if len(header) > MOST_TENSORS:
        raise BadTensors(f"it has {len(header):,} arrays, {MOST_TENSORS:,} are allowed")
    for name, about in header.items():
        if not isinstance(about, dict) or about.get("dtype") not in KINDS:
            raise BadTensors(f"“{name[:40]}” is of a type that no run has")
    return metadata


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
