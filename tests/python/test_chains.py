"""Six networks of layers, one with everything, all the way: trained, resumed, evaluated, recognised with, exported."""

import json
from pathlib import Path

import numpy as np
import pytest

from support import run_program, run_tool

NETWORKS = {
    "hidden layers": "dense 24, leaky-relu, dropout 0.1, dense 16, tanh, dense 10",
    "two convolutions": "conv 6 3x3, max-pool 2, batch-norm, relu, conv 8 3x3, max-pool 2, batch-norm, relu, dense 10",
    "strides": "conv 4 5x5 stride 2 valid, gelu, conv 6 4x4 stride 3, sigmoid, flatten, dense 10",
    "residuals": "conv 8 3x3, max-pool 2, repeat 2 (residual(conv 8 3x3, batch-norm, relu)), avg-pool 2, "
    "global-avg-pool, dense 10",
    "transformer": "patches 4 16, position learned, repeat 2 (residual(layer-norm, attention 4 projection), "
    "residual(layer-norm, dense 24, gelu, dense 16)), layer-norm, mean, dense 10",
    "everything": "conv 6 3x3 stride 1, batch-norm, relu, max-pool 2, conv 8 2x2 valid, leaky-relu, avg-pool 2, "
    "scale-shift, residual(conv 8 3x3, layer-norm, tanh, dropout 0.2), patches 3 16, position sinusoidal, "
    "attention 2, residual(attention 4 projection), residual(layer-norm, dense 20, gelu, dense 16), sigmoid, mean, "
    "flatten, dense 10",
}
every_network = pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)


@every_network
def test_all_the_way(layers: str, small_data: Path, tmp_path: Path) -> None:
    data = ["--data-dir", small_data]
    run = ["--layers", layers, "--optimizer", "adam", "--lr", 0.003, "--quiet", *data]

    def program(*args: object) -> str:
        done = run_program("mnist_cnn", *args, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    accuracy = program(*run, "--epochs", 3, "--output", "model.safetensors")
    model = (tmp_path / "model.safetensors").read_bytes()
    program(*run, "--epochs", 2, "--output", "model.safetensors", "--checkpoint-dir", "checkpoints")
    assert program("--resume", "checkpoints", "--epochs", 3, "--quiet") == accuracy
    assert (tmp_path / "model.safetensors").read_bytes() == model

    evaluated = program("evaluate", "model.safetensors", *data)
    assert evaluated.splitlines()[0] == accuracy.strip()
    assert program("predict", "model.safetensors", f"{small_data}/t10k-images.idx3-ubyte:0", "--threshold", 0)

    for tool, args in [("report", []), ("export_onnx", ["--check"])]:
        done = run_tool(tool, "model.safetensors", *data, *args, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "onnxruntime equals numpy within" in done.stdout


@every_network
def test_threads_and_fusions_do_not_change_the_result(layers: str, small_data: Path, tmp_path: Path) -> None:
    """Any number of threads gives the same bytes; without fusions the losses are the same but for rounding.

    With six pairs of instruction set and OpenBLAS kernels, with and without fusions, and 30 seeds, the loss before
    the first step differed by up to 1e-6. After it, rounding can change which pixel of a window is its maximum, and
    so a gradient: with plain SGD the five losses differed by up to 3e-4, where all gradients being off by a tenth
    makes 1e-3 to 2e-2. Adam, or more steps, would amplify it.
    """

    def train(*args: object) -> tuple[np.ndarray, bytes]:
        """The loss of each batch, and the model."""
        short = ["--layers", layers, "--epochs", 1, "--train-limit", 160, "--test-limit", 10, "--lr", 0.03]
        files = ["--data-dir", small_data, "--output", "m.safetensors", "--log-json", "log", "--log-every", 1]
        done = run_program("mnist_cnn", *short, *files, *args, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rows = map(json.loads, (tmp_path / "log").read_text().splitlines())
        losses = np.array([row["loss"] for row in rows if row["event"] == "batch"])
        return losses, (tmp_path / "m.safetensors").read_bytes()

    losses, model = train("--threads", 2)
    assert losses.shape == (5,)
    assert train("--threads", 1)[1] == model
    plain, _ = train("--no-fusions")
    np.testing.assert_allclose(plain[0], losses[0], rtol=1e-5)
    np.testing.assert_allclose(plain, losses, rtol=1e-3)
