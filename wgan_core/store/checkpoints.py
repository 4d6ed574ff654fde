"""Checkpoint files: a training's state, written so that a power cut leaves the old one or the new one, and read as data only.

A file may come from someone else. It is safetensors, which cannot run code, with the config and the plain numbers in its header;
its size is compared with the config before its arrays are read, so that it cannot fill the memory, and
:meth:`wgan_core.training.Training.restore` compares its every part with the config. Files of the first format, zips that
``torch.save`` wrote, are read by ``torch.load(weights_only=True)`` after a look at their outside.
"""

from __future__ import annotations

import json
import os
import pickletools
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from wgan_core.config import TrainingConfig
from wgan_core.host import tensors
from wgan_core.host.tensors import BadTensors
from wgan_core.schema import ConfigError
from wgan_core.training.state import State

FORMAT, VERSION, FIRST_VERSION = "wgan-live-checkpoint", "2", 1
FOLDER = "checkpoints"
# Weights, gradients, and two numbers that Adam remembers, of four bytes each; what stands around them is small.
BYTES_A_PARAMETER, BYTES_BESIDES = 16, 4_000_000
MOST_INDEX_BYTES = 1_000_000
# Of the first version: how it begins, and what it may ask for.
ZIP = b"PK\x03\x04"
KNOWN = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch ByteStorage",
    "torch FloatStorage",
    "torch DoubleStorage",
    "torch LongStorage",
}


class BadCheckpoint(ValueError):
    """A file is no checkpoint, is damaged, or holds what no checkpoint needs."""


@dataclass(frozen=True)
class Checkpoint:
    """A state, with the config as it was then, and how many snapshots and events had been recorded before it."""

    config: TrainingConfig
    state: State
    snapshots: int
    events: int


def path_of(folder: Path, run_id: str, name: str) -> Path:
    """Where a run's checkpoint lies. Only the last part of ``name`` counts: nothing leads out of the folder."""
    return folder / FOLDER / Path(run_id).name / Path(name).name


def save(path: Path, config: str, state: State, snapshots: int, events: int) -> int:
    """Write a checkpoint in place of whatever was there. Returns its size in bytes.

    Parameters
    ----------
    config : str
        JSON of the config as it is now, edits included.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: value.numpy() for name, value in state.items() if isinstance(value, Tensor)}
    numbers = {name: value for name, value in state.items() if not isinstance(value, Tensor)}
    about = {"config": config, "snapshots": snapshots, "events": events, "numbers": numbers}
    data = tensors.pack(arrays, {"format": FORMAT, "version": VERSION, "about": json.dumps(about, ensure_ascii=False)})
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    _sync_folder(path.parent)
    return path.stat().st_size


def load(path: Path, seeds: int = 1) -> Checkpoint:
    """Read a checkpoint of so many seeds. Whether its state fits its config is for the training to judge.

    Raises
    ------
    BadCheckpoint
    """
    try:
        with open(path, "rb") as file:
            return (
                _of_the_first_version(path) if file.read(len(ZIP)) == ZIP else _read(file, path.stat().st_size, seeds)
            )
    except (BadCheckpoint, BadTensors, ConfigError) as error:
        raise BadCheckpoint(f"The checkpoint {path.name} is refused: {error}.") from None
    except Exception as error:  # whatever a file of unknown origin can cause in a reader
        first = (str(error).splitlines() or [""])[0][:200]
        raise BadCheckpoint(f"The checkpoint {path.name} cannot be read: {first}.") from None


def _read(file: BinaryIO, size: int, seeds: int) -> Checkpoint:
    """A checkpoint of a file of some size. Of its arrays nothing is read before that is a size for its config."""
    file.seek(0)
    start = file.read(tensors.LENGTH_BYTES)
    start += file.read(tensors.header_bytes(start, size) - len(start))
    metadata = tensors.look_at_header(start, size)
    if metadata.get("format") != FORMAT:
        raise BadCheckpoint("it is no checkpoint of WGAN Live")
    if metadata.get("version") != VERSION:
        given = metadata.get("version", "")[:20]
        raise BadCheckpoint(
            f"its version is {given}; this version of WGAN Live reads versions {FIRST_VERSION} and {VERSION}"
        )
    about = json.loads(metadata.get("about", ""))
    if not isinstance(about, dict) or not isinstance(numbers := about.get("numbers"), dict):
        raise BadCheckpoint("it has no config or no state")
    config = _config(about, size, seeds)
    arrays, _ = tensors.unpack(start + file.read(size - len(start)))
    if twice := numbers.keys() & arrays.keys():
        raise BadCheckpoint(f"{min(twice)[:40]} is there twice in its state")
    state: State = {**numbers, **{name: torch.from_numpy(array) for name, array in arrays.items()}}
    return Checkpoint(config, state, about["snapshots"], about["events"])


def _of_the_first_version(path: Path) -> Checkpoint:
    _look_at_outside(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, Mapping) or content.get("format") != FIRST_VERSION:
        given = content.get("format") if isinstance(content, Mapping) else None
        raise BadCheckpoint(
            f"its format is {given}; of such files this version of WGAN Live reads format {FIRST_VERSION}"
        )
    if not isinstance(state := content.get("state"), dict):
        raise BadCheckpoint("it has no config or no state")
    return Checkpoint(_config(content, path.stat().st_size, 1), state, content["snapshots"], content["events"])


def _look_at_outside(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise BadCheckpoint("parts of it are compressed")
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise BadCheckpoint("its parts are larger than the file")
        indices = [entry for entry in entries if entry.filename.endswith(".pkl")]
        if len(indices) != 1 or indices[0].file_size > MOST_INDEX_BYTES:
            raise BadCheckpoint("it does not have one table of contents, of a sensible size")
        asked = {str(found) for op, found, _ in pickletools.genops(archive.read(indices[0])) if "GLOBAL" in op.name}
    if unknown := {name for name in asked if name not in KNOWN}:
        raise BadCheckpoint(f"it asks for {min(unknown)[:60]}, which no checkpoint needs")


def _config(about: Mapping[str, Any], size: int, seeds: int) -> TrainingConfig:
    """The config that a checkpoint of some size names, with what else it must say."""
    if not isinstance(text := about.get("config"), str):
        raise BadCheckpoint("it has no config or no state")
    if not all(type(count) is int and 0 <= count < 2**40 for count in (about.get("snapshots"), about.get("events"))):
        raise BadCheckpoint("it does not say how many snapshots and events came before it")
    config = TrainingConfig.parse(json.loads(text))
    if size > seeds * (BYTES_A_PARAMETER * config.parameters() + BYTES_BESIDES):
        raise BadCheckpoint(f"it has {size:,} bytes, more than its networks need")
    return config


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder last through a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
