"""Several models at once: `evaluate A B` and `predict A,B` go by the mean of their probabilities."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.idx import read_dataset
from evaluation.measures import Evaluation
from models import Model, load_model, logits, network_json, probabilities, save_model
from models.layers import Conv, Dense, MaxPool, Mean, Patches, Relu
from networks import random_model
from support import DATA, MNIST_PROGRAMS, error_line, random_images, run_program, write_idx

MEMBERS = {  # pixels in a row, an image, tokens; in each format
    "mlp.bin": Model(input=(784,), layers=(Dense(20), Relu(), Dense(10))),
    "cnn.safetensors": Model(input=(28, 28), layers=(Conv(4, 3), Relu(), MaxPool(2), Dense(10))),
    "tokens.safetensors": Model(input=(28, 28), layers=(Patches(7, 12), Relu(), Mean(), Dense(10))),
}
CLOSE = 1e-5  # by at most so much probabilities in float32 and float64 differ: test_parity.py


@pytest.fixture(scope="module")
def folder(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three models, and test images in data/ whose most probable class no rounding changes."""
    folder = tmp_path_factory.mktemp("ensemble")
    for name, network in MEMBERS.items():
        save_model(folder / name, random_model(network, seed=len(name)))
    images, labels = read_dataset(DATA, "t10k")
    second, first = np.sort(mean_probabilities(folder, MEMBERS, images[:400]), axis=1)[:, -2:].T
    clear = np.flatnonzero(first - second > 10 * CLOSE)
    assert len(clear) > 300
    (folder / "data").mkdir()
    write_idx(folder / "data/t10k-images-idx3-ubyte", images[clear])
    write_idx(folder / "data/t10k-labels-idx1-ubyte", labels[clear])
    return folder


def mean_probabilities(folder: Path, names: object, images: np.ndarray) -> np.ndarray:
    return np.mean([probabilities(load_model(folder / name), images / 255) for name in names], axis=0)


def evaluate(*args: object, cwd: Path, program: str = "mnist_mlp") -> dict:
    done = run_program(program, "evaluate", *args, "--data-dir", "data", "--json", cwd=cwd)
    assert done.returncode == 0 and done.stderr == "", done
    return json.loads(done.stdout)


def said(command: str, *args: object, cwd: Path) -> str:
    return error_line(run_program("mnist_mlp", command, *args, cwd=cwd), "mnist_mlp")


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_evaluate_equals_numpy(program: str, folder: Path) -> None:
    images, labels = read_dataset(folder / "data", "t10k")
    e = Evaluation(np.log(mean_probabilities(folder, MEMBERS, images)), labels)  # whose softmax they are again
    found = evaluate(*MEMBERS, "--mistakes", 1000, cwd=folder, program=program)
    assert found["models"] == list(MEMBERS)
    assert found["networks"] == [json.loads(network_json(network)) for network in MEMBERS.values()]
    assert "model" not in found and "network" not in found
    assert found["images"] == len(labels) and found["accuracy"] == pytest.approx(e.accuracy)
    assert found["loss"] == pytest.approx(e.loss, abs=CLOSE)
    np.testing.assert_array_equal(found["confusion"], e.confusion)
    assert {m["image"] for m in found["mistakes"]} == set(np.flatnonzero(e.predicted != labels))
    for mistake in found["mistakes"]:
        i = mistake["image"]
        assert (mistake["true"], mistake["predicted"]) == (labels[i], e.predicted[i])
        assert mistake["confidence"] == pytest.approx(e.confidence[i], abs=CLOSE)


def test_the_page_is_that_of_the_json(folder: Path) -> None:
    found = evaluate(*MEMBERS, cwd=folder)
    page = run_program("mnist_mlp", "evaluate", *MEMBERS, "--data-dir", "data", cwd=folder).stdout
    share = f"{100 * found['accuracy']:.2f} % ({found['correct']} of {found['images']}), loss {found['loss']:.6f}"
    assert page.splitlines()[0] == f"test accuracy: {share}"


def test_one_model_says_what_it_says_beside_itself(folder: Path) -> None:
    one, twice = (evaluate(*count * ["mlp.bin"], cwd=folder) for count in (1, 2))
    assert one["models"] == ["mlp.bin"] and len(one["networks"]) == 1
    assert twice["models"] == 2 * ["mlp.bin"] and twice["networks"] == 2 * one["networks"]
    for key in ("accuracy", "confusion", "classes", "images", "correct"):
        assert one[key] == twice[key]
    assert one["loss"] == pytest.approx(twice["loss"], rel=1e-6)
    confidences = [[m["confidence"] for m in found["mistakes"]] for found in (one, twice)]
    np.testing.assert_allclose(*confidences, atol=1e-6)
    images, labels = read_dataset(folder / "data", "t10k")
    assert one["loss"] == pytest.approx(Evaluation(logits(load_model(folder / "mlp.bin"), images / 255), labels).loss)


def test_the_order_and_the_threads_do_not_matter(folder: Path) -> None:
    found = [evaluate(*MEMBERS, "--threads", threads, cwd=folder) for threads in (1, 2)]
    assert found[0] == found[1]
    turned = evaluate(*reversed(MEMBERS), cwd=folder)
    assert turned["confusion"] == found[0]["confusion"]
    assert turned["loss"] == pytest.approx(found[0]["loss"], rel=1e-6)


