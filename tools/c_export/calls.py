"""The calls of C functions that the operations become: a function a layer, in the table at the end.

A function adds to `program` what `operation` does to the value `x`, and returns the value that it makes. Images are
(rows, columns, channels) in memory, too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from c_export.memory import Buffer
from c_export.operations import Operation
from c_export.weights import Weights
from models.chain import TOKENS, Shape
from models.layers import text_of

FOR_LONG = 1 << 30  # more calls than there are


@dataclass(frozen=True)
class Value:
    """What a call makes; its buffer may have had another value before, and may get another one."""

    buffer: Buffer
    shape: Shape

    def __str__(self) -> str:
        return self.buffer.name

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def rows(self) -> int:
        """All positions of an image, tokens, or 1."""
        return math.prod(self.shape[:-1])

    @property
    def columns(self) -> int:
        return self.shape[-1]

    @property
    def shape_text(self) -> str:
        return shape_text(self.shape)

    @property
    def image(self) -> str:
        return "(Image){{{}, {}, {}}}".format(*self.shape)


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[object, ...]
    about: str  # the layers' name, what they are, the shapes


@dataclass
class Program:
    """Calls, and their buffers and weights, as they are added."""

    weights: Weights
    calls: list[Call] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)

    def buffer(self, name: str, size: int) -> Buffer:
        """For the next call."""
        self.buffers.append(Buffer(name, size, len(self.calls), len(self.calls)))
        return self.buffers[-1]

    def value(self, name: str, shape: Shape) -> Value:
        """That the next call makes."""
        return Value(self.buffer(name, math.prod(shape)), shape)

    def after(self, operation: Operation) -> Value:
        return self.value(f"after_{operation.name}", operation.makes)

    def in_place(self, operation: Operation, x: Value) -> Value:
        """What the next call makes of x in its place, unless x is needed later."""
        return self.after(operation) if x.buffer.last > len(self.calls) else Value(x.buffer, operation.makes)

    def call(self, function: str, operation: Operation, x: Value, *arguments: object) -> None:
        """Of a function that reads x."""
        shapes = f"{shape_text(operation.takes)} -> {shape_text(operation.makes)}"
        self.add(function, [x], f"{operation.name}: {text_of(operation.layers)}: {shapes}", *arguments)

    def add(self, function: str, reads: Sequence[Value], about: str, *arguments: object) -> None:
        for value in reads:
            value.buffer.last = max(value.buffer.last, len(self.calls))
        self.calls.append(Call(function, arguments, about))

    def chain(self, operations: Sequence[Operation], x: Value) -> Value:
        for operation in operations:
            x = CALLS[operation.layer.name](self, operation, x)
        return x

    def linear(self, operation: Operation, part: str = "") -> str:
        """The weights of an operation, or of a `part` of it."""
        name = "_".join(filter(None, (operation.name, part)))
        prefix = part and f"{part}."
        weight, bias = (operation.tensors[f"{prefix}{kind}"] for kind in ("weight", "bias"))
        return self.weights.linear(name, weight, bias)


def shape_text(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"


Calls = Callable[[Program, Operation, Value], Value]


def conv(program: Program, operation: Operation, x: Value) -> Value:
    layer, y = operation.layer, program.after(operation)
    weights = program.linear(operation), f"(Window){{{layer.kernel}, {layer.stride}, {layer.padding[0]}}}"
    if operation.pool:
        place = program.buffer(f"place_of_{operation.name}", layer.filters).name
        arguments = (*weights, operation.pool, x, x.image, place, y, y.image)
        program.call("conv_max_pool", operation, x, *arguments)
    else:
        program.call("conv", operation, x, *weights, x, x.image, y, y.image)
    return y


def pool(function: str) -> Calls:
    def add(program: Program, operation: Operation, x: Value) -> Value:
        y = program.in_place(operation, x)
        program.call(function, operation, x, operation.layer.size, x, x.image, y, y.image)
        return y

    return add


def mean(program: Program, operation: Operation, x: Value) -> Value:
    y = program.after(operation)
    program.call("mean", operation, x, x, x.rows, x.columns, y)
    return y


def flatten(program: Program, operation: Operation, x: Value) -> Value:
    y = program.after(operation)
    program.call("flatten", operation, x, x, x.image, y)
    return y


def dense(program: Program, operation: Operation, x: Value) -> Value:
    y = program.after(operation)
    rows = x.rows if len(operation.takes) == TOKENS else 1
    program.call("dense", operation, x, program.linear(operation), x, rows, y)
    return y


def elementwise(function: str) -> Calls:
    def add(program: Program, operation: Operation, x: Value) -> Value:
        y = program.in_place(operation, x)
        program.call(function, operation, x, x, x.size, y)
        return y

    return add


def by_column(function: str) -> Calls:
    """With a scale and a shift for each."""

    def add(program: Program, operation: Operation, x: Value) -> Value:
        names = ("scale", "weight"), ("shift", "bias")
        weights = [program.weights.floats(f"{operation.name}_{own}", operation.tensors[name]) for own, name in names]
        y = program.in_place(operation, x)
        program.call(function, operation, x, *weights, x, x.rows, x.columns, y)
        return y

    return add


def patches(program: Program, operation: Operation, x: Value) -> Value:
    y = program.after(operation)
    program.call("patches", operation, x, program.linear(operation), operation.layer.patch, x, x.image, y)
    return y


def position(program: Program, operation: Operation, x: Value) -> Value:
    y = program.in_place(operation, x)
    table = program.weights.table(f"{operation.name}_table", operation.tensors["table"], "tokens, width")
    program.call("position", operation, x, *table, x, x.rows, x.columns, y)
    return y


def attention(program: Program, operation: Operation, x: Value) -> Value:
    name, layer, (tokens, width) = operation.name, operation.layer, operation.takes
    parts = [program.linear(operation, part) for part in layer.parts]
    output = [] if layer.projection else ["NULL"]
    sizes = {"keys": tokens * width, "values": tokens * width, "row": 2 * width + tokens}
    own = [program.buffer(f"{part}_of_{name}", size).name for part, size in sizes.items()]
    y = program.in_place(operation, x)
    program.call("attention", operation, x, *parts, *output, layer.heads, x, tokens, *own, y)
    return y


def residual(program: Program, operation: Operation, x: Value) -> Value:
    last, x.buffer.last = x.buffer.last, FOR_LONG  # until it is added
    y = program.chain(operation.inner, x)
    x.buffer.last = last
    total = program.in_place(operation, x) if y is x else y
    program.add("add", [x, y], f"{operation.name}: the input of its layers and their output", x, y, x.size, total)
    return total


CALLS: dict[str, Calls] = {
    "conv": conv,
    "max-pool": pool("max_pool"),
    "avg-pool": pool("avg_pool"),
    "global-avg-pool": mean,
    "flatten": flatten,
    "dense": dense,
    "relu": elementwise("relu"),
    "leaky-relu": elementwise("leaky_relu"),
    "sigmoid": elementwise("sigmoid"),
    "tanh": elementwise("hyperbolic_tangent"),
    "gelu": elementwise("gelu"),
    "batch-norm": by_column("scale_shift"),
    "layer-norm": by_column("layer_norm"),
    "scale-shift": by_column("scale_shift"),
    "patches": patches,
    "position": position,
    "attention": attention,
    "mean": mean,
    "residual": residual,
}
