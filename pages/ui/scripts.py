"""Plotly's JavaScript and ours, where Streamlit serves it, so that no page asks another server."""

from __future__ import annotations

import hashlib
import shutil
from functools import cache

from streamlit.components.v1 import declare_component

from wgan_core.charts.webpage import plotly_js
from wgan_core.host import ASSETS, ROOT

STATIC = ROOT / "static"
PLOTLY = plotly_js()
OURS = sorted(path for path in ASSETS.iterdir() if path.suffix in (".js", ".css"))
# Browsers keep a script until its address changes.
VERSION = hashlib.sha256(b"".join(path.read_bytes() for path in OURS)).hexdigest()[:12]


@cache
def _places() -> tuple[str, str]:
    """Addresses of the folder of our scripts and of plotly's one.

    They are copied to ``static/``, which browsers keep for longest. Where this software may not write there, they are served
    from where they lie.
    """
    try:
        _copy()
    except OSError:
        ours = declare_component("assets", path=str(ASSETS))
        theirs = declare_component("plotly", path=str(PLOTLY.parent))
        return f"component/{ours.name}", f"component/{theirs.name}/{PLOTLY.name}"
    return "app/static", f"app/static/{PLOTLY.name}"


def _copy() -> None:
    STATIC.mkdir(exist_ok=True)
    target = STATIC / PLOTLY.name
    if not target.exists() or target.stat().st_size != PLOTLY.stat().st_size:
        shutil.copyfile(PLOTLY, target)
    for path in OURS:
        there = STATIC / path.name
        if not there.exists() or there.read_bytes() != path.read_bytes():
            shutil.copyfile(path, there)


def address(name: str) -> str:
    """The address of one of our scripts, from the address of the app."""
    ours, theirs = _places()
    return f"{ours}/{name}?v={VERSION}&plotly={theirs}"
