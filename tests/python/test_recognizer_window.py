"""The recognizer's real window on a screen of the test's own, drawn in by real mouse events."""

import sys
import threading
import time
import tkinter as tk
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tkinter import filedialog, font, ttk

import numpy as np
import pytest
from PIL import Image

import digit_recognizer
from conftest import Run
from drawing.painting import Stroke
from drawing.strokes import CANVAS_SIDE, PEN
from drawing.ten_digits import digit_strokes
from make_pictures import draw_with_mouse
from networks import constant_model, recognizer_of
from recognizer.look import ACCENT, CARD, FAINT, TEXT
from recognizer.native import Recognizer, load_recognizer
from recognizer.recognition import Recognition
from recognizer.session import Session, recognise
from recognizer.window import DELAY, RecognizerWindow, open_root
from support import write_mlp

PLACES = [(75, 40, 200), (8, 150, 110), (190, 6, 70)]  # left, top, height of a digit on the canvas
SCRIBBLE = [  # one stroke, to and fro and up and down
    [
        *[(10, 10), (270, 20), (10, 90), (270, 130), (15, 190), (270, 220), (20, 270), (250, 10)],
        *[(10, 10), (40, 270), (90, 10), (130, 270), (190, 15), (220, 270), (270, 20)],
    ]
]

Opener = Callable[..., RecognizerWindow]


@pytest.fixture
def open_window(display: str, tmp_path: Path) -> Iterator[Opener]:
    """Opens windows, and closes them after the test."""
    roots = []

    def open_one(models: dict[Path, Recognizer], zoom: float | None = 1) -> RecognizerWindow:
        roots.append(open_root())
        window = RecognizerWindow(roots[-1], Session(models), tmp_path / "samples", zoom)
        window.root.geometry("+0+0")
        window.root.focus_force()
        window.settle()
        return window

    yield open_one
    for root in roots:
        if root.children:  # not closed by the test
            root.destroy()


@pytest.fixture(scope="session")
def models(runs: dict[str, Run]) -> dict[Path, Recognizer]:
    """One of each kind, after an epoch, by a short name."""
    return {Path(program): load_recognizer(run.model) for program, run in runs.items()}


@pytest.fixture
def window(open_window: Opener, models: dict[Path, Recognizer]) -> RecognizerWindow:
    return open_window({path: models[path] for path in map(Path, ("mnist_cnn", "mnist_attention_pool"))})


def draw(window: RecognizerWindow, strokes: Sequence[Stroke]) -> None:
    """Draws by the mouse, in units of the canvas, and waits for the prediction."""
    scale = window.canvas.side / CANVAS_SIDE
    draw_with_mouse(window.canvas.widget, [[(x * scale, y * scale) for x, y in stroke] for stroke in strokes])
    window.settle()


def press(window: RecognizerWindow, *keys: str) -> None:
    for key in keys:
        window.root.event_generate(key)
    window.settle()


def predictions(window: RecognizerWindow) -> list[str]:
    """The predictions on the screen."""
    return [panel.prediction["text"] for panel in window.panels if panel.frame.winfo_ismapped()]


def texts(canvas: tk.Canvas) -> list[str]:
    return [canvas.itemcget(item, "text") for item in canvas.find_all() if canvas.type(item) == "text"]


def test_recognises_drawn_digits(open_window: Opener, drawing_model: Path) -> None:
    """Each digit in three sizes and places; at least 27 of the 30 are right."""
    window = open_window({drawing_model: load_recognizer(drawing_model)})
    wrong = []
    for place in PLACES:
        for digit in range(10):
            draw(window, digit_strokes(digit, *place))
            if predictions(window) != [str(digit)]:
                wrong.append((digit, place, window.recognitions[0].describe()))
            press(window, "<Delete>")
    assert len(wrong) <= 3, wrong


def test_what_is_shown_of_a_prediction(window: RecognizerWindow) -> None:
    draw(window, digit_strokes(0, *PLACES[0]))
    panel, recognition = window.panels[0], window.recognitions[0]
    probs = recognition.probabilities
    assert predictions(window) == ["0"] and panel.prediction["foreground"] == ACCENT
    assert texts(panel.bars)[::2] == [str(digit) for digit in range(10)]
    assert texts(panel.bars)[1::2] == [f"{p:.0%}" for p in probs]
    second, third = probs.argsort()[-2:-4:-1]
    top = [f"{digit}  {100 * probs[digit]:.1f} %" for digit in (0, second, third)]
    assert panel.top_three["text"].split("     ") == top
    zoom = panel.preview.width() // 28
    row, column = np.unravel_index(recognition.picture.argmax(), (28, 28))
    assert panel.preview.get(column * zoom, row * zoom) == (255, 255, 255)


