"""The reader of IDX files: every spelling, and everything that can be wrong."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from common.idx import find, read_dataset, read_images, read_labels
from support import DATA, write_idx

IMAGES = np.arange(2 * 3 * 4).reshape(2, 3, 4)
LABELS = np.array([7, 0])


def test_mnist() -> None:
    images, labels = read_dataset(DATA, "t10k")
    assert images.shape == (10000, 28, 28) and images.dtype == np.uint8
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("packed", [False, True])
def test_every_spelling(mark: str, packed: bool, tmp_path: Path) -> None:
    for stem, values in (("train-images", IMAGES), ("train-labels", LABELS)):
        path = write_idx(tmp_path / f"{stem}{mark}idx{values.ndim}-ubyte", values)
        if packed:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    images, labels = read_dataset(tmp_path, "train")
    assert np.array_equal(images, IMAGES) and np.array_equal(labels, LABELS)


GOOD = struct.pack(">4I", 0x803, 2, 3, 4) + bytes(24)
BAD = {
    "empty": (b"", "0 bytes, expected an IDX header of 16 bytes"),
    "short header": (GOOD[:9], "9 bytes, expected an IDX header of 16 bytes"),
    "a web page": (
        b"<html>404 not found</html>",
        "magic number 0x3c68746d, expected 0x00000803 (IDX images)",
    ),
    "labels": (
        struct.pack(">2I", 0x801, 9) + bytes(9),
        "magic number 0x00000801, expected 0x00000803 (IDX images)",
    ),
    "truncated": (GOOD[:-1], "23 bytes of images, expected 24 for its header's 2 x 3 x 4"),
    "longer": (GOOD + b"!", "more than 24 bytes of images, expected 24 for its header's 2 x 3 x 4"),
    "absurd counts": (
        struct.pack(">4I", 0x803, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF) + bytes(5),
        "5 bytes of images, expected 79228162458924105385300197375 for its header's"
        " 4294967295 x 4294967295 x 4294967295",
    ),
    "absurd counts, gzipped": (
        packed := gzip.compress(struct.pack(">4I", 0x803, 0xFFFFFFFF, 28, 28) + bytes(5)),
        f"at most {1032 * len(packed) - 16} bytes of images, expected 3367254359280 for its header's"
        " 4294967295 x 28 x 28",
    ),
    "wide": (
        struct.pack(">4I", 0x803, 1, 1, 4097) + bytes(4097),
        "images of 1 x 4097 pixels, expected at most 4096 x 4096",
    ),
    "truncated gzip": (
        gzip.compress(GOOD)[:-9],
        "damaged gzip data (Compressed file ended before the end-of-stream marker was reached),"
        " expected gzipped IDX images",
    ),
    "truncated and gzipped": (
        gzip.compress(GOOD[:-1]),
        "23 bytes of images, expected 24 for its header's 2 x 3 x 4",
    ),
    "longer and gzipped": (
        gzip.compress(GOOD) + gzip.compress(b"!"),
        "more than 24 bytes of images, expected 24 for its header's 2 x 3 x 4",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_images(kind: str, tmp_path: Path) -> None:
    content, said = BAD[kind]
    path = tmp_path / "images"
    path.write_bytes(content)
    assert error_of(read_images, path) == f"{path}: {said}"


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(GOOD)[:10] + b"\xff\xff\xff\xff")
    assert error_of(read_images, path).startswith(f"{path}: damaged gzip data (")


def test_labels_of_any_byte(tmp_path: Path) -> None:
    assert read_labels(write_idx(tmp_path / "labels", np.array([3, 47, 255]))).tolist() == [3, 47, 255]


def test_plain_before_packed_and_dash_before_dot(tmp_path: Path) -> None:
    """As in the C++ programs."""
    order = ["-idx1-ubyte", "-idx1-ubyte.gz", ".idx1-ubyte", ".idx1-ubyte.gz"]
    for end in reversed(order):
        (tmp_path / f"train-labels{end}").touch()
        assert find(tmp_path, "train-labels", 1).name == f"train-labels{end}"


def test_no_pixels(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "images", np.zeros((0, 28, 28)))
    assert error_of(read_images, path) == f"{path}: no pixels, expected images"


def test_counts_differ(tmp_path: Path) -> None:
    images = write_idx(tmp_path / "train-images-idx3-ubyte", IMAGES)
    labels = write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([1, 2, 3]))
    said = error_of(read_dataset, tmp_path, "train")
    assert said == f"{labels}: 3 labels, expected 2, one for each of {images}"


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    names = (
        "train-images-idx3-ubyte or train-images-idx3-ubyte.gz or "
        "train-images.idx3-ubyte or train-images.idx3-ubyte.gz"
    )
    said = error_of(read_dataset, tmp_path, "train")
    assert said == f"{tmp_path}: none of its files has the name, expected {names}"
    nowhere = tmp_path / "nowhere"
    assert error_of(read_dataset, nowhere, "train") == f"{nowhere}: no such folder, expected {names}"
    said = error_of(read_images, nowhere)
    assert said == f"{nowhere}: no such file or directory, expected an IDX file of images"


def error_of(function: object, *args: object) -> str:
    with pytest.raises(InputError) as caught:
        function(*args)
    return str(caught.value)
