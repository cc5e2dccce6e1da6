"""Pictures of one's own: shapes drawn on paper become a data set, a model and predictions by their names."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from common.idx import read_dataset
from common.pictures import read_grey
from common.preparation import Kind
from models import load_model, probabilities
from recognizer.native import load_recognizer
from shapes import CLASSES, draw_picture, save_shapes
from support import error_line, run_program, run_tool

COUNT = 210  # pictures, as many as somebody draws in an hour


@pytest.fixture(scope="module")
def folder(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody draws shapes and runs two commands without an option."""
    folder = tmp_path_factory.mktemp("own")
    save_shapes(folder / "shapes", COUNT // len(CLASSES), seed=1)
    made = run_tool("make_idx", "shapes", "data", cwd=folder)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.endswith("next: tools/run.sh mnist_cnn --data-dir data\n")
    trained = run_program("mnist_cnn", "--data-dir", "data", cwd=folder)
    assert trained.returncode == 0 and "28 x 28 pixels, 3 classes, from data" in trained.stdout
    assert "wrote mnist_cnn_model.safetensors" in trained.stdout
    return folder


def predict(folder: Path, *args: object) -> subprocess.CompletedProcess[str]:
    return run_program("mnist_cnn", "predict", "mnist_cnn_model.safetensors", *args, cwd=folder)


def test_new_pictures_are_called_by_their_names(folder: Path) -> None:
    paths = save_shapes(folder / "new", 40, seed=2)
    done = predict(folder, *paths)
    assert (done.returncode, done.stderr) == (0, "")
    lines = zip(paths, done.stdout.splitlines(), strict=True)
    right = [line.startswith(f"{path}: {path.parent.name} (") for path, line in lines]
    assert np.mean(right) >= 0.95
    found = json.loads(predict(folder, paths[0], "--json").stdout)
    assert (found["status"], found["class"], found["name"]) == ("recognised", 0, "circle")


def test_two_shapes_are_not_a_single_drawing(folder: Path) -> None:
    rng = np.random.default_rng(3)
    for i, names in enumerate((CLASSES[:2], CLASSES[1:], ("circle", "circle"))):
        draw_picture(names, rng).save(folder / f"two{i}.png")
    Image.new("L", (99, 99), 255).save(folder / "blank.png")
    names = ["two0.png", "two1.png", "two2.png", "blank.png"]
    said = predict(folder, *names).stdout.splitlines()
    assert said == [f"{name}: not a single drawing" for name in names[:3]] + ["blank.png: nothing drawn"]
    model = load_recognizer(folder / "mnist_cnn_model.safetensors")
    assert said == [f"{name}: {model.picture(read_grey(folder / name)).describe()}" for name in names]


def test_the_model_knows_its_classes_and_its_pictures(folder: Path) -> None:
    model = load_model(folder / "mnist_cnn_model.safetensors")
    assert model.class_names == list(CLASSES) and model.preparation.kind is Kind.DRAWINGS
    done = run_program("mnist_cnn", "evaluate", "mnist_cnn_model.safetensors", "--data-dir", "data", cwd=folder)
    assert done.returncode == 0 and "triangle" in done.stdout


@pytest.mark.parametrize("options", [("--size", "64"), ("--preparation", "pictures", "--invert", "--size", "40")])
def test_other_pictures_are_prepared_as_make_idx_did(options: tuple[str, ...], folder: Path) -> None:
    name = "-".join(options).strip("-")
    assert run_tool("make_idx", "shapes", name, *options, cwd=folder).returncode == 0
    model_path = folder / f"{name}.safetensors"
    trained = run_program("mnist_mlp", "--data-dir", name, "--epochs", 2, "--output", model_path, cwd=folder)
    assert trained.returncode == 0
    picture = folder / "shapes" / "square" / "square003.png"
    seen = load_recognizer(model_path).picture(read_grey(picture)).picture
    images = [image for part in ("train", "t10k") for image in read_dataset(folder / name, part)[0]]
    assert any(np.array_equal(seen, image) for image in images)
    probs = probabilities(load_model(model_path), seen / 255)[0]
    (line,) = run_program("mnist_mlp", "predict", model_path, picture, "--json", cwd=folder).stdout.splitlines()
    for found in json.loads(line)["top"]:
        assert found["confidence"] == pytest.approx(probs[found["class"]], abs=1e-4)


def test_evaluate_notes_images_that_were_prepared_otherwise(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "data").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    model = folder / "mnist_cnn_model.safetensors"
    (tmp_path / "preparation.json").write_text('{"preparation": "digits"}')
    done = run_program("mnist_cnn", "evaluate", model, "--data-dir", tmp_path, cwd=folder)
    assert done.returncode == 0 and "triangle" in done.stdout
    assert done.stderr == (
        f'mnist_cnn: note: {tmp_path}: its images were prepared as {{"preparation":"digits"}},'
        f' those of {model} as {{"preparation":"drawings","single":true}}\n'
    )
    done = run_program("mnist_cnn", "evaluate", model, "--data-dir", "data", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bin_cannot_say_it(folder: Path) -> None:
    done = run_program("mnist_cnn", "--data-dir", "data", "--epochs", 1, "--output", "x.bin", cwd=folder)
    assert done.returncode == 0
    said = "x.bin will not hold the names of the classes and how to prepare pictures; a .safetensors does"
    assert said in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "found "),
        ("[]", "found []"),
        ('{"preparation": "photos"}', 'found the preparation "photos"'),
        ('{"preparation": "digits", "invert": true}', 'found "invert"'),
        ('{"preparation": "pictures", "invert": 1}', 'found "invert": 1'),
    ],
)
def test_a_preparation_that_is_none(text: str, found: str, folder: Path, tmp_path: Path) -> None:
    for path in (folder / "data").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "preparation.json").write_text(text)
    said = error_line(run_program("mnist_cnn", "--data-dir", tmp_path, cwd=tmp_path), "mnist_cnn")
    assert said.startswith(f"{tmp_path}/preparation.json: {found}, expected how its pictures were prepared: ")