def test_nothing_too_small_not_a_digit_not_sure(window: RecognizerWindow) -> None:
    assert predictions(window) == ["nothing drawn"] and texts(window.canvas.widget) == ["draw a digit"]
    draw(window, [[(140, 140)]])
    assert predictions(window) == ["too small"]
    draw(window, SCRIBBLE)
    panel = window.panels[0]
    assert predictions(window) == ["not a single digit"] and panel.prediction["foreground"] == FAINT
    assert texts(panel.bars) == [str(digit) for digit in range(10)] and panel.top_three["text"] == ""


def test_not_sure(open_window: Opener, tmp_path: Path) -> None:
    """A network without a preference."""
    window = open_window({Path("even"): load_recognizer(write_mlp(tmp_path / "even.bin"))})
    draw(window, digit_strokes(3, *PLACES[0]))
    assert predictions(window) == ["not sure"]
    assert window.panels[0].top_three["text"] == "0  10.0 %     1  10.0 %     2  10.0 %"


def test_predicts_while_the_mouse_moves(window: RecognizerWindow) -> None:
    canvas, scale = window.canvas.widget, window.canvas.side / CANVAS_SIDE
    canvas.event_generate("<ButtonPress-1>", x=round(140 * scale), y=round(40 * scale))
    for y in range(50, 240, 10):
        canvas.event_generate("<B1-Motion>", x=round(140 * scale), y=round(y * scale))
    window.settle()
    assert predictions(window) == ["1"]
    press(window, "<Control-z>")
    assert predictions(window) == ["nothing drawn"]


