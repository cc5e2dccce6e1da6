"""Photos: what is beside the digit is left out, in Python and in C++ alike, or named."""

from pathlib import Path

import numpy as np
import pytest

from drawing.picture_ink import has_lines_across, ink_of
from drawing.preparation import prepare_ink
from drawing.screen import RejectReason
from models import load_model
from photos import photo_of
from prepared_cases import picture_case
from recognizer.recognition import recognise
from test_prepared_parity import assert_equal, in_cpp

KINDS = {  # and how many of 20 have to be right
    "plain": 18,
    "strip": 18,
    "table": 17,
    "finger": 18,
    "ruled": 18,
    "ruled askew": 16,
    "squared": 15,
    "ruled strip": 17,
}


@pytest.mark.parametrize("kind", KINDS)
def test_digits_on_photos(kind: str, drawing_model: Path) -> None:
    model, rng = load_model(drawing_model), np.random.default_rng(5)
    said = [
        recognise(model, prepare_ink(ink_of(photo_of(i % 10, kind, rng) / 255))).prediction for i in range(20)
    ]
    assert sum(prediction == str(i % 10) for i, prediction in enumerate(said)) >= KINDS[kind], said


def test_the_same_in_cpp(build: Path) -> None:
    rng = np.random.default_rng(6)
    cases = [
        picture_case(photo_of(digit, kind, rng)[::step, ::step])
        for kind in (*KINDS, "squared askew")
        for digit, step in ((3, 2), (8, 5))
    ]
    assert_equal(cases, in_cpp(cases, build))


def test_bent_paper_is_named() -> None:
    grey = np.full((300, 400), 0.9)
    for y in range(20, 300, 40):
        rows = np.rint(y + 18 * np.sin(np.linspace(0, 6, 400))).astype(int)
        grey[rows.clip(0, 299), np.arange(400)] = 0.5
    ink = ink_of(grey)
    assert has_lines_across(ink) and prepare_ink(ink).reject is RejectReason.LINES_ACROSS


def test_what_fills_a_picture_stays() -> None:
    """A filled square is no sheet of paper, and a hash of two lines each way no squared paper."""
    square = np.zeros((100, 100))
    square[20:80, 20:80] = 1
    assert (ink_of(square) > 0).sum() == 3600
    cross = np.ones((60, 60))
    cross[[20, 40]] = cross[:, [20, 40]] = 0
    assert (ink_of(cross) > 0).sum() == 236
