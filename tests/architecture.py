"""The architecture as a list of floors, what the imports say, and the picture of both: ``python -m tests.make_docs``."""

from __future__ import annotations

import ast
import html
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# From the ground up. A room imports from the floors below it, never across its own.
CORE_FLOORS: tuple[tuple[str, ...], ...] = (
    ("schema", "host"),
    ("networks", "datasets", "optimisers"),
    ("objectives",),
    ("config",),
    ("history", "lessons"),
    ("charts", "coach", "metrics"),
    ("limits",),
    ("training",),
    ("members", "eject", "store", "theory"),
    ("export",),
    ("runs", "explore"),
    ("experiments",),
    ("cli",),
)
PAGES_FLOORS: tuple[tuple[str, ...], ...] = (
    ("text", "documents", "scripts"),
    ("form",),
    ("live",),
    ("runs", "theory", "shell"),
    ("samples", "experiments"),
)
# The way of a number from a config to a chart, in the order in which it goes through rooms.
WAY = {
    "wgan_core.config": 1,
    "wgan_core.training": 2,
    "wgan_core.metrics": 3,
    "wgan_core.runs": 4,
    "wgan_core.store": 5,
    "wgan_core.history": 6,
    "wgan_core.charts": 7,
    "pages.ui.live": 8,
}


@cache
def modules() -> dict[str, Path]:
    """All modules of the core and of the pages by dotted name."""
    found = {}
    for path in (*ROOT.glob("wgan_core/**/*.py"), *ROOT.glob("pages/**/*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


@cache
def imports_of(name: str) -> frozenset[str]:
    """Dotted names of all that a module imports, wherever in the file, under TYPE_CHECKING too."""
    found: set[str] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively; the order is checked on absolute names"
            assert node.module
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in modules() else node.module)
    return frozenset(found)


@cache
def named_in(name: str) -> frozenset[str]:
    """Modules that a module names in a text, as one does to import them late."""
    texts = {
        node.value for node in ast.walk(tree(name)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return frozenset(text for text in texts if text in modules() and "." in text)


def room_of(name: str, house: str) -> str:
    """The room of a module in ``wgan_core`` or ``pages.ui``, "" for what is outside of the house or its front door."""
    inside = name.removeprefix(f"{house}.")
    room = "" if inside == name else inside.split(".")[0]
    return "" if room == "__main__" else room


def circles() -> list[list[str]]:
    """Modules that import each other, round and round: strongly connected components of more than one."""
    done: set[str] = set()
    found = []
    for name in modules():
        if name in done:
            continue
        around = [other for other in reached(name) if name in reached(other)]
        done |= {name, *around}
        if len(around) > 1:
            found.append(sorted(around))
    return found


@cache
def reached(name: str) -> frozenset[str]:
    """Every module that one imports, directly or through others."""
    found: set[str] = set()
    waiting = list(imports_of(name))
    while waiting:
        if (other := waiting.pop()) in modules() and other not in found:
            found.add(other)
            waiting += imports_of(other)
    return frozenset(found)


def summary(name: str) -> str:
    """The first sentence of a room's docstring."""
    words = (ast.get_docstring(tree(name)) or "").split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.])\s", words)[0].rstrip(".")


WIDTH, HIGH, GAP, LEFT = 1180, 64, 12, 96


def picture() -> str:
    """The house from the roof down, as SVG."""
    shown = [("pages.ui", floor) for floor in reversed(PAGES_FLOORS)] + [
        ("wgan_core", floor) for floor in reversed(CORE_FLOORS)
    ]
    parts, top = [], 84
    parts.append(_box("app.py, pages/*.py", "one thin script a page", LEFT, 12, WIDTH - LEFT - GAP, None))
    for house, floor in shown:
        wide = (WIDTH - LEFT - GAP * len(floor)) / len(floor)
        for i, room in enumerate(floor):
            name = f"{house}.{room}"
            parts.append(_box(room, summary(name), LEFT + i * (wide + GAP), top, wide, WAY.get(name)))
        top += HIGH + GAP
        if (house, floor) == ("pages.ui", PAGES_FLOORS[0]):
            parts.append(f'<path d="M0 {top - 2} H{WIDTH}" stroke="#808495" stroke-dasharray="4 4"/>')
            parts.append(
                _side("pages/ui/", 84, top - GAP) + _side("wgan_core/", top, top + len(CORE_FLOORS) * (HIGH + GAP))
            )
            top += GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" font-family="system-ui, sans-serif" role="img">'
        "<title>The rooms of WGAN Live, floor by floor: each imports from the floors below it</title>"
        f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _side(word: str, top: float, bottom: float) -> str:
    at = f"20 {(top + bottom) / 2:.0f}"
    return (
        f'<text x="20" y="{at[3:]}" font-size="15" fill="#262730" transform="rotate(-90 {at})" text-anchor="middle">'
        f"{word}</text>"
    )


def _box(name: str, words: str, x: float, y: float, wide: float, step: int | None) -> str:
    lines = _wrapped(words, int(wide / 6.3))
    text = "".join(f'<tspan x="{x + 12:.0f}" dy="14">{html.escape(line)}</tspan>' for line in lines)
    mark = (
        f'<circle cx="{x + wide - 18:.0f}" cy="{y + 18}" r="11" fill="#0072B2"/>'
        f'<text x="{x + wide - 18:.0f}" y="{y + 22}" font-size="12" fill="#fff" text-anchor="middle">{step}</text>'
        if step
        else ""
    )
    return (
        f'<rect x="{x:.0f}" y="{y}" width="{wide:.0f}" height="{HIGH}" rx="6" fill="#f5f5f7" stroke="#c9c9d0"/>'
        f'<text x="{x + 12:.0f}" y="{y + 21}" font-size="15" font-weight="600" fill="#262730">{html.escape(name)}</text>'
        f'<text y="{y + 24}" font-size="11" fill="#5b5e6b">{text}</text>{mark}'
    )


def _wrapped(words: str, most: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) + 1 > most and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) <= 2 else [lines[0], f"{lines[1].rstrip('.,;:')} …"]