def test_one_file_says_it_too(folder: Path, tmp_path: Path) -> None:
    """The same data in a SafeTensors file make the same model, whose pictures are prepared alike."""
    tensors = {}
    for part, split in (("train", "train"), ("t10k", "test")):
        tensors[f"{split}_images"], tensors[f"{split}_labels"] = read_dataset(folder / "data", part)
    said = {"preparation": (folder / "data" / "preparation.json").read_text()}
    save_file(tensors, tmp_path / "shapes.safetensors", said)
    options = ["--class-names", folder / "data" / "class-names.txt", "--quiet"]
    for source in (["--data", "shapes.safetensors"], ["--data-dir", folder / "data"]):
        done = run_program("mnist_cnn", *source, *options, "--output", f"{source[0]}.safetensors", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    from_file, from_folder = (tmp_path / f"{name}.safetensors" for name in ("--data", "--data-dir"))
    assert from_file.read_bytes() == from_folder.read_bytes()
    assert load_model(from_file).preparation.kind is Kind.DRAWINGS

    save_file(tensors, tmp_path / "shapes.safetensors", {"preparation": "{}"})
    refused = run_program("mnist_cnn", *["--data", "shapes.safetensors"], cwd=tmp_path)
    assert error_line(refused, "mnist_cnn").startswith('shapes.safetensors: its metadata "preparation": found {}, ')


def test_names_for_other_classes(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "data").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "class-names.txt").write_text("circle\nsquare\n")
    said = error_line(run_program("mnist_cnn", "--data-dir", tmp_path, cwd=tmp_path), "mnist_cnn")
    assert said == f"{tmp_path}/class-names.txt: 2 names, expected 3, one for each class of {tmp_path}"
