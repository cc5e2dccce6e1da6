"""Draw a digit, and a trained network says which it is.

Run:  tools/run.sh digit_recognizer [--model mnist_cnn_model.bin ...]
Needs tkinter (Debian package python3-tk) and a display; `--image PICTURE ...` recognises pictures without.
"""

import argparse
import sys
from pathlib import Path

from common.errors import InputError, run_tool
from common.options import OptionParser, number

FOR_DRAWINGS, PLAIN = Path("drawing.safetensors"), Path("mnist_model.bin")  # models by default, the better one first


def main() -> None:
    options = parse_options()
    try:
        if options.image:
            recognise_pictures(options)
        else:
            open_window(options)
    except ModuleNotFoundError as error:
        expected = "the packages of requirements.txt: tools/run.sh digit_recognizer installs them"
        raise InputError(f"Python package {error.name}", "not installed", expected) from error


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="digit_recognizer", description="Draw a digit and have it recognised.")
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        nargs="+",
        default=[FOR_DRAWINGS if FOR_DRAWINGS.exists() else PLAIN],
        metavar="PATH",
        help="models of mnist_mlp, mnist_cnn or mnist_attention_pool with any classes, .bin or .safetensors (default:"
        f" {FOR_DRAWINGS} if it is there, else {PLAIN}); the first is asked, the window also offers those in the current"
        " folder",
    )
    add("--image", type=Path, nargs="+", metavar="PICTURE", help="recognise pictures and open no window")
    add(
        "--threshold",
        type=number(float, 0, 1),
        metavar="P",
        help="'not sure' below this probability, 0 to 1 (default: as the programs' predict)",
    )
    add(
        "--samples",
        type=Path,
        default=Path("drawings"),
        metavar="FOLDER",
        help="where drawings are saved, one sub-folder per class, as make_idx reads them (default: %(default)s)",
    )
    add(
        "--zoom",
        type=number(float, 0.5, 8),
        metavar="X",
        help="size of what is in the window, 0.5 to 8 (default: as the screen's resolution asks)",
    )
    return parser.parse_args()


def recognise_pictures(options: argparse.Namespace) -> None:
    """A line for each, by the first model."""
    from common.pictures import read_grey
    from recognizer.native import load_recognizer

    model = load_recognizer(options.model[0])
    if options.threshold is not None:
        model.threshold = options.threshold
    for path in options.image:
        print(f"{path}: {model.picture(read_grey(path)).describe()}")


def open_window(options: argparse.Namespace) -> None:
    """Shows the window until it is closed."""
    from recognizer.native import load_recognizer
    from recognizer.session import Session, models_in

    try:
        from recognizer.window import RecognizerWindow, open_root
    except ImportError as error:
        expected = "the Debian package python3-tk (sudo apt-get install python3-tk); without it: --image PICTURE"
        raise InputError("tkinter", str(error), expected) from error
    models = {path: load_recognizer(path) for path in options.model}
    session = Session({**models, **models_in(Path())}, options.threshold)
    root = open_root()
    RecognizerWindow(root, session, options.samples, options.zoom)
    root.mainloop()


if __name__ == "__main__":
    sys.exit(run_tool("digit_recognizer", main))
