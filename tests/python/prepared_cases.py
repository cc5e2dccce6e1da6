"""Drawings as text with what the preparation makes of them: what C++ and Python have to agree on.

Run:  .venv/bin/python tests/python/prepared_cases.py     writes tests/golden/prepared.txt
A drawing is `strokes SMALLEST STROKES`, then for each stroke `POINTS x y x y ...`; or `picture ROWS COLS`,
then a byte for each pixel, 0 black to 255 white. What is made of it is the reject reason in quotes and the
picture, 28 rows of 28 numbers.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from drawing.picture_ink import ink_of  # noqa: E402
from drawing.preparation import SIDE, Prepared, Stroke, paint, prepare_ink, prepare_strokes  # noqa: E402
from drawing.ten_digits import digit_strokes  # noqa: E402

GOLDEN = ROOT / "tests" / "golden" / "prepared.txt"

Case = tuple[str, Prepared]  # the drawing as text, and what is made of it


def strokes_case(strokes: Sequence[Stroke], smallest: float = 0.0) -> Case:
    lines = [f"strokes {float(smallest)!r} {len(strokes)}"]
    for stroke in strokes:
        values = (repr(float(value)) for point in stroke for value in point)
        lines.append(" ".join([str(len(stroke)), *values]))
    return "\n".join(lines), prepare_strokes(strokes, smallest)


def picture_case(grey: np.ndarray) -> Case:
    """`grey`: uint8 (height, width)."""
    lines = [f"picture {grey.shape[0]} {grey.shape[1]}", *(" ".join(map(str, row)) for row in grey)]
    return "\n".join(lines), prepare_ink(ink_of(grey / 255))


def prepared_text(prepared: Prepared) -> str:
    rows = (" ".join(f"{value:.9g}" for value in row) for row in prepared.picture)
    return "\n".join([f'"{prepared.reject}"', *rows])


def parse_prepared(text: str) -> list[tuple[str, np.ndarray]]:
    """Reject reasons and pictures of what dump_prepared prints."""
    lines = text.splitlines()
    return [
        (lines[at].strip('"'), np.array([line.split() for line in lines[at + 1 : at + 1 + SIDE]], np.float64))
        for at in range(0, len(lines), 1 + SIDE)
    ]


def golden_cases() -> list[Case]:
    """Every reject reason, strokes and pictures, of odd sizes and in odd places."""
    rng = np.random.default_rng(1)
    cases = [strokes_case([]), strokes_case([[], []]), strokes_case([[(0, 0)]])]
    cases += [strokes_case([[(100, 100), (101, 102)]], 20), strokes_case([[(-3, 7), (1e3, 9)]])]
    cases += [strokes_case([[tuple(place) for place in rng.uniform(0, 280, (25, 2)).round(1)]])]
    cases += [strokes_case(digit_strokes(4, -5.5, 1e4, 37))]
    cases += [strokes_case(digit_strokes(7, 300, 20, 0.01), smallest=0.001)]
    cases += [strokes_case(digit_strokes(1, 0, 0, 100) + digit_strokes(7, 60, 5, 100))]
    cases += [strokes_case([[(10 * i, 0), (10 * i, 50)] for i in range(9)])]

    cases += [picture_case(np.full((1, 1), 7, np.uint8)), picture_case(np.full((5, 3), 255, np.uint8))]
    cases += [picture_case(drawn(4, 31, 17, left=3, top=5, height=20))]
    cases += [picture_case(255 - drawn(2, 23, 60, left=40, top=1, height=21))]
    slope = 90 * np.linspace(0, 1, 41)[:, None] + 60 * np.linspace(0, 1, 37)
    photo = 230 - slope - 0.4 * drawn(3, 41, 37, left=9, top=6, height=28) + rng.normal(0, 2, (41, 37))
    cases += [picture_case(np.rint(photo).clip(0, 255).astype(np.uint8))]
    both = np.hstack([drawn(5, 30, 22, 3, 2, 26), drawn(6, 30, 24, 2, 4, 24)])
    cases += [picture_case(both)]
    speck = np.zeros((40, 40), np.uint8)
    speck[30:32, 5:7] = 255
    cases += [picture_case(speck)]
    return cases


def drawn(digit: int, rows: int, cols: int, left: float, top: float, height: float) -> np.ndarray:
    """A digit, white on black: uint8 (rows, cols)."""
    ink = np.zeros((rows, cols))
    for stroke in digit_strokes(digit, left, top, height):
        paint(ink, stroke, height / 9)
    return np.rint(ink * 255).astype(np.uint8)


def main() -> None:
    GOLDEN.write_text("".join(f"{case}\n{prepared_text(prepared)}\n" for case, prepared in golden_cases()))


if __name__ == "__main__":
    main()
