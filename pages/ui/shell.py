"""What stands around every page: its configuration, the navigation, and what is prepared once a process."""

from __future__ import annotations

import collections
import gc
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.ui.text import plain
from wgan_core.config import TrainingConfig
from wgan_core.host import ASSETS
from wgan_core.runs import manager
from wgan_core.schema import ConfigError
from wgan_core.training import train

# Where pages stand in the navigation; one that is not named here stands last.
ORDER = ("train", "compare", "experiments", "runs", "samples", "theory", "guide")


def _named() -> dict[str, str]:
    """The titles of the pages by their names: those of the files in ``pages/``."""
    names = [path.stem for path in Path(__file__).parents[1].glob("*.py")]
    names.sort(key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return {name: name.replace("_", " ").capitalize() for name in names}


PAGES = _named()

_entered = False  # whether app.py has run in this process


@st.cache_resource(show_spinner=False)
def _prepare() -> None:
    """Wake what sleeps until it is first used, and spare the garbage collector."""
    # The first training of a process loads kernels and libraries; better now than after the first click on Start.
    collections.deque(train(TrainingConfig.parse({"steps": 1, "device": "cpu"})), maxlen=0)
    gc.freeze()


def _pages() -> list[StreamlitPage]:
    # No icons from Streamlit's icon font here: for the browser's tab they are fetched from another server.
    shown = [st.Page(f"pages/{name}.py", title=title, url_path=name) for name, title in PAGES.items()]

    def home() -> None:
        st.switch_page(shown[0], query_params=st.query_params.to_dict())

    # The default page has no address of its own, and every page of ours has one.
    return [st.Page(home, title="WGAN Live", default=True, visibility="hidden"), *shown]


def run() -> None:
    """The whole of ``app.py``: configure, prepare, and run the page that the URL names."""
    global _entered
    _entered = True
    st.set_page_config(page_title="WGAN Live", page_icon=str(ASSETS / "logo.svg"), layout="wide")
    _prepare()
    try:
        manager()
    except ConfigError as why:  # a limit that is set in the environment
        st.error(plain(str(why)))
        st.stop()
    st.navigation(_pages(), position="top").run()


def require_app() -> None:
    """Run ``app.py`` first.

    Where a process's very first visitor comes by a page's own address, Streamlit finds a folder named pages and runs the
    page alone, without ``app.py``. One call of ``st.navigation`` ends that for good; the rerun then goes the right way.
    """
    if not _entered:
        st.navigation(_pages(), position="hidden")
        st.rerun()
