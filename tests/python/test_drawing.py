"""What the hand draws, as strokes, and how it is painted."""

import math
from itertools import pairwise

import numpy as np
import pytest

from drawing.painting import paint
from drawing.strokes import STEP, Content, Drawing


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


def drawn(*dots: float) -> Drawing:
    drawing = Drawing()
    for place in dots:
        drawing.press(place, place)
        drawing.release()
    return drawing


def firsts(drawing: Drawing) -> list[float]:
    """Where each stroke begins."""
    return [stroke[0][0] for stroke in drawing.strokes]


def test_clear_while_the_pen_is_down() -> None:
    drawing = Drawing()
    drawing.press(1, 1)
    drawing.clear()
    assert drawing.strokes == [] and drawing.move(2, 2) == []


def test_undo_and_redo_step_by_step() -> None:
    drawing, shown = drawn(1, 2), []
    drawing.clear()
    for step in (*[drawing.undo] * 4, *[drawing.redo] * 4):
        step()
        shown.append(firsts(drawing))
    assert shown == [[1, 2], [1], [], [], [1], [1, 2], [], []]


def test_a_stroke_after_undo_forgets_what_was_undone() -> None:
    drawing = drawn(1, 2)
    drawing.undo()
    drawing.press(3, 3)
    drawing.redo()
    assert firsts(drawing) == [1, 3]


def test_undo_while_the_pen_is_down_takes_the_whole_stroke() -> None:
    drawing = drawn(1)
    drawing.press(2, 2)
    drawing.move(9, 9)
    drawing.undo()
    assert firsts(drawing) == [1] and drawing.move(5, 5) == []
    drawing.redo()
    assert firsts(drawing) == [1, 2] and drawing.strokes[1][-1] == (9, 9)


def test_clearing_an_empty_canvas_is_no_step() -> None:
    drawing = drawn(1)
    drawing.clear()
    drawing.clear()
    drawing.undo()
    assert firsts(drawing) == [1]


def test_a_stroke_takes_the_place_of_a_picture() -> None:
    drawing, picture = drawn(1), np.ones((2, 3), np.uint8)
    drawing.put(Content([], picture))
    assert drawing.strokes == [] and drawing.content.picture is picture
    drawing.press(2, 2)
    assert firsts(drawing) == [2] and drawing.content.picture is None
    drawing.undo()
    assert drawing.content.picture is picture
    drawing.undo()
    assert firsts(drawing) == [1] and drawing.content.picture is None


def test_paint_is_anti_aliased_and_stays_in_the_picture() -> None:
    ink = np.zeros((9, 9))
    paint(ink, [(4.5, 4.5)], 3)
    assert ink[4, 4] == ink[4, 3] == 1  # at most 1 = radius - 0.5 from the middle
    assert ink[3, 3] == pytest.approx(2 - 2**0.5) and ink[4, 2] == 0
    assert np.array_equal(ink, ink.T) and np.array_equal(ink, ink[::-1])
    paint(ink, [(-50, -50), (-40, 3), (100, 100)], 3)
    paint(ink, [], 3)
    assert ink.min() >= 0 and ink.max() == 1
