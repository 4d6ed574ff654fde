"""Runs out of the page and into it: the menu of formats, and the import of a whole run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.ui.live import storing
from pages.ui.text import plain
from wgan_core.export import EXPORTS, Bundle, ExportProblem, download, file_name, of_run, read_bundle
from wgan_core.export.stored import find, keep
from wgan_core.runs import UnknownRun, manager
from wgan_core.store import NotStored, store

MOST_MEGABYTES = 100


@dataclass(frozen=True)
class Offer:
    """A format for a run: the name of its file, or why there is none."""

    name: str
    file_name: str
    problem: str | None


def bundle_of(run_id: str) -> Bundle:
    """A run with all that is kept of it: as it is stored or, where nothing can be stored, as it is remembered.

    Raises
    ------
    ExportProblem
        There is no such run, or the store cannot be read.
    """
    try:
        storing.settle(2.0)
        return find(store(), run_id)
    except (ExportProblem, NotStored) as error:
        try:
            return of_run(manager().get(run_id))
        except UnknownRun:
            raise ExportProblem(str(error)) from None


def offers(run_id: str) -> list[Offer]:
    """Every format, for this run. Makes none of the files."""
    bundle = bundle_of(run_id)
    return [Offer(name, file_name(name, bundle), export.problem(bundle)) for name, export in EXPORTS.items()]


def menu(run_id: str, disabled: bool = False) -> None:
    """A button that opens the formats in which a run can be saved. A file is made when it is asked for."""
    key = f"export.{run_id}"
    popover = st.popover("Export", icon=":material/download:", key=key, on_change="rerun", disabled=disabled)
    known = f"offers.{run_id}"
    if not popover.open:
        st.session_state.pop(known, None)
        return
    with popover:
        try:
            # Looked at once each time that the menu opens: a run that trains is drawn every second.
            found: list[Offer] = st.session_state.get(known) or offers(run_id)
        except ExportProblem as problem:
            st.error(plain(str(problem)))
            return
        st.session_state[known] = found
        half = (len(found) + 1) // 2
        for column, rows in zip(st.columns(2), (found[:half], found[half:]), strict=True):
            with column:
                for offer in rows:
                    _offer(run_id, offer)


def _offer(run_id: str, offer: Offer) -> None:
    export = EXPORTS[offer.name]
    with st.container(gap=None):
        st.download_button(
            export.title,
            lambda: download(offer.name, bundle_of(run_id))[2],
            offer.file_name,
            "application/zip" if offer.file_name.endswith(".zip") else export.media_type,
            key=f"save.{run_id}.{offer.name}",
            on_click="ignore",
            disabled=offer.problem is not None,
            width="stretch",
        )
        st.caption(plain(offer.problem or export.help))


def importer(imported: Callable[[str], None]) -> None:
    """A button that opens a place for a run's zip file. What is refused changes nothing.

    Parameters
    ----------
    imported : callable
        Is told the id that the run has here.
    """
    count = st.session_state.setdefault("import.count", 0)
    key = f"import.{count}"

    def take() -> None:
        st.session_state.pop("import.refused", None)
        if (file := st.session_state[key]) is None:
            return
        try:
            run_id = keep(store(), read_bundle(file))
        except ExportProblem as problem:
            st.session_state["import.refused"] = str(problem)
            return
        st.session_state["import.count"] = count + 1  # an empty place for the next file
        st.session_state["import"] = False
        imported(run_id)

    with st.popover("Import", icon=":material/upload:", key="import", on_change="rerun"):
        st.file_uploader(
            "A whole run, as Export saves it",
            type="zip",
            key=key,
            max_upload_size=MOST_MEGABYTES,
            on_change=take,
        )
        if why := st.session_state.get("import.refused"):
            st.error(plain(why))
