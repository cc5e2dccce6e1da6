"""Draw a digit, and a trained network says which it is.

Run:  tools/run.sh digit_recognizer [--model mnist_cnn_model.bin]
Needs tkinter (Debian package python3-tk) and a display; `--image PICTURE` recognises a picture without them.
"""

import argparse
import sys
from pathlib import Path

from errors import InputError, OptionParser, run_tool
from models import Model, load_digit_model, probabilities
from picture_ink import read_ink
from preparation import prepare_ink
from verdict import Verdict


def main() -> None:
    options = parse_options()
    model = load_digit_model(options.model)
    if options.image:
        print(describe(model, options.image))
    else:
        open_window(model, options.model)


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="digit_recognizer", description="Draw a digit and have it recognised.")
    parser.add_argument(
        "--model",
        type=Path,
        default=Path("mnist_model.bin"),
        metavar="PATH",
        help="a .bin of mnist_mlp, mnist_cnn or mnist_attention_pool (default: %(default)s)",
    )
    parser.add_argument(
        "--image", type=Path, metavar="PICTURE", help="recognise this picture and open no window"
    )
    return parser.parse_args()


def describe(model: Model, path: Path) -> str:
    """The three likeliest digits of a picture, e.g. `7.png: 7 (99.1 %), then 9 (0.5 %), 2 (0.2 %)`."""
    picture, verdict = prepare_ink(read_ink(path))
    if verdict is Verdict.NOTHING:
        raise InputError(path, "an empty picture", "a digit")
    shares = probabilities(model, picture)[0]
    first, second, third = (f"{digit} ({100 * shares[digit]:.1f} %)" for digit in shares.argsort()[:-4:-1])
    return f"{path}: {first}, then {second}, {third}"


def open_window(model: Model, path: Path) -> None:
    """Shows the window until it is closed."""
    try:
        from recognizer_window import RecognizerWindow, open_root
    except ImportError as error:
        expected = (
            "the Debian package python3-tk (sudo apt-get install python3-tk); without it: --image PICTURE"
        )
        raise InputError("tkinter", str(error), expected) from error
    root = open_root()
    RecognizerWindow(root, model, title=path.name)
    root.mainloop()


if __name__ == "__main__":
    sys.exit(run_tool("digit_recognizer", main))
