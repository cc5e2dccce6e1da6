"""tools/drawn_benchmark.py: the distortions, the figures, and what it says of bad input."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from common.idx import read_dataset
from common.preparation import Preparation
from conftest import Run
from drawing.strokes import CANVAS_SIDE, PEN
from drawn_benchmark import (
    AVERAGE,
    interval,
    load_digit_recognizer,
    on_paper,
    scores_of,
)
from models import save_model
from networks import constant_model, recognizer_of
from recognizer.native import prepare_picture
from robustness.negatives import negative_drawings
from robustness.redrawn import CANVAS, FAMILIES, LARGE_CANVAS, ZOOM, Family, redrawn
from robustness.rejection import Confidences, likeliest
from support import DATA, error_line, run_tool, write_idx, write_mlp

COUNT = 40


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return read_dataset(DATA, "t10k")[0][:COUNT]


@pytest.fixture
def folder(digits: np.ndarray, tmp_path: Path) -> Path:
    """A few of the test digits, as a user's data."""
    write_idx(tmp_path / "t10k-images-idx3-ubyte", digits)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", read_dataset(DATA, "t10k")[1][:COUNT])
    return tmp_path


def drawn(digits: np.ndarray, family: Family, seed: int = 1) -> np.ndarray:
    """Ink, (N, height, width) in [0, 1]."""
    return 1 - np.stack(list(redrawn(digits, family, np.random.default_rng(seed)))) / 255


def centres(ink: np.ndarray) -> np.ndarray:
    """(N, 2): the middle of the mass, x and y from the canvas's middle, in pixels of 28."""
    index = np.arange(ink.shape[1]) + 0.5 - ink.shape[1] / 2
    mass = ink.sum(axis=(1, 2))
    return np.stack([ink.sum(axis=1) @ index, ink.sum(axis=2) @ index], axis=1) / mass[:, None] / ZOOM


@pytest.mark.parametrize("name", FAMILIES)
def test_families_keep_all_ink_on_paper(name: str, digits: np.ndarray) -> None:
    pictures = np.stack(list(redrawn(digits, FAMILIES[name], np.random.default_rng(1))))
    side = ZOOM * (LARGE_CANVAS if name == "off-centre" else CANVAS)
    assert pictures.shape == (COUNT, side, side) and pictures.dtype == np.uint8
    for edge in (pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]):
        assert (edge == 255).all()
    assert (pictures.min(axis=(1, 2)) < 30).all()


def test_shift_moves_the_ink(digits: np.ndarray) -> None:
    moved = centres(drawn(digits, Family(shift=6))) - centres(drawn(digits, Family()))
    assert 5 < np.abs(moved).max() <= 6.1
    assert np.abs(moved.mean(axis=0)).max() < 2


@pytest.mark.parametrize("scale", [0.6, 1.3])
def test_scale_changes_the_size(scale: float, digits: np.ndarray) -> None:
    mass, plain = (drawn(digits, Family(scale=s)).sum(axis=(1, 2)) for s in ((scale, scale), (1, 1)))
    np.testing.assert_allclose(mass / plain, scale**2, rtol=0.03)


def test_rotation_is_within_its_limit(digits: np.ndarray) -> None:
    """A straight line says how far it was turned."""
    lines = np.zeros((COUNT, 28, 28), np.uint8)
    lines[:, 4:24, 13:15] = 255
    angles = []
    for ink in drawn(lines, Family(rotation=20)):
        y, x = np.nonzero(ink > 0.5)
        angles.append(np.degrees(np.arctan(np.polyfit(y, x, 1)[0])))
    assert 17 < np.max(angles) < 20.5 and -20.5 < np.min(angles) < -17


