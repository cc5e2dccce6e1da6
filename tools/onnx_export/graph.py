"""A network as an ONNX file of standard operators; nodes.py has those of each layer.

Input "image" (N, 1, rows, columns), pixels in [0, 1], any N; outputs "logits" and "probabilities" (N, K).
Each node has the name of what it makes, and weights have the names that they have in the model's file.
"""

import json
import math

import onnx
from onnx import TensorProto, helper

from models import Model, network_json
from onnx_export.nodes import Graph

OPSET = 20  # the first with Gelu
IR_VERSION = 9  # of the same release, ONNX 1.15: older readers refuse newer ones
PREPARATION = (
    "image: (N, 1, rows, columns) float32, 0 = paper, 1 = ink, byte / 255 of the data the network was"
    " trained on. MNIST's digits are light ink on dark paper, cropped, scaled to 20 x 20, with their"
    " centre of mass in the middle of 28 x 28."
)


def build_onnx(model: Model) -> onnx.ModelProto:
    """The whole file, checked by onnx.checker, with the shape of every value in it."""
    graph = Graph()
    x = "image" if len(model.input) == 2 else graph.node("Flatten", ["image"], "pixels")
    for step in model.steps:
        x = graph.layer(step, x)
    graph.node("Identity", [x], "logits")
    graph.node("Softmax", ["logits"], "probabilities", axis=-1)

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, *image_size(model)])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", model.classes])
        for name in ("logits", "probabilities")
    ]
    parts = (graph.nodes, model.program, [image], outputs, graph.weights)
    made = helper.make_model(
        helper.make_graph(*parts, doc_string=model.summary),
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
    """Rows and columns. Pixels in a row are a square image if they can be one."""
    if len(model.input) == 2:
        return model.input
    side = math.isqrt(model.inputs)
    return (side, side) if side**2 == model.inputs else (1, model.inputs)
