"""Whether runs are stored: the banner above every page that shows or starts runs, and what is said of one that cannot be read."""

from __future__ import annotations

import streamlit as st

from pages.ui.text import plain
from wgan_core.history import LIVE
from wgan_core.runs import manager
from wgan_core.store import StoreProblem, store

REFRESH_SECONDS = 2.0
ICON = ":material/database_off:"


def banner() -> None:
    """Say what keeps runs from being stored, and what to do. It comes and goes by itself while a run trains."""
    polling = store().problem is not None or any(run.status in LIVE for run in manager().runs())
    st.fragment(_banner, run_every=REFRESH_SECONDS if polling else None)()


def _banner() -> None:
    if why := store().problem:
        st.warning(plain(why), icon=ICON)


def settle(seconds: float) -> None:
    """Wait for so long at most until all is stored that was recorded so far; not where something keeps it from that."""
    if store().problem is None:
        store().flush(seconds)


def tell(problem: StoreProblem, what: str = "") -> None:
    """Say that something stored cannot be shown, and why, unless the banner says why already.

    Parameters
    ----------
    what : str
        What cannot be shown, in a sentence. Without one, nothing is said below the banner.
    """
    why = "" if store().problem else str(problem)
    if said := f"{what} {why}".strip():
        st.warning(plain(said), icon=ICON)
