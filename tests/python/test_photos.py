"""Photos: what is beside the digit is left out."""

from pathlib import Path

import numpy as np
import pytest

from photos import photo_of
from recognizer.native import load_recognizer

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
    model, rng = load_recognizer(drawing_model), np.random.default_rng(5)
    said = [model.picture(photo_of(i % 10, kind, rng)).prediction for i in range(20)]
    assert sum(prediction == str(i % 10) for i, prediction in enumerate(said)) >= KINDS[kind], said
