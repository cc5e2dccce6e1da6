"""Chains of layers: what a layer is, and how layers follow one another.

What flows between them, of one sample: an image (rows, columns, channels), tokens (S, D), or a vector (N).
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from models.limits import MAX_ACTIVATION, MAX_DEPTH, MAX_LAYERS, MAX_TENSOR, NetworkError

Shape = tuple[int, ...]
Shapes = dict[str, Shape]  # of tensors, by name

VECTOR, TOKENS, IMAGE = 1, 2, 3  # lengths of a sample's shape


@dataclass(frozen=True)
class Layer(ABC):
    """Fields are checked by the rules in their types. Raises NetworkError."""

    name: ClassVar[str]  # in JSON and in the text of a network
    takes: ClassVar[tuple[int, ...]] = (VECTOR, TOKENS, IMAGE)
    buffers: ClassVar[tuple[str, ...]] = ()  # tensors that are not trained
    layers: ClassVar[tuple["Layer", ...]] = ()  # that are within this one

    def __post_init__(self) -> None:
        for field in fields(self):
            (rule,) = field.type.__metadata__
            rule.check(f"{field.name} of {self.name}", getattr(self, field.name))

    def __str__(self) -> str:
        """As `--layers` has it; flags that are not set are not said."""
        words = [self.name]
        for name, value in vars(self).items():
            if value is not False:
                said = f"{value:g}" if isinstance(value, float) else value
                words.append(name if value is True else str(said))
        return " ".join(words)

    def makes(self, shape: Shape) -> Shape:
        """The shape that it makes of `shape`. Raises NetworkError if it cannot take it."""
        return shape

    def tensors(self, shape: Shape) -> Shapes:
        """Of what it has for an input of `shape`, by the ends of their names."""
        return {}

    @abstractmethod
    def forward(self, x: np.ndarray, step: "Step") -> np.ndarray:
        """(B, *takes) -> (B, *makes), float64."""

    def require(self, condition: bool, shape: Shape, expected: str) -> None:
        """Raises NetworkError unless `condition` holds."""
        if not condition:
            raise NetworkError(f"{self} on {in_words(shape)}", expected)


@dataclass(frozen=True, eq=False)
class Step:
    """A layer at its place in a chain; `step["weight"]` is its tensor of that name, in float64."""

    layer: Layer
    name: str  # conv1, batch_norm2, ...: what its tensors' names begin with
    takes: Shape
    makes: Shape
    inner: tuple["Step", ...]  # of a residual
    all_tensors: Mapping[str, np.ndarray]  # of the whole network

    def __getitem__(self, suffix: str) -> np.ndarray:
        return self.all_tensors[f"{self.name}.{suffix}"].astype(np.float64)

    @property
    def shapes(self) -> Shapes:
        """Of its tensors, by their whole names."""
        return {f"{self.name}.{suffix}": s for suffix, s in self.layer.tensors(self.takes).items()}


def place(
    layers: Sequence[Layer],
    shape: Shape,
    tensors: Mapping[str, np.ndarray],
    counts: Counter[str] | None = None,
    depth: int = 0,
) -> tuple[Step, ...]:
    """The layers one after another, the first on `shape`; `counts` is of those before.

    Raises NetworkError.
    """
    counts, steps = Counter() if counts is None else counts, []
    if depth > MAX_DEPTH:
        raise NetworkError(f"residuals nested {depth} deep", f"at most {MAX_DEPTH}")
    for layer in layers:
        counts[layer.name] += 1
        if counts.total() > MAX_LAYERS:
            raise NetworkError(f"more than {MAX_LAYERS} layers", f"at most {MAX_LAYERS}")
        name = f"{layer.name.replace('-', '_')}{counts[layer.name]}"
        kinds = " or ".join(("a vector", "tokens", "an image")[length - 1] for length in layer.takes)
        layer.require(len(shape) in layer.takes, shape, kinds)
        inner = place(layer.layers, shape, tensors, counts, depth + 1) if layer.layers else ()
        step = Step(layer, name, shape, layer.makes(shape), inner, tensors)
        too_large = f"{layer} on {in_words(shape)} makes"
        if (size := math.prod(step.makes)) > MAX_ACTIVATION:
            raise NetworkError(f"{too_large} {size} values", f"at most {MAX_ACTIVATION}")
        if (size := max(map(math.prod, step.shapes.values()), default=0)) > MAX_TENSOR:
            raise NetworkError(f"{too_large} a tensor of {size} values", f"at most {MAX_TENSOR}")
        steps.append(step)
        shape = step.makes
    return tuple(steps)


def run(steps: Sequence[Step], x: np.ndarray) -> np.ndarray:
    """x (B, *takes of the first) -> (B, *makes of the last)"""
    for step in steps:
        x = step.layer.forward(x, step)
    return x


def all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Depth first, as tensors are ordered."""
    for step in steps:
        yield step
        yield from all_steps(step.inner)


def inputs_of(steps: Sequence[Step], x: np.ndarray) -> Iterator[tuple[Step, np.ndarray]]:
    """Every step, depth first, with what it takes when the first one takes x."""
    for step in steps:
        yield step, x
        yield from inputs_of(step.inner, x)
        x = step.layer.forward(x, step)


def in_words(shape: Shape) -> str:
    match shape:
        case (rows, columns, channels):
            return f"an image of {rows} x {columns} x {channels}"
        case (tokens, width):
            return f"{tokens} tokens of {width}"
    return f"a vector of {shape[0]}"
