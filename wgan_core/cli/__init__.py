"""The command line: the same core, without a page.

Fields of the config are flags by dotted path: ``--objective.kind wgan-gp --objective.penalty_weight 10 --steps 500``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wgan_core.cli import console
from wgan_core.cli.driving import resume, run, stopped_by_signals
from wgan_core.cli.getting import fetch
from wgan_core.cli.stored import runs, transfer
from wgan_core.config import MOST_SEEDS, RunConfig, TrainingConfig, with_paths
from wgan_core.datasets import DataError, Dataset
from wgan_core.datasets.points.reading import read
from wgan_core.datasets.points.tables import MAX_BYTES
from wgan_core.eject import script
from wgan_core.host import DeviceError, resolve
from wgan_core.host.folders import NoFolder
from wgan_core.lessons.presets import PRESETS
from wgan_core.objectives import Objective
from wgan_core.objectives.constraints import Constraint
from wgan_core.objectives.remedies import REMEDIES
from wgan_core.schema import ConfigError, Problem, allowed

USAGE = """\
python -m wgan_core train [--preset NAME] [--FIELD VALUE ...] [--seeds K] [--no-store] [--json]
python -m wgan_core runs [--json] [--search WORDS] [--status STATUS] [--sort ORDER] [--limit N]
python -m wgan_core resume ID [--steps N] [--json]
python -m wgan_core export ID --format FORMAT --out PATH
python -m wgan_core import FILE
python -m wgan_core eject [--preset NAME] [--FIELD VALUE ...] > script.py
python -m wgan_core presets|datasets|objectives|constraints|remedies [--json]
python -m wgan_core fetch mnist|fashion-mnist|cifar10
python -m wgan_core theory [--figure NAME] [--KNOB VALUE ...] [--json] [--out FILE]
python -m wgan_core reproduce [NAME ... | --all] [--quick | --control] [--out DIR]
python -m wgan_core fid ID --weights FILE [--lane N] [--step S] [--samples N] [--seed S] [--json]

FIELD is a dotted path into the config, for example
  --dataset.kind ring --objective.kind wgan-gp --objective.penalty_weight 10
  --critic_optimiser.lr 1e-3 --n_critic 5 --steps 2000 --seed 1
