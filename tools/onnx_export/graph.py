"""A network as an ONNX graph of standard operators.

Input "image" (N, 1, rows, columns), pixels in [0, 1], any N; outputs "logits" and "probabilities" (N, K).
Each node has the name of what it makes, and weights have the names that they have in the model's file.
"""

import json
import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models import AttentionPool, Cnn, Mlp, Model
from models.network_json import network_json
from models.networks import LEAKY_SLOPE

OPSET = 20  # the first with Gelu
IR_VERSION = 9  # of the same release, ONNX 1.15: older readers refuse newer ones
PREPARATION = (
    "image: (N, 1, rows, columns) float32, 0 = paper, 1 = ink, byte / 255 of the data the network was"
    " trained on. MNIST's digits are light ink on dark paper, cropped, scaled to 20 x 20, with their"
    " centre of mass in the middle of 28 x 28."
)


class Graph:
    """Nodes and weights as they are added; values go by their names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def weight(self, name: str, values: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, name: str, values: list[int]) -> str:
        return self.weight(name, np.array(values, np.int64))


def build_onnx(model: Model) -> onnx.ModelProto:
    """The whole file, checked by onnx.checker, with the shape of every value in it."""
    graph = Graph()
    match model:
        case Mlp():
            add_mlp(graph, model)
        case Cnn():
            add_cnn(graph, model)
        case AttentionPool():
            add_attention_pool(graph, model)
    graph.node("Softmax", ["logits"], "probabilities", axis=-1)

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, *image_size(model)])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", model.classes])
        for name in ("logits", "probabilities")
    ]
    made = helper.make_model(
        helper.make_graph(graph.nodes, model.kind, [image], outputs, graph.weights, doc_string=model.summary),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name=model.program,
        doc_string=PREPARATION,
    )
    own = {"program": model.program, "network": network_json(model), "preparation": PREPARATION}
    names = {"class_names": json.dumps(model.class_names)}
    helper.set_model_props(made, {**model.metadata, **own, **names})
    made = onnx.shape_inference.infer_shapes(made, strict_mode=True, data_prop=True)
    onnx.checker.check_model(made, full_check=True)
    return made


def image_size(model: Model) -> tuple[int, int]:
    """Rows and columns. Pixels in a row, as an MLP takes them, are a square image if they can be one."""
    if not isinstance(model, Mlp):
        return model.image_size
    side = math.isqrt(model.inputs)
    return (side, side) if side**2 == model.inputs else (1, model.inputs)


def add_mlp(graph: Graph, model: Mlp) -> None:
    x = graph.node("Flatten", ["image"], "pixels")
    for number, layer in enumerate(model.hidden, start=1):
        x = add_dense(graph, model, x, f"W{number}", f"b{number}", f"sums{number}")
        x = add_activation(graph, layer.activation, x, f"hidden{number}")
    last = len(model.hidden) + 1
    add_dense(graph, model, x, f"W{last}", f"b{last}", "logits")


def add_cnn(graph: Graph, model: Cnn) -> None:
    k = model.kernel
    w = graph.weight("conv.weight", model.tensors["conv.weight"].reshape(model.filters, 1, k, k))
    b = graph.weight("conv.bias", model.tensors["conv.bias"])
    x = graph.node("Conv", ["image", w, b], "conv", kernel_shape=[k, k], pads=[k // 2] * 4)
    x = graph.node("Relu", [x], "maps")
    x = graph.node("MaxPool", [x], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    x = graph.node("Flatten", [x], "features")
    add_dense(graph, model, x, "fc.weight", "fc.bias", "logits")


def add_attention_pool(graph: Graph, model: AttentionPool) -> None:
    D, N = model.d_model, model.heads
    tokens = add_tokens(graph, model)  # (batch, S, D)
    split = graph.integers("by_head", [0, 0, N, D // N])  # 0: as it is

    def heads(letter: str, order: list[int]) -> str:
        x = add_linear(graph, model, tokens, f"W{letter}", f"b{letter}", letter)
        x = graph.node("Reshape", [x, split], f"{letter}.by_head")
        return graph.node("Transpose", [x], f"{letter}.heads", perm=order)

    q, k, v = heads("q", [0, 2, 1, 3]), heads("k", [0, 2, 3, 1]), heads("v", [0, 2, 1, 3])
    scale = graph.weight("score_scale", np.array(1 / math.sqrt(D // N), np.float32))
    scores = graph.node("Mul", [graph.node("MatMul", [q, k], "q k^T"), scale], "scores")  # (batch, N, S, S)
    attention = graph.node("Softmax", [scores], "attention", axis=-1)
    mixed = graph.node("MatMul", [attention, v], "mixed.heads")
    mixed = graph.node("Transpose", [mixed], "mixed.by_head", perm=[0, 2, 1, 3])
    mixed = graph.node("Reshape", [mixed, graph.integers("whole", [0, 0, D])], "mixed")  # (batch, S, D)
    hidden = graph.node("Relu", [add_linear(graph, model, mixed, "W1", "b1", "sums")], "hidden")
    out = add_linear(graph, model, hidden, "W2", "b2", "out")
    mean = graph.node("ReduceMean", [out, graph.integers("token_axis", [1])], "mean", keepdims=0)
    add_dense(graph, model, mean, "Wcls", "bcls", "logits")


def add_tokens(graph: Graph, model: AttentionPool) -> str:
    """(batch, S, D). A patch times Wp is a convolution that moves by whole patches."""
    D, p = model.d_model, model.patch
    wp = graph.weight("Wp", model.tensors["Wp"].T.reshape(D, 1, p, p))
    bp = graph.weight("bp", model.tensors["bp"])
    x = graph.node("Conv", ["image", wp, bp], "patches", kernel_shape=[p, p], strides=[p, p])
    x = graph.node("Reshape", [x, graph.integers("in_a_row", [0, 0, -1])], "patches.in_a_row")
    x = graph.node("Transpose", [x], "patches.by_token", perm=[0, 2, 1])
    x = graph.node("Add", [x, graph.weight("pos", model.tensors["pos"])], "patches.placed")
    return graph.node("Relu", [x], "tokens")


def add_dense(graph: Graph, model: Model, x: str, w: str, b: str, output: str) -> str:
    """x (batch, I) -> x w + b (batch, O)"""
    weights = [graph.weight(name, model.tensors[name]) for name in (w, b)]
    return graph.node("Gemm", [x, *weights], output)


def add_linear(graph: Graph, model: Model, x: str, w: str, b: str, output: str) -> str:
    """x (batch, S, I) -> x w + b (batch, S, O): Gemm takes matrices only."""
    product = graph.node("MatMul", [x, graph.weight(w, model.tensors[w])], f"{output}.product")
    return graph.node("Add", [product, graph.weight(b, model.tensors[b])], output)


def add_activation(graph: Graph, activation: str, x: str, output: str) -> str:
    match activation:
        case "none":
            return x
        case "leaky-relu":
            return graph.node("LeakyRelu", [x], output, alpha=LEAKY_SLOPE)
        case "gelu":
            return graph.node("Gelu", [x], output, approximate="none")
    return graph.node({"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}[activation], [x], output)
