"""Packets: figures as bytes, each built once and shared by all who watch.

A packet is a panel of the page: its JSON, in which each array stands as ``{"$": [offset, size, type, shape]}``, and the
arrays' bytes. ``assets/live.js`` reads them back.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from pages.ui.documents import guide_to
from wgan_core.charts.plotting import Chart, Figure
from wgan_core.host import Cache

T = TypeVar("T")
Packet = tuple[bytes, bytes]
KEPT_PACKETS = 600
KEPT_MESSAGES = 32


_packets: Cache[Packet] = Cache(KEPT_PACKETS)


def packet(chart: Chart, key: Any, draw: Callable[[], Figure | None], **more: Any) -> Packet:
    """A panel's packet. Equal keys are equal figures: the browser draws each only once.

    Parameters
    ----------
    key
        Whatever the figure depends on.
    **more
        Further fields of the panel: its name where it is not the chart's, its group, its lane.
    """
    key = (chart.name, chart.title, key, repr(more))
    about = {
        "name": chart.name,
        "title": chart.title,
        "unit": chart.unit,
        "help": chart.help,
        "source": chart.source,
        "guide": guide_to(chart.title),
        "wide": chart.wide,
        "time": not chart.moment,
        "tag": f"{zlib.crc32(repr(key).encode()):x}",
    }
    return _packets.get(key, lambda: pack(about | more | {"figure": draw()}))


def pack(panel: dict[str, Any]) -> Packet:
    """JSON and arrays of a panel."""
    blob = bytearray()
    # Curves of one chart share their x: it is stored once. The arrays are kept, so that no other can get their id.
    stored: dict[int, tuple[np.ndarray[Any, Any], dict[str, Any]]] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if id(value) not in stored:
                stored[id(value)] = value, _store(value, blob)
            return stored[id(value)][1]
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return value

    return json_bytes(walk(panel)), bytes(blob)


def _store(array: np.ndarray[Any, Any], blob: bytearray) -> dict[str, Any]:
    array = np.ascontiguousarray(array, "<f8" if array.dtype == np.float64 else "<f4")
    blob.extend(b"\0" * (-len(blob) % 8))
    place = [len(blob), array.size, "f8" if array.dtype.itemsize == 8 else "f4", list(array.shape)]
    blob.extend(array.tobytes())
    return {"$": place}


def json_bytes(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def join(head: dict[str, Any], packets: list[Packet]) -> bytes:
    """A message: the number of its parts and their lengths as uint32, then the parts, each padded to 8 bytes.

    The first part is the head, then come JSON and arrays of each packet in turn.
    """
    parts = [json_bytes(head), *(part for packet in packets for part in packet)]
    padded = [part + b" " * (-len(part) % 8) for part in parts]
    sizes = [len(parts), *map(len, padded)]
    sizes += [0] * (len(sizes) % 2)
    return np.array(sizes, "<u4").tobytes() + b"".join(padded)
