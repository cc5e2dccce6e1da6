"""What the hand draws, as strokes: the movements of the mouse, rounded into curves. Knows no window."""

import math
from typing import NamedTuple

import numpy as np

from drawing.painting import Point, Stroke

CANVAS_SIDE = 280  # units of the canvas's side, whatever its size on the screen: the unit of all points
PEN = 20  # units of the pen's width
STEP = 2.0  # units between the points of a curve


class Content(NamedTuple):
    """What is on the canvas: strokes, or a picture in their place."""

    strokes: list[list[Point]]
    picture: np.ndarray | None = None  # uint8 (height, width), 0 black


class Drawing:
    """Strokes made by `press`, `move` and `release`; each returns the piece of polyline that it added.

    Between two movements the pen follows the quadratic curve from the middle of the last movement to the
    middle of this one, so that a fast hand draws no corners. `release` adds what is left.

    Each stroke, `clear` and `put` is a step that `undo` takes back. A stroke takes the place of a picture.
    """

    def __init__(self) -> None:
        self._states = [Content([])]
        self._now = 0  # the state that is shown; those after it were undone
        self._last: Point | None = None  # where the mouse was last, while the pen is down

    @property
    def content(self) -> Content:
        return self._states[self._now]

    @property
    def strokes(self) -> list[list[Point]]:
        return self.content.strokes

    def press(self, x: float, y: float) -> Stroke:
        """The pen comes down: a dot."""
        self.put(Content([*self.strokes, [(x, y)]]))
        self._last = (x, y)
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

    def clear(self) -> None:
        """An empty canvas."""
        if self.strokes or self.content.picture is not None:
            self.put(Content([]))

    def put(self, content: Content) -> None:
        """In the place of what is there; what was undone is forgotten."""
        self.release()
        self._states[self._now + 1 :] = [content]
        self._now += 1

    def undo(self) -> None:
        """Back to before the last step, if there is one."""
        self.release()
        self._now = max(self._now - 1, 0)

    def redo(self) -> None:
        """Takes an `undo` back, if nothing was done since."""
        self.release()
        self._now = min(self._now + 1, len(self._states) - 1)

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
