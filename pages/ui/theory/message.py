"""A figure of the theory lab as a message for the page."""

from __future__ import annotations

import zlib

from pages.ui.live.packets import Packet, join, pack
from wgan_core.theory import Figure
from wgan_core.theory.plot import drawn, tables
from wgan_core.theory.result import Panel, Result, rows


def message(figure: Figure, result: Result) -> bytes:
    """All that the component draws, in one message that may be lost or come twice."""
    head = {
        "figure": figure.kind,
        "animated": figure.animated(),
        "progress": result.progress,
        "step": result.step,
        "reading": result.reading,
        "tables": tables(result),
        "rows": rows(result.panels),
    }
    return join(head, [_packet(figure, panel) for panel in result.panels])


def _packet(figure: Figure, panel: Panel) -> Packet:
    about = {
        "name": panel.name,
        "title": panel.title,
        "unit": "",
        "help": panel.help or " ".join(figure.says),
        "source": figure.source,
        "span": [name for name in ("wide", "tall") if getattr(panel, name)],
        "figure": drawn(panel),
    }
    text, arrays = pack(about)
    # The browser draws a panel again only where its tag has changed.
    return pack(about | {"tag": f"{zlib.crc32(arrays, zlib.crc32(text)):x}"})
