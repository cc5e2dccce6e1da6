"""PROGRAM predict reads a JPEG as Pillow does, whatever kind it is, and refuses one that is broken."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from common.pictures import read_grey
from conftest import Run
from drawing.painting import paint
from drawing.ten_digits import digit_strokes
from models import Model, probabilities, save_model
from models.old_networks import mlp
from networks import random_model
from support import run_program

ROWS, COLUMNS = 24, 40


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    """Of random weights, so that its probabilities tell pixels from others; it takes 24 x 40 of them."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    network = random_model(mlp(ROWS * COLUMNS, [], 5))
    save_model(path, network)
    return path, network


def smooth_picture() -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))


def check_equal(path: Path, model: tuple[Path, Model]) -> None:
    """The program sees what read_grey() returns, as it is."""
    done = run_program("mnist_mlp", "predict", model[0], path.name, "--raw", "--json", cwd=path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    probs = probabilities(model[1], read_grey(path) / 255)[0]
    for found in json.loads(done.stdout)["top"]:
        assert found["confidence"] == pytest.approx(probs[found["class"]], abs=1e-3)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_every_kind(mode: str, progressive: bool, model: tuple[Path, Model], tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    smooth_picture().convert(mode).save(path, quality=95, progressive=progressive)
    check_equal(path, model)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_as_the_camera_was(orientation: int, model: tuple[Path, Model], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "A camera", orientation
    picture = smooth_picture()
    picture = picture.transpose(Image.Transpose.TRANSPOSE) if orientation >= 5 else picture
    picture.save(tmp_path / "photo.jpg", quality=95, exif=exif)
    assert read_grey(tmp_path / "photo.jpg").shape == (ROWS, COLUMNS)
    check_equal(tmp_path / "photo.jpg", model)


def test_a_photo_of_a_digit(runs: dict[str, Run], tmp_path: Path) -> None:
    """Pen on ruled paper with light from one side, the table's edge beside it, taken with a turned camera."""
    ink, page = np.zeros((600, 800)), np.ones((600, 800))
    for stroke in digit_strokes(7, left=320, top=160, height=260):
        paint(ink, stroke, 22)
    page[30::50] = page[31::50] = 0.75
    light = np.linspace(0.95, 0.7, 800) * page * (1 - 0.75 * ink)
    light[:, :45] = 0.2
    light += np.random.default_rng(1).normal(0, 0.01, light.shape)
    photo = Image.fromarray(np.rint(255 * light.clip(0, 1)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.rotate(90, expand=True).convert("RGB").save(tmp_path / "photo.jpg", quality=85, exif=exif)
    done = run_program("mnist_cnn", "predict", runs["mnist_cnn"].model, "photo.jpg", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("photo.jpg: 7 (")


def test_broken_files(model: tuple[Path, Model], tmp_path: Path) -> None:
    """Cut short anywhere, or with bytes changed: read, or one line; and never the end of the program."""
    rng = np.random.default_rng(1)
    for progressive in (False, True):
        path = tmp_path / "good.jpg"
        smooth_picture().save(path, quality=60, progressive=progressive)
        good = path.read_bytes()
        for i, length in enumerate(range(0, len(good) - 3, 23)):
            (tmp_path / f"cut{i:03}.jpg").write_bytes(good[:length])
        for i in range(100):
            damaged = bytearray(good)
            for place in rng.integers(2, len(good), 3):
                damaged[place] = rng.integers(256)
            (tmp_path / f"damaged{i:03}.jpg").write_bytes(damaged)
        cut, others = sorted(tmp_path.glob("cut*")), sorted(tmp_path.glob("damaged*"))
        done = run_program("mnist_mlp", "predict", model[0], *cut, "--raw", cwd=tmp_path)
        assert done.returncode == 1 and done.stdout == ""
        lines = done.stderr.splitlines()
        assert [line.split(": ")[2] for line in lines] == [str(path) for path in cut]
        assert all("expected a " in line for line in lines)
        done = run_program("mnist_mlp", "predict", model[0], *others, "--raw", cwd=tmp_path)
        assert done.returncode in (0, 1)
        assert len(done.stdout.splitlines() + done.stderr.splitlines()) == len(others)


def test_too_many_pixels_for_the_file(model: tuple[Path, Model], tmp_path: Path) -> None:
    """The size in the header is not believed."""
    path = tmp_path / "huge.jpg"
    smooth_picture().save(path)
    start = path.read_bytes()
    at = start.index(b"\xff\xc0") + 5
    for size, found in ((65000, "more than 2^26 pixels"), (8000, "too short for its pixels")):
        path.write_bytes(start[:at] + size.to_bytes(2, "big") * 2 + start[at + 4 :])
        done = run_program("mnist_mlp", "predict", model[0], "huge.jpg", cwd=tmp_path)
        assert done.stderr == (
            f"mnist_mlp: error: huge.jpg: cannot be read ({found}), expected a JPEG picture of at most 2^26 pixels\n"
        )
