"""Formats: what a run can be written in, and how each is entered in the map of all."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from wgan_core.export.subject import Bundle, File

# Packages whose name for pip is not that of their module.
PIP_NAMES = {"imageio_ffmpeg": "imageio-ffmpeg"}


@dataclass(frozen=True)
class Export:
    """A format that a run can be written in.

    Attributes
    ----------
    title, help : str
        The name on screen, and a sentence on what is in it.
    extension : str
        Of the file, with its dot.
    media_type : str
        What a browser calls it.
    files : callable
        From a run to its files.
    count : callable
        How many files these are, most often one.
    requires : tuple[str, ...]
        Modules that requirements.txt does not bring.
    folder : bool
        The files belong into a folder, even if there is only one.
    unfit : callable
        Why a run cannot be written in this format, in a sentence, or None.
    """

    title: str
    help: str
    extension: str
    media_type: str
    files: Callable[[Bundle], Iterable[File]]
    count: Callable[[Bundle], int] = lambda _: 1
    requires: tuple[str, ...] = ()
    folder: bool = False
    unfit: Callable[[Bundle], str | None] = lambda _: None

    def problem(self, bundle: Bundle) -> str | None:
        """Why this run cannot be written in this format here and now, or None."""
        return self.missing() or self.unfit(bundle)

    def zipped(self, bundle: Bundle) -> bool:
        """Whether a browser gets this run in this format as a zip file."""
        return self.folder or self.count(bundle) > 1

    def missing(self) -> str | None:
        """The sentence on packages that are not installed, or None."""
        absent = [PIP_NAMES.get(name, name) for name in self.requires if not _installed(name)]
        if not absent:
            return None
        what = "the package" if len(absent) == 1 else "the packages"
        return f"{self.title} needs {what} {' and '.join(absent)}: pip install {' '.join(absent)}"


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


EXPORTS: dict[str, Export] = {}
Files = TypeVar("Files", bound=Callable[..., Iterable[File]])


def export(name: str, title: str, help: str, extension: str, media_type: str, **more: Any) -> Callable[[Files], Files]:
    """Enter a function from a run to its files as a format, by the fields of :class:`Export`."""

    def enter(files: Files) -> Files:
        EXPORTS[name] = Export(title, help, extension, media_type, files, **more)
        return files

    return enter
