"""A fault of the software: viewers hear that there is one and of which kind, and the server's log has all of it."""

from __future__ import annotations

import pytest

from pages.ui.live import storing
from tests.pages.conftest import opened


def test_viewers_see_neither_message_nor_traceback_of_a_fault(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("cannot read /home/me/secret")

    monkeypatch.setattr(storing, "banner", fail)
    page = opened()
    page.run()
    page.switch_page("pages/train.py")
    page.run()
    (shown,) = page.exception
    assert shown.proto.type == "ValueError"
    assert not shown.proto.stack_trace
    assert "/" not in shown.proto.message
    assert "cannot read /home/me/secret" in caplog.text
    assert "in fail" in caplog.text
