"""The recognizer run as a user does: its messages, pictures without a window, and the real window."""

import sys
import tkinter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digit_recognizer
from conftest import Run
from idx import find, read_images
from make_pictures import draw_with_mouse
from models import load_model
from recognizer_window import CANVAS, RecognizerWindow, open_root
from sample_strokes import digit_strokes
from support import DATA, error_line, run_tool, write_mlp

PROGRAM = "digit_recognizer"


@pytest.fixture
def window(display: str, runs: dict[str, Run]) -> Iterator[RecognizerWindow]:
    """The real window, with the model that one epoch of mnist_mlp makes."""
    root = open_root()
    yield RecognizerWindow(root, load_model(runs["mnist_mlp"].model), title="mnist_mlp.bin")
    root.destroy()


def texts(canvas: tkinter.Canvas) -> list[str]:
    return [canvas.itemcget(item, "text") for item in canvas.find_all() if canvas.type(item) == "text"]


@pytest.mark.parametrize("digit", [1, 0])
@pytest.mark.parametrize(("left", "top", "height"), [(80, 40, 200), (5, 150, 90), (170, 3, 140)])
def test_recognises_a_drawn_digit(
    digit: int, left: int, top: int, height: int, window: RecognizerWindow
) -> None:
    draw_with_mouse(window.canvas, digit_strokes(digit, left, top, height))
    assert window.digit == digit and window.digit_label["text"] == digit
    assert window.probabilities.sum() == pytest.approx(1)
    assert texts(window.bars)[::2] == [str(digit) for digit in range(10)]
    assert texts(window.bars)[1::2] == [f"{share:.0%}" for share in window.probabilities]


def test_predicts_when_the_mouse_button_is_released(window: RecognizerWindow) -> None:
    window.root.update()
    window.canvas.event_generate("<ButtonPress-1>", x=140, y=40)
    window.canvas.event_generate("<B1-Motion>", x=140, y=240)
    assert window.digit is None and window.ink.sum() > 0
    window.canvas.event_generate("<ButtonRelease-1>", x=140, y=240)
    assert window.digit is not None


@pytest.mark.parametrize("place", [(0, 0), (140, 140), (CANVAS, CANVAS), (0, CANVAS)])
def test_a_click_draws_a_dot(place: tuple[int, int], window: RecognizerWindow) -> None:
    draw_with_mouse(window.canvas, [[place]])
    assert len(window.drawing.strokes) == 1 and window.digit is not None and window.ink.max() == 1


def test_strokes_are_thick_smooth_and_shown(window: RecognizerWindow) -> None:
    draw_with_mouse(window.canvas, [[(140, 40), (150, 140), (140, 240)]])
    assert 19 <= window.ink[140].sum() <= 21
    assert ((window.ink > 0.1) & (window.ink < 0.9)).sum() > 100  # the soft edge
    assert window.sheet.get(145, 140) != window.sheet.get(5, 5)


def test_clear_and_predict_buttons(window: RecognizerWindow) -> None:
    draw_with_mouse(window.canvas, digit_strokes(1, 80, 40, 200))
    before = window.probabilities
    window.probabilities = None
    window.predict_button.invoke()
    np.testing.assert_array_equal(window.probabilities, before)
    window.clear_button.invoke()
    assert window.digit is None and window.digit_label["text"] == "" and not window.ink.any()
    assert window.drawing.strokes == [] and texts(window.bars) == [str(digit) for digit in range(10)]
    window.predict_button.invoke()
    assert window.digit is None


def test_main_opens_the_window(display: str, runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    titles = []

    def close(root: tkinter.Tk) -> None:
        titles.append(root.title())
        root.destroy()

    monkeypatch.setattr(tkinter.Tk, "mainloop", close)
    monkeypatch.setattr(sys, "argv", [PROGRAM, "--model", str(runs["mnist_cnn"].model)])
    digit_recognizer.main()
    assert titles == ["Digit recognizer"]


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_without_a_window(inverted: bool, runs: dict[str, Run], tmp_path: Path) -> None:
    seven = read_images(find(DATA, "t10k-images", 3))[0]
    picture = Image.fromarray(255 - seven if inverted else seven).resize((200, 200))
    picture.save(tmp_path / "seven.png")
    options = ("--model", runs["mnist_mlp"].model, "--image", "seven.png")
    result = run_tool(PROGRAM, *options, cwd=tmp_path, DISPLAY=None)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("seven.png: 7 (") and ", then " in result.stdout


def test_modes_of_pictures(tmp_path: Path) -> None:
    """A stroke on paper: grey, colours, 16 bits, transparent, black and white. The ink is the same."""
    model = load_model(write_mlp(tmp_path / "model.bin"))
    grey = np.full((60, 40), 255, np.uint8)
    grey[10:50, 15:22] = 0
    opacity = Image.fromarray(np.dstack([np.zeros((60, 40, 3), np.uint8), 255 - grey]), "RGBA")
    pictures = [Image.fromarray(grey), Image.fromarray(grey).convert("RGB"), opacity]
    pictures += [Image.fromarray(grey).convert("1"), Image.fromarray(grey.astype(np.uint16) * 257)]
    said = set()
    for picture in pictures:
        picture.save(tmp_path / "picture.png")
        said.add(digit_recognizer.describe(model, tmp_path / "picture.png"))
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
        case "white":
            Image.new("L", (50, 50), "white").save(path)
            return "an empty picture, expected a digit"
    return "not a picture that can be read, expected a PNG, JPEG or other picture file"


@pytest.mark.parametrize("kind", ["missing", "text", "cut short", "white"])
def test_bad_pictures(kind: str, tmp_path: Path) -> None:
    write_mlp(tmp_path / "mnist_model.bin")
    said = bad_picture(kind, tmp_path / "bad.png")
    assert error_line(run_tool(PROGRAM, "--image", "bad.png", cwd=tmp_path), PROGRAM) == f"bad.png: {said}"


def test_missing_model(tmp_path: Path) -> None:
    said = error_line(run_tool(PROGRAM, cwd=tmp_path), PROGRAM)
    assert said == (
        "mnist_model.bin: no such file, expected a trained model; make it with: tools/run.sh mnist_mlp"
    )


def test_model_of_another_kind(tmp_path: Path) -> None:
    write_mlp(tmp_path / "xor.bin", 2, 4, 2)
    said = error_line(run_tool(PROGRAM, "--model", "xor.bin", cwd=tmp_path), PROGRAM)
    assert said == "xor.bin: a network from 2 pixels to 2 classes, expected one from 784 pixels to 10 digits"


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


def test_wrong_usage(tmp_path: Path) -> None:
    said = error_line(run_tool(PROGRAM, "--model", cwd=tmp_path), PROGRAM, status=2)
    assert said == "--model: expected one argument (see --help)"


def test_help(tmp_path: Path) -> None:
    result = run_tool(PROGRAM, "--help", cwd=tmp_path)
    assert result.returncode == 0 and "--model" in result.stdout and "--image" in result.stdout
