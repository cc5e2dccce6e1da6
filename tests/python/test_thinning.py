"""Skeletons of strokes, and distances to them."""

import numpy as np

from robustness.thinning import distance_to, thinned


def drawing(*rows: str) -> np.ndarray:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


LETTER = drawing(
    "#########",
    "#########",
    "#########",
    "...###...",
    "...###...",
    "...###...",
    "...###...",
)
LETTER_LINES = drawing(
    ".........",
    ".######..",
    "....#....",
    "....#....",
    "....#....",
    ".........",
    ".........",
)
RING = drawing(
    "######",
    "######",
    "##..##",
    "##..##",
    "######",
    "######",
)
RING_LINES = drawing(
    ".####.",
    "##..#.",
    "#...#.",
    "#...#.",
    "#####.",
    "......",
)


def test_strokes_become_their_skeleton() -> None:
    np.testing.assert_array_equal(thinned(LETTER), LETTER_LINES)
    np.testing.assert_array_equal(thinned(RING), RING_LINES)  # up to the picture's edge, and still closed


def test_many_at_once_are_as_one_at_a_time() -> None:
    turned = np.stack([np.rot90(RING, turns) for turns in range(4)] + [np.zeros((6, 6), bool)])
    np.testing.assert_array_equal(thinned(turned), [thinned(ring) for ring in turned])
    np.testing.assert_array_equal(
        distance_to(turned, 3), np.concatenate([distance_to(ring[None], 3) for ring in turned])
    )


def test_distance() -> None:
    """Against the definition."""
    lines = np.random.default_rng(1).random((13, 17)) < 0.02
    places = np.argwhere(lines)
    assert len(places) > 1
    rows_columns = np.stack(np.indices(lines.shape), axis=-1)[:, :, None]
    distance = np.hypot(*(rows_columns - places).transpose(3, 0, 1, 2)).min(axis=-1)
    assert distance.max() > 5
    np.testing.assert_allclose(distance_to(lines, 30), distance)
    np.testing.assert_allclose(distance_to(lines, 4), np.minimum(distance, 4))
    assert (distance_to(np.zeros((3, 4), bool), 2) == 2).all()
