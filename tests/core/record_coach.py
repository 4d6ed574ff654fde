"""The runs that the coach is tested on: each failure brought about by settings, and healthy runs beside them.

``python -m tests.core.record_coach [NAME ...]`` trains them again (about five minutes on one core) and writes what each leaves
behind, as a view without arrays, to ``tests/fixtures/coach``.
"""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from wgan_core.config import TrainingConfig
from wgan_core.history import Failure, History, LaneView, Snapshot
from wgan_core.lessons.presets import CLIP, GAN, GP, LINES, PRESETS, adam, rmsprop
from wgan_core.training import Diverged, Training, failure_of

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "coach"
Settings = dict[str, Any]


def preset(name: str, **changes: Any) -> Settings:
    return PRESETS[name].settings | changes


def clip(c: float) -> Settings:
    return {"objective": {"kind": "wgan-clip", "clip": c}}


def penalty(weight: float) -> Settings:
    return {"objective": {"kind": "wgan-gp", "penalty_weight": weight}}


def critic(kind: str, **settings: float) -> Settings:
    return {"critic_optimiser": {"kind": kind, **settings}}


def generator(kind: str, **settings: float) -> Settings:
    return {"generator_optimiser": {"kind": kind, **settings}}


RING_GAN = GAN | adam(1e-3, beta2=0.999)
SATURATING: Settings = {"objective": {"kind": "gan", "generator_goal": "saturating"}}
TWO: Settings = {"dataset": {"kind": "two-gaussians"}}
APART: Settings = {"dataset": {"kind": "two-gaussians", "separation": 6.0}}
IMAGES: Settings = {
    "dataset": {"kind": "fashion-mnist"},
    "generator": {"kind": "mlp", "depth": 2, "width": 128},
    "critic": {"kind": "mlp", "depth": 2, "width": 128},
    "batch_size": 32,
    "n_critic": 5,
    "snapshot_every": 10,
}

RECORDINGS: dict[str, Settings] = {
    # Modes
    "ring-gan-rotates": preset("ring-gan-collapse", steps=2000),
    "ring-gan-slow-rotates": GAN | adam(2e-4, beta2=0.999) | {"steps": 2000},
    "two-gan-collapses": RING_GAN | APART | generator("adam", lr=1e-4, beta1=0.5, beta2=0.999) | {"steps": 1000},
    "ring-gan-misses-modes": GAN | adam(1e-3, 1e-4, beta2=0.999) | {"steps": 2000},
    "fashion-gan-collapses": preset(
        "fashion-wgan-gp", objective={"kind": "gan"}, n_critic=1, steps=300, snapshot_every=10
    )
    | adam(2e-4, beta2=0.999),
    "fashion-gan-misses-classes": preset(
        "fashion-wgan-gp",
        objective={"kind": "gan"},
        generator={"kind": "dcgan", "normalisation": "none"},
        n_critic=1,
        steps=300,
        snapshot_every=10,
        scores_every=50,
    )
    | adam(1e-4, 1e-3, beta2=0.999),
    # The discriminator
    "lines-gan": preset("lines-gan"),
    "fashion-gan-saturates": IMAGES | SATURATING | adam(1e-3, beta2=0.999) | {"steps": 400},
    "ring-gan-slow-generator": GAN
    | adam(1e-3, 1e-5, beta2=0.999)
    | {"n_critic": 5, "steps": 400, "snapshot_every": 20},
    "fashion-gan-strong-critic": IMAGES
    | {"objective": {"kind": "gan"}}
    | adam(1e-3, 1e-4, beta2=0.999)
    | {"steps": 300},
    # The critic lags
    "ring-gp-slow-critic": GP | adam(1e-5, 1e-4) | {"n_critic": 1, "steps": 1000, "snapshot_every": 25},
    "ring-clip-slow-critic": CLIP | critic("rmsprop", lr=1e-5) | {"n_critic": 1, "steps": 1000, "snapshot_every": 25},
    "lines-gp-critic-catches-up": LINES
    | penalty(1.0)
    | critic("adam", lr=1e-5, beta1=0.0, beta2=0.9)
    | generator("sgd", lr=1e-3)
    | {"batch_size": 128, "steps": 180, "snapshot_every": 5},
    # Clipping
    "narrow-ring-clip": CLIP | {"dataset": {"kind": "ring", "sigma": 0.02}, "steps": 1000},
    "grid-clip": CLIP | {"dataset": {"kind": "grid"}, "steps": 1000},
    "ring-clip-1e-4": CLIP | clip(1e-4) | {"steps": 400},
    "ring-clip-1e-3": CLIP | clip(1e-3) | {"steps": 600},
    "ring-clip-0.3": CLIP | clip(0.3) | {"steps": 600},
    "ring-clip-1": CLIP | clip(1.0) | {"steps": 600},
    "ring-clip-beta1-0.99": CLIP | critic("adam", lr=2e-4, beta1=0.99, beta2=0.999) | {"steps": 800},
    "ring-clip-beta1-0.99-again": CLIP | critic("adam", lr=2e-4, beta1=0.99, beta2=0.999) | {"steps": 800, "seed": 1},
    # The penalty
    "ring-gp-lambda-0": GP | penalty(0.0) | adam(5e-4) | {"steps": 500},
    "ring-gp-lambda-1e-3": GP | penalty(1e-3) | {"steps": 600},
    "ring-gp-lambda-10": GP | penalty(10.0) | {"steps": 800},
    "ring-gp-lambda-30": GP | penalty(30.0) | adam(1e-4) | {"steps": 600},
    "ring-gp-lambda-1000": GP | penalty(1000.0) | {"steps": 600},
    "two-gp-lambda-1000": GP | TWO | penalty(1000.0) | {"steps": 500},
    # Steps too long
    "ring-gp-rate-0.3": GP | adam(0.3) | {"steps": 500},
    "ring-gp-rate-0.05": GP | adam(0.05) | {"steps": 600},
    "ring-clip-rate-0.01": CLIP | rmsprop(1e-2) | {"steps": 800},
    "ring-gan-rate-0.05": GAN | adam(0.05, beta2=0.999) | {"steps": 1000},
    "ring-gp-diverges": GP | penalty(0.0) | adam(0.5) | {"steps": 600},
    # Middling: these have come near, and stop before they are good
    "fashion-gp-scored-early": preset("fashion-wgan-gp", steps=260, scores_every=60),
    # Healthy
    "ring-gan-works": preset("ring-gan-works", steps=2500),
    "ring-gan-saturating-works": GAN | SATURATING | adam(2e-4, beta2=0.999) | {"steps": 2500},
    "two-gan-works": RING_GAN | TWO | {"steps": 1500},
    "ring-clip": preset("ring-wgan-clip"),
    "ring-clip-again": preset("ring-wgan-clip", seed=3, steps=1000),
    "two-clip": CLIP | TWO | {"steps": 800},
    "lines-clip": LINES | clip(0.01) | rmsprop(2e-4) | {"steps": 500, "snapshot_every": 20},
    "roll-clip": CLIP | {"dataset": {"kind": "swiss-roll"}, "steps": 1000},
    "ring-clip-beta1-0.9": CLIP | critic("adam", lr=1e-3, beta1=0.9, beta2=0.999) | {"steps": 800},
    "ring-gp": preset("ring-wgan-gp", steps=800),
    "ring-gp-again": preset("ring-wgan-gp", seed=7, steps=500),
    "ring-gp-estimate": preset("ring-wgan-gp-estimate"),
    "ring-gp-lambda-0.1": GP | penalty(0.1) | adam(3e-4) | {"steps": 1000},
    "ring-gp-layer-norm": GP | {"critic": {"normalisation": "layer"}, "steps": 400},
    "two-gp": GP | TWO | {"steps": 400},
    "lines-gp": preset("lines-wgan-gp"),
    "roll-gp": preset("swiss-roll-wgan-gp", steps=800),
    "grid-gp": preset("grid-wgan-gp", steps=1500),
    "fashion-gp": preset("fashion-wgan-gp", steps=150, snapshot_every=5),
    "fashion-gp-scored": preset("fashion-wgan-gp", steps=600),
}


