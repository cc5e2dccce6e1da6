"""The MNIST programs at the limits of memory, threads and sizes."""

import subprocess
from pathlib import Path

import numpy as np

from support import BUILD, error_line, run_program, write_idx


def run_with_less_memory(
    kilobytes: int, program: str, *args: object, cwd: Path
) -> subprocess.CompletedProcess[str]:
    limits = f"ulimit -s 8192 -v {kilobytes}"  # of a thread's stack, too, whatever is usual here
    command = ["bash", "-c", f'{limits}; exec "$@"', "bash", BUILD / program, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_a_huge_batch_size_takes_no_more_memory_than_the_data(small_data: Path, tmp_path: Path) -> None:
    args = ["--epochs", 1, "--quiet", "--threads", 2, "--batch-size", 65536, "--train-limit", 32]
    data = ["--data-dir", small_data]
    result = run_with_less_memory(1_500_000, "mnist_attention_pool", *args, *data, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_threads_that_the_system_does_not_give(small_data: Path, tmp_path: Path) -> None:
    args = ["--quiet", "--threads", 256, "--data-dir", small_data]
    result = run_with_less_memory(1_000_000, "mnist_mlp", *args, cwd=tmp_path)
    assert error_line(result, "mnist_mlp", 1).startswith("threads: 256 asked for, the system starts only ")


def test_the_longest_images(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for part in ("train", "t10k"):
        write_idx(tmp_path / "data" / f"{part}-images-idx3-ubyte", np.full((2, 4096, 8), 9))
        write_idx(tmp_path / "data" / f"{part}-labels-idx1-ubyte", np.arange(2))
    args = ["--epochs", "1", "--quiet", "--threads", "2"]
    result = run_program("mnist_cnn", *args, cwd=tmp_path, timeout=120)
    assert result.returncode == 0, result.stderr
