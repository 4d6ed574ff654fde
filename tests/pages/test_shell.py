"""Every page of the folder opens, by its own address, whatever it shows."""

from __future__ import annotations

import pytest

from pages.ui import shell
from tests.pages.conftest import Page


@pytest.mark.parametrize("name", shell.PAGES)
def test_a_page_opens_and_has_a_title(name: str) -> None:
    assert shell.PAGES[name].isprintable()
    page = Page(f"pages/{name}.py")
    assert not page.errors
    assert page.at.main.children


def test_the_pages_that_have_a_place_stand_in_order() -> None:
    assert list(shell.PAGES)[: len(shell.ORDER)] == list(shell.ORDER)
    assert shell.PAGES["train"] == "Train"
