"""Classifiers that were trained before: in memory while a run uses them, and in the data folder for all runs to come."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from wgan_core.datasets import ImageDataset
from wgan_core.host import data_folder, replacing
from wgan_core.metrics.images.classifier import Fitting

# Those in use, so that runs on the same images train one between them; gone with the last run that uses it.
_shared: WeakValueDictionary[str, Fitting] = WeakValueDictionary()
_opening = Lock()


def folder() -> Path:
    """Where trained classifiers lie, each named by a hash of the images that it was trained on."""
    return data_folder() / "classifiers"


def fitting_for(dataset: ImageDataset) -> Fitting:
    """The classifier's training for a data set: done already where it has been done before, on this computer.

    Raises
    ------
    DataError
        The images cannot be read.
    """
    fresh = Fitting(dataset.labelled())
    key = fresh.key
    with _opening:
        found = _shared.setdefault(key, fresh)
        if found.result is None and found.done == 0:
            # Damaged, or of another software: trained again, and then put in its place.
            with suppress(OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError):
                found.finish(*_load(folder() / f"{key}.safetensors"))
    return found


def keep(fitting: Fitting) -> None:
    """Write down a finished classifier for the next time, where there is room. Of two who do so at once, the last one stays."""
    assert fitting.result is not None
    weights = {name: tensor.contiguous() for name, tensor in fitting.net.state_dict().items()}
    about = {"accuracy": repr(fitting.result.accuracy), "sha256": _hash(weights)}
    with suppress(OSError), replacing(folder() / f"{fitting.key}.safetensors") as file:
        file.write(save(weights, about))


def _load(place: Path) -> tuple[dict[str, Tensor], float]:
    with safe_open(place, "pt", device="cpu") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
        about = file.metadata()
    if about["sha256"] != _hash(weights):
        raise ValueError("damaged")
    return weights, float(about["accuracy"])


def _hash(weights: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode())
        found.update(weights[name].numpy().tobytes())
    return found.hexdigest()
