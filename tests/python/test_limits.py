"""The MNIST programs at the limits of memory, threads and sizes."""

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support import BUILD, GOLDEN, TOOLS, error_line, run_program, write_idx


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


@pytest.mark.parametrize("kilobytes", range(60_000, 160_000, 5_000))
def test_too_little_memory_is_told(kilobytes: int, small_data: Path, tmp_path: Path) -> None:
    """Wherever it runs out: for the data, for loading OpenBLAS or within it."""
    args = ["--epochs", 1, "--quiet", "--threads", 2, "--data-dir", small_data]
    result = run_with_less_memory(kilobytes, "mnist_mlp", *args, cwd=tmp_path)
    if result.returncode != 0:
        assert error_line(result, "mnist_mlp") == "memory: the system has none left for this"


def test_the_longest_images(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for part in ("train", "t10k"):
        write_idx(tmp_path / "data" / f"{part}-images-idx3-ubyte", np.full((2, 4096, 8), 9))
        write_idx(tmp_path / "data" / f"{part}-labels-idx1-ubyte", np.arange(2))
    args = ["--epochs", "1", "--quiet", "--threads", "2"]
    result = run_program("mnist_cnn", *args, cwd=tmp_path, timeout=120)
    assert result.returncode == 0, result.stderr


# Runs a command, and prints the largest memory that it had, in KB. In a process of its own, as what a process
# has when it starts another one counts as that one's, too.
MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def refusal_and_memory(command: list[object], cwd: Path) -> tuple[str, int]:
    """What a command says that fails, and the largest memory that it had, in KB."""
    command = [sys.executable, "-c", MEASURE, *map(str, command)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    return done.stderr, int(done.stdout)


@pytest.fixture(scope="module")
def zeros() -> bytes:
    """900 MB, packed into 900 KB."""
    return gzip.compress(bytes(10_000_000), 9) * 90


@pytest.mark.parametrize("announced", [None, 600, 2_000_000_000])
def test_a_packed_file_takes_no_more_memory_than_its_header_announces(
    announced: int | None, zeros: bytes, small_data: Path, tmp_path: Path
) -> None:
    """Of no header, of fewer images than follow, and of more than the file can hold."""
    for path in small_data.iterdir():
        if not path.name.startswith("t10k-images"):
            (tmp_path / path.name).symlink_to(path)
    images = tmp_path / "t10k-images-idx3-ubyte.gz"
    header = struct.pack(">4I", 0x803, announced, 28, 28) if announced else b""
    images.write_bytes(gzip.compress(header) + zeros)
    most = 1032 * images.stat().st_size - 16
    found = {
        None: "magic number 0x00000000",
        600: "header announces 600 x 28 x 28 bytes, but more follow it",
        2_000_000_000: f"header announces 2000000000 x 28 x 28 bytes, but at most {most} follow it",
    }[announced]
    found_by_tool = {
        None: "magic number 0x00000000",
        600: "more than 470400 bytes of images",
        2_000_000_000: f"at most {most} bytes of images",
    }[announced]

    said, kilobytes = refusal_and_memory([BUILD / "mnist_mlp", "--data-dir", tmp_path], tmp_path)
    assert said.startswith(f"mnist_mlp: error: {images}: {found}, expected IDX images ")
    assert said.count("\n") == 1 and kilobytes < 100_000
    tool = [sys.executable, TOOLS / "report.py", GOLDEN / "mlp.bin", "--data-dir", tmp_path]
    said, kilobytes = refusal_and_memory(tool, tmp_path)
    assert said.startswith(f"report: error: {images}: {found_by_tool}, expected ")
    assert said.count("\n") == 1 and kilobytes < 200_000  # of which its packages take most
