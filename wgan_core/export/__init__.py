"""Runs as files: tables, networks, pictures, a report, and whole runs that another installation takes in.

:data:`EXPORTS` has every format by name; the command line and the pages' menus are derived from it. :func:`save` writes one to
a path, :func:`download` gives it as one file for a browser. To add a format, write a function from a :class:`Bundle` to the
files that it makes, and enter it in the map.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wgan_core.export import media, tables, tensorboard, weights
from wgan_core.export.bundle import bundle_file, pack_bundle, read_bundle
from wgan_core.export.subject import BadBundle, Bundle, ExportProblem, File, of_run

__all__ = [
    "EXPORTS",
    "BadBundle",
    "Bundle",
    "Export",
    "ExportProblem",
    "File",
    "download",
    "file_name",
    "of_run",
    "pack_bundle",
    "read_bundle",
    "save",
]

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


def _onnx(bundle: Bundle) -> Iterable[File]:
    from wgan_core.export.graphs import onnx_files

    return onnx_files(bundle)


def _report(bundle: Bundle) -> Iterable[File]:
    from wgan_core.export.report import report

    return [File("report.html", report(bundle.view).encode())]


EXPORTS: dict[str, Export] = {
    "csv": Export(
        "CSV, wide",
        "One row for each measurement, one column for each number.",
        ".csv",
        "text/csv",
        tables.csv_wide,
    ),
    "csv-long": Export(
        "CSV, long",
        "One row for each number: its step, its name and its value.",
        ".csv",
        "text/csv",
        tables.csv_long,
    ),
    "jsonl": Export(
        "JSON lines",
        "One JSON object for each measurement, as the command line prints them.",
        ".jsonl",
        "application/jsonl",
        tables.json_lines,
    ),
    "parquet": Export(
        "Parquet",
        "The wide table with its types, for pandas, Polars and DuckDB.",
        ".parquet",
        "application/vnd.apache.parquet",
        tables.parquet,
        requires=("pyarrow",),
    ),
    "tensorboard": Export(
        "TensorBoard",
        "A folder of event files, one for each lane and seed. Numbers are float32 there: about seven digits.",
        "",
        "application/octet-stream",
        tensorboard.event_files,
        requires=("tensorboard",),
        folder=True,
    ),
    "config": Export(
        "Config", "All settings as JSON, for a link or the command line.", ".json", "application/json", tables.config
    ),
    "safetensors": Export(
        "Weights",
        "Generator and critic as safetensors, with the config in the metadata.",
        ".safetensors",
        "application/octet-stream",
        weights.safetensors_files,
        count=lambda bundle: sum(state is not None for state in bundle.states),
        unfit=weights.without_states,
    ),
    "onnx": Export(
        "ONNX",
        "Generator and critic as graphs that run without PyTorch.",
        ".onnx",
        "application/octet-stream",
        _onnx,
        requires=("onnx",),
        folder=True,
        unfit=weights.without_states,
    ),
    "png": Export(
        "Picture", "The samples as they are now.", ".png", "image/png", media.png, unfit=media.without_frames
    ),
    "gif": Export(
        "Film, GIF",
        "The samples over the whole run.",
        ".gif",
        "image/gif",
        media.gif,
        unfit=media.without_frames,
    ),
    "webp": Export(
        "Film, WebP",
        "The samples over the whole run, in a smaller file than GIF.",
        ".webp",
        "image/webp",
        media.webp,
        unfit=media.without_frames,
    ),
    "mp4": Export(
        "Film, MP4",
        "The samples over the whole run, for slides.",
        ".mp4",
        "video/mp4",
        media.mp4,
        requires=("imageio_ffmpeg",),
        unfit=media.without_frames,
    ),
    "html": Export(
        "Report",
        "One web page with all charts, which opens without a network.",
        ".html",
        "text/html",
        _report,
        requires=("plotly",),
    ),
    "bundle": Export(
        "Whole run",
        "All that is kept of the run, to be imported elsewhere.",
        ".zip",
        "application/zip",
        bundle_file,
    ),
}


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
