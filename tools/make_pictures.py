"""Regenerates the README's pictures, in tools/pictures/.

Run:  tools/run.sh make_pictures [NAME...] [--model mnist_model.bin] [--digit 3]

    recognizer  the recognizer, in which a digit is drawn by mouse events, on a screen of its own (Xvfb, Debian
                package xvfb), so that nothing else is in the picture
    seeds       two programs, each trained here with several seeds on a part of the images
    report      figures of the report on --model; its curves are those of mnist_mlp --test-each-epoch
    attention   where the model of mnist_attention_pool looks
    augmented   digits as training with --augment sees them

Models and logs are those that the programs write into the current folder.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import tkinter as tk
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image, ImageGrab

from common.errors import InputError, os_reason, run_tool
from common.options import ROOT, OptionParser
from common.training_log import PROGRAMS, read_log
from common.writing import replacing
from drawing.painting import Stroke
from drawing.ten_digits import digit_strokes
from evaluation.figures import (
    draw_calibration,
    draw_confusion,
    draw_curves,
    draw_inside,
)
from figures.comparison import draw_comparison
from figures.run_groups import LOGS, group_runs, require_logs
from figures.style import LIGHT, save_figure
from recognizer.native import load_recognizer
from recognizer.session import Session
from recognizer.window import RecognizerWindow, open_root
from report import make_report
from screenshots.virtual_display import display
from visualize_attention import draw_attention, load_attention_model, show, test_digits

SECONDS_TO_PAINT = 0.3
SEEDS = range(1, 6)
SEED_OPTIONS = ("--quiet", "--epochs=10", "--train-limit=5000", "--validation=1000", "--test-each-epoch")
REPORT_INCHES = (12.0, 10.0)
AUGMENT = ("augment", "--augment", "shift=2,rotate=12,scale=0.12,shear=0.1,elastic=5:30")


def main() -> None:
    options = parse_options()
    for name in options.names or PICTURES:
        output = options.folder / f"{name}.png"
        PICTURES[name](options, output)
        print(f"wrote {output}")


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="make_pictures", description="Regenerate the README's pictures.")
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"which: {', '.join(PICTURES)} (default: all)")
    add(
        "--model",
        type=Path,
        default=Path("mnist_model.bin"),
        metavar="PATH",
        help="the model that recognises and is reported on (default: %(default)s)",
    )
    add(
        "--attention-model",
        type=Path,
        default=Path("mnist_attention_model.bin"),
        metavar="PATH",
        help="the model whose attention is shown (default: %(default)s)",
    )
    add("--digit", type=int, choices=range(10), default=3, help="what is drawn (default: %(default)s)")
    add(
        "--build-dir",
        type=Path,
        default=ROOT / "build",
        metavar="PATH",
        help="folder of the built programs (default: build)",
    )
    parser.add_data_dir()
    add(
        "--folder",
        type=Path,
        default=ROOT / "tools" / "pictures",
        metavar="PATH",
        help="where the pictures go (default: tools/pictures)",
    )
    options = parser.parse_args()
    for name in options.names:
        if name not in PICTURES:
            parser.error(f"NAME: found {name!r}, expected one of {', '.join(PICTURES)}")
    return options


def recognizer_picture(options: argparse.Namespace, output: Path) -> None:
    """Draws a digit in the recognizer's window, and saves a picture of the window."""
    recognizer = load_recognizer(options.model)
    with display(virtual=True) as screen:
        root = open_root()
        window = RecognizerWindow(root, Session({options.model: recognizer}), samples=Path())
        root.update()  # a window that is not on the screen yet has no mouse
        side = window.canvas.side
        draw_with_mouse(
            window.canvas.widget,
            digit_strokes(options.digit, left=0.27 * side, top=0.16 * side, height=0.68 * side),
        )
        window.settle()
        picture = grab(root, screen)
        root.destroy()
    with replacing(output) as temporary:
        picture.save(temporary, format="PNG", optimize=True)
    print(f"drawn {options.digit}, recognised {window.recognitions[0].prediction}")


