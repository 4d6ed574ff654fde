"""Files of published sets that are missing: what is wanted and where it was looked for, and four ways out.

Fetch them (with progress, and an end at any time), try again, bring a file that one has, or take the set that comes with the
software. Nothing is fetched unasked.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from pydantic import ValidationError

from pages.ui.text import plain
from wgan_core.config import RunConfig
from wgan_core.datasets import Dataset, Published
from wgan_core.datasets import lacking as lacking_in
from wgan_core.datasets.fetching import Fetch, NotFetched, RemoteFile, begin, job_in, take

REFRESH_SECONDS = 0.5
# The data set whose files are asked for, as a part of a config, and whether those that are there are damaged.
OPEN, REFUSED = "fetch.open", "fetch.refused"


def lacking(config: RunConfig) -> Published | None:
    """The set that a race needs and this computer does not have, or None."""
    return lacking_in(config.lanes[0].dataset)


def ask(missing: Published, damaged: bool = False) -> None:
    """Open the dialog when the page is drawn next."""
    st.session_state[OPEN] = missing.model_dump(), damaged
    st.session_state.pop(REFUSED, None)


def offer(dataset: dict[str, object], embedded: Callable[[], None] | None = None) -> None:
    """Say that files of its data set are missing, if they are, and draw the dialog where it is open.

    Parameters
    ----------
    dataset : dict
        As a config has it, perhaps wrong.
    embedded : callable, optional
        Takes the set that comes with the software instead. Not offered if left out.
    """
    try:
        missing = lacking_in(Dataset.kinds[str(dataset["kind"])].model_validate(dataset))
    except ValidationError:
        missing = None
    if missing is not None:
        st.warning(f"The files of {missing.label} are not on this computer.", icon=":material/cloud_off:")
        button(missing, "fetch.form")
    if (asked := st.session_state.get(OPEN)) is not None:
        part, damaged = asked
        found = Dataset.kinds[part["kind"]].model_validate(part)
        st.dialog("Files of a data set", width="medium", on_dismiss=_close)(_dialog)(found, damaged, embedded)


def button(missing: Published, key: str, damaged: bool = False) -> None:
    """The button that opens the dialog."""
    st.button(
        "Get the files …",
        icon=":material/download:",
        key=key,
        width="stretch",
        on_click=ask,
        args=(missing, damaged),
        type="primary",
    )


def _close() -> None:
    st.session_state.pop(OPEN, None)
    st.session_state.pop(REFUSED, None)


def _dialog(missing: Published, damaged: bool, embedded: Callable[[], None] | None) -> None:
    wanted, folder = missing.wanted(), missing.folder()
    job = job_in(folder)
    running = job is not None and job.state == "running"
    here = [not running and file.is_at(folder / file.name) for file in wanted]
    if all(here) or (missing.lacks() is None and not damaged and not running):
        st.success(f"The files of {missing.label} are here, and checked.", icon=":material/check:")
        if st.button("Go on", type="primary", width="stretch", key="fetch.done"):
            _close()
            st.rerun()
        return
    splits = " and ".join(missing.splits)
    st.markdown(f"**{missing.label}**, split {splits}: these files are wanted. Each is checked before it is used.")
    st.markdown("\n".join(_line(file, there) for file, there in zip(wanted, here, strict=True)))
    if running:
        assert job is not None
        st.fragment(_progress, run_every=REFRESH_SECONDS)(job)
    else:
        _outcome(job)
        again = job is not None and job.state in ("failed", "cancelled")
        megabytes = sum(file.size for file, there in zip(wanted, here, strict=True) if not there) / 1e6
        if st.button(
            f"{'Retry' if again else 'Fetch'} ({megabytes:,.1f} MB)" if megabytes else "Fetch again",
            icon=":material/refresh:" if again else ":material/download:",
            type="primary",
            width="stretch",
            key="fetch.start",
        ):
            begin(wanted, folder)
            st.rerun()
        _bring(wanted, missing)
        if embedded is not None and st.button(
            "Use Fashion-MNIST's test images instead",
            icon=":material/inventory_2:",
            width="stretch",
            key="fetch.embedded",
            help="10,000 images that come with this software.",
            on_click=embedded,
        ):
            _close()
            st.rerun()
    with st.expander("Where they were looked for, and would be fetched from"):
        st.caption("Looked for in, the first that has them counts:")
        st.code("\n".join(map(str, missing.folders())), language=None)
        st.caption("Fetched from, the first that answers:")
        st.code("\n".join(mirror for file in wanted for mirror in file.mirrors), language=None)


def _line(file: RemoteFile, there: bool) -> str:
    mark = ":material/check_circle:" if there else ":material/radio_button_unchecked:"
    return f"- {mark} `{file.name}` · {file.size:,} bytes · md5 `{file.md5}`"


def _progress(job: Fetch) -> None:
    """How far the fetching is; the one part of the dialog that is drawn again and again."""
    if job.state != "running":
        st.rerun()  # the dialog says what came of it
    done = min(1.0, job.done / max(1, job.size))
    st.progress(done, f"Fetching: {job.done / 1e6:,.1f} of {job.size / 1e6:,.1f} MB")
    st.button(
        "Cancelling …" if job.cancelling else "Cancel",
        icon=":material/close:",
        width="stretch",
        key="fetch.cancel",
        disabled=job.cancelling,
        on_click=job.cancel,
    )


def _outcome(job: Fetch | None) -> None:
    if job is None:
        return
    if job.state == "failed":
        st.error(plain(job.problem), icon=":material/error:")
    elif job.state == "cancelled":
        st.info("Cancelled. Nothing incomplete is left.", icon=":material/block:")


def _bring(wanted: tuple[RemoteFile, ...], missing: Published) -> None:
    most = -(-max(file.size for file in wanted) // 1_000_000)

    def taken() -> None:
        st.session_state.pop(REFUSED, None)
        for given in st.session_state["fetch.files"] or []:
            try:
                take(wanted, missing.folder(), given.getvalue(), given.name)
            except NotFetched as why:
                st.session_state[REFUSED] = str(why)

    st.file_uploader(
        "I have the file",
        accept_multiple_files=True,
        key="fetch.files",
        max_upload_size=most,
        on_change=taken,
        help="It is taken by its content, whatever it is called, and put into the folder that is listed first below.",
    )
    if why := st.session_state.get(REFUSED):
        st.error(plain(why), icon=":material/error:")
