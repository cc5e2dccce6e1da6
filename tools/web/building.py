"""The recognizer as WebAssembly, and the models that the page has unless others are named."""

import subprocess
import sys
from pathlib import Path

from common.errors import InputError
from common.options import ROOT

SOURCE = ROOT / "tools" / "web" / "wasm"
BUILD = ROOT / "build-web"
WASM = BUILD / "recognizer.wasm"

# The smallest file first: the first answer comes sooner.
PROGRAMS = {"CNN": "mnist_cnn", "Attention": "mnist_attention_pool", "MLP": "mnist_mlp"}


def build_wasm() -> Path:
    """Builds what has changed. Raises InputError."""
    _run(["cmake", "-S", SOURCE, "-B", BUILD, "-DCMAKE_TOOLCHAIN_FILE=toolchain.cmake"])
    _run(["cmake", "--build", BUILD, "--parallel"])
    return WASM


def trained_models(folder: Path, data_dir: Path) -> list[Path]:
    """A model of each of PROGRAMS for drawn digits, trained if `folder` does not have it. Raises InputError."""
    paths = []
    for name, program in PROGRAMS.items():
        path = folder / f"{name}.safetensors"
        paths.append(path)
        if path.exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        print(f"web: training {path.name}", file=sys.stderr, flush=True)
        files = ["--data-dir", data_dir, "--output", path, "--log", folder / f"{name}.txt", "--quiet"]
        _run([ROOT / "tools" / "run.sh", program, "--preset", "drawing", *files])
    return paths


def _run(command: list[object]) -> None:
    """What it prints is shown only if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError as error:
        raise InputError(words[0], "not installed", "it to be there: tools/run.sh web installs it") from error
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise InputError(" ".join(words[:3]), f"failed with exit status {done.returncode}", "success")
