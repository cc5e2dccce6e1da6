"""The ten digits as a hand draws them, as strokes: for the tests and for the README's pictures."""

import math
from itertools import pairwise

from drawing.painting import Point, Stroke


def digit_strokes(digit: int, left: float = 0, top: float = 0, height: float = 1) -> list[Stroke]:
    """Strokes of `digit`, 0..9, in the unit of `height`; the digit is at most 0.7 of its height wide."""
    return [[(left + x * height, top + y * height) for x, y in stroke] for stroke in _SHAPES[digit]()]


def _arc(x: float, y: float, rx: float, ry: float, start: float, stop: float, points: int = 24) -> list[Point]:
    """Part of an ellipse around (x, y); degrees, 0 to the right, 90 down."""
    angles = (math.radians(start + (stop - start) * i / points) for i in range(points + 1))
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def _line(*corners: Point, points: int = 12) -> list[Point]:
    """Straight lines from corner to corner, with points between as a mouse gives them."""
    steps = [i / points for i in range(1, points + 1)]
    return [corners[0]] + [
        (x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for (x0, y0), (x1, y1) in pairwise(corners) for t in steps
    ]


_SHAPES = {
    0: lambda: [_arc(0.35, 0.5, 0.32, 0.5, -80, 280)],
    1: lambda: [_line((0.38, 0.0), (0.32, 1.0))],
    2: lambda: [_arc(0.33, 0.28, 0.29, 0.28, -160, 30) + _line((0.58, 0.42), (0.05, 1.0), (0.68, 0.96))],
    3: lambda: [_arc(0.3, 0.25, 0.27, 0.25, -150, 85) + _arc(0.3, 0.74, 0.33, 0.26, -85, 150)],
    4: lambda: [_line((0.12, 0.0), (0.05, 0.52), (0.65, 0.5)), _line((0.52, 0.05), (0.46, 1.0))],
    5: lambda: [_line((0.62, 0.02), (0.16, 0.04), (0.11, 0.44)) + _arc(0.28, 0.68, 0.33, 0.31, -125, 140)],
    6: lambda: [_arc(0.68, 0.6, 0.6, 0.6, 270, 180) + _arc(0.35, 0.7, 0.27, 0.29, 180, -180)],
    7: lambda: [_line((0.05, 0.08), (0.62, 0.04), (0.25, 1.0))],
    8: lambda: [
        _arc(0.35, 0.26, 0.24, 0.25, -40, -270)
        + _arc(0.35, 0.75, 0.29, 0.25, -90, 270)
        + _arc(0.35, 0.26, 0.24, 0.25, 90, -40)
    ],
    9: lambda: [_arc(0.33, 0.27, 0.25, 0.26, -20, -360) + _line((0.58, 0.27), (0.5, 1.0))],
}
