"""Text that shows as it is where Streamlit reads Markdown.

Names, notes, causes of failure: whatever a person has typed, a folder holds or an imported file has brought goes onto a page
through this, and into a chart through :func:`wgan_core.charts.text.charted`. Where neither reads it (inputs, cells of tables,
code, the component's own elements), it needs nothing.
"""

from __future__ import annotations

import re

MARKS = re.compile(r"([\\`*_{}\[\]()<>#~$:!|&])")
# At the head of a line these begin a list, a rule, or make a heading of the line above.
HEADS = re.compile(r"^(\d+)(?=[.)](?:\s|$))|^(?=[-+=])")
# Addresses, icons (:smile:) and arrows ( -> ) are looked for in the text that is left when escapes have been read. Only
# something in between hides them: a character without width that is neither a space nor punctuation.
JOINER = "\N{WORD JOINER}"
SEEN = re.compile(r"(?=https?://|www\.|@)|(?<=:)(?=[\w+/-]+:)|(?<=(?<!\S)[-<>~])(?=(?:->|>|-|=)(?!\S))", re.IGNORECASE)


def plain(text: str) -> str:
    r"""Text that shows as it is where Streamlit reads Markdown: it brings no images, links, icons or formulas along.

    Examples
    --------
    >>> print(plain("- *not* a list, $x$"))
    \- \*not\* a list, \$x\$
    """
    return HEADS.sub(r"\1\\", MARKS.sub(r"\\\1", SEEN.sub(JOINER, " ".join(text.split()))))
