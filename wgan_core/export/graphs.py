"""Trained networks as ONNX, for use without Python: the generator and the critic as one file each.

The graphs are written layer by layer. Tracing the network (``torch.onnx``) patches PyTorch for the whole process while it lasts,
and trainings in other threads then gave other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from wgan_core.export.subject import Bundle, ExportProblem, File
from wgan_core.export.weights import ROLES, Model, models

# Group normalisation is part of ONNX from this version on.
OPSET, IR_VERSION = 21, 10
# What goes in and comes out, by name: latents (n, dim) to samples (n, *shape), and samples to scores (n, 1). n is free.
NAMES = {"generator": ("latents", "samples"), "critic": ("samples", "scores")}


class Node(NamedTuple):
    """An ONNX operator: what it is called, its tensors after the input, and its attributes."""

    operator: str
    tensors: tuple[Any, ...] = ()
    attributes: dict[str, Any] = {}


def linear(layer: nn.Linear) -> Node:
    return Node("Gemm", (layer.weight, layer.bias), {"transB": 1})


def batch_norm(layer: nn.BatchNorm1d | nn.BatchNorm2d) -> Node:
    """By what was seen on average, as in every measurement."""
    tensors = layer.weight, layer.bias, layer.running_mean, layer.running_var
    return Node("BatchNormalization", tensors, {"epsilon": layer.eps})


def layer_norm(layer: nn.LayerNorm) -> Node:
    axis = -len(layer.normalized_shape)
    return Node("LayerNormalization", (layer.weight, layer.bias), {"axis": axis, "epsilon": layer.eps})


def group_norm(layer: nn.GroupNorm) -> Node:
    attributes = {"num_groups": layer.num_groups, "epsilon": layer.eps}
    return Node("GroupNormalization", (layer.weight, layer.bias), attributes)


def convolution(layer: nn.Conv2d | nn.ConvTranspose2d) -> Node:
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str) or any(layer.output_padding):
        raise ExportProblem(f"This padding of {layer} has no ONNX translation.")
    return Node(
        "ConvTranspose" if isinstance(layer, nn.ConvTranspose2d) else "Conv",
        tuple(tensor for tensor in (layer.weight, layer.bias) if tensor is not None),
        {
            "kernel_shape": list(layer.kernel_size),
            "strides": list(layer.stride),
            "pads": [*layer.padding] * 2,
            "dilations": list(layer.dilation),
            "group": layer.groups,
        },
    )


def unflatten(layer: nn.Unflatten) -> Node:
    # 0 stands for the size that the batch has.
    return Node("Reshape", (np.array([0, *layer.unflattened_size], np.int64),))


# A new kind of layer takes its place here.
TRANSLATIONS: dict[type[nn.Module], Callable[[Any], Node]] = {
    nn.Linear: linear,
    nn.ReLU: lambda _: Node("Relu"),
    nn.LeakyReLU: lambda layer: Node("LeakyRelu", (), {"alpha": layer.negative_slope}),
    nn.Tanh: lambda _: Node("Tanh"),
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
    nn.LayerNorm: layer_norm,
    nn.GroupNorm: group_norm,
    nn.Conv2d: convolution,
    nn.ConvTranspose2d: convolution,
    nn.Flatten: lambda layer: Node("Flatten", (), {"axis": layer.start_dim}),
    nn.Unflatten: unflatten,
    nn.Identity: lambda _: Node("Identity"),
}


def onnx_files(bundle: Bundle) -> Iterable[File]:
    """Two files for each lane."""
    for folder, model in models(bundle):
        for role in ROLES:
            yield File(f"{folder}{role}.onnx", onnx_of(model, role))


def onnx_of(model: Model, role: str) -> bytes:
    """A network as an ONNX graph, with config and step in its metadata.

    Parameters
    ----------
    role : str
        ``generator`` or ``critic``.

    Raises
    ------
    ExportProblem
        A layer has no translation.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    net: nn.Sequential = getattr(model, role)
    latents, shape = (model.config.latent.dim,), model.config.dataset.shape
    entry, end = NAMES[role]
    sizes = (latents, shape) if role == "generator" else (shape, (1,))
    nodes, weights = [], []
    flowing = entry
    for i, layer in enumerate(net):
        node = translated(layer)
        names = [f"{i}.{k}" for k in range(len(node.tensors))]
        weights += [numpy_helper.from_array(_numpy(t), n) for t, n in zip(node.tensors, names, strict=True)]
        after = end if i == len(net) - 1 else f"{i}"
        nodes.append(helper.make_node(node.operator, [flowing, *names], [after], **node.attributes))
        flowing = after
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *size])
        for name, size in zip((entry, end), sizes, strict=True)
    ]
    graph = helper.make_graph(nodes, role, ends[:1], ends[1:], weights)
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="WGAN Live")
    found.ir_version = IR_VERSION
    helper.set_model_props(found, {"config": model.config.model_dump_json(), "step": str(model.step)})
    checker.check_model(found, full_check=True)
    return bytes(found.SerializeToString())


def translated(layer: nn.Module) -> Node:
    """A layer as ONNX says it, or ExportProblem."""
    if (translate := TRANSLATIONS.get(type(layer))) is None:
        raise ExportProblem(f"The layer {type(layer).__name__} has no ONNX translation yet.")
    return translate(layer)


def _numpy(tensor: Tensor | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return tensor.detach().cpu().numpy() if isinstance(tensor, Tensor) else tensor
