"""Strokes painted with a round pen, for the eye: the canvas, and pictures to test with.

A stroke is a list of points (x, y), x to the right and y down, in any unit. Ink is float64 (height, width),
0 paper to 1 full ink. The pixel in row r, column c covers [c, c + 1) x [r, r + 1).
"""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
Stroke = Sequence[Point]


def paint(ink: np.ndarray, stroke: Stroke | np.ndarray, width: float) -> None:
    """Draws a polyline with a round, anti-aliased pen of `width` pixels into `ink` (height, width), in place.

    A stroke of one point is a dot. Ink already there stays: the darker of the two counts.
    """
    points = np.asarray(stroke, np.float64).reshape(-1, 2)
    ends = points[1:] if len(points) > 1 else points
    for start, end in zip(points, ends, strict=False):
        _paint_segment(ink, start, end, width / 2)


def _paint_segment(ink: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> None:
    """Ink = clamp(radius + 0.5 - distance to the segment, 0, 1), where that is more than what is there."""
    reach = radius + 1
    left, top = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
    right, bottom = np.maximum(np.ceil(np.maximum(start, end) + reach), 0).astype(int)
    part = ink[top:bottom, left:right]  # a view; slices end at the picture's edge by themselves
    x = left + np.arange(part.shape[1]) + 0.5 - start[0]
    y = (top + np.arange(part.shape[0]) + 0.5 - start[1])[:, None]
    dx, dy = end - start
    length2 = dx * dx + dy * dy
    along = np.clip((x * dx + y * dy) / length2, 0, 1) if length2 > 0 else 0.0
    distance = np.hypot(x - along * dx, y - along * dy)
    np.maximum(part, np.clip(radius + 0.5 - distance, 0, 1), out=part)
