"""Makes the README's pictures again: the recognizer with a drawn digit, and the comparison of the logs.

Run:  tools/run.sh make_pictures [--model mnist_model.bin] [--digit 3]
Writes recognizer.png and training_comparison.png to tools/pictures/. Draws in the real window by mouse
events, on a screen of its own (Xvfb, Debian package xvfb), so that nothing else is in the picture.
"""

import argparse
import sys
import time
import tkinter as tk
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image, ImageGrab

from atomic import replacing
from errors import OptionParser, run_tool
from models import load_digit_model
from plot_comparison import DPI, default_logs, draw_comparison
from preparation import Stroke
from recognizer_window import RecognizerWindow, open_root
from sample_strokes import digit_strokes
from training_log import read_log
from virtual_display import display

PICTURES = Path(__file__).parent / "pictures"
SECONDS_TO_PAINT = 0.3


def main() -> None:
    options = parse_options()
    options.folder.mkdir(parents=True, exist_ok=True)
    recognizer_picture(options.model, options.digit, options.folder / "recognizer.png")
    comparison_picture(options.folder / "training_comparison.png")


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="make_pictures", description="Make the README's pictures again.")
    parser.add_argument(
        "--model",
        type=Path,
        default=Path("mnist_model.bin"),
        metavar="PATH",
        help="the model that recognises (default: %(default)s)",
    )
    parser.add_argument(
        "--digit", type=int, choices=range(10), default=3, help="what is drawn (default: %(default)s)"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=PICTURES,
        metavar="PATH",
        help="where the pictures go (default: tools/pictures)",
    )
    return parser.parse_args()


def recognizer_picture(model: Path, digit: int, output: Path) -> None:
    """Draws `digit` in the recognizer's window, and saves a picture of the window."""
    network = load_digit_model(model)
    with display(virtual=True) as screen:
        root = open_root()
        window = RecognizerWindow(root, network, title=model.name)
        draw_with_mouse(window.canvas, digit_strokes(digit, left=75, top=45, height=190))
        picture = grab(root, screen)
        root.destroy()
    with replacing(output) as temporary:
        picture.save(temporary, format="PNG", optimize=True)
    print(f"wrote {output}: drawn {digit}, recognised {window.digit}")


def comparison_picture(output: Path) -> None:
    """Plots the logs in logs/."""
    figure = Figure()
    draw_comparison(figure, [read_log(path) for path in default_logs()])
    with replacing(output) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)
    print(f"wrote {output}")


def draw_with_mouse(canvas: tk.Canvas, strokes: Sequence[Stroke]) -> None:
    """Draws strokes, in pixels of the canvas, by the events a mouse makes."""
    canvas.update()  # a window that is not on the screen yet has no mouse
    for stroke in strokes:
        places = [{"x": round(x), "y": round(y)} for x, y in stroke]
        canvas.event_generate("<ButtonPress-1>", **places[0])
        for place in places[1:]:
            canvas.event_generate("<B1-Motion>", **place)
        canvas.event_generate("<ButtonRelease-1>", **places[-1])
    canvas.update()


def grab(root: tk.Tk, screen: str | None) -> Image.Image:
    """A picture of the window as it is on the screen."""
    root.update()
    time.sleep(SECONDS_TO_PAINT)
    root.update()
    left, top = root.winfo_rootx(), root.winfo_rooty()
    box = (left, top, left + root.winfo_width(), top + root.winfo_height())
    return ImageGrab.grab(bbox=box, xdisplay=screen)


if __name__ == "__main__":
    sys.exit(run_tool("make_pictures", main))
