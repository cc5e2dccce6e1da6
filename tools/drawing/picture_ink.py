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
  4. ink      is darker than the paper or lighter: the side with the larger sum of cubes of the differences.
              (Cubes: strokes are few and strong, shadows are large and weak.)
  5. dust     connected parts with less than DUST of the ink of the largest are left out.

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
MAX_PIXELS = 1 << 26  # of a file, as in the C++ programs


def read_ink(path: Path) -> np.ndarray:
    """Ink of a picture file: float64 (height, width), 0 paper to 1. Raises InputError."""
    return ink_of(_grey(open_picture(path)))


def open_picture(path: Path) -> Image.Image:
    """A picture file, read whole, turned as the camera was held: 16 bits grey, or RGBA. Raises InputError."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            turned = ImageOps.exif_transpose(image)
            return turned if turned.mode.startswith("I") else turned.convert("RGBA")
    except Image.DecompressionBombError as error:
        raise InputError(path, f"more than {MAX_PIXELS} pixels", "a smaller picture") from error
    except Exception as error:  # of a damaged file, Pillow raises nearly anything
        by_system = isinstance(error, OSError) and error.errno is not None  # Pillow's own have no number
        found = os_reason(error) if by_system else "not a picture that can be read"
        raise InputError(path, found, "a PNG, JPEG or other picture file") from error


def ink_of(grey: np.ndarray) -> np.ndarray:
    """Ink of grey values (height, width) in [0, 1]: how far they are from the paper."""
    grey = _at_most_largest(grey)
    lighter = grey - _paper(grey)
    limit = max(FAINTEST, NOISE * _noise(lighter))
    dark, light = (np.where(side > limit, side, 0) for side in (-lighter, lighter))
    ink = dark if (dark**3).sum() >= (light**3).sum() else light
    parts = components(ink > 0)
    mass = np.bincount(parts.ravel(), ink.ravel())
    return np.where(mass[parts] >= DUST * mass.max(), ink, 0)


def _grey(image: Image.Image) -> np.ndarray:
    """A picture of open_picture as (height, width) in [0, 1]; what is transparent is white paper."""
    if image.mode.startswith("I"):  # 16 bits a pixel
        return (np.asarray(image).astype(np.int64) + 128) // 257 / 255
    grey = np.empty((image.height, image.width))
    for row, pixels in enumerate(np.asarray(image)):  # not all at once: integers take much memory
        red, green, blue, alpha = pixels.T.astype(np.int32)
        luma = 299 * red + 587 * green + 114 * blue
        grey[row] = (luma * alpha + 255_000 * (255 - alpha) + 127_500) // 255_000 / 255
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
