"""The command line: the same core, without a page.

Fields of the config are flags by dotted path: ``--objective.kind wgan-gp --objective.penalty_weight 10 --steps 500``.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from wgan_core.config import RunConfig, with_paths
from wgan_core.datasets import Dataset
from wgan_core.devices import DeviceError, resolve
from wgan_core.drawing import MAX_BYTES
from wgan_core.eject import script
from wgan_core.ensemble import Members, check_seeds, many
from wgan_core.explain import ConfigError, Problem, allowed
from wgan_core.objectives import Objective
from wgan_core.presets import PRESETS
from wgan_core.race import MOST_SEEDS
from wgan_core.records import Failure, Snapshot, Status
from wgan_core.schema import Variant
from wgan_core.training import Training, failure_of

USAGE = """\
python -m wgan_core train [--preset NAME] [--FIELD VALUE ...] [--seeds K] [--json]
python -m wgan_core eject [--preset NAME] [--FIELD VALUE ...] > script.py
python -m wgan_core presets|datasets|objectives [--json]
python -m wgan_core theory [--figure NAME] [--KNOB VALUE ...] [--json] [--out FILE]

FIELD is a dotted path into the config, for example
  --dataset.kind ring --objective.kind wgan-gp --objective.penalty_weight 10
  --critic_optimiser.lr 1e-3 --n_critic 5 --steps 2000 --seed 1
With --seeds K it trains K times at once, with seeds S, S + 1, ... from --seed S
A value @FILE is read from that file:
  --dataset.kind points --dataset.points @points.csv"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 finished or stopped, 1 failed, 2 bad arguments."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "theory":
        from wgan_core.theory import commands

        return commands.main(arguments)
    parser = argparse.ArgumentParser("python -m wgan_core", usage=USAGE, allow_abbrev=False)
    parser.add_argument("command", choices=("train", "eject", "presets", "datasets", "objectives"))
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--preset", metavar="NAME", help="start from a preset (train only)")
    parser.add_argument(
        "--seeds", metavar="K", help=f"train with so many seeds at once, 1 to {MOST_SEEDS} (train only)"
    )
    known, rest = parser.parse_known_args(arguments)
    try:
        if known.command == "train":
            config = configure(known.preset, rest)
            return run(config, known.json, None if known.seeds is None else seeds_of(config, known.seeds))
        if known.command == "eject":
            if known.json or known.seeds:
                raise ConfigError([Problem("", "eject takes a preset and fields of the config only")])
            sys.stdout.buffer.write(
                script(configure(known.preset, rest)).encode()
            )  # Greek letters, whatever the locale
            return 0
        if rest or known.preset or known.seeds:
            raise ConfigError([Problem("", f"{known.command} takes no flags but --json")])
    except (ConfigError, DeviceError) as error:
        for problem in getattr(error, "problems", [error]):
            print(f"error: {problem}", file=sys.stderr)
        return 2
    entries = listing(known.command)
    if known.json:
        print(json.dumps(entries, ensure_ascii=False))
    else:
        for entry in entries:
            print(f"{entry['name']:<24}{entry['title']}")
            if text := entry.get("shows"):
                print(f"{'':<24}{text}")
            for knob in entry.get("knobs", []):
                print(f"{'':<24}{knob['name']} = {knob['default']}  ({knob['allowed']})")
    return 0


def configure(preset: str | None, flags: Sequence[str]) -> RunConfig:
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
    data = PRESETS[preset].settings if preset else {}
    data = with_paths({**data}, {path: value for path, value in changes.items() if path.endswith("kind")})
    config = RunConfig.parse(with_paths(data, changes))
    resolve(config.device)
    return config


def _contents(path: str, name: str) -> bytes:
    """The beginning of a file: longer ones than any field takes are refused by that field without being read whole."""
    try:
        with open(name, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(path, f"the file “{name}” cannot be read ({error.strerror})")]) from None


def seeds_of(config: RunConfig, text: str) -> int:
    """The number of seeds that ``--seeds`` gives, or ConfigError."""
    if not (text.isdecimal() and len(text) < 10):
        raise ConfigError([Problem("seeds", f"must be a whole number from 1 to {MOST_SEEDS}; you gave “{text[:40]}”")])
    check_seeds(config, int(text))
    return int(text)


