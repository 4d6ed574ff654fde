"""The form's line on what a run takes, and its refusal of one that there is no room for."""

from __future__ import annotations

import re

import pytest

from tests.pages.conftest import Page, link


def test_the_form_says_what_a_run_takes_and_refuses_one_too_large_until_it_is_lowered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WGAN_MEMORY_MB", "100")
    page = Page(config=link({"batch_size": 16}))
    (line,) = (item.value for item in page.at.caption if item.value.startswith("Takes "))
    assert re.fullmatch(r"Takes about \S+ [kMG]B and \S+ m?s a step: .+", line)
    assert not page.errors
    assert "start" in page.enabled()

    net = {"width": 512, "depth": 4}
    page = Page(config=link({"generator": net, "critic": net, "batch_size": 2000}))
    (why,) = page.errors
    assert "may take 100 MB (WGAN_MEMORY_MB)" in why
    assert "start" not in page.enabled()

    page.choose("batch_size", 16)
    page.choose("generator.width", 16)
    page.choose("critic.width", 16)
    assert not page.errors
    assert "start" in page.enabled()
