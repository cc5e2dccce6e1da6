"""The operations that a network takes: its layers, without what costs time or memory for nothing.

Nothing but rounding differs: dropout is left out, and a flatten that moves nothing; batch norm and scale-shift go into
the weights before them; max-pooling goes before an activation that it can change places with, and together with a
convolution, whose whole output is then never stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.chain import IMAGE, Shape, Step
from models.layers import (
    EPSILON,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyRelu,
    MaxPool,
    Patches,
    Relu,
    ScaleShift,
    Sigmoid,
    Tanh,
)

LINEAR = (Conv, Dense, Patches)
PER_CHANNEL = (BatchNorm, ScaleShift)
RISING = (Relu, LeakyRelu, Sigmoid, Tanh)  # keep the largest of several values the largest


@dataclass(frozen=True, eq=False)
class Operation:
    """A layer, or several at once; the first one says how it is computed."""

    layers: tuple[Layer, ...]
    name: str
    takes: Shape
    makes: Shape
    tensors: dict[str, np.ndarray]  # float64, by the ends of their names; of weights the last axis is the outputs
    inner: tuple["Operation", ...] = ()  # of a residual

    @property
    def layer(self) -> Layer:
        return self.layers[0]

    @property
    def pool(self) -> int | None:
        """The size of the max-pooling that follows a convolution."""
        sizes = [layer.size for layer in self.layers[1:] if isinstance(layer, MaxPool)]
        return sizes[0] if sizes else None


def operations_of(steps: Sequence[Step]) -> tuple[Operation, ...]:
    """Those of a chain of layers, in their order."""
    operations: list[Operation] = []
    for operation in pools_first([operation_of(step) for step in without_idle(steps)]):
        last = operations[-1] if operations else None
        if last and not last.pool and isinstance(last.layer, LINEAR) and isinstance(operation.layer, PER_CHANNEL):
            operations[-1] = scaled(last, operation)
        elif last and not last.pool and isinstance(last.layer, Conv) and isinstance(operation.layer, MaxPool):
            operations[-1] = replace(last, layers=(*last.layers, operation.layer), makes=operation.makes)
        else:
            operations.append(operation)
    return tuple(operations)


def without_idle(steps: Sequence[Step]) -> list[Step]:
    """Without dropout, and without a flatten that keeps the order of the values or goes before a dense layer."""
    kept: list[Step] = []
    for step in steps:
        before = kept[-1] if kept else None
        if isinstance(step.layer, Dense) and before and isinstance(before.layer, Flatten):
            kept[-1] = replace(step, takes=before.takes)  # an image, which operation_of() sees to
        elif not isinstance(step.layer, Dropout) and not (isinstance(step.layer, Flatten) and keeps_order(step.takes)):
            kept.append(step)
    return kept


def keeps_order(shape: Shape) -> bool:
    """Whether a flatten of it does: an image is stored by row, column and channel, but flattened by channel."""
    return len(shape) != IMAGE or shape[2] == 1 or shape[0] * shape[1] == 1


def operation_of(step: Step) -> Operation:
    tensors = {name: step[name] for name in step.layer.tensors(step.takes)}
    match step.layer:
        case Conv(filters):  # (F, C, K, K) -> (K, K, C, F)
            tensors["weight"] = tensors["weight"].transpose(2, 3, 1, 0).reshape(-1, filters)
        case Dense(units) if len(step.takes) == IMAGE:  # rows by channel, row and column -> row, column and channel
            rows, columns, channels = step.takes
            weight = tensors["weight"].reshape(channels, rows, columns, units)
            tensors["weight"] = weight.transpose(1, 2, 0, 3).reshape(-1, units)
        case BatchNorm():
            with np.errstate(invalid="ignore", divide="ignore"):  # whatever comes of it is no finite weight
                scale = tensors["weight"] / np.sqrt(tensors["running_var"] + EPSILON)
            tensors = {"weight": scale, "bias": tensors["bias"] - tensors["running_mean"] * scale}
    return Operation((step.layer,), step.name, step.takes, step.makes, tensors, operations_of(step.inner))


def pools_first(operations: Sequence[Operation]) -> list[Operation]:
    """With every max-pooling before the activations that it can change places with: they then have less to do."""
    ordered: list[Operation] = []
    for operation in operations:
        place = len(ordered)
        while isinstance(operation.layer, MaxPool) and place > 0 and isinstance(ordered[place - 1].layer, RISING):
            place -= 1
            ordered[place] = replace(ordered[place], takes=operation.makes, makes=operation.makes)
        ordered.insert(place, operation)
    return ordered


def scaled(linear: Operation, channels: Operation) -> Operation:
    """(x w + b) s + t = x (w s) + (b s + t)"""
    scale, shift = channels.tensors["weight"], channels.tensors["bias"]
    weight, bias = linear.tensors["weight"] * scale, linear.tensors["bias"] * scale + shift
    return replace(linear, layers=(*linear.layers, channels.layer), tensors={"weight": weight, "bias": bias})
