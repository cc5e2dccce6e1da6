"""The networks: their sizes, the names and shapes of their tensors, and how they run forward.

Names, shapes and order of the tensors are those of the C++ models in include/nn/models; values are float32
as there, sums are float64.

Letters: B batch, I inputs, H hidden, K classes, C filters, S tokens, P pixels of a patch, D width, F hidden
units of a token, N heads.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.limits import MAX_HEADS, MAX_HIDDEN_LAYERS, MAX_TOKENS
from models.model import ImageModel, Model, Shapes

LEAKY_SLOPE = 0.01


@dataclass(frozen=True)
class Dense:
    """A hidden layer: its units, and what is done to their sums. Dropout is a matter of training only."""

    units: int
    activation: str = "relu"
    dropout: float = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Mlp(Model):
    """I -> H1 -> H2 ... -> K."""

    kind = "mlp"
    program = "mnist_mlp"
    default_path = "mnist_model.bin"

    inputs: int
    hidden: tuple[Dense, ...]

    @property
    def summary(self) -> str:
        widths = [self.inputs, *(layer.units for layer in self.hidden), self.classes]
        others = {layer.activation for layer in self.hidden} - {"relu"}
        return ", ".join([f"MLP {'-'.join(map(str, widths))}", *sorted(others)])

    @property
    def pixels(self) -> str:
        return f"{self.inputs} pixels"

    def takes(self, size: tuple[int, int]) -> bool:
        return math.prod(size) == self.inputs

    def shapes(self) -> Shapes:
        shapes, before = {}, self.inputs
        for number, width in enumerate([*(layer.units for layer in self.hidden), self.classes], start=1):
            shapes |= {f"W{number}": (before, width), f"b{number}": (width,)}
            before = width
        return shapes

    def contradiction(self) -> tuple[str, str] | None:
        if len(self.hidden) > MAX_HIDDEN_LAYERS:
            return f"{len(self.hidden)} hidden layers", f"at most {MAX_HIDDEN_LAYERS}"
        return None

    def logits(self, x: np.ndarray) -> np.ndarray:
        t, last = self.tensors, len(self.hidden) + 1
        for number, layer in enumerate(self.hidden, start=1):
            x = ACTIVATIONS[layer.activation](x @ t[f"W{number}"] + t[f"b{number}"])  # (B, H)
        return x @ t[f"W{last}"] + t[f"b{last}"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cnn(ImageModel):
    """Image -> padded convolution, C filters of k x k -> ReLU -> max-pool 2x2 -> linear -> K."""

    kind = "cnn"
    program = "mnist_cnn"
    default_path = "mnist_cnn_model.bin"

    filters: int
    kernel: int

    @property
    def pooled_size(self) -> tuple[int, int]:
        """Rows and columns after pooling: an odd last row or column is dropped."""
        return self.height // 2, self.width // 2

    @property
    def summary(self) -> str:
        return f"CNN, {self.filters} filters {self.kernel}x{self.kernel}"

    def shapes(self) -> Shapes:
        return {
            "conv.weight": (self.filters, self.kernel**2),
            "conv.bias": (self.filters,),
            "fc.weight": (self.filters * math.prod(self.pooled_size), self.classes),  # filter, row, column
            "fc.bias": (self.classes,),
        }

    def contradiction(self) -> tuple[str, str] | None:
        if self.kernel not in (3, 5, 7):
            return f"a kernel of {self.kernel}", "3, 5 or 7"
        if min(self.image_size) < 2:
            return f"images of {self.pixels}", "at least 2 x 2"
        return None

    def logits(self, x: np.ndarray) -> np.ndarray:
        t, k, (rows, columns) = self.tensors, self.kernel, self.pooled_size
        padded = np.pad(x.reshape(-1, *self.image_size), ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))
        windows = windows[:, : 2 * rows, : 2 * columns].reshape(-1, 2 * rows, 2 * columns, k * k)
        maps = relu(windows @ t["conv.weight"].T + t["conv.bias"])  # (B, 2 rows, 2 columns, C)
        pooled = maps.reshape(-1, rows, 2, columns, 2, self.filters).max(axis=(2, 4))  # (B, rows, columns, C)
        return pooled.transpose(0, 3, 1, 2).reshape(len(x), -1) @ t["fc.weight"] + t["fc.bias"]


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionPool(ImageModel):
    """Image -> tokens -> attention, N heads -> two layers a token -> mean -> linear -> K."""

    kind = "attention_pool"
    program = "mnist_attention_pool"
    default_path = "mnist_attention_model.bin"

    patch: int
    d_model: int
    ff_dim: int
    heads: int = 1
    position: str = "sinusoidal"  # what `pos` started from: only training asks

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.height // self.patch, self.width // self.patch

    @property
    def summary(self) -> str:
        patches = f"{math.prod(self.grid)} patches {self.patch}x{self.patch}"
        heads = f", {self.heads} heads" if self.heads > 1 else ""
        return f"attention, {patches}, width {self.d_model}{heads}"

    def shapes(self) -> Shapes:
        D, F, K = self.d_model, self.ff_dim, self.classes
        square, row = (D, D), (D,)
        return {
            "Wp": (self.patch**2, D), "bp": row, "pos": (math.prod(self.grid), D),
            "Wq": square, "bq": row, "Wk": square, "bk": row, "Wv": square, "bv": row,
            "W1": (D, F), "b1": (F,), "W2": (F, D), "b2": row,
            "Wcls": (D, K), "bcls": (K,),
        }  # fmt: skip

    def contradiction(self) -> tuple[str, str] | None:
        if self.height % self.patch or self.width % self.patch:
            return f"images of {self.pixels}", f"multiples of the patch, {self.patch} a side"
        if math.prod(self.grid) > MAX_TOKENS:
            return f"{math.prod(self.grid)} patches an image", f"at most {MAX_TOKENS}"
        if self.d_model % self.heads or self.heads > MAX_HEADS:
            return f"{self.heads} heads", f"a divisor of d_model, {self.d_model}, of at most {MAX_HEADS}"
        return None

    def tokens(self, x: np.ndarray) -> np.ndarray:
        """(B, I) -> (B, S, D): patches in row order, pixels of a patch in row order."""
        t, (rows, columns) = self.tensors, self.grid
        patches = x.reshape(-1, rows, self.patch, columns, self.patch).transpose(0, 1, 3, 2, 4)
        return relu(patches.reshape(-1, rows * columns, self.patch**2) @ t["Wp"] + t["bp"] + t["pos"])

    def attention(self, tokens: np.ndarray) -> np.ndarray:
        """(B, S, D) -> (B, N, S, S): how much each query token (row) takes of each token; rows sum to 1."""
        t = self.tensors
        q = self._by_head(tokens @ t["Wq"] + t["bq"])  # (B, N, S, D/N)
        k = self._by_head(tokens @ t["Wk"] + t["bk"])
        return softmax(q @ k.swapaxes(2, 3) / math.sqrt(self.d_model // self.heads))

    def logits(self, x: np.ndarray) -> np.ndarray:
        t, tokens = self.tensors, self.tokens(x)
        mixed = self.attention(tokens) @ self._by_head(tokens @ t["Wv"] + t["bv"])  # (B, N, S, D/N)
        mixed = mixed.swapaxes(1, 2).reshape(tokens.shape)  # (B, S, D)
        out = relu(mixed @ t["W1"] + t["b1"]) @ t["W2"] + t["b2"]  # (B, S, D)
        return out.mean(axis=1) @ t["Wcls"] + t["bcls"]

    def _by_head(self, x: np.ndarray) -> np.ndarray:
        """(B, S, D) -> (B, N, S, D/N): each head has columns of its own."""
        return x.reshape(*x.shape[:2], self.heads, -1).swapaxes(1, 2)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def gelu(x: np.ndarray) -> np.ndarray:
    """x Phi(x), exactly, not by tanh (Hendrycks and Gimpel 2016)."""
    return x * (1 + np.vectorize(math.erf, otypes=[np.float64])(x / math.sqrt(2))) / 2


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda x: x,
    "relu": relu,
    "leaky-relu": lambda x: np.where(x > 0, x, LEAKY_SLOPE * x),
    "sigmoid": lambda x: (1 + np.tanh(x / 2)) / 2,  # no exponential to overflow
    "tanh": np.tanh,
    "gelu": gelu,
}
POSITIONS = ("sinusoidal", "learned", "none")


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the last axis; the largest value is subtracted first, so that nothing overflows."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def logits(model: Model, pixels: np.ndarray, batch: int = 250) -> np.ndarray:
    """Pixels in [0, 1], one image or many in any shape, -> (B, K) scores before the softmax; float64."""
    x = np.asarray(pixels, np.float64).reshape(-1, model.inputs)
    parts = [model.logits(x[i : i + batch]) for i in range(0, len(x), batch)]
    return np.concatenate(parts) if parts else np.empty((0, model.classes))


def probabilities(model: Model, pixels: np.ndarray, batch: int = 250) -> np.ndarray:
    """Pixels in [0, 1], one image or many in any shape, -> (B, K) probabilities of the classes; float64."""
    return softmax(logits(model, pixels, batch))
