"""The same losses with every instruction set, with each of OpenBLAS's sets of kernels and on every processor.

Between them sums are rounded differently; with one of them, a run gives the same weights each time.
"""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from support import BUILD, DATA, MNIST_PROGRAMS, ROOT

SOME = {program: ["--train-limit", "6000"] for program in MNIST_PROGRAMS}
FEW = {  # what qemu can do in a second
    "mnist_mlp": ["--train-limit", "1000"],
    "mnist_cnn": ["--train-limit", "1000"],
    "mnist_attention_pool": ["--train-limit", "100"],
}
# OpenBLAS's names of kernels and what they need: OPENBLAS_CORETYPE may ask for too much, on this or another machine.
CORES = ["Prescott", "Nehalem", "Sandybridge", "Haswell", "SkylakeX"]
PROCESSORS = ["Nehalem", "Haswell", "max"]  # as qemu names them

x86_only = pytest.mark.skipif(platform.machine() != "x86_64", reason="x86 processors only")


def train(program: str, *args: str, folder: Path, emulator: tuple[str, ...] = (), **environment: str) -> float:
    """The loss of one epoch."""
    data = [] if program == "mlp_simple" else ["--data-dir", str(DATA), "--test-limit", "100", "--epochs", "1"]
    command = [*emulator, BUILD / program, *data, *args, "--quiet", "--log", "log.txt"]
    result = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result
    return float(np.atleast_2d(np.loadtxt(folder / "log.txt", delimiter=","))[-1, 1])


def instruction_sets() -> list[str]:
    """Those of this processor, as --version lists them."""
    program = BUILD / "mnist_mlp"
    if not program.exists():
        return []
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    listed = re.search(r"^instruction set: \w+ \(of (.*)\)$", text, re.MULTILINE)
    assert listed, text
    return listed[1].split(", ")


@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("program", SOME)
def test_each_instruction_set_gives_the_same_loss(program: str, name: str, tmp_path: Path) -> None:
    """As the best one of this processor, whose reference losses are in test_training.py."""
    usual = train(program, *SOME[program], folder=tmp_path)
    loss = train(program, *SOME[program], folder=tmp_path, NN_INSTRUCTION_SET=name)
    assert loss == pytest.approx(usual, abs=1e-4)


@pytest.mark.parametrize("name", instruction_sets())
def test_each_instruction_set_learns_xor(name: str, tmp_path: Path) -> None:
    assert train("mlp_simple", "--epochs", "100000", folder=tmp_path, NN_INSTRUCTION_SET=name) == pytest.approx(
        0.016884, abs=1e-6
    )


def check_signatures(program: str, data: Path, folder: Path, **environment: str) -> None:
    """Of an epoch of the preset "fast", which has batch norms and averages the weights: the same with 1 and 2 threads."""
    command = [BUILD / program, "--preset", "fast", "--epochs", "1", "--data-dir", data, "--output", "m.safetensors"]
    found = set()
    for threads in ("1", "2", "2"):
        result = subprocess.run(
            [*command, "--threads", threads],
            cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert result.returncode == 0, result
        found |= set(re.findall(r"^signature: ([0-9a-f]{16})$", result.stdout, re.MULTILINE))
    assert len(found) == 1


@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_each_instruction_set_agrees_with_itself(program: str, name: str, small_data: Path, tmp_path: Path) -> None:
    check_signatures(program, small_data, tmp_path, NN_INSTRUCTION_SET=name)


@x86_only
@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("core", CORES)
def test_each_set_of_blas_kernels_agrees_with_itself(core: str, small_data: Path, tmp_path: Path) -> None:
    check_signatures("mnist_mlp", small_data, tmp_path, OPENBLAS_CORETYPE=core)


def test_an_instruction_set_that_is_not_there(tmp_path: Path) -> None:
    environment = {**os.environ, "NN_INSTRUCTION_SET": "AVX1024"}
    command = [BUILD / "mnist_mlp", "--version"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1 and result.stdout == ""
    assert "found 'AVX1024', expected one that this processor has: " in result.stderr


@x86_only
@pytest.mark.parametrize("core", CORES)
def test_each_set_of_blas_kernels_gives_the_same_loss(core: str, tmp_path: Path) -> None:
    usual = train("mnist_attention_pool", *FEW["mnist_attention_pool"], folder=tmp_path)
    loss = train("mnist_attention_pool", *FEW["mnist_attention_pool"], folder=tmp_path, OPENBLAS_CORETYPE=core)
    assert loss == pytest.approx(usual, abs=1e-4)


@x86_only
@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("program", FEW)
def test_each_processor_gives_the_same_loss(program: str, processor: str, tmp_path: Path) -> None:
    """Also where OPENBLAS_CORETYPE was set for another one."""
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        pytest.skip("qemu-x86_64 is not installed")
    usual = train(program, *FEW[program], folder=tmp_path)
    emulated = (qemu, "-cpu", processor)
    loss = train(program, *FEW[program], folder=tmp_path, emulator=emulated, OPENBLAS_CORETYPE="Haswell")
    assert loss == pytest.approx(usual, abs=1e-4)


@x86_only
@pytest.mark.parametrize("march", ["native", "sapphirerapids"])
def test_a_kernel_compiles_for_any_baseline(march: str, tmp_path: Path) -> None:
    """Highway 1.0.3 refuses a baseline above its own best instruction set, as AVX-VNNI was for it."""
    environment = {**os.environ, "CXXFLAGS": f"-march={march}"}
    options = ["-DNN_BUILD_TESTS=OFF", "-DNN_WARNINGS_AS_ERRORS=ON", "-G", "Unix Makefiles"]
    for command in (["cmake", "-S", ROOT, "-B", ".", *options], ["make", "src/kernels/batch_norm.cpp.o"]):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
