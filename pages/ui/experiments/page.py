"""The page: the board of all claims, or the one that the address names."""

from __future__ import annotations

from string import Template

import streamlit as st

from pages.ui.experiments import bench, board, reader
from pages.ui.text import plain
from wgan_core.charts import theme
from wgan_core.experiments import find
from wgan_core.schema import ConfigError

STYLE = Template("""<style>
.stMainBlockContainer:has(.st-key-experiments) { padding: 4rem 1rem 2rem; }
.st-key-experiments .stVerticalBlock { gap: 0.6rem; }
.st-key-experiments h4 { padding: 0.4rem 0 0.8rem; font-size: 1.15rem; }
.st-key-experiments-head h4 { padding: 0; }
.st-key-experiments-head [data-testid$$="Container"], .st-key-experiments-head p { margin: 0; }
.we-scroll { overflow-x: auto; }
.we-scroll table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
.we-scroll th, .we-scroll td { padding: 4px 10px 4px 0; text-align: left; vertical-align: middle; }
.we-scroll th, .we-scroll td { border-bottom: 1px solid rgba(128, 128, 128, 0.25); }
.we-scroll a { color: inherit; text-decoration-color: rgba(128, 128, 128, 0.7); }
.we-scroll thead th { font-weight: 400; opacity: 0.75; white-space: nowrap; }
.we-scroll tbody th { font-weight: 500; min-width: 11rem; }
.we-scroll small { font-weight: 400; opacity: 0.75; }
.we-value, .we-value + td, .we-board td:nth-of-type(2), .we-board td:nth-of-type(6) { white-space: nowrap; }
.we-key { padding: 0 6px; border-radius: 8px; background: rgba(128, 128, 128, 0.25); font-size: 11px; font-weight: 400; }
.we-strip { position: relative; width: 200px; height: 26px; overflow: hidden; }
.we-strip span { position: absolute; display: block; }
.we-claimed { top: 2px; height: 22px; border-radius: 3px; background: $yes; opacity: 0.22; }
.we-interval { top: 10px; height: 6px; border-radius: 3px; background: currentColor; opacity: 0.25; }
.we-seed { top: 10px; width: 6px; height: 6px; margin-left: -3px; border-radius: 3px; background: currentColor; opacity: 0.55; }
.we-median { top: 4px; width: 2.5px; height: 18px; margin-left: -1px; background: $no; }
.we-yes, .we-no, .we-unsure { font-weight: 700; }
.we-yes, [data-outcome="reproduced"] td:nth-of-type(2) { color: $yes; }
.we-no, [data-outcome="not"] td:nth-of-type(2) { color: $no; }
.we-unsure, [data-outcome="partly"] td:nth-of-type(2) { color: #b8860b; }
.we-board td:nth-of-type(2) { font-weight: 600; }
[data-outcome="none"] td { opacity: 0.75; }
</style>""").substitute(yes=theme.GREEN, no=theme.VERMILION)


def show() -> None:
    """All of it."""
    reader.keep_address()
    st.html(STYLE)
    with st.container(key="experiments"):
        if (name := st.query_params.get("name")) is not None:
            try:
                bench.show(find(name))
                return
            except ConfigError as error:
                st.warning(plain(str(error)), icon=":material/search_off:")
        board.show()
