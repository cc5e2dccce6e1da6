"""One run of one program: ours, a peer's or the plain C loop, each a child of its own, and what it took."""

import dataclasses
import json
import os
import re
import resource
import sys
from pathlib import Path

from common.errors import InputError
from common.programs import MAXRSS_UNIT, run_child

HERE = Path(__file__).resolve().parent
XOR_EPOCHS = 1_000_000


@dataclasses.dataclass
class Run:
    """What one run took."""

    version: str  # of a peer, with its name
    seconds: list[float]  # by epoch; for XOR one value, the whole process
    cpu_seconds: float  # user and system time of the whole process
    memory: int  # peak, bytes; no less than the benchmark's own
    losses: list[float]
    test_accuracy: float | None  # percent


def own_memory() -> int:
    """The benchmark's own peak in bytes: a child that needs less shows this."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def run_ours(program: Path, options: list[str], model: Path, threads: int, data: Path) -> Run:
    """Train with one of our programs, which writes `model`; the seconds of each epoch are those of its log."""
    log = model.with_suffix(".txt")
    common = ["--threads", str(threads), "--data-dir", data, "--output", model, "--log", log, "--quiet"]
    child = run_child(program.name, [program, *options, *common])
    columns = read_log(log)
    accuracy = parse_accuracy(child.stdout)
    return Run("", columns["seconds"], child.cpu_seconds, child.memory, columns["loss"], accuracy)


def run_peer(peer: str, model: Path, threads: int, data: Path) -> Run:
    """Train the network of `model` with jax_peer.py or torch_peer.py as ours did, on the CPU in any case."""
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path}
    script = HERE / f"{peer}_peer.py"
    command = [sys.executable, script, model, "--threads", str(threads), "--data-dir", data]
    child = run_child(script.name, command, environment)
    report = json.loads(child.stdout.splitlines()[-1])
    return Run(cpu_seconds=child.cpu_seconds, memory=child.memory, **report)


def run_our_xor(program: Path, epochs: int = XOR_EPOCHS) -> Run:
    """Train XOR with mlp_simple: the time is that of the whole process, as for the plain loop."""
    child = run_child(program.name, [program, "--epochs", str(epochs), "--quiet"])
    return Run("", [child.seconds], child.cpu_seconds, child.memory, [], None)


def run_plain_xor(program: Path, epochs: int = XOR_EPOCHS) -> Run:
    """Train XOR with the plain C loop."""
    child = run_child(program.name, [program, str(epochs)])
    loss = float(child.stdout.split()[1])
    return Run("plain C", [child.seconds], child.cpu_seconds, child.memory, [loss], None)


def compile_plain_xor(folder: Path) -> Path:
    """Compile xor_plain.c into `folder`. Raises InputError if there is no compiler."""
    program = folder / "xor_plain"
    compiler = os.environ.get("CC", "cc")
    run_child("cc", [compiler, "-O3", "-march=native", HERE / "xor_plain.c", "-o", program, "-lm"])
    return program


def read_log(path: Path) -> dict[str, list[float]]:
    """The columns of a training log by name."""
    header, *rows = path.read_text().splitlines()
    names = header.removeprefix("#").strip().split(",")
    if not {"loss", "seconds"} <= set(names) or not rows:
        found = f"header '{header}' and {len(rows)} rows"
        raise InputError(path, found, "the columns loss and seconds, one row per epoch")
    values = zip(*(map(float, row.split(",")) for row in rows), strict=True)
    return {name: list(column) for name, column in zip(names, values, strict=True)}


def parse_accuracy(stdout: str) -> float | None:
    """The percentage of the last line that gives a test accuracy."""
    found = re.findall(r"test accuracy\D*([\d.]+) ?%", stdout)
    return float(found[-1]) if found else None
