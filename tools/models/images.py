"""Images that fit a network."""

from pathlib import Path

import numpy as np

from common.errors import InputError
from common.idx import read_dataset
from models.model import Model


def read_images_for(
    model: Model, folder: Path, part: str, transpose: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Images of `part`, "train" or "t10k": uint8 (N, rows, columns), and labels (N) that the network knows.

    Rows and columns are swapped if `transpose` asks for it or the network's file says that it was trained so.
    Raises InputError.
    """
    images, labels = read_dataset(folder, part)
    if transpose or model.transposed:
        images = images.swapaxes(1, 2)
    check_size(model, folder, images.shape[1:])
    if labels.max() >= model.classes:
        expected = f"labels from 0 to {model.classes - 1}, as the network predicts"
        raise InputError(folder, f"the label {labels.max()}", expected)
    return images, labels


def check_size(model: Model, where: str | Path, size: tuple[int, int], what: str = "images") -> None:
    """Raises InputError if the network cannot take images of `size`, rows and columns."""
    if not model.takes(size):
        found = "{} of {} x {} pixels".format(what, *size)
        raise InputError(where, found, f"{model.pixels} an image, as the network takes ({model.summary})")
