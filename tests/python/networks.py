"""Networks of other sizes than the programs' defaults, with random weights; and what a bad file is told."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import ModelError
from models import AttentionPool, Cnn, Dense, Mlp, Model
from models.networks import ACTIVATIONS

OTHER_NETWORKS = {
    "mlp of one layer": Mlp(inputs=35, hidden=(), classes=4),
    "mlp of every activation": Mlp(
        inputs=36, hidden=tuple(Dense(5 + i, name, 0.25) for i, name in enumerate(ACTIVATIONS)), classes=7
    ),
    "cnn, kernel 5": Cnn(height=9, width=7, filters=5, kernel=5, classes=3),
    "cnn, kernel 7": Cnn(height=8, width=11, filters=17, kernel=7, classes=12),
    "attention, 3 heads": AttentionPool(
        height=6, width=9, patch=3, d_model=12, ff_dim=10, heads=3, position="learned", classes=4
    ),
    "attention, 1 head": AttentionPool(height=10, width=10, patch=2, d_model=7, ff_dim=20, classes=11),
}
SMALL = Mlp(inputs=4, hidden=(Dense(3, "gelu", 0.2), Dense(2, "none")), classes=2)
PIXELS = {"mlp of one layer": (5, 7), "mlp of every activation": (6, 6)}


def random_model(network: Model, seed: int = 1) -> Model:
    """`network` with weights of about the size that keeps what flows through it near 1."""
    rng = np.random.default_rng(seed)
    tensors = {
        name: (rng.normal(size=shape) / math.sqrt(shape[0] if len(shape) > 1 else 9)).astype(np.float32)
        for name, shape in network.shapes().items()
    }
    return replace(network, tensors=tensors)


def random_images(name: str, count: int, seed: int = 2) -> np.ndarray:
    """Bytes (count, rows, columns) for the network of OTHER_NETWORKS."""
    size = PIXELS.get(name) or OTHER_NETWORKS[name].image_size
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
