"""Pictures in files of every format that Pillow reads, as grey."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from common.errors import InputError, os_reason

MAX_PIXELS = 1 << 26  # of a file, as in the C++ programs
MAX_SIDE = 1_000_000  # pixels, as libpng has it


def read_grey(path: Path) -> np.ndarray:
    """A picture file, turned as the camera was held: uint8 (height, width), 0 black.

    Grey is luma, (299 red + 587 green + 114 blue) / 1000, laid over white where it is transparent. Raises
    InputError.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            if max(image.size) > MAX_SIDE:
                found = f"{image.width} x {image.height} pixels"
                raise InputError(path, found, f"at most {MAX_SIDE} a side")
            turned = ImageOps.exif_transpose(image)
            return _grey(turned if turned.mode.startswith(("I", "F")) else turned.convert("RGBA"))
    except Image.DecompressionBombError as error:
        raise InputError(path, f"more than {MAX_PIXELS} pixels", "a smaller picture") from error
    except InputError:
        raise
    except Exception as error:  # of a damaged file, Pillow raises nearly anything
        by_system = isinstance(error, OSError) and error.errno is not None  # Pillow's own have no number
        found = os_reason(error) if by_system else "not a picture that can be read"
        raise InputError(path, found, "a PNG, JPEG or other picture file") from error


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
