"""Data that the MNIST programs refuse, each with a line that says what is wrong where."""

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from support import MNIST_PROGRAMS, error_line, random_images, run_program, small_mnist, write_idx


def damaged_data(kind: str, folder: Path) -> Path:
    """A copy of the small data with one thing wrong."""
    small_mnist(folder, 20)
    images, labels = folder / "train-images.idx3-ubyte", folder / "train-labels.idx1-ubyte"
    match kind:
        case "missing":
            images.unlink()
        case "not idx":
            images.write_bytes(b"<html>404 not found, sorry about that</html>")
        case "truncated":
            images.write_bytes(images.read_bytes()[:-1])
        case "truncated gz":
            (folder / "train-images.idx3-ubyte.gz").write_bytes(gzip.compress(images.read_bytes())[:-20])
            images.unlink()
        case "absurd counts":
            images.write_bytes(struct.pack(">4I", 0x803, 0xFFFFFFFF, 28, 28) + b"\0" * 784)
        case "counts differ":
            write_idx(labels, np.zeros(19))
        case "label 10":
            write_idx(labels, np.full(20, 10))
        case "no images":
            images.write_bytes(struct.pack(">4I", 0x803, 0, 28, 28))
    return folder


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "missing",
            r"data: has no train-images, expected .*train-images-idx3-ubyte or train-images.idx3-ubyte",
        ),
        ("not idx", r"train-images.idx3-ubyte: magic number 0x3c68746d, expected IDX images with 0x00000803"),
        ("truncated", r"train-images.idx3-ubyte: header announces 20 x 28 x 28 bytes, but 15679 follow"),
        ("truncated gz", r"train-images.idx3-ubyte.gz: gzip data is damaged or cut short"),
        ("absurd counts", r"header announces 4294967295 x 28 x 28 bytes, but 784 follow"),
        ("counts differ", r"train-labels.idx1-ubyte: 19 labels, expected 20"),
        ("label 10", r"train-labels.idx1-ubyte: label 10, expected 0 to 9"),
        ("no images", r"holds no pixels"),
    ],
)
def test_bad_data(program: str, kind: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("precious")
    (tmp_path / "log.txt").write_text("precious")
    data = damaged_data(kind, tmp_path / "data")
    files = ["--data-dir", data, "--output", "model.bin", "--log", "log.txt"]
    result = run_program(program, *files, cwd=tmp_path)
    assert re.search(said, error_line(result, program, 1))
    assert (tmp_path / "model.bin").read_text() == (tmp_path / "log.txt").read_text() == "precious"


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_missing_data_folder(program: str, tmp_path: Path) -> None:
    result = run_program(program, "--data-dir", "nowhere", cwd=tmp_path)
    said = "nowhere: no such folder, expected a folder with train-images-idx3-ubyte or"
    assert error_line(result, program, 1).startswith(said)


@pytest.mark.parametrize(
    ("program", "side", "said"),
    [
        ("mnist_cnn", 1, "layer 3, max-pool: found an image of 1 x 1 x 8, expected at least 2 pixels a side"),
        (
            "mnist_attention_pool",
            27,
            "layer 1, patches: found images of 27 x 27 pixels, expected multiples of the patch, 4 a side",
        ),
    ],
)
def test_images_that_do_not_fit(program: str, side: int, said: str, tmp_path: Path) -> None:
    data = random_images(tmp_path / "data", side, 10)
    result = run_program(program, "--quiet", "--data-dir", data, cwd=tmp_path)
    assert error_line(result, program, 1) == f"network: {said}"
    assert not list(tmp_path.glob("*.bin"))
