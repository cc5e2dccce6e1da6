"""What several tests need: running a tool as a user does, and writing small files of each format."""

import gzip
import math
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
DATA = ROOT / "data"
GOLDEN = ROOT / "tests" / "golden"
BUILD = ROOT / os.environ.get("NN_BUILD_DIR", "build")

MNIST_PROGRAMS = ["mnist_mlp", "mnist_cnn", "mnist_attention_pool"]
MODEL_BYTES = {"mnist_mlp": 3_256_412, "mnist_cnn": 126_188, "mnist_attention_pool": 271_460}

LOG_HEADER = "# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate\n"
GOOD_LOG = LOG_HEADER + "1,0.8,2.5,nan,nan,nan,0.01\n2,0.4,1.5,nan,nan,0.925,0.01\n"


def run_tool(
    name: str, *args: object, cwd: Path, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Runs tools/NAME.py in `cwd`; an environment variable that is None is removed."""
    variables = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
    command = [sys.executable, TOOLS / f"{name}.py", *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=120)


def run_program(
    name: str, *args: object, cwd: Path, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Runs a built program in `cwd`."""
    command = [BUILD / name, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout)


def interrupt_after(path: Path, program: str, *args: object, cwd: Path) -> None:
    """Starts a run that is long enough and sends it SIGINT as soon as it has written `path`."""
    command = [BUILD / program, *map(str, args)]
    run = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not path.exists():
            assert run.poll() is None, run.communicate()
            time.sleep(0.001)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130


def error_line(result: subprocess.CompletedProcess[str], program: str, status: int = 1) -> str:
    """What a failed tool says after `PROGRAM: error: `, once its status and form are checked."""
    lines = result.stderr.splitlines()
    assert result.returncode == status, result
    assert len(lines) == 1 and lines[0].startswith(f"{program}: error: "), result.stderr
    assert result.stdout == ""
    return lines[0].removeprefix(f"{program}: error: ")


def write_idx(path: Path, values: np.ndarray) -> Path:
    """Images (count, rows, columns) or labels (count) as an IDX file."""
    header = struct.pack(f">{values.ndim + 1}I", 0x800 + values.ndim, *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())
    return path


def small_mnist(folder: Path, count: int = 600) -> Path:
    """The first images of MNIST, as a data folder of its own, in the other spelling and not packed."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, header, shape in [
        ("train-images", 16, (count, 28, 28)),
        ("train-labels", 8, (count,)),
        ("t10k-images", 16, (count, 28, 28)),
        ("t10k-labels", 8, (count,)),
    ]:
        with gzip.open(next(DATA.glob(f"{part}*"))) as packed:
            values = np.frombuffer(packed.read(header + math.prod(shape))[header:], np.uint8)
        write_idx(folder / f"{part}.idx{len(shape)}-ubyte", values.reshape(shape))
    return folder


def random_images(folder: Path, side: int, classes: int, count: int = 50) -> Path:
    """A data folder of random images of another size and number of classes."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (count, side, side)))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(count) % classes)
    return folder


def write_mlp(path: Path, inputs: int = 784, hidden: int = 3, outputs: int = 10, weight: float = 0.5) -> Path:
    """A model of mnist_mlp whose every parameter is `weight`."""
    count = (inputs + 1) * hidden + (hidden + 1) * outputs
    path.write_bytes(struct.pack("<3i", inputs, hidden, outputs) + np.full(count, weight, "<f8").tobytes())
    return path