def test_drawing_does_not_wait_for_the_network(window: RecognizerWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that takes its time: the mouse goes on, and the last question is answered."""

    drawn = threading.Event()

    def slowly(*args: object) -> Recognition:
        drawn.wait(timeout=20)
        return recognise(*args)

    monkeypatch.setattr("recognizer.session.recognise", slowly)
    draw_with_mouse(window.canvas.widget, [[(100, 20)]])
    time.sleep(2 * DELAY / 1000)
    window.root.update()  # the network is asked
    draw_with_mouse(window.canvas.widget, SCRIBBLE)
    assert predictions(window) == ["nothing drawn"]
    drawn.set()
    window.settle()
    assert predictions(window) == ["not a single digit"]


@pytest.mark.parametrize("place", [(0, 0), (140, 140), (CANVAS_SIDE, CANVAS_SIDE), (0, CANVAS_SIDE)])
def test_a_click_draws_a_dot(place: tuple[int, int], window: RecognizerWindow) -> None:
    draw(window, [[place]])
    assert len(window.session.drawing.strokes) == 1 and window.canvas.ink.max() == 1


def test_strokes_are_thick_smooth_and_shown(window: RecognizerWindow) -> None:
    draw(window, [[(140, 40), (150, 140), (140, 240)]])
    ink, scale = window.canvas.ink, window.canvas.side / CANVAS_SIDE
    assert ink[window.canvas.side // 2].sum() == pytest.approx(PEN * scale, rel=0.05)
    assert ((ink > 0.1) & (ink < 0.9)).sum() > 100  # the soft edge
    shown = window.canvas.photo
    assert shown.get(round(145 * scale), round(140 * scale)) != shown.get(5, 5) == (255, 255, 255)


def test_undo_redo_clear(window: RecognizerWindow) -> None:
    draw(window, digit_strokes(1, *PLACES[0]))
    one = window.canvas.ink.copy()
    draw(window, SCRIBBLE)
    press(window, "<Control-z>")
    assert predictions(window) == ["1"]
    np.testing.assert_allclose(window.canvas.ink, one)
    press(window, "<Control-y>")
    assert predictions(window) == ["not a single digit"]
    window.buttons["Undo"].invoke()
    window.buttons["Clear"].invoke()
    window.settle()
    assert predictions(window) == ["nothing drawn"] and not window.canvas.ink.any()
    window.buttons["Undo"].invoke()
    window.buttons["Redo"].invoke()
    press(window, "<Control-z>")
    assert predictions(window) == ["1"]


def test_the_pen_is_for_the_eye_only(window: RecognizerWindow) -> None:
    draw(window, digit_strokes(0, *PLACES[0]))
    before, ink = window.recognitions[0].probabilities, window.canvas.ink.sum()
    press(window, "<plus>", "<plus>")
    assert window.pen.get() == PEN + 8 and window.canvas.ink.sum() > 1.3 * ink
    press(window, *["<minus>"] * 20)
    assert window.pen.get() == 8 and window.canvas.ink.sum() < 0.5 * ink
    press(window, "<m>", "<m>")  # asked again
    np.testing.assert_array_equal(window.recognitions[0].probabilities, before)


def test_next_model_and_list_of_models(window: RecognizerWindow) -> None:
    panel = window.panels[0]
    assert panel.models["values"] == ("mnist_cnn", "mnist_attention_pool")
    assert panel.models.get() == "mnist_cnn" and panel.summary["text"].startswith("conv")
    press(window, "<m>")
    assert panel.models.get() == "mnist_attention_pool" and panel.summary["text"].startswith("patches")
    panel.models.current(0)
    panel.models.event_generate("<<ComboboxSelected>>")
    window.settle()
    assert panel.summary["text"].startswith("conv")


def test_compare_side_by_side(window: RecognizerWindow) -> None:
    draw(window, digit_strokes(1, *PLACES[0]))
    assert len(predictions(window)) == 1
    press(window, "<c>")
    assert [each.prediction for each in window.recognitions] == predictions(window)
    assert [panel.models.get() for panel in window.panels] == ["mnist_cnn", "mnist_attention_pool"]
    assert window.panels[0].frame.winfo_rootx() < window.panels[1].frame.winfo_rootx()
    press(window, "<c>")
    assert len(predictions(window)) == len(window.recognitions) == 1


def test_attention_overlay(window: RecognizerWindow) -> None:
    draw(window, digit_strokes(1, *PLACES[0]))
    panel = window.panels[0]
    assert str(window.attention_button["state"]) == "disabled"
    press(window, "<m>")
    assert str(window.attention_button["state"]) == "normal"
    assert window.recognitions[0].attention is None
    zoom, places = panel.preview.width() // 28, [(column, row) for row in range(7) for column in range(7)]
    colours = {place: panel.preview.get(*(4 * zoom * i for i in place)) for place in places}
    press(window, "<a>")
    looked_at = window.recognitions[0].attention
    row, column = np.unravel_index(looked_at.argmax(), looked_at.shape)
    place, before = (int(column) * 4 * zoom, int(row) * 4 * zoom), colours[(column, row)]
    after = panel.preview.get(*place)
    assert after != before and after[0] > after[2]  # orange
    press(window, "<a>")
    assert panel.preview.get(*place) == before


def choose_file(monkeypatch: pytest.MonkeyPatch, path: Path | str) -> None:
    """What the dialog for opening a file answers from now on; "" if it is cancelled."""
    monkeypatch.setattr(filedialog, "askopenfilename", lambda **_: str(path))


def test_open_a_picture(window: RecognizerWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.full((200, 100), 230, np.uint8)
    grey[40:160, 45:55] = 30
    Image.fromarray(grey).save(tmp_path / "one.png")
    choose_file(monkeypatch, tmp_path / "one.png")
    press(window, "<Control-o>")
    side = window.canvas.side
    assert predictions(window) == ["1"]
    assert window.canvas.ink[side // 2, side // 2] > 0.5 and window.canvas.ink[side // 2, 5] == 0
    for name, said in (("", ""), (tmp_path / "none.png", "no such file or directory, expected a PNG")):
        choose_file(monkeypatch, name)
        press(window, "<Control-o>")
        assert predictions(window) == ["1"] and said in window.status["text"]
    draw(window, [[(20, 20), (60, 20)]])  # takes the picture's place
    assert window.canvas.ink[side // 2, side // 2] == 0 and window.canvas.ink.max() == 1


def test_open_a_model(window: RecognizerWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose_file(monkeypatch, write_mlp(tmp_path / "new.bin"))
    press(window, "<Control-l>")
    assert window.panels[0].models.get() == str(tmp_path / "new.bin")
    assert window.panels[0].summary["text"] == "dense 3, relu, dense 10"
    for name, said in ((tmp_path / "none.bin", "no such file, expected a trained model"), ("", "")):
        choose_file(monkeypatch, name)
        window.buttons["Model ..."].invoke()
        assert window.panels[0].models.get() == str(tmp_path / "new.bin") and said in window.status["text"]


def test_save_samples(window: RecognizerWindow, tmp_path: Path) -> None:
    width = window.root.winfo_width()
    press(window, "<Key-7>")
    assert window.status["text"] == "sample: nothing drawn, expected a drawing"
    draw(window, digit_strokes(7, *PLACES[0]))
    press(window, "<Key-7>")
    assert window.status["text"].startswith(f"saved {tmp_path / 'samples' / '7'}")
    window.classes.invoke(3)
    window.say("a long message " * 50)
    window.settle()
    assert window.root.winfo_width() == width
    names = sorted(f"{path.parent.name}{path.suffix}" for path in (tmp_path / "samples").glob("*/*"))
    assert names == ["3.json", "3.png", "7.json", "7.png"]


def test_keys_are_listed(window: RecognizerWindow) -> None:
    press(window, "<F1>")
    (listing,) = [child for child in window.root.winfo_children() if isinstance(child, tk.Toplevel)]
    shown = [cell["text"] for cell in listing.winfo_children()]
    assert shown == [text for command in window.commands for text in (command.keys, command.text)]
    listing.focus_force()
    listing.event_generate("<Escape>")
    assert not listing.winfo_exists()
    press(window, "<Control-q>")


def test_the_name_of_the_model_can_be_read(window: RecognizerWindow) -> None:
    """Also after Escape in the list of models, which selects the name, and M."""
    models = window.panels[0].models
    models.focus_force()  # as Escape in its list does, which also selects the name
    models.selection_range(0, "end")
    press(window, "<m>")
    assert models.get() == "mnist_attention_pool"
    look = ttk.Style(window.root)
    parts = ("foreground", "fieldbackground", "selectforeground", "selectbackground")
    colours = [str(look.lookup("TCombobox", part, ("readonly", "focus"))) for part in parts]
    assert colours == [TEXT, CARD, TEXT, CARD]


def test_a_model_of_other_classes(open_window: Opener) -> None:
    """Their names are shown, and a class that is not there cannot be saved."""
    metadata = {"preparation": '{"preparation":"drawings","single":true}'}
    model = constant_model([0.7, 0.2, 0.1], ["circle", "square", "triangle"])
    window = open_window({Path("shapes"): recognizer_of(replace(model, metadata={**model.metadata, **metadata}))})
    draw(window, digit_strokes(0, *PLACES[0]))
    assert predictions(window) == ["circle"]
    assert texts(window.panels[0].bars)[::2] == ["circle", "square", "triangle"]
    press(window, "<Key-7>")
    assert window.status["text"] == "the model has no class 7" and not window.samples.exists()
    press(window, "<Key-2>")
    assert len(list((window.samples / "triangle").glob("*.png"))) == 1
    draw(window, [[(20, 20), (60, 60)]])
    assert predictions(window) == ["not a single drawing"]


@pytest.mark.parametrize("size", ["smallest", (1250, 700), (800, 1000)])
def test_any_size_of_window(size: tuple[int, int] | str, window: RecognizerWindow) -> None:
    """The canvas is the largest square that fits; what is drawn grows with it."""
    draw(window, digit_strokes(0, *PLACES[0]))
    before, share = window.recognitions[0].probabilities, window.canvas.ink.mean()
    size = window.root.minsize() if size == "smallest" else size
    window.root.geometry("{}x{}".format(*size))
    window.settle()
    canvas, frame = window.canvas.widget, window.canvas.frame
    assert (window.root.winfo_width(), window.root.winfo_height()) == size
    assert canvas.winfo_width() == canvas.winfo_height() == window.canvas.side
    assert window.canvas.side == min(frame.winfo_width(), frame.winfo_height())
    assert window.canvas.ink.mean() == pytest.approx(share, rel=0.02)
    bars = window.panels[0].bars
    assert bars.bbox("all")[2] <= bars.winfo_width() and bars.bbox("all")[3] <= bars.winfo_height()
    press(window, "<Delete>")
    draw(window, digit_strokes(0, *PLACES[0]))
    assert predictions(window) == ["0"]
    np.testing.assert_allclose(window.recognitions[0].probabilities, before, atol=0.05)


def test_any_resolution(open_window: Opener, models: dict[Path, Recognizer]) -> None:
    """Everything is twice as large on a screen with twice the pixels."""
    small, large = (open_window(models, zoom) for zoom in (0.75, 1.5))
    assert large.canvas.frame.winfo_reqwidth() == 2 * small.canvas.frame.winfo_reqwidth()
    assert large.panels[0].preview.width() == 2 * small.panels[0].preview.width()
    heights = [font.Font(root=w.root, font=w.status["font"]).metrics("linespace") for w in (small, large)]
    assert heights[1] == pytest.approx(2 * heights[0], abs=3)
    for window in (small, large):
        draw(window, digit_strokes(0, *PLACES[0]))
        assert predictions(window) == ["0"]


def test_main_opens_the_window(
    display: str, runs: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the models of the current folder beside the one that is given."""
    write_mlp(tmp_path / "another.bin")
    lists = []

    def close(root: tk.Tk) -> None:
        lists.extend(child["values"] for child in every(root) if child.winfo_class() == "TCombobox")
        root.destroy()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tk.Tk, "mainloop", close)
    monkeypatch.setattr(sys, "argv", ["digit_recognizer", "--model", str(runs["mnist_cnn"].model)])
    digit_recognizer.main()
    assert lists[0] == (str(runs["mnist_cnn"].model), "another.bin")


def every(widget: tk.Misc) -> Iterator[tk.Misc]:
    """All that is in a widget."""
    for child in widget.winfo_children():
        yield child
        yield from every(child)
