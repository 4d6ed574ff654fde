"""Where pictures may lie: what was uploaded, by its hash, and folders that the one who runs this has allowed."""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from wgan_core.datasets.base import DataError
from wgan_core.datasets.pictures.sources import ZipSource
from wgan_core.host import data_folder, replacing
from wgan_core.host.folders import NoFolder, listed

ALLOWED = "WGAN_PICTURES"
ANYWHERE = "*"
ROOM = "WGAN_PICTURES_MB"
USUAL_ROOM = 2_000
MAX_UPLOAD_BYTES = 200_000_000
_UPLOADED = re.compile(r"sha256:[0-9a-f]{64}")


def folder() -> Path:
    """Where uploads, and what was made of pictures, are kept. DataError where there is no such place."""
    try:
        return data_folder() / "pictures"
    except NoFolder as why:
        raise DataError(str(why)) from None


@dataclass(frozen=True)
class Access:
    """Which folders may be named.

    Attributes
    ----------
    anywhere : bool
        Any at all.
    roots : tuple of Path
        Else what lies below one of these. Relative paths are looked up in all of them, in this order.
    """

    anywhere: bool
    roots: tuple[PurePath, ...]

    @classmethod
    def given(cls) -> Access:
        """What ``WGAN_PICTURES`` allows: the folders that it lists, as ``PATH`` does; usually none."""
        first, _, rest = (text := os.environ.get(ALLOWED, "")).partition(os.pathsep)
        free = first.strip() == ANYWHERE
        try:
            found = ([Path.cwd()] if free else []) + listed(rest if free else text, ALLOWED)
        except NoFolder as why:
            raise DataError(str(why)) from None
        return cls(free, tuple(one.resolve() for one in found))

    def permits(self, found: PurePath) -> bool:
        return self.anywhere or any(found.is_relative_to(root) for root in self.roots)


def anywhere() -> str:
    """The value of ``WGAN_PICTURES`` with which any folder may be named, from the working directory first."""
    given = os.environ.get(ALLOWED, "")
    return given if given.partition(os.pathsep)[0].strip() == ANYWHERE else os.pathsep.join([ANYWHERE, given])


def located(path: str) -> Path:
    """The folder or zip that a config's path names.

    Raises
    ------
    DataError
        It names none, or one that is gone or not allowed.
    """
    if not path:
        raise DataError("No pictures are chosen yet. Upload a zip of pictures, or name a folder of them.")
    if _UPLOADED.fullmatch(path):
        if (kept := _place(path)).is_file():
            return kept
        raise DataError(
            f"The pictures of this run are not here (their sha256 begins with {path[7:19]}): they were uploaded elsewhere, or"
            " deleted since. Upload the same zip again."
        )
    access = Access.given()
    if not access.roots:
        raise DataError(
            f"Folders of pictures are not read here. Upload a zip of them, or set {ALLOWED} to the folder that holds"
            " them before you start this software."
        )
    outside = 0
    for root in access.roots:
        try:
            found = Path(root / path).resolve()
            # It may lead out of one allowed folder into another.
            if not access.permits(found):
                outside += 1
            elif found.is_dir() or found.is_file():
                return found
        except (OSError, ValueError, RuntimeError):  # a name that no file can have, a loop of links
            continue
    if outside == len(access.roots):
        raise DataError(f"“{path[:80]}” lies outside of the folders that {ALLOWED} allows.")
    allowed = f"the folders that {ALLOWED} allows"
    where = " and ".join(map(str, access.roots)) if access.anywhere else allowed
    raise DataError(f"There is no folder and no zip “{path[:80]}” in {where}.")


def offered() -> list[str]:
    """Folders and zips right below the allowed folders, as paths for a config, sorted."""
    found: list[str] = []
    try:
        roots = Access.given().roots
    except DataError:  # said to the one who names a folder
        return []
    for root in roots:
        try:
            found += [one.name for one in Path(root).iterdir() if one.is_dir() or one.suffix.lower() == ".zip"]
        except OSError:
            continue
    return sorted({name for name in found if not name.startswith(".")})[:200]


def keep(files: Sequence[tuple[str, bytes]]) -> str:
    """Keep an upload, a zip or pictures one by one, and return the path by which configs name it.

    Raises
    ------
    DataError
        It is too large, no zip, several zips, or there is no room. Nothing is kept then.
    """
    if sum(len(data) for _, data in files) > MAX_UPLOAD_BYTES:
        raise DataError(f"This is more than the {MAX_UPLOAD_BYTES // 1_000_000} MB that an upload may have.")
    zips = [name for name, data in files if zipfile.is_zipfile(io.BytesIO(data))]
    if len(zips) == len(files) > 1:
        raise DataError(
            f"These are {len(zips)} zips, and one is taken at a time: leave one of them, or put all into one zip."
        )
    data = files[0][1] if len(files) == len(zips) == 1 else _zipped(files)
    path = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if (place := _place(path)).is_file():
        return path
    try:
        _has_room(len(data))
        with replacing(place) as file:
            file.write(data)
    except OSError as error:
        raise DataError(f"The pictures cannot be kept in {folder()} ({error.strerror}).") from None
    try:
        with ZipSource.opened(place):
            pass
    except DataError:
        place.unlink(missing_ok=True)
        raise
    return path


def _place(path: str) -> Path:
    return folder() / f"{path.removeprefix('sha256:')}.zip"


def _zipped(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Pictures that came one by one as a zip: the same ones always give the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, (name, data) in enumerate(sorted(files)):
            last = name.replace("\\", "/").rpartition("/")[2]
            archive.writestr(zipfile.ZipInfo(f"{number:05}-{last[-100:]}"), data)
    return buffer.getvalue()


def _has_room(more: int) -> None:
    given = os.environ.get(ROOM, "").strip()
    room = int(given) if given.isdecimal() else USUAL_ROOM
    used = sum(file.stat().st_size for file in folder().glob("*.zip"))
    if used + more > room * 1_000_000:
        raise DataError(
            f"There is no room for more pictures: uploads may take {room:,} MB ({ROOM}). Delete some in {folder()}."
        )
