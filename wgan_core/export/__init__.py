"""Runs as files: tables, networks, pictures, a report, and whole runs that another installation takes in.

:data:`EXPORTS` has every format by name; the command line and the pages' menus are derived from it. :func:`save` writes one to
a path, :func:`download` gives it as one file for a browser. To add a format, write a function from a :class:`Bundle` to the
files that it makes under ``@export``, in a module here that is imported below.
"""

# The order of these imports is the order in menus.
from wgan_core.export import tables as tables

# isort: split
from wgan_core.export import tensorboard as tensorboard

# isort: split
from wgan_core.export import weights as weights

# isort: split
from wgan_core.export import graphs as graphs

# isort: split
from wgan_core.export import media as media

# isort: split
from wgan_core.export import report as report

# isort: split
from wgan_core.export.bundle import pack_bundle, read_bundle
from wgan_core.export.format import EXPORTS, Export
from wgan_core.export.saving import download, file_name, save
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
