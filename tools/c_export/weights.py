"""The weights of a network as constants in C: float, or int8 with a float step for each output."""

from dataclasses import dataclass, field

import numpy as np

from models.limits import NetworkError

LARGEST = 127  # of an int8; -128 stays unused, so that a weight and its negative are alike


@dataclass(frozen=True)
class Array:
    name: str
    values: np.ndarray  # float32 or int8
    axes: str  # what they are

    @property
    def type(self) -> str:
        return "int8_t" if self.values.dtype == np.int8 else "float"


@dataclass
class Weights:
    """Arrays and structs as they are added; each method returns the arguments by which a call gets them."""

    int8: bool
    arrays: list[Array] = field(default_factory=list)
    structs: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(array.values.nbytes for array in self.arrays)

    def linear(self, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """Weights (inputs, outputs) and biases (outputs), as a struct Linear."""
        parts = [*self.table(f"{name}_weight", weight, "inputs, outputs"), self.floats(f"{name}_bias", bias)]
        sizes = map(str, weight.shape)
        self.structs.append(f"static const Linear {name} = {{{', '.join([*sizes, *parts])}}};")
        return f"&{name}"

    def table(self, name: str, values: np.ndarray, axes: str) -> list[str]:
        """The name of the array. In int8: of the numbers, multiples of their column's step, and of the steps."""
        values = finite(name, values)
        if not self.int8:
            return [self.add(name, values, axes)]
        numbers, steps = quantized(values)
        return [self.add(name, numbers, axes), self.floats(f"{name}_step", steps)]

    def floats(self, name: str, values: np.ndarray) -> str:
        return self.add(name, finite(name, values), "outputs")

    def add(self, name: str, values: np.ndarray, axes: str) -> str:
        self.arrays.append(Array(name, values, axes))
        return name


def finite(name: str, values: np.ndarray) -> np.ndarray:
    """As float32. Raises NetworkError if a value is not finite: batch norm can make them so."""
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise NetworkError(f"values of {name} are NaN or infinite", "finite ones")
    return values


def quantized(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) -> int8 numbers and the steps (columns) whose multiples they are: the largest one is 127.

    What rounding leaves over goes to the next row: of inputs that are alike, such as neighbouring pixels, it cancels.
    """
    steps = np.abs(values).max(axis=0) / np.float32(LARGEST)
    steps[steps == 0] = 1
    numbers, left = np.empty(values.shape, np.int8), np.zeros_like(steps)
    for i, row in enumerate(values / steps):
        wanted = row + left
        numbers[i] = np.clip(np.rint(wanted), -LARGEST, LARGEST)
        left = wanted - numbers[i]
    return numbers, steps