@pytest.mark.parametrize("names", [["mlp.bin"], [*MEMBERS]])
def test_predict_equals_numpy(names: list[str], folder: Path) -> None:
    images, _ = read_dataset(folder / "data", "t10k")
    shares = mean_probabilities(folder, names, images[:100])
    pictures = [f"data/t10k-images-idx3-ubyte:{i}" for i in range(100)]  # of more than a batch
    done = run_program("mnist_cnn", "predict", ",".join(names), *pictures, "--threshold=0", "--json", cwd=folder)
    assert done.returncode == 0 and done.stderr == ""
    for line, expected in zip(done.stdout.splitlines(), shares, strict=True):
        top = json.loads(line)["top"]
        if json.loads(line)["status"] == "digit":
            classes = [candidate["class"] for candidate in top]
            np.testing.assert_allclose(expected[classes], np.sort(expected)[:-4:-1], atol=10 * CLOSE)
            np.testing.assert_allclose([c["confidence"] for c in top], expected[classes], atol=CLOSE)


def test_a_name_with_a_comma_is_one_file(folder: Path, tmp_path: Path) -> None:
    for name in MEMBERS:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    picture = f"{folder}/data/t10k-images-idx3-ubyte:0"

    def predicted(models: str) -> str:
        done = run_program("mnist_mlp", "predict", models, picture, "--threshold=0", cwd=tmp_path)
        assert done.returncode == 0 and done.stderr == ""
        return done.stdout

    both, one = predicted("mlp.bin,cnn.safetensors"), predicted("mlp.bin")
    assert both != one
    (tmp_path / "mlp.bin").rename(tmp_path / "mlp.bin,cnn.safetensors")
    assert predicted("mlp.bin,cnn.safetensors") == one
    (tmp_path / "data").symlink_to(folder / "data")
    found = evaluate("mlp.bin,cnn.safetensors", "cnn.safetensors", cwd=tmp_path)
    assert found["models"] == ["mlp.bin,cnn.safetensors", "cnn.safetensors"]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"other": Model(input=(784,), layers=(Dense(9),))}, "9 classes for 784 pixels, expected 10 classes for 784"),
        (
            {"other": Model(input=(20, 20), layers=(Conv(2, 3), Dense(10)))},
            "10 classes for 20 x 20 pixels, expected 10 classes for 784 pixels, as mlp.bin has",
        ),
        (  # as many pixels as the first one takes, but not the second one's
            {"cnn": MEMBERS["cnn.safetensors"], "other": Model(input=(14, 56), layers=(Conv(2, 3), Dense(10)))},
            "10 classes for 14 x 56 pixels, expected 10 classes for 28 x 28 pixels, as cnn.safetensors has",
        ),
        (
            {"other": replace(MEMBERS["cnn.safetensors"], metadata={"options": '{"transpose":true}'})},
            "10 classes for 28 x 28 pixels, transposed, expected 10 classes for 784 pixels, as mlp.bin has",
        ),
    ],
    ids=["classes", "size", "shape", "transposed"],
)
def test_models_that_do_not_go_together(others: dict[str, Model], expected: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mlp.bin").write_bytes((folder / "mlp.bin").read_bytes())
    for name, network in others.items():
        save_model(tmp_path / f"{name}.safetensors", random_model(network))
    names = ["mlp.bin", *(f"{name}.safetensors" for name in others)]
    line = said("evaluate", *names, "--data-dir", folder / "data", cwd=tmp_path)
    assert line.startswith(f"other.safetensors: {expected}")
    assert said("predict", ",".join(names), f"{folder}/data/t10k-images-idx3-ubyte:0", cwd=tmp_path) == line


def test_a_model_that_is_missing_or_broken(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "mlp.bin").read_bytes()
    (tmp_path / "mlp.bin").write_bytes(whole)
    (tmp_path / "cut.bin").write_bytes(whole[:-1])
    nothing = "none.bin: no such file, expected a trained model; make it with: mnist_mlp --output none.bin"
    assert said("evaluate", "mlp.bin", "none.bin", cwd=tmp_path) == nothing
    assert said("predict", "mlp.bin,none.bin", "a.png", cwd=tmp_path) == nothing
    assert said("evaluate", "mlp.bin", "cut.bin", cwd=tmp_path).startswith("cut.bin: ")
    assert said("predict", "mlp.bin,cut.bin", "a.png", cwd=tmp_path).startswith("cut.bin: ")


def test_images_that_one_of_them_does_not_take(folder: Path, tmp_path: Path) -> None:
    """The first one takes any 784 pixels."""
    for part, shape in {"t10k-images-idx3-ubyte": (5, 14, 56), "t10k-labels-idx1-ubyte": (5,)}.items():
        (tmp_path / "wide").mkdir(exist_ok=True)
        write_idx(tmp_path / "wide" / part, np.zeros(shape))
    models = [folder / name for name in MEMBERS]
    joined = ",".join(map(str, models))
    line = said("evaluate", *models, "--data-dir", "wide", cwd=tmp_path)
    size = "images of 14 x 56 pixels, expected 28 x 28 pixels"
    assert line == f"wide/t10k-images-idx3-ubyte: {size}, as {joined} takes"
    assert run_program("mnist_mlp", "evaluate", models[0], "--data-dir", "wide", cwd=tmp_path).returncode == 0
    more = random_images(tmp_path / "more", 28, 12)
    line = said("evaluate", *models, "--data-dir", more, cwd=tmp_path)
    assert line.startswith(f"{more}/t10k-labels-idx1-ubyte: label 11, expected 0 to 9, the classes of {joined}; ")
