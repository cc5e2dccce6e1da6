"""What training with more machines gives, on paper: measures this machine, and prints the tables of src/mpi/README.md.

Run:  .venv/bin/python tests/bench/mpi_model.py [--build-dir build] [--images 12000]

A step with R machines, B images in a batch, P parameters and N batch norms takes

    compute(R) + 1 exchange + (1 + 2 N) gathers + 2 (R - 1) / R x 4 P bytes / bandwidth

compute(R) is measured here, without a network: a step with a batch in R shards, one after another, divided by R.
Exchanges and gathers are those of Shards::backward(): gradients are exchanged, so that each machine sums a part of
them, and gathered; batch norm gathers its statistics forward and its sums backward. An exchange takes one latency, a
gather log2(R), rounded up; with messages of more than 64 KiB, which Open MPI announces first, two latencies more.
"""

import argparse
import json
import math
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = {
    "mnist_mlp": ["mnist_mlp"],
    "mnist_mlp, fast": ["mnist_mlp", "--preset", "fast"],
    "mnist_mlp, best": ["mnist_mlp", "--preset", "best"],
    "mnist_cnn": ["mnist_cnn"],
    "mnist_cnn, fast": ["mnist_cnn", "--preset", "fast"],
    "mnist_cnn, best": ["mnist_cnn", "--preset", "best"],
    "mnist_attention_pool": ["mnist_attention_pool"],
}
NETWORKS = {"1 Gbit/s": (1e9, 50e-6), "10 Gbit/s": (10e9, 20e-6), "100 Gbit/s": (100e9, 3e-6)}  # bits per s, s one way
ANNOUNCED = 65536  # bytes of a message from which on Open MPI asks first whether it is expected
MACHINES = (2, 4, 8, 16, 32, 64, 128, 256, 1000)


@dataclass
class Measured:
    """A program here."""

    batch: int
    parameters: int
    norms: int
    whole: float  # seconds of a step without shards
    compute: dict[int, float]  # of a shard of a batch in so many


def run(command: list[str], options: argparse.Namespace, shards: int) -> dict[str, object]:
    """The log of a run, whose seconds are those of a step: the quickest of three epochs."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.json"
        size = ["--data-dir", ROOT / "data", "--epochs", 3, "--train-limit", options.images, "--shards", shards]
        size += ["--threads", options.threads] if options.threads else []
        files = ["--output", Path(folder) / "m.safetensors", "--log-json", log]
        words = [options.build_dir / command[0], *command[1:], *size, *files, "--quiet"]
        subprocess.run(list(map(str, words)), check=True, cwd=folder, stdout=subprocess.DEVNULL)
        events = [json.loads(line) for line in log.read_text().splitlines()]
    start = events[0]
    batch = start["settings"]["batch-size"]
    seconds = min(event["seconds"] for event in events if event["event"] == "epoch")
    return {**start, "batch": batch, "step": seconds / math.ceil(options.images / batch)}


def norms_in(layers: list[dict[str, object]]) -> int:
    return sum((layer["layer"] == "batch-norm") + norms_in(layer.get("layers", [])) for layer in layers)


def measure(command: list[str], options: argparse.Namespace, all_machines: tuple[int, ...]) -> Measured:
    whole = run(command, options, 0)
    compute = {}
    for machines in all_machines:
        if machines <= whole["batch"]:
            compute[machines] = run(command, options, machines)["step"] / machines
    norms = norms_in(whole["network"]["layers"])
    return Measured(whole["batch"], whole["parameters"], norms, whole["step"], compute)


def step_seconds(m: Measured, machines: int, bits_per_second: float, latency: float) -> float:
    gather = math.ceil(math.log2(machines)) * latency
    traffic = 2 * (machines - 1) / machines * 32 * m.parameters / bits_per_second
    announced = 4 * latency if 4 * m.parameters / machines > ANNOUNCED else 0  # the exchange and the last gather
    return m.compute[machines] + latency + (1 + 2 * m.norms) * gather + announced + traffic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build")
    parser.add_argument("--images", type=int, default=12000)
    parser.add_argument("--threads", type=int, help="of a machine (default: all)")
    parser.add_argument(
        "--epoch", help="only the seconds that 2 machines take for the images, with these words as program"
    )
    parser.add_argument("--gbit", type=float, default=1, help="with --epoch: per second and direction")
    parser.add_argument("--milliseconds", type=float, default=1, help="with --epoch: one way")
    options = parser.parse_args()
    options.build_dir = options.build_dir.resolve()
    if options.epoch:
        m = measure(options.epoch.split(), options, (2,))
        step = step_seconds(m, 2, options.gbit * 1e9, options.milliseconds / 1000)
        print(f"{math.ceil(options.images / m.batch) * step:.3f} s")
        return
    measured = {name: measure(command, options, MACHINES) for name, command in RUNS.items()}

    print("| program, preset | batch | parameters | bytes sent by each of many | messages | step here, ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, m in measured.items():
        sizes = f"{m.batch} | {m.parameters:,} | {8 * m.parameters:,} | {2 + 2 * m.norms} | {1000 * m.whole:.3f}"
        print(f"| {name} | {sizes} |")
    for network, (bits_per_second, latency) in NETWORKS.items():
        print(f"\n{network}, {1e6 * latency:.0f} us one way: times as fast as one machine\n")
        print("| program, preset | " + " | ".join(map(str, MACHINES)) + " |")
        print("| --- |" + " ---: |" * len(MACHINES))
        for name, m in measured.items():
            gains = [
                f"{m.whole / step_seconds(m, machines, bits_per_second, latency):.2f}" if machines in m.compute else "-"
                for machines in MACHINES
            ]
            print(f"| {name} | " + " | ".join(gains) + " |")


if __name__ == "__main__":
    main()
