"""What the hand draws, as strokes: the movements of the mouse, rounded into curves. Knows no window."""

import math

from preparation import Point, Stroke

STEP = 2.0  # units between the points of a curve


class Drawing:
    """Strokes made by `press`, `move` and `release`; each returns the piece of polyline that it added.

    Between two movements the pen follows the quadratic curve from the middle of the last movement to the
    middle of this one, so that a fast hand draws no corners. `release` adds what is left.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.strokes: list[list[Point]] = []
        self._last: Point | None = None  # where the mouse was last, while the pen is down

    def press(self, x: float, y: float) -> Stroke:
        """The pen comes down: a dot."""
        self._last = (x, y)
        self.strokes.append([self._last])
        return [self._last]

    def move(self, x: float, y: float) -> Stroke:
        """The pen moves; nothing is drawn while it is up."""
        if self._last is None:
            return []
        corner, self._last = self._last, (x, y)
        middle = ((corner[0] + x) / 2, (corner[1] + y) / 2)
        return self._add(_curve(self.strokes[-1][-1], corner, middle))

    def release(self) -> Stroke:
        """The pen goes up."""
        if self._last is None:
            return []
        last, self._last = self._last, None
        return self._add([last])

    def _add(self, points: list[Point]) -> Stroke:
        piece = [self.strokes[-1][-1], *points]
        self.strokes[-1] += points
        return piece


def _curve(start: Point, control: Point, end: Point) -> list[Point]:
    """Points of the quadratic Bezier curve, about STEP apart, without `start` and with `end`."""
    count = max(1, math.ceil((math.dist(start, control) + math.dist(control, end)) / STEP))
    steps = (i / count for i in range(1, count + 1))
    weights = [((1 - t) ** 2, 2 * t * (1 - t), t * t) for t in steps]
    (x0, y0), (x1, y1), (x2, y2) = start, control, end
    return [(a * x0 + b * x1 + c * x2, a * y0 + b * y1 + c * y2) for a, b, c in weights]
