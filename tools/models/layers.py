"""The layers: their fields, the shape they make of a shape, their tensors, and how they run forward.

The same as include/nn/layers, which they check: weights are float32 as there, sums are float64.

Letters: B batch, H x W image of C channels, F filters, K kernel, S tokens, D width, N heads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from models.chain import IMAGE, TOKENS, Layer, Shape, Shapes, Step, run
from models.limits import MAX_ACTIVATION, MAX_TOKENS, Flag, Heads, Kernel, Rate, Rule, Side, Size, one_of

EPSILON = 1e-5  # in the norms
LEAKY_SLOPE = 0.01


@dataclass(frozen=True)
class Conv(Layer):
    """Cross-correlation with F filters, K x K, padded with zeros unless `valid`."""

    name = "conv"
    takes = (IMAGE,)
    filters: Size
    kernel: Kernel
    stride: Kernel = 1
    valid: Flag = False

    def __str__(self) -> str:
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        return f"conv {self.filters} {self.kernel}x{self.kernel}{stride}{' valid' if self.valid else ''}"

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros before and after the rows, and the columns."""
        return (0, 0) if self.valid else ((self.kernel - 1) // 2, self.kernel // 2)

    def makes(self, shape: Shape) -> Shape:
        fewest = self.kernel if self.valid else 1
        self.require(min(shape[:2]) >= fewest, shape, f"at least {fewest} x {fewest}")
        return *((side - fewest) // self.stride + 1 for side in shape[:2]), self.filters

    def tensors(self, shape: Shape) -> Shapes:
        return {"weight": (self.filters, shape[2], self.kernel, self.kernel), "bias": (self.filters,)}

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        """(B, H, W, C) -> (B, H', W', F): each window of K x K times each filter."""
        rows, columns, filters = step.makes
        x = np.pad(x, ((0, 0), self.padding, self.padding, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (self.kernel, self.kernel), axis=(1, 2))
        windows = windows[:, :: self.stride, :: self.stride]  # (B, H', W', C, K, K)
        windows = windows.reshape(len(x), rows, columns, -1)
        return windows @ step["weight"].reshape(filters, -1).T + step["bias"]


@dataclass(frozen=True)
class Pool(Layer):
    """Windows of size x size side by side; rows and columns that fill none are dropped."""

    takes = (IMAGE,)
    size: Side

    def makes(self, shape: Shape) -> Shape:
        self.require(min(shape[:2]) >= self.size, shape, f"at least {self.size} x {self.size}")
        return shape[0] // self.size, shape[1] // self.size, shape[2]

    def windows(self, x: np.ndarray, step: Step) -> np.ndarray:
        """(B, H, W, C) -> (B, H', size, W', size, C)"""
        (rows, columns, channels), n = step.makes, self.size
        return x[:, : n * rows, : n * columns].reshape(-1, rows, n, columns, n, channels)


@dataclass(frozen=True)
class MaxPool(Pool):
    name = "max-pool"

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return self.windows(x, step).max(axis=(2, 4))


@dataclass(frozen=True)
class AvgPool(Pool):
    name = "avg-pool"

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return self.windows(x, step).mean(axis=(2, 4))


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The mean of each channel."""

    name = "global-avg-pool"
    takes = (IMAGE,)

    def makes(self, shape: Shape) -> Shape:
        return shape[2:]

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return x.mean(axis=(1, 2))


@dataclass(frozen=True)
class Flatten(Layer):
    """An image channel by channel, tokens token by token."""

    name = "flatten"

    def makes(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return flat(x)


@dataclass(frozen=True)
class Dense(Layer):
    """y = x w + b of a vector, of an image flattened, of each token."""

    name = "dense"
    units: Size

    def makes(self, shape: Shape) -> Shape:
        return (shape[0], self.units) if len(shape) == TOKENS else (self.units,)

    def tensors(self, shape: Shape) -> Shapes:
        inputs = shape[1] if len(shape) == TOKENS else math.prod(shape)
        return {"weight": (inputs, self.units), "bias": (self.units,)}

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        x = x if len(step.takes) == TOKENS else flat(x)
        return x @ step["weight"] + step["bias"]


@dataclass(frozen=True)
class Relu(Layer):
    name = "relu"

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return np.maximum(x, 0)


@dataclass(frozen=True)
class LeakyRelu(Layer):
    name = "leaky-relu"

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return np.where(x > 0, x, LEAKY_SLOPE * x)


@dataclass(frozen=True)
class Sigmoid(Layer):
    name = "sigmoid"

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return (1 + np.tanh(x / 2)) / 2  # no exponential to overflow


@dataclass(frozen=True)
class Tanh(Layer):
    name = "tanh"

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return np.tanh(x)


@dataclass(frozen=True)
class Gelu(Layer):
    """x Phi(x), exactly, not by tanh (Hendrycks and Gimpel 2016)."""

    name = "gelu"

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return x * (1 + np.vectorize(math.erf, otypes=[np.float64])(x / math.sqrt(2))) / 2


@dataclass(frozen=True)
class Dropout(Layer):
    """A matter of training only."""

    name = "dropout"
    rate: Rate

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return x


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Each channel, with the mean and the variance that it had in training (Ioffe and Szegedy 2015)."""

    name = "batch-norm"
    buffers = ("running_mean", "running_var")

    def tensors(self, shape: Shape) -> Shapes:
        return dict.fromkeys(("weight", "bias", *self.buffers), shape[-1:])

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        normal = (x - step["running_mean"]) / np.sqrt(step["running_var"] + EPSILON)
        return normal * step["weight"] + step["bias"]


@dataclass(frozen=True)
class LayerNorm(Layer):
    """The last axis of every position, by its own mean and variance (Ba et al. 2016)."""

    name = "layer-norm"

    def tensors(self, shape: Shape) -> Shapes:
        return dict.fromkeys(("weight", "bias"), shape[-1:])

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + EPSILON) * step["weight"] + step["bias"]


@dataclass(frozen=True)
class Patches(Layer):
    """An image cut into squares, in row order, each a token; values of a patch by row, column, channel."""

    name = "patches"
    takes = (IMAGE,)
    patch: Side
    width: Size

    def grid(self, shape: Shape) -> tuple[int, int]:
        """Rows and columns of patches."""
        return shape[0] // self.patch, shape[1] // self.patch

    def makes(self, shape: Shape) -> Shape:
        multiples = shape[0] % self.patch == 0 == shape[1] % self.patch
        self.require(multiples, shape, f"multiples of the patch, {self.patch} a side")
        self.require(math.prod(self.grid(shape)) <= MAX_TOKENS, shape, f"at most {MAX_TOKENS} patches")
        return math.prod(self.grid(shape)), self.width

    def tensors(self, shape: Shape) -> Shapes:
        return {"weight": (self.patch**2 * shape[2], self.width), "bias": (self.width,)}

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        """(B, H, W, C) -> (B, S, D)"""
        (rows, columns), p, channels = self.grid(step.takes), self.patch, step.takes[2]
        patches = x.reshape(-1, rows, p, columns, p, channels).swapaxes(2, 3)
        return patches.reshape(-1, rows * columns, p * p * channels) @ step["weight"] + step["bias"]


@dataclass(frozen=True)
class Position(Layer):
    """Adds a trained table; what it started from only training asks."""

    name = "position"
    takes = (TOKENS,)
    start: Annotated[str, one_of("sinusoidal", "learned")]

    def tensors(self, shape: Shape) -> Shapes:
        return {"table": shape}

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return x + step["table"]


@dataclass(frozen=True)
class Attention(Layer):
    """softmax(q k^T / sqrt(D / N)) v for each head, heads side by side (Vaswani et al. 2017)."""

    name = "attention"
    takes = (TOKENS,)
    heads: Heads
    projection: Flag = False

    @property
    def parts(self) -> tuple[str, ...]:
        return ("query", "key", "value", "output") if self.projection else ("query", "key", "value")

    def makes(self, shape: Shape) -> Shape:
        tokens, width = shape
        self.require(width % self.heads == 0, shape, f"heads that divide the width, {width}")
        weights = self.heads * tokens**2
        self.require(weights <= MAX_ACTIVATION, shape, f"heads x tokens^2 of at most {MAX_ACTIVATION}")
        return shape

    def tensors(self, shape: Shape) -> Shapes:
        D = shape[1]
        return {
            f"{part}.{name}": size
            for part in self.parts
            for name, size in {"weight": (D, D), "bias": (D,)}.items()
        }

    def weights(self, x: np.ndarray, step: Step) -> np.ndarray:
        """(B, S, D) -> (B, N, S, S): how much each query token (row) takes of each token; rows sum to 1."""
        q, k = self.by_head("query", x, step), self.by_head("key", x, step)
        return softmax(q @ k.swapaxes(2, 3) / math.sqrt(step.takes[1] // self.heads))

    def by_head(self, part: str, x: np.ndarray, step: Step) -> np.ndarray:
        """(B, S, D) -> (B, N, S, D/N): each head has columns of its own."""
        x = x @ step[f"{part}.weight"] + step[f"{part}.bias"]
        return x.reshape(*x.shape[:2], self.heads, -1).swapaxes(1, 2)

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        mixed = self.weights(x, step) @ self.by_head("value", x, step)  # (B, N, S, D/N)
        mixed = mixed.swapaxes(1, 2).reshape(x.shape)
        return mixed @ step["output.weight"] + step["output.bias"] if self.projection else mixed


@dataclass(frozen=True)
class Mean(Layer):
    """Over the tokens."""

    name = "mean"
    takes = (TOKENS,)

    def makes(self, shape: Shape) -> Shape:
        return shape[1:]

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return x.mean(axis=1)


def is_chain(value: object) -> bool:
    return isinstance(value, tuple) and len(value) > 0 and all(isinstance(layer, Layer) for layer in value)


@dataclass(frozen=True)
class Residual(Layer):
    """f(x) + x, where f is a chain that keeps the shape (He et al. 2016)."""

    name = "residual"
    layers: Annotated[tuple[Layer, ...], Rule(is_chain, "one layer or more")]

    def __str__(self) -> str:
        return f"residual({text_of(self.layers)})"

    def makes(self, shape: Shape) -> Shape:
        made = shape
        for layer in self.layers:
            made = layer.makes(made)
        self.require(made == shape, shape, "layers that keep the shape")
        return shape

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return x + run(step.inner, x)


@dataclass(frozen=True)
class ScaleShift(Layer):
    """A number to multiply each channel by, and one to add."""

    name = "scale-shift"

    def tensors(self, shape: Shape) -> Shapes:
        return dict.fromkeys(("weight", "bias"), shape[-1:])

    def forward(self, x: np.ndarray, step: Step) -> np.ndarray:
        return x * step["weight"] + step["bias"]


LAYERS: dict[str, type[Layer]] = {
    layer.name: layer
    for layer in (
        Conv, MaxPool, AvgPool, GlobalAvgPool, Flatten, Dense, Relu, LeakyRelu, Sigmoid, Tanh, Gelu, Dropout,
        BatchNorm, LayerNorm, Patches, Position, Attention, Mean, Residual,
        ScaleShift,
    )
}  # fmt: skip


def text_of(layers: Sequence[Layer]) -> str:
    """As `--layers` takes it: `conv 16 3x3, max-pool 2, residual(batch-norm, relu), dense 10`."""
    return ", ".join(map(str, layers))


def flat(x: np.ndarray) -> np.ndarray:
    """(B, ...) -> (B, N), an image (B, H, W, C) in the order (C, H, W)."""
    return (np.moveaxis(x, 3, 1) if x.ndim == 1 + IMAGE else x).reshape(len(x), -1)


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the last axis; the largest value is subtracted first, so that nothing overflows."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
