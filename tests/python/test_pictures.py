"""Pictures in files of every kind, as grey."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.pictures import read_grey


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I"])
def test_every_kind_of_file(mode: str, tmp_path: Path) -> None:
    grey = np.full((30, 20), 255, np.uint8)
    grey[5:25, 8:11] = 0
    picture = Image.fromarray(grey)
    picture = Image.fromarray(grey.astype(np.uint16) * 257) if mode.startswith("I") else picture.convert(mode)
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    picture.save(path, quality=100) if mode == "CMYK" else picture.save(path)
    np.testing.assert_allclose(read_grey(path).astype(int), grey, atol=5 if mode == "CMYK" else 0)


def test_transparent_is_white_and_colours_are_luma(tmp_path: Path) -> None:
    rgba = np.zeros((9, 9, 4), np.uint8)
    rgba[4, 2:7] = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 51], [40, 40, 40, 255]]
    Image.fromarray(rgba, "RGBA").save(tmp_path / "picture.png")
    assert read_grey(tmp_path / "picture.png")[4].tolist() == [255, 255, 76, 150, 29, 204, 40, 255, 255]


def test_a_photo_is_turned_as_the_camera_was(tmp_path: Path) -> None:
    grey = np.full((40, 20), 255, np.uint8)
    grey[5:15, 8:11] = 0
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: to be turned by 90 degrees clockwise
    Image.fromarray(grey).save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(read_grey(tmp_path / "photo.png"), np.rot90(grey, -1))
