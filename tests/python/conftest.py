"""The screen, and the models and logs that the real programs make in one epoch of the real data."""

import fcntl
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from common.errors import InputError
from screenshots import virtual_display
from support import BUILD, DATA, MNIST_PROGRAMS, ROOT, small_mnist

# A shell's background job ignores Ctrl-C, and so would the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Fills a folder, unless another process has done so, and returns it.
MadeOnce = Callable[[str, Callable[[Path], None]], Path]


class Run(NamedTuple):
    """What a program wrote."""

    model: Path
    log: Path


@pytest.fixture(scope="session")
def build() -> Path:
    """The folder of the built programs; without one the tests that need it are skipped."""
    if not BUILD.is_dir():
        pytest.skip(f"{BUILD} is not there: build the programs, or set NN_BUILD_DIR")
    return BUILD


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """A folder that the first of the processes that run the tests fills, while the others wait."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent

    def folder_of(name: str, fill: Callable[[Path], None]) -> Path:
        folder = shared / name
        with open(shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                filling = shared / f"{name}.part"
                filling.mkdir(exist_ok=True)
                fill(filling)
                filling.rename(folder)
        return folder

    return folder_of


@pytest.fixture(scope="session")
def runs(build: Path, made_once: MadeOnce) -> dict[str, Run]:
    """One epoch of each MNIST program."""

    def train(folder: Path) -> None:
        for program in MNIST_PROGRAMS:
            files = ["--data-dir", DATA, "--output", f"{program}.bin", "--log", f"{program}.txt"]
            subprocess.run([build / program, "--epochs", "1", "--quiet", *files], check=True, cwd=folder)

    folder = made_once("runs", train)
    return {program: Run(folder / f"{program}.bin", folder / f"{program}.txt") for program in MNIST_PROGRAMS}


@pytest.fixture(scope="session")
def drawing_model(build: Path, made_once: MadeOnce) -> Path:
    """The model for drawn digits, trained by the command of the README, in fewer epochs."""
    readme = (ROOT / "README.md").read_text()
    options = re.search(r"run.sh mnist_cnn (.*) --output drawing.safetensors", readme.replace("\\\n", ""))
    assert options, "the README has no command that trains the model for drawn digits"
    files = ["--data-dir", DATA, "--output", "drawing.safetensors", "--log", "log.txt"]
    command = [build / "mnist_cnn", "--quiet", *options[1].split(), "--epochs", "3", *files]

    def train(folder: Path) -> None:
        subprocess.run(command, check=True, cwd=folder)

    return made_once("drawing", train) / "drawing.safetensors"


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the first 600 images of MNIST."""
    return small_mnist(tmp_path_factory.mktemp("small") / "data")


@pytest.fixture(scope="session")
def display() -> Iterator[str | None]:
    """A display for windows; a test that needs one fails without Xvfb, it is not skipped."""
    try:
        with virtual_display.display() as name:
            yield name
    except InputError as error:
        pytest.fail(str(error))
