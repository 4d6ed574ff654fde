"""The table of stored runs: what is asked for, what it lists, and which runs are ticked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from pages.ui.runs.columns import ORDERS, Order, columns_of, heads, title
from pages.ui.text import plain
from wgan_core.datasets import Dataset
from wgan_core.history import SHOWN_FIRST
from wgan_core.objectives import Objective
from wgan_core.schema import Variant
from wgan_core.store import NotStored, StoredRun, store

PAGE = 50
# Ten rows under the head: with what can be done to a run below, it fits on a projector.
HEIGHT = 11 * 35 + 2


# Asking


def asked() -> tuple[dict[str, Any], Order]:
    """Draw search, order and filters. Returns what the store is asked for, and in which order."""
    search = st.text_input(
        "Search",
        key="search",
        type="search",
        live=True,
        bind="query-params",
        placeholder="Search names, notes, tags, ids …",
        label_visibility="collapsed",
        width=280,
    )
    order = st.selectbox(
        "Order",
        list(ORDERS),
        key="order",
        format_func=lambda name: ORDERS[name].title,
        bind="query-params",
        label_visibility="collapsed",
        width=190,
    )
    with st.popover("Filter", icon=":material/filter_list:", key="filter"):
        wanted: dict[str, Any] = {"statuses": st.multiselect("Status", SHOWN_FIRST, key="status", bind="query-params")}
        wanted["objectives"] = _kinds("objective", "Objective", Objective.kinds)
        wanted["datasets"] = _kinds("dataset", "Data set", Dataset.kinds)
        # A tag that has gone out of use meanwhile can still be taken back.
        tags = sorted({*store().tags(), *st.session_state.get("tag", [])})
        wanted["tags"] = st.multiselect("Tags, all of them", tags, key="tag", bind="query-params")
        wanted["pinned"] = st.toggle("Only pinned ones", key="pinned", bind="query-params") or None
        st.button("Forget all filters", on_click=forget, width="stretch", key="forget")
    return wanted | {"search": search or ""}, ORDERS[order]


def _kinds(key: str, label: str, models: Mapping[str, type[Variant]]) -> list[str]:
    return st.multiselect(
        label, list(models), key=key, format_func=lambda kind: models[kind].label, bind="query-params"
    )


def forget() -> None:
    """Take all filters back, the search too."""
    for key, empty in (
        ("search", ""),
        ("status", []),
        ("objective", []),
        ("dataset", []),
        ("tag", []),
        ("pinned", False),
    ):
        st.session_state[key] = empty


# What is ticked


def ticked() -> list[str]:
    """The ids of the runs that are ticked, whether they are listed now or not."""
    found: list[str] = st.session_state.setdefault("runs.ticked", [])
    return found


def tick(run_ids: Sequence[str]) -> None:
    """Tick these runs and no others. The address names the run if it is only one."""
    st.session_state["runs.ticked"] = list(dict.fromkeys(run_ids))
    st.session_state.pop("runs.refused", None)
    only = run_ids[0] if len(run_ids) == 1 else None
    st.session_state["runs.linked"] = only
    if only:
        st.query_params["run"] = only
    else:
        st.query_params.pop("run", None)


def follow_link() -> None:
    """Tick the run that the address names, when it comes to name another one; or name the one that is ticked, coming back."""
    linked = st.query_params.get("run")
    if linked == st.session_state.get("runs.linked"):
        return
    st.session_state["runs.linked"] = linked
    if linked:
        st.session_state["runs.ticked"] = [linked[:64]]
    elif len(ticked()) == 1:
        tick(ticked())


def chosen(listed: Sequence[StoredRun], deleted: bool) -> list[StoredRun]:
    """The ticked runs, in the order in which they were ticked. Those that are gone meanwhile are ticked no more."""
    known = {run.id: run for run in listed}
    found, gone = [], []
    for run_id in ticked():
        try:
            run = known.get(run_id) or store().run(run_id)
        except NotStored:
            gone.append(f"There is no stored run “{run_id[:40]}”. It may have been deleted long ago.")
            continue
        if (run.deleted is not None) == deleted:
            found.append(run)
        elif not deleted:
            gone.append(f"{title(run)} is deleted. Switch “Deleted” on to bring it back.")
    if len(found) < len(ticked()):
        st.session_state["runs.ticked"] = [run.id for run in found]
    if gone:
        st.session_state["runs.refused"] = " ".join(gone)
    return found


# The table


def draw(found: Sequence[StoredRun], order: Order) -> None:
    """The table of these runs, with a tick before each; nothing if there are none."""
    ids = [run.id for run in found]
    rows = [row for row, run_id in enumerate(ids) if run_id in ticked()]
    # Rows are told by their number. So a list of other runs is another table, lest a click that is under way hits a wrong one.
    # It is another one too where ticks were set or taken elsewhere: the browser does not always follow.
    before, number = st.session_state.get("runs.listed", (None, 0))
    if ids != before or sorted(_selection(_key(number))["rows"]) != rows:
        number += 1
        _select(_key(number), rows)
    st.session_state["runs.listed"] = ids, number
    if not found:
        return
    key = _key(number)
    columns = columns_of(found, zone(), families=order.sort == "family")
    st.dataframe(
        columns,
        key=key,
        height=HEIGHT,
        hide_index=True,
        placeholder="",
        alt="Stored runs",
        column_config=heads(columns, order),
        # With columns to be chosen, a click on a head does not sort the listed rows alone: we sort them all.
        selection_mode=["multi-row", "single-cell", "single-column"],
        on_select=partial(_clicked, key, ids),
    )


def _key(number: int) -> str:
    return f"runs.table.{number}"


def _selection(key: str) -> dict[str, Any]:
    state = st.session_state.get(key)
    found: dict[str, Any] = state["selection"] if state else {"rows": [], "columns": [], "cells": []}
    return found


def _select(key: str, rows: Sequence[int]) -> None:
    st.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}


def _clicked(key: str, ids: Sequence[str]) -> None:
    """A tick adds a run or takes it away, a click on a row chooses that one alone, a click on a head sorts."""
    selection = _selection(key)
    if selection["columns"]:
        _sort_by(selection["columns"][0])
        _select(key, selection["rows"])
    elif selection["cells"]:
        row = selection["cells"][0][0]
        tick([ids[row]])
        _select(key, [row])
    else:
        here = [ids[row] for row in selection["rows"]]
        before = [run_id for run_id in ticked() if run_id not in ids or run_id in here]
        tick([*before, *here])


def _sort_by(column: str) -> None:
    """The order that belongs to a column, or the other way round if it is on."""
    fitting = [name for name, order in ORDERS.items() if order.column == column]
    if fitting:
        now = st.session_state["order"]
        st.session_state["order"] = fitting[(fitting.index(now) + 1) % len(fitting)] if now in fitting else fitting[0]
    else:
        st.toast(f"Runs are not sorted by {plain(column)}.")


def zone() -> tzinfo:
    """Where the browser is."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC
