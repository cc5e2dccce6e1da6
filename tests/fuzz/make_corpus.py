"""Writes the seeds of the fuzz targets: small valid files of each kind that tests/golden does not have.

    .venv/bin/python tests/fuzz/make_corpus.py      into tests/fuzz/corpus/TARGET/

What fuzzing has found lies beside them, called found-*; this script leaves it alone.
"""

import gzip
import io
import json
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from safetensors.numpy import save

CORPUS = Path(__file__).resolve().parent / "corpus"

LAYERS = {
    "image": "conv 2 3x3 stride 2 valid, batch-norm, relu, max-pool 2, avg-pool 2, scale-shift, flatten, dense 3",
    "tokens": "patches 7 4, position learned, residual(layer-norm, attention 2 projection), mean, dense 3",
    "repeat": "repeat 2 (dense 4, leaky-relu, dropout 0.5), sigmoid, tanh, gelu, dense 2",
    "pool": "conv 3 5x5, global-avg-pool",
    "sinusoidal": "patches 14 2, position sinusoidal, attention 1, mean",
}
SETTINGS = {
    "plain": {"epochs": 3, "batch-size": 32, "lr": 0.01, "seed": 18446744073709551615, "filters": 8},
    "adam": {"optimizer": "adam", "beta1": 0.9, "schedule": "one-cycle", "warmup": 1.5, "ema": 0.99},
    "words": {"augment": "shift=2,rotate=12,elastic=5:30", "init": "he", "transpose": True, "seed": "random"},
    "files": {"output": "a/b.safetensors", "log": "", "layers": "dense 10", "data-dir": "\u00e4 \ud834\udd1e"},
}


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">{values.ndim + 1}I", 0x800 + values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def digit(mode: str, paper: int | tuple[int, ...]) -> Image.Image:
    """A 7 on paper of 24 x 32 pixels."""
    picture = Image.new(mode, (24, 32), paper)
    ink = 0 if isinstance(paper, int) else (0, 0, 0, 255)[: len(paper)]
    ImageDraw.Draw(picture).line([(5, 6), (18, 6), (10, 26)], fill=ink, width=3)
    return picture


def pictures() -> Iterable[tuple[str, bytes]]:
    grey, colour = digit("L", 255), digit("RGB", (250, 240, 200))
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation
    for name, picture, options in [
        ("grey.png", grey, {}),
        ("bit.png", digit("1", 1), {}),
        ("palette.png", colour.quantize(4), {}),
        ("alpha.png", digit("RGBA", (255, 255, 255, 0)), {}),
        ("16bit.png", Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), {}),
        ("grey.jpg", grey, {}),
        ("turned.jpg", colour, {"exif": turned}),
        ("progressive.jpg", colour, {"progressive": True}),
    ]:
        file = io.BytesIO()
        picture.save(file, {"png": "PNG", "jpg": "JPEG"}[name[-3:]], **options)
        yield name, file.getvalue()


def strokes(pen: float, drawn: list[list[tuple[float, float]]]) -> bytes:
    """In the format of strokes.cpp."""
    lengths = bytes([len(drawn), *map(len, drawn[:-1])])
    return lengths + np.array([pen, *(x for s in drawn for point in s for x in point)], "<f4").tobytes()


def seeds() -> Iterable[tuple[str, str, bytes]]:
    """Target, file name, bytes."""
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (3, 4, 5)), np.arange(3)
    for name, values in [("images", images), ("labels", labels)]:
        yield "idx", name, idx(values)
        yield "idx", f"{name}.gz", gzip.compress(idx(values), mtime=0)
    yield "idx", "members.gz", gzip.compress(idx(images)[:20], mtime=0) + gzip.compress(idx(images)[20:], mtime=0)

    pixels, one_hot = np.linspace(0, 1, 60, dtype=np.float32).reshape(3, 4, 5), np.eye(3, dtype=np.float32)
    parts = {"train_images": images.astype(np.uint8), "train_labels": labels.astype(np.int64)}
    parts |= {"test_images": pixels, "test_labels": one_hot}
    yield "safetensors", "dataset.safetensors", save(parts)
    yield "safetensors", "checkpoint.safetensors", checkpoint()

    for name, text in LAYERS.items():
        yield "layers", name, text.encode()
    for name, settings in SETTINGS.items():
        yield "settings", f"{name}.json", json.dumps(settings).encode()
    for name, picture in pictures():
        yield "picture", name, picture
    yield "strokes", "seven", strokes(8, [[(60, 50), (180, 50), (110, 240)], [(90, 150), (170, 150)]])
    yield "strokes", "dot", strokes(0, [[(3, 3)]])
    yield "strokes", "empty", strokes(4, [[]])
    yield "strokes", "not-finite", strokes(4, [[(float("nan"), 1), (1e30, float("-inf"))]])


def checkpoint() -> bytes:
    """As include/nn/training/checkpoint.hpp says, of a network with one dense layer, after one epoch."""
    rng = np.random.default_rng(2)
    shapes = {"dense1.weight": (4, 2), "dense1.bias": (2,)}
    tensors = {
        prefix + name: rng.random(shape, dtype=np.float32)
        for prefix in ("", "moment1.", "moment2.", "best.", "average.")
        for name, shape in shapes.items()
    }
    row = {"epoch": 1, "loss": 0.5, "seconds": 1, "val_loss": None, "val_accuracy": None}
    row |= {"test_accuracy": None, "learning_rate": 0.01}
    training = {"rng": 7, "epoch": 1, "batch": 1, "loss_sum": 0.5, "seconds": 1, "optimizer_steps": 3}
    training |= {"best_epoch": 1, "best_loss": None, "log": [row]}
    network = {"input": [4], "layers": [{"layer": "dense", "units": 2}]}
    metadata = {"format": "nn.model", "network": json.dumps(network), "training": json.dumps(training)}
    return save(tensors | {"order": np.array([2, 0, 1], np.uint32)}, metadata)


def main() -> None:
    for old in CORPUS.glob("*/*"):
        if not old.name.startswith("found-"):
            old.unlink()
    for target, name, data in seeds():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        (CORPUS / target / name).write_bytes(data)


if __name__ == "__main__":
    main()
