"""The recipe of tools/README.md for weights from PyTorch and Keras, run as it stands."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from common.idx import read_dataset
from models import load_digit_model, logits
from support import TOOLS, run_program

SECTION = "## Weights from PyTorch and Keras"
RNG = np.random.default_rng(1)


def normal(*shape: int) -> np.ndarray:
    return (RNG.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)


def positive(*shape: int) -> np.ndarray:
    return RNG.uniform(0.01, 1, shape).astype(np.float32)


def torch_stand_in(batch: np.ndarray) -> tuple[SimpleNamespace, np.ndarray]:
    """A module whose load() gives a state_dict, and what its network makes of images (B, 28, 28)."""
    state = {
        "0.weight": normal(8, 1, 3, 3), "0.bias": normal(8),
        "1.weight": normal(8), "1.bias": normal(8), "1.running_mean": normal(8), "1.running_var": positive(8),
        "1.num_batches_tracked": np.array(3),
        "5.weight": normal(32, 1568), "5.bias": normal(32), "6.weight": normal(32), "6.bias": normal(32),
        "8.weight": normal(10, 32), "8.bias": normal(10),
    }  # fmt: skip
    x = conv(np.pad(batch, ((0, 0), (1, 1), (1, 1)))[:, None], state["0.weight"], state["0.bias"])
    mean, variance, weight, bias = (
        state[f"1.{name}"][:, None, None] for name in ("running_mean", "running_var", "weight", "bias")
    )
    x = np.maximum((x - mean) / np.sqrt(variance + 1e-5) * weight + bias, 0)  # (B, 8, 28, 28)
    x = np.maximum.reduce([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)])
    x = x.reshape(len(x), -1) @ state["5.weight"].T + state["5.bias"]
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    x = np.maximum(x * state["6.weight"] + state["6.bias"], 0)
    as_tensors = {name: SimpleNamespace(numpy=lambda v=value: v) for name, value in state.items()}
    expected = x @ state["8.weight"].T + state["8.bias"]
    return SimpleNamespace(load=lambda path, map_location: as_tensors), expected


def keras_stand_in(batch: np.ndarray) -> tuple[SimpleNamespace, np.ndarray]:
    """A module whose model has layers with get_weights(), and what it makes of images (B, 28, 28)."""
    layers = [
        [normal(3, 3, 1, 8), normal(8)], [normal(8), normal(8), normal(8), positive(8)], [], [],
        [normal(3, 3, 8, 12), normal(12)], [], [],
        [normal(1728, 32), normal(32)], [], [normal(32, 10), normal(10)],
    ]  # fmt: skip
    (kernel1, bias1), (gamma, beta, mean, variance), _, _, (kernel2, bias2), _, _, dense1, _, dense2 = layers
    x = conv_last(np.pad(batch, ((0, 0), (1, 1), (1, 1)))[..., None], kernel1, bias1)  # (B, 28, 28, 8)
    x = np.maximum((x - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)
    x = np.maximum.reduce([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])
    x = np.maximum(conv_last(x, kernel2, bias2), 0).reshape(len(x), -1)
    expected = np.maximum(x @ dense1[0] + dense1[1], 0) @ dense2[0] + dense2[1]
    model = SimpleNamespace(layers=[SimpleNamespace(get_weights=lambda w=weights: w) for weights in layers])
    return SimpleNamespace(saving=SimpleNamespace(load_model=lambda path: model)), expected


def conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(B, C, H, W), (F, C, K, K) -> (B, F, H - K + 1, W - K + 1)"""
    return np.moveaxis(conv_last(np.moveaxis(x, 1, 3), weight.transpose(2, 3, 1, 0), bias), 3, 1)


def conv_last(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(B, H, W, C), (K, K, C, F) -> (B, H - K + 1, W - K + 1, F)"""
    size, rows, columns = len(kernel), x.shape[1] - len(kernel) + 1, x.shape[2] - len(kernel) + 1
    views = {(i, j): x[:, i : i + rows, j : j + columns] for i in range(size) for j in range(size)}
    return sum(view @ kernel[i, j] for (i, j), view in views.items()) + bias


def recipe(framework: str) -> str:
    """The block of the section that imports `framework`."""
    section = (TOOLS / "README.md").read_text().partition(SECTION)[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (found,) = (code for code in blocks if f"import {framework}" in code)
    return found


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_recipe(
    framework: str, build: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in: Callable = {"torch": torch_stand_in, "keras": keras_stand_in}[framework]
    images, labels = read_dataset(small_data, "t10k")
    module, expected = stand_in(images / 255)
    monkeypatch.setitem(sys.modules, framework, module)
    monkeypatch.chdir(tmp_path)
    exec(recipe(framework), {})
    found = logits(load_digit_model(Path("digits.safetensors")), images / 255)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    done = run_program("mnist_cnn", "evaluate", "digits.safetensors", "--data-dir", small_data, cwd=tmp_path)
    assert f"({np.sum(expected.argmax(1) == labels)} of {len(labels)})" in done.stdout, done
