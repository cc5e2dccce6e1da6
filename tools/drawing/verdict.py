"""Is this one digit at all? By its geometry, before a network is asked.

`judge` looks at a prepared picture, (28, 28), whose larger side of ink is 20 pixels. A pixel is inked if its
ink is above 0.5 (less 1e-6, so that a half is a half with any rounding). It is not a single digit if

  solid       more than SOLID pixels are inked: a blot;
  busy        30 * ends + 40 * holes + crossings + inked pixels > BUSY: a scribble. Ends are those of the
              strokes' middle lines (thinning.py): line pixels with at most one other among the eight around
              them. Holes are the connected parts of what is not inked, less one. Crossings are the stretches
              of ink in each row and in each column, summed;
  flat        the inked box is more than FLAT times as wide as high: a dash, a row of digits;
  side by side  two of its connected parts (pixels that touch, corners too), each of at least a tenth of the
              inked pixels and at least half the height of all, are beside one another: the right one's first
              column is at most one before the left one's end.

The limits are those that MNIST's digits keep: tests/python/test_verdict.py counts how many do not. Where the
weights of `busy` come from: logistic regression of scribbles against training digits, rounded.
"""

from enum import Enum
from itertools import pairwise

import numpy as np

from drawing.components import components
from drawing.thinning import line_ends, thinned

INKED = 0.5 - 1e-6
SOLID = 240  # of the 400 pixels of the 20x20 box
BUSY = 370
FLAT = 2


class Verdict(str, Enum):  # not StrEnum, which Ubuntu 22.04's Python 3.10 has not
    """What a drawing is taken for."""

    DIGIT = "digit"
    NOTHING = "nothing drawn"
    TOO_SMALL = "too small"
    NOT_ONE_DIGIT = "not a single digit"

    __str__ = str.__str__


def judge(picture: np.ndarray) -> Verdict:
    """A prepared picture, (28, 28) with ink, is DIGIT or NOT_ONE_DIGIT."""
    inked = picture > INKED
    begins = (lines & np.diff(lines, axis=1, prepend=False) for lines in (inked, inked.T))
    crossings = sum(map(np.count_nonzero, begins))
    ends, holes = line_ends(thinned(inked)), components(~inked).max() - 1
    busy = 30 * ends + 40 * holes + crossings + np.count_nonzero(inked) > BUSY
    height, width = _box(inked)[2:]
    if is_solid(picture) or busy or width > FLAT * height or _side_by_side(inked):
        return Verdict.NOT_ONE_DIGIT
    return Verdict.DIGIT


def is_solid(picture: np.ndarray) -> bool:
    """A blot: more of the box is inked than in any digit."""
    return np.count_nonzero(picture > INKED) > SOLID


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
