"""What pictures are read from: a folder, or a zip that is never unpacked to the disk.

All limits are checked by what the headers say before anything is read, and again while it is read.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from wgan_core.datasets.base import DataError
from wgan_core.datasets.pictures.pixels import Unusable

MAX_FILES = 100_000
MAX_FILE_BYTES = 50_000_000
MAX_TOTAL_BYTES = 4_000_000_000
# The table of contents of a zip with so many files, and names of a usual length.
MAX_CONTENTS_BYTES = 12_000_000
# Deflate reaches 1,000; pictures, 200 only where there is nothing to see. Small files may be as they like.
MAX_RATIO, RATIO_FROM_BYTES = 200, 1_000_000
CHUNK = 1 << 20
# What systems leave beside pictures.
CLUTTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
# As the first folder of a path. Elsewhere a colon is a letter like others: screenshots have the time in their names.
_DRIVE = re.compile("[A-Za-z]:")
_SAYS_UTF8 = 0x800

Name = tuple[str, ...]


class Source(Protocol):
    """Files by name, each name the parts of its path."""

    def names(self) -> list[Name]:
        """The names of all files that may be pictures, sorted."""

    def read(self, name: Name) -> bytes:
        """A file's content, or Unusable."""


class FolderSource:
    """The files in a folder and its subfolders. Links are not followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _files(self) -> Iterator[tuple[Name, os.DirEntry[str]]]:
        waiting: list[tuple[Path, Name]] = [(self._folder, ())]
        while waiting:
            folder, above = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        name = (*above, entry.name)
                        if _clutter(name):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append((Path(entry.path), name))
                        else:
                            yield name, entry
            except OSError as error:
                raise DataError(f"The folder “{shown(above)}” cannot be read ({error.strerror}).") from None

    def names(self) -> list[Name]:
        found: list[Name] = []
        for name, _ in self._files():
            found.append(name)
            _not_too_many(len(found))
        return sorted(found)

    def read(self, name: Name) -> bytes:
        path = self._folder.joinpath(*name)
        try:
            if path.is_symlink() or not path.is_file():  # a pipe would never end
                raise Unusable("a link or a device, not a file")
            if path.stat().st_size > MAX_FILE_BYTES:
                raise Unusable(_TOO_LARGE)
            with path.open("rb") as file:
                return file.read(MAX_FILE_BYTES)
        except OSError:
            raise Unusable("not readable") from None

    def identity(self) -> str:
        """A hash that changes when a file comes, goes or is written."""
        found = []
        for name, entry in self._files():
            status = entry.stat(follow_symlinks=False)
            found.append((name, status.st_size, status.st_mtime_ns))
            _not_too_many(len(found))
        return hashlib.sha256(repr(sorted(found)).encode("utf-8", "surrogateescape")).hexdigest()


class _Guarded(io.BufferedReader):
    """A file that cannot be read in large pieces: zipfile reads a table of contents in one, whatever its size."""

    def read(self, size: int | None = -1, /) -> bytes:
        most = MAX_CONTENTS_BYTES + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) == most:
            _not_too_many(MAX_FILES + 1)
        return data


class ZipSource:
    """The files in a zip."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._files: dict[Name, zipfile.ZipInfo] = {}
        self._archive = archive
        infos = [(name, info) for info in archive.infolist() if (name := _name(info))[-1] or info.file_size]
        _not_too_many(len(infos))
        if sum(info.file_size for _, info in infos) > MAX_TOTAL_BYTES:
            raise DataError(f"Unpacked, this zip takes more than the {MAX_TOTAL_BYTES / 1e9:.0f} GB that are allowed.")
        self._files.update((name, info) for name, info in infos if not _clutter(name))

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[ZipSource]:
        """Open a zip for reading.

        Raises
        ------
        DataError
            It is no zip, is damaged, or has too many files.
        """
        try:
            with _Guarded(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
                yield cls(archive)
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, ValueError, EOFError):
            raise DataError("This is no zip, or a damaged one. It was not read; make it once more.") from None
        except OSError as error:
            raise DataError(f"The zip cannot be read ({error.strerror}).") from None

    def names(self) -> list[Name]:
        return sorted(self._files)

    def read(self, name: Name) -> bytes:
        info = self._files[name]
        if ".." in name or name[0] == "" or (len(name) > 1 and _DRIVE.fullmatch(name[0])):
            raise Unusable("named as if it lay outside of the zip")
        if info.flag_bits & 1:
            raise Unusable("locked with a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unusable("packed in a way that is not read here; use an ordinary zip")
        if info.file_size > MAX_FILE_BYTES:
            raise Unusable(_TOO_LARGE)
        if info.file_size > max(RATIO_FROM_BYTES, MAX_RATIO * info.compress_size):
            raise Unusable("packed suspiciously small")
        try:
            with self._archive.open(info) as file:
                data = bytearray()
                while chunk := file.read(CHUNK):
                    data += chunk
                return bytes(data)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError):
            raise Unusable("damaged inside the zip") from None


def _name(info: zipfile.ZipInfo) -> Name:
    """The name of a member, its last part empty for a folder.

    macOS and others write UTF-8 without saying so, and zipfile then takes it for the first PC's letters. What is no UTF-8
    is that. Some programs part folders with a backslash.
    """
    text = info.filename
    if not info.flag_bits & _SAYS_UTF8:
        with suppress(UnicodeError):
            text = text.encode("cp437").decode("utf-8")
    return tuple(text.replace("\\", "/").split("/"))


def hash_of(path: Path) -> str:
    """The sha256 of a file, remembered while its size and time of change stay as they are."""
    status = path.stat()
    return _hash(path, (status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=64)
def _hash(path: Path, _: tuple[int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown(name: Name, most: int = 80) -> str:
    """A file's name for people: on one line, of bounded length, and without what would act on a terminal."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in "/".join(name))
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 + 1 :]}"


_TOO_LARGE = f"larger than {MAX_FILE_BYTES // 1_000_000} MB"


def _not_too_many(count: int) -> None:
    if count > MAX_FILES:
        raise DataError(f"There are more than {MAX_FILES:,} files, which is the most that is read. Use fewer.")


def _clutter(name: Name) -> bool:
    return any((part in CLUTTER or part.startswith(".")) and part not in ("..", ".") for part in name)
