"""Where this software keeps what is its user's: runs, pictures, data sets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import platformdirs


def data_folder() -> Path:
    """Where runs and data are kept: ``WGAN_HOME``, or the place that the platform has for a program's data."""
    given = os.environ.get("WGAN_HOME", "").strip()
    return Path(given).expanduser().absolute() if given else platformdirs.user_data_path("wgan-live", appauthor=False)


def listed(text: str) -> list[Path]:
    """The folders that a setting lists, as ``PATH`` does; or the one that it names, whose name may hold what parts them."""
    if text.strip() and (whole := Path(text.strip()).expanduser()).is_dir():
        return [whole]
    return [Path(one.strip()).expanduser() for one in text.split(os.pathsep) if one.strip()]


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
