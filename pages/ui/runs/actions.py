"""What can be done to the runs that are ticked: to one, to several, to deleted ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st

from pages.ui.form.fields import SEVERAL_SEEDS, Form, too_long
from pages.ui.form.lanes import LanesForm
from pages.ui.live import exports
from pages.ui.runs import side_by_side
from pages.ui.runs.table import tick, ticked
from pages.ui.text import plain
from wgan_core.config import RunConfig
from wgan_core.history import LIVE
from wgan_core.host import DeviceError
from wgan_core.runs import TooManyRuns, UnknownRun, manager
from wgan_core.schema import ConfigError
from wgan_core.store import NotStored, StoredRun, StoreProblem, store
from wgan_core.store.table import MOST_NAME, MOST_NOTE, MOST_TAGS


def attempt(action: Callable[[], object]) -> bool:
    """Do something to runs. What is refused is said, and nothing has changed then."""
    st.session_state.pop("runs.refused", None)
    try:
        action()
    except (ConfigError, NotStored, StoreProblem, TooManyRuns, UnknownRun, DeviceError) as error:
        st.session_state["runs.refused"] = str(error)
        return False
    return True


def bar(runs: Sequence[StoredRun], deleted: bool, listed: bool) -> None:
    """The bar above the table, and why something was refused.

    Parameters
    ----------
    runs : Sequence[StoredRun]
        Those that are ticked.
    deleted : bool
        They are deleted ones.
    listed : bool
        There are some that can be ticked.
    """
    if refused := st.session_state.get("runs.refused"):
        st.error(plain(refused), icon=":material/block:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="run-actions"):
        if not runs:
            _nothing(deleted, listed)
        elif deleted:
            st.button(
                "Bring back", icon=":material/restore_from_trash:", on_click=_undelete, args=(_ids(runs),), key="back"
            )
        elif len(runs) == 1:
            _one(runs[0])
        else:
            _several(runs)


def page_of(run: StoredRun) -> str:
    """The page that shows a run."""
    return "pages/compare.py" if len(run.lanes) > 1 else "pages/train.py"


def open_run(run: StoredRun) -> NoReturn:
    st.switch_page(page_of(run), query_params={"run": run.id})


def open_form(config: RunConfig) -> NoReturn:
    """Show the form with this race's settings, ready to start. The address has them too where they fit."""
    several = len(config.lanes) > 1
    if several:
        LanesForm().fill(config)
    else:
        Form().fill(config.lanes[0])
    st.session_state["several_seeds"] = config.seeds if config.seeds > 1 else SEVERAL_SEEDS
    text = config.to_url() if several else config.lanes[0].to_url()
    name = "race" if several else "config"
    st.switch_page(
        "pages/compare.py" if several else "pages/train.py", query_params=None if too_long(text) else {name: text}
    )


# What the bar holds


def _nothing(deleted: bool, listed: bool) -> None:
    gone: list[str] = st.session_state.get("runs.gone", [])
    if gone and not deleted:
        st.markdown(f"Deleted {_count(gone)}.", width="content")
        st.button("Undo", icon=":material/undo:", on_click=_undelete, args=(gone,), key="undo")
    elif not listed:
        st.caption("What you can do with a run will stand here.")
    elif deleted:
        st.caption("Deleted runs stay for a week. Tick those to bring back.")
    else:
        st.caption("Click a run to see more. Tick several to compare.")


def _one(run: StoredRun) -> None:
    live = run.status in LIVE
    if st.button("Open", icon=":material/open_in_full:", type="primary", key="open"):
        open_run(run)
    if st.button(
        "Resume",
        icon=":material/resume:",
        disabled=run.status not in ("stopped", "interrupted"),
        help="Go on from the last checkpoint. This is for runs that were stopped or interrupted.",
        key="go_on",
    ):
        if attempt(partial(manager().resume, run.id)):
            open_run(run)
        st.rerun()
    if st.button(
        "Rerun", icon=":material/replay:", help="Open the form with the settings that it was started with.", key="rerun"
    ):
        if attempt(lambda: run.config):
            open_form(run.config)
        st.rerun()
    if st.button(
        "Samples", icon=":material/grid_view:", help="Look into the generator, where weights are kept.", key="samples"
    ):
        st.switch_page("pages/samples.py", query_params={"run": run.id})
    _edit(run)
    _pin([run])
    exports.menu(run.id)
    with st.popover("Link", icon=":material/link:", key="link"):
        st.caption("This link opens the run for everyone who can reach this server.")
        base = str(st.context.url or "").split("?")[0].removesuffix("/").removesuffix("/runs")
        page = page_of(run).removeprefix("pages/").removesuffix(".py")
        st.code(f"{base}/{page}?{urlencode({'run': run.id})}", wrap_lines=True, language=None)
    _delete([run], "Stop it before you delete it." if live else None)


