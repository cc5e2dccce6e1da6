"""The recognizer run as a user does: its messages, and pictures without a window."""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.idx import find, read_images
from common.pictures import read_grey
from conftest import Run
from recognizer.native import load_recognizer
from support import DATA, error_line, run_tool, write_mlp

PROGRAM = "digit_recognizer"


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_without_a_window(inverted: bool, runs: dict[str, Run], tmp_path: Path) -> None:
    seven = read_images(find(DATA, "t10k-images", 3))[0]
    picture = Image.fromarray(255 - seven if inverted else seven).resize((200, 200))
    picture.save(tmp_path / "seven.png")
    options = ("--model", runs["mnist_mlp"].model, "--image", "seven.png")
    result = run_tool(PROGRAM, *options, cwd=tmp_path, DISPLAY=None)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("seven.png: 7 (") and ", then " in result.stdout


def test_the_model_for_drawings_is_asked_by_default_if_it_is_there(tmp_path: Path) -> None:
    write_mlp(tmp_path / "mnist_model.bin")
    (tmp_path / "drawing.safetensors").write_bytes(b"no model")
    result = run_tool(PROGRAM, "--image", "seven.png", cwd=tmp_path, DISPLAY=None)
    assert error_line(result, PROGRAM).startswith("drawing.safetensors: ")


def test_pictures_that_are_rejected_or_not_sure(runs: dict[str, Run], tmp_path: Path) -> None:
    """An empty one, a dot, two digits, and one digit that has to be surer than sure."""
    digits = [255 - image for image in read_images(find(DATA, "t10k-images", 3))[:2]]
    dot = np.full((99, 99), 255, np.uint8)
    dot[50:55, 50:55] = 0
    pictures = {"empty": np.full_like(dot, 255), "dot": dot, "two": np.hstack(digits), "seven": digits[0]}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    names = [f"{name}.png" for name in pictures]
    options = ("--model", runs["mnist_mlp"].model, "--threshold", 1, "--image", *names)
    result = run_tool(PROGRAM, *options, cwd=tmp_path, DISPLAY=None)
    assert (result.returncode, result.stderr) == (0, "")
    *refused, seven = result.stdout.splitlines()
    assert refused == ["empty.png: nothing drawn", "dot.png: too small", "two.png: not a single digit"]
    assert seven.startswith("seven.png: not sure: 7 (") and seven.count("(") == 3


def test_modes_of_pictures(tmp_path: Path) -> None:
    """A stroke on paper: grey, colours, 16 bits, transparent, black and white. The ink is the same."""
    model = load_recognizer(write_mlp(tmp_path / "model.bin"))
    grey = np.full((60, 40), 255, np.uint8)
    grey[10:50, 15:22] = 0
    opacity = Image.fromarray(np.dstack([np.zeros((60, 40, 3), np.uint8), 255 - grey]), "RGBA")
    pictures = [Image.fromarray(grey), Image.fromarray(grey).convert("RGB"), opacity]
    pictures += [Image.fromarray(grey).convert("1"), Image.fromarray(grey.astype(np.uint16) * 257)]
    said = set()
    for picture in pictures:
        picture.save(tmp_path / "picture.png")
        said.add(model.picture(read_grey(tmp_path / "picture.png")).describe())
    assert len(said) == 1


def bad_picture(kind: str, path: Path) -> str:
    """Makes the picture, and returns what the tool says of it."""
    match kind:
        case "missing":
            return "no such file or directory, expected a PNG, JPEG or other picture file"
        case "text":
            path.write_text("no picture")
        case "cut short":
            Image.fromarray(np.random.default_rng(1).integers(0, 256, (99, 99), np.uint8)).save(path)
            path.write_bytes(path.read_bytes()[:3000])
        case "palette":  # of fewer colours than are said to be transparent
            Image.new("P", (9, 9)).save(path)
            chunk = b"tRNS" + bytes(300)
            chunk = struct.pack(">I", 300) + chunk + struct.pack(">I", zlib.crc32(chunk))
            path.write_bytes(path.read_bytes().replace(b"\0\0\0\x0bIDAT", chunk + b"\0\0\0\x0bIDAT"))
        case "exif":  # it is to be turned, and the place of the camera's number has letters
            tags = struct.pack(">HHHIHHHHI4sI", 2, 0x112, 3, 1, 6, 0, 0x11F, 2, 4, b"abc\0", 0)
            Image.new("L", (9, 9)).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08" + tags)
        case "large":
            Image.new("1", (1 << 13, (1 << 13) + 1)).save(path)
            return "more than 67108864 pixels, expected a smaller picture"
        case "huge":  # too large for Pillow, too
            Image.new("1", (1 << 14, 1 << 14)).save(path)
            return "more than 67108864 pixels, expected a smaller picture"
    return "not a picture that can be read, expected a PNG, JPEG or other picture file"


