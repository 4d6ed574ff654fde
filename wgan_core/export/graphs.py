"""Trained networks as ONNX, for use without Python: the generator and the critic as one file each.

The graphs are written layer by layer. Tracing the network (``torch.onnx``) patches PyTorch for the whole process while it lasts,
and trainings in other threads then gave other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from wgan_core.export.format import export
from wgan_core.export.subject import Bundle, ExportProblem, File
from wgan_core.export.weights import ROLES, Model, models, without_states
from wgan_core.networks import Residual, ToSigned
from wgan_core.objectives.constraints import SPECTRAL, normalised

# Group normalisation is part of ONNX from this version on.
OPSET, IR_VERSION = 21, 10
# What goes in and comes out, by name: latents (n, dim) to samples (n, *shape), and samples to scores (n, 1). n is free. Of a
# conditional run each input has its class beside it, one-hot: see :func:`wgan_core.networks.joined`.
NAMES = {"generator": ("latents", "samples"), "critic": ("samples", "scores")}


class Node(NamedTuple):
    """An ONNX operator: what it is called, its tensors after the input, and its attributes."""

    operator: str
    tensors: tuple[Any, ...] = ()
    attributes: dict[str, Any] = {}


class Operator(NamedTuple):
    """An operator in a graph: which values go in and come out, and its tensors, all by name."""

    node: Node
    inputs: tuple[str, ...]
    output: str
    tensors: dict[str, Any] = {}


def weight_of(layer: nn.Module) -> Tensor:
    """The weights that a layer applies."""
    assert isinstance(layer.weight, Tensor)
    return normalised(layer.weight) if isinstance(layer, tuple(SPECTRAL.values())) else layer.weight


def linear(layer: nn.Linear) -> Node:
    return Node("Gemm", (weight_of(layer), layer.bias), {"transB": 1})


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
        tuple(tensor for tensor in (weight_of(layer), layer.bias) if tensor is not None),
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


def to_signed(_: ToSigned) -> list[Node]:
    return [Node("Mul", (np.array(2, np.float32),)), Node("Sub", (np.array(1, np.float32),))]


def average(layer: nn.AvgPool2d) -> Node:
    side = layer.kernel_size
    return Node("AveragePool", (), {"kernel_shape": [side, side], "strides": [side, side]})


def upsample(layer: nn.Upsample) -> Node:
    if layer.mode != "nearest" or not isinstance(layer.scale_factor, float):
        raise ExportProblem(f"This {layer} has no ONNX translation.")
    factor = layer.scale_factor
    region = np.empty(0, np.float32)  # of the input, which this mode does not look at
    return Node("Resize", (region, np.array([1, 1, factor, factor], np.float32)), {"mode": "nearest"})


# A new kind of layer takes its place here.
TRANSLATIONS: dict[type[nn.Module], Callable[[Any], Node | list[Node]]] = {
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
    SPECTRAL[nn.Linear]: linear,
    SPECTRAL[nn.Conv2d]: convolution,
    nn.Flatten: lambda layer: Node("Flatten", (), {"axis": layer.start_dim}),
    nn.Unflatten: unflatten,
    nn.Identity: lambda _: Node("Identity"),
    nn.Sigmoid: lambda _: Node("Sigmoid"),
    ToSigned: to_signed,
    nn.AvgPool2d: average,
    nn.Upsample: upsample,
}


@export(
    "onnx",
    "ONNX",
    "Generator and critic as graphs that run without PyTorch.",
    ".onnx",
    "application/octet-stream",
    requires=("onnx",),
    folder=True,
    unfit=without_states,
)
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

    inputs, seen = model.config.input_shapes
    entry, end = NAMES[role]
    sizes = (inputs, model.config.dataset.shape) if role == "generator" else (seen, (1,))
    steps = list(steps_of(getattr(model, role), entry, "", end))
    nodes = [
        helper.make_node(step.node.operator, [*step.inputs, *step.tensors], [step.output], **step.node.attributes)
        for step in steps
    ]
    weights = [numpy_helper.from_array(_numpy(tensor), name) for step in steps for name, tensor in step.tensors.items()]
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


def steps_of(net: nn.Sequential, entry: str, prefix: str, end: str) -> Iterator[Operator]:
    """The operators of a chain of layers from the value ``entry`` to the value ``end``, branches within it first."""
    for i, layer in enumerate(net):
        output = end if i == len(net) - 1 else f"{prefix}{i}"
        if isinstance(layer, Residual):
            branches = []
            for name, branch in (("main", layer.main), ("shortcut", layer.shortcut)):
                branches.append(f"{prefix}{i}.{name}.end" if len(branch) else entry)
                yield from steps_of(branch, entry, f"{prefix}{i}.{name}.", branches[-1])
            yield Operator(Node("Add"), tuple(branches), output)
        else:
            *before, last = translated(layer)
            for k, node in enumerate(before):
                yield _step(node, entry, f"{prefix}{i}.part{k}")
                entry = f"{prefix}{i}.part{k}"
            yield _step(last, entry, output)
        entry = output


def _step(node: Node, entry: str, output: str) -> Operator:
    return Operator(node, (entry,), output, {f"{output}.{k}": tensor for k, tensor in enumerate(node.tensors)})


def translated(layer: nn.Module) -> list[Node]:
    """A layer as ONNX says it, one operator after the other, or ExportProblem."""
    if (translate := TRANSLATIONS.get(type(layer))) is None:
        raise ExportProblem(f"The layer {type(layer).__name__} has no ONNX translation yet.")
    found = translate(layer)
    return [found] if isinstance(found, Node) else found


def _numpy(tensor: Tensor | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return tensor.detach().cpu().numpy() if isinstance(tensor, Tensor) else tensor
