"""Trained networks as ONNX, for use without Python: the generator and the critic as one file each."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch
from torch import nn

from wgan_core.export.subject import Bundle, File
from wgan_core.export.weights import ROLES, Model, models

# What goes in and comes out, by name: latents (n, dim) to samples (n, *shape), and samples to scores (n, 1). n is free.
NAMES = {"generator": ("latents", "samples"), "critic": ("samples", "scores")}


def onnx_files(bundle: Bundle) -> Iterable[File]:
    """Two files for each lane."""
    for folder, model in models(bundle):
        for role in ROLES:
            yield File(f"{folder}{role}.onnx", onnx_of(model, role))


def onnx_of(model: Model, role: str) -> bytes:
    """A network as an ONNX graph, with the config in its metadata.

    Parameters
    ----------
    role : str
        ``generator`` or ``critic``.
    """
    net: nn.Sequential = getattr(model, role)
    shape = (model.config.latent.dim,) if role == "generator" else model.config.dataset.shape
    taken, given = NAMES[role]
    # The same layers, plainly one after another: what a net computes by hand for the sake of its gradients is not needed here.
    plain = nn.Sequential(*net).eval()
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        program = torch.onnx.export(
            plain,
            (torch.zeros(2, *shape, device="cpu"),),
            dynamo=True,
            verbose=False,
            input_names=[taken],
            output_names=[given],
            dynamic_shapes=({0: torch.export.Dim("n")},),
        )
    finally:
        logger.setLevel(before)
    assert program is not None
    graph = program.model_proto
    for key, value in {"config": model.config.model_dump_json(), "step": str(model.step)}.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    return bytes(graph.SerializeToString())
