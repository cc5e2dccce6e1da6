"""ONNX models in onnxruntime: running them, and turning them to int8."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

BATCH = 500


def run(model: onnx.ModelProto, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, rows, columns), pixels in [0, 1] -> logits and probabilities, (N, K) each."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    parts = [session.run(["logits", "probabilities"], {"image": batch}) for batch in batches(model, images)]
    logits, probabilities = zip(*parts, strict=True)
    return np.concatenate(logits), np.concatenate(probabilities)


def quantized(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """The model in int8: weights with a scale for each output, what flows between them with the range it has
    for `images` (N, rows, columns).

    Ranges are fixed, not taken from each batch, so that what is said of an image does not depend on its
    neighbours. Weights use 7 of the 8 bits: CPUs without VNNI instructions overflow otherwise.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)  # the quantizer moves the weights out of the one that it is given
    with tempfile.TemporaryDirectory() as folder, without_warnings():
        path = Path(folder, "int8.onnx")
        quantize_static(
            copy,
            path,
            Calibration(model, images),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=["probabilities"],
        )
        small = onnx.load(path)
    del small.metadata_props[:]
    helper.set_model_props(small, {entry.key: entry.value for entry in model.metadata_props})
    onnx.checker.check_model(small, full_check=True)
    return small


class Calibration(CalibrationDataReader):
    """Images as the quantizer asks for them, a batch at a time."""

    def __init__(self, model: onnx.ModelProto, images: np.ndarray) -> None:
        self.batches = batches(model, images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"image": batch}


def batches(model: onnx.ModelProto, images: np.ndarray) -> Iterator[np.ndarray]:
    """(N, ...) pixels -> (BATCH, 1, rows, columns) float32, as the model's input is; the last one smaller."""
    size = [dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    for i in range(0, len(images), BATCH):
        yield images[i : i + BATCH].reshape(-1, *size).astype(np.float32)


@contextmanager
def without_warnings() -> Iterator[None]:
    """The quantizer recommends, to the root logger, a preparation that changes nothing in these graphs."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
