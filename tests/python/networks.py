"""Networks of other layers than the programs' defaults, with random weights; and what a bad file is told."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import ModelError
from models import Model
from models.layers import (
    Attention,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Gelu,
    GlobalAvgPool,
    LayerNorm,
    LeakyRelu,
    MaxPool,
    Mean,
    Patches,
    Position,
    Relu,
    Residual,
    ScaleShift,
    Sigmoid,
    Tanh,
)
from models.tensor_files import safetensors_bytes
from recognizer.native import Recognizer

# Together they have every layer, on every kind of shape that it takes, with each of its options.
BLOCK = (
    Residual((LayerNorm(), Attention(3, projection=True), Dropout(0.1))),
    Residual((LayerNorm(), Dense(20), Gelu(), Dense(12))),
)
OTHER_NETWORKS = {
    "one layer": Model(input=(35,), layers=(Dense(4),)),
    "every activation": Model(
        input=(36,),
        layers=(
            *(Dense(5), Relu(), Dropout(0.25), Dense(6), LeakyRelu(), BatchNorm(), Dense(7), Sigmoid()),
            *(LayerNorm(), ScaleShift(), Dense(8), Tanh(), Residual((Dense(8), Gelu())), Flatten(), Dense(7)),
        ),
    ),
    "convolutions": Model(
        input=(19, 16),
        layers=(
            *(Conv(4, 5, stride=2), BatchNorm(), ScaleShift(), Relu()),
            *(Residual((Conv(6, 3), Relu(), Conv(4, 2), LayerNorm())), MaxPool(2)),
            *(Conv(6, 2, valid=True), AvgPool(2), Dropout(0.5), Dense(5)),
        ),
    ),
    "pools first": Model(
        input=(13, 29),
        layers=(AvgPool(2), Conv(7, 3, stride=3, valid=True), Tanh(), GlobalAvgPool(), Dense(12)),
    ),
    "patches of maps": Model(
        input=(12, 18),
        layers=(
            *(Conv(3, 4), Gelu(), MaxPool(2), Patches(3, 8), BatchNorm(), Attention(2), Sigmoid()),
            *(Flatten(), Dense(3)),
        ),
    ),
    "transformer": Model(
        input=(6, 9),
        layers=(Patches(3, 12), Position("learned"), *BLOCK, *BLOCK, LayerNorm(), Mean(), Dense(4)),
    ),
}
SMALL = Model(input=(4,), layers=(Dense(3), Gelu(), Dropout(0.2), Dense(2), Dense(2)))


def random_model(network: Model, seed: int = 1) -> Model:
    """`network` with weights of about the size that keeps what flows through it near 1."""
    rng = np.random.default_rng(seed)

    def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
        inputs = math.prod(shape[1:]) if len(shape) == 4 else shape[0] if len(shape) == 2 else 9
        drawn = rng.normal(size=shape) / math.sqrt(inputs)
        return (np.abs(drawn) + 0.5 if name.endswith("running_var") else drawn).astype(np.float32)

    return replace(network, tensors={name: values(name, shape) for name, shape in network.shapes.items()})


def constant_model(probs: Sequence[float], names: list[str] | None = None) -> Model:
    """Predicts these probabilities for 784 pixels, whatever they are."""
    network = Model(input=(784,), layers=(Dense(len(probs)),))
    weight, bias = np.zeros((784, len(probs)), np.float32), np.log(probs).astype(np.float32)
    tensors = {"dense1.weight": weight, "dense1.bias": bias}
    return replace(network, tensors=tensors, metadata={"class_names": json.dumps(names)} if names else {})


def recognizer_of(model: Model, name: str = "model") -> Recognizer:
    """The recognizer of a model, as if it had been read from a file."""
    return Recognizer(name, safetensors_bytes(model))


def random_images(network: Model, count: int, seed: int = 2) -> np.ndarray:
    """Bytes (count, rows, columns), of (count, 1, N) if the network takes pixels in a row."""
    size = network.input if len(network.input) == 2 else (1, *network.input)
    return np.random.default_rng(seed).integers(0, 256, (count, *size))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "model"
    path.write_bytes(content)
    return path


def model_error(function: Callable[[Path], object], path: Path) -> str:
    """What a ModelError says after the path."""
    with pytest.raises(ModelError) as caught:
        function(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ") and "\n" not in said
    return said.removeprefix(f"{path}: ")
