"""The report of a reproduction: a table in Markdown, and a web page in one file with charts."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from wgan_core.experiments.experiment import PAPERS, Computed
from wgan_core.experiments.reproduce import Entry
from wgan_core.experiments.verdict import HOW_JUDGED, OUTCOMES, Outcome, Quantity
from wgan_core.theory.result import shown

TITLE = "Claims of the papers, tried again"
MINUTES = "Minutes are those of the clock on the wall, whatever else the machine had to do."
AGAIN = (
    "This page is `report.md` of `python -m wgan_core reproduce --all --out DIR`, which goes on where it was interrupted; a new"
    " one is put here by `cp DIR/report.md docs/reproduction.md`."
)
BAR = r"\|"  # within a table's cell
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #262730; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: 0.9rem; }
th, td { border-bottom: 1px solid #d6d6d8; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
section { margin-top: 3rem; } svg, img { max-width: 100%; height: auto; }
.reproduced { color: #00734f; } .partly { color: #8a5a00; } .not, .none { color: #a83f00; }
.quiet { color: #5b5e6b; font-size: 0.9rem; }
"""


def markdown(entries: Sequence[Entry]) -> str:
    """A page with a table: claim, paper, verdict, numbers, seeds, minutes."""
    lines = [
        f"# {TITLE}",
        "",
        intro(entries),
        "",
        "| Experiment | Claim | Source | Verdict | Numbers: median [interval], should be | Seeds | Minutes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for entry in entries:
        numbers = _judged(entry)
        cells = (
            f"`{entry.experiment.name}`",
            entry.experiment.claim,
            f"{PAPERS[entry.experiment.paper]}, {entry.experiment.source}",
            _outcome(entry),
            "<br>".join(f"{n} ({n.should})" for n in numbers) or entry.problem,
            str(max((len(n.values) for n in numbers), default=0)),
            _minutes(entry),
        )
        lines.append(f"| {' | '.join(' '.join(cell.split()).replace('|', BAR) for cell in cells)} |")
    return "\n".join([*lines, "", HOW_JUDGED, "", MINUTES, "", AGAIN, ""])


def html(entries: Sequence[Entry]) -> str:
    """The whole report as one web page that needs nothing else."""
    rows = "".join(
        f'<tr><td><a href="#{e.experiment.name}">{escape(e.experiment.title)}</a></td>'
        f"<td>{escape(PAPERS[e.experiment.paper])}</td>{_verdict_cell(e)}"
        f"<td>{escape(str(_judged(e)[0])) if _judged(e) else ''}</td></tr>"
        for e in entries
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{TITLE}</h1><p>{escape(intro(entries))}</p><p>{escape(HOW_JUDGED)}</p>"
        f"<table><tr><th>Experiment</th><th>Paper</th><th>Verdict</th><th>First number</th></tr>{rows}</table>"
        f"{''.join(map(_section, entries))}</body></html>\n"
    )


def intro(entries: Iterable[Entry]) -> str:
    """How many claims came to what, when and where."""
    entries = list(entries)
    counts = Counter(entry.standing.verdict.outcome for entry in entries if entry.standing and entry.standing.verdict)
    parts = [f"{counts[outcome]} {words.lower()}" for outcome, words in OUTCOMES.items()]
    lacking = sum(bool(entry.lacks) for entry in entries)
    if open_ := len(entries) - counts.total() - lacking:
        parts.append(f"{open_} without a verdict")
    if lacking:
        parts.append(f"{lacking} not run")
    dates = sorted({entry.standing.date for entry in entries if entry.standing})
    when = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else ""
    machines = "; ".join(sorted({entry.machine for entry in entries if entry.machine}))
    minutes = sum(entry.seconds for entry in entries) / 60
    sizes = " and ".join(sorted({entry.size for entry in entries}))
    ran = f" Run on {when}, on {machines}, in {minutes:.0f} minutes." if when else ""
    return f"Of {len(entries)} claims: {', '.join(parts)}. Size: {sizes}.{ran}"


def _outcome(entry: Entry) -> str:
    if entry.standing and entry.standing.verdict:
        own = f" (on {entry.standing.stand_in})" if entry.standing.pictures else ""
        return OUTCOMES[entry.standing.verdict.outcome] + own
    return "Not run" if entry.lacks else "No verdict"


def _verdict_cell(entry: Entry) -> str:
    outcome: Outcome | str = entry.standing.verdict.outcome if entry.standing and entry.standing.verdict else "none"
    return f'<td class="{outcome}">{_outcome(entry)}</td>'


def _numbers(entry: Entry) -> tuple[Quantity, ...]:
    return entry.standing.verdict.numbers if entry.standing and entry.standing.verdict else ()


def _judged(entry: Entry) -> list[Quantity]:
    return [number for number in _numbers(entry) if number.judged]


def _minutes(entry: Entry) -> str:
    return f"{entry.seconds / 60:.1f}"


def _section(entry: Entry) -> str:
    about = entry.experiment
    rows = "".join(
        f"<tr><td>{escape(n.name)}<br><span class=quiet>{escape(n.note)}</span></td><td>{shown(n.median)}</td>"
        f"<td>{' to '.join(map(shown, n.interval))}</td><td>{len(n.values)}</td><td>{escape(n.should)}</td></tr>"
        for n in _numbers(entry)
    )
    numbers = "<tr><th>Number</th><th>Median</th><th>Interval</th><th>Seeds</th><th>Should be</th></tr>" + rows
    text = entry.standing.verdict.text if entry.standing and entry.standing.verdict else entry.problem
    return (
        f'<section id="{about.name}"><h2>{escape(about.title)}</h2>'
        f"<p>{escape(about.claim)}</p><p class=quiet>{escape(PAPERS[about.paper])}, {escape(about.source)}</p>"
        f"<p><strong>{escape(text)}</strong></p>"
        f"{f'<table>{numbers}</table>' if rows else ''}{_picture(entry)}"
        f"<p>{escape(about.criterion)} {escape(about.why)}</p>"
        f"<p class=quiet>{_settings(entry)} {_minutes(entry)} minutes. Again: python -m wgan_core reproduce"
        f" {about.name}{' --quick' if entry.size == 'quick' else ''} --out DIR</p></section>"
    )


def _picture(entry: Entry) -> str:
    try:
        if isinstance(entry.experiment, Computed):
            data = base64.b64encode(entry.picture.read_bytes()).decode()
            return f'<img alt="{escape(entry.experiment.title)}" src="data:image/png;base64,{data}">'
        return entry.picture.read_text(encoding="utf-8")
    except OSError:
        return ""  # matplotlib was not there


def _settings(entry: Entry) -> str:
    if isinstance(entry.experiment, Computed):
        return f"Figures: {', '.join(sorted({part.figure for part in entry.experiment.parts[entry.size]}))}."
    runs = ", ".join(f"{leg} in run {run}" for leg, run in entry.runs.items())
    return f"Trained: {escape(runs)}." if runs else ""
