"""What the hand draws, as strokes."""

import math
from itertools import pairwise

from drawing import STEP, Drawing


def test_a_click_is_a_dot_even_at_0_0() -> None:
    drawing = Drawing()
    assert drawing.press(0, 0) == [(0, 0)]
    drawing.release()
    assert set(drawing.strokes[0]) == {(0, 0)} and len(drawing.strokes) == 1


def test_a_corner_becomes_a_curve_from_first_to_last_point() -> None:
    drawing = Drawing()
    drawing.press(0, 0)
    drawing.move(40, 0)
    drawing.move(40, 40)
    drawing.release()
    (stroke,) = drawing.strokes
    assert stroke[0] == (0, 0) and stroke[-1] == (40, 40)
    assert (40, 0) not in stroke and (20, 0) in stroke and (40, 20) in stroke
    assert all(math.dist(a, b) <= 2 * STEP for a, b in pairwise(stroke[:-1]))


def test_pieces_join_to_the_stroke() -> None:
    drawing = Drawing()
    pieces = [drawing.press(1, 2), drawing.move(9, 9), drawing.move(30, 5), drawing.release()]
    assert [*pieces[0], *(point for piece in pieces[1:] for point in piece[1:])] == drawing.strokes[0]
    assert all(before[-1] == after[0] for before, after in pairwise(pieces))


def test_the_mouse_without_the_button_draws_nothing() -> None:
    drawing = Drawing()
    assert drawing.move(5, 5) == [] and drawing.release() == [] and drawing.strokes == []


def test_clear() -> None:
    drawing = Drawing()
    drawing.press(1, 1)
    drawing.clear()
    assert drawing.strokes == [] and drawing.move(2, 2) == []
