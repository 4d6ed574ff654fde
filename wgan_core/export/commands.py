"""The command line's ``export`` and ``import``. Where runs are kept is the caller's affair."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from wgan_core.export import EXPORTS, save
from wgan_core.export.bundle import read_bundle
from wgan_core.export.subject import BadBundle, Bundle, ExportProblem

USAGE = f"""\
python -m wgan_core export ID --format FORMAT --out PATH [--json]
python -m wgan_core import FILE [--json]

FORMAT is one of {", ".join(EXPORTS)}.
Several files go into a folder PATH, or into one zip file where PATH ends in .zip"""


def main(arguments: Sequence[str], find: Callable[[str], Bundle], keep: Callable[[Bundle], str]) -> int:
    """Run ``export`` or ``import``. Returns the exit status: 0 done, 1 it could not be done, 2 bad arguments or a bad file.

    Parameters
    ----------
    arguments : Sequence[str]
        The command first.
    find : callable
        From a run's id to the run; raises KeyError or ExportProblem, with a sentence, where there is none.
    keep : callable
        Puts a run where runs are kept, and returns the id that it has there.
    """
    parser = argparse.ArgumentParser("python -m wgan_core", usage=USAGE, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    out = commands.add_parser("export", usage=USAGE, allow_abbrev=False)
    out.add_argument("id")
    out.add_argument("--format", required=True, choices=tuple(EXPORTS))
    out.add_argument("--out", required=True, metavar="PATH")
    back = commands.add_parser("import", usage=USAGE, allow_abbrev=False)
    back.add_argument("file")
    for each in (out, back):
        each.add_argument("--json", action="store_true")
    known = parser.parse_args(arguments)
    try:
        if known.command == "import":
            run_id = keep(read_bundle(known.file))
            print(json.dumps({"run": run_id}) if known.json else f"imported as run {run_id}")
            return 0
        files = [str(path) for path in save(known.format, find(known.id), known.out)]
    except (ExportProblem, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, KeyError | BadBundle) else 1
    print(json.dumps({"files": files}, ensure_ascii=False) if known.json else "\n".join(files))
    return 0
