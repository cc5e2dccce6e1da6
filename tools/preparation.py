"""From a drawing to the 28x28 picture that a network knows: MNIST's own preparation, and always one pen.

A stroke is a list of points (x, y), x to the right and y down, in any unit. Ink is float64 (height, width),
0 paper to 1 full ink. The pixel in row r, column c covers [c, c + 1) x [r, r + 1). The definition, in
float64, for any other implementation to equal within 1e-6:

`prepare_strokes`: drawings made of points
  1. scale    w x h is the tight box of all points. Each point p becomes (p - centre of the box) * scale + 10,
              scale = (20 - PEN_WIDTH) / max(w, h, smallest): the ink, pen included, fills 20x20.
  2. paint    a 20x20 picture: ink = clamp(PEN_WIDTH / 2 + 0.5 - d, 0, 1), d the distance from the pixel's
              centre to the nearest point of any stroke's polyline: one pen for digits of any size.
  3. centre   as below.

`prepare_ink`: pictures
  1. box      the tight box of the pixels with ink > 0: h rows from `top`, w columns from `left`.
  2. square   of side = max(h, w), from row top - floor((side - h) / 2), column left - floor((side - w) / 2).
  3. resample to 20x20 by area: output pixel j covers [j, j + 1) * side / 20 of the square, on both axes, and
              takes the mean of the ink there, each input pixel weighted by the area that is covered.
  4. full ink divide by the largest value.
  5. centre   m = sum(i * ink) / sum(ink), i the row index 0..19; the 20x20 picture goes into 28x28 at row
              ceil(13.5 - m - 1e-6), kept within 0..8; columns alike. The centre of mass is then at an index
              in [13.5, 14.5), as in MNIST (mean of its training images: row 13.996, column 14.007). The 1e-6
              keeps symmetric digits, which are right on the edge, from jumping with the rounding.

Source: NIST's procedure as documented by QMNIST (Yadav and Bottou, 2019). Of MNIST's images themselves,
`prepare_ink` changes nothing but the scale to full ink (a test checks it).
"""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
Stroke = Sequence[Point]

SIDE = 28  # pixels of the picture's side
BOX = 20  # pixels of the side that the digit's ink fills
PEN_WIDTH = 2.75  # pixels, of the 28


def prepare_strokes(strokes: Sequence[Stroke], smallest: float = 0.0) -> np.ndarray | None:
    """The 28x28 picture of a drawing, float64 in [0, 1]; None if nothing is drawn.

    A drawing is enlarged as if its larger side were at least `smallest`, in the points' unit (of the pen on
    screen, the width): a click with a trembling hand stays a dot and does not become a 1.
    """
    lines = [np.asarray(stroke, np.float64) for stroke in strokes if len(stroke) > 0]
    if not lines:
        return None
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    largest = max(*(high - low), smallest)
    scale = (BOX - PEN_WIDTH) / largest if largest > 0 else 0.0
    ink = np.zeros((BOX, BOX))
    for line in lines:
        paint(ink, (line - (low + high) / 2) * scale + BOX / 2, PEN_WIDTH)
    return _centre(ink)


def prepare_ink(ink: np.ndarray) -> np.ndarray | None:
    """The 28x28 picture of a picture of any size, ink (height, width) in [0, 1]; None if it has no ink."""
    rows, columns = np.flatnonzero((ink > 0).any(axis=1)), np.flatnonzero((ink > 0).any(axis=0))
    if rows.size == 0:
        return None
    height, width = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    side = max(height, width)
    from_rows = _overlaps(ink.shape[0], rows[0] - (side - height) // 2, side)
    from_columns = _overlaps(ink.shape[1], columns[0] - (side - width) // 2, side)
    small = from_rows @ ink @ from_columns.T
    return _centre(small / small.max())


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


def _overlaps(length: int, start: int, side: int) -> np.ndarray:
    """(BOX, length): the shares of the input pixels in each of BOX parts of [start, start + side)."""
    edges = start + np.arange(BOX + 1) * side / BOX
    pixels = np.arange(length)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(covered, 0, None) * BOX / side


def _centre(ink: np.ndarray) -> np.ndarray:
    """Pastes (20, 20) into (28, 28) by a whole-pixel shift that takes the centre of mass to the middle."""
    index, mass = np.arange(BOX), ink.sum()
    row, column = (
        int(np.clip(np.ceil(13.5 - (index @ ink.sum(axis=axis)) / mass - 1e-6), 0, SIDE - BOX))
        for axis in (1, 0)
    )
    picture = np.zeros((SIDE, SIDE))
    picture[row : row + BOX, column : column + BOX] = ink
    return picture
