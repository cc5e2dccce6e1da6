"""One forward pass, three times the same within 1e-5: in C++, in numpy, and in onnxruntime."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from common.idx import find, read_images
from conftest import Run
from models import Model, load_model, logits, save_model, softmax
from networks import OTHER_NETWORKS, random_images, random_model
from onnx_export.graph import build_onnx
from onnx_export.runtime import run
from support import DATA, GOLDEN, write_idx

COUNT = 100


def cpp_logits(build: Path, model: Path, images: Path) -> np.ndarray:
    """(COUNT, K), as the C++ program computes them."""
    command = [build / "tests" / "dump_logits", model, images, str(COUNT)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return np.array([line.split() for line in lines], np.float64)


def check_all_three(model: Model, pixels: np.ndarray, from_cpp: np.ndarray) -> None:
    """`pixels` are bytes (COUNT, rows, columns). Of large logits the difference is a relative one."""
    from_numpy = logits(model, pixels / 255)
    from_onnx, probs = run(build_onnx(model), pixels / 255)
    assert from_numpy.shape == from_cpp.shape == from_onnx.shape == (COUNT, model.classes)
    np.testing.assert_allclose(from_cpp, from_numpy, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(from_onnx, from_numpy, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(softmax(from_cpp), softmax(from_numpy), rtol=0, atol=1e-5)
    np.testing.assert_allclose(probs, softmax(from_numpy), rtol=0, atol=1e-5)


@pytest.mark.parametrize("program", ["mnist_mlp", "mnist_cnn", "mnist_attention_pool"])
def test_trained_models(program: str, build: Path, runs: dict[str, Run]) -> None:
    images = find(DATA, "t10k-images", 3)
    from_cpp = cpp_logits(build, runs[program].model, images)
    check_all_three(load_model(runs[program].model), read_images(images)[:COUNT], from_cpp)


OTHER_OPTIONS = {
    "mnist_mlp": "--hidden 32,16 --activation gelu --dropout 0.2",
    "mnist_cnn": "--filters 5 --kernel 5",
    "mnist_attention_pool": "--d-model 24 --heads 3 --patch 7 --ff-dim 40 --position learned",
}
BLOCK = "residual(layer-norm, attention 3 projection), residual(layer-norm, dense 40, gelu, dense 24)"
OTHER_LAYERS = {
    "mnist_mlp": "dense 32, batch-norm, tanh, dropout 0.1, residual(dense 32, sigmoid), dense 10",
    "mnist_cnn": "conv 6 4x4 stride 2, batch-norm, relu, residual(conv 6 3x3, leaky-relu, batch-norm), max-pool 2,"
    " conv 9 3x3 valid, avg-pool 2, flatten, dense 10",
    "mnist_attention_pool": f"patches 7 24, position learned, repeat 2 ({BLOCK}), layer-norm, mean, dense 10",
}


def trained(build: Path, program: str, options: list[str], folder: Path) -> Path:
    """A model after an epoch of a part of MNIST."""
    model = folder / "model.safetensors"
    files = ["--data-dir", DATA, "--output", model, "--log", folder / "log"]
    short = ["--epochs", "1", "--train-limit", "2000", "--quiet"]
    subprocess.run([build / program, *short, *options, *files], check=True, cwd=folder)
    return model


@pytest.mark.parametrize("program", OTHER_OPTIONS)
def test_trained_with_other_options(program: str, build: Path, tmp_path: Path) -> None:
    images = find(DATA, "t10k-images", 3)
    model = trained(build, program, OTHER_OPTIONS[program].split(), tmp_path)
    check_all_three(load_model(model), read_images(images)[:COUNT], cpp_logits(build, model, images))


@pytest.mark.parametrize("program", OTHER_LAYERS)
def test_trained_with_other_layers(program: str, build: Path, tmp_path: Path) -> None:
    """The layers in the file are those of the text, and as Python says them."""
    images, layers = find(DATA, "t10k-images", 3), OTHER_LAYERS[program]
    model = trained(build, program, ["--layers", layers], tmp_path)
    assert load_model(model).summary == layers.replace(f"repeat 2 ({BLOCK})", f"{BLOCK}, {BLOCK}")
    check_all_three(load_model(model), read_images(images)[:COUNT], cpp_logits(build, model, images))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("mlp.bin", (3, 3)),
        ("cnn.bin", (6, 4)),
        ("attention.bin", (4, 4)),
        ("mlp.safetensors", (3, 3)),
        ("cnn.safetensors", (7, 5)),
        ("attention.safetensors", (4, 6)),
        ("image_chain.safetensors", (12, 9)),
        ("token_chain.safetensors", (4, 6)),
    ],
)
def test_golden_models(name: str, size: tuple[int, int], build: Path, tmp_path: Path) -> None:
    """Written in C++; those without "chain" in the name are of before networks were chains."""
    path = GOLDEN / name
    pixels = np.random.default_rng(7).integers(0, 256, (COUNT, *size))
    from_cpp = cpp_logits(build, path, write_idx(tmp_path / "images", pixels))
    check_all_three(load_model(path), pixels, from_cpp)


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_other_networks(name: str, build: Path, tmp_path: Path) -> None:
    """Written in Python, read in C++."""
    model, path = random_model(OTHER_NETWORKS[name]), tmp_path / "model.safetensors"
    save_model(path, model)
    pixels = random_images(model, COUNT)
    check_all_three(model, pixels, cpp_logits(build, path, write_idx(tmp_path / "images", pixels)))
