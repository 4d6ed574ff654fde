"""How to read the charts, the glossary, and the other texts of docs/, inside the app."""

from __future__ import annotations

import streamlit as st

from pages.ui import shell
from pages.ui.documents import TOGETHER, Section, names, sections

shell.require_app()
STYLE = """<style>
.stMainBlockContainer:has(.st-key-guide) { padding: 4rem 1rem 50vh; max-width: 76rem; }
.st-key-guide .stVerticalBlock { gap: 0.5rem; }
.st-key-guide-text { max-width: 48rem; }
.st-key-guide-text [id] { scroll-margin-top: 4rem; }
.st-key-guide-text h2 { padding: 1.4rem 0 0.9rem; font-size: 1.9rem; }
.st-key-guide-text h3 { padding: 1.1rem 0 0.7rem; font-size: 1.25rem; }
.stColumn:has(.st-key-guide-contents) { position: sticky; top: 4rem; align-self: flex-start; }
.st-key-guide-contents { max-height: calc(100vh - 5rem); overflow-y: auto; padding-bottom: 0.8rem; }
.st-key-guide-text table { display: block; overflow-x: auto; }
.st-key-guide-text td:last-child { min-width: 14rem; }
.st-key-guide-contents ul { list-style: none; padding: 0; margin: 0 0 0.8rem; }
.st-key-guide-contents p { margin-bottom: 0.3rem; }
.st-key-guide-contents li { margin: 0.1rem 0; padding: 0; font-size: 0.9rem; line-height: 1.4; }
@media (max-width: 640px) {
  .stColumn:has(.st-key-guide-contents) { position: static; }
  .st-key-guide-contents { max-height: 14rem; border-bottom: 1px solid rgba(128, 128, 128, 0.4); }
  .st-key-guide .stHorizontalBlock { gap: 0; }
}
</style>"""
# The texts above a heading come bit by bit and push it away: the place that the address names is held until the reader moves.
SCRIPT = """<script>
(() => {
  const place = decodeURIComponent(location.hash.slice(1));
  const text = document.querySelector(".st-key-guide-text");
  if (!place || !text) return;
  const watch = new ResizeObserver(() => document.getElementById(place)?.scrollIntoView());
  watch.observe(text);
  for (const move of ["wheel", "touchmove", "keydown", "pointerdown"])
    addEventListener(move, () => watch.disconnect(), { once: true, passive: true });
})();
</script>"""


def contents(parts: tuple[Section, ...]) -> str:
    """A list of links to the sections, in groups as the text has them."""
    lines = []
    for part in parts:
        if part.level == 1:
            lines.append(f"\n**[{part.title}](#{part.fragment})**\n")
        elif part.level == 2:
            lines.append(f"- [{part.title}](#{part.fragment})")
    return "\n".join(lines)


def draw(part: Section) -> None:
    heading = st.header if part.level == 1 else st.subheader
    heading(part.title, anchor=part.fragment)
    if part.text:
        st.markdown(part.text)


def show(parts: tuple[Section, ...], whole: bool) -> None:
    with st.container(key="guide"):
        left, right = st.columns([1, 3], gap="large")
        with left, st.container(key="guide-contents"):
            if not whole:
                st.page_link(
                    "pages/guide.py", label="Charts and glossary", icon=":material/arrow_back:", query_params={}
                )
            st.markdown(contents(parts))
        with right, st.container(key="guide-text"):
            for part in parts:
                draw(part)


asked = st.query_params.get("doc")
known = asked in names()
st.html(STYLE)
if asked and not known:
    st.warning("There is no such text here. Below is the guide.", icon=":material/help:")
if asked and known:
    show(sections(asked), whole=False)
else:
    show(tuple(part for name in TOGETHER for part in sections(name)), whole=True)
st.html(SCRIPT, unsafe_allow_javascript=True)
