"""The .bin files: little-endian; int32 sizes, then float64 tensors, row-major, in the order of their names.

    Mlp            inputs, hidden, outputs; W1 b1 W2 b2
    Cnn            out_channels, in_channels = 1, kernel, height, width; conv W, b; fc_in, fc_out; FC W, b
    AttentionPool  patch, tokens, d_model, ff, classes; Wp bp pos Wq bq Wk bk Wv bv W1 b1 W2 b2 Wcls bcls

Which network a file holds is told by its sizes: they must account for its length to the byte.
"""

import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from common.errors import ModelError
from models.limits import MAX_PIXELS
from models.model import DIGITS, Model
from models.network_json import check_limits
from models.networks import AttentionPool, Cnn, Dense, Mlp

Part = list[int] | str  # int32 sizes, or the name of a float64 tensor


def read_bin(path: Path, file: BinaryIO) -> Model:
    """Raises ModelError (path, found, expected)."""
    length = file.seek(0, 2)
    candidates = [network for guess in (_mlp, _cnn, _attention) if (network := guess(file))]
    network = next((network for network in candidates if _length(network) == length), None)
    if network is None and candidates:
        likeliest = max(candidates, key=lambda network: len(_parts(network)[0]))  # most sizes that make sense
        expected = f"{_length(likeliest)} for a model of {likeliest.program} ({likeliest.summary})"
        raise ModelError(path, f"{length} bytes", expected)
    if network is None:
        programs = ", ".join(kind.program for kind in (Mlp, Cnn, AttentionPool))
        expected = f"a .safetensors or a .bin of one of {programs}"
        raise ModelError(path, f"{length} bytes that are no model", expected)
    check_limits(path, network)
    if network.classes == 1:
        expected = "two classes or more (a .bin of mlp_simple does not tell that its units are sigmoid)"
        raise ModelError(path, "a network with one output", expected)
    tensors, offset = {}, 0
    for part in _parts(network):
        if isinstance(part, str):
            shape = network.shapes()[part]
            file.seek(offset)
            tensors[part] = np.fromfile(file, "<f8", math.prod(shape)).reshape(shape)
        offset += _part_length(network, part)
    return replace(network, tensors=tensors)


def bin_bytes(path: Path, model: Model) -> bytes:
    """What `path` is to hold. Raises ModelError if the format cannot say it."""
    if beyond := _beyond_bin(model):
        found = f"the network has {beyond}, which a .bin cannot say"
        raise ModelError(path, found, "a path that ends in .safetensors")
    return b"".join(
        struct.pack(f"<{len(part)}i", *part) if isinstance(part, list) else model.tensors[part].astype("<f8")
        for part in _parts(model)
    )


def _beyond_bin(model: Model) -> str | None:
    """What the network has that a .bin has no place for."""
    if model.answers < model.classes:
        return "a class of outliers"
    match model:
        case Mlp(hidden=hidden) if len(hidden) != 1:
            return f"{len(hidden)} hidden layers"
        case Mlp(hidden=[layer]) if layer.activation != "relu":
            return f"the activation {layer.activation}"
        case AttentionPool(heads=heads) if heads != 1:
            return f"{heads} heads"
        case AttentionPool(height=height, width=width) if height != width:
            return f"images of {model.pixels}"
    return None


def _parts(network: Model) -> list[Part]:
    """What the network's file is made of, in order."""
    match network:
        case Mlp():
            return [[network.inputs, network.hidden[0].units, network.classes], *network.shapes()]
        case Cnn(filters=filters, kernel=kernel, height=height, width=width):
            fc_sizes = list(network.shapes()["fc.weight"])
            sizes = [filters, 1, kernel, height, width]
            return [sizes, "conv.weight", "conv.bias", fc_sizes, "fc.weight", "fc.bias"]
        case AttentionPool(patch=patch, d_model=d_model, ff_dim=ff_dim, classes=classes):
            return [[patch, math.prod(network.grid), d_model, ff_dim, classes], *network.shapes()]
    raise AssertionError(network)


def _part_length(network: Model, part: Part) -> int:
    return 8 * math.prod(network.shapes()[part]) if isinstance(part, str) else 4 * len(part)


def _length(network: Model) -> int:
    return sum(_part_length(network, part) for part in _parts(network))


def _mlp(file: BinaryIO) -> Mlp | None:
    if sizes := _sizes(file, 3):
        inputs, hidden, classes = sizes
        return Mlp(inputs=inputs, hidden=(Dense(hidden),), classes=classes)
    return None


def _cnn(file: BinaryIO) -> Cnn | None:
    if not (sizes := _sizes(file, 5)):
        return None
    filters, channels, kernel, height, width = sizes
    network = Cnn(height=height, width=width, filters=filters, kernel=kernel, classes=DIGITS)
    fc_in, _ = network.shapes()["fc.weight"]
    fc_at = 4 * len(sizes) + 8 * filters * (kernel**2 + 1)
    fc_sizes = _ints(file, 2, fc_at) or [fc_in, DIGITS]  # of a file cut short before them: the likeliest
    if channels != 1 or network.contradiction() or fc_sizes[0] != fc_in or not _plausible(fc_sizes[1:]):
        return None
    return replace(network, classes=fc_sizes[1])


def _attention(file: BinaryIO) -> AttentionPool | None:
    if not (sizes := _sizes(file, 5)):
        return None
    patch, tokens, d_model, ff_dim, classes = sizes
    side = math.isqrt(tokens)
    if side**2 != tokens:
        return None
    size = side * patch
    return AttentionPool(
        height=size, width=size, patch=patch, d_model=d_model, ff_dim=ff_dim, classes=classes
    )


def _sizes(file: BinaryIO, count: int) -> list[int] | None:
    """The first `count` int32, if they can be sizes: larger ones are text, or something else."""
    values = _ints(file, count, 0)
    return values if values and _plausible(values) else None


def _ints(file: BinaryIO, count: int, offset: int) -> list[int]:
    """`count` int32 at `offset`; none if the file ends before."""
    file.seek(offset)
    data = file.read(4 * count)
    return list(struct.unpack(f"<{count}i", data)) if len(data) == 4 * count else []


def _plausible(sizes: list[int]) -> bool:
    return all(1 <= size <= MAX_PIXELS for size in sizes)
