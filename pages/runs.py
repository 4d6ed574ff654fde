"""The page of all stored runs: find them, look at them, name them, take them out and bring them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui import shell
from pages.ui.live import exports, storing
from pages.ui.runs import actions as run_actions
from pages.ui.runs import facts as run_facts
from pages.ui.runs import side_by_side
from pages.ui.runs import table as runs_table
from pages.ui.runs.columns import Order
from wgan_core.history import LIVE
from wgan_core.runs.past import RECORDINGS
from wgan_core.store import StoreProblem, store

shell.require_app()
storing.banner()
REFRESH_SECONDS = 2.0
STYLE = """<style>
.stMainBlockContainer:has(.st-key-run-actions) { padding: 4rem 1rem 1rem; }
.stMainBlockContainer:has(.st-key-run-actions) .stVerticalBlock { gap: 0.5rem; }
.st-key-run-actions { min-height: 2.5rem; }
/* One line of buttons on a telephone too: the table is not to move away under the finger. */
@media (max-width: 640px) {
  .st-key-run-actions { flex-wrap: nowrap; overflow-x: auto; }
  .st-key-run-actions > * { flex: none; white-space: nowrap; }
}
</style>"""


def imported(run_id: str) -> None:
    runs_table.forget()
    runs_table.tick([run_id])
    st.toast("Imported. The run is ticked below.")


def open_latest() -> None:
    if newest := store().runs(limit=1):
        run_actions.open_run(newest[0])


def controls() -> tuple[dict[str, Any], Order]:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        wanted, order = runs_table.asked()
        wanted["deleted"] = st.toggle(
            "Deleted",
            key="deleted",
            bind="query-params",
            help="Show the runs that were deleted in the last week, to bring them back.",
            on_change=runs_table.tick,
            args=([],),
        )
        st.space("stretch")
        exports.importer(imported)
        if st.button("Latest", icon=":material/update:", key="latest", help="Open the newest run."):
            open_latest()
    return wanted, order


def nothing(wanted: dict[str, Any]) -> None:
    """Why the table is empty, and what to do."""
    with st.container(
        height=runs_table.HEIGHT, border=True, horizontal_alignment="center", vertical_alignment="center"
    ):
        if any(wanted.values()):
            st.markdown("No deleted run fits." if wanted["deleted"] else "No run fits.", text_alignment="center")
            st.button("Forget all filters", on_click=runs_table.forget, key="forget_here")
            return
        st.markdown(
            "**No runs yet.** Whatever you train is kept, and listed here from its start on.", text_alignment="center"
        )
        st.page_link("pages/train.py", label="Train one", icon=":material/play_arrow:")
        st.page_link("pages/compare.py", label="Compare several", icon=":material/view_column:")


def table(wanted: dict[str, Any], order: Order) -> bool:
    """The table and what stands around it. Returns whether a run that it lists is live."""
    total = store().count(**wanted)
    pages = max(1, -(-total // runs_table.PAGE))
    # Another question begins at its first page.
    place = f"page.{hash(str(sorted(wanted.items())))}.{order.title}"
    offset = (min(st.session_state.get(place, 1), pages) - 1) * runs_table.PAGE
    found = store().runs(**wanted, sort=order.sort, descending=order.descending, limit=runs_table.PAGE, offset=offset)
    chosen = runs_table.chosen(found, bool(wanted["deleted"]))
    run_actions.bar(chosen, bool(wanted["deleted"]), bool(found))
    # On the left: the table's own tools come up above its right end.
    with st.container(horizontal=True, vertical_alignment="center", height=40, border=False):
        many = f"{total:,} {'run' if total == 1 else 'runs'}"
        st.caption(f"{offset + 1:,} to {offset + len(found):,} of {many}" if pages > 1 else many, width="content")
        if pages > 1:
            st.pagination(pages, key=place, max_visible_pages=5)
    runs_table.draw(found, order)
    if not found:
        nothing(wanted)
    run_facts.draw_all(chosen, {run.id for run in found})
    return any(run.status in LIVE for run in found)


def recorded() -> None:
    """The runs that came with the software."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Recorded, to watch at once:", width="content")
        for run in RECORDINGS.values():
            st.page_link(
                "pages/compare.py" if run.several else "pages/train.py",
                label=run.title,
                icon=":material/movie:",
                query_params={"run": run.name},
                help=run.shows,
            )


def page() -> None:
    """All of the page but the overlay: what is asked for, the table, what can be done."""
    runs_table.follow_link()
    live = table(*controls())
    recorded()
    if live != st.session_state["runs.polling"]:
        st.session_state["runs.polling"] = live
        st.rerun()  # starts or stops the timer


def readable(draw: Callable[[], None]) -> Callable[[], None]:
    """Draw, or say why the store cannot be read, once."""

    def told() -> None:
        try:
            draw()
        except StoreProblem as problem:
            storing.tell(problem)

    return told


def begin() -> None:
    if "latest" in st.query_params:
        open_latest()
    if overlay := st.query_params.get("overlay"):
        side_by_side.show(overlay[:400].split(","))
        return
    polling = st.session_state.setdefault("runs.polling", False)
    st.fragment(readable(page), run_every=REFRESH_SECONDS if polling else None)()


st.html(STYLE)
readable(begin)()
