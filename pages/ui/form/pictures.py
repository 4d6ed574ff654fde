"""Pictures of one's own: the inputs that knobs ask for with ``widget="pictures"`` and ``widget="picture-class"``.

The dialog takes an upload, or a folder that the one who runs this has allowed, and says what was read, what was left out and
why before anything is trained on it.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from pages.ui.text import plain
from wgan_core.datasets import DataError
from wgan_core.datasets.pictures import ALL, MAX_UPLOAD_BYTES, Folder, Pictures, keep, offered, pictures
from wgan_core.datasets.pictures.scan import identity_of

TYPES = ["zip", "jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif"]
SHOWN, A_ROW = 32, 8
MAX_REASONS, MAX_CLASSES = 8, 12


@dataclass(frozen=True)
class Summary:
    """What people are told of pictures: how many, which classes, what to know of some, and a few of them as a data URL."""

    told: str
    left_out: tuple[str, ...]
    warned: tuple[str, ...]
    classes: tuple[str, ...]
    some: str


def pictures_input(key: str, field: FieldInfo, value: str, label: str) -> str:
    """The button that opens the dialog, and what is known of the pictures in use. Returns their path."""
    used: str = st.session_state.setdefault(f"{key}.used", value)
    if st.button(
        f"{label}: upload or choose", key=key, help=field.description, icon=":material/photo_library:", width="stretch"
    ):
        st.session_state[f"{key}.open"] = True
    if st.session_state.get(f"{key}.open"):
        st.dialog("Choose your pictures", width="medium", on_dismiss=lambda: _close(key))(_dialog)(key)
    else:
        _tell(key, used)
    return used


def class_input(key: str, field: FieldInfo, value: str, label: str) -> str:
    """One of the classes of the pictures beside it, or all."""
    told: Summary | None = st.session_state.get(f"{key.rpartition('.')[0]}.path.told")
    options = dict.fromkeys([ALL, *(told.classes if told else ()), value])
    if st.session_state.setdefault(key, value) not in options:
        st.session_state[key] = ALL
    found: str = st.selectbox(label, list(options), key=key, help=field.description)
    return found


def _dialog(key: str) -> None:
    st.file_uploader(
        "A zip of pictures, or some pictures",
        TYPES,
        accept_multiple_files=True,
        key=f"{key}.files",
        max_upload_size=MAX_UPLOAD_BYTES // 1_000_000,
        help="Folders inside the zip become classes. JPEG, PNG, WebP, BMP, TIFF, and the first frame of a GIF.",
        on_change=_take_upload,
        args=(key,),
    )
    if there := offered():
        st.selectbox(
            "Or a folder or zip on the computer that trains",
            there,
            index=None,
            key=f"{key}.there",
            on_change=_take_folder,
            args=(key,),
        )
    if why := st.session_state.get(f"{key}.refused"):
        st.error(plain(why))
    chosen = st.session_state.get(f"{key}.chosen", st.session_state[f"{key}.used"])
    good = _tell(key, chosen)
    if st.button(
        "Use these pictures",
        type="primary",
        width="stretch",
        disabled=not good,
        key=f"{key}.use",
        on_click=_use,
        args=(key, chosen),
    ):
        st.rerun()


def _take_upload(key: str) -> None:
    files = st.session_state.get(f"{key}.files") or []
    st.session_state.pop(f"{key}.refused", None)
    if not files:
        return
    try:
        st.session_state[f"{key}.chosen"] = keep([(file.name, file.getvalue()) for file in files])
    except DataError as error:
        st.session_state[f"{key}.refused"] = f"The upload was not taken. {error}"


def _take_folder(key: str) -> None:
    st.session_state.pop(f"{key}.refused", None)
    if there := st.session_state.get(f"{key}.there"):
        st.session_state[f"{key}.chosen"] = there


def _use(key: str, path: str) -> None:
    if path != st.session_state[f"{key}.used"]:
        # Other pictures have other classes.
        st.session_state[f"{key.rpartition('.')[0]}.classes"] = ALL
    st.session_state[f"{key}.used"] = path
    _close(key)


def _close(key: str) -> None:
    st.session_state[f"{key}.open"] = False
    for name in ("chosen", "refused"):
        st.session_state.pop(f"{key}.{name}", None)


def _tell(key: str, path: str) -> bool:
    """Say what the pictures at a path are. Returns whether they can be trained on."""
    if not path:
        st.caption("No pictures are chosen yet.")
        return False
    try:
        told = _summary(key, path)
    except DataError as error:
        st.session_state.pop(f"{key}.told", None)
        st.warning(plain(str(error)))
        return False
    st.session_state[f"{key}.told"] = told
    st.caption(plain(told.told))
    st.image(told.some, width="stretch")
    for title, lines in (("What was left out, and why", told.left_out), ("Used, but take a look", told.warned)):
        if lines:
            with st.expander(title):
                for line in lines:
                    st.caption(plain(line))
    return True


def _summary(key: str, path: str) -> Summary:
    """What is known of pictures in the form's size and colour; read with a bar the first time."""
    style = _folder(key, path).style
    what = f"{identity_of(path)} {style}"
    known: dict[str, Summary] = st.session_state.setdefault(f"{key}.known", {})
    if what not in known:
        bar = st.progress(0.0, "Reading the pictures …")
        try:
            found = pictures(path, style, lambda done, of: _advance(bar, done, of))
        finally:
            bar.empty()
        # Those of the dialog and those in use.
        while len(known) >= 2:
            del known[next(iter(known))]
        known[what] = described(found)
    return known[what]


