"""The three trained networks in numpy: reads the .bin files of the C++ programs, and runs them forward.

Every file is little-endian: int32 sizes, then float64 tensors, row-major, in the order of the fields below.
The kinds are told apart by content, the sizes at the start and the exact length they imply, never by name.

Letters: B batch, I inputs, H hidden, K classes, C filters, S tokens, P pixels of a patch, D width, F hidden
units of a token.
"""

import math
import mmap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from errors import ModelError, os_reason

DIGIT_PIXELS = 28 * 28
DIGITS = 10
LARGEST_SIZE = 65536

Bytes = bytes | mmap.mmap
Blocks = dict[str, tuple[int, ...]]  # name -> shape, in the order of the file


@dataclass(frozen=True)
class Model(ABC):
    """A trained network: the sizes and the tensors of its file, in the file's order."""

    program: ClassVar[str]  # the C++ program that trains it
    default_path: ClassVar[str]  # where that program writes it
    size_names: ClassVar[tuple[str, ...]]
    int_blocks: ClassVar[frozenset[str]] = frozenset()  # blocks that are int32, not float64

    sizes: tuple[int, ...]

    @staticmethod
    @abstractmethod
    def blocks(sizes: Sequence[int], data: Bytes) -> Blocks | None:
        """What follows the sizes in the file `data`; None if no network of this kind has these sizes."""

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Pixels of an image."""

    @property
    @abstractmethod
    def classes(self) -> int: ...

    @property
    @abstractmethod
    def summary(self) -> str:
        """The network in a few words."""

    @abstractmethod
    def logits(self, x: np.ndarray) -> np.ndarray:
        """(B, I) pixels in [0, 1] -> (B, K) scores before the softmax."""


@dataclass(frozen=True)
class Mlp(Model):
    """I -> H (ReLU) -> K."""

    program = "mnist_mlp"
    default_path = "mnist_model.bin"
    size_names = ("inputs", "hidden", "outputs")

    w1: np.ndarray  # (I, H)
    b1: np.ndarray  # (H)
    w2: np.ndarray  # (H, K)
    b2: np.ndarray  # (K)

    @staticmethod
    def blocks(sizes: Sequence[int], data: Bytes) -> Blocks | None:
        inputs, hidden, outputs = sizes
        return {"w1": (inputs, hidden), "b1": (hidden,), "w2": (hidden, outputs), "b2": (outputs,)}

    @property
    def inputs(self) -> int:
        return self.sizes[0]

    @property
    def classes(self) -> int:
        return self.sizes[2]

    @property
    def summary(self) -> str:
        return f"MLP {'-'.join(map(str, self.sizes))}"

    def logits(self, x: np.ndarray) -> np.ndarray:
        return relu(x @ self.w1 + self.b1) @ self.w2 + self.b2


@dataclass(frozen=True)
class Cnn(Model):
    """Image -> padded convolution, C filters of k x k -> ReLU -> max-pool 2x2 -> linear -> K."""

    program = "mnist_cnn"
    default_path = "mnist_cnn_model.bin"
    size_names = ("out_channels", "in_channels", "kernel", "height", "width")
    int_blocks = frozenset({"fc_size"})

    conv_w: np.ndarray  # (C, k*k)
    conv_b: np.ndarray  # (C)
    fc_size: np.ndarray  # (2): the shape of fc_w
    fc_w: np.ndarray  # (C * height/2 * width/2, K), inputs in (filter, row, column) order
    fc_b: np.ndarray  # (K)

    @staticmethod
    def blocks(sizes: Sequence[int], data: Bytes) -> Blocks | None:
        filters, channels, kernel, height, width = sizes
        fc_in = filters * (height // 2) * (width // 2)
        fc_at = 4 * len(sizes) + 8 * filters * (kernel * kernel + 1)
        fc_size = _ints(data, 2, fc_at) or [fc_in, DIGITS]  # of a file cut short before them: the likeliest
        if channels != 1 or kernel % 2 == 0 or fc_size[0] != fc_in or not _plausible(fc_size[1:]):
            return None
        return {
            "conv_w": (filters, kernel * kernel),
            "conv_b": (filters,),
            "fc_size": (2,),
            "fc_w": tuple(fc_size),
            "fc_b": (fc_size[1],),
        }

    @property
    def inputs(self) -> int:
        _, _, _, height, width = self.sizes
        return height * width

    @property
    def classes(self) -> int:
        return self.fc_b.size

    @property
    def summary(self) -> str:
        filters, _, kernel, _, _ = self.sizes
        return f"CNN, {filters} filters {kernel}x{kernel}"

    def logits(self, x: np.ndarray) -> np.ndarray:
        c, _, k, height, width = self.sizes
        rows, columns = height // 2, width // 2  # of the pooled map: an odd last row or column is dropped
        padded = np.pad(x.reshape(-1, height, width), ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))
        windows = windows[:, : 2 * rows, : 2 * columns].reshape(-1, 2 * rows, 2 * columns, k * k)
        maps = relu(windows @ self.conv_w.T + self.conv_b)  # (B, 2 rows, 2 columns, C)
        pooled = maps.reshape(-1, rows, 2, columns, 2, c).max(axis=(2, 4))  # (B, rows, columns, C)
        return pooled.transpose(0, 3, 1, 2).reshape(len(x), -1) @ self.fc_w + self.fc_b


@dataclass(frozen=True)
class AttentionPool(Model):
    """Square image -> tokens -> attention, one head -> two layers a token -> mean -> linear -> K."""

    program = "mnist_attention_pool"
    default_path = "mnist_attention_model.bin"
    size_names = ("patch", "tokens", "d_model", "ff", "classes")

    wp: np.ndarray  # (P, D)
    bp: np.ndarray  # (D)
    pos: np.ndarray  # (S, D)
    wq: np.ndarray  # (D, D)
    bq: np.ndarray  # (D)
    wk: np.ndarray  # (D, D)
    bk: np.ndarray  # (D)
    wv: np.ndarray  # (D, D)
    bv: np.ndarray  # (D)
    w1: np.ndarray  # (D, F)
    b1: np.ndarray  # (F)
    w2: np.ndarray  # (F, D)
    b2: np.ndarray  # (D)
    wcls: np.ndarray  # (D, K)
    bcls: np.ndarray  # (K)

    @staticmethod
    def blocks(sizes: Sequence[int], data: Bytes) -> Blocks | None:
        patch, tokens, d_model, ff, classes = sizes
        if math.isqrt(tokens) ** 2 != tokens:
            return None
        square, row = (d_model, d_model), (d_model,)
        return {
            "wp": (patch * patch, d_model),
            "bp": row,
            "pos": (tokens, d_model),
            "wq": square,
            "bq": row,
            "wk": square,
            "bk": row,
            "wv": square,
            "bv": row,
            "w1": (d_model, ff),
            "b1": (ff,),
            "w2": (ff, d_model),
            "b2": row,
            "wcls": (d_model, classes),
            "bcls": (classes,),
        }

    @property
    def inputs(self) -> int:
        patch, tokens, *_ = self.sizes
        return tokens * patch * patch

    @property
    def classes(self) -> int:
        return self.sizes[4]

    @property
    def summary(self) -> str:
        patch, tokens, d_model, *_ = self.sizes
        return f"attention, {tokens} patches {patch}x{patch}, width {d_model}"

    def tokens(self, x: np.ndarray) -> np.ndarray:
        """(B, I) -> (B, S, D): patches in row order, pixels of a patch in row order."""
        patch, tokens, *_ = self.sizes
        across = math.isqrt(tokens)
        grid = x.reshape(-1, across, patch, across, patch).transpose(0, 1, 3, 2, 4)
        return relu(grid.reshape(-1, tokens, patch * patch) @ self.wp + self.bp + self.pos)

    def attention(self, tokens: np.ndarray) -> np.ndarray:
        """(B, S, D) -> (B, S, S): how much each query token (row) takes of each token; rows sum to 1."""
        q, k = tokens @ self.wq + self.bq, tokens @ self.wk + self.bk
        return softmax(q @ k.transpose(0, 2, 1) / math.sqrt(self.bq.size))

    def logits(self, x: np.ndarray) -> np.ndarray:
        tokens = self.tokens(x)
        mixed = self.attention(tokens) @ (tokens @ self.wv + self.bv)  # (B, S, D)
        out = relu(mixed @ self.w1 + self.b1) @ self.w2 + self.b2  # (B, S, D)
        return out.mean(axis=1) @ self.wcls + self.bcls


KINDS: tuple[type[Model], ...] = (Cnn, AttentionPool, Mlp)  # the pickiest about its sizes first


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the last axis; the largest value is subtracted first, so that nothing overflows."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def probabilities(model: Model, pixels: np.ndarray, batch: int = 250) -> np.ndarray:
    """Pixels in [0, 1], one image or many in any shape, -> (B, K) probabilities of the classes; float64."""
    x = np.asarray(pixels, np.float64).reshape(-1, model.inputs)
    parts = [softmax(model.logits(x[i : i + batch])) for i in range(0, len(x), batch)]
    return np.concatenate(parts) if parts else np.empty((0, model.classes))


def load_digit_model(path: Path) -> Model:
    """Reads a model that tells ten digits in pictures of 28x28. Raises ModelError."""
    model = load_model(path)
    if (model.inputs, model.classes) != (DIGIT_PIXELS, DIGITS):
        found = f"a network from {model.inputs} pixels to {model.classes} classes"
        raise ModelError(path, found, f"one from {DIGIT_PIXELS} pixels to {DIGITS} digits")
    return model


def load_model(path: Path) -> Model:
    """Reads a .bin of any of the three kinds and of any size. Raises ModelError (path, found, expected)."""
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) == 0:
                return _parse(path, b"")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(path, data)
    except FileNotFoundError as error:
        expected = f"a trained model; make it with: {_training_command(path)}"
        raise ModelError(path, "no such file", expected) from error
    except OSError as error:
        raise ModelError(path, os_reason(error), "a model file") from error


def _training_command(path: Path) -> str:
    """The command that writes `path`: with its own program if the name is a default one, mnist_mlp if not."""
    kind = next((kind for kind in KINDS if path.name == kind.default_path), Mlp)
    return f"tools/run.sh {kind.program}" + ("" if str(path) == kind.default_path else f" --output {path}")


def _parse(path: Path, data: Bytes) -> Model:
    wrong_length = None
    for kind in KINDS:
        sizes = _ints(data, len(kind.size_names), 0)
        if not _plausible(sizes) or (blocks := kind.blocks(sizes, data)) is None:
            continue
        bytes_of = (math.prod(shape) * _dtype(kind, name).itemsize for name, shape in blocks.items())
        expected = 4 * len(sizes) + sum(bytes_of)
        if len(data) == expected:
            return _tensors(path, data, kind, sizes, blocks)
        named = ", ".join(f"{name} {size}" for name, size in zip(kind.size_names, sizes, strict=True))
        wrong_length = wrong_length or f"{expected} for a model of {kind.program} with {named}"
    if wrong_length:
        raise ModelError(path, f"{len(data)} bytes", wrong_length)
    programs = ", ".join(kind.program for kind in KINDS)
    raise ModelError(path, f"{len(data)} bytes that are no model", f"a .bin of one of {programs}")


def _tensors(path: Path, data: Bytes, kind: type[Model], sizes: Sequence[int], blocks: Blocks) -> Model:
    tensors, offset = {}, 4 * len(sizes)
    for name, shape in blocks.items():
        tensor = np.frombuffer(data, _dtype(kind, name), math.prod(shape), offset).reshape(shape).copy()
        if bad := np.count_nonzero(~np.isfinite(tensor)):
            found = f"{bad} of the {tensor.size} values of {name} are not finite"
            raise ModelError(path, found, "finite numbers")
        tensors[name] = tensor
        offset += tensor.nbytes
    return kind(tuple(sizes), **tensors)


def _dtype(kind: type[Model], name: str) -> np.dtype:
    return np.dtype("<i4" if name in kind.int_blocks else "<f8")


def _ints(data: Bytes, count: int, offset: int) -> list[int]:
    """`count` int32 at `offset`; none if the file ends before."""
    whole = offset + 4 * count <= len(data)
    return np.frombuffer(data[offset : offset + 4 * count], "<i4").tolist() if whole else []


def _plausible(sizes: Sequence[int]) -> bool:
    return bool(sizes) and all(1 <= size <= LARGEST_SIZE for size in sizes)
