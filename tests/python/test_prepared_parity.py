"""The preparation in Python equals the one in C++, within 1e-6, and both what is stored."""

import subprocess
from pathlib import Path

import numpy as np

from drawing.screen import RejectReason
from prepared_cases import (
    GOLDEN,
    Case,
    drawn,
    golden_cases,
    parse_prepared,
    picture_case,
    prepared_text,
    strokes_case,
)

COUNT = 200
OF_DIGITS = set(RejectReason) - {RejectReason.NOT_ONE_DRAWING, RejectReason.LINES_ACROSS}


def in_cpp(cases: list[Case], build: Path) -> list[tuple[str, np.ndarray]]:
    text = "\n".join(case for case, _ in cases)
    command = [build / "tests" / "dump_prepared"]
    result = subprocess.run(command, input=text, check=True, capture_output=True, text=True)
    return parse_prepared(result.stdout)


def assert_equal(cases: list[Case], found: list[tuple[str, np.ndarray]]) -> None:
    assert len(found) == len(cases)
    for (text, expected), (reject, picture) in zip(cases, found, strict=True):
        assert reject == expected.reject, text
        np.testing.assert_allclose(picture, expected.picture, rtol=0, atol=1e-6, err_msg=text)


def random_strokes(rng: np.random.Generator) -> Case:
    """Walks of any size, anywhere."""
    size, place = 10 ** rng.uniform(-2, 4), rng.uniform(-1000, 1000, 2)
    steps = [rng.normal(0, size, (rng.integers(1, 30), 2)) for _ in range(rng.integers(1, 11))]
    strokes = [[tuple(point) for point in place + step.cumsum(axis=0)] for step in steps]
    return strokes_case(strokes, smallest=rng.choice([0, 20]))


def random_picture(rng: np.random.Generator) -> Case:
    """Noise, or a digit on paper of any grey and slope, with noise; of any size and shape."""
    rows, cols = (int(10 ** rng.uniform(0, 2.2)) for _ in range(2))
    if rng.random() < 0.2:
        return picture_case(rng.integers(0, 256, (rows, cols), dtype=np.uint8))
    height = rng.uniform(0.3, 0.9) * min(rows, cols)
    left, top = rng.uniform(0, cols / 2), rng.uniform(0, rows / 2)
    ink = drawn(int(rng.integers(10)), rows, cols, left, top, height) / 255.0
    down, across = rng.uniform(-60, 60, 2) * rng.choice([0, 1])
    paper = rng.uniform(0, 255) + down * np.linspace(0, 1, rows)[:, None] + across * np.linspace(0, 1, cols)
    grey = paper + rng.uniform(-255, 255) * ink + rng.normal(0, rng.choice([1e-9, 3]), (rows, cols))
    return picture_case(np.rint(grey).clip(0, 255).astype(np.uint8))


def test_random_strokes(build: Path) -> None:
    rng = np.random.default_rng(1)
    cases = [random_strokes(rng) for _ in range(COUNT)]
    assert {prepared.reject for _, prepared in cases} == OF_DIGITS - {RejectReason.NOTHING_DRAWN}
    assert_equal(cases, in_cpp(cases, build))


def test_random_pictures(build: Path) -> None:
    rng = np.random.default_rng(2)
    cases = [random_picture(rng) for _ in range(COUNT)]
    assert {prepared.reject for _, prepared in cases} == OF_DIGITS
    assert_equal(cases, in_cpp(cases, build))


def test_pictures_that_become_smaller(build: Path) -> None:
    cases = [picture_case(drawn(6, 1500, 700, 100, 150, 800)), picture_case(drawn(8, 90, 2100, 900, 5, 80))]
    assert_equal(cases, in_cpp(cases, build))


def test_golden_drawings() -> None:
    """What is stored, which the C++ unit tests read, too, is what the preparation gives."""
    cases = golden_cases()
    assert {prepared.reject for _, prepared in cases} == OF_DIGITS
    written = "".join(f"{case}\n{prepared_text(prepared)}\n" for case, prepared in cases)
    stored = GOLDEN.read_text()
    assert written.count("\n") == stored.count("\n")
    for new, old in zip(written.splitlines(), stored.splitlines(), strict=True):
        if new != old:  # a last digit may differ from machine to machine
            np.testing.assert_allclose(*(np.array(line.split(), float) for line in (new, old)), atol=1e-6)
