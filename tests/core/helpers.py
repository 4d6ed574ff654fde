"""Small configs and the waiting that several tests of the core need."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator

from wgan_core.config import TrainingConfig
from wgan_core.datasets import Cifar10, Dataset, Mnist
from wgan_core.datasets.cifar import BATCHES
from wgan_core.datasets.pictures import keep
from wgan_core.history import Snapshot

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")


def often(count: int, soak: int) -> int:
    """How many times to try what a single time does not prove: a few, or with ``make soak`` as many as it takes to be sure."""
    return soak if os.environ.get("SOAK") else count


def rng(seed: int = 0) -> Generator:
    return Generator(CPU).manual_seed(seed)


def small(
    dataset: str | dict[str, Any] = "ring", objective: str | dict[str, Any] = "wgan-gp", **settings: Any
) -> TrainingConfig:
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
    return TrainingConfig.parse(base | settings)


@cache
def pictures_at_hand() -> str:
    """The path of an upload of twelve small pictures in two classes."""
    noise = np.random.default_rng(0)
    upload = io.BytesIO()
    with zipfile.ZipFile(upload, "w") as archive:
        for number in range(12):
            one = io.BytesIO()
            Image.fromarray(noise.integers(0, 256, (40, 48, 3), np.uint8)).save(one, "PNG")
            archive.writestr(f"{'cats' if number % 3 else 'dogs'}/{number}.png", one.getvalue())
    return keep([("pictures.zip", upload.getvalue())])


# Published sets have tens of thousands of images; tests read files of the same form with fewer.
FEW: dict[Any, int] = {"train": 50, "test": 20}


def idx_files(folder: Path, counts: Mapping[Any, int] = FEW, seed: int = 0) -> None:
    """Files as MNIST has them, of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed)
    for split, count in counts.items():
        for what, shape, top in (("images-idx3", (count, 28, 28), 256), ("labels-idx1", (count,), 10)):
            head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
            values = noise.integers(0, top, shape, np.uint8)
            name = f"{'train' if split == 'train' else 't10k'}-{what}-ubyte.gz"
            (folder / name).write_bytes(gzip.compress(head + values.tobytes(), 1))


def cifar_files(folder: Path, counts: Mapping[Any, int] = FEW, seed: int = 0) -> None:
    """The binary files of CIFAR-10, of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed)
    for split, names in BATCHES.items():
        for name in names:
            rows = noise.integers(0, 256, (counts[split] // len(names), 3073), np.uint8)
            rows[:, 0] %= 10
            (folder / f"{name}.bin").write_bytes(rows.tobytes())


@contextmanager
def published_data(folder: Path) -> Iterator[None]:
    """Within, published sets have a few images each, and their files are found in this folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WGAN_DATA", str(folder))
        for cls in (Mnist, Cifar10):
            patch.setattr(cls, "counts", FEW)
        idx_files(folder / "mnist")
        cifar_files(folder / "cifar10" / "cifar-10-batches-bin")
        yield


def with_data(kind: str) -> dict[str, Any]:
    """A kind of data set, with data where it brings none of its own and its config says where they are."""
    return {"kind": kind, **({"path": pictures_at_hand()} if kind == "folder" else {})}


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


def several(config: TrainingConfig, seeds: Sequence[int]) -> list[TrainingConfig]:
    """The configs of members that differ in their seeds."""
    return [config.edited({"seed": seed}) for seed in seeds]
