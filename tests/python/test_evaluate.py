"""PROGRAM evaluate and PROGRAM augment: real programs, the models that they made, the real data."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.idx import read_dataset
from conftest import Run
from evaluation.measures import BINS, Evaluation
from models import Model, load_model, logits, network_json, save_model
from models.old_networks import mlp
from networks import random_model
from support import (
    DATA,
    MNIST_PROGRAMS,
    error_line,
    random_images,
    run_program,
    small_mnist,
    write_idx,
    write_mlp,
)

ROUNDING = 1e-5  # by at most so much probabilities in float32 and float64 differ: test_parity.py


def evaluate(program: str, *args: object, cwd: Path) -> dict:
    """What `evaluate --json` prints."""
    done = run_program(program, "evaluate", *args, "--json", cwd=cwd)
    assert done.returncode == 0 and done.stderr == "", done
    return json.loads(done.stdout)


def without_ties(model: Model, folder: Path) -> Evaluation:
    """Of the test images on which no rounding can change a prediction or its bin of calibration; in `folder`."""
    images, labels = read_dataset(DATA, "t10k")
    z = logits(model, images / 255)
    e = Evaluation(z, labels)
    second, first = np.sort(e.probabilities, axis=1)[:, -2:].T
    from_edge = np.abs(first[:, None] - np.arange(1, BINS) / BINS).min(axis=1)
    kept = (first - second > 10 * ROUNDING) & (from_edge > 10 * ROUNDING)
    assert kept.mean() > 0.9
    folder.mkdir()
    write_idx(folder / "t10k-images-idx3-ubyte", images[kept])
    write_idx(folder / "t10k-labels-idx1-ubyte", labels[kept])
    return Evaluation(z[kept], labels[kept])


@pytest.mark.parametrize("made_by", MNIST_PROGRAMS)
def test_equals_numpy(made_by: str, runs: dict[str, Run], tmp_path: Path) -> None:
    """Any program takes any model, and the numbers are those of tools/evaluation/measures.py."""
    model = load_model(runs[made_by].model)
    e = without_ties(model, tmp_path / "data")
    labels = e.labels
    found = evaluate("mnist_cnn", runs[made_by].model, "--data-dir", "data", "--mistakes", 20, cwd=tmp_path)
    assert found["images"] == len(labels) and found["accuracy"] == pytest.approx(e.accuracy)
    assert found["accuracy_interval"] == pytest.approx(e.interval)
    assert found["loss"] == pytest.approx(e.loss, abs=1e-4)
    assert found["calibration_error"] == pytest.approx(e.calibration.error, abs=ROUNDING)
    confusion = np.array(found["confusion"])
    np.testing.assert_array_equal(confusion, e.confusion)
    right = confusion.diagonal()
    assert found["correct"] == right.sum()
    predicted, are = confusion.sum(axis=0), confusion.sum(axis=1)
    for key, whole in {"precision": predicted, "recall": are, "f1": (predicted + are) / 2}.items():
        shares = np.array([c[key] for c in found["classes"]], float)  # null becomes nan
        np.testing.assert_allclose(shares[whole > 0], right[whole > 0] / whole[whole > 0])
        assert np.isnan(shares[whole == 0]).all()
    assert [c["images"] for c in found["classes"]] == np.bincount(labels).tolist()
    confident = e.confidence[[m["image"] for m in found["mistakes"]]]
    np.testing.assert_allclose(confident, e.confidence[e.mistakes[:20]], atol=2 * ROUNDING)
    for mistake in found["mistakes"]:
        i = mistake["image"]
        assert (mistake["true"], mistake["predicted"]) == (labels[i], e.predicted[i])
        assert mistake["confidence"] == pytest.approx(e.confidence[i], abs=ROUNDING)
    assert (found["models"], found["split"]) == ([str(runs[made_by].model)], "test")
    assert found["networks"] == [json.loads(network_json(model))]


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_accuracy_is_that_of_the_training_program(program: str, tmp_path: Path) -> None:
    data = small_mnist(tmp_path / "data")
    trained = run_program(program, "--epochs", 1, "--quiet", "--output", "m.safetensors", cwd=tmp_path)
    evaluated = run_program(program, "evaluate", "m.safetensors", "--data-dir", data, cwd=tmp_path)
    assert trained.returncode == evaluated.returncode == 0
    assert evaluated.stdout.splitlines()[0] == trained.stdout.strip()
    assert "\nmost confident mistakes:\nimage " in evaluated.stdout
    assert "\nclass  images  precision  recall      F1\n" in evaluated.stdout
    one = evaluate(program, "m.safetensors", "--threads", 1, "--split", "train", cwd=tmp_path)
    two = evaluate(program, "m.safetensors", "--threads", 2, "--split", "train", cwd=tmp_path)
    assert one == two and (one["split"], one["images"]) == ("train", 600)
    few = evaluate(program, "m.safetensors", "--test-limit", 100, "--mistakes", 0, cwd=tmp_path)
    assert (few["images"], few["mistakes"]) == (100, [])


def test_classes_that_do_not_occur_and_names(tmp_path: Path) -> None:
    """A model that says 0 to everything: no precision of the others; names come from a file."""
    data = small_mnist(tmp_path / "data", 30)
    write_mlp(tmp_path / "constant.bin", weight=0.0)
    (tmp_path / "names.txt").write_text("\n".join(f"class-{i}" for i in range(10)))
    args = ["constant.bin", "--data-dir", data, "--class-names", "names.txt"]
    found = evaluate("mnist_mlp", *args, cwd=tmp_path)
    zeros = found["classes"][0]["images"]
    assert (found["correct"], found["classes"][0]["recall"]) == (zeros, 1)
    assert found["classes"][1] == {**found["classes"][1], "name": "class-1", "precision": None, "recall": 0}
    assert found["loss"] == pytest.approx(np.log(10))
    assert found["mistakes"][0]["confidence"] == pytest.approx(0.1)
    text = run_program("mnist_mlp", "evaluate", *args, cwd=tmp_path).stdout
    assert "\nclass-1 " in text and " taken for class-0 with 10.00 %\n" in text
    row = next(line for line in text.split("precision")[1].splitlines() if line.startswith("class-1 "))
    assert row.split()[2:] == ["-", "0.00", "0.00"]


def test_labels_with_a_gap_need_no_classes(tmp_path: Path) -> None:
    """Training has to be told that 0 .. 11 without 5 are 12 classes; a model knows, pictures need not."""
    data = random_images(tmp_path / "data", side=28, classes=12)
    for split in ("train", "t10k"):
        path = data / f"{split}-labels-idx1-ubyte"
        content = path.read_bytes()
        path.write_bytes(content[:8] + content[8:].replace(b"\5", b"\4"))
    said = error_line(run_program("mnist_mlp", "--data-dir", data, cwd=tmp_path), "mnist_mlp")
    assert said.endswith("label 11, expected 0 to 9, or every label from 1 to 11: 5 does not occur")
    save_model(tmp_path / "m.safetensors", random_model(mlp(784, [], 12)))
    found = evaluate("mnist_mlp", "m.safetensors", "--data-dir", data, cwd=tmp_path)
    assert found["classes"][5]["images"] == 0 < found["classes"][11]["images"]
    done = run_program("mnist_mlp", "augment", "--augment", "shift=1", "--data-dir", data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_model_of_other_classes_needs_its_own_data(tmp_path: Path) -> None:
    """Without --data-dir it would be measured on MNIST's ten."""
    write_mlp(tmp_path / "three.bin", outputs=3)
    said = error_line(run_program("mnist_mlp", "evaluate", "three.bin", "--data-dir", DATA, cwd=tmp_path), "mnist_mlp")
    assert "label 9, expected 0 to 2, the classes of three.bin; --data-dir or --data names the images" in said


