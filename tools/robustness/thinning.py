"""The skeleton of strokes, and the distance to it: to draw them with another pen.

Pictures are (..., height, width): one, or many at once. What is outside is paper.
"""

import numpy as np

CLOCKWISE = [(0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0)]  # of 3 x 3, from the north


def thinned(ink: np.ndarray) -> np.ndarray:
    """bool (..., height, width) -> bool: its skeleton, one pixel wide, which connects and encloses what the ink does.

    Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", 1984.
    """
    ink = ink.copy()
    changed = True
    while changed:
        changed = False
        for from_south_east in (True, False):
            edge = _edge(ink, from_south_east)
            ink &= ~edge
            changed |= bool(edge.any())
    return ink


def distance_to(lines: np.ndarray, limit: int) -> np.ndarray:
    """bool (..., height, width) -> float: from each pixel to the nearest True, at most `limit`, in pixels."""
    squared = np.where(lines, 0, np.int32(limit**2))
    for axis in (-2, -1):
        across = np.moveaxis(squared, axis, -1)  # a view
        around = _padded(across, (0, limit), limit**2)
        for offset in range(-limit, limit + 1):
            there = around[..., limit + offset : limit + offset + across.shape[-1]]
            np.minimum(across, there + offset**2, out=across)
    return np.sqrt(squared)


def _edge(ink: np.ndarray, from_south_east: bool) -> np.ndarray:
    """The inked pixels that half a step takes away: at the south and east of strokes, or at the north and west."""
    around = _neighbours(ink)
    north, _, east, _, south, _, west, _ = around
    count, begins = np.zeros(ink.shape, np.int8), np.zeros(ink.shape, np.int8)
    for before, neighbour in zip([around[-1], *around], around, strict=False):
        count += neighbour
        begins += neighbour & ~before
    at_edge = ~(east & south & (north | west)) if from_south_east else ~(north & west & (east | south))
    return ink & (count >= 2) & (count <= 6) & (begins == 1) & at_edge  # two beginnings: it connects them


def _neighbours(ink: np.ndarray) -> list[np.ndarray]:
    """For each of the eight directions, what is there, of the shape of `ink`."""
    padded = _padded(ink, (1, 1), 0)
    height, width = ink.shape[-2:]
    return [padded[..., row : row + height, column : column + width] for row, column in CLOCKWISE]


def _padded(picture: np.ndarray, margins: tuple[int, int], value: int) -> np.ndarray:
    """With margins of `value` above and below, and left and right."""
    kept = [(0, 0)] * (picture.ndim - 2)
    return np.pad(picture, [*kept, *((margin, margin) for margin in margins)], constant_values=value)