@pytest.mark.parametrize("kind", ["missing", "text", "cut short", "palette", "exif", "large", "huge"])
def test_bad_pictures(kind: str, tmp_path: Path) -> None:
    write_mlp(tmp_path / "mnist_model.bin")
    said = bad_picture(kind, tmp_path / "bad.png")
    assert error_line(run_tool(PROGRAM, "--image", "bad.png", cwd=tmp_path), PROGRAM) == f"bad.png: {said}"


def test_missing_model(tmp_path: Path) -> None:
    said = error_line(run_tool(PROGRAM, cwd=tmp_path), PROGRAM)
    assert said == ("mnist_model.bin: no such file, expected a trained model; make it with: tools/run.sh mnist_mlp")


def test_model_of_another_kind(tmp_path: Path) -> None:
    write_mlp(tmp_path / "xor.bin", 2, 4, 2)
    said = error_line(run_tool(PROGRAM, "--model", "xor.bin", cwd=tmp_path), PROGRAM)
    assert said == (
        "xor.bin: found a network for 2 pixels,"
        " expected one for 28 x 28 pixels, or one that says how its pictures were prepared"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
@pytest.mark.parametrize("name", [None, ":987"])
def test_no_display(name: str | None, tmp_path: Path) -> None:
    write_mlp(tmp_path / "mnist_model.bin")
    said = error_line(run_tool(PROGRAM, cwd=tmp_path, DISPLAY=name), PROGRAM)
    assert said.startswith("display: ") and "$DISPLAY" in said or '":987"' in said
    assert said.endswith("without one: --image PICTURE, or run under xvfb-run (Debian package xvfb)")


def test_no_tkinter(tmp_path: Path) -> None:
    write_mlp(tmp_path / "mnist_model.bin")
    (tmp_path / "tkinter.py").write_text("raise ModuleNotFoundError(\"No module named 'tkinter'\")\n")
    said = error_line(run_tool(PROGRAM, cwd=tmp_path, PYTHONPATH=str(tmp_path)), PROGRAM)
    assert said == (
        "tkinter: No module named 'tkinter', expected the Debian package python3-tk"
        " (sudo apt-get install python3-tk); without it: --image PICTURE"
    )


def test_missing_package(tmp_path: Path) -> None:
    write_mlp(tmp_path / "mnist_model.bin")
    (tmp_path / "numpy.py").write_text('raise ModuleNotFoundError("No module", name="numpy")\n')
    for options in ((), ("--image", "seven.png")):
        said = error_line(run_tool(PROGRAM, *options, cwd=tmp_path, PYTHONPATH=str(tmp_path)), PROGRAM)
        assert said == (
            "Python package numpy: not installed, expected the packages of requirements.txt:"
            " tools/run.sh digit_recognizer installs them"
        )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--model",), "--model: "),
        (("--threshold", "1.1"), "--threshold: found '1.1', expected a number from 0 to 1"),
        (("--threshold", "nan"), "--threshold: found 'nan', expected a number from 0 to 1"),
        (("--zoom", "big"), "--zoom: found 'big', expected a number from 0.5 to 8"),
    ],
)
def test_wrong_usage(options: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    said = error_line(run_tool(PROGRAM, *options, cwd=tmp_path), PROGRAM, status=2)
    assert said.startswith(expected) and said.endswith(" (see --help)")


def test_help(tmp_path: Path) -> None:
    result = run_tool(PROGRAM, "--help", cwd=tmp_path)
    assert result.returncode == 0
    for option in ("--model", "--image", "--threshold", "--samples", "--zoom"):
        assert option in result.stdout
