"""A whole run as one file that another installation takes in: a zip of JSON and safetensors, with a manifest.

====================================  =================================================================================
``manifest.json``                     format, version, the run's id, and size and SHA-256 of every other member
``race.json``                         the race, complete (:meth:`wgan_core.config.run.RunConfig.to_json`)
``lane-N/config.json``                the lane's config as it is now, edits included
``lane-N/view.json``                  status, clocks, events, the scalars of the frames, the numbers of the state
``lane-N/history.safetensors``        the columns of the history
``lane-N/frames.safetensors``         the arrays of the frames
``lane-N/state.safetensors``          the tensors of the newest state, where there is one
====================================  =================================================================================

Reading it checks everything before anything is given back: the outside of the zip, sizes, hashes, each number and each shape.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Generator, Tensor

from wgan_core.config import MOST_LANES, RunConfig, TrainingConfig, differing, live_paths
from wgan_core.export import archive
from wgan_core.export.archive import Archive
from wgan_core.export.format import export
from wgan_core.export.manifest import (
    describe,
    fields,
    frame_arrays,
    strict_json,
    text,
    view_of,
    whole,
)
from wgan_core.export.subject import BadBundle, Bundle, ExportProblem, File
from wgan_core.export.weights import ROLES, bare
from wgan_core.history import RunView
from wgan_core.host import tensors
from wgan_core.host.tensors import BadTensors
from wgan_core.schema import ConfigError
from wgan_core.training import STREAMS_OF_TRAINING
from wgan_core.training.state import BadState, State, averaged, check

FORMAT, VERSION = "wgan-live-run", 1
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
MOST_JSON, MOST_HISTORY, MOST_FRAMES = 16_000_000, 256_000_000, 256_000_000
# Weights, gradients, and two numbers that Adam remembers, of four bytes each; what stands around them is small.
BYTES_A_PARAMETER, BYTES_BESIDES = 16, 1_000_000
LARGEST_RANDOM_STATE = 10_000
RANDOM = tuple(f"random.{name}" for name in STREAMS_OF_TRAINING)
# A run that goes on for longer than it was begun for has another length than its race.
MAY_DIFFER = ("steps",)


# Out


@export("bundle", "Whole run", "All that is kept of the run, to be imported elsewhere.", ".zip", "application/zip")
def bundle_file(bundle: Bundle) -> Iterable[File]:
    return [File(f"run-{bundle.view.id}.zip", pack_bundle(bundle))]


def pack_bundle(bundle: Bundle) -> bytes:
    """A run as the bytes of a zip file. Frames that are not finite, and tracebacks, are left out.

    Raises
    ------
    ExportProblem
        A state does not fit its lane.
    """
    members = {"race.json": bundle.view.config.to_json().encode()}
    for i, (view, state) in enumerate(zip(bundle.view.lanes, bundle.states, strict=True), 1):
        about = describe(view) | {"state": None}
        if state is not None:
            try:
                check_state(view.config, state)
            except BadState as error:
                raise ExportProblem(f"The state of lane {i} does not fit its config: {error}.") from None
            numbers = {name: value for name, value in state.items() if not isinstance(value, Tensor)}
            arrays = {name: value.numpy() for name, value in state.items() if isinstance(value, Tensor)}
            about["state"] = numbers
            members[f"lane-{i}/state.safetensors"] = tensors.pack(arrays)
        members |= {
            f"lane-{i}/config.json": _json(view.config.model_dump()),
            f"lane-{i}/view.json": _json(about),
            f"lane-{i}/history.safetensors": tensors.pack(view.history),
            f"lane-{i}/frames.safetensors": tensors.pack(frame_arrays(view, about)),
        }
    listed = {name: {"bytes": len(data), "sha256": _hash(data)} for name, data in members.items()}
    manifest = {"format": FORMAT, "version": VERSION, "id": bundle.view.id, "members": listed}
    return archive.pack({"manifest.json": _json(manifest), **members})


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# Back


def read_bundle(source: str | Path | bytes | BinaryIO) -> Bundle:
    """A run from a file, a file object or bytes.

    Raises
    ------
    BadBundle
        It is refused: says why, and nothing of it has been used.

    Examples
    --------
    >>> read_bundle(b"PK")
    Traceback (most recent call last):
    wgan_core.export.subject.BadBundle: The file is refused: it is not a zip file, or it is cut off.
    """
    try:
        if isinstance(source, str | Path):
            with open(source, "rb") as file:
                return _read(file)
        return _read(io.BytesIO(source) if isinstance(source, bytes) else source)
    except OSError as error:
        raise BadBundle(f"The file cannot be read: {error.strerror or error}.") from None
    except (BadBundle, BadTensors, BadState, ConfigError) as error:
        raise BadBundle(f"The file is refused: {error}.") from None


def _read(file: BinaryIO) -> Bundle:
    parts = Archive(file)
    manifest = strict_json(parts.read("manifest.json", MOST_JSON), "manifest.json")
    run_id, listed = _checked_manifest(manifest, parts)

    def member(name: str, most: int) -> bytes:
        data = parts.read(name, most)
        if _hash(data) != listed[name]["sha256"]:
            raise BadBundle(f"{name} is not what the manifest says: its SHA-256 differs")
        return data

    def read_json(name: str) -> dict[str, Any]:
        return strict_json(member(name, MOST_JSON), name)

    whole = _run_config(read_json("race.json"))
    folders = [f"lane-{i}" for i in range(1, len(whole.lanes) + 1)]
    needed = ("config.json", "view.json", "history.safetensors", "frames.safetensors")
    wanted = {"race.json"} | {f"{folder}/{name}" for folder in folders for name in needed}
    if missing := wanted - listed.keys():
        raise BadBundle(f"{min(missing)} is missing")
    if unknown := listed.keys() - wanted - {f"{folder}/state.safetensors" for folder in folders}:
        raise BadBundle(f"{min(unknown)} belongs to no lane of the race")
    views, states = [], []
    for i, folder in enumerate(folders):
        config = TrainingConfig.parse(read_json(f"{folder}/config.json"))
        _check_fits(config, whole.lanes[i], folder)
        about = read_json(f"{folder}/view.json")
        numbers = about.pop("state", None)
        history, _ = tensors.unpack(member(f"{folder}/history.safetensors", MOST_HISTORY))
        arrays, _ = tensors.unpack(member(f"{folder}/frames.safetensors", MOST_FRAMES))
        view = view_of(run_id, i, config, whole.seeds, about, history, arrays)
        name, state = f"{folder}/state.safetensors", None
        if (name in listed) != (numbers is not None) or (numbers is not None and whole.seeds > 1):
            raise BadBundle(f"{folder}: tensors and numbers of its state do not belong together")
        if numbers is not None:
            data = member(name, BYTES_A_PARAMETER * config.parameters() + BYTES_BESIDES)
            state = _state(config, numbers, data, view.step)
        views.append(view)
        states.append(state)
    return Bundle.of(RunView(run_id, whole, tuple(views)), states)


def _checked_manifest(manifest: Mapping[str, Any], parts: Archive) -> tuple[str, dict[str, Any]]:
    """The run's id, and size and hash of each member. The members are exactly those of the zip file."""
    if manifest.get("format") != FORMAT:
        raise BadBundle("it is not a run of WGAN Live")
    if manifest.get("version") != VERSION:
        given = str(manifest.get("version"))[:20]
        raise BadBundle(f"its version is {given}, and this WGAN Live reads version {VERSION}; a newer one may read it")
    fields(manifest, "manifest.json", ("format", "version", "id", "members"))
    if not ID.fullmatch(text(manifest["id"], "the run's id")):
        raise BadBundle("the run's id has other characters than letters and digits")
    listed = manifest["members"]
    if not isinstance(listed, dict) or listed.keys() | {"manifest.json"} != parts.names or "manifest.json" in listed:
        raise BadBundle("its manifest does not list exactly its members")
    for name, entry in listed.items():
        fields(entry, f"manifest.json: {name}", ("bytes", "sha256"))
        if whole(entry["bytes"], archive.MOST_BYTES, f"manifest.json: {name}") != parts.size(name):
            raise BadBundle(f"{name} does not have the size that the manifest says")
        if not re.fullmatch("[0-9a-f]{64}", text(entry["sha256"], f"manifest.json: {name}")):
            raise BadBundle(f"manifest.json: {name} has no SHA-256")
    return manifest["id"], listed


