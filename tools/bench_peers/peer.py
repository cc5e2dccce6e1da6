"""What every peer shares: its command line, MNIST in memory, the initial weights, the line it prints.

A peer is a program of its own, so that its memory, threads and start are its own too:

    torch_peer.py MODEL.safetensors --threads T    ->  one line of JSON on stdout, see Report

It trains the network of a model that one of our programs wrote, as its file says that it was trained.
"""

import argparse
import dataclasses
import gzip
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models import Model, load_model

ROOT = Path(__file__).resolve().parents[2]
Weights = dict[str, np.ndarray]


@dataclasses.dataclass
class Report:
    """The result of a run: seconds and mean training loss by epoch, test accuracy in percent."""

    version: str
    seconds: list[float]
    losses: list[float]
    test_accuracy: float


@dataclasses.dataclass
class Mnist:
    """Pixels as bytes (N, 784), labels as int32 (N)."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def read_idx(folder: Path, stem: str, kind: str, header: int) -> np.ndarray:
    """The bytes after the header of an IDX file, plain or gzipped, in either spelling."""
    for name in (f"{stem}-{kind}", f"{stem}.{kind}"):
        for path, opener in ((folder / name, open), (folder / f"{name}.gz", gzip.open)):
            if path.exists():
                with opener(path, "rb") as file:
                    return np.frombuffer(file.read(), np.uint8, offset=header)
    raise SystemExit(f"error: {folder}: no {stem}-{kind} or {stem}.{kind}, plain or .gz")


def read_mnist(folder: Path, train_limit: int = 0) -> Mnist:
    """All four files, of the first `train_limit` training images; a peer turns bytes into floats when and
    where that is fastest for it."""

    def images(stem: str) -> np.ndarray:
        return read_idx(folder, stem, "idx3-ubyte", 16).reshape(-1, 784)

    def labels(stem: str) -> np.ndarray:
        return read_idx(folder, stem, "idx1-ubyte", 8).astype(np.int32)

    first = slice(train_limit or None)
    train = images("train-images")[first], labels("train-labels")[first]
    return Mnist(*train, images("t10k-images"), labels("t10k-labels"))


class SimpleRng:
    """The programs' own generator (xorshift64): the same weights, the same order of the images."""

    def __init__(self, seed: int) -> None:
        self.state = seed or 0x9E3779B97F4A7C15

    def next_u32(self) -> int:
        x = self.state
        x ^= x << 13 & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 7
        x ^= x << 17 & 0xFFFFFFFFFFFFFFFF
        self.state = x
        return x >> 32

    def xavier(self, *shape: int) -> np.ndarray:
        """Uniform in +-sqrt(6 / (in + out)), float32; shape (in, out), or (filters, channels, K, K)."""
        limit = np.float32(math.sqrt(6 / (sum(shape[:2]) * math.prod(shape[2:]))))
        draws = np.array([self.next_u32() >> 8 for _ in range(math.prod(shape))], np.float32)
        return (-limit + 2 * limit * draws * np.float32(2**-24)).reshape(shape)

    def shuffle(self, order: np.ndarray) -> None:
        """Fisher-Yates from the end, in place."""
        items = order.tolist()
        for i in range(len(items) - 1, 0, -1):
            j = self.next_u32() % (i + 1)
            items[i], items[j] = items[j], items[i]
        order[:] = items


def initial_weights(network: Model, rng: SimpleRng) -> Weights:
    """Xavier uniform weights, zero biases, sinusoidal positions, norms that change nothing; float32."""
    return {name: initial(name, shape, rng) for name, shape in network.shapes.items()}


def initial(name: str, shape: tuple[int, ...], rng: SimpleRng) -> np.ndarray:
    if name.endswith("table"):
        return sinusoids(*shape)
    if len(shape) > 1:
        return rng.xavier(*shape)
    return np.full(shape, name.endswith(("weight", "running_var")), np.float32)


def sinusoids(tokens: int, width: int) -> np.ndarray:
    """(tokens, width): sine on even columns d, cosine on odd; angle t / 10000^(2 floor(d/2) / width)."""
    d = np.arange(width)
    angle = np.arange(tokens)[:, None] / 10000 ** (2 * (d // 2) / width)
    return np.where(d % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)


def patches(images: np.ndarray) -> np.ndarray:
    """(N, 784) -> (N, 49, 16): patches of 4x4 in row order, pixels in row order within a patch."""
    tiles = images.reshape(-1, 7, 4, 7, 4).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(tiles).reshape(-1, 49, 16)


def parse(description: str) -> argparse.Namespace:
    """The options, the network, and how to train it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", type=Path, help="a .safetensors that one of our programs wrote")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data")
    args = parser.parse_args()
    args.network = load_model(args.model)
    for name in ("epochs", "batch-size", "lr", "optimizer", "seed", "train-limit"):
        setattr(args, name.replace("-", "_"), args.network.settings[name])
    return args


def train(version: str, epochs: int, epoch: Callable[[np.ndarray], float], n: int, rng: SimpleRng,
          test: Callable[[], float]) -> None:  # fmt: skip
    """Time `epoch(order)`, which returns the mean loss, on n images in a new order; print the report."""
    order = np.arange(n, dtype=np.int32)
    report = Report(version, [], [], math.nan)
    for _ in range(epochs):
        rng.shuffle(order)  # not counted: slow in Python, a millisecond elsewhere
        start = time.perf_counter()
        loss = epoch(order)
        report.seconds.append(time.perf_counter() - start)
        report.losses.append(loss)
    report.test_accuracy = 100 * test()
    print(json.dumps(dataclasses.asdict(report)), flush=True)
