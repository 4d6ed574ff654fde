"""The page Guide under Streamlit's own test driver."""

from __future__ import annotations

import pytest

from pages.ui.documents import TOGETHER, sections
from tests.pages.conftest import Page

PAGE = "pages/guide.py"


def titles(page: Page) -> list[str]:
    return [heading.value for heading in (*page.at.header, *page.at.subheader)]


def test_the_guide_holds_both_texts_whole_with_a_link_to_each_section() -> None:
    page = Page(PAGE)
    parts = [part for name in TOGETHER for part in sections(name)]
    assert sorted(titles(page)) == sorted(part.title for part in parts)
    assert [heading.anchor for heading in page.at.subheader] == [part.fragment for part in parts if part.level > 1]
    texts = [text.value for text in page.at.markdown]
    contents = texts[0]
    assert all(f"[{part.title}](#{part.fragment})" in contents for part in parts if part.level < 3)
    assert [part.text for part in parts if part.text] == texts[1:]


def test_the_reference_is_there_too() -> None:
    page = Page(PAGE, doc="reference/objectives/wgan-gp")
    assert titles(page)[0] == "WGAN-GP"
    assert not page.at.warning


@pytest.mark.parametrize(
    "doc", ["nothing", "../README", "/etc/passwd", "reference/../../CHANGELOG", "<b>x</b>", "theory"]
)
def test_what_is_no_text_of_the_guide_gets_a_word_and_the_guide(doc: str) -> None:
    page = Page(PAGE, doc=doc)
    (warning,) = page.at.warning
    assert warning.value.startswith("There is no such text here.")
    assert titles(page)[0] == sections("charts")[0].title
