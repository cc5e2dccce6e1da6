"""Networks that learn non-digits as a class of their own: trained, saved, asked, in C++ and Python."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.idx import read_dataset
from common.preparation import Preparation
from drawing.strokes import PEN
from drawn_benchmark import asked, confidences_of, load_digit_recognizer, on_paper
from models import load_digit_model, load_model, logits
from models.model import OUTLIERS
from networks import constant_model, recognizer_of
from recognizer.native import Recognizer, Status, load_recognizer, prepare_picture
from robustness.negatives import negative_drawings
from support import (
    DATA,
    MNIST_PROGRAMS,
    error_line,
    random_images,
    run_program,
    run_tool,
)

ONE = [[(140.0, 40.0), (138.0, 240.0)]]
NAMES = [*"0123456789", OUTLIERS]


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
    pictures = np.stack([prepare_picture(d.picture, Preparation(), (28, 28))[0] / 255 for d in drawings])
    assert np.mean(logits(network, pictures).argmax(axis=1) == 10) > 0.75  # with six seeds .83 to .92
    real = asked({"": load_recognizer(model)}, Recognizer.picture, on_paper(digits[:1000]))
    assert np.mean(real[""][1] < 0.4) < 0.06


def test_the_model_for_drawn_digits_accepts_digits_only(drawing_model: Path) -> None:
    """Almost none of 220 pictures and 180 drawings in strokes of non-digits, and 98 % of 10,000 digits."""
    digits, _ = read_dataset(DATA, "t10k")
    confidences = confidences_of({"": load_digit_recognizer(drawing_model)}, digits, seed=1)[""]
    assert {form: len(asked) for form, asked in confidences.negatives.items()} == {"pictures": 220, "strokes": 180}
    assert sum(confidences.accepted(0.4).values()) <= 2
    assert confidences.false_alarms(0.4) <= 0.02


def test_predict_and_the_recognizer_say_the_same(model: Path, tmp_path: Path) -> None:
    digits, _ = read_dataset(DATA, "t10k")
    recognizer, said = load_recognizer(model), {}
    for i, drawing in enumerate(negative_drawings(digits, each=10, seed=6)):
        picture = 255 - drawing.picture
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
        said[f"{i}.png"] = recognizer.picture(picture).describe()
    done = run_program("mnist_mlp", "predict", model, *said, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines == [f"{name}: {text}" for name, text in said.items()]
    refused = [line for line in lines if ": not a single digit: " in line]
    assert refused and all(line.count("%") == 3 and OUTLIERS not in line for line in refused)
    done = run_program("mnist_mlp", "predict", model, refused[0].split(":")[0], "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert (found["status"], found["class"], len(found["top"])) == ("not a single digit", None, 3)


def test_recognition_of_an_outlier() -> None:
    found = recognizer_of(constant_model([0.01, 0.3, *[0.01] * 8, 0.61], NAMES)).strokes(ONE, PEN)
    assert (found.status, found.label) == (Status.NOT_ONE_DIGIT, None)
    assert found.describe() == "not a single digit: 1 (30.0 %), 0 (1.0 %), 2 (1.0 %)"
    assert [name for name, _ in found.likeliest(11)] == [*"1023456789"]
    for probs, said in (([0.01, 0.5, *[0.01] * 8, 0.41], "1"), ([0.01, 0.38, *[0.03] * 8, 0.37], "not sure")):
        assert recognizer_of(constant_model(probs, NAMES)).strokes(ONE, PEN).prediction == said


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
def test_same_model_for_any_threads_and_with_validation(program: str, small_data: Path, tmp_path: Path) -> None:
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
        "a.bin: the network has a class of outliers, which a .bin cannot say, expected a path that ends in .safetensors"
    )
    assert not (tmp_path / "a.bin").exists()
