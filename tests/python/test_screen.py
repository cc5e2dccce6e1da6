"""Drawings that are not one digit are rejected by their geometry, and few real digits are."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from common.idx import find, read_images
from drawing.strokes import CANVAS_SIDE, PEN
from drawing.ten_digits import digit_strokes
from networks import constant_model, recognizer_of
from recognizer.native import Recognizer, Status
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
def recognizer(build: Path) -> Recognizer:
    """Sure of everything that its network is asked about."""
    return recognizer_of(constant_model([0.91, *[0.01] * 9]))


@pytest.fixture(scope="module")
def negatives() -> list[Negative]:
    return negative_drawings(read_images(find(DATA, "t10k-images", 3)))


@pytest.fixture(scope="module")
def pictures(recognizer: Recognizer, negatives: list[Negative]) -> dict[str, list[Status]]:
    """What is said of the negatives as pictures, by their kind."""
    return by_kind((negative.kind, recognizer.picture(negative.picture).status) for negative in negatives)


@pytest.mark.parametrize("part", ["t10k", "train"])
def test_real_digits_pass(part: str, recognizer: Recognizer) -> None:
    images = read_images(find(DATA, f"{part}-images", 3))[:10_000:4]
    reasons = [recognizer.picture(np.pad(image, 4)).status for image in images]
    assert share_rejected(reasons) <= MAX_DIGITS_REJECTED


@pytest.mark.parametrize("digit", range(10))
def test_drawn_digits_pass(digit: int, recognizer: Recognizer) -> None:
    assert recognizer.strokes(digit_strokes(digit, 60, 40, 180), PEN).status == Status.RECOGNIZED


def test_pictures_of_negatives_are_rejected(pictures: dict[str, list[Status]]) -> None:
    for kind, reasons in pictures.items():
        assert share_rejected(reasons) >= MIN_REJECTED[kind], kind


def test_strokes_of_negatives_are_rejected(recognizer: Recognizer, negatives: list[Negative]) -> None:
    """Strokes say more than pixels do: at least four of five of every kind."""
    screened = (
        (negative.kind, recognizer.strokes(negative.strokes, PEN).status)
        for negative in negatives
        if negative.strokes is not None
    )
    for kind, reasons in by_kind(screened).items():
        assert share_rejected(reasons) >= 0.8, kind


def test_reasons_are_told_apart(pictures: dict[str, list[Status]]) -> None:
    assert set(pictures["empty"]) == {Status.NOTHING_DRAWN} and set(pictures["dot"]) == {Status.TOO_SMALL}
    assert set(pictures["hatching"]) == {Status.NOT_ONE_DIGIT}


def by_kind(screened: Iterator[tuple[str, Status]]) -> dict[str, list[Status]]:
    kinds: dict[str, list[Status]] = {}
    for kind, reason in screened:
        kinds.setdefault(kind, []).append(reason)
    return kinds


def share_rejected(reasons: list[Status]) -> float:
    return float(np.mean([reason != Status.RECOGNIZED for reason in reasons]))


def test_negatives_are_the_same_again_and_on_the_canvas(negatives: list[Negative]) -> None:
    again = negative_drawings(read_images(find(DATA, "t10k-images", 3)))
    assert len(again) == len(negatives) >= 200
    assert {negative.kind for negative in negatives} == set(MIN_REJECTED)
    for one, other in zip(negatives, again, strict=True):
        assert one.kind == other.kind and one.strokes == other.strokes
        np.testing.assert_array_equal(one.ink, other.ink)
        assert one.ink.shape == (CANVAS_SIDE, CANVAS_SIDE) and one.ink.max() <= 1
        assert one.ink.any() == (one.kind != "empty")
