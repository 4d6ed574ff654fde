"""From the "?" of a chart to the section that explains it, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from pages.ui.documents import sections
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


def stands_at_the_top(page: Page, title: str) -> None:
    """The section is the first thing below the navigation, and stays there when all has come."""
    heading = page.get_by_role("heading", name=title, exact=True)
    expect(heading).to_be_visible()
    place = next(part.fragment for name in ("charts", "glossary") for part in sections(name) if part.title == title)
    page.wait_for_function(
        "place => { const y = document.getElementById(place)?.getBoundingClientRect().top; return y >= 40 && y < 140; }",
        arg=place,
    )


def test_the_question_mark_of_a_chart_leads_to_its_section_and_the_run_stays(visit: Visit) -> None:
    live = visit().open()
    panel = live.panel("lipschitz")
    panel.locator(".wl-help summary").click()
    with live.context.expect_page() as opened:
        panel.get_by_role("link", name="How to read this chart").click()
    guide = opened.value
    stands_at_the_top(guide, "The critic's slope")
    expect(live.panel("lipschitz").locator(".wl-help-text")).to_be_visible()
    # A link within the guide stays on it, and moves it.
    guide.locator(".st-key-guide-contents").get_by_role("link", name="Which λ?").click()
    stands_at_the_top(guide, "Which λ?")
    guide.close()


def test_a_telephone_shows_a_word_of_the_glossary_without_moving_sideways(visit: Visit) -> None:
    live = visit(viewport={"width": 390, "height": 844})
    live.page.goto(f"{live.base}/guide#mode-collapse")
    stands_at_the_top(live.page, "Mode collapse")
    assert live.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
