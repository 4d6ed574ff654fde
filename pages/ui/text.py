"""Text on the page."""

from __future__ import annotations

import re


def plain(text: str) -> str:
    """Text that shows as it is where Streamlit reads Markdown: a link's text must not bring images or links along."""
    return re.sub(r"([\\`*_{}\[\]()<>#~$:!|])", r"\\\1", " ".join(text.split()))
