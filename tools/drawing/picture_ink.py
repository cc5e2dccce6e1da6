"""Reading a picture of one digit, dark on light or light on dark, drawn or photographed, as ink.

The definition, in float64, for any other implementation to equal within 1e-6. Grey is 0 black to 1 white:
luma, (299 red + 587 green + 114 blue) / 1000, laid over white where it is transparent, in steps of 1/255.

  1. size     if the longer side has more than LARGEST pixels, blocks of k x k pixels become their mean, k the
              smallest whole number that is enough; the last blocks may be narrower.
  2. paper    the border, its four sides one after the other, is paper. It is the border's median, or, if that
              leaves less than 0.9 of the noise (3.), a plane: for light that comes from one side. The plane's
              level is the mean of the four sides' medians, it rises from left to right by right - left and
              from top to bottom by bottom - top.
  3. noise    the third quartile of |grey - paper| on the border. What differs from the paper by no more than
              limit = max(FAINTEST, NOISE * noise) is paper; what differs by more keeps the whole difference,
              so that soft edges stay. A border without noise hides nothing.
              If limit is larger than FAINTEST, rows and columns at the picture's sides are left out, as of a
              table beside the paper, and 2. and 3. are done again with the rest. Let m be the medians of all
              rows, M their median, s = max(1, rows // 64). From the top they are the first k + s rows, at most a
              quarter of them, for the largest k with an edge: all of the k rows differ in m from row k + s by
              more than EDGE, and from M by more than row k + s does. What changes little by little is light.
              Likewise from the bottom, the left and the right. If nothing is drawn on the rest, all counts.
  4. ink      is darker than the paper or lighter: the side with the larger sum of cubes of the differences.
              (Cubes: strokes are few and strong, shadows are large and weak.)
  5. lines    of ruled or squared paper are left out: two or more from left to right, or from top to bottom.
              They begin where the first column has a run of ink of at most max(2, rows // 32) pixels, whose
              middle (floor) is row a, and end at such a run, b, of the last column, with |a - b| at most a
              sixteenth of the columns; between them they go through the rows floor(a + (b - a) x / (columns - 1)
              + 1/2), and at nine tenths of the columns x there is ink in that row or the one above or below.
              Of what of these is the largest, the line's tone is the median. t is the higher run. In each column
              the rows up to reach = t // 2 + 1 from the line lose their ink where it is at most 3/2 of the tone,
              unless there is ink both in the row reach + 1 above and in the one as far below: a stroke.
              Those from left to right go first. If nothing is left, all stays.
  6. sides    connected parts that touch the picture's sides are left out if the other parts together are at
              least an eighth of its longer side high or wide: a shadow or a finger beside a drawing.
  7. dust     connected parts with less than DUST of the ink of the largest are left out.

Of n sorted values the median is number floor(n / 2), the third quartile floor(3 n / 4), both from 0.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from common.errors import InputError, os_reason
from drawing.components import components

LARGEST = 1024  # pixels
FAINTEST = 0.02  # of the way from black to white
NOISE = 5.03  # not 5: no tie between whole steps of 1/255; of Gaussian noise it is 5.8 sigma
DUST = 0.002
EDGE = 0.12  # of the way from black to white
MAX_PIXELS = 1 << 26  # of a file, as in the C++ programs


def read_ink(path: Path) -> np.ndarray:
    """Ink of a picture file: float64 (height, width), 0 paper to 1. Raises InputError."""
    return ink_of(read_grey(path) / 255)


def read_grey(path: Path) -> np.ndarray:
    """A picture file, turned as the camera was held: uint8 (height, width), 0 black. Raises InputError."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            turned = ImageOps.exif_transpose(image)
            return _grey(turned if turned.mode.startswith(("I", "F")) else turned.convert("RGBA"))
    except Image.DecompressionBombError as error:
        raise InputError(path, f"more than {MAX_PIXELS} pixels", "a smaller picture") from error
    except Exception as error:  # of a damaged file, Pillow raises nearly anything
        by_system = isinstance(error, OSError) and error.errno is not None  # Pillow's own have no number
        found = os_reason(error) if by_system else "not a picture that can be read"
        raise InputError(path, found, "a PNG, JPEG or other picture file") from error


def ink_of(grey: np.ndarray) -> np.ndarray:
    """Ink of grey values (height, width) in [0, 1]: how far they are from the paper."""
    grey = _at_most_largest(grey)
    ink, noisy = _darker_or_lighter(grey)
    if noisy:
        rows, columns = _paper_rows(grey), _paper_rows(grey.T)
        inner = _darker_or_lighter(grey[rows, columns])[0]
        ink = inner if inner.any() else ink
    rest = _without_lines(_without_lines(ink).T).T
    return _drawing(rest if rest.any() else ink)


def has_lines_across(ink: np.ndarray) -> bool:
    """Whether ink begins at one side in three places or more and ends at the opposite side in as many.

    These are the lines of paper that is bent, or lies too much askew, for ink_of to take them out.
    """
    top, bottom, left, right = (
        np.count_nonzero(np.diff(side > 0, prepend=False) & (side > 0)) for side in _border(ink)
    )
    return min(top, bottom) >= 3 or min(left, right) >= 3


def _darker_or_lighter(grey: np.ndarray) -> tuple[np.ndarray, bool]:
    """Ink (height, width), and whether the border is noisy: steps 2 to 4."""
    lighter = grey - _paper(grey)
    limit = max(FAINTEST, NOISE * _noise(lighter))
    dark, light = (np.where(side > limit, side, 0) for side in (-lighter, lighter))
    return dark if (dark**3).sum() >= (light**3).sum() else light, limit > FAINTEST


