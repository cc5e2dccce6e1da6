"""Drawings that are not one digit: what a recognizer must not be sure of. Random, from a seed.

For tests and benchmarks: `negative_drawings(images)` draws as many of each kind as asked for, on a canvas
like the recognizer's, a pixel for each of its units. The kinds are the functions in `KINDS`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drawing.painting import Point, Stroke, paint
from drawing.strokes import CANVAS_SIDE, PEN
from drawing.ten_digits import digit_strokes


@dataclass(frozen=True)
class Negative:
    """One drawing: its ink, and the strokes that made it; None where it was put together from pixels."""

    kind: str
    ink: np.ndarray  # (CANVAS_SIDE, CANVAS_SIDE) in [0, 1]
    strokes: list[Stroke] | None

    @property
    def picture(self) -> np.ndarray:
        """Light on dark, uint8, on paper that is a little larger: nothing touches its sides."""
        return np.pad(np.rint(255 * self.ink).astype(np.uint8), PEN)


def negative_drawings(digits: np.ndarray, each: int = 20, seed: int = 1) -> list[Negative]:
    """`each` drawings of every kind. `digits`: uint8 (N, 28, 28), MNIST's, to put side by side."""
    rng = np.random.default_rng(seed)
    drawings = []
    for kind, draw in KINDS.items():
        for _ in range(each):
            strokes = draw(rng)
            drawings.append(Negative(kind, _painted(strokes), strokes))
    for count, kind in ((2, "two digits"), (3, "three digits")):
        drawings += [Negative(kind, _pasted(rng, digits, count), None) for _ in range(each)]
    return drawings


def _empty(rng: np.random.Generator) -> list[Stroke]:
    return []


def _dot(rng: np.random.Generator) -> list[Stroke]:
    """A click, with a hand that trembles."""
    place = rng.uniform(PEN, CANVAS_SIDE - PEN, 2)
    return [_points(place + rng.uniform(-2, 2, (rng.integers(1, 6), 2)))]


def _polyline(rng: np.random.Generator) -> list[Stroke]:
    """Straight from place to place all over the canvas."""
    return [_points(rng.uniform(PEN, CANVAS_SIDE - PEN, (rng.integers(14, 30), 2)))]


def _hatching(rng: np.random.Generator) -> list[Stroke]:
    """To and fro from one side to the other, as to black out what is below."""
    turns = int(rng.integers(8, 16))
    along = np.linspace(PEN, CANVAS_SIDE - PEN, turns)
    across = np.where(np.arange(turns) % 2 == 0, PEN, CANVAS_SIDE - PEN)
    zigzag = np.stack([along, across], axis=1) + rng.uniform(-12, 12, (turns, 2))
    return [_points(_turned(zigzag, rng.uniform(0, 2 * math.pi)))]


def _loops(rng: np.random.Generator) -> list[Stroke]:
    """Round and round, as a child draws, the middle wandering."""
    steps, rounds = 150, rng.uniform(5, 10)
    turn = np.linspace(0, rounds * 2 * math.pi, steps)
    wander = rng.uniform(-30, 30, 2) * np.sin(turn[:, None] / rounds * rng.uniform(0.3, 1.5, 2))
    radius = rng.uniform(45, 60) + rng.uniform(15, 30) * np.sin(turn * rng.uniform(0.1, 0.9))
    circles = CANVAS_SIDE / 2 + wander + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return [_points(circles)]


def _tangle(rng: np.random.Generator) -> list[Stroke]:
    """A walk with a smooth change of direction, turned back at the edge."""
    place, heading, curvature = rng.uniform(60, CANVAS_SIDE - 60, 2), rng.uniform(0, 2 * math.pi), 0.0
    walk = [place]
    for _ in range(int(rng.integers(160, 260))):
        curvature = 0.8 * curvature + rng.normal(0, 0.15)
        heading += curvature
        place = place + 12 * np.array([math.cos(heading), math.sin(heading)])
        if (place < PEN).any() or (place > CANVAS_SIDE - PEN).any():
            place = place.clip(PEN, CANVAS_SIDE - PEN)
            heading += rng.uniform(2, 4)
        walk.append(place)
    return [_points(np.array(walk))]


def _sticks(rng: np.random.Generator) -> list[Stroke]:
    """Many short lines everywhere."""
    middles = rng.uniform(40, CANVAS_SIDE - 40, (rng.integers(12, 25), 2))
    angles, halves = rng.uniform(0, math.pi, len(middles)), rng.uniform(15, 40, len(middles))
    arms = halves[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return [_points(stick) for stick in np.stack([middles - arms, middles + arms], axis=1)]


def _two_drawn(rng: np.random.Generator) -> list[Stroke]:
    """Two digits side by side, drawn as strokes."""
    return _drawn_digits(rng, 2, height=140)


def _three_drawn(rng: np.random.Generator) -> list[Stroke]:
    return _drawn_digits(rng, 3, height=85)


KINDS: dict[str, Callable[[np.random.Generator], list[Stroke]]] = {
    "empty": _empty,
    "dot": _dot,
    "polyline": _polyline,
    "hatching": _hatching,
    "loops": _loops,
    "tangle": _tangle,
    "sticks": _sticks,
    "two drawn digits": _two_drawn,
    "three drawn digits": _three_drawn,
}


def _drawn_digits(rng: np.random.Generator, count: int, height: float) -> list[Stroke]:
    """Digits of about `height` side by side, with at least a third of a pen's width of paper between."""
    strokes: list[Stroke] = []
    left = PEN
    for digit in rng.integers(0, 10, count):
        drawn = digit_strokes(int(digit), 0, 0, height * rng.uniform(0.85, 1.15))
        place = (left - min(x for stroke in drawn for x, _ in stroke), rng.uniform(PEN, 3 * PEN))
        moved = [_points(np.asarray(stroke) + place) for stroke in drawn]
        left = max(x for stroke in moved for x, _ in stroke) + PEN * rng.uniform(4 / 3, 2.2)
        strokes += moved
    return strokes


def _painted(strokes: list[Stroke]) -> np.ndarray:
    ink = np.zeros((CANVAS_SIDE, CANVAS_SIDE))
    for stroke in strokes:
        paint(ink, stroke, PEN)
    return ink


def _pasted(rng: np.random.Generator, digits: np.ndarray, count: int) -> np.ndarray:
    """`count` of the digits, enlarged, side by side with a gap of 1 to 4 of their own pixels."""
    zoom = int(rng.integers(4, 7)) if count == 2 else int(rng.integers(3, 5))
    canvas = np.zeros((CANVAS_SIDE, CANVAS_SIDE))
    left = int(rng.integers(0, 20))
    for digit in digits[rng.integers(0, len(digits), count)]:
        rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
        box = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255
        ink = np.kron(box, np.ones((zoom, zoom)))
        top = int(rng.integers(60, 60 + 2 * zoom))
        place = canvas[top:, left:][: ink.shape[0], : ink.shape[1]]
        place[:] = ink[: place.shape[0], : place.shape[1]]  # digits without a margin may reach past the edge
        left += ink.shape[1] + zoom * int(rng.integers(1, 5))
    return canvas


def _turned(points: np.ndarray, angle: float) -> np.ndarray:
    """About the canvas's middle, then kept on the canvas."""
    cos, sin = math.cos(angle), math.sin(angle)
    turned = (points - CANVAS_SIDE / 2) @ np.array([[cos, sin], [-sin, cos]]) + CANVAS_SIDE / 2
    return turned.clip(PEN, CANVAS_SIDE - PEN)


def _points(places: np.ndarray) -> list[Point]:
    return [(float(x), float(y)) for x, y in places]
