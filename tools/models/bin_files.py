"""The .bin files: little-endian; int32 sizes, then float64 tensors, row-major, in the order of the chain.

    mlp             inputs, hidden, outputs; W1 b1 W2 b2
    cnn             out_channels, in_channels = 1, kernel, height, width; conv W, b; fc_in, fc_out; FC W, b
    attention_pool  patch, tokens, d_model, ff, classes; Wp bp pos Wq bq Wk bk Wv bv W1 b1 W2 b2 Wcls bcls

These are the networks of old_networks.py; which one a file holds is told by its sizes: they must account for
its length to the byte. They do not say dropout, the sides of an MLP's images, nor what positions started from;
without positions, pos is 0.
"""

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from common.errors import ModelError
from models.chain import Layer, Shape
from models.layers import Attention, Conv, Dense, Dropout, MaxPool, Mean, Patches, Position, Relu
from models.limits import MAX_PIXELS
from models.model import DIGITS, Model
from models.old_networks import attention_pool, cnn, mlp

KERNELS = (3, 5, 7)
Part = list[int] | Shape  # int32 sizes, or a float64 tensor of that shape


class Layout(NamedTuple):
    """What a file is made of, and the network that its sizes tell, if it can be."""

    program: str
    parts: list[Part]
    network: Callable[[], Model]

    @property
    def length(self) -> int:
        return sum(map(part_length, self.parts))

    @property
    def sizes(self) -> list[int]:
        return [size for part in self.parts if isinstance(part, list) for size in part]


def mlp_layout(inputs: int, hidden: int, classes: int) -> Layout:
    parts = [[inputs, hidden, classes], (inputs, hidden), (hidden,), (hidden, classes), (classes,)]
    return Layout("mnist_mlp", parts, lambda: mlp(inputs, [(hidden, "relu", 0)], classes))


