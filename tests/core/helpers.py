"""Small configs and the waiting that several tests of the core need."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import torch
from torch import Generator

from wgan_core.config import RunConfig
from wgan_core.datasets import Dataset
from wgan_core.records import Snapshot

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")


def rng(seed: int = 0) -> Generator:
    return Generator(CPU).manual_seed(seed)


def small(
    dataset: str | dict[str, Any] = "ring", objective: str | dict[str, Any] = "wgan-gp", **settings: Any
) -> RunConfig:
    """A config with tiny networks on the CPU: a step takes a millisecond, for images a few."""
    dataset = {"kind": dataset} if isinstance(dataset, str) else dataset
    objective = {"kind": objective} if isinstance(objective, str) else objective
    is_image = Dataset.kinds[dataset["kind"]].is_image
    net = {"base_channels": 4} if is_image else {"width": 16}
    base: dict[str, Any] = {
        "dataset": dataset,
        "objective": objective,
        "generator": net,
        "critic": net,
        "batch_size": 8 if is_image else 16,
        "steps": 3,
        "snapshot_every": 1,
        "device": "cpu",
    }
    return RunConfig.parse(base | settings)


def scalars(snapshots: Iterable[Snapshot]) -> dict[int, Mapping[str, Any]]:
    return {s.step: dict(s.scalars) for s in snapshots}


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        sleep(0.005)


def python(*arguments: str, cwd: Path = ROOT, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run this Python in a fresh process, with the software importable from ``cwd``."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(cwd), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
