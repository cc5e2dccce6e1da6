"""From a drawing to the 28x28 picture that a network expects: MNIST's own preparation, always with the same pen.

A stroke is a list of points (x, y), x to the right and y down, in any unit. Ink is float64 (height, width),
0 paper to 1 full ink. The pixel in row r, column c covers [c, c + 1) x [r, r + 1). The definition, in
float64, for any other implementation to equal within 1e-6:

All return the picture and why it is not shown to a network, if it is not.

`prepare_strokes`: drawings made of points
  1. scale    w x h is the tight box of all points. Each point p becomes (p - centre of the box) * scale + 10,
              scale = (20 - PEN_WIDTH) / max(w, h, smallest): the ink, pen included, fills 20x20.
  2. paint    a 20x20 picture: ink = clamp(PEN_WIDTH / 2 + 0.5 - d, 0, 1), d the distance from the pixel's
              centre to the nearest point of any stroke's polyline: one pen for digits of any size.
  3. centre   as below.
  4. reject   TOO_SMALL if max(w, h) <= smallest, NOT_ONE_DIGIT if there are more than MAX_STROKES; else what
              screen.py says of the picture that steps 1 to 3 make with a pen of THIN_PEN_WIDTH, which keeps
              lines apart that PEN_WIDTH joins.

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
  6. reject   TOO_SMALL if `side` is less than 1/32 of the input's longer side, or less than 1/8 and solid
              (a dot is); LINES_ACROSS if has_lines_across() of picture_ink.py says so; else what screen.py says
              of the picture.

Drawings of other things than digits are prepared in the same way, for images of any side: 20 and the pens are
then parts of 28 of it, 13.5 is (side - 1) / 2. They are TOO_SMALL if `side` in step 6 is less than 1/32, and
NOT_ONE_DRAWING if the data set's are single and has_separate_parts() of screen.py finds several.

`prepare_whole`: other pictures, scaled to fit the image by Pillow's BILINEAR and put in its middle; nothing is
rejected.

Source: NIST's procedure as documented by QMNIST (Yadav and Bottou, 2019). Of MNIST's images themselves,
`prepare_ink` changes nothing but the scale to full ink (a test checks it).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from common.preparation import Kind, Preparation
from drawing.picture_ink import has_lines_across
from drawing.screen import RejectReason, has_separate_parts, is_solid, screen

Point = tuple[float, float]
Stroke = Sequence[Point]

SIDE = 28  # pixels of the picture's side
BOX = 20  # pixels of the side that the digit's ink fills
PEN_WIDTH = 2.75  # pixels, of the 28
THIN_PEN_WIDTH = 1.25
MAX_STROKES = 8
AS_DIGITS = Preparation()


class Prepared(NamedTuple):
    """What a network is shown."""

    picture: np.ndarray  # (28, 28) or as a network takes it, float64 in [0, 1]; all 0 if nothing is drawn
    reject: RejectReason


def prepare_strokes(
    strokes: Sequence[Stroke],
    smallest: float = 0.0,
    preparation: Preparation = AS_DIGITS,
    side: int = SIDE,
) -> Prepared:
    """The picture (side, side) of a drawing, and why it is rejected, if it is.

    A drawing is enlarged as if its larger side were at least `smallest`, in the points' unit (of the pen on
    screen, the width): a click with a trembling hand stays a dot and does not become a 1.
    """
    lines = [np.asarray(stroke, np.float64) for stroke in strokes if len(stroke) > 0]
    if not lines:
        return Prepared(np.zeros((side, side)), RejectReason.NOTHING_DRAWN)
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = max(high - low)

    def painted(pen_width: float) -> np.ndarray:
        box, pen_width = _box(side), pen_width * side / SIDE
        scale = (box - pen_width) / max(extent, smallest) if extent > 0 else 0.0
        ink = np.zeros((box, box))
        for line in lines:
            paint(ink, (line - (low + high) / 2) * scale + box / 2, pen_width)
        return _centre(ink, side)

    if extent <= smallest:
        reject = RejectReason.TOO_SMALL
    elif preparation.kind is Kind.DIGITS and len(lines) > MAX_STROKES:
        reject = RejectReason.NOT_ONE_DIGIT
    else:
        reject = _reject(painted(THIN_PEN_WIDTH), preparation)
    return Prepared(painted(PEN_WIDTH), reject)


def prepare_ink(ink: np.ndarray, preparation: Preparation = AS_DIGITS, side: int = SIDE) -> Prepared:
    """The picture (side, side) of a picture of any size, ink (height, width) in [0, 1], and why it is rejected,
    if it is."""
    rows, columns = np.flatnonzero((ink > 0).any(axis=1)), np.flatnonzero((ink > 0).any(axis=0))
    if rows.size == 0:
        return Prepared(np.zeros((side, side)), RejectReason.NOTHING_DRAWN)
    height, width = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    square, box = max(height, width), _box(side)
    from_rows = _overlaps(ink.shape[0], rows[0] - (square - height) // 2, square, box)
    from_columns = _overlaps(ink.shape[1], columns[0] - (square - width) // 2, square, box)
    small = from_rows @ ink @ from_columns.T
    picture, longer = _centre(small / small.max(), side), max(ink.shape)
    is_dot = preparation.kind is Kind.DIGITS and 8 * square < longer and is_solid(picture)
    if 32 * square < longer or is_dot:
        reject = RejectReason.TOO_SMALL
    elif has_lines_across(ink):
        reject = RejectReason.LINES_ACROSS
    else:
        reject = _reject(picture, preparation)
    return Prepared(picture, reject)


def prepare_whole(grey: np.ndarray, size: tuple[int, int], invert: bool) -> Prepared:
    """The picture (rows, columns) of a whole picture, uint8 (height, width); dark becomes light if `invert`."""
    rows, columns = size
    height, width = grey.shape
    to, of = (rows, height) if rows * width <= columns * height else (columns, width)
    fit_height = min(max(1, round(height * to / of)), rows)  # a line stays one, however long it was
    fit_width = min(max(1, round(width * to / of)), columns)
    small = Image.fromarray(grey).resize((fit_width, fit_height), Image.Resampling.BILINEAR)
    top, left = round((rows - fit_height) / 2), round((columns - fit_width) / 2)
    picture = np.zeros(size)
    part = picture[top : top + fit_height, left : left + fit_width]
    part[:] = np.asarray(small) / 255
    if invert:
        part[:] = 1 - part
    return Prepared(picture, RejectReason.NONE)


def _reject(picture: np.ndarray, preparation: Preparation) -> RejectReason:
    if preparation.kind is Kind.DIGITS:
        return screen(picture)
    several = preparation.single and has_separate_parts(picture)
    return RejectReason.NOT_ONE_DRAWING if several else RejectReason.NONE


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


def _box(side: int) -> int:
    """Pixels of the side that the ink of a picture (side, side) fills: 20 of 28."""
    return max(1, (side * BOX + SIDE // 2) // SIDE)


def _overlaps(length: int, start: int, side: int, parts: int) -> np.ndarray:
    """(parts, length): the shares of the input pixels in each of `parts` parts of [start, start + side)."""
    edges = start + np.arange(parts + 1) * side / parts
    pixels = np.arange(length)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(covered, 0, None) * parts / side


def _centre(ink: np.ndarray, side: int) -> np.ndarray:
    """Pastes (box, box) into (side, side) by a whole-pixel shift that takes the centre of mass to the middle."""
    box, middle = len(ink), (side - 1) / 2
    means = (np.arange(box) @ ink.sum(axis=axis) / ink.sum() for axis in (1, 0))
    row, column = (int(np.clip(np.ceil(middle - mean - 1e-6), 0, side - box)) for mean in means)
    picture = np.zeros((side, side))
    picture[row : row + box, column : column + box] = ink
    return picture