def _several(runs: Sequence[StoredRun]) -> None:
    if st.button(
        "Overlay", icon=":material/ssid_chart:", type="primary", help="Their curves in one place.", key="overlay"
    ):
        if attempt(lambda: side_by_side.overlaid(runs)):
            st.query_params.from_dict({"overlay": ",".join(_ids(runs))})
        st.rerun()
    _as_lanes(runs)
    _tag(runs)
    _pin(runs)
    _delete(runs)
    st.button("Untick all", icon=":material/close:", type="tertiary", on_click=tick, args=([],), key="untick")


def _as_lanes(runs: Sequence[StoredRun]) -> None:
    popover = st.popover("Open as lanes", icon=":material/view_column:", key="as_lanes", on_change="rerun")
    if not popover.open:
        return
    with popover:
        try:
            config, taken = side_by_side.as_lanes(runs)
        except (ConfigError, NotStored, StoreProblem) as error:
            st.error(plain(str(error)))
            return
        st.caption(
            f"The page Compare opens with {len(config.lanes)} lanes that have these runs' settings as they are now."
        )
        if taken:
            st.caption(
                f"Lanes share what follows, and these runs do not. The first one's is taken: {', '.join(taken)}."
            )
        if st.button("Open", type="primary", width="stretch", key="open_lanes"):
            open_form(config)


def _edit(run: StoredRun) -> None:
    """Name, note and tags of one run."""
    popover = st.popover("Edit", icon=":material/edit:", key="edit", on_change="rerun")
    if not popover.open:
        return

    def save() -> None:
        state = st.session_state

        def change() -> None:
            store().rename(run.id, state["edit.name"])
            store().annotate(run.id, state["edit.note"])
            store().tag(run.id, state["edit.tags"])

        state["edit"] = not attempt(change)

    with popover, st.form("edit.form", border=False):
        st.text_input("Name", run.name, max_chars=MOST_NAME, key="edit.name", placeholder=run.id)
        # What opens below a field of tags lies over what stands there: never over Save.
        _tag_input("Tags", "edit.tags", run.tags)
        st.text_area("Note", run.note, max_chars=MOST_NOTE, key="edit.note")
        st.form_submit_button("Save", type="primary", width="stretch", on_click=save, key="edit.save")


def _tag(runs: Sequence[StoredRun]) -> None:
    """Tags of several runs: some to give, some to take."""
    popover = st.popover("Tags", icon=":material/label:", key="tags", on_change="rerun")
    if not popover.open:
        return

    def save() -> None:
        state = st.session_state

        def change() -> None:
            for run in runs:
                kept = [tag for tag in run.tags if tag not in state.get("tags.take", ())]
                store().tag(run.id, [*kept, *state["tags.give"]])

        state["tags"] = not attempt(change)

    with popover, st.form("tags.form", border=False):
        _tag_input("Give them", "tags.give")
        if there := list(dict.fromkeys(tag for run in runs for tag in run.tags)):
            st.pills("Take from them", there, selection_mode="multi", key="tags.take", wrap=True)
        else:
            st.caption("None of them has a tag that could be taken away.")
        st.form_submit_button("Save", type="primary", width="stretch", on_click=save, key="tags.save")


def _tag_input(label: str, key: str, now: Sequence[str] = ()) -> None:
    st.multiselect(
        label,
        list(dict.fromkeys([*now, *store().tags()])),
        list(now),
        key=key,
        accept_new_options=True,
        max_selections=MOST_TAGS,
        placeholder="Choose, or type a new one",
    )


def _pin(runs: Sequence[StoredRun]) -> None:
    pinned = all(run.pinned for run in runs)

    def change() -> None:
        for run in runs:
            store().pin(run.id, not pinned)

    def turn() -> None:
        attempt(change)

    st.button(
        "Unpin" if pinned else "Pin",
        icon=":material/keep_off:" if pinned else ":material/keep:",
        help="A pinned run keeps all its frames when room is made for others.",
        on_click=turn,
        key="pin",
    )


def _delete(runs: Sequence[StoredRun], why_not: str | None = None) -> None:
    st.button(
        "Delete",
        icon=":material/delete:",
        disabled=why_not is not None,
        help=why_not or "They can be brought back for a week.",
        on_click=_deleted,
        args=(_ids(runs),),
        key="delete",
    )


def _deleted(run_ids: Sequence[str]) -> None:
    def delete() -> None:
        st.session_state["runs.gone"] = store().delete(run_ids)

    if attempt(delete):
        tick([run_id for run_id in ticked() if run_id not in run_ids])


def _undelete(run_ids: Sequence[str]) -> None:
    if attempt(lambda: store().undelete(run_ids)):
        st.session_state.pop("runs.gone", None)
        st.toast(f"Brought back {_count(run_ids)}.")


def _ids(runs: Sequence[StoredRun]) -> list[str]:
    return [run.id for run in runs]


def _count(things: Sequence[object]) -> str:
    return f"{len(things):,} {'run' if len(things) == 1 else 'runs'}"