def cnn_layout(size: tuple[int, int], filters: int, kernel: int, classes: int) -> Layout:
    features = filters * (size[0] // 2) * (size[1] // 2)
    conv = [[filters, 1, kernel, *size], (filters, kernel * kernel), (filters,)]
    parts = [*conv, [features, classes], (features, classes), (classes,)]
    return Layout("mnist_cnn", parts, lambda: cnn(size, filters, kernel, classes))


def attention_layout(patch: int, tokens: int, width: int, ff: int, classes: int) -> Layout:
    D, side = width, math.isqrt(tokens) * patch
    parts = [
        [patch, tokens, D, ff, classes], (patch * patch, D), (D,), (tokens, D), *[(D, D), (D,)] * 3,
        (D, ff), (ff,), (ff, D), (D,), (D, classes), (classes,),
    ]  # fmt: skip
    return Layout("mnist_attention_pool", parts, lambda: attention_pool((side, side), patch, D, ff, classes))


def read_bin(path: Path, file: BinaryIO) -> Model:
    """Raises ModelError (path, found, expected), or NetworkError."""
    length = file.seek(0, 2)
    candidates = [layout for guess in (guess_mlp, guess_cnn, guess_attention) if (layout := guess(file))]
    layout = next((layout for layout in candidates if layout.length == length), None)
    if layout is None and candidates:
        likeliest = max(candidates, key=lambda layout: len(layout.sizes))  # most sizes that make sense
        sizes = ", ".join(map(str, likeliest.sizes))
        expected = f"{likeliest.length} for a model of {likeliest.program} with the sizes {sizes}"
        raise ModelError(path, f"{length} bytes", expected)
    if layout is None:
        expected = "a .safetensors or a .bin of one of mnist_mlp, mnist_cnn, mnist_attention_pool"
        raise ModelError(path, f"{length} bytes that are no model", expected)
    model = layout.network()
    if model.classes == 1:
        expected = "two classes or more (a .bin of mlp_simple does not tell that its units are sigmoid)"
        raise ModelError(path, "a network with one output", expected)
    file.seek(0)
    values = []
    for part in layout.parts:
        if isinstance(part, list):
            file.seek(part_length(part), 1)
        else:
            values.append(np.frombuffer(file.read(part_length(part)), "<f8"))
    shapes = model.shapes.items()
    return replace(model, tensors={name: v.reshape(s) for (name, s), v in zip(shapes, values, strict=True)})


def bin_bytes(path: Path, model: Model) -> bytes:
    """What `path` is to hold. Raises ModelError if the format cannot say it."""
    layout = layout_of(model)
    if layout is None or model.known_classes < model.classes:
        has = "a class of outliers" if layout else f"the layers {model.summary} on {model.pixels}"
        found = f"the network has {has}, which a .bin cannot say"
        raise ModelError(path, found, "a path that ends in .safetensors")
    tensors = list(model.tensors.values())
    if "position1.table" not in model.tensors and layout.program == "mnist_attention_pool":
        tensors.insert(2, np.zeros(layout.parts[3]))  # pos
    values = iter(tensors)
    return b"".join(
        struct.pack(f"<{len(part)}i", *part) if isinstance(part, list) else next(values).astype("<f8")
        for part in layout.parts
    )


def layout_of(model: Model) -> Layout | None:
    """None if a .bin has no place for such a network."""
    square = model.input[:1] == model.input[1:]
    match model.layers:
        case (Dense(hidden), Relu(), *dropout, Dense()) if kinds(dropout) in ([], [Dropout]):
            return mlp_layout(model.inputs, hidden, model.classes)
        case (Conv(filters, kernel, 1, False), Relu(), MaxPool(2), Dense()) if kernel in KERNELS:
            return cnn_layout(model.input, filters, kernel, model.classes)
        case (
            Patches(patch, width), *position, Relu(), Attention(1, False),
            Dense(ff), Relu(), Dense(out), Mean(), Dense(),
        ) if kinds(position) in ([], [Position]) and out == width and square:  # fmt: skip
            return attention_layout(patch, model.steps[0].makes[0], width, ff, model.classes)
    return None


def kinds(layers: Iterable[Layer]) -> list[type[Layer]]:
    return [type(layer) for layer in layers]


def guess_mlp(file: BinaryIO) -> Layout | None:
    return mlp_layout(*sizes) if (sizes := read_sizes(file, 3)) else None


def guess_cnn(file: BinaryIO) -> Layout | None:
    if not (sizes := read_sizes(file, 5)):
        return None
    filters, channels, kernel, *size = sizes
    layout = cnn_layout((size[0], size[1]), filters, kernel, DIGITS)
    features = layout.sizes[5]
    fc_at = sum(map(part_length, layout.parts[:3]))
    fc_sizes = read_ints(file, 2, fc_at) or [features, DIGITS]  # of a file cut short: the likeliest
    if channels != 1 or kernel not in KERNELS or fc_sizes[0] != features or not plausible(fc_sizes):
        return None
    return cnn_layout((size[0], size[1]), filters, kernel, fc_sizes[1])


def guess_attention(file: BinaryIO) -> Layout | None:
    sizes = read_sizes(file, 5)
    return attention_layout(*sizes) if sizes and math.isqrt(sizes[1]) ** 2 == sizes[1] else None


def read_sizes(file: BinaryIO, count: int) -> list[int] | None:
    """The first `count` int32, if they can be sizes: larger ones are text, or something else."""
    values = read_ints(file, count, 0)
    return values if values and plausible(values) else None


def read_ints(file: BinaryIO, count: int, offset: int) -> list[int]:
    """`count` int32 at `offset`; none if the file ends before."""
    file.seek(offset)
    data = file.read(4 * count)
    return list(struct.unpack(f"<{count}i", data)) if len(data) == 4 * count else []


def plausible(sizes: list[int]) -> bool:
    return all(1 <= size <= MAX_PIXELS for size in sizes)


def part_length(part: Part) -> int:
    return 4 * len(part) if isinstance(part, list) else 8 * math.prod(part)
