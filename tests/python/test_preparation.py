"""From a drawing to 28x28: MNIST's own recipe, checked against MNIST, and the pen."""

import numpy as np
import pytest

from common.idx import find, read_dataset, read_images
from common.preparation import Preparation
from conftest import Run
from drawing.painting import Stroke
from drawing.ten_digits import digit_strokes
from models import load_model, probabilities
from networks import constant_model, recognizer_of
from recognizer.native import Status, prepare_picture
from recognizer.recognition import Recognition
from support import DATA

SIDE, BOX, PEN_WIDTH = 28, 20, 2.75


@pytest.fixture(scope="module")
def recognizer(build):
    return recognizer_of(constant_model([0.7, *[0.3 / 9] * 9]))


def drawn(recognizer, strokes: list[Stroke], pen: float = 0) -> Recognition:
    return recognizer.strokes(strokes, pen)


def prepared(digit: np.ndarray) -> np.ndarray:
    return prepare_picture(np.pad(digit, 4), Preparation(), (SIDE, SIDE))[0] / 255


def centre_of_mass(pictures: np.ndarray) -> np.ndarray:
    """(B, 28, 28) -> (B, 2): row and column index."""
    index, mass = np.arange(SIDE), pictures.sum(axis=(1, 2))
    rows, columns = pictures.sum(axis=2) @ index, pictures.sum(axis=1) @ index
    return np.stack([rows / mass, columns / mass], axis=1)


def box_of(picture: np.ndarray) -> tuple[int, int]:
    """Height and width of the ink that a person would see."""
    ink = picture > 77
    return int(ink.any(axis=1).sum()), int(ink.any(axis=0).sum())


def test_mnist_pictures_come_through(runs: dict[str, Run]) -> None:
    """Read as pictures and prepared, the test digits are as they were, and recognised as well."""
    images, labels = (values[::5] for values in read_dataset(DATA, "t10k"))
    pictures = np.array([prepared(image) for image in images])
    change = np.abs(pictures - images / images.max(axis=(1, 2), keepdims=True)).max(axis=(1, 2))
    assert (change > 0.1).mean() < 0.01 and change.mean() < 0.03
    model = load_model(runs["mnist_mlp"].model)
    direct, through = (
        (probabilities(model, pixels).argmax(axis=1) == labels).mean() for pixels in (images / 255, pictures)
    )
    assert abs(direct - through) < 0.003


def test_mnist_images_on_a_large_canvas() -> None:
    """Nine times as large, off-centre: the same comes back, where whole pixels can centre it in 20x20."""
    images = read_images(find(DATA, "t10k-images", 3))[:1000]
    clear = [image for image in images if ((image == 0) | (image > 5)).all()]  # fainter than 0.02 is paper
    even = [image for image in clear if (image.any(axis=0).sum() - image.any(axis=1).sum()) % 2 == 0]
    assert len(even) > 100
    for image in even:
        canvas = np.zeros((400, 500), np.uint8)
        canvas[130 : 130 + 252, 5 : 5 + 252] = np.kron(image, np.ones((9, 9), np.uint8))
        np.testing.assert_allclose(prepared(canvas), image / image.max(), atol=0.5001 / 255)


def test_centre_of_mass_is_that_of_mnist(recognizer) -> None:
    mnist = centre_of_mass(read_images(find(DATA, "t10k-images", 3)) / 255)
    pictures = np.array([drawn(recognizer, digit_strokes(digit)).picture / 255 for digit in range(10)])
    of_drawn = centre_of_mass(pictures)
    for centres in (mnist, of_drawn):
        assert (centres >= 13.4).all() and (centres < 14.6).all()
    np.testing.assert_allclose(mnist.mean(axis=0), 14, atol=0.02)
    np.testing.assert_allclose(of_drawn.mean(axis=0), mnist.mean(axis=0), atol=0.3)


@pytest.mark.parametrize("digit", range(10))
def test_digits_of_any_place_and_size_fill_the_box(digit: int, recognizer) -> None:
    expected = drawn(recognizer, digit_strokes(digit))
    assert expected.status == Status.RECOGNIZED and max(box_of(expected.picture)) == BOX
    for left, top, height in ((0, 0, 280), (200, 10, 70), (-30, 240, 33.3), (1e6, -1e6, 500)):
        found = drawn(recognizer, digit_strokes(digit, left, top, height))
        np.testing.assert_allclose(found.picture.astype(int), expected.picture, atol=1)
        assert found.status == Status.RECOGNIZED


@pytest.mark.parametrize("height", [30, 100, 260])
def test_the_pen_is_as_thick_for_every_size(height: float, recognizer) -> None:
    middle = drawn(recognizer, [[(50, 10), (50, 10 + height)]]).picture[SIDE // 2] / 255
    assert middle.sum() == pytest.approx(PEN_WIDTH, abs=0.3)
    assert middle.max() == 1


def test_a_dot_is_a_dot(recognizer) -> None:
    dot = drawn(recognizer, [[(0, 0)]])
    assert dot.status == Status.TOO_SMALL and max(box_of(dot.picture)) <= 4
    assert dot.picture.sum() / 255 == pytest.approx(np.pi * (PEN_WIDTH / 2) ** 2, rel=0.1)
    np.testing.assert_array_equal(drawn(recognizer, [[(7, 3), (7, 3)]]).picture, dot.picture)
    trembling = drawn(recognizer, [[(100, 100), (100, 101)]], pen=20)
    assert max(box_of(trembling.picture)) <= 4 and trembling.status == Status.TOO_SMALL
    knowingly = drawn(recognizer, [[(100, 100), (100, 101)]])
    assert max(box_of(knowingly.picture)) == BOX and knowingly.status == Status.RECOGNIZED


def test_nothing_drawn(recognizer) -> None:
    for nothing in ([], [[]]):
        found = drawn(recognizer, nothing)
        assert not found.picture.any() and found.status == Status.NOTHING_DRAWN
