"""Text that shows as it is: where Streamlit reads Markdown, and where plotly reads tags.

Names, notes, causes of failure: whatever a person has typed, a folder holds or an imported file has brought goes onto a page
through one of these two. Where neither reads it (inputs, cells of tables, code, the component's own elements), it needs nothing.
"""

from __future__ import annotations

import html
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


def charted(text: str) -> str:
    """Text that shows as it is in a chart: in names, notes, ticks and templates for hovering, where plotly reads tags.

    Examples
    --------
    >>> charted("<b>%{y}</b> & more")
    '&lt;b&gt;&#37;{y}&lt;/b&gt; &amp; more'
    """
    return html.escape(text, quote=False).replace("%{", "&#37;{")
