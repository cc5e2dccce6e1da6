"""Networks that learn non-digits as a class of their own: trained, saved, asked, in C++ and Python."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.idx import read_dataset
from drawing.picture_ink import read_ink
from drawing.preparation import prepare_ink, prepare_strokes
from drawing.screen import RejectReason
from drawing.strokes import PEN
from drawn_benchmark import confidences_of, drawn_negatives
from models import load_digit_model, load_model, logits
from models.model import OUTLIERS
from networks import constant_model
from recognizer.confidence import MIN_CONFIDENCE
from recognizer.recognition import Recognition, recognise
from robustness.negatives import negative_drawings
from robustness.rejection import Seen
from support import DATA, MNIST_PROGRAMS, error_line, random_images, run_program, run_tool

ONE = [[(140.0, 40.0), (138.0, 240.0)]]
NAMES = [*"0123456789", OUTLIERS]
PERCENT = re.compile(r"([\d.]+) %")


@pytest.fixture(scope="module")
def model(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mnist_cnn after one epoch of a part of MNIST, and as many outliers as a fifth of it."""
    folder = tmp_path_factory.mktemp("outliers")
    args = ["--optimizer", "adam", "--lr", "0.003", "--epochs", 2, "--train-limit", 20000, "--outliers", 0.2]
    done = run_program("mnist_cnn", *args, "--data-dir", DATA, "--log", "log.txt", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "outliers: 4000 drawings of non-digits, class 10\n" in done.stdout
    assert ", dense 11 (" in done.stdout
    return folder / "mnist_cnn_model.safetensors"


def test_the_file_says_which_class_is_of_outliers(model: Path) -> None:
    network = load_digit_model(model)
    assert (network.classes, network.known_classes, network.class_names) == (11, 10, NAMES)


def test_the_network_knows_negatives_of_other_kinds(model: Path) -> None:
    """By itself, whatever their geometry says, and after a short training."""
    digits, _ = read_dataset(DATA, "t10k")
    network = load_model(model)
    drawings = [d for d in negative_drawings(digits, each=10, seed=5) if d.kind not in ("empty", "dot")]
    pictures = np.stack([prepare_ink(drawing.ink).picture for drawing in drawings])
    assert np.mean(logits(network, pictures).argmax(axis=1) == 10) > 0.75  # with six seeds .83 to .92
    real = Seen.of(prepare_ink(digit / 255) for digit in digits[:1000])
    assert np.mean(real.confidence(network) < 0.4) < 0.06


def test_the_model_for_drawn_digits_accepts_digits_only(drawing_model: Path) -> None:
    """Almost none of 220 pictures and 180 drawings in strokes of non-digits, and 98 % of 10,000 digits."""
    digits, _ = read_dataset(DATA, "t10k")
    confidences = confidences_of(
        load_digit_model(drawing_model),
        Seen.of(prepare_ink(digit / 255) for digit in digits),
        drawn_negatives(digits, seed=1),
    )
    assert {form: len(asked) for form, asked in confidences.negatives.items()} == {"pictures": 220, "strokes": 180}
    assert sum(confidences.accepted(MIN_CONFIDENCE).values()) <= 2
    assert confidences.false_alarms(MIN_CONFIDENCE) <= 0.02


def is_clear(found: Recognition) -> bool:
    """Whether the likeliest classes keep their order if pixels are rounded to bytes, as the programs do it."""
    if found.probabilities is None:
        return True
    compared = np.append(np.sort(found.probabilities)[-5:], MIN_CONFIDENCE)
    return np.diff(np.log(np.sort(compared))).min() > 0.1


def test_predict_and_the_recognizer_say_the_same(model: Path, tmp_path: Path) -> None:
    digits, _ = read_dataset(DATA, "t10k")
    network, names = load_model(model), []
    for i, drawing in enumerate(negative_drawings(digits, each=10, seed=6)):
        names.append(f"{i}.png")
        Image.fromarray((255 * (1 - drawing.ink)).round().astype(np.uint8)).save(tmp_path / names[-1])
    done = run_program("mnist_mlp", "predict", model, *names, cwd=tmp_path)
    lines = done.stdout.splitlines()
    for name, line in zip(names, lines, strict=True):
        found = recognise(network, prepare_ink(read_ink(tmp_path / name)))
        if is_clear(found):
            assert PERCENT.sub("%", line) == PERCENT.sub("%", f"{name}: {found.describe()}")
            percent = [[float(p) for p in PERCENT.findall(text)] for text in (line, found.describe())]
            np.testing.assert_allclose(*percent, atol=1)
    asked = [line for line in lines if ": not a single digit: " in line]
    assert asked and all(line.count("%") == 3 and OUTLIERS not in line for line in asked)
    done = run_program("mnist_mlp", "predict", model, asked[0].split(":")[0], "--json", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert (said["verdict"], said["class"], len(said["top"])) == ("not a single digit", None, 3)


def test_recognition_of_an_outlier() -> None:
    one = prepare_strokes(ONE, PEN)
    found = recognise(constant_model([0.01, 0.3, *[0.01] * 8, 0.61], NAMES), one)
    assert (found.reject, found.label, found.prediction) == (
        RejectReason.NOT_ONE_DIGIT,
        None,
        "not a single digit",
    )
    assert found.describe() == "not a single digit: 1 (30.0 %), 0 (1.0 %), 2 (1.0 %)"
    assert [name for name, _ in found.likeliest(11)] == [*"1023456789"]
    assert recognise(constant_model([0.01, 0.5, *[0.01] * 8, 0.41], NAMES), one).prediction == "1"
    assert recognise(constant_model([0.01, 0.38, *[0.03] * 8, 0.37], NAMES), one).prediction == "not sure"


def test_evaluate_and_report_know_the_class(model: Path, tmp_path: Path) -> None:
    done = run_program("mnist_cnn", "evaluate", model, "--data-dir", DATA, "--json", cwd=tmp_path)
    classes = json.loads(done.stdout)["classes"]
    assert [c["name"] for c in classes] == NAMES and classes[10]["images"] == 0
    words = "zero one two three four five six seven eight nine".split()
    (tmp_path / "names.txt").write_text("\n".join(words))
    named = ["--data-dir", DATA, "--class-names", "names.txt"]
    done = run_program("mnist_cnn", "evaluate", model, *named, "--json", cwd=tmp_path)
    assert [c["name"] for c in json.loads(done.stdout)["classes"]] == [*words, OUTLIERS]
    done = run_tool("report", model, *named, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "report.html").read_text()
    assert OUTLIERS in page and "seven" in page


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_same_model_for_any_threads_and_with_validation(
    program: str, small_data: Path, tmp_path: Path
) -> None:
    args = ["--epochs", 2, "--outliers", 0.3, "--validation", 0.2, "--data-dir", small_data, "--quiet"]
    models = []
    for threads in (1, 3):
        files = ["--threads", threads, "--log", "log.txt", "--output", f"{threads}.safetensors"]
        assert run_program(program, *args, *files, cwd=tmp_path).returncode == 0
        models.append((tmp_path / f"{threads}.safetensors").read_bytes())
    assert models[0] == models[1]


def test_refusals(model: Path, small_data: Path, tmp_path: Path) -> None:
    files = ["--output", "a.bin", "--data-dir", small_data]
    done = run_program("mnist_mlp", "--outliers", 0.1, *files, cwd=tmp_path)
    assert error_line(done, "mnist_mlp") == (
        "a.bin: a .bin cannot say which class --outliers are, expected a path that ends in .safetensors"
    )
    random_images(tmp_path / "data", side=12, classes=3)
    done = run_program("mnist_mlp", "--outliers", 0.1, "--data-dir", "data", "--quiet", cwd=tmp_path)
    said = error_line(done, "mnist_mlp")
    assert said == "--outliers: the images have 12 x 12 pixels, expected 28 x 28"
    done = run_tool("convert_model", model, "a.bin", cwd=tmp_path)
    assert error_line(done, "convert_model") == (
        "a.bin: the network has a class of outliers, which a .bin cannot say, "
        "expected a path that ends in .safetensors"
    )
    assert not (tmp_path / "a.bin").exists()