def _run_config(data: Mapping[str, Any]) -> RunConfig:
    fields(data, "race.json", tuple(RunConfig.model_fields))
    lanes = data["lanes"]
    if not isinstance(lanes, list) or not 1 <= len(lanes) <= MOST_LANES:  # before the work of reading them
        raise BadBundle(f"race.json does not have 1 to {MOST_LANES} lanes")
    return RunConfig.from_json(json.dumps(data))


def _check_fits(config: TrainingConfig, started: TrainingConfig, lane: str) -> None:
    """A lane's config is what it was started with, but for the knobs that turn while it trains."""
    may = {*live_paths(started), *MAY_DIFFER}
    for path, _ in differing([started, config]):
        if path not in may:
            raise BadBundle(f"{lane}: {path} is not what it is in the race")


def _state(config: TrainingConfig, numbers: Any, data: bytes, step: int) -> State:
    if not isinstance(numbers, dict):
        raise BadBundle("the numbers of a state are not an object")
    arrays, _ = tensors.unpack(data)
    if twice := numbers.keys() & arrays.keys():
        raise BadBundle(f"{min(twice)[:40]} is there twice in a state")
    state: State = {**numbers, **{name: torch.from_numpy(array) for name, array in arrays.items()}}
    check_state(config, state)
    if int(state["step"]) > step:
        raise BadBundle("a state is of a later step than its run")
    return state


