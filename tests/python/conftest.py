"""The screen, and the models and logs that the real programs make in one epoch of the real data."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from common.errors import InputError
from screenshots import virtual_display
from support import BUILD, DATA, ROOT, small_mnist

# A shell's background job ignores Ctrl-C, and so would the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
def runs(build: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One epoch of each MNIST program."""
    folder = tmp_path_factory.mktemp("runs")
    made = {}
    for program in ("mnist_mlp", "mnist_cnn", "mnist_attention_pool"):
        run = Run(folder / f"{program}.bin", folder / f"{program}.txt")
        files = ["--data-dir", DATA, "--output", run.model, "--log", run.log]
        subprocess.run([build / program, "--epochs", "1", "--quiet", *files], check=True, cwd=folder)
        made[program] = run
    return made


@pytest.fixture(scope="session")
def drawing_model(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model for drawn digits, trained by the command of the README, in fewer epochs."""
    folder = tmp_path_factory.mktemp("drawing")
    readme = (ROOT / "README.md").read_text()
    options = re.search(r"run.sh mnist_cnn (.*) --output drawing.safetensors", readme.replace("\\\n", ""))
    assert options, "the README has no command that trains the model for drawn digits"
    files = ["--data-dir", DATA, "--output", folder / "drawing.safetensors", "--log", folder / "log.txt"]
    command = [build / "mnist_cnn", "--quiet", *options[1].split(), "--epochs", "3", *files]
    subprocess.run(command, check=True, cwd=folder)
    return folder / "drawing.safetensors"


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
