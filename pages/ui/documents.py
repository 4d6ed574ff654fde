"""The texts of docs/, as the page Guide shows them: cut into sections, with links that stay in the app.

Nothing here imports streamlit.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from wgan_core.host import ROOT
from wgan_core.lessons.scenarios import SCENARIOS

DOCS = ROOT / "docs"
PAGES = ("samples", "theory")  # their texts have pictures; here one can go there instead
TOGETHER = (
    "charts",
    "glossary",
)  # what the page shows first, one below the other, so that links between them stay on it


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, up to the next.

    Attributes
    ----------
    level : int
        1 for the title of a text.
    fragment : str
        Its place on the page, for a link's ``#…``.
    text : str
        Markdown, its links as the app takes them.
    """

    level: int
    title: str
    fragment: str
    text: str


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it: ``The critic's slope`` is at ``#the-critics-slope``."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def fragment(heading: str) -> str:
    """The anchor as the app has it, without accents: a browser gives those back in another spelling.

    Examples
    --------
    >>> fragment("Fréchet distance (small CNN)")
    'frechet-distance-small-cnn'
    """
    return unicodedata.normalize("NFKD", anchor(heading)).encode("ascii", "ignore").decode()


@cache
def names() -> frozenset[str]:
    """The texts that can be shown, such as ``glossary`` and ``reference/objectives/gan``: all but those with pictures."""
    return frozenset(
        path.relative_to(DOCS).with_suffix("").as_posix()
        for path in DOCS.rglob("*.md")
        if "![" not in path.read_text(encoding="utf-8")
    )


def _text(name: str) -> str:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    return re.sub(r"<!--.*?-->\s*", "", text).replace("<br>", " · ")


@cache
def sections(name: str) -> tuple[Section, ...]:
    """A text of :func:`names`, cut at its headings."""
    parts = re.split(r"^(#{1,3}) (.+)\n", _text(name), flags=re.MULTILINE)
    heads = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return tuple(
        Section(len(marks), title, fragment(title), linked(body.strip(), name)) for marks, title, body in heads
    )


def guide_to(title: str) -> str:
    """The address of the section that explains a chart, or "" where there is none."""
    place = fragment(title)
    return f"guide#{place}" if any(part.fragment == place for part in sections("charts")) else ""


def linked(text: str, name: str) -> str:
    """The text with its links turned into the app's; those that lead nowhere here keep their words alone."""

    def turned(match: re.Match[str]) -> str:
        words, target = match[1], address(match[1], match[2], name)
        return f"[{words}]({target})" if target else words

    return re.sub(r"\[([^\]]+)\]\(([^)]+)\)", turned, text)


def address(words: str, target: str, name: str) -> str:
    """Where a link in the text ``name`` leads in the app, or ""."""
    if "://" in target:
        return target
    path, _, place = target.partition("#")
    place = fragment(place)
    if not path:
        return f"#{place}"
    folder = PurePosixPath(name).parent
    goal = PurePosixPath(os.path.normpath(folder / path)).with_suffix("").as_posix()
    if goal in TOGETHER:
        place = place or fragment(_text(goal).partition("\n")[0].strip("# "))
        return f"#{place}" if name in TOGETHER else f"guide#{place}"
    if goal.startswith("reference/figures/"):
        return f"theory?figure={PurePosixPath(goal).name}"
    if goal == "scenarios" and words.strip("`") in SCENARIOS:
        return f"compare?scenario={words.strip('`')}"
    if goal in PAGES:
        return goal
    if goal not in names():
        return ""
    return f"guide?doc={goal}" + (f"#{place}" if place else "")
