"""A run written in a format: to a path, or as one file for a browser."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from wgan_core.export.format import EXPORTS
from wgan_core.export.subject import Bundle, ExportProblem, File


def _made(name: str, bundle: Bundle) -> list[File]:
    if name not in EXPORTS:
        raise ExportProblem(f"There is no format {name!r}. These are there: {', '.join(EXPORTS)}.")
    if why := EXPORTS[name].problem(bundle):
        raise ExportProblem(why)
    return list(EXPORTS[name].files(bundle))


def save(name: str, bundle: Bundle, path: str | Path) -> list[Path]:
    """Write a run in a format to a path. Returns what was written.

    A file that is there already is replaced, and only when the new one is complete. Several files go into a folder of this
    name, or into one zip file where the name ends in ``.zip``.

    Raises
    ------
    ExportProblem
        The format is unknown, does not suit the run, lacks a package, or the path cannot be written to.
    """
    path = Path(path)
    files = _made(name, bundle)
    single = len(files) == 1 and not EXPORTS[name].folder
    if not single and path.suffix == ".zip":
        files, single = [File(path.name, zipped(files))], True
    try:
        if single:
            return [_write(path, files[0].content)]
        return [_write(path / file.name, file.content) for file in files]
    except OSError as error:
        raise ExportProblem(f"{path} cannot be written ({error.strerror or error}).") from error


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    return path


def download(name: str, bundle: Bundle) -> tuple[str, str, bytes]:
    """A run in a format as one file: its name, its media type and its content. Several files are put into a zip file.

    Raises
    ------
    ExportProblem
        As of :func:`save`.
    """
    files, export = _made(name, bundle), EXPORTS[name]
    if export.zipped(bundle):
        return file_name(name, bundle), "application/zip", zipped(files)
    return file_name(name, bundle), export.media_type, files[0].content


def file_name(name: str, bundle: Bundle) -> str:
    """What :func:`download` calls a run in a format, without making it."""
    export = EXPORTS[name]
    return f"run-{bundle.view.id}-{name}.zip" if export.zipped(bundle) else f"run-{bundle.view.id}{export.extension}"


def zipped(files: Iterable[File]) -> bytes:
    """Several files as one zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(file.name, file.content)
    return out.getvalue()