def test_data_that_does_not_fit(runs: dict[str, Run], tmp_path: Path) -> None:
    model = runs["mnist_cnn"].model

    def said(*args: object) -> str:
        return error_line(run_program("mnist_cnn", "evaluate", *args, cwd=tmp_path), "mnist_cnn")

    other = random_images(tmp_path / "other", side=20, classes=10)
    assert said(model, "--data-dir", other) == (
        f"{other}/t10k-images-idx3-ubyte: images of 20 x 20 pixels, expected 28 x 28 pixels, as {model} takes"
    )
    more = random_images(tmp_path / "more", side=28, classes=12)
    labels = f"{more}/t10k-labels-idx1-ubyte: label 11, expected 0 to 9, the classes of {model}; "
    assert said(model, "--data-dir", more).startswith(labels)
    assert said(model, "--data-dir", "nowhere").startswith("nowhere: no such folder")
    assert said("none.bin") == (
        "none.bin: no such file, expected a trained model; make it with: mnist_cnn --output none.bin"
    )
    write_mlp(tmp_path / "huge.bin", weight=3e38)
    assert said("huge.bin", "--data-dir", DATA) == (
        "huge.bin: its predictions are NaN or infinite, expected a trained model"
    )
    save_model(tmp_path / "wide.safetensors", random_model(mlp(784, [], 300)))
    assert said("wide.safetensors", "--data-dir", DATA) == (
        "wide.safetensors: 300 classes, expected at most 256, as labels have"
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["evaluate"], "MODEL"),
        (["evaluate", "m.bin", "--split", "dev"], "--split: found 'dev', expected one of test, train"),
        (["evaluate", "m.bin", "--train-limit", "9"], "--train-limit: found with --split test, expected --test-limit"),
        (["evaluate", "m.bin", "--split=train", "--test-limit=9"], "--test-limit: found with --split train, "),
        (["evaluate", "m.bin", "--classes", "10"], "--classes: unknown option"),
        (["evaluate", "m.bin", "--mistakes", "-1"], "--mistakes: found '-1', expected a whole number from 0"),
        (["--lr", "0.1", "evaluate", "m.bin"], "--lr: found before evaluate, expected options of evaluate, after it"),
        (["augment"], "--augment"),
        (["augment", "--augment", "shift=1", "--test-limit", "9"], "--test-limit: unknown option"),
        (["augment", "--augment", "shift=1", "--class-names", "c.txt"], "--class-names: unknown option"),
        (["augment", "--augment", "turn=3"], "--augment: found 'turn=3', expected shift=N"),
    ],
)  # fmt: skip
def test_wrong_usage(args: list[str], said: str, build: Path, tmp_path: Path) -> None:
    assert error_line(run_program("mnist_mlp", *args, cwd=tmp_path), "mnist_mlp", 2).startswith(said)


