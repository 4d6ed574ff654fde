"""The command line's ``theory``: list the figures, or compute one and print or write it."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wgan_core.schema import ConfigError, Problem, allowed
from wgan_core.theory import FIGURES, build
from wgan_core.theory.figure import Figure
from wgan_core.theory.result import Result, plain, shown

USAGE = """\
python -m wgan_core theory [--json]
python -m wgan_core theory --figure NAME [--KNOB VALUE ...] [--preset NAME] [--json] [--out FILE.html|FILE.png]

Without --figure it lists the figures with their knobs"""
# Drawing the web page takes plotly, which this package does without: it is found by name when a page is asked for.


def main(arguments: Sequence[str]) -> int:
    """Run ``theory``, the command first. Returns the exit status: 0 done, 1 it could not be done, 2 bad arguments."""
    parser = argparse.ArgumentParser("python -m wgan_core", usage=USAGE, allow_abbrev=False)
    parser.add_argument("command", choices=("theory",))
    parser.add_argument("--figure", metavar="NAME")
    parser.add_argument("--preset", metavar="NAME")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", metavar="FILE")
    known, rest = parser.parse_known_args(arguments)
    try:
        if known.figure is None:
            if rest or known.preset or known.out:
                raise ConfigError([Problem("figure", f"a name is needed; there are {', '.join(FIGURES)}")])
            print(json.dumps(listing(), ensure_ascii=False) if known.json else _text_list())
            return 0
        figure = build(known.figure, _preset(known.figure, known.preset) | _flags(rest))
        write = None if known.out is None else _writer(known.out)
        result = figure.compute()
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 2
    if known.json:
        print(json.dumps(entry(figure) | {"settings": figure.model_dump(exclude={"kind"})} | plain(result)))
    else:
        print(_text(figure, result))
    if write is None:
        return 0
    try:
        Path(known.out).write_bytes(write(figure, result))
    except OSError as error:
        print(f"error: “{known.out}” cannot be written ({error.strerror})", file=sys.stderr)
        return 1
    return 0


def entry(figure: type[Figure] | Figure) -> dict[str, Any]:
    """What a figure is, without its numbers."""
    return {
        "figure": (figure if isinstance(figure, type) else type(figure)).model_fields["kind"].default,
        "title": figure.label,
        "source": figure.source,
        "formula": figure.formula,
        "says": " ".join(figure.says),
    }


def listing() -> list[dict[str, Any]]:
    """All figures with their knobs and presets."""
    return [
        entry(figure)
        | {
            "presets": figure.presets,
            "knobs": [
                {"name": name, "default": field.default, "allowed": allowed(field), "help": field.description}
                for name, field in figure.model_fields.items()
                if name != "kind"
            ],
        }
        for figure in FIGURES.values()
    ]


def _text_list() -> str:
    lines = []
    for found in listing():
        lines += [f"{found['figure']:<20}{found['title']}", f"{'':<20}{found['source']}"]
        lines += [f"{'':<20}{knob['name']} = {knob['default']}  ({knob['allowed']})" for knob in found["knobs"]]
    return "\n".join(lines)


def _preset(name: str, preset: str | None) -> dict[str, Any]:
    if preset is None:
        return {}
    known = build(name).presets
    if preset not in known:
        raise ConfigError([Problem("preset", f"must be one of {', '.join(known)}; you gave “{preset[:60]}”")])
    return known[preset]


def _flags(items: Sequence[str]) -> dict[str, str]:
    """``--knob value`` and ``--knob=value`` by name."""
    found: dict[str, str] = {}
    rest = iter(items)
    for item in rest:
        if not item.startswith("--"):
            raise ConfigError([Problem("", f"“{item[:60]}” stands where a flag, --knob value, was expected")])
        name, equals, value = item[2:].partition("=")
        if not equals and (value := next(rest, "")) == "":
            raise ConfigError([Problem(name, "a value is missing")])
        found[name] = value
    return found


def _writer(path: str) -> Any:
    """From a figure and its result to the bytes of a file, by the name's ending. Refused before anything is computed."""
    ending = Path(path).suffix.lower()
    if ending == ".html":
        from wgan_core.theory.plot import page

        return lambda figure, result: page(figure, result).encode()
    if ending == ".png":
        if importlib.util.find_spec("matplotlib") is None:
            raise ConfigError([Problem("out", "a PNG needs the package matplotlib: pip install matplotlib")])
        from wgan_core.theory.png import png

        return png
    raise ConfigError([Problem("out", f"must end in .html or .png; you gave “{path[:60]}”")])


def _text(figure: Figure, result: Result) -> str:
    """The numbers, each with its closed form."""
    lines = [f"{figure.label} ({figure.source})", result.reading]
    width = max((len(number.name) for number in result.numbers), default=0) + 2
    for number in result.numbers:
        meets = {True: "meets", False: "MISSES", None: ""}[number.holds]
        closed = f"{meets} {shown(number.expected)}" if meets else ""
        lines.append(f"{number.name:<{width}}{shown(number.value):>12}  {closed:<20} {number.note}".rstrip())
    for table in result.tables:
        widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
        lines += ["", table.title]
        for row in (table.columns, *table.rows):
            lines.append("  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip())
    return "\n".join(line for line in lines if line or line == "")
