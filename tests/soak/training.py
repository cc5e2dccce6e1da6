"""A short training with checkpoints, started again and again, and what has to hold of the files that it leaves."""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("NN_BUILD_DIR", "build")

# Every kind of state: moments, an average, the best weights, dropout's masks, distorted images. Saving one of the
# checkpoints of 6 MB takes about as long as an epoch.
OPTIONS = "--hidden 400 --dropout 0.1 --optimizer adam --ema 0.9 --validation 0.1 --augment shift=1 --epochs 12"
LIMITS = "--batch-size 100 --train-limit 600 --test-limit 100 --threads 1 --quiet"
FILES = "--output model.safetensors --log log.txt --log-json log.jsonl --checkpoint-dir checkpoints"


KILLED, POWER_CUT = -1, 0  # in the place of an errno


class Finding(Exception):
    """What must not be."""


def build_library(folder: Path) -> Path:
    """faults.c, to be preloaded."""
    library, source = folder / "faults.so", Path(__file__).with_name("faults.c")
    command = ["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True)
    return library


class Training:
    """A run in a folder of its own, and the same one without interruption to compare with."""

    def __init__(self, folder: Path):
        self.folder, self.run_folder, whole = folder, folder / "run", folder / "whole"
        self.checkpoints = self.run_folder / "checkpoints"
        self.library = build_library(folder)
        (folder / "kept").mkdir()
        whole.mkdir()
        done = subprocess.run(self.command(), cwd=whole, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Finding(f"an uninterrupted run ends with status {done.returncode}: {done.stderr}")
        self.model, self.losses = (whole / "model.safetensors").read_bytes(), losses(whole)
        self.begin()

    def begin(self) -> None:
        shutil.rmtree(self.run_folder, ignore_errors=True)
        self.run_folder.mkdir()

    def command(self) -> list[str]:
        """From the last checkpoint on, if there is one."""
        options = [*OPTIONS.split(), *LIMITS.split(), *FILES.split(), "--data-dir", str(ROOT / "data")]
        if (self.checkpoints / "latest.safetensors").exists():
            options += ["--resume", "checkpoints"]
        return [str(BUILD / "mnist_mlp"), *options]

    def start(self, at: int = 0, error: int = 0) -> subprocess.Popen[str]:
        """With a fault at an operation on files, counted from 1: an errno, KILLED or POWER_CUT."""
        fault = {
            "LD_PRELOAD": self.library,
            "FAULT_FOLDER": self.run_folder.resolve(),
            "FAULT_KEPT": (self.folder / "kept").resolve(),
            "FAULT_COUNT": (self.folder / "count").resolve(),
            "FAULT_AT": at,
            "FAULT_ERROR": error,
        }
        environment = {**os.environ, **{name: str(value) for name, value in fault.items()}}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(), cwd=self.run_folder, stdout=pipe, stderr=pipe, text=True, env=environment
        )

    def operations(self) -> int:
        """On files, of the last run that came to its end."""
        return int((self.folder / "count").read_text())

    def temporaries(self) -> list[Path]:
        return [*self.run_folder.rglob(".*.tmp")]

    def check_files(self) -> int:
        """Reads every file with another library than the one that wrote it; their number. Raises Finding."""
        files = sorted(path for path in self.run_folder.rglob("*") if path.is_file())
        for path in files:
            if path.name.startswith("."):
                continue
            try:
                if path.suffix == ".safetensors":
                    with safe_open(path, "numpy") as file:
                        values = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 (no dictionary)
                        json.loads(file.metadata()["network"])
                    if not all(np.isfinite(v).all() for v in values):
                        raise Finding(f"{path} holds a NaN")
                elif path.suffix == ".jsonl":
                    [json.loads(line) for line in path.read_text().splitlines()]
                else:
                    losses(path.parent)
            except Finding:
                raise
            except Exception as error:
                raise Finding(f"{path} is torn: {error}") from error
        return len(files)

    def finish(self) -> None:
        """Trains to the end: the same model and losses as without interruption, and nothing left over."""
        done = subprocess.run(self.command(), cwd=self.run_folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Finding(f"a resumed run ends with status {done.returncode}: {done.stderr}")
        self.check_files()
        self.check_result()

    def check_result(self) -> None:
        if (self.run_folder / "model.safetensors").read_bytes() != self.model:
            raise Finding("the resumed run has another model than the uninterrupted one")
        if not np.array_equal(losses(self.run_folder), self.losses, equal_nan=True):
            raise Finding("the resumed run has other losses than the uninterrupted one")
        if self.temporaries():
            raise Finding(f"a whole run leaves {self.temporaries()[0]}")


def losses(folder: Path) -> np.ndarray:
    """The log without its seconds."""
    return np.delete(np.loadtxt(folder / "log.txt", delimiter=",", ndmin=2), 2, axis=1)


def run_campaign(
    about: str,
    campaign: Callable[[Training, random.Random, int, float], dict[str, int]],
    told: Callable[[dict[str, int]], str],
) -> int:
    """A program of this folder: runs its campaign as often or for as long as the command line says, and tells its
    counts, or what it has found. Returns the exit status."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--times", type=int, default=10**9, help="kills or faults")
    parser.add_argument("--seconds", type=float, default=10**9)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            counts = campaign(Training(Path(folder)), random.Random(args.seed), args.times, args.seconds)
        except Finding as finding:
            print(f"{Path(sys.argv[0]).stem}: {finding}", file=sys.stderr)
            return 1
    print(told(counts))
    return 0