def run(config: RunConfig, as_json: bool, seeds: int | None = None) -> int:
    """Drive the loop in this thread, printing each snapshot; Ctrl-C and SIGTERM end it cleanly."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status: Status = "finished"
    failure: Failure | None = None
    last: Snapshot | None = None
    failures: dict[int, Failure] = {}
    try:
        if seeds is None:
            for last in snapshots_of(Training(config)):
                print(_json_line(last) if as_json else _text_line(last), flush=True)
        else:
            with closing(many(config, seeds)) as members:
                if not as_json:
                    print(_seeds_line(config.seed, seeds), flush=True)
                try:
                    for last in snapshots_of(members):
                        print(_json_line(last) if as_json else _band_line(last), flush=True)
                finally:
                    failures = dict(members.failures)
    except KeyboardInterrupt:
        status = "stopped"
    except BrokenPipeError:
        # Whoever read our lines has left (… | head); there is no one to tell.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return 0
    except Exception as error:
        status, failure = "failed", failure_of(error)
    error_text = f"{failure.message} {failure.cause}" if failure else None
    if as_json:
        end: dict[str, Any] = {"status": status, "error": error_text, "run": secrets.token_hex(4)}
        if seeds is not None:
            end["failures"] = {str(seed): why.message for seed, why in failures.items()}
        print(json.dumps(end, ensure_ascii=False), flush=True)
    else:
        for line in last_lines(last, failures) if seeds is not None else ():
            print(line, flush=True)
        print(status if error_text is None else f"{status}: {error_text}", flush=True)
    return 1 if failure else 0


def snapshots_of(training: Training | Members) -> Iterator[Snapshot]:
    """Train to the end, yielding each snapshot."""
    return (snapshot for snapshot in training.updates() if snapshot is not None)


def listing(what: str) -> list[dict[str, Any]]:
    """What there is: presets, data sets or objectives, with their knobs."""
    if what == "presets":
        return [
            {"name": p.name, "title": p.title, "shows": p.shows, "config": p.config.model_dump()}
            for p in PRESETS.values()
        ]
    family: type[Variant] = {"datasets": Dataset, "objectives": Objective}[what]
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
        for kind, entry in family.kinds.items()
    ]


SHOWN = ("w_estimate", "js_estimate", "critic_loss", "generator_loss", "w1", "modes_covered")


def _json_line(snapshot: Snapshot) -> str:
    return json.dumps(
        {
            "step": snapshot.step,
            "critic_steps": snapshot.critic_steps,
            "seconds": round(snapshot.seconds, 6),
            "scalars": {name: _json_value(value) for name, value in snapshot.scalars.items()},
        }
    )


def _json_value(value: Any) -> Any:
    """A number as it is; of K seeds a list, with null where a seed has no number."""
    return [None if np.isnan(x) else x for x in value.tolist()] if isinstance(value, np.ndarray) else value


def _text_line(snapshot: Snapshot) -> str:
    parts = [f"{name} {snapshot.scalars[name]:.4g}" for name in SHOWN if name in snapshot.scalars]
    return f"step {snapshot.step:>7}  {snapshot.seconds:7.1f} s  " + "  ".join(parts)


def _seeds_line(first: int, seeds: int) -> str:
    which = f"seeds {first} to {first + seeds - 1}" if seeds > 1 else f"seed {first}"
    return f"{which}: median [10 %, 90 %]"


def _band_line(snapshot: Snapshot) -> str:
    """As :func:`_text_line`, with the median over the seeds and the band from 10 to 90 %."""
    parts = []
    for name in SHOWN:
        if name in snapshot.scalars:
            low, middle, high = np.nanpercentile(snapshot.scalars[name], (10, 50, 90))
            parts.append(f"{name} {middle:.4g} [{low:.4g}, {high:.4g}]")
    return f"step {snapshot.step:>7}  {snapshot.seconds:7.1f} s  " + "  ".join(parts)


def last_lines(last: Snapshot | None, failures: dict[int, Failure]) -> Iterator[str]:
    """What became of the seeds, e.g. ``modes at the end: 8 in 15 seeds, 7 in 1``."""
    for seed, why in failures.items():
        yield f"seed {seed} failed: {why.message}"
    if last is not None and "modes_covered" in last.scalars:
        covered = np.atleast_1d(last.scalars["modes_covered"])
        counts = sorted(Counter(covered[~np.isnan(covered)].astype(int).tolist()).items(), reverse=True)
        (modes, n), *others = counts
        first = f"{modes} in {n} seed{'s' if n > 1 else ''}"
        yield "modes at the end: " + ", ".join([first, *(f"{modes} in {n}" for modes, n in others)])
