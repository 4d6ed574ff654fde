"""Text that shows as it is: nothing is left of it that Markdown, Streamlit or plotly would read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.ui.text import JOINER, plain
from wgan_core.charts.text import charted

# What Streamlit's pages look for in a text whose escapes have been read, as its own scripts have it.
READ = [
    r"(?:^|[\s\W])(?:https?://|www(?=\.))[-.\w]+",
    r"[-.\w+]+@[-\w]+\.[-\w]+",
    r":material[/_]\w+",
    r":streamlit:",
    r":[\w+-]+:",
    r"(?:^|\s)(?:<->|->|<-|--|>=|<=|~=)(?:\s|$)",
]
MARKUP = [
    "![a](http://x.example/a.png)",
    "<img src=//x.example/a.png>",
    "see http://x.example or WWW.x.example, HTTPS://x.example, mail me@x.example",
    ":material/home: :streamlit: :smile: :100: 12:30:45 :red[big] :small[x]",
    "$x$ `code` **bold** _it_ ~~gone~~ | a | b | &lt;b&gt; \\[x\\]",
    "a -> b <- c <-> d -- e >= f <= g ~= h",
    "->",
]


def shown(markdown: str) -> str:
    """What a reader sees of a line of Markdown in which all marks are escaped."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown).replace(JOINER, "")


@pytest.mark.parametrize("text", MARKUP)
def test_markup_shows_as_it_was_typed(text: str) -> None:
    found = plain(text)
    assert shown(found) == text
    assert not re.search(r"(?<!\\)[`*_{}\[\]()<>#~$:!|&]", re.sub(r"\\\\", "", found))
    read = re.sub(r"\\(.)", r"\1", found).replace(JOINER, "⌑")  # a letter to no pattern, and no space
    assert not [pattern for pattern in READ if re.search(pattern.replace(r"\W", r"[^\w⌑]"), read, re.IGNORECASE)]


@pytest.mark.parametrize("text", ["- a", "+ a", "* a", "1. a", "12) a", "# a", "> a", "---", "===", "___", "  - a"])
def test_a_line_begins_no_list_heading_or_rule(text: str) -> None:
    assert re.match(r"\\|\d+\\", plain(text))
    assert shown(plain(text)) == text.strip()


@given(st.text())
def test_any_text_comes_out_as_it_was_but_for_its_spaces(text: str) -> None:
    assert shown(plain(text)) == " ".join(text.replace(JOINER, "").split()) or JOINER in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<b>x</b><br>", "&lt;b&gt;x&lt;/b&gt;&lt;br&gt;"),
        ("%{x} 50 % “it's”", "&#37;{x} 50 % “it's”"),
        ("a & b &lt;", "a &amp; b &amp;lt;"),
    ],
)
def test_tags_show_as_they_were_typed_in_charts(text: str, found: str) -> None:
    assert charted(text) == found
