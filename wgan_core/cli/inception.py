"""``fid``: the FID of a stored run's generator, for those who have the weights of Inception."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from time import monotonic

import torch

from wgan_core.datasets import DataError
from wgan_core.explore import NoWeights, sampler, steps
from wgan_core.host import describe
from wgan_core.metrics.images.inception import (
    FILE,
    PREFIX,
    Inception,
    InceptionDistance,
    check,
    inception_distance,
    read_inception,
)
from wgan_core.schema import ConfigError, Problem
from wgan_core.store import NotStored, Store, StoreProblem

TELL_EVERY = 5.0  # seconds

USAGE = f"""\
python -m wgan_core fid ID --weights FILE [--lane N] [--step S] [--samples N] [--seed S] [--json]

FILE holds the weights of Inception: {FILE}; WGAN_INCEPTION may name it instead.
Lanes count from 1. Without a step it is the latest one that has weights, and otherwise the latest up to that step.
There are three times N images to see, slowly without a GPU: four to six in a second on one core of a CPU"""


def fid(arguments: Sequence[str]) -> int:
    """Print the FID of a run, the command first. Returns the exit status: 0 done, 1 it could not be done, 2 bad arguments."""
    parser = argparse.ArgumentParser("python -m wgan_core", usage=USAGE, allow_abbrev=False)
    parser.add_argument("command")
    parser.add_argument("id")
    parser.add_argument("--weights", metavar="FILE")
    parser.add_argument("--lane", type=int, default=1, metavar="N")
    parser.add_argument("--step", type=int, metavar="S")
    parser.add_argument("--samples", type=int, default=2_000, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    known = parser.parse_args(arguments)
    try:
        with closing(Store()) as store:
            return _print(known, store)
    except (NotStored, NoWeights, StoreProblem, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, NotStored) else 1
    except KeyboardInterrupt:
        print("stopped; there is no number yet", file=sys.stderr)
        return 1


def _print(known: argparse.Namespace, store: Store) -> int:
    lanes = len(store.run(known.id).lanes)
    if not 1 <= known.lane <= lanes:
        raise ConfigError([Problem("lane", f"must be from 1 to {lanes}; you gave {known.lane}")])
    steps(store, known.id, known.lane - 1)  # says why where no weights of the run are kept
    found = sampler(store, known.id, known.lane - 1, known.step)
    check(found.config, known.samples, known.seed)
    # Where there is no CUDA it is the CPU: of other devices it is not known whether they give the same features.
    inception = read_inception(known.weights, torch.device("cuda:0" if torch.cuda.is_available() else "cpu"))
    _tell_weights(inception)
    result = _followed(inception_distance(found.config, found.net, inception, known.samples, known.seed))
    name = "fid" if inception.published else "frechet_other_weights"
    if known.json:
        about = {"run": known.id, "lane": known.lane, "step": found.step, "samples": result.samples, "seed": known.seed}
        weights = {"file": inception.file.name, "sha256": inception.sha256, "published": inception.published}
        print(json.dumps(about | {name: result.generated, f"{name}_real": result.real, "weights": weights}))
        return 0
    title = "FID" if inception.published else "Fréchet distance with other weights (no FID)"
    print(
        f"run {known.id}, lane {known.lane}, step {found.step:,}: {result.samples:,} samples of each, seed {known.seed}"
    )
    print(f"{title}: {result.generated:.4g}; real images against real images: {result.real:.4g}")
    print(f"weights: {inception.file.name}, sha256 {inception.sha256}")
    return 0


def _tell_weights(inception: Inception) -> None:
    if not inception.published:
        note = f"these are other weights than those of {FILE} (sha256 {PREFIX}…): the number is no FID"
        print(f"note: {note}", file=sys.stderr)
    if inception.device.type == "cpu":
        print("note: slow on a CPU, where a core sees four to six images in a second", file=sys.stderr)
    else:
        print(f"note: Inception runs on {describe(inception.device)}", file=sys.stderr)


def _followed(work: Iterator[tuple[int, int] | InceptionDistance]) -> InceptionDistance:
    """The result of the work, whose progress is told every few seconds."""
    told = monotonic()
    for at in work:
        if isinstance(at, InceptionDistance):
            return at
        seen, of = at
        if monotonic() - told > TELL_EVERY or seen == of:
            print(f"{seen:,} of {of:,} images seen", file=sys.stderr, flush=True)
            told = monotonic()
    raise AssertionError("the last thing it yields is the result")
