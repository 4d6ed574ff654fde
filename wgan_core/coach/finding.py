"""What a finding is, and how a rule recognises one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wgan_core.coach.evidence import Evidence

Says = Callable[[Evidence], "str | None"]


@dataclass(frozen=True)
class Finding:
    """One thing that the numbers of a run say.

    Attributes
    ----------
    name, title : str
        A slug, and what to show.
    text : str
        One to three short sentences with numbers of the run: what is seen, why it happens, what to try.
    chart : str
        Name of the chart that shows it.
    source : str
        The paper, and the place in it, that explains it.
    healthy : bool
        Whether this is the good news.
    seeds : int
        In how many of the view's seeds it was found.
    heading : str
        The heading in docs/charts.md under which one reads on; empty where there is none.
    """

    name: str
    title: str
    text: str
    chart: str
    source: str
    healthy: bool = False
    seeds: int = 1
    heading: str = ""


@dataclass(frozen=True)
class Rule:
    """How one finding is recognised.

    Attributes
    ----------
    says : callable
        From the evidence to the finding's text, or None where it does not apply.
    unless : tuple[str, ...]
        Names of earlier rules that explain what this one sees: where one of them speaks, this one is silent.
    alone : bool
        Whether it judges the outcome, and is silent where any earlier rule speaks.
    """

    name: str
    title: str
    chart: str
    source: str
    says: Says
    healthy: bool = False
    unless: tuple[str, ...] = ()
    alone: bool = False
    heading: str = ""

    def find(self, evidence: Evidence) -> Finding | None:
        if (text := self.says(evidence)) is None:
            return None
        samples = "images" if evidence.config.dataset.is_image else "samples"
        chart = samples if self.chart == "modes" and not evidence.modes else self.chart
        return Finding(self.name, self.title, text, chart, self.source, self.healthy, heading=self.heading)


def rule(
    rules: list[Rule],
    name: str,
    title: str,
    chart: str,
    source: str,
    *,
    healthy: bool = False,
    unless: tuple[str, ...] = (),
    alone: bool = False,
    heading: str = "",
) -> Callable[[Says], Says]:
    """Enter a function in a topic's list of rules, the most important first."""

    def enter(says: Says) -> Says:
        rules.append(Rule(name, title, chart, source, says, healthy, unless, alone, heading))
        return says

    return enter
