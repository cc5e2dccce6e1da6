"""Is this one digit at all? By its geometry, before a network is asked.

`screen` looks at a prepared picture, (28, 28), whose ink is 20 pixels along its longer side. A pixel is inked
if its ink is above 0.5 (less 1e-6, so that a half counts with any rounding). It is not a single digit if it is

  solid         a blot: more than SOLID pixels are inked;
  busy          a scribble: 30 * ends + 40 * holes + crossings + inked pixels > BUSY. Ends are pixels of the
                skeleton (thinning.py) with at most one other among their eight neighbours. Holes are the
                connected components of the paper, less one. Crossings are the runs of ink in every row and
                every column;
  flat          a dash or a row of digits: its bounding box is more than FLAT times as wide as high;
  side by side  two connected components (8-connectivity), each with at least a tenth of the inked pixels and
                half the total height, are next to one another: the right one starts at most one column before
                the left one ends.

The limits let MNIST's digits pass: tests/python/test_screen.py counts those that do not. The weights of `busy`
are those of a logistic regression of scribbles against training digits, rounded.
"""

from enum import Enum
from itertools import combinations, pairwise

import numpy as np

from drawing.components import components
from drawing.thinning import line_ends, thinned

INKED = 0.5 - 1e-6
SOLID = 240  # of the 400 pixels of the 20x20 box
BUSY = 370
FLAT = 2


class RejectReason(str, Enum):  # not StrEnum, which Ubuntu 22.04's Python 3.10 has not
    """Why no network is asked about a drawing; NONE if one is."""

    NONE = "digit"
    NOTHING_DRAWN = "nothing drawn"
    TOO_SMALL = "too small"
    LINES_ACROSS = "lines across the paper"
    NOT_ONE_DIGIT = "not a single digit"
    NOT_ONE_DRAWING = "not a single drawing"

    __str__ = str.__str__


def screen(picture: np.ndarray) -> RejectReason:
    """Of a prepared picture, (28, 28) with ink: NONE or NOT_ONE_DIGIT."""
    inked = picture > INKED
    begins = (lines & np.diff(lines, axis=1, prepend=False) for lines in (inked, inked.T))
    crossings = sum(map(np.count_nonzero, begins))
    ends, holes = line_ends(thinned(inked)), components(~inked).max() - 1
    busy = 30 * ends + 40 * holes + crossings + np.count_nonzero(inked) > BUSY
    height, width = _box(inked)[2:]
    if is_solid(picture) or busy or width > FLAT * height or _side_by_side(inked):
        return RejectReason.NOT_ONE_DIGIT
    return RejectReason.NONE


def is_solid(picture: np.ndarray) -> bool:
    """A blot: more pixels are inked than in any digit."""
    return np.count_nonzero(picture > INKED) > SOLID


def has_separate_parts(picture: np.ndarray) -> bool:
    """Whether a prepared picture, (side, side), shows several drawings: two connected components, each with at
    least a tenth of the pixels with ink, of which one is beside, above or below the other."""
    parts = components(picture > 0)
    masks = [parts == part for part in range(1, parts.max() + 1)]
    large = [_box(mask) for mask in masks if 10 * np.count_nonzero(mask) >= np.count_nonzero(parts)]
    return any(_are_apart(one, other) for one, other in combinations(large, 2))


def _are_apart(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether boxes have no row or no column in common."""
    (top, left, height, width), (other_top, other_left, other_height, other_width) = one, other
    beside = left + width <= other_left or other_left + other_width <= left
    return beside or top + height <= other_top or other_top + other_height <= top


def _side_by_side(inked: np.ndarray) -> bool:
    parts = components(inked)
    total, height = np.count_nonzero(inked), _box(inked)[2]
    spans = []
    for part in range(1, parts.max() + 1):
        mask = parts == part
        _, left, part_height, part_width = _box(mask)
        if 10 * np.count_nonzero(mask) >= total and 2 * part_height >= height:
            spans.append((left, left + part_width))
    return any(right[0] >= left[1] - 1 for left, right in pairwise(sorted(spans)))


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, height and width of what is True; all 0 if nothing is."""
    if not mask.any():
        return 0, 0, 0, 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
