"""Reader of IDX files, the format of MNIST, plain or gzipped.

Big-endian. Images: uint32 magic 0x00000803, count, rows, columns, then count * rows * columns bytes.
Labels: uint32 magic 0x00000801, count, then count bytes. Source: the file formats on MNIST's own page.
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from common.errors import InputError, os_reason

IMAGES_MAGIC = 0x0803
LABELS_MAGIC = 0x0801
LARGEST_SIDE = 4096  # pixels of an image, as in the C++ programs
GZIP_RATIO = 1032  # of content to file, at most: as far as deflate goes


def read_images(path: Path) -> np.ndarray:
    """Images of an IDX file: uint8 (count, rows, columns), 0 = paper, 255 = ink. Raises InputError."""
    images = _read(path, IMAGES_MAGIC, "images")
    if images.size == 0:
        raise InputError(path, "no pixels", "images")
    return images


def read_labels(path: Path) -> np.ndarray:
    """Labels of an IDX file: uint8 (count). Raises InputError."""
    return _read(path, LABELS_MAGIC, "labels")


def read_dataset(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, rows, columns) and labels (count) of `part`, "train" or "t10k", found in `folder`."""
    images_path = find(folder, f"{part}-images", 3)
    labels_path = find(folder, f"{part}-labels", 1)
    images, labels = read_images(images_path), read_labels(labels_path)
    if len(images) != len(labels):
        raise InputError(
            labels_path, f"{len(labels)} labels", f"{len(images)}, one for each of {images_path}"
        )
    return images, labels


def find(folder: Path, stem: str, dimensions: int) -> Path:
    """The file of `folder` called `stem`, in either of MNIST's spellings, plain or .gz. Raises InputError."""
    names = [f"{stem}{mark}idx{dimensions}-ubyte{gz}" for mark in ("-", ".") for gz in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    found = "none of its files has the name" if folder.is_dir() else "no such folder"
    raise InputError(folder, found, " or ".join(names))


def _read(path: Path, magic: int, what: str) -> np.ndarray:
    try:
        with path.open("rb") as file:
            gzipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.open(file) if gzipped else file
            return _parse(path, stream, os.fstat(file.fileno()).st_size, magic, what)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(path, f"damaged gzip data ({error})", f"gzipped IDX {what}") from error
    except OSError as error:
        raise InputError(path, os_reason(error), f"an IDX file of {what}") from error


def _parse(path: Path, stream: BinaryIO, file_size: int, magic: int, what: str) -> np.ndarray:
    """The content of a file: nothing is allocated for it before its header is known to be possible."""
    dimensions = magic & 0xFF
    header = stream.read(4 + 4 * dimensions)
    if len(header) < 4 + 4 * dimensions:
        raise InputError(path, f"{len(header)} bytes", f"an IDX header of {4 + 4 * dimensions} bytes")
    found, *shape = struct.unpack(f">{1 + dimensions}I", header)
    if found != magic:
        raise InputError(path, f"magic number 0x{found:08x}", f"0x{magic:08x} (IDX {what})")
    size = math.prod(shape)
    expected = f"{size} for its header's {' x '.join(map(str, shape))}"
    at_most, ratio = ("at most ", GZIP_RATIO) if isinstance(stream, gzip.GzipFile) else ("", 1)
    if size > (limit := ratio * file_size - len(header)):
        raise InputError(path, f"{at_most}{limit} bytes of {what}", expected)
    if max(shape[1:], default=0) > LARGEST_SIDE:
        sides = f"{LARGEST_SIDE} x {LARGEST_SIDE}"
        raise InputError(path, f"images of {shape[1]} x {shape[2]} pixels", f"at most {sides}")
    values = np.empty(size, np.uint8)
    length = _fill(memoryview(values), stream)
    if length < size:
        raise InputError(path, f"{length} bytes of {what}", expected)
    if stream.read(1):
        raise InputError(path, f"more than {size} bytes of {what}", expected)
    return values.reshape(shape)


def _fill(values: memoryview, stream: BinaryIO, piece: int = 1 << 20) -> int:
    """Reads into `values` as much as there is, a piece at a time; the number of bytes."""
    filled = 0
    while filled < len(values) and (count := stream.readinto(values[filled : filled + piece])):
        filled += count
    return filled
