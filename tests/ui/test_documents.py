"""The texts of docs/ as the app shows them: every link and every anchor leads somewhere, every chart has its section."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pages.ui.documents import DOCS, PAGES, TOGETHER, anchor, fragment, guide_to, linked, names, sections
from tests import make_docs
from wgan_core.charts.plotting import CHARTS, OVERLAYS
from wgan_core.coach import RULES
from wgan_core.datasets import Dataset
from wgan_core.lessons.scenarios import SCENARIOS
from wgan_core.schema import Variant
from wgan_core.theory import FIGURES
from wgan_core.theory.figure import Figure

TEXTS = sorted(DOCS.rglob("*.md"))
EVERY_CHART = [pytest.param(chart, id=chart.name) for chart in {**OVERLAYS, **CHARTS}.values()]
# Ordinary words in titles on screen; all others stand in the glossary.
PLAIN = set("surface terms norms failed met wrong large lags behind won stuck other report".split())  # noqa: SIM905


def headings(path: Path) -> list[str]:
    return re.findall(r"^#{1,6} (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_every_anchor_that_a_text_links_to_is_there(text: Path) -> None:
    for target in re.findall(r"\]\(([^)]*#[^)]+)\)", text.read_text(encoding="utf-8")):
        if "://" not in target:
            path, _, place = target.partition("#")
            goal = text if not path else (text.parent / path).resolve()
            assert place in map(anchor, headings(goal)), target


@pytest.mark.parametrize("name", sorted(names()))
def test_the_app_shows_a_text_with_links_that_lead_to_its_pages(name: str) -> None:
    parts = sections(name)
    assert parts[0].level == 1
    shown = [part for text in (TOGETHER if name in TOGETHER else (name,)) for part in sections(text)]
    here = [part.fragment for part in shown]
    assert all(place.isascii() and place for place in here)
    for target in re.findall(r"\]\(([^)]+)\)", " ".join(part.text for part in parts)):
        page, _, place = target.partition("#")
        page, _, query = page.partition("?")
        if not page:
            assert place in here, target
        elif page == "guide":
            goal = query.removeprefix("doc=")
            texts = (goal,) if goal else TOGETHER
            assert not place or place in [part.fragment for text in texts for part in sections(text)], target
        elif page in PAGES:
            assert (DOCS.parent / "pages" / f"{page}.py").exists()
            assert not query or query.removeprefix("figure=") in FIGURES
        elif page == "compare":
            assert query.removeprefix("scenario=") in SCENARIOS
        else:
            assert "://" in target


def test_no_two_sections_of_the_guide_share_a_place() -> None:
    places = [part.fragment for name in TOGETHER for part in sections(name)]
    assert len(set(places)) == len(places)


def test_links_turn_into_those_of_the_app() -> None:
    turned = {
        "[a](glossary.md#mode)": "[a](#mode)",
        "[b](reference/figures/clipping.md)": "[b](theory?figure=clipping)",
        "[`clip-bound`](scenarios.md)": "[`clip-bound`](compare?scenario=clip-bound)",
        "[c](theory.md)": "[c](theory)",
        "[d](presets.md)": "[d](guide?doc=presets)",
    }
    assert linked(" ".join(turned), "charts") == " ".join(turned.values())
    assert linked("[up](../glossary.md#mode)", "reference/config") == "[up](guide#mode)"
    assert linked("[out](../README.md)", "charts") == "out"


@pytest.mark.parametrize("chart", EVERY_CHART)
def test_each_chart_has_its_section(chart: Any) -> None:
    assert guide_to(chart.title) == f"guide#{fragment(chart.title)}", f"docs/charts.md has no section “{chart.title}”"


def test_there_is_no_section_for_a_chart_that_is_not() -> None:
    texts = {part.title for part in sections("charts") if part.level == 2 and "**What is measured.**" in part.text}
    assert texts == {chart.title for chart in (*CHARTS.values(), *OVERLAYS.values())}


def test_each_confusion_says_what_one_sees_why_what_to_do_and_where_it_is_from() -> None:
    confusions = [part for part in sections("charts") if part.title.endswith("?")]
    assert len(confusions) >= 16
    for part in confusions:
        places = [part.text.find(f"**{head}") for head in ("You see**", "Why.**", "What to do.**", "Source.**")]
        assert -1 not in places, part.title
        assert places == sorted(places), part.title


def test_the_glossary_is_in_order_and_brief() -> None:
    words = [part for part in sections("glossary") if part.level == 2]
    titles = [part.title for part in words]
    assert titles == sorted(titles, key=str.casefold)
    for part in words:
        assert 1 <= len(re.findall(r"[.:)]\s|\.$", part.text)) <= 8, part.title


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[\w']+", text.lower()))


def test_the_glossary_has_the_words_of_the_titles_on_screen() -> None:
    known = words_of((DOCS / "glossary.md").read_text(encoding="utf-8"))
    # A chart may explain its words in its own section, and a class in the docstring that its page is made of.
    sections_of = {part.title: part.text for part in sections("charts")}
    titles = {chart.title: sections_of.get(chart.title, "") for chart in (*CHARTS.values(), *OVERLAYS.values())}
    titles |= {rule.title: "" for rule in RULES.values()}
    families = [family for family in Variant.__subclasses__() if family not in (Dataset, Figure)]
    titles |= {cls.label: cls.__doc__ or "" for family in families for cls in make_docs.kinds(family).values()}
    for title, text in titles.items():
        words = {word.removesuffix("'s") for word in words_of(title)}
        explained = known | words_of(text)
        unknown = {word for word in words - PLAIN if not {word, word.removesuffix("s")} & explained}
        assert not unknown, f"{title}: explain {unknown} in docs/glossary.md"
