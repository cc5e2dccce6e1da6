"""Pictures as ink: paper of any colour, light from one side, noise, kinds of files; MNIST's own pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.idx import find, read_dataset, read_images
from conftest import Run
from drawing.picture_ink import LARGEST, ink_of, read_ink
from drawing.preparation import prepare_ink
from drawing.screen import RejectReason
from models import load_model, probabilities
from support import DATA


@pytest.mark.parametrize("paper", [0.0, 0.3, 0.9, 1.0])
def test_ink_of_any_paper(paper: float) -> None:
    grey = np.full((40, 30), paper)
    grey[10:30, 12:15] = 1 - paper
    ink = ink_of(grey)
    assert (ink > 0).sum() == 60 and prepare_ink(ink).picture.max() == pytest.approx(1)


def test_soft_edges_stay_and_a_clean_border_hides_nothing() -> None:
    grey = np.zeros((20, 20))
    grey[5:15, 9], grey[5:15, 10], grey[5:15, 11] = 0.03, 1, 0.5
    np.testing.assert_array_equal(ink_of(grey), grey)


def photo(digit: np.ndarray, rng: np.random.Generator, contrast: float = 0.4) -> np.ndarray:
    """Ink (28, 28), eight times as large, on paper with grain and light from one side: grey (300, 400)."""
    ink = np.zeros((300, 400))
    large = Image.fromarray(digit).resize((224, 224), Image.Resampling.BICUBIC)
    ink[40:264, 120:344] = np.asarray(large) / 255
    light = 0.75 + 0.3 * np.linspace(-0.5, 0.5, 400) + 0.1 * np.linspace(-0.5, 0.5, 300)[:, None]
    grey = light * (1 - contrast * ink) + rng.normal(0, 0.01, ink.shape)
    return np.rint(grey.clip(0, 1) * 255) / 255


def test_a_pen_on_unevenly_lit_paper() -> None:
    """The photo of a digit becomes about the digit, at most a pixel aside; a photo of paper is empty."""
    rng = np.random.default_rng(1)
    digits = read_images(find(DATA, "t10k-images", 3))[:50]
    for digit in digits:
        found = prepare_ink(ink_of(photo(digit, rng)))
        assert found.reject is RejectReason.NONE
        expected = digit / digit.max()
        likeness = max(
            np.corrcoef(found.picture.ravel(), np.roll(expected, (down, right), axis=(0, 1)).ravel())[0, 1]
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
        )
        assert likeness > 0.9
        assert not ink_of(photo(0 * digit, rng)).any()


def test_the_side_in_the_shade_is_not_ink() -> None:
    """A weak, large shadow beside a thin, dark stroke: the stroke is the ink, and darker is what counts."""
    grey = np.full((100, 100), 0.8)
    grey[20:80, 5:40] = 0.85  # lighter than the border, 2100 pixels
    grey[20:80, 60:63] = 0.2  # 180 pixels
    ink = ink_of(grey)
    assert (ink > 0).sum() == 180 and ink[50, 61] == pytest.approx(0.6)


def test_dust_is_left_out_and_the_dot_of_a_digit_is_not() -> None:
    grey = np.ones((200, 200))
    grey[30:170, 80:120] = 0
    grey[180, 10:20] = 0  # 10 of 5600 pixels
    assert ink_of(grey)[180].sum() == 0
    grey[181, 10:20] = 0
    assert ink_of(grey)[180].sum() == 10


def test_large_pictures_become_smaller() -> None:
    grey = np.ones((2 * LARGEST + 1, 10))
    grey[600:1503, 4:6] = 0
    ink = ink_of(grey)
    assert ink.shape == (683, 4)
    np.testing.assert_allclose(ink[201:501], np.tile([0, 2 / 3, 0, 0], (300, 1)), atol=1e-12)
    assert ink.max() <= 2 / 3 + 1e-12 and ink[:200].sum() == 0 == ink[501:].sum()


def test_mnist_pictures_come_through(runs: dict[str, Run]) -> None:
    """Read as pictures and prepared, the test digits are as they were, and recognised as well."""
    images, labels = (values[::5] for values in read_dataset(DATA, "t10k"))
    prepared = np.array([prepare_ink(ink_of(image / 255)).picture for image in images])
    change = np.abs(prepared - images / images.max(axis=(1, 2), keepdims=True)).max(axis=(1, 2))
    assert (change > 0.1).mean() < 0.01 and change.mean() < 0.03
    model = load_model(runs["mnist_mlp"].model)
    direct, through = (
        (probabilities(model, pixels).argmax(axis=1) == labels).mean() for pixels in (images / 255, prepared)
    )
    assert abs(direct - through) < 0.003


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I"])
def test_every_kind_of_file(mode: str, tmp_path: Path) -> None:
    grey = np.full((30, 20), 255, np.uint8)
    grey[5:25, 8:11] = 0
    picture = Image.fromarray(grey)
    picture = Image.fromarray(grey.astype(np.uint16) * 257) if mode.startswith("I") else picture.convert(mode)
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    picture.save(path, quality=100) if mode == "CMYK" else picture.save(path)
    ink = read_ink(path)
    np.testing.assert_allclose(ink, 1 - grey / 255, atol=0.02 if mode == "CMYK" else 0)


def test_transparent_is_white_and_colours_are_luma(tmp_path: Path) -> None:
    rgba = np.zeros((9, 9, 4), np.uint8)
    rgba[4, 2:7] = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 51], [40, 40, 40, 255]]
    Image.fromarray(rgba, "RGBA").save(tmp_path / "picture.png")
    grey = 1 - read_ink(tmp_path / "picture.png")[4]
    np.testing.assert_allclose(grey * 255, [255, 255, 76, 150, 29, 204, 40, 255, 255], atol=1e-9)


def test_a_photo_is_turned_as_the_camera_was(tmp_path: Path) -> None:
    grey = np.full((40, 20), 255, np.uint8)
    grey[5:15, 8:11] = 0
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: to be turned by 90 degrees clockwise
    Image.fromarray(grey).save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(read_ink(tmp_path / "photo.png"), np.rot90(1 - grey / 255, -1))
