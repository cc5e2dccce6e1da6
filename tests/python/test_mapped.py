"""Plain IDX files of images of 64 MB or more: they are mapped, not read, so that a set may be larger than memory."""

import gzip
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from support import run_program, small_mnist, write_idx

IMAGES, LABELS = "train-images.idx3-ubyte", "train-labels.idx1-ubyte"
MB = 1 << 20


@pytest.fixture(scope="module")
def large_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with 90,000 training images, 67 MB."""
    folder = small_mnist(tmp_path_factory.mktemp("large"))
    images = np.frombuffer((folder / IMAGES).read_bytes()[16:], np.uint8).reshape(-1, 28, 28)
    labels = np.frombuffer((folder / LABELS).read_bytes()[8:], np.uint8)
    write_idx(folder / IMAGES, np.tile(images, (150, 1, 1)))
    write_idx(folder / LABELS, np.tile(labels, 150))
    assert (folder / IMAGES).stat().st_size > 64 * MB
    return folder


def test_the_same_model_as_of_images_that_are_read(build: Path, large_data: Path, tmp_path: Path) -> None:
    packed = shutil.copytree(large_data, tmp_path / "packed")  # packed files are read
    (packed / f"{IMAGES}.gz").write_bytes(gzip.compress((packed / IMAGES).read_bytes(), compresslevel=1))
    (packed / IMAGES).unlink()
    models = []
    for data in (large_data, packed):
        args = ["--epochs", 1, "--validation", 0.1, "--quiet", "--data-dir", data]
        result = run_program("mnist_mlp", *args, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        models.append((tmp_path / "mnist_model.bin").read_bytes())
    assert models[0] == models[1]


def own_memory(process: subprocess.Popen[str]) -> int:
    """Bytes that are the process's alone, which a mapped file's are not."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"RssAnon:\s*(\d+) kB", status)
    assert found, status
    return 1024 * int(found[1])


def test_a_file_that_is_cut_short_while_it_is_mapped(build: Path, large_data: Path, tmp_path: Path) -> None:
    data = shutil.copytree(large_data, tmp_path / "data")
    args = ["--epochs", "100000", "--data-dir", "data", "--checkpoint-dir", "checkpoints", "--quiet"]
    process = subprocess.Popen(
        [build / "mnist_mlp", *args], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    checkpoint = tmp_path / "checkpoints" / "latest.safetensors"
    try:
        while not checkpoint.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        assert own_memory(process) < 64 * MB
        os.truncate(data / IMAGES, 1000)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert output == ""
    said = "can no longer be read, expected no change of the file during the run"
    assert errors == f"mnist_mlp: error: data/{IMAGES}: {said}\n"
    result = run_program("mnist_mlp", "evaluate", checkpoint, "--data-dir", large_data, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
