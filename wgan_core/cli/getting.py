"""``fetch``: a published set of images from the network, ready for training."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from wgan_core.datasets import Dataset, Published
from wgan_core.datasets.fetching import Fetch


def fetch(arguments: Sequence[str]) -> int:
    """Fetch all files of a data set, the command first. Returns the exit status: 0 there, 1 not, 2 bad arguments."""
    kinds = {kind: found for kind, found in Dataset.kinds.items() if issubclass(found, Published)}
    parser = argparse.ArgumentParser("python -m wgan_core", usage="python -m wgan_core fetch KIND", allow_abbrev=False)
    parser.add_argument("command")
    parser.add_argument("kind", choices=kinds)
    found = kinds[parser.parse_args(arguments).kind]
    job = Fetch(list(dict.fromkeys(file for split in found.files.values() for file in split)), found.folder())
    job.start()
    try:
        while not job.join(0.5):
            if sys.stderr.isatty():
                print(f"\r{job.done / 1e6:,.1f} of {job.size / 1e6:,.1f} MB", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        job.cancel()
    job.join()
    if job.state == "finished":
        print(f"{found.label} is in {job.folder}.")
        return 0
    print(f"error: {found.label}: {job.problem or 'cancelled; nothing incomplete is left'}", file=sys.stderr)
    if job.state == "failed":
        print(found.fallback, file=sys.stderr)
    return 1