def config_of(name: str) -> TrainingConfig:
    return TrainingConfig.parse(RECORDINGS[name] | {"device": "cpu"})


def view_of(config: TrainingConfig, history: History, failure: Failure | None) -> LaneView:
    columns = history.columns()
    return LaneView(
        run_id="recording",
        version=1,
        config=config,
        status="failed" if failure else "finished",
        device="cpu",
        snapshots=len(columns["step"]),
        step=int(columns["step"][-1]),
        critic_steps=int(columns["critic_steps"][-1]),
        seconds=float(columns["seconds"][-1]),
        steps_per_second=0.0,
        history=columns,
        latest=None,
        failure=failure,
    )


def trained(config: TrainingConfig) -> LaneView:
    """Train to the end and keep the scalars."""
    history, failure = History(), None
    try:
        for snapshot in Training(config).updates():
            if snapshot is not None:
                history.append(snapshot)
    except Diverged as error:
        failure = replace(failure_of(error), traceback="")
    return view_of(config, history, failure)


def save(view: LaneView, path: Path) -> None:
    failure = [view.failure.message, view.failure.cause] if view.failure else None
    about = {"config": view.config.essence(), "names": list(view.history), "failure": failure}
    buffer = io.BytesIO()
    rows = np.stack(list(view.history.values())).astype(np.float32)
    np.savez_compressed(buffer, about=np.frombuffer(json.dumps(about).encode(), np.uint8), rows=rows)
    path.write_bytes(buffer.getvalue())


def load(name: str) -> LaneView:
    """A recording as the view that it was."""
    with np.load(FOLDER / f"{name}.npz") as stored:
        about, rows = json.loads(stored["about"].tobytes()), stored["rows"].astype(np.float64)
    history = History(capacity=max(2, rows.shape[1]))
    for row in rows.T:
        values = dict(zip(about["names"], row.tolist(), strict=True))
        clocks = int(values.pop("step")), int(values.pop("critic_steps")), values.pop("seconds")
        history.append(Snapshot(*clocks, values))
    return view_of(
        TrainingConfig.parse(about["config"]), history, Failure(*about["failure"]) if about["failure"] else None
    )


def main(names: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names or RECORDINGS:
        start = perf_counter()
        save(trained(config_of(name)), FOLDER / f"{name}.npz")
        size = (FOLDER / f"{name}.npz").stat().st_size
        print(f"{name}: {perf_counter() - start:.0f} s, {size / 1000:.1f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