def test_augmented_digits(build: Path, tmp_path: Path) -> None:
    """A row for each of the first eight images: as it is, then seven that differ from it and one another."""
    data = small_mnist(tmp_path / "data", 20)
    augment = ["augment", "--augment", "shift=2,rotate=12,elastic=5:30", "--data-dir", data]
    done = run_program("mnist_mlp", *augment, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout == (
        "wrote augmented.png: 8 training images, each as it is and augmented 7 times with "
        "shift=2,rotate=12,elastic=5:30\n"
    )
    sheet = np.asarray(Image.open(tmp_path / "augmented.png"))
    assert sheet.shape == (8 * 29 + 1, 8 * 29 + 1)
    cells = sheet[1:, 1:].reshape(8, 29, 8, 29).swapaxes(1, 2)[:, :, :28, :28]
    images, _ = read_dataset(data, "train")
    for row, image in zip(cells, images, strict=False):
        assert (row[0] == image).all()
        assert len({cell.tobytes() for cell in row}) == 8
        assert all(abs(int(cell.sum()) - int(image.sum())) < 0.5 * image.sum() for cell in row)
    run_program("mnist_mlp", *augment, "--seed", "7", "--output", "other/new.png", cwd=tmp_path)
    assert (tmp_path / "other" / "new.png").read_bytes() != (tmp_path / "augmented.png").read_bytes()
    done = run_program("mnist_mlp", *augment, "--output", "/proc/none/a.png", cwd=tmp_path)
    assert error_line(done, "mnist_mlp").startswith("/proc/none/a.png: cannot be written")
