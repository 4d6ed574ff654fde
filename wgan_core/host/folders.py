"""Where this software lies, and where it keeps what is its user's: runs, pictures, data sets."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import platformdirs

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"


class NoFolder(OSError):
    """There is no such place on this computer. The message says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.ENOENT, message)

    def __str__(self) -> str:
        return str(self.strerror)


def expanded(text: str, name: str) -> Path:
    """A path that the variable ``name`` holds, with ~ as the home folder.

    Raises
    ------
    NoFolder
        Nobody knows that home.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise NoFolder(
            f"{name} is “{text[:80]}”, and the home folder that it begins with is not known. Set {name} to a whole path."
        ) from None


def data_folder() -> Path:
    """Where runs and data are kept: ``WGAN_HOME``, or the place that the platform has for a program's data.

    Raises
    ------
    NoFolder
        Neither is known.
    """
    given = os.environ.get("WGAN_HOME", "").strip()
    try:
        if given:
            return expanded(given, "WGAN_HOME").absolute()
        found = platformdirs.user_data_path("wgan-live", appauthor=False)
    except (RuntimeError, FileNotFoundError) as error:  # no home; a present folder that is gone
        if isinstance(error, NoFolder):
            raise
        found = Path()
    if not found.is_absolute():
        raise NoFolder("There is no folder to keep anything in: this user has no home. Set WGAN_HOME to one.")
    return found


def listed(text: str, name: str) -> list[Path]:
    """The folders that the variable ``name`` lists, as ``PATH`` does; or one, whose name may hold what parts them.

    Raises
    ------
    NoFolder
        One begins with a home that nobody knows.
    """
    if text.strip() and (whole := expanded(text.strip(), name)).is_dir():
        return [whole]
    return [expanded(one.strip(), name) for one in text.split(os.pathsep) if one.strip()]


@contextmanager
def replacing(place: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes its place when it is whole: others see all of it or nothing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    half = place.with_name(f"{place.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with half.open("wb") as file:
            yield file
        half.replace(place)
    finally:
        half.unlink(missing_ok=True)
