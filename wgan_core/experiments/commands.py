"""The command line's ``reproduce``: list the experiments, or run some and write a report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from wgan_core.config import TrainingConfig
from wgan_core.datasets.pictures import ALL, Folder
from wgan_core.experiments import EXPERIMENTS, find
from wgan_core.experiments.experiment import PAPERS, Experiment, Size, TrainedExperiment
from wgan_core.experiments.report import html, intro, markdown
from wgan_core.experiments.reproduce import Reproduction
from wgan_core.runs import Run
from wgan_core.schema import ConfigError, Problem
from wgan_core.store import Store

USAGE = """\
python -m wgan_core reproduce [--json]
python -m wgan_core reproduce (NAME ... | --all) [--quick | --control] --out DIR [--pictures PATH [--class NAME]]

Without a name it lists the experiments. The same command again goes on where it was interrupted"""
# A signal that comes just before this thread falls asleep is heeded when it wakes: so it sleeps no longer than this.
HEED_SECONDS = 0.5
# Ends a run on Ctrl-C and SIGTERM rather than this thread.
Guard = Callable[[Run], AbstractContextManager[None]]


def main(arguments: Sequence[str], guard: Guard) -> int:
    """Run ``reproduce``, the command first. Returns the exit status: 0 it ran, 1 something has no verdict, 2 bad arguments.

    What lacks its files is left out, and no failure.
    """
    parser = argparse.ArgumentParser("python -m wgan_core", usage=USAGE, allow_abbrev=False)
    parser.add_argument("command", choices=("reproduce",))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every experiment")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_const", const="quick", dest="size", help="fewer seeds, fewer steps")
    sizes.add_argument("--control", action="store_const", const="control", dest="size", help="where no claim may hold")
    parser.add_argument("--out", metavar="DIR", help="where the report goes")
    own = "pictures of your own, as “train” takes them with --dataset.path, for the experiment on horses"
    parser.add_argument("--pictures", metavar="PATH", help=own)
    parser.add_argument("--class", metavar="NAME", dest="classes", default=ALL, help="one folder of these pictures")
    parser.add_argument("--json", action="store_true", help="list as one JSON array")
    known = parser.parse_args(arguments)
    wanted = [find(name) for name in dict.fromkeys(known.names)]
    if known.all or (known.size and not wanted):
        wanted = list(EXPERIMENTS.values())
    if not wanted:
        print(json.dumps([entry(e) for e in EXPERIMENTS.values()], ensure_ascii=False) if known.json else _text_list())
        return 0
    if known.out is None:
        raise ConfigError([Problem("out", "say into which folder the report goes: --out DIR")])
    size: Size = known.size or "full"
    if known.pictures is not None:
        wanted = _on_pictures(wanted, size, known.pictures, known.classes)
    return _reproduce(wanted, size, Path(known.out), guard)


def _on_pictures(wanted: Sequence[Experiment], size: Size, path: str, classes: str) -> list[Experiment]:
    """The experiments, those that can be tried on pictures of one's own on these. DataError if they cannot be read."""
    takes = [each for each in wanted if isinstance(each, TrainedExperiment) and each.takes_pictures(size)]
    if not takes:
        can = [
            each.name
            for each in EXPERIMENTS.values()
            if isinstance(each, TrainedExperiment) and each.takes_pictures("full")
        ]
        raise ConfigError(
            [Problem("pictures", f"of these experiments none takes pictures; these do: {', '.join(can)}")]
        )
    pictures = TrainingConfig.parse({"dataset": {"kind": "folder", "path": path, "classes": classes}}).settled().dataset
    assert isinstance(pictures, Folder)
    pictures.read()  # what is wrong with them is said before anything else is run
    for remark in pictures.remarks():
        print(f"note: {remark}", file=sys.stderr, flush=True)
    return [each.on(pictures.model_dump()) if each in takes else each for each in wanted]


def _reproduce(wanted: Sequence[Experiment], size: Size, folder: Path, guard: Guard) -> int:
    def drive(run: Run) -> None:
        with guard(run):
            while not run.join(HEED_SECONDS):
                pass
        if run.status == "stopped":
            raise KeyboardInterrupt

    with closing(Store()) as store:
        try:
            job = Reproduction(wanted, size, folder, store, drive)
        except OSError as error:
            print(f"error: “{folder}” cannot be written to ({error.strerror})", file=sys.stderr)
            return 1
        interrupted = False
        try:
            job.run(lambda line: print(line, flush=True))
        except KeyboardInterrupt:
            interrupted = True
        (folder / "report.md").write_text(markdown(job.entries), encoding="utf-8")
        (folder / "report.html").write_text(html(job.entries), encoding="utf-8")
    print(f"\n{intro(job.entries)}\n{folder / 'report.html'}")
    if interrupted:
        print("Interrupted. The same command goes on where it was.", file=sys.stderr)
    judged = all(e.lacks or (e.standing is not None and e.standing.verdict is not None) for e in job.entries)
    return 0 if judged else 1


def entry(experiment: Experiment) -> dict[str, Any]:
    """What an experiment says of itself."""
    return {
        "name": experiment.name,
        "title": experiment.title,
        "paper": PAPERS[experiment.paper],
        "source": experiment.source,
        "claim": experiment.claim,
        "criterion": experiment.criterion,
        "why": experiment.why,
        "control": experiment.control,
        "minutes": dict(experiment.minutes),
        "form": experiment.form,
    }


def _text_list() -> str:
    lines = []
    for experiment in EXPERIMENTS.values():
        minutes = ", ".join(f"{size} {value:g} min" for size, value in experiment.minutes.items())
        lines += [f"{experiment.name:<28}{experiment.title}  ({minutes})", f"{'':<28}{experiment.claim}"]
    return "\n".join(lines)
