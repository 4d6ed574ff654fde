"""Run one benchmark or all: print a table each, and write their numbers to ``benchmarks/results/``."""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile

from benchmarks.report import write

NAMES = ("loop", "images", "seeds", "store", "scores", "refresh", "click", "slider", "watched")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, help="one benchmark; all of them if left out")
    parser.add_argument("--quick", action="store_true", help="shorter and rougher")
    given = parser.parse_args()
    # Runs that are only there to be timed are not to end up among those of the person who times them.
    os.environ["WGAN_HOME"] = tempfile.mkdtemp(prefix="wgan-live-benchmarks-")
    for name in [given.name] if given.name else NAMES:
        table = importlib.import_module(f"benchmarks.{name}").run(given.quick)
        print(table.text(), flush=True)
        print(f"→ {write(name, table, quick=given.quick)}\n", flush=True)


if __name__ == "__main__":
    main()