def _advance(bar: Any, done: int, of: int) -> None:
    bar.progress(done / max(1, of), f"Reading the pictures: {done:,} of {of:,}")


def _folder(key: str, path: str) -> Folder:
    """The data set as the inputs beside this one have it."""
    around = key.rpartition(".")[0]
    given = {name: st.session_state.get(f"{around}.{name}") for name in ("pixels", "colour", "fit")}
    try:
        return Folder.model_validate({"path": path, **{name: value for name, value in given.items() if value}})
    except ValidationError:
        raise DataError("The path is too long.") from None


def described(found: Pictures) -> Summary:
    """The summary of what was read."""
    count, counts = len(found.images.pixels), found.counts
    told = f"{count:,} {'picture' if count == 1 else 'pictures'}."
    if counts:
        names = [f"{name} {number:,}" for name, number in list(counts.items())[:MAX_CLASSES]]
        rest = f" and {len(counts) - MAX_CLASSES:,} more" if len(counts) > MAX_CLASSES else ""
        told += f" {len(counts):,} classes: {', '.join(names)}{rest}."
    if count == 1:
        told += " A generator can do no more than learn it by heart."
    elif bool((found.images.pixels == found.images.pixels[0]).all()):
        told += " They are all the same."
    if left := sum(one.count for one in found.left_out):
        told += f" {left:,} {'file was' if left == 1 else 'files were'} left out."
    if doubtful := sum(one.count for one in found.warned):
        told += f" {doubtful:,} {'has' if doubtful == 1 else 'have'} a warning."
    left_out, warned = (tuple(map(str, some[:MAX_REASONS])) for some in (found.left_out, found.warned))
    return Summary(told, left_out, warned, found.images.classes, _some(found))


def _some(found: Pictures) -> str:
    """A few pictures from all over the set, side by side, as a data URL."""
    pixels = found.images.pixels.numpy()
    some = pixels[np.unique(np.linspace(0, len(pixels) - 1, SHOWN).astype(int))]
    side, rows = some.shape[-1] + 2, -(-len(some) // A_ROW)
    paper = Image.new("RGB", (min(len(some), A_ROW) * side, rows * side), "white")
    for i, picture in enumerate(some):
        one = Image.fromarray(picture.transpose(1, 2, 0) if len(picture) == 3 else picture[0])
        paper.paste(one, (i % A_ROW * side + 1, i // A_ROW * side + 1))
    buffer = io.BytesIO()
    paper.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
