"""PROGRAM predict: real programs, the models that they made, pictures of every kind."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.idx import read_dataset
from common.pictures import read_grey
from common.preparation import Preparation
from conftest import Run
from models import Model, load_model, probabilities, save_model
from models.old_networks import cnn, mlp
from networks import random_model
from recognizer.native import load_recognizer, prepare_picture
from support import (
    BUILD,
    DATA,
    MNIST_PROGRAMS,
    error_line,
    run_program,
    write_idx,
    write_mlp,
)

TEN_IMAGES = next(DATA.glob("t10k-images*"))


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """MNIST's test images and labels."""
    return read_dataset(DATA, "t10k")


@pytest.fixture(scope="module")
def pictures(digits: tuple[np.ndarray, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first test digit, a 7, as PNG files of every kind, and pictures of non-digits."""
    folder = tmp_path_factory.mktemp("pictures")
    seven = Image.fromarray(digits[0][0])
    paper = Image.eval(seven.resize((140, 140), Image.Resampling.BICUBIC), lambda p: 255 - p)
    seven.save(folder / "mnist.png")
    paper.save(folder / "grey8.png")
    Image.fromarray(np.asarray(paper).astype(np.uint16) * 257).save(folder / "grey16.png")
    paper.convert("1").save(folder / "one_bit.png")
    paper.convert("RGB").save(folder / "rgb.png")
    paper.convert("P").save(folder / "palette.png")
    clear = Image.new("RGBA", paper.size, (0, 0, 0, 0))
    clear.putalpha(Image.eval(paper, lambda p: 255 - p))
    clear.save(folder / "alpha.png")
    wide = Image.new("L", (333, 200), 240)
    wide.paste(paper, (180, 40))
    wide.save(folder / "off_centre.png")
    Image.new("L", (50, 80), 255).save(folder / "blank.png")
    speck = np.full((300, 300), 255, np.uint8)
    speck[150:154, 150:154] = 0
    Image.fromarray(speck).save(folder / "speck.png")
    Image.fromarray(np.hstack([digits[0][0], digits[0][1]])).save(folder / "two.png")
    return folder


def predict(program: str, *args: object, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    command = [str(BUILD / program), "predict", *map(str, args)]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=120)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def objects(done: subprocess.CompletedProcess[str]) -> list[dict]:
    """What --json printed."""
    assert done.returncode == 0 and done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


SEVENS = ["mnist", "grey8", "grey16", "one_bit", "rgb", "palette", "alpha", "off_centre"]


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_every_kind_of_png(program: str, runs: dict[str, Run], pictures: Path) -> None:
    names = [f"{name}.png" for name in SEVENS]
    done = predict(program, runs["mnist_cnn"].model, *names, cwd=pictures)
    assert done.returncode == 0 and done.stderr == ""
    for name, line in zip(names, done.stdout.splitlines(), strict=True):
        assert line.startswith(f"{name}: 7 (") and ", then " in line


@pytest.mark.parametrize("made_by", MNIST_PROGRAMS)
def test_equals_numpy(made_by: str, runs: dict[str, Run], pictures: Path) -> None:
    """Any program takes any model; the probabilities are those of the Python tools."""
    names = [f"{name}.png" for name in SEVENS]
    found = objects(predict("mnist_mlp", runs[made_by].model, *names, "--json", cwd=pictures))
    model = load_model(runs[made_by].model)
    for name, result in zip(names, found, strict=True):
        picture, _ = prepare_picture(read_grey(pictures / name), Preparation(), (28, 28))
        probs = probabilities(model, picture / 255)[0]
        assert result["picture"] == name
        first = result["top"][0]
        classes = [candidate["class"] for candidate in result["top"]]
        assert len(set(classes)) == 3  # two that are as likely come in either order
        np.testing.assert_allclose(probs[classes], np.sort(probs)[:-4:-1], atol=1e-4)
        for candidate in result["top"]:
            assert candidate["confidence"] == pytest.approx(probs[candidate["class"]], abs=1e-4)
        if first["confidence"] >= 0.4:
            assert result["status"] == "digit" and result["class"] == first["class"]
            assert result["confidence"] == first["confidence"]
        else:
            assert result["status"] == "not sure" and result["class"] is None


def test_says_what_the_python_tool_says(runs: dict[str, Run], pictures: Path) -> None:
    model = load_recognizer(runs["mnist_mlp"].model)
    names = ["grey8.png", "blank.png", "speck.png", "two.png"]
    done = predict("mnist_mlp", runs["mnist_mlp"].model, *names, cwd=pictures)
    said = [f"{name}: {model.picture(read_grey(pictures / name)).describe()}" for name in names]
    assert done.stdout.splitlines() == said


def test_non_digits(runs: dict[str, Run], pictures: Path) -> None:
    reasons = {"blank.png": "nothing drawn", "speck.png": "too small", "two.png": "not a single digit"}
    done = predict("mnist_cnn", runs["mnist_cnn"].model, *reasons, cwd=pictures)
    assert done.stdout.splitlines() == [f"{name}: {reason}" for name, reason in reasons.items()]
    for result in objects(predict("mnist_cnn", runs["mnist_cnn"].model, *reasons, "--json", cwd=pictures)):
        assert result["status"] == reasons[result["picture"]]
        assert result["class"] is result["name"] is result["confidence"] is None and result["top"] == []


def test_threshold(runs: dict[str, Run], pictures: Path) -> None:
    args = ["mnist_mlp", runs["mnist_mlp"].model, "grey8.png"]
    sure = objects(predict(*args, "--json", "--threshold", "0", cwd=pictures))[0]
    unsure = objects(predict(*args, "--json", "--threshold", "1", cwd=pictures))[0]
    assert (sure["status"], unsure["status"], unsure["class"]) == ("digit", "not sure", None)
    assert sure["top"] == unsure["top"]
    assert predict(*args, "--threshold", "1", cwd=pictures).stdout.startswith("grey8.png: not sure: 7 (")


def test_many_pictures(runs: dict[str, Run], digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    """In their order, whatever the threads; few real digits are rejected, even after a single epoch."""
    names = [f"{i:03}.png" for i in range(1000)]
    for name, digit in zip(names, digits[0], strict=False):
        Image.fromarray(digit).save(tmp_path / name)
    one, two = (
        predict("mnist_cnn", runs["mnist_cnn"].model, *names, "--json", "--threads", threads, cwd=tmp_path)
        for threads in (1, 2)
    )
    assert one.stdout == two.stdout
    found = objects(one)
    assert [result["picture"] for result in found] == names
    assert sum(result["status"] != "digit" for result in found) <= 40
    assert np.mean([r["class"] == y for r, y in zip(found, digits[1], strict=False)]) > 0.85


def test_images_of_idx_files(runs: dict[str, Run], digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    """Packed and plain, as they are."""
    plain = write_idx(tmp_path / "plain", digits[0][:20])
    model = load_model(runs["mnist_mlp"].model)
    names = [f"{path}:{i}" for path in (TEN_IMAGES, plain) for i in (0, 7, 19)]
    found = objects(predict("mnist_attention_pool", runs["mnist_mlp"].model, *names, "--json", cwd=tmp_path))
    for result, i in zip(found, [0, 7, 19] * 2, strict=True):
        probs = probabilities(model, digits[0][i] / 255)[0]
        first = result["top"][0]
        assert first["confidence"] == pytest.approx(probs[first["class"]], abs=1e-4)
        assert first["confidence"] == pytest.approx(probs.max(), abs=1e-4)


def test_standard_input(runs: dict[str, Run], pictures: Path) -> None:
    model = runs["mnist_cnn"].model
    done = predict("mnist_cnn", model, "-", cwd=pictures, stdin=(pictures / "rgb.png").read_bytes())
    assert done.returncode == 0 and done.stdout.startswith("-: 7 (")
    for stdin in (b"", b"GIF89a"):
        said = error_line(predict("mnist_cnn", model, "-", cwd=pictures, stdin=stdin), "mnist_cnn")
        assert said == "standard input: has no signature of PNG or JPEG, expected a PNG or JPEG picture"


def test_bad_pictures_are_named_and_the_rest_done(runs: dict[str, Run], pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes((pictures / "rgb.png").read_bytes()[:200])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    bad = ["none.png", "damaged.png", "text.png", "folder.png", f"{TEN_IMAGES}:10000", "none.idx:0"]
    done = predict("mnist_cnn", runs["mnist_cnn"].model, *bad, pictures / "rgb.png", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{pictures}/rgb.png: 7 (") and done.stdout.count("\n") == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "mnist_cnn: error: none.png: no such file"
    assert lines[1].startswith("mnist_cnn: error: damaged.png: ")
    assert lines[2:] == [
        "mnist_cnn: error: text.png: has no signature of PNG or JPEG, expected a PNG or JPEG picture",
        "mnist_cnn: error: folder.png: not a regular file",
        f"mnist_cnn: error: {TEN_IMAGES}:10000: no such image, expected 0 to 9999",
        "mnist_cnn: error: none.idx: no such file",
    ]


def test_show(runs: dict[str, Run], pictures: Path) -> None:
    done = predict("mnist_cnn", runs["mnist_cnn"].model, "grey8.png", "blank.png", "--show", cwd=pictures)
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * 31 and lines[1] == lines[30] == f"+{'-' * 56}+"
    assert all(len(line) == 58 and line[0] == line[-1] == "|" for line in lines[2:30])
    inked = np.array([[c != " " for c in line[1:-1:2]] for line in lines[2:30]])
    picture, _ = prepare_picture(read_grey(pictures / "grey8.png"), Preparation(), (28, 28))
    assert (inked == (picture.astype(int) * 10 // 256 > 0)).all()
    assert all(line == f"|{' ' * 56}|" for line in lines[33:61])


def test_raw(runs: dict[str, Run], digits: tuple[np.ndarray, np.ndarray], pictures: Path) -> None:
    path = runs["mnist_cnn"].model
    (found,) = objects(predict("mnist_cnn", path, "mnist.png", "--raw", "--json", cwd=pictures))
    expected = probabilities(load_model(path), digits[0][0] / 255)[0]
    assert found["confidence"] == pytest.approx(expected.max(), abs=1e-4)
    said = error_line(predict("mnist_cnn", path, "grey8.png", "--raw", cwd=pictures), "mnist_cnn")
    assert said == f"grey8.png: 140 x 140 pixels, expected 28 x 28 pixels, as {path} takes"


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (cnn((12, 9), 3, 5, 4), "12 x 9 pixels"),
        (mlp(108, [], 4), "108 pixels"),
    ],
)
def test_networks_of_other_sizes(network: Model, expected: str, pictures: Path, tmp_path: Path) -> None:
    """Their pictures are taken as they are."""
    model = random_model(network)
    save_model(tmp_path / "model.safetensors", model)
    pixels = np.random.default_rng(1).integers(0, 256, (12, 9), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "fits.png")
    args = [tmp_path / "model.safetensors", "fits.png", "--json", "--threshold", "0"]
    (found,) = objects(predict("mnist_mlp", *args, cwd=tmp_path))
    probs = probabilities(model, pixels / 255)[0]
    assert found["class"] == probs.argmax() and len(found["top"]) == 3
    assert found["confidence"] == pytest.approx(probs.max(), abs=1e-4)
    said = error_line(predict("mnist_mlp", args[0], pictures / "mnist.png", cwd=tmp_path), "mnist_mlp")
    assert said.endswith(f"mnist.png: 28 x 28 pixels, expected {expected}, as {args[0]} takes")


def test_class_names(runs: dict[str, Run], pictures: Path, tmp_path: Path) -> None:
    """From a file, else from the model."""
    words = "zero one two three four five six seven eight nine".split()
    (tmp_path / "names.txt").write_text("\n".join(words))
    args = [runs["mnist_cnn"].model, pictures / "rgb.png"]
    done = predict("mnist_cnn", *args, "--class-names", "names.txt", cwd=tmp_path)
    assert ": seven (" in done.stdout
    (result,) = objects(predict("mnist_cnn", *args, "--class-names", "names.txt", "--json", cwd=tmp_path))
    assert (result["class"], result["name"]) == (7, "seven")

    model = load_model(runs["mnist_cnn"].model)
    for name, names in {"good": json.dumps(words), "bad": '["one\\nline"]'}.items():
        save_model(tmp_path / f"{name}.safetensors", replace(model, metadata={"class_names": names}))
    assert ": seven (" in predict("mnist_cnn", "good.safetensors", args[1], cwd=tmp_path).stdout
    said = error_line(predict("mnist_cnn", "bad.safetensors", args[1], cwd=tmp_path), "mnist_cnn")
    assert said == ('bad.safetensors: its metadata "class_names" is something else, expected a JSON list of 10 names')
    (tmp_path / "few.txt").write_text("a\nb\n")
    said = error_line(predict("mnist_cnn", *args, "--class-names", "few.txt", cwd=tmp_path), "mnist_cnn")
    assert said == "few.txt: 2 names, expected 10, one for each class"


def test_bad_models(pictures: Path, tmp_path: Path) -> None:
    def said(model: Path | str) -> str:
        return error_line(predict("mnist_mlp", model, pictures / "rgb.png", cwd=tmp_path), "mnist_mlp")

    assert said("none.bin") == (
        "none.bin: no such file, expected a trained model; make it with: mnist_mlp --output none.bin"
    )
    (tmp_path / "text.bin").write_text("not a model, but a text that is long enough")
    assert said("text.bin").startswith("text.bin: not a model file, or cut short")
    assert said(".") == ".: not a regular file"
    write_mlp(tmp_path / "huge.bin", weight=3e38)
    assert said("huge.bin") == "huge.bin: its predictions are NaN or infinite, expected a trained model"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["predict"], "MODEL"),
        (["predict", "m.bin"], "IMAGE"),
        (["predict", "m.bin", "a.png", "--treshold", "0.5"], "--treshold: unknown option, expected one of those"),
        (["predict", "m.bin", "a.png", "--threshold", "1.5"], "--threshold: found '1.5', expected a number from 0 to 1"),
        (["predict", "m.bin", "a.png", "--json", "--show"], "--json"),
        (["--epochs", "3", "predict", "m.bin", "a.png"], "--epochs: found before predict, expected options of predict"),
        (["predcit", "m.bin", "a.png"], "predcit: unexpected word, expected an option (--help lists them), or first of all"),
    ],
)  # fmt: skip
def test_wrong_usage(args: list[str], said: str, build: Path, tmp_path: Path) -> None:
    assert error_line(run_program("mnist_mlp", *args, cwd=tmp_path), "mnist_mlp", 2).startswith(said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", MNIST_PROGRAMS)
def test_help(program: str, build: Path, tmp_path: Path) -> None:
    text = run_program(program, "--help", cwd=tmp_path).stdout
    assert all(f"\n  {command}  " in text for command in ("predict", "evaluate", "augment"))
    text = run_program(program, "predict", "--help", cwd=tmp_path).stdout
    for said in ("MODEL", "IMAGE", f"--threshold X={0.4}", "from 0 to 1", "--json", "--show", "--raw"):
        assert said in text
