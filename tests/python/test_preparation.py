"""From a drawing to 28x28: MNIST's own recipe, checked against MNIST, and the pen."""

import numpy as np
import pytest

from common.idx import find, read_images
from drawing.preparation import BOX, PEN_WIDTH, SIDE, paint, prepare_ink, prepare_strokes
from drawing.screen import RejectReason
from drawing.ten_digits import digit_strokes
from support import DATA


def centre_of_mass(pictures: np.ndarray) -> np.ndarray:
    """(B, 28, 28) -> (B, 2): row and column index."""
    index, mass = np.arange(SIDE), pictures.sum(axis=(1, 2))
    rows, columns = pictures.sum(axis=2) @ index, pictures.sum(axis=1) @ index
    return np.stack([rows / mass, columns / mass], axis=1)


def box_of(picture: np.ndarray) -> tuple[int, int]:
    """Height and width of the ink that a person would see."""
    ink = picture > 0.3
    return int(ink.any(axis=1).sum()), int(ink.any(axis=0).sum())


def test_mnist_images_are_prepared_already() -> None:
    """The recipe leaves them as they are, but for the scale to full ink: some are at most 250 of 255 dark."""
    images = read_images(find(DATA, "t10k-images", 3))[:1000] / 255
    prepared = np.array([prepare_ink(image).picture for image in images])
    np.testing.assert_allclose(prepared, images / images.max(axis=(1, 2), keepdims=True), atol=1e-12)


def test_mnist_images_on_a_large_canvas() -> None:
    """Nine times as large, off-centre: the same comes back, where whole pixels can centre it in 20x20."""
    images = read_images(find(DATA, "t10k-images", 3))[:100] / 255
    even = [image for image in images if (image.any(axis=0).sum() - image.any(axis=1).sum()) % 2 == 0]
    assert len(even) > 30
    for image in even:
        canvas = np.zeros((400, 500))
        canvas[130 : 130 + 252, 5 : 5 + 252] = np.kron(image, np.ones((9, 9)))
        np.testing.assert_allclose(prepare_ink(canvas).picture, image / image.max(), atol=1e-9)


def test_centre_of_mass_is_that_of_mnist() -> None:
    mnist = centre_of_mass(read_images(find(DATA, "t10k-images", 3)) / 255)
    drawn = centre_of_mass(np.array([prepare_strokes(digit_strokes(digit)).picture for digit in range(10)]))
    for centres in (mnist, drawn):
        assert (centres >= 13.4).all() and (centres < 14.6).all()
    np.testing.assert_allclose(mnist.mean(axis=0), 14, atol=0.02)
    np.testing.assert_allclose(drawn.mean(axis=0), mnist.mean(axis=0), atol=0.3)


@pytest.mark.parametrize("digit", range(10))
def test_place_and_size_of_the_drawing_do_not_matter(digit: int) -> None:
    expected = prepare_strokes(digit_strokes(digit))
    assert expected.reject is RejectReason.NONE
    for left, top, height in ((0, 0, 280), (200, 10, 70), (-30, 240, 33.3), (1e6, -1e6, 500)):
        found = prepare_strokes(digit_strokes(digit, left, top, height))
        np.testing.assert_allclose(found.picture, expected.picture, atol=1e-6)
        assert found.reject is RejectReason.NONE


@pytest.mark.parametrize("digit", range(10))
def test_the_digit_fills_the_box(digit: int) -> None:
    assert max(box_of(prepare_strokes(digit_strokes(digit)).picture)) == BOX


@pytest.mark.parametrize("height", [30, 100, 260])
def test_the_pen_is_as_thick_for_every_size(height: float) -> None:
    picture = prepare_strokes([[(50, 10), (50, 10 + height)]]).picture
    middle = picture[SIDE // 2]
    assert middle.sum() == pytest.approx(PEN_WIDTH, abs=0.3)
    assert middle.max() == 1


def test_a_dot_is_a_dot() -> None:
    dot, reject = prepare_strokes([[(0, 0)]])
    assert reject is RejectReason.TOO_SMALL
    assert dot.sum() == pytest.approx(np.pi * (PEN_WIDTH / 2) ** 2, rel=0.1)
    assert max(box_of(dot)) <= 4
    np.testing.assert_array_equal(prepare_strokes([[(7, 3), (7, 3)]]).picture, dot)
    trembling = prepare_strokes([[(100, 100), (100, 101)]], smallest=20)
    assert max(box_of(trembling.picture)) <= 4 and trembling.reject is RejectReason.TOO_SMALL
    knowingly = prepare_strokes([[(100, 100), (100, 101)]])
    assert max(box_of(knowingly.picture)) == BOX and knowingly.reject is RejectReason.NONE


def test_nothing_drawn() -> None:
    for nothing in ([], [[]]):
        assert not prepare_strokes(nothing).picture.any()
        assert prepare_strokes(nothing).reject is RejectReason.NOTHING_DRAWN
    for size in ((280, 280), (0, 0)):
        assert not prepare_ink(np.zeros(size)).picture.any()
        assert prepare_ink(np.zeros(size)).reject is RejectReason.NOTHING_DRAWN


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 200), (57, 13), (20, 20), (333, 331)])
def test_pictures_of_any_size(height: int, width: int) -> None:
    picture = prepare_ink(np.full((height, width), 0.25)).picture
    assert picture.shape == (SIDE, SIDE) and picture.max() == pytest.approx(1)
    assert max(box_of(picture)) == BOX


def test_area_average() -> None:
    """Three rows of ink into twenty: each covers 20 / 3 of them."""
    picture = prepare_ink(np.array([[1.0], [0.5], [1.0]])).picture
    column = picture[:, picture.sum(axis=0).argmax()]
    upper = [1] * 6 + [2 / 3 + 1 / 6] + [0.5] * 3
    np.testing.assert_allclose(column[column > 0], upper + upper[::-1], atol=1e-12)


def test_paint_is_anti_aliased_and_stays_in_the_picture() -> None:
    ink = np.zeros((9, 9))
    paint(ink, [(4.5, 4.5)], 3)
    assert ink[4, 4] == ink[4, 3] == 1  # at most 1 = radius - 0.5 from the middle
    assert ink[3, 3] == pytest.approx(2 - 2**0.5) and ink[4, 2] == 0
    assert np.array_equal(ink, ink.T) and np.array_equal(ink, ink[::-1])
    paint(ink, [(-50, -50), (-40, 3), (100, 100)], 3)
    paint(ink, [], 3)
    assert ink.min() >= 0 and ink.max() == 1