With --seeds K it trains K times at once, with seeds S, S + 1, ... from --seed S
Trainings are stored in the folder WGAN_HOME, unless --no-store is given
A value @FILE is read from that file:
  --dataset.kind points --dataset.points @points.csv"""


def theory(arguments: Sequence[str]) -> int:
    """See :func:`wgan_core.theory.commands.main`."""
    from wgan_core.theory import commands

    return commands.main(arguments)


def reproduce(arguments: Sequence[str]) -> int:
    """See :func:`wgan_core.experiments.commands.main`."""
    from wgan_core.experiments import commands

    return commands.main(arguments, stopped_by_signals)


def fid(arguments: Sequence[str]) -> int:
    """See :func:`wgan_core.cli.inception.fid`."""
    from wgan_core.cli import inception

    return inception.fid(arguments)


# Commands that read their arguments by themselves.
OWN: dict[str, Callable[[Sequence[str]], int]] = {
    "runs": runs,
    "resume": resume,
    "export": transfer,
    "import": transfer,
    "fetch": fetch,
    "theory": theory,
    "reproduce": reproduce,
    "fid": fid,
}


# What can be listed, by name.
FAMILIES: dict[str, Mapping[str, Any]] = {
    "datasets": Dataset.kinds,
    "objectives": Objective.kinds,
    "constraints": Constraint.kinds,
    "remedies": REMEDIES,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 finished or stopped, 1 failed, 2 bad arguments."""
    arguments = sys.argv[1:] if arguments is None else arguments
    console.fit()
    try:
        status = OWN[arguments[0]](arguments) if arguments and arguments[0] in OWN else _main(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read our lines has left (… | head); there is no one to tell.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return 0
    except (ConfigError, DataError, DeviceError, NoFolder) as error:
        for problem in getattr(error, "problems", [error]):
            print(f"error: {problem}", file=sys.stderr)
        return 2


def _main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m wgan_core", usage=USAGE, allow_abbrev=False)
    parser.add_argument("command", choices=("train", "eject", "presets", *FAMILIES, *OWN))
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--preset", metavar="NAME", help="start from a preset (train only)")
    parser.add_argument(
        "--seeds", metavar="K", help=f"train with so many seeds at once, 1 to {MOST_SEEDS} (train only)"
    )
    parser.add_argument("--no-store", action="store_true", help="do not write the run down (train only)")
    known, rest = parser.parse_known_args(arguments)
    if known.command in OWN:
        parser.error(f"{known.command} stands first, before its flags")
    if known.command == "train":
        config = configure(known.preset, rest)
        seeds = None if known.seeds is None else seeds_of(config, known.seeds)
        return run(config, known.json, seeds, not known.no_store)
    if known.command == "eject":
        if known.json or known.seeds or known.no_store:
            raise ConfigError([Problem("", "eject takes a preset and fields of the config only")])
        # Greek letters, whatever the locale
        sys.stdout.buffer.write(script(configure(known.preset, rest)).encode())
        return 0
    if rest or known.preset or known.seeds or known.no_store:
        raise ConfigError([Problem("", f"{known.command} takes no flags but --json")])
    entries = listing(known.command)
    if known.json:
        print(json.dumps(entries, ensure_ascii=False))
    else:
        for entry in entries:
            print(f"{entry['name']:<26}{entry['title']}")
            if text := entry.get("shows"):
                print(f"{'':<26}{text}")
            for knob in entry.get("knobs", []):
                print(f"{'':<26}{knob['name']} = {knob['default']}  ({knob['allowed']})")
    return 0


def configure(preset: str | None, flags: Sequence[str]) -> TrainingConfig:
    """Build a config from a preset's name and the flags after it.

    Raises
    ------
    ConfigError
        An unknown preset or field, a flag without a value, a value that is not allowed.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError([Problem("preset", f"must be one of {', '.join(PRESETS)}; you gave “{preset}”")])
    changes: dict[str, Any] = {}
    items = iter(flags)
    for item in items:
        if not item.startswith("--"):
            raise ConfigError([Problem("", f"“{item}” stands where a flag, --field value, was expected")])
        path, equals, value = item[2:].partition("=")
        if not equals and (value := next(items, "")) == "":
            raise ConfigError([Problem(path, "a value is missing")])
        changes[path] = _contents(path, value[1:]) if value.startswith("@") else value
    if "dataset.points" in changes:
        changes["dataset.points"] = _points(changes["dataset.points"])
    data = PRESETS[preset].settings if preset else {}
    data = with_paths({**data}, {path: value for path, value in changes.items() if path.endswith("kind")})
    config = TrainingConfig.parse(with_paths(data, changes))
    resolve(config.device)
    return config


def _contents(path: str, name: str) -> bytes:
    """The beginning of a file: longer ones than any field takes are refused by that field without being read whole."""
    try:
        with open(name, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(path, f"the file “{name}” cannot be read ({error.strerror})")]) from None


def _points(given: str | bytes) -> str | bytes:
    """Points as the config holds them, after saying what was read. Of what cannot be read the config says why."""
    try:
        found = read(given)
    except DataError:
        return given
    if found.note:
        print(found.note, file=sys.stderr, flush=True)
    return found.text


def seeds_of(config: TrainingConfig, text: str) -> int:
    """The number of seeds that ``--seeds`` gives, or ConfigError."""
    if not (text.isdecimal() and len(text) < 10):
        raise ConfigError([Problem("seeds", f"must be a whole number from 1 to {MOST_SEEDS}; you gave “{text[:40]}”")])
    return RunConfig.solo(config, int(text)).seeds


def listing(what: str) -> list[dict[str, Any]]:
    """What there is: presets, or the kinds of a family with their knobs."""
    if what == "presets":
        return [
            {"name": p.name, "title": p.title, "shows": p.shows, "config": p.config.model_dump()}
            for p in PRESETS.values()
        ]
    return [
        {
            "name": kind,
            "title": entry.label,
            "source": entry.source,
            "knobs": [
                {"name": name, "default": field.default, "allowed": allowed(field), "help": field.description}
                for name, field in entry.model_fields.items()
                if name != "kind"
            ],
        }
        for kind, entry in FAMILIES[what].items()
    ]
