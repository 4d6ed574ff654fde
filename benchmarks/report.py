"""What all benchmarks share: paired ratios, tables, and the JSON that they leave."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass
class Table:
    """Rows of text under headings, a note, and the raw numbers behind them."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The table as plain text; numbers to the right."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]

        def line(cells: Sequence[str]) -> str:
            first, *rest = zip(cells, widths, strict=True)
            return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])

        ruled = "  ".join("─" * width for width in widths)
        return "\n".join([self.title, "", line(self.columns), ruled, *map(line, self.rows), "", *self.notes])


def paired(a: Sequence[float], b: Sequence[float]) -> float:
    """Median of aᵢ / bᵢ, where aᵢ and bᵢ were measured one right after the other."""
    return median(x / y for x, y in zip(a, b, strict=True))


def spread(a: Sequence[float], b: Sequence[float]) -> str:
    """The paired ratios' lowest and highest."""
    ratios = sorted(x / y for x, y in zip(a, b, strict=True))
    return f"{ratios[0]:.2f}–{ratios[-1]:.2f}"


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def machine() -> dict[str, Any]:
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load": psutil.getloadavg(),
    }


def write(name: str, table: Table, *, quick: bool) -> Path:
    """Write a table and its raw numbers as JSON."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    found = {"title": table.title, "quick": quick, **machine(), "rows": rows, "notes": table.notes, "raw": table.raw}
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path.relative_to(ROOT)
