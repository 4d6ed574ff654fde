"""Text that shows as it is where plotly reads tags."""

from __future__ import annotations

import html


def charted(text: str) -> str:
    """Text that shows as it is in a chart: in names, notes, ticks and templates for hovering, where plotly reads tags.

    Examples
    --------
    >>> charted("<b>%{y}</b> & more")
    '&lt;b&gt;&#37;{y}&lt;/b&gt; &amp; more'
    """
    return html.escape(text, quote=False).replace("%{", "&#37;{")
