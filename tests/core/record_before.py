"""What people hold today, written down: numbers of trainings, a store with its checkpoints, a bundle, links and flags.

``python -m tests.core.record_before [numbers store links flags]`` writes ``tests/fixtures/before`` anew, in a minute. Do that
only where something is to change for those people, and say so to them. :mod:`tests.core.test_before` holds the software to it.
"""

from __future__ import annotations

import json
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.core.helpers import wait_until
from wgan_core.cli import configure
from wgan_core.config import RunConfig, TrainingConfig
from wgan_core.export import pack_bundle
from wgan_core.export.stored import find
from wgan_core.lessons.presets import PRESETS
from wgan_core.lessons.scenarios import SCENARIOS
from wgan_core.runs import Run
from wgan_core.store import Parent, Store
from wgan_core.theory import build

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "before"
Json = dict[str, Any]

# Numbers

NET: Json = {"width": 32}
POINTS: Json = {"generator": NET, "critic": NET, "batch_size": 32, "steps": 20, "snapshot_every": 5, "device": "cpu"}
PIXELS: Json = {"batch_size": 8, "steps": 6, "snapshot_every": 3, "scores_every": 0, "device": "cpu"}
DCGAN: Json = {"generator": {"base_channels": 4}, "critic": {"base_channels": 4}}
FASHION: Json = PIXELS | {"dataset": {"kind": "fashion-mnist"}}


def objective(kind: str, **settings: Any) -> Json:
    return {"objective": {"kind": kind, **settings}}


def dataset(kind: str, **settings: Any) -> Json:
    return {"dataset": {"kind": kind, **settings}}


def constraint(kind: str, **settings: Any) -> Json:
    return {"constraint": {"kind": kind, **settings}}


def optimiser(kind: str, **settings: Any) -> Json:
    return {f"{role}_optimiser": {"kind": kind, **settings} for role in ("critic", "generator")}


# The config of one training, or the race of several, as JSON has it. None has a remedy.
NUMBERS: dict[str, Json] = {
    "ring-gan": POINTS | objective("gan"),
    "ring-gan-saturating": POINTS | objective("gan", generator_goal="saturating"),
    "ring-wgan-clip": POINTS | objective("wgan-clip"),
    "ring-wgan-gp": POINTS | objective("wgan-gp"),
    "grid-wgan-lp": POINTS | objective("wgan-lp", penalty_weight=1.0) | dataset("grid"),
    "swiss-roll-dragan": POINTS | objective("dragan") | dataset("swiss-roll"),
    "two-gaussians-lsgan": POINTS | objective("lsgan") | dataset("two-gaussians", separation=3.0),
    "lines-f-gan": POINTS | objective("f-gan", divergence="pearson") | dataset("parallel-lines", theta=1.0),
    "points-hinge-spectral": POINTS
    | objective("hinge")
    | constraint("spectral")
    | dataset("points", points="0,0\n1,1\n2,0.5\n-1,-1\n0.5,-2"),
    "ring-gan-r1": POINTS | objective("gan") | constraint("r1"),
    "ring-lsgan-clip": POINTS | objective("lsgan") | constraint("clip", clip=0.1),
    "ring-wgan-penalty": POINTS | objective("wgan") | constraint("gradient-penalty", penalty_weight=1.0),
    "grid-wgan-gp-sgd": POINTS
    | objective("wgan-gp")
    | dataset("grid", side=3)
    | optimiser("sgd", lr=0.01, momentum=0.5),
    "ring-gan-rmsprop": POINTS | objective("gan") | optimiser("rmsprop", lr=1e-3),
    "roll-deep": POINTS
    | dataset("swiss-roll")
    | optimiser("adam", lr=1e-3, beta1=0.5)
    | {
        "latent": {"dim": 2, "prior": "uniform"},
        "generator": {"width": 16, "depth": 3, "activation": "tanh", "normalisation": "batch"},
        "critic": {"width": 16, "depth": 3, "activation": "leaky-relu", "normalisation": "layer"},
        "seed": 7,
    },
    "ring-conditional-averaged": POINTS | {"conditional": True, "generator_average": 0.9},
    "ring-three-seeds": {"lanes": [objective("wgan-gp")], "shared": {**POINTS, "seed": 4}, "seeds": 3},
    "race-of-three": {"lanes": [objective("gan"), objective("wgan-clip"), objective("wgan-gp")], "shared": POINTS},
    "race-on-critic-steps": {
        "lanes": [objective("gan"), objective("wgan-gp")],
        "shared": POINTS,
        "clock": "critic_steps",
        "length": 40,
        "snapshot_every": 10,
    },
    "fashion-dcgan-wgan-gp": FASHION | DCGAN | objective("wgan-gp"),
    "fashion-dcgan-gan-conditional": FASHION
    | DCGAN
    | objective("gan")
    | {"conditional": True, "generator_average": 0.5},
    "fashion-mlp-wgan-clip": FASHION
    | objective("wgan-clip")
    | {"generator": {"kind": "mlp", "width": 32}, "critic": {"kind": "mlp", "width": 32}},
}


