"""The largest networks, and what the fields of a layer may be.

The same as in C++; tests/golden/network_limits.json tests both.
"""

import json
from collections.abc import Callable
from typing import Annotated, NamedTuple

MAX_SIZE = 65536  # units, filters, classes, an embedding's size
MAX_KERNEL = 64  # and stride
MAX_HEADS = 64
MAX_TOKENS = 4096
MAX_SIDE = 4096  # of an image, a pool, a patch
MAX_PIXELS = MAX_SIDE**2
MAX_LAYERS = 256
MAX_DEPTH = 8  # of residuals in residuals
MAX_ACTIVATION = 1 << 28  # values that a layer makes of a sample, and attention weights
MAX_TENSOR = 1 << 30  # values


class NetworkError(Exception):
    """A network that cannot be, or is too large: what was `found`, what was `expected`."""

    def __init__(self, found: str, expected: str):
        super().__init__(f"{found}, expected {expected}")
        self.found, self.expected = found, expected


class Rule(NamedTuple):
    """What a field may be."""

    allows: Callable[[object], bool]
    expected: str

    def check(self, what: str, value: object) -> None:
        """Raises NetworkError."""
        if not self.allows(value):
            raise NetworkError(f"{what} is {shown(value)}", self.expected)


def whole(largest: int) -> Rule:
    return Rule(
        lambda value: type(value) is int and 1 <= value <= largest, f"a whole number from 1 to {largest}"
    )


def one_of(*words: str) -> Rule:
    return Rule(lambda value: value in words, f"one of {', '.join(words)}")


Size = Annotated[int, whole(MAX_SIZE)]
Kernel = Annotated[int, whole(MAX_KERNEL)]
Side = Annotated[int, whole(MAX_SIDE)]
Heads = Annotated[int, whole(MAX_HEADS)]
Flag = Annotated[bool, Rule(lambda value: type(value) is bool, "true or false")]
Rate = Annotated[
    float, Rule(lambda value: type(value) in (int, float) and 0 <= value < 1, "a rate from 0 to less than 1")
]


def shown(value: object) -> str:
    """A value of JSON in a message."""
    text = json.dumps(value, default=str)
    return text if len(text) < 60 else text[:60] + "..."
