"""The coach: what a run's numbers say in plain words, each with the chart that shows it and the paper that explains it.

To add a finding, write a function of an :class:`Evidence` under ``@rule`` in the module of its topic. It returns one to
three short sentences with the run's numbers in them, or None. Each threshold says where it comes from; "measured" means
the runs of ``tests/core/record_coach.py`` and docs/presets.md. docs/coach.md lists all findings.
"""

from __future__ import annotations

from dataclasses import replace

from wgan_core.coach import constraint, critic, outcome, steps, verdict
from wgan_core.coach.evidence import Evidence
from wgan_core.coach.finding import Finding, Rule
from wgan_core.history import LaneView

__all__ = ["RULES", "Evidence", "Finding", "Rule", "findings"]

# The most important first: causes before what they bring about.
RULES: dict[str, Rule] = {
    each.name: each for topic in (steps, constraint, critic, outcome, verdict) for each in topic.RULES
}


def findings(view: LaneView) -> tuple[Finding, ...]:
    """What the numbers of a run say, the most important first; nothing while there is too little to judge by.

    Of a view with K seeds each seed is judged alone. A finding then says in how many it was found, with the numbers of the
    first of these, and what holds in more seeds comes first.

    Examples
    --------
    >>> import numpy as np
    >>> from wgan_core.config import TrainingConfig
    >>> empty = LaneView("a", 0, TrainingConfig.parse({}), "running", "cpu", 0, 0, 0, 0.0, 0.0, {"step": np.empty(0)}, None)
    >>> findings(empty)
    ()
    """
    if view.seeds == 1:
        return _of_one(view)
    members = [{found.name: found for found in _of_one(view.member(i))} for i in range(view.seeds)]
    merged = []
    for name in RULES:
        if seen := [i for i, found in enumerate(members) if name in found]:
            first = members[seen[0]][name]
            # A failure of the whole run is no news of one seed.
            if name != "failed" or view.failure is None:
                seed = view.config.seed + seen[0]
                which = f". One of them, seed {seed}:" if len(seen) > 1 else f", seed {seed}:"
                text = f"In {len(seen)} of {view.seeds} seeds{which} {first.text}"
                first = replace(first, text=text)
            merged.append(replace(first, seeds=len(seen)))
    return tuple(sorted(merged, key=lambda found: -found.seeds))


def _of_one(view: LaneView) -> tuple[Finding, ...]:
    evidence = Evidence(view)
    if not evidence.enough:
        # A run that failed says so, however early.
        failed = RULES["failed"].find(evidence)
        return () if failed is None else (failed,)
    found: dict[str, Finding] = {}
    for each in RULES.values():
        if (each.alone and found) or set(each.unless) & found.keys():
            continue
        if (finding := each.find(evidence)) is not None:
            found[each.name] = finding
    return tuple(found.values())