def race_of(settings: Json) -> RunConfig:
    """A run from JSON: of one training, or of several."""
    if "lanes" not in settings:
        return RunConfig.solo(TrainingConfig.parse(json.dumps(settings)))
    shared = {name: value for name, value in settings["shared"].items() if name not in ("steps", "snapshot_every")}
    return RunConfig.parse(json.dumps({"length": 20, "snapshot_every": 5} | settings | {"shared": shared}))


def measured(settings: Json) -> list[dict[str, list[str]]]:
    """Train, and give each lane's scalars over its snapshots, as exact texts; those of several seeds one after another."""
    run = Run(race_of(settings))
    run.start()
    assert run.join(240)
    assert run.status == "finished", [view.failure for view in run.view().lanes]
    return [
        {
            name: [float(value).hex() for value in np.ravel(column)]
            for name, column in view.history.items()
            if name != "seconds"
        }
        for view in run.view().lanes
    ]


def machine() -> dict[str, str]:
    """What the last bits of numbers depend on, besides the software."""
    vendor = "unknown"
    if (about := Path("/proc/cpuinfo")).exists():
        lines = (line.partition(":") for line in about.read_text().splitlines())
        vendor = next((value.strip() for name, _, value in lines if name.strip() == "vendor_id"), vendor)
    libraries = {name: version(name) for name in ("torch", "numpy", "scipy", "POT")}
    return {
        "machine": platform.machine(),
        "vendor": vendor,
        "capability": torch.backends.cpu.get_cpu_capability(),
        **libraries,
    }


def record_numbers() -> None:
    found = {name: {"settings": settings, "lanes": measured(settings)} for name, settings in NUMBERS.items()}
    write("numbers.json", {"machine": machine(), "runs": found})


# A store, and a bundle of one of its runs

TINY: Json = {"width": 8}
KEPT: Json = {
    "generator": TINY,
    "critic": TINY,
    "latent": {"dim": 4},
    "batch_size": 8,
    "steps": 12,
    "snapshot_every": 6,
    "device": "cpu",
}
HALF_WAY = 4


def finish(run: Run) -> None:
    run.start()
    assert run.join(120)
    assert run.status == "finished"


def halve(run: Run) -> None:
    """Train to the middle and stop there, as one does who wants to go on later."""
    for step in range(1, HALF_WAY + 1):
        run.step()
        if step == 1:
            run.start()
        wait_until(lambda step=step: run.lane_view().step == step and run.status == "paused")  # type: ignore[misc]
    run.stop()
    assert run.join(120)
    assert run.status == "stopped"


def record_store() -> None:
    shared = {name: value for name, value in KEPT.items() if name not in ("steps", "snapshot_every")}
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        finish(Run(TrainingConfig.parse(KEPT), "single", store))
        store.rename("single", "A run with a name")
        store.annotate("single", "What was noted.")
        store.tag("single", ["kept", "before"])
        store.pin("single")
        lanes = [objective("gan"), objective("wgan-clip", clip=0.05)]
        config = {"shared": shared, "lanes": lanes, "clock": "critic_steps", "length": 30, "snapshot_every": 15}
        finish(Run(RunConfig.parse(config), "race", store))
        finish(Run(RunConfig.solo(TrainingConfig.parse(KEPT), 3), "seeds", store))
        halve(Run(TrainingConfig.parse(KEPT), "stopped", store))
        assert store.flush()
        turned = store.checkpoint("stopped").config.edited({"objective.penalty_weight": 3.0})
        finish(Run.forked(store, Parent("stopped", 0, HALF_WAY), turned))
        assert store.flush()
        shutil.rmtree(FOLDER / "home", ignore_errors=True)
        (FOLDER / "home").mkdir(parents=True)
        target = FOLDER / "home" / store.path.name
        with closing(sqlite3.connect(store.path)) as db:
            db.execute("VACUUM INTO ?", (str(target),))
        with closing(sqlite3.connect(target)) as db:
            db.execute("UPDATE runs SET id = 'fork' WHERE id NOT IN ('single', 'race', 'seeds', 'stopped')")
            db.commit()
            db.execute("PRAGMA journal_mode = DELETE")
        for run_id in ("single", "race", "stopped"):
            shutil.copytree(Path(folder) / "checkpoints" / run_id, FOLDER / "home" / "checkpoints" / run_id)
        (FOLDER / "stopped.zip").write_bytes(pack_bundle(find(store, "stopped")))


# Links

