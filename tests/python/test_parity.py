"""The forward pass in Python equals the one in C++."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from idx import find, read_images
from models import load_model, probabilities, softmax
from support import DATA, GOLDEN, write_idx

COUNT = 100


def cpp_probabilities(build: Path, model: Path, images: Path) -> np.ndarray:
    """(COUNT, K), from the logits that the C++ program computes."""
    command = [build / "tests" / "dump_logits", model, images, str(COUNT)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return softmax(np.array([line.split() for line in lines], np.float64))


@pytest.mark.parametrize("program", ["mnist_mlp", "mnist_cnn", "mnist_attention_pool"])
def test_trained_models(program: str, build: Path, runs: dict[str, Run]) -> None:
    images = find(DATA, "t10k-images", 3)
    expected = cpp_probabilities(build, runs[program].model, images)
    found = probabilities(load_model(runs[program].model), read_images(images)[:COUNT] / 255)
    assert found.shape == (COUNT, 10)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "size"), [("mlp", (3, 3)), ("cnn", (6, 4)), ("attention", (4, 4))])
def test_golden_models_of_other_sizes(name: str, size: tuple[int, int], build: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (COUNT, *size))
    expected = cpp_probabilities(build, GOLDEN / f"{name}.bin", write_idx(tmp_path / "images", pixels))
    found = probabilities(load_model(GOLDEN / f"{name}.bin"), pixels / 255)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
