"""The nodes of an ONNX graph that each layer becomes: a function a layer, in the table at the end.

A function adds to `graph` what `step` does to the value named `x`, and returns the name of what it makes.
Images are (batch, C, H, W), as ONNX has them, tokens (batch, S, D), vectors (batch, N).
"""

import math
from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper

from models.chain import IMAGE, TOKENS, Step
from models.layers import EPSILON, LEAKY_SLOPE


class Graph:
    """Nodes and weights as they are added; values go by their names, a node by that of what it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def weight(self, name: str, values: np.ndarray) -> str:
        values = np.ascontiguousarray(values, np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def tensors(self, step: Step, *suffixes: str) -> list[str]:
        """Tensors of a layer, under the names that they have in the model's file."""
        return [self.weight(f"{step.name}.{suffix}", step[suffix]) for suffix in suffixes]

    def integers(self, name: str, *values: int) -> str:
        self.weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def layer(self, step: Step, x: str) -> str:
        return NODES[step.layer.name](self, step, x)


Nodes = Callable[[Graph, Step, str], str]


def conv(graph: Graph, step: Step, x: str) -> str:
    k, s, (before, after) = step.layer.kernel, step.layer.stride, step.layer.padding
    window = {"kernel_shape": [k, k], "strides": [s, s], "pads": [before, before, after, after]}
    return graph.node("Conv", [x, *graph.tensors(step, "weight", "bias")], step.name, **window)


def pool(op: str) -> Nodes:
    def add(graph: Graph, step: Step, x: str) -> str:
        size = [step.layer.size] * 2
        return graph.node(op, [x], step.name, kernel_shape=size, strides=size)

    return add


def global_avg_pool(graph: Graph, step: Step, x: str) -> str:
    return flatten(graph, step, graph.node("GlobalAveragePool", [x], f"{step.name}.image"))


def plain(op: str, **attributes: object) -> Nodes:
    """A layer that is one node and has no weights."""
    return lambda graph, step, x: graph.node(op, [x], step.name, **attributes)


flatten = plain("Flatten")  # of an image: C, H, W


def dense(graph: Graph, step: Step, x: str) -> str:
    if len(step.takes) == TOKENS:
        return linear(graph, step, x, "", step.name)
    if len(step.takes) == IMAGE:
        x = graph.node("Flatten", [x], f"{step.name}.input")
    return graph.node("Gemm", [x, *graph.tensors(step, "weight", "bias")], step.name)


def linear(graph: Graph, step: Step, x: str, part: str, output: str) -> str:
    """x (batch, S, I) -> x w + b (batch, S, O), with the weights of a `part`: Gemm takes matrices only."""
    w, b = graph.tensors(step, f"{part}weight", f"{part}bias")
    return graph.node("Add", [graph.node("MatMul", [x, w], f"{output}.product"), b], output)


def batch_norm(graph: Graph, step: Step, x: str) -> str:
    """ONNX has channels first."""
    if len(step.takes) == TOKENS:
        x = graph.node("Transpose", [x], f"{step.name}.input", perm=[0, 2, 1])
    inputs = [x, *graph.tensors(step, "weight", "bias", "running_mean", "running_var")]
    if len(step.takes) != TOKENS:
        return graph.node("BatchNormalization", inputs, step.name, epsilon=EPSILON)
    y = graph.node("BatchNormalization", inputs, f"{step.name}.normal", epsilon=EPSILON)
    return graph.node("Transpose", [y], step.name, perm=[0, 2, 1])


def layer_norm(graph: Graph, step: Step, x: str) -> str:
    """Over the last axis, which of an image are the channels."""
    if len(step.takes) == IMAGE:
        x = graph.node("Transpose", [x], f"{step.name}.input", perm=[0, 2, 3, 1])
    inputs = [x, *graph.tensors(step, "weight", "bias")]
    if len(step.takes) != IMAGE:
        return graph.node("LayerNormalization", inputs, step.name, axis=-1, epsilon=EPSILON)
    y = graph.node("LayerNormalization", inputs, f"{step.name}.normal", axis=-1, epsilon=EPSILON)
    return graph.node("Transpose", [y], step.name, perm=[0, 3, 1, 2])


