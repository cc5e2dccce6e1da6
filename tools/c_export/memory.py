"""Places in one block of memory for the values that flow through a network: those of different times share them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(eq=False)
class Buffer:
    """`size` floats that are needed from the call number `first` to the call number `last`."""

    name: str
    size: int
    first: int
    last: int
    offset: int = 0

    def meets(self, other: "Buffer") -> bool:
        return self.first <= other.last and other.first <= self.last


def place(buffers: Sequence[Buffer]) -> int:
    """Sets every offset, and returns the size of the whole block.

    No two buffers that are needed at one time overlap. The best plan is hard to find; this one is the better of two,
    of which the one suits networks that get narrower and the other those that go to and fro.
    """
    orders = sorted(buffers, key=lambda b: -b.size), sorted(buffers, key=lambda b: b.first)
    return place_in_turn(min(orders, key=place_in_turn))


def place_in_turn(buffers: Sequence[Buffer]) -> int:
    """Each at the lowest place that is free for as long as it is needed."""
    for i, buffer in enumerate(buffers):
        buffer.offset = 0
        for other in sorted((b for b in buffers[:i] if b.meets(buffer)), key=lambda b: b.offset):
            if buffer.offset + buffer.size <= other.offset:
                break
            buffer.offset = max(buffer.offset, other.offset + other.size)
    return max((b.offset + b.size for b in buffers), default=0)
