"""What the page says of experiments: times, sizes, and verdicts with a picture of each number. Nothing here imports streamlit."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import numpy as np

from wgan_core.experiments import OUTCOMES, PAPERS, Computed, Experiment, Quantity, Size, Standing, Verdict
from wgan_core.experiments.verdict import Outcome
from wgan_core.theory.result import shown

TITLES: dict[Size, str] = {"quick": "Quick", "full": "Full size", "control": "Control"}
SIGNS: dict[Outcome, str] = {"reproduced": "✓", "partly": "≈", "not": "✗"}
WIDTH, EDGE = 200, 9  # of a strip, in pixels
DECADES = 2.0  # above so many powers of ten between values, a strip is logarithmic


def sizes(experiment: Experiment) -> list[Size]:
    """The sizes that an experiment has, without a full one that is the quick one again."""
    parts: Mapping[Size, Any] = experiment.parts if isinstance(experiment, Computed) else experiment.legs
    return [size for size in TITLES if size in parts and not (size == "full" and parts[size] == parts.get("quick"))]


def size_title(experiment: Experiment, size: Size) -> str:
    """A size and the time that it was measured to take."""
    minutes = experiment.minutes.get(size)
    return TITLES[size] if minutes is None else f"{TITLES[size]}, about {duration(minutes)}"


def duration(minutes: float) -> str:
    """A time as people say it.

    Examples
    --------
    >>> [duration(minutes) for minutes in (0.01, 0.7, 3.2, 59.7, 150)]
    ['1 s', '42 s', '3 min', '1 h', '2.5 h']
    """
    if minutes < 1:
        return f"{max(1, round(60 * minutes))} s"
    return f"{round(minutes)} min" if minutes < 59.5 else f"{minutes / 60:.2g} h"


def counts(experiments: Iterable[str], board: Mapping[str, Standing | None]) -> dict[str, int]:
    """How many claims have which outcome, those that were never run last."""
    found: dict[str, int] = dict.fromkeys([*OUTCOMES.values(), "Never run"], 0)
    for name in experiments:
        standing = board.get(name)
        found[OUTCOMES[standing.verdict.outcome] if standing and standing.verdict else "Never run"] += 1
    return found


def value(number: Quantity) -> str:
    """A median and its interval."""
    low, high = number.interval
    return shown(number.median) + (f" [{shown(low)}, {shown(high)}]" if len(number.values) > 1 else "")


# Verdicts


def numbers(verdict: Verdict) -> str:
    """The numbers of a verdict as a table: each with its seeds on a strip, and whether it is as claimed."""
    rows = "".join(map(_row, verdict.numbers))
    head = "".join(f"<th scope='col'>{text}</th>" for text in ("Number", "Median", "Claimed", "", "Seeds"))
    return f"<div class='we-scroll'><table class='we-numbers'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _row(number: Quantity) -> str:
    mark, words = "", ""
    if number.judged:
        mark = "yes" if number.surely and number.holds else "no" if not number.holds else "unsure"
        words = {"yes": "✓", "no": "✗", "unsure": "≈"}[mark]
    meaning = {"yes": "as claimed", "no": "not as claimed", "unsure": "as claimed, but not in every seed", "": ""}[mark]
    name = html.escape(number.name)
    key = " <span class='we-key' title='It is the claim itself.'>key</span>" if number.key else ""
    note = f"<br><small>{html.escape(number.note)}</small>" if number.note else ""
    return (
        f"<tr><th scope='row'>{name}{key}{note}</th><td class='we-value'>{value(number)}</td>"
        f"<td>{html.escape(number.should)}</td><td class='we-{mark or 'none'}' title='{meaning}'>{words}</td>"
        f"<td>{strip(number)}</td></tr>"
    )


def strip(number: Quantity) -> str:
    """A small picture: where the claim wants a number, its interval, its seeds, its median.

    Made of spans, since Streamlit lets no SVG through.
    """
    place = _scale(number)

    def span(kind: str, left: float, right: float | None = None) -> str:
        width = "" if right is None else f"; width: {max(2.0, right - left):.1f}px"
        return f"<span class='we-{kind}' style='left: {left:.1f}px{width}'></span>"

    low, high = (place(end) for end in number.interval)
    parts = [span("claimed", place(number.low), place(number.high))] if number.judged else []
    parts.append(span("interval", low, high))
    parts += [span("seed", place(seed)) for seed in number.values if not math.isnan(seed)]
    parts.append(span("median", place(number.median)))
    label = f"{html.escape(number.name)}: {value(number)}" + (f", claimed {number.should}" if number.judged else "")
    return f"<div class='we-strip' role='img' aria-label='{label}'>{''.join(parts)}</div>"


def _scale(number: Quantity) -> Any:
    """From a value to its place on the strip. What is infinite lies at an end."""
    known = [x for x in (*number.values, number.low, number.high, *number.interval) if math.isfinite(x)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    log = low > 0 and math.log10(high / low) > DECADES
    ends = np.array([low, high])
    ends = np.log10(ends) if log else ends
    pad = 0.1 * (ends[1] - ends[0]) or max(0.5 * abs(ends[0]), 0.5)
    start, span = ends[0] - pad, ends[1] - ends[0] + 2 * pad

    def place(x: float) -> float:
        if math.isnan(x):
            return WIDTH / 2
        if math.isinf(x) or (log and x <= 0):
            return float(WIDTH if x > 0 else 0)
        return float(EDGE + (WIDTH - 2 * EDGE) * ((math.log10(x) if log else x) - start) / span)

    return place


# The scoreboard


def scoreboard(experiments: Mapping[str, Experiment], board: Mapping[str, Standing | None], live: Iterable[str]) -> str:
    """All claims as a table, in the order of the papers."""
    columns = ("Claim", "Paper", "Verdict", "Key number", "Claimed", "Size", "When", "")
    head = "".join(f"<th scope='col'>{text}</th>" for text in columns)
    now = set(live)
    rows = "".join(_claim(each, board.get(name), name in now) for name, each in experiments.items())
    return f"<div class='we-scroll'><table class='we-board'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _claim(experiment: Experiment, standing: Standing | None, live: bool) -> str:
    title = _link("experiments", experiment.title, name=experiment.name)
    paper = f"<span title='{html.escape(PAPERS[experiment.paper])}'>{html.escape(paper_name(experiment))}</span>"
    cells = [title, paper]
    if standing is None or standing.verdict is None:
        cells += ["running" if live else "never run", "", "", "", "", ""]
        outcome = "none"
    else:
        key, outcome = standing.verdict.numbers[0], standing.verdict.outcome
        run = standing.runs[next(iter(standing.runs))] if standing.runs else f"{experiment.name}.{standing.size}"
        cells += [
            f"{SIGNS[outcome]} {OUTCOMES[outcome]}",
            f"{html.escape(key.name)}: <b>{value(key)}</b>",
            html.escape(key.should),
            TITLES[standing.size],
            standing.date,
            _link("experiments", "open", name=experiment.name, run=run, size=standing.size),
        ]
    first, *rest = cells
    return (
        f"<tr data-outcome='{outcome}'><th scope='row'>{first}</th>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
    )


def paper_name(experiment: Experiment) -> str:
    """The paper in a word or two: what stands before the colon."""
    return PAPERS[experiment.paper].split(":")[0]


def _link(page: str, words: str, **query: str) -> str:
    return f"<a href='{page}?{html.escape(urlencode(query))}' target='_self'>{html.escape(words)}</a>"