def patches(graph: Graph, step: Step, x: str) -> str:
    """A patch times the weights is a convolution that moves by whole patches."""
    p, channels = step.layer.patch, step.takes[2]
    w = step["weight"].reshape(p, p, channels, -1).transpose(3, 2, 0, 1)  # (D, C, P, P)
    weights = [graph.weight(f"{step.name}.weight", w), *graph.tensors(step, "bias")]
    x = graph.node("Conv", [x, *weights], f"{step.name}.image", kernel_shape=[p, p], strides=[p, p])
    x = graph.node("Reshape", [x, graph.integers(f"{step.name}.shape", 0, 0, -1)], f"{step.name}.row")
    return graph.node("Transpose", [x], step.name, perm=[0, 2, 1])


def position(graph: Graph, step: Step, x: str) -> str:
    return graph.node("Add", [x, *graph.tensors(step, "table")], step.name)


def attention(graph: Graph, step: Step, x: str) -> str:
    name, heads, D = step.name, step.layer.heads, step.takes[1]
    split = graph.integers(f"{name}.split", 0, 0, heads, D // heads)  # 0: as it is

    def by_head(part: str, order: list[int]) -> str:
        y = linear(graph, step, x, f"{part}.", f"{name}.{part}")
        y = graph.node("Reshape", [y, split], f"{name}.{part}.by_head")
        return graph.node("Transpose", [y], f"{name}.{part}.heads", perm=order)

    q, k, v = by_head("query", [0, 2, 1, 3]), by_head("key", [0, 2, 3, 1]), by_head("value", [0, 2, 1, 3])
    scale = graph.weight(f"{name}.scale", np.array(1 / math.sqrt(D // heads)))
    scores = graph.node("Mul", [graph.node("MatMul", [q, k], f"{name}.q k^T"), scale], f"{name}.scores")
    weights = graph.node("Softmax", [scores], f"{name}.weights", axis=-1)  # (batch, heads, S, S)
    mixed = graph.node("MatMul", [weights, v], f"{name}.mixed.heads")
    mixed = graph.node("Transpose", [mixed], f"{name}.mixed.by_head", perm=[0, 2, 1, 3])
    output = f"{name}.mixed" if step.layer.projection else name
    mixed = graph.node("Reshape", [mixed, graph.integers(f"{name}.whole", 0, 0, D)], output)
    return linear(graph, step, mixed, "output.", name) if step.layer.projection else mixed


def mean(graph: Graph, step: Step, x: str) -> str:
    return graph.node("ReduceMean", [x, graph.integers(f"{step.name}.axis", 1)], step.name, keepdims=0)


def residual(graph: Graph, step: Step, x: str) -> str:
    y = x
    for inner in step.inner:
        y = graph.layer(inner, y)
    return graph.node("Add", [x, y], step.name)


def scale_shift(graph: Graph, step: Step, x: str) -> str:
    shape = (-1, 1, 1) if len(step.takes) == IMAGE else (-1,)  # ONNX has channels first
    w, b = (graph.weight(f"{step.name}.{part}", step[part].reshape(shape)) for part in ("weight", "bias"))
    return graph.node("Add", [graph.node("Mul", [x, w], f"{step.name}.scaled"), b], step.name)


NODES: dict[str, Nodes] = {
    "conv": conv,
    "max-pool": pool("MaxPool"),
    "avg-pool": pool("AveragePool"),
    "global-avg-pool": global_avg_pool,
    "flatten": flatten,
    "dense": dense,
    "relu": plain("Relu"),
    "leaky-relu": plain("LeakyRelu", alpha=LEAKY_SLOPE),
    "sigmoid": plain("Sigmoid"),
    "tanh": plain("Tanh"),
    "gelu": plain("Gelu", approximate="none"),
    "dropout": plain("Dropout"),  # does nothing where a network is used
    "batch-norm": batch_norm,
    "layer-norm": layer_norm,
    "scale-shift": scale_shift,
    "patches": patches,
    "position": position,
    "attention": attention,
    "mean": mean,
    "residual": residual,
}
