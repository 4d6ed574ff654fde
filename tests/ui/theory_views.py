"""Reading a message of the theory page as the browser does."""

from __future__ import annotations

from typing import Any

from tests.ui.views import parts_of, revive, strict


def read(message: bytes) -> dict[str, Any]:
    """The head, with all panels by name in ``charts``."""
    head, *packets = parts_of(message)
    found: dict[str, Any] = strict(head)
    panels = [revive(strict(text), blob) for text, blob in zip(packets[::2], packets[1::2], strict=True)]
    found["charts"] = {panel["name"]: panel for panel in panels}
    return found


def numbers(found: dict[str, Any]) -> dict[str, str]:
    """What the first table says of each number."""
    return {row[0]: row[1][0] for row in found["tables"][0]["rows"]}
