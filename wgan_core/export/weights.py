"""Trained networks: rebuilt from a state, and as one safetensors file of both, with the config in its metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wgan_core.config import TrainingConfig
from wgan_core.export.format import export
from wgan_core.export.subject import Bundle, ExportProblem, File
from wgan_core.host.tensors import BadTensors, pack, unpack
from wgan_core.networks.piecewise import Net
from wgan_core.schema import ConfigError

FORMAT, VERSION = "wgan-live-model", "1"
ROLES = ("generator", "critic")
NO_STATE = (
    "No trained weights can be exported of this run: it still trains, it failed before the first checkpoint, or it has"
    " several seeds. Pause or stop it, or train one seed."
)


@dataclass(frozen=True)
class Model:
    """Both networks of a training, on the CPU and in evaluation mode, and the generator step that they come from."""

    config: TrainingConfig
    generator: Net
    critic: Net
    step: int


def bare(config: TrainingConfig) -> dict[str, Net]:
    """Both networks without weights: what they must be like."""
    return dict(zip(ROLES, config.nets(), strict=True))


def model_of(config: TrainingConfig, state: Mapping[str, Any]) -> Model:
    """The networks of a training's state. The state must fit the config; see :func:`wgan_core.training.state.check`.

    The generator is the averaged one, where the run has one. Normalisation over the batch uses what was seen on average, as in
    every measurement.
    """
    nets = bare(config)
    for role, net in nets.items():
        net.to_empty(device=torch.device("cpu"))
        kept = "average" if role == "generator" and config.generator_average else role
        offset, weights = 0, state[f"{kept}.weights"]
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(weights[offset : offset + p.numel()].view_as(p))
                offset += p.numel()
            for name, buffer in net.named_buffers():
                buffer.copy_(state[f"{kept}.buffer.{name}"])
        net.eval()
    return Model(config, nets["generator"], nets["critic"], int(state["step"]))


def models(bundle: Bundle) -> Iterator[tuple[str, Model]]:
    """The folder and the networks of each lane that has a state.

    Raises
    ------
    ExportProblem
        No lane has one.
    """
    if why := without_states(bundle):
        raise ExportProblem(why)
    for i, (view, state) in enumerate(zip(bundle.view.lanes, bundle.states, strict=True)):
        if state is not None:
            yield bundle.folder_of(i), model_of(view.config, state)


def without_states(bundle: Bundle) -> str | None:
    """Why there are no networks to export, or None."""
    return NO_STATE if all(state is None for state in bundle.states) else None


@export(
    "safetensors",
    "Weights",
    "Generator and critic as safetensors, with the config in the metadata.",
    ".safetensors",
    "application/octet-stream",
    count=lambda bundle: sum(state is not None for state in bundle.states),
    unfit=without_states,
)
def safetensors_files(bundle: Bundle) -> Iterable[File]:
    """Generator and critic of each lane in one file: tensors by their names in PyTorch, after the network's."""
    for folder, model in models(bundle):
        yield File(f"{folder}model.safetensors", pack_model(model))


def pack_model(model: Model) -> bytes:
    """Both networks as safetensors, with config and step in the metadata."""
    tensors = {
        f"{role}.{name}": tensor.detach().cpu().numpy()
        for role in ROLES
        for name, tensor in getattr(model, role).state_dict().items()
    }
    config = json.dumps(model.config.model_dump(), ensure_ascii=False)
    return pack(tensors, {"format": FORMAT, "version": VERSION, "step": str(model.step), "config": config})


def unpack_model(data: bytes) -> Model:
    """What :func:`pack_model` packed, from a file that may have been made by anyone.

    Raises
    ------
    ExportProblem
        It is not such a file, or its tensors do not have the names, shapes and types of its config's networks, or are not
        finite.

    Examples
    --------
    >>> from wgan_core.training import Training
    >>> config = TrainingConfig.parse({"steps": 1, "device": "cpu"})
    >>> model = model_of(config, Training(config).state())
    >>> unpack_model(pack_model(model)).config == config
    True
    """
    try:
        arrays, about = unpack(data)
        if about.get("format") != FORMAT:
            raise BadTensors("it is not a model of WGAN Live")
        if about.get("version") != VERSION:
            raise BadTensors(f"its version is {about.get('version', '')[:20]}; this WGAN Live reads version {VERSION}")
        step = about.get("step", "")
        if not (step.isdecimal() and len(step) < 10):
            raise BadTensors("it does not say which step it is from")
        config = TrainingConfig.parse(json.loads(about.get("config", "")))
        nets = bare(config)
        check_tensors(arrays, {f"{role}.{n}": t for role in ROLES for n, t in nets[role].state_dict().items()})
    except (BadTensors, ConfigError, ValueError, RecursionError) as error:
        raise ExportProblem(f"The model is refused: {error}.") from None
    for role, net in nets.items():
        net.to_empty(device=torch.device("cpu"))
        net.load_state_dict({name: torch.from_numpy(arrays[f"{role}.{name}"]) for name in net.state_dict()})
        net.eval()
    return Model(config, nets["generator"], nets["critic"], int(step))


def check_tensors(arrays: Mapping[str, np.ndarray[Any, Any]], wanted: Mapping[str, Tensor]) -> None:
    """Refuse arrays that do not have the names, shapes and types of some tensors, or are not finite.

    Raises
    ------
    BadTensors
    """
    if missing := wanted.keys() - arrays.keys():
        raise BadTensors(f"{min(missing)} is missing")
    if unknown := arrays.keys() - wanted.keys():
        raise BadTensors(f"“{min(unknown)[:40]}” does not belong there")
    for name, like in wanted.items():
        array = arrays[name]
        if array.shape != tuple(like.shape) or str(array.dtype) != str(like.dtype)[6:]:
            raise BadTensors(
                f"{name} is {array.dtype} {array.shape}, and its config has {str(like.dtype)[6:]} {tuple(like.shape)}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadTensors(f"{name} is not finite")