def seeds_picture(options: argparse.Namespace, output: Path) -> None:
    """Trains with several seeds, and plots mean and band."""
    with tempfile.TemporaryDirectory() as folder:
        logs = []
        for program in ("mnist_mlp", "mnist_cnn"):
            for seed in SEEDS:
                log = Path(folder, f"{program}_seed{seed}.txt")
                files = [f"--log={log}", f"--output={folder}/model.bin", f"--data-dir={options.data_dir}"]
                run_program(options.build_dir / program, *SEED_OPTIONS, f"--seed={seed}", *files)
                logs.append(log)
        figure = Figure()
        draw_comparison(figure, group_runs([read_log(log) for log in logs]))
    save_figure(figure, output)


def report_picture(options: argparse.Namespace, output: Path) -> None:
    """The figures of the report's page, without its tables and images."""
    log = next((path for path in require_logs([LOGS]) if PROGRAMS.get(path.stem) == "mnist_mlp"), None)
    report = make_report(options.model, options.data_dir, log)
    figure = Figure(REPORT_INCHES, facecolor=LIGHT.paper, layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(3, 2))
    left, right = top.subfigures(1, 2)
    draw_confusion(left, report.evaluation, report.names, LIGHT)
    draw_inside(right, report.model, report.images, report.predictions, LIGHT)
    left, right = bottom.subfigures(1, 2)
    draw_calibration(left, report.evaluation, LIGHT)
    if report.run:
        draw_curves(right, report.run, LIGHT)
    save_figure(figure, output)


def attention_picture(options: argparse.Namespace, output: Path) -> None:
    """All heads, on some test digits."""
    model = load_attention_model(options.attention_model)
    shown = [show(model, name) for name in test_digits(options.data_dir)]
    figure = Figure()
    draw_attention(figure, shown, range(len(shown[0].maps.weights)), [])
    save_figure(figure, output)


def augmented_picture(options: argparse.Namespace, output: Path) -> None:
    """Digits as `mnist_mlp augment` draws them."""
    files = [f"--output={output}", f"--data-dir={options.data_dir}"]
    run_program(options.build_dir / "mnist_mlp", *AUGMENT, *files)


def run_program(program: Path, *arguments: str) -> None:
    """Runs a built program, for what it writes. Raises InputError if it fails."""
    try:
        done = subprocess.run([program.resolve(), *arguments], capture_output=True, text=True)
    except OSError as error:
        expected = f"a built program; build it with: tools/run.sh {program.name} --help"
        raise InputError(program, os_reason(error), expected) from error
    if done.returncode != 0:
        raise InputError(program.name, f"failed ({done.stderr.strip()})", "a run that ends well")


def draw_with_mouse(canvas: tk.Canvas, strokes: Sequence[Stroke]) -> None:
    """Draws strokes, in pixels of the canvas, by the events a mouse makes."""
    for stroke in strokes:
        places = [{"x": round(x), "y": round(y)} for x, y in stroke]
        canvas.event_generate("<ButtonPress-1>", **places[0])
        for place in places[1:]:
            canvas.event_generate("<B1-Motion>", **place)
        canvas.event_generate("<ButtonRelease-1>", **places[-1])


def grab(root: tk.Tk, screen: str | None) -> Image.Image:
    """A picture of the window as it is on the screen."""
    root.update()
    time.sleep(SECONDS_TO_PAINT)
    root.update()
    left, top = root.winfo_rootx(), root.winfo_rooty()
    box = (left, top, left + root.winfo_width(), top + root.winfo_height())
    return ImageGrab.grab(bbox=box, xdisplay=screen)


PICTURES: dict[str, Callable[[argparse.Namespace, Path], None]] = {
    "recognizer": recognizer_picture,
    "seeds": seeds_picture,
    "report": report_picture,
    "attention": attention_picture,
    "augmented": augmented_picture,
}


if __name__ == "__main__":
    sys.exit(run_tool("make_pictures", main))