SENT: Json = dataset("grid", side=3) | objective("wgan-clip", clip=0.02) | {"n_critic": 3, "seed": 5, "device": "cpu"}
LANES: list[Json] = [objective("gan"), objective("f-gan", divergence="kl"), objective("wgan") | constraint("spectral")]
CONFIGS: dict[str, Json] = {
    "empty": {},
    "sent": SENT,
    "points": dataset("points", points="0,0\n1,1\n2,0.5") | optimiser("sgd", lr=0.01),
    "average": objective("lsgan", coding="minus-plus") | {"generator_average": 0.99, "conditional": True},
    "images": dataset("fashion-mnist", classes="Sandal") | {"speed": {"channels_last": False}},
}


def links() -> list[Json]:
    """Addresses that people may have kept: the page, its query, and what of the software it is to show."""
    found: list[Json] = []

    def add(page: str, shows: Json, **query: str) -> None:
        found.append({"page": page, "query": query, "shows": shows})

    for settings in CONFIGS.values():
        config = TrainingConfig.parse(settings)
        add("train", dumped(config), config=json.dumps(settings))
        add("train", dumped(config), config=config.to_url())
    for name in ("ring-wgan-gp", "ring-gan-collapse", "swiss-roll-wgan-gp", "fashion-wgan-gp"):
        add("train", dumped(PRESETS[name].config), preset=name)
    raced = {"shared": {"seed": 3, "device": "cpu"}, "lanes": LANES, "clock": "critic_steps", "length": 200}
    for race in (RunConfig.parse(raced), RunConfig.parse({"lanes": LANES[:2], "seeds": 4})):
        add("compare", dumped(race), race=race.to_url())
    for name in ("three-objectives", "clip-bound"):
        add("compare", dumped(SCENARIOS[name].config), scenario=name)
    for figure, knobs in (
        ("parallel-lines", {"theta": "0.5"}),
        ("gaussians", {"mean_p": "1", "swapped": "True"}),
        ("moving-earth", {}),
        ("xy-game", {"eta": "0.2"}),
        ("topology", {"n": "3"}),
    ):
        add("theory", dumped(build(figure, knobs)), figure=figure, **knobs)
    add("samples", {"run": "race", "lane": 1, "view": "plane"}, run="race", lane="1", view="plane")
    add("samples", {"run": "stopped", "lane": 0, "view": "samples"}, run="stopped")
    add("experiments", {"name": "parallel-lines"}, name="parallel-lines", answer="1")
    add("experiments", {"name": "weight-clipping"}, name="weight-clipping", size="full")
    return found


def dumped(part: Any) -> Json:
    found: Json = json.loads(part.model_dump_json())
    return found


def record_links() -> None:
    write("links.json", links())


# Flags

FLAGS: tuple[tuple[str, ...], ...] = (
    (),
    ("--preset", "ring-wgan-gp", "--steps", "500"),
    ("--preset", "fashion-wgan-gp", "--batch_size=16", "--device", "cpu"),
    ("--dataset.kind", "ring", "--objective.kind", "wgan-gp", "--objective.penalty_weight", "10", "--seed", "1"),
    ("--objective.kind", "wgan-clip", "--objective.clip", "0.02", "--n_critic", "3", "--critic_optimiser.lr", "1e-3"),
    ("--dataset.kind", "grid", "--dataset.side", "3", "--objective.kind", "f-gan", "--objective.divergence", "kl"),
    ("--dataset.kind", "points", "--dataset.points", "0,0\n1,1\n2,0.5", "--constraint.kind", "spectral"),
    ("--objective.kind", "lsgan", "--generator_optimiser.kind", "sgd", "--generator_optimiser.momentum", "0.9"),
    ("--conditional", "true", "--generator_average", "0.99", "--latent.dim", "2", "--latent.prior", "uniform"),
    ("--generator.depth", "3", "--critic.width", "64", "--critic.normalisation", "layer", "--snapshot_every", "50"),
    (
        "--dataset.kind",
        "fashion-mnist",
        "--critic.kind",
        "mlp",
        "--speed.channels_last",
        "false",
        "--scores_every",
        "0",
    ),
)


def configured(flags: tuple[str, ...]) -> TrainingConfig:
    """The config that ``python -m wgan_core train`` makes of these flags."""
    preset, rest = (flags[1], flags[2:]) if flags[:1] == ("--preset",) else (None, flags)
    return configure(preset, rest)


def record_flags() -> None:
    write("flags.json", [{"flags": flags, "config": dumped(configured(flags))} for flags in FLAGS])


def write(name: str, content: Any) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_text(json.dumps(content, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n")


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())


RECORDS: Mapping[str, Callable[[], None]] = {
    "numbers": record_numbers,
    "store": record_store,
    "links": record_links,
    "flags": record_flags,
}


if __name__ == "__main__":
    for wanted in sys.argv[1:] or RECORDS:
        RECORDS[wanted]()
