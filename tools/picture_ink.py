"""Reading a picture of one digit, dark on light or light on dark, as ink."""

from pathlib import Path

import numpy as np
from PIL import Image

from errors import InputError, os_reason

NOISE = 0.1  # of the darkest ink: what is fainter is paper


def read_ink(path: Path) -> np.ndarray:
    """Ink of a picture file: float64 (height, width), 0 paper to 1. Raises InputError."""
    try:
        with Image.open(path) as image:
            return ink_of(_grey(image))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        by_system = isinstance(error, OSError) and error.errno is not None  # Pillow's own have no number
        found = os_reason(error) if by_system else "not a picture that can be read"
        raise InputError(path, found, "a PNG, JPEG or other picture file") from error


def ink_of(grey: np.ndarray) -> np.ndarray:
    """Ink of grey values (height, width) in [0, 1]: their distance from the paper, the border's median."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    return np.where(ink > NOISE * ink.max(), ink, 0)


def _grey(image: Image.Image) -> np.ndarray:
    """(height, width) in [0, 1]; what is transparent is white paper."""
    if image.mode.startswith("I"):  # 16 bits a pixel
        return np.asarray(image, np.float64) / 65535
    paper = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(paper, image.convert("RGBA")).convert("L"), np.float64) / 255
