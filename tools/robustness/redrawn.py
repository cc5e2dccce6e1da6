"""Digits drawn again with another place, size, turn and pen: pictures as people make them, dark on white.

Lengths are in pixels of the digit's own 28x28 picture, where its ink fills 20x20. A picture has ZOOM pixels
for each of them on both axes, and no ink ever leaves it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from robustness.thinning import distance_to, thinned

SIDE = 28  # pixels of a digit's picture
ZOOM = 3
CANVAS = 2 * SIDE  # holds a digit that is enlarged, turned and shifted
LARGE_CANVAS = 3 * SIDE


class Family(NamedTuple):
    """Random distortions, each uniform within its limits, in this order."""

    pen: tuple[float, float] | None = None  # width of the one pen that follows the strokes; None: as they are
    scale: tuple[float, float] = (1, 1)  # of what is drawn, the pen's width included
    rotation: float = 0  # degrees, either way
    shift: float = 0  # from the middle of the canvas, either way on both axes
    canvas: int = CANVAS


FAMILIES = {
    "shift": Family(shift=6),
    "scale": Family(scale=(0.6, 1.3)),
    "rotation": Family(rotation=20),
    "pen": Family(pen=(1, 5)),
    "off-centre": Family(shift=(LARGE_CANVAS - SIDE) / 2, canvas=LARGE_CANVAS),
    "everything": Family(pen=(1, 5), scale=(0.6, 1.3), rotation=20, shift=6),
}


def redrawn(digits: np.ndarray, family: Family, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """uint8 (N, 28, 28), 255 ink -> N pictures, uint8 (ZOOM * canvas, ZOOM * canvas), 0 ink.

    Memory is for all N at once: a few hundred are a good number.
    """
    count = len(digits)
    ink = np.stack([_enlarged(digit) for digit in digits])
    if family.pen:
        ink = _followed(ink, rng.uniform(*family.pen, count) * ZOOM)
    scales = rng.uniform(*family.scale, count)
    angles = np.radians(rng.uniform(-family.rotation, family.rotation, count))
    shifts = rng.uniform(-family.shift, family.shift, (count, 2)) * ZOOM
    for drawing, scale, angle, shift in zip(ink, scales, angles, shifts, strict=True):
        placed = _placed(drawing, scale, angle, shift, family.canvas * ZOOM)
        yield np.rint(255 * (1 - placed.clip(0, 1))).astype(np.uint8)


def _enlarged(digit: np.ndarray) -> np.ndarray:
    """By ZOOM; float32, 0 paper to 1 ink."""
    image = Image.fromarray(digit.astype(np.float32) / 255)
    size = (SIDE * ZOOM, SIDE * ZOOM)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC)).clip(0, 1)


def _followed(ink: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The skeletons of ink (N, height, width), drawn with round pens of `widths` pixels (N)."""
    distance = distance_to(thinned(ink > 0.5), limit=int(widths.max() / 2) + 2)
    return np.clip(widths[:, None, None] / 2 + 0.5 - distance, 0, 1).astype(np.float32)


def _placed(ink: np.ndarray, scale: float, angle: float, shift: np.ndarray, canvas: int) -> np.ndarray:
    """Scaled, and turned clockwise, about its middle, which is then at `shift` from the canvas's."""
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    x, y = canvas / 2 + shift
    middle = len(ink) / 2
    came_from = (cos, sin, middle - cos * x - sin * y, -sin, cos, middle + sin * x - cos * y)
    image = Image.fromarray(ink)
    placed = image.transform((canvas, canvas), Image.Transform.AFFINE, came_from, Image.Resampling.BICUBIC)
    return np.asarray(placed)