@pytest.mark.parametrize("width", [1, 2.5, 5])
def test_pen_has_its_width(width: float) -> None:
    line = np.zeros((1, 28, 28), np.uint8)
    line[:, 6:22, 12:16] = 255
    (ink,) = drawn(line, Family(pen=(width, width)))
    across = ink[ink.shape[0] // 2].sum() / ZOOM
    assert abs(across - width) <= 0.5 / ZOOM  # of the line one pixel wide that is the middle


def test_undistorted_digits_are_prepared_as_they_were(digits: np.ndarray) -> None:
    def prepared(pictures: Iterable[np.ndarray]) -> np.ndarray:
        return np.stack([prepare_picture(each, Preparation(), (28, 28))[0] / 255 for each in pictures])

    plain, again = prepared(on_paper(digits)), prepared(redrawn(digits, Family(), np.random.default_rng(1)))
    assert np.abs(again - plain).mean() < 0.03  # enlarging blurs; from another digit it is
    assert np.abs(again - np.roll(plain, 1, axis=0)).mean() > 0.1


def test_same_seed_same_drawings(digits: np.ndarray) -> None:
    family = FAMILIES["everything"]
    np.testing.assert_array_equal(drawn(digits[:5], family), drawn(digits[:5], family))
    assert (drawn(digits[:5], family) != drawn(digits[:5], family, seed=2)).any()


def test_scores_count_what_does_not_look_like_a_digit_as_wrong(digits: np.ndarray) -> None:
    always_three = recognizer_of(constant_model([0.34 if digit == 3 else 0.66 / 9 for digit in range(10)]))
    images = np.stack([*digits[:3], np.full((28, 28), 255, np.uint8)])  # the last is a blot
    scores = scores_of({"three": always_three}, images, np.array([3, 4, 3, 3]), seed=1)["three"]
    np.testing.assert_array_equal(scores["as they are"], [1, 0, 1, 0])  # not sure is right
    assert list(scores) == ["as they are", *FAMILIES, AVERAGE]
    np.testing.assert_allclose(scores[AVERAGE], np.mean([scores[name] for name in FAMILIES], axis=0))


def test_interval() -> None:
    mean, half = interval(np.array([1.0, 1.0, 1.0, 0.0]))
    assert mean == 0.75
    assert half == pytest.approx(1.96 * np.sqrt(0.75 * 0.25 / 4), rel=1e-4)


def test_the_likeliest_digit_counts_sure_or_not() -> None:
    one = [[(140, 40), (140, 240)]]
    probs = [0.1, 0.25, *[0.65 / 8] * 8]
    assert likeliest(recognizer_of(constant_model(probs)).strokes(one, PEN)) == (1, pytest.approx(0.25))
    assert likeliest(recognizer_of(constant_model(probs)).strokes([[(9, 9)]], PEN)) == (-1, -1)
    outlier = constant_model([*[0.04] * 10, 0.6], [*"0123456789", "none of these"])
    assert likeliest(recognizer_of(outlier).strokes(one, PEN)) == (-1, -1)


def test_confidences() -> None:
    digits = np.array([-1, 0.3, 0.5, 0.9, 0.9, 0.95, 0.97, 0.98, 0.99, 1])
    confidences = Confidences(digits, {"pictures": np.array([-1, 0.2, 0.6]), "strokes": np.array([-1.0])})
    assert [confidences.false_alarms(t) for t in (0, 0.3, 0.4, 0.9, 0.91)] == [0.1, 0.1, 0.2, 0.3, 0.5]
    assert confidences.accepted(0.2) == {"pictures": 2, "strokes": 0}
    assert confidences.accepted(0.7) == {"pictures": 0, "strokes": 0}
    assert confidences.calibrated(0.1) == 0.3
    assert confidences.calibrated(0.3) == 0.9  # a higher one would have 50 %
    assert confidences.calibrated(0.05) == 0  # 10 % do not look like digits
    assert confidences.false_alarms(confidences.calibrated(0.3)) <= 0.3


def test_tool_prints_tables_and_writes_json(folder: Path, runs: dict[str, Run]) -> None:
    models = [runs["mnist_mlp"].model, runs["mnist_cnn"].model]
    done = run_tool("drawn_benchmark", *models, "--data-dir", folder, "--json", "out.json", cwd=folder)
    assert done.returncode == 0
    assert all(line.startswith("drawn_benchmark: ") for line in done.stderr.splitlines())
    report = json.loads((folder / "out.json").read_text())
    assert report["digits"] == COUNT and list(report["models"]) == list(map(str, models))
    images, labels = read_dataset(folder, "t10k")
    chosen = np.random.default_rng(1).permutation(COUNT)
    recognizers = {path: load_digit_recognizer(Path(path)) for path in report["models"]}
    expected = scores_of(recognizers, images[chosen], labels[chosen], seed=1)
    for path, of_model in report["models"].items():
        scores = expected[path]
        assert {name: values.mean() for name, values in scores.items()} == {
            name: cell["mean"] for name, cell in of_model["accuracy"].items()
        }
        assert of_model["accuracy"]["average"]["mean"] == pytest.approx(
            np.mean([of_model["accuracy"][name]["mean"] for name in FAMILIES])
        )
        assert of_model["negatives"] == {"pictures": 220, "strokes": 180}
        assert f"{of_model['calibrated_threshold']:.3f} calibrated" in done.stdout
        for row in of_model["thresholds"]:
            if row["threshold"] <= of_model["calibrated_threshold"]:
                assert row["false_alarms"] <= 0.02
    first, *lines = done.stdout.split("\n\n")[0].splitlines()
    assert first.split() == ["accuracy,", "%", *map(str, models)]
    assert [line.split("  ")[0] for line in lines] == ["as they are", *FAMILIES, "average"]
    accuracies = (report["models"][str(path)]["accuracy"]["pen"] for path in models)
    cells = "  ".join(f"{100 * cell['mean']:.1f} +- {100 * cell['half_interval']:.1f}" for cell in accuracies)
    assert " ".join(lines[4].split()) == " ".join(f"pen {cells}".split())


def test_digits_without_a_margin() -> None:
    """What does not fit on the canvas is cut off; it is a non-digit all the same."""
    drawings = negative_drawings(np.full((3, 28, 28), 255, np.uint8))
    assert all(drawing.ink.shape == (CANVAS_SIDE, CANVAS_SIDE) for drawing in drawings)
    pasted = [drawing.ink for drawing in drawings if drawing.kind in ("two digits", "three digits")]
    assert len(pasted) == 40
    for ink in pasted:
        (edges,) = np.nonzero(np.diff(ink.any(axis=0).astype(int), prepend=0) == 1)
        assert len(edges) >= 2


def test_errors_are_one_line(folder: Path) -> None:
    mlp = write_mlp(folder / "mlp.bin")

    def said(*args: object, status: int = 1) -> str:
        return error_line(run_tool("drawn_benchmark", *args, cwd=folder), "drawn_benchmark", status)

    save_model(folder / "three.safetensors", constant_model([0.5, 0.3, 0.2]))
    assert said("three.safetensors") == (
        "three.safetensors: a network of 3 classes for digits, expected one of 10 classes for digits"
    )
    assert said("no.bin", "--data-dir", folder).startswith("no.bin: no such file, expected a trained model")
    assert said(mlp, "--data-dir", "nowhere").startswith("nowhere: no such folder, expected ")
    assert said(mlp, "--limit", "0", status=2).startswith("--limit: found '0', expected a whole number from 1")
    assert said(mlp, "--seed", "-1", status=2).startswith("--seed: found '-1', expected a whole number from 0")
    for path in (mlp, folder / "t10k-labels-idx1-ubyte"):
        found = said(mlp, "--data-dir", folder, "--json", path)
        assert found == f"{path}: is read, too, and would be lost, expected another file to write to"
    images = np.zeros((COUNT, 28, 28), np.uint8)
    write_idx(folder / "t10k-images-idx3-ubyte", images)
    assert said(mlp, "--data-dir", folder) == f"{folder}: {COUNT} test images without ink, expected digits"
    write_idx(folder / "t10k-images-idx3-ubyte", images[:, :8, :9])
    assert said(mlp, "--data-dir", folder) == f"{folder}: test images of 8 x 9 pixels, expected 28 x 28"