def _paper_rows(grey: np.ndarray) -> slice:
    """The rows without those at the top and at the bottom that are no paper."""
    rows, columns = grey.shape
    levels = np.partition(grey, columns // 2, axis=1)[:, columns // 2]
    top = _edge(levels)
    return slice(top, rows - _edge(levels[::-1]))


def _edge(levels: np.ndarray) -> int:
    """How many of the first rows, of which these are the medians, are no paper."""
    paper, soft = _ranked(levels, 1, 2), max(1, len(levels) // 64)
    for count in range(len(levels) // 4 - soft, 0, -1):
        outside, inside = levels[:count], levels[count + soft]
        is_edge = np.abs(outside - inside) > EDGE
        if is_edge.all() and (np.abs(outside - paper) > abs(inside - paper)).all():
            return count + soft
    return 0


def _without_lines(ink: np.ndarray) -> np.ndarray:
    """Without the lines of ruled paper that go from left to right."""
    height, width = ink.shape
    x, thickest = np.arange(width), max(2, height // 32)
    lines = []
    for left, left_size in _runs(ink[:, 0], thickest):
        for right, right_size in _runs(ink[:, -1], thickest):
            if 16 * abs(left - right) > width or width < 2:
                continue
            rows = np.floor(left + (right - left) * x / (width - 1) + 0.5).astype(int)
            near = np.clip(rows + np.array([[-1], [0], [1]]), 0, height - 1)
            tones = ink[near, x].max(axis=0)
            if 10 * np.count_nonzero(tones) >= 9 * width:
                lines.append((rows, max(left_size, right_size) // 2 + 1, _ranked(tones, 1, 2)))
    if len(lines) < 2:
        return ink
    rest = ink.copy()
    for rows, reach, tone in lines:
        above, below = rows - reach - 1, rows + reach + 1
        stroke = (above >= 0) & (below < height)
        stroke &= (ink[np.maximum(above, 0), x] > 0) & (ink[np.minimum(below, height - 1), x] > 0)
        for row in rows + np.arange(-reach, reach + 1)[:, None]:
            place = (row >= 0) & (row < height) & ~stroke
            place[place] &= ink[row[place], x[place]] <= 1.5 * tone
            rest[row[place], x[place]] = 0
    return rest


def _runs(line: np.ndarray, longest: int) -> list[tuple[int, int]]:
    """Middle and length of the runs of ink in a row or column, those of at most `longest` pixels."""
    changes = np.diff(line > 0, prepend=False, append=False)
    starts, ends = np.flatnonzero(changes)[::2], np.flatnonzero(changes)[1::2]
    return [(int(a + b - 1) // 2, int(b - a)) for a, b in zip(starts, ends, strict=True) if b - a <= longest]


def _drawing(ink: np.ndarray) -> np.ndarray:
    """Without what touches the sides, if there is something else, and without dust."""
    parts = components(ink > 0)
    mass = np.bincount(parts.ravel(), ink.ravel())
    touching = np.zeros(len(mass), bool)
    touching[np.concatenate(_border(parts))] = True
    inside = (parts > 0) & ~touching[parts]
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) > 0 and 8 * (max(np.ptp(rows), np.ptp(columns)) + 1) >= max(ink.shape):
        mass[touching] = -1
    return np.where(mass[parts] >= DUST * mass.max(), ink, 0)


def _grey(image: Image.Image) -> np.ndarray:
    """16 bits of grey, or RGBA, as uint8 (height, width); what is transparent is white paper."""
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image).astype(np.float64))
        return ((values.clip(0, 65535) + 128) // 257).astype(np.uint8)
    grey = np.empty((image.height, image.width), np.uint8)
    for row, pixels in enumerate(np.asarray(image)):  # not all at once: integers take much memory
        red, green, blue, alpha = pixels.T.astype(np.int32)
        luma = 299 * red + 587 * green + 114 * blue
        grey[row] = (luma * alpha + 255_000 * (255 - alpha) + 127_500) // 255_000
    return grey


def _at_most_largest(grey: np.ndarray) -> np.ndarray:
    block = -(-max(grey.shape) // LARGEST)
    for axis in (0, 1) if block > 1 else ():
        starts = np.arange(0, grey.shape[axis], block)
        sizes = np.diff(starts, append=grey.shape[axis])
        grey = np.add.reduceat(grey, starts, axis=axis) / np.expand_dims(sizes, 1 - axis)
    return grey


def _paper(grey: np.ndarray) -> np.ndarray:
    """What `grey` (height, width) would be without ink."""
    height, width = grey.shape
    flat = np.full_like(grey, _ranked(np.concatenate(_border(grey)), 1, 2))
    top, bottom, left, right = (_ranked(side, 1, 2) for side in _border(grey))
    rows = np.arange(height)[:, None] / max(height - 1, 1) - 0.5
    columns = np.arange(width) / max(width - 1, 1) - 0.5
    plane = (top + bottom + left + right) / 4 + (bottom - top) * rows + (right - left) * columns
    return plane if _noise(grey - plane) < 0.9 * _noise(grey - flat) else flat


def _noise(difference: np.ndarray) -> float:
    return _ranked(np.abs(np.concatenate(_border(difference))), 3, 4)


def _border(picture: np.ndarray) -> tuple[np.ndarray, ...]:
    """Top, bottom, left, right."""
    return picture[0], picture[-1], picture[:, 0], picture[:, -1]


def _ranked(values: np.ndarray, part: int, of: int) -> float:
    rank = part * len(values) // of
    return np.partition(values, rank)[rank]
