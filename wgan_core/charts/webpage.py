"""A web page that opens without a network, with plotly in it: what a report of a run and a figure of the theory lab are."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from wgan_core.charts import theme
from wgan_core.charts.plotting import Figure

FONT = '"Source Sans Pro", "Source Sans 3", system-ui, sans-serif'
GRID = {"gridcolor": theme.LINES_ON_PAPER, "zerolinecolor": "#c9c9d0", "automargin": True}

STYLE = Template("""
body { font: 16px/1.5 $font; color: $ink; background: #fff; max-width: 1180px; margin: 0 auto; padding: 24px; }
h1 { font-size: 1.7rem; margin: 0 0 4px; } h2 { font-size: 1.25rem; margin: 36px 0 8px; } h3 { font-size: 1rem; margin: 0; }
p { margin: 4px 0; } .quiet { color: #6b6e7b; font-size: 0.88rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr)); gap: 24px 28px; }
.chart, .finding { break-inside: avoid; min-width: 0; } .wide { grid-column: 1 / -1; max-width: 720px; }
.lane { border-left: 6px solid; padding-left: 8px; } .finding { margin: 12px 0; }
.failed { border-left: 6px solid $vermilion; padding: 4px 12px; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid $line; font-weight: inherit; }
thead th { color: #6b6e7b; font-size: 0.88rem; } pre { overflow-x: auto; background: #f5f5f7; padding: 12px; }
""").substitute(font=FONT, ink=theme.printed(theme.INK), line=theme.LINES_ON_PAPER, vermilion=theme.VERMILION)
SCRIPT = """
const figures = JSON.parse(document.getElementById("figures").textContent);
for (const [id, figure] of Object.entries(figures)) {
  const config = { displaylogo: false, responsive: true, showSendToCloud: false };
  Plotly.newPlot(id, figure.data, figure.layout, config);
}
"""


def plotly_js() -> Path:
    """Where plotly's script lies, which draws a figure in a browser. Python's plotly is not imported for it."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("plotly is missing: pip install plotly")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


def document(title: str, body: str, figures: dict[str, Any]) -> str:
    """A web page with plotly in it.

    Parameters
    ----------
    body : str
        HTML, with an empty element for each figure.
    figures : dict
        Plotly's data and layout by the id of that element.
    """
    # Inside a script element only this sequence ends it, or opens what hides its end.
    data = json.dumps(_plain(figures), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    scripts = [plotly_js().read_text(encoding="utf-8"), SCRIPT]
    policy = f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {_hashes(scripts)}"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)} – WGAN Live</title><style>{STYLE}</style></head><body>{body}",
            f'<script type="application/json" id="figures">{data}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body></html>\n",
        )
    )


def _hashes(scripts: Sequence[str]) -> str:
    """What the page's policy calls these scripts, and no others."""
    digests = [hashlib.sha256(script.replace("\r\n", "\n").encode()).digest() for script in scripts]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def layout(figure: Figure, height: int) -> dict[str, Any]:
    """The look of a figure on a printed page, and its height in pixels."""
    found = dict(figure["layout"])
    for name in [name for name in found if name.startswith(("xaxis", "yaxis"))]:
        found[name] = GRID | found[name]
    named = sum(trace.get("showlegend") is not False for trace in figure["data"])
    return found | {
        "height": height,
        "margin": {"l": 56, "r": 52 if "yaxis2" in found else 16, "t": 40, "b": 44},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "font": {"family": FONT, "size": 12, "color": theme.printed(theme.INK)},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
        "showlegend": named > 1,
    }


def _plain(value: Any) -> Any:
    """A figure as JSON has it: arrays as lists, absent numbers as null, the page's colours as those of a light page."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.7g}") if np.isfinite(value) else None
    return theme.printed(value) if isinstance(value, str) else value