def check_state(config: TrainingConfig, state: Mapping[str, Any]) -> None:
    """Refuse a state that a training with this config could not go on from, without making one: that would need its data.

    Raises
    ------
    BadState
    """
    device = state.get("device")
    if device not in ("cpu", "cuda", "mps"):
        raise BadState("device is not cpu, cuda or mps")
    check(state, like_state(config, str(device), state))
    for name, value in state.items():
        if isinstance(value, Tensor) and value.is_floating_point() and not bool(value.isfinite().all()):
            raise BadState(f"{name} is not finite")
    for name in _random(config) if device == "cpu" else ():
        try:
            Generator().set_state(state[name])
        except RuntimeError as error:
            raise BadState(f"{name} is no state of random numbers ({error})") from None


def _random(config: TrainingConfig) -> tuple[str, ...]:
    """What the random numbers in a state are called."""
    return *RANDOM, *(f"random.{remedy.name}" for remedy in config.remedies.active)


def like_state(config: TrainingConfig, device: str, given: Mapping[str, Any]) -> State:
    """Names, types and shapes of the state of a training with this config. Nothing is allocated.

    Parameters
    ----------
    given : Mapping[str, Any]
        A state: the size of its random numbers counts where they are another device's.
    """
    found: State = {"step": 0, "critic_steps": 0, "seconds": 0.0, "device": device}
    nets = bare(config)
    for role in ROLES:
        size = sum(p.numel() for p in nets[role].parameters())
        weights = torch.empty(size, dtype=torch.float32, device="meta")
        found |= {f"{role}.weights": weights, f"{role}.gradient": weights}
        found |= {f"{role}.buffer.{name}": buffer for name, buffer in nets[role].named_buffers()}
        memory = getattr(config, f"{role}_optimiser").start(weights)
        found |= {f"{role}.memory.{name}": tensor for name, tensor in memory.items()}
        for remedy in config.remedies.active:
            own = remedy.start(weights)
            found |= {f"remedy.{role}.{remedy.name}.{name}": tensor for name, tensor in own.items()}
    if config.generator_average:
        found |= averaged(found)
    for name in _random(config):
        size = Generator().get_state().numel()
        if device != "cpu" and isinstance(value := given.get(name), Tensor):
            size = min(value.numel(), LARGEST_RANDOM_STATE)
        found[name] = torch.empty(size, dtype=torch.uint8, device="meta")
    return found
