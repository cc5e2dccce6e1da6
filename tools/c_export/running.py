"""An exported network compiled and run on this machine."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from c_export.source import Exported
from common.errors import InputError, os_reason
from models import Model

MAIN = Path(__file__).with_name("check.c")
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")


@dataclass(frozen=True)
class Run:
    classes: np.ndarray  # (N)
    probabilities: np.ndarray  # (N, K)
    seconds: float  # an image
    object_bytes: int


def compile_and_run(exported: Exported, model: Model, images: np.ndarray, compiler: str = "cc") -> Run:
    """Images (N, rows, columns), bytes. Raises InputError if there is no compiler or it refuses the file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.c").write_text(exported.text)
        sizes = f"-DPIXELS={model.inputs}", f"-DCLASSES={model.classes}"
        names = f"-D{exported.name.upper()}_DECLARATIONS", f"-DCLASSIFY={exported.name}_classify"
        call(compiler, *STRICT, "-O3", "-c", "model.c", cwd=folder)
        call(compiler, *STRICT, *names, *sizes, f"-I{folder}", MAIN, "model.o", "-o", "program", "-lm", cwd=folder)
        done = call(folder / "program", cwd=folder, stdin=images.astype(np.uint8).tobytes())
        object_bytes = (folder / "model.o").stat().st_size
    answers = np.frombuffer(done.stdout, [("class", np.intc), ("probabilities", np.float32, model.classes)])
    return Run(answers["class"], answers["probabilities"], float(done.stderr), object_bytes)


def call(program: str | Path, *arguments: object, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Raises InputError, naming the program, if it cannot be run or fails."""
    command = list(map(os.fspath, (program, *arguments)))
    try:
        done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True)
    except OSError as error:
        raise InputError(program, os_reason(error), "a C compiler") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise InputError(program, said[0], "the exported file to be compiled and run")
    return done
