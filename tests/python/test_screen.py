"""Drawings that are not one digit are rejected by their geometry, and few real digits are."""

from collections.abc import Iterator

import numpy as np
import pytest

from common.idx import find, read_images
from drawing.components import components
from drawing.preparation import prepare_ink, prepare_strokes
from drawing.screen import RejectReason, screen
from drawing.strokes import CANVAS_SIDE, PEN
from drawing.ten_digits import digit_strokes
from robustness.negatives import Negative, negative_drawings
from support import DATA

MAX_DIGITS_REJECTED = 0.005
MIN_REJECTED = {  # of the drawings of a kind; the rest is left to the network
    "empty": 1,
    "dot": 1,
    "polyline": 0.85,
    "hatching": 1,
    "loops": 0.95,
    "tangle": 0.9,
    "sticks": 1,
    "two drawn digits": 0.9,
    "three drawn digits": 0.95,
    "two digits": 0.95,
    "three digits": 0.9,
}


@pytest.fixture(scope="module")
def negatives() -> list[Negative]:
    return negative_drawings(read_images(find(DATA, "t10k-images", 3)))


@pytest.fixture(scope="module")
def pictures(negatives: list[Negative]) -> dict[str, list[RejectReason]]:
    """What is said of the negatives as pictures, by their kind."""
    return by_kind((negative.kind, prepare_ink(negative.ink).reject) for negative in negatives)


@pytest.mark.parametrize("part", ["t10k", "train"])
def test_real_digits_pass(part: str) -> None:
    images = read_images(find(DATA, f"{part}-images", 3))[:10_000:4]
    reasons = [prepare_ink(image / 255).reject for image in images]
    assert share_rejected(reasons) <= MAX_DIGITS_REJECTED


@pytest.mark.parametrize("digit", range(10))
def test_drawn_digits_pass(digit: int) -> None:
    assert prepare_strokes(digit_strokes(digit, 60, 40, 180), PEN).reject is RejectReason.NONE


def test_pictures_of_negatives_are_rejected(pictures: dict[str, list[RejectReason]]) -> None:
    for kind, reasons in pictures.items():
        assert share_rejected(reasons) >= MIN_REJECTED[kind], kind


def test_strokes_of_negatives_are_rejected(negatives: list[Negative]) -> None:
    """Strokes say more than pixels do: at least four of five of every kind."""
    screened = (
        (negative.kind, prepare_strokes(negative.strokes, PEN).reject)
        for negative in negatives
        if negative.strokes is not None
    )
    for kind, reasons in by_kind(screened).items():
        assert share_rejected(reasons) >= 0.8, kind


def test_each_reason_has_its_name(pictures: dict[str, list[RejectReason]]) -> None:
    assert set(pictures["empty"]) == {"nothing drawn"} and set(pictures["dot"]) == {"too small"}
    assert set(pictures["hatching"]) == {"not a single digit"}
    assert prepare_strokes(digit_strokes(0, 60, 40, 180), PEN).reject == "digit"


def by_kind(screened: Iterator[tuple[str, RejectReason]]) -> dict[str, list[RejectReason]]:
    kinds: dict[str, list[RejectReason]] = {}
    for kind, reason in screened:
        kinds.setdefault(kind, []).append(reason)
    return kinds


def share_rejected(reasons: list[RejectReason]) -> float:
    return float(np.mean([reason is not RejectReason.NONE for reason in reasons]))


def test_negatives_are_the_same_again_and_on_the_canvas(negatives: list[Negative]) -> None:
    again = negative_drawings(read_images(find(DATA, "t10k-images", 3)))
    assert len(again) == len(negatives) >= 200
    assert {negative.kind for negative in negatives} == set(MIN_REJECTED)
    for one, other in zip(negatives, again, strict=True):
        assert one.kind == other.kind and one.strokes == other.strokes
        np.testing.assert_array_equal(one.ink, other.ink)
        assert one.ink.shape == (CANVAS_SIDE, CANVAS_SIDE) and one.ink.max() <= 1
        assert one.ink.any() == (one.kind != "empty")


def screened_rectangles(**rectangles: tuple[int, int, int, int]) -> RejectReason:
    """What is said of full ink in rectangles: top, bottom, left, right."""
    picture = np.zeros((28, 28))
    for top, bottom, left, right in rectangles.values():
        picture[top:bottom, left:right] = 1
    return screen(picture)


def test_rules_at_their_limits() -> None:
    passes, rejected = RejectReason.NONE, RejectReason.NOT_ONE_DIGIT
    assert screened_rectangles(block=(4, 24, 4, 16)) is passes  # 240 pixels
    assert screened_rectangles(block=(4, 24, 4, 17)) is rejected  # 260: solid
    assert screened_rectangles(dash=(10, 20, 4, 24)) is passes
    assert screened_rectangles(dash=(10, 19, 4, 24)) is rejected  # flat
    assert screened_rectangles(one=(4, 24, 4, 7), other=(4, 24, 12, 15)) is rejected  # side by side
    assert screened_rectangles(one=(4, 13, 4, 7), other=(15, 24, 12, 15)) is passes  # less than half as high
    assert screened_rectangles(one=(4, 24, 4, 10), other=(4, 16, 12, 13)) is passes  # less than a tenth of the ink
    assert screened_rectangles(one=(4, 12, 10, 14), other=(14, 24, 10, 14)) is passes  # one above the other
    comb = {f"tooth{i}": (4, 24, 4 + 3 * i, 5 + 3 * i) for i in range(6)}
    assert screened_rectangles(back=(4, 5, 4, 20), **comb) is rejected  # six ends: busy


def test_components() -> None:
    """Against the definition, on random pixels: spread from a pixel to the eight around it."""
    rng = np.random.default_rng(1)
    for height, width in ((1, 1), (1, 9), (9, 1), (7, 8), (12, 15), (0, 0)):
        for share in (0, 0.1, 0.3, 0.5, 0.8, 1):
            inked = rng.random((height, width)) < share
            np.testing.assert_array_equal(components(inked), spread(inked))


def spread(inked: np.ndarray) -> np.ndarray:
    parts = np.zeros(inked.shape, int)
    places = set(zip(*np.nonzero(inked), strict=True))
    for start in sorted(places):
        if parts[start]:
            continue
        number, waiting = parts.max() + 1, [start]
        while waiting:
            row, column = waiting.pop()
            if (row, column) in places and not parts[row, column]:
                parts[row, column] = number
                waiting += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return parts
