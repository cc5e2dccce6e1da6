"""Writes a trained network as one C99 file without dependencies, for microcontrollers.

Run:  tools/run.sh export_c MODEL [--output digits.c] [--int8] [--check]

The file says at its beginning how it is called, and how many bytes its weights and its memory take. With --int8 the
weights are int8, with a float step for each output; what flows between the layers is float all the same. --check
compiles the file with the C compiler `cc` and runs it on the test images.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from c_export.running import compile_and_run
from c_export.source import Exported, build_c
from common.errors import InputError, ModelError, run_tool
from common.options import OptionParser
from common.writing import keep_inputs, replacing
from models import Model, NetworkError, load_model, logits, softmax
from models.images import read_images_for

TOLERANCE = 1e-5
COMPARED = 1000  # images: numpy takes its time


def main() -> None:
    options = parse_options()
    model = load_model(options.model)
    output = options.output or options.model.with_suffix(".c")
    keep_inputs(output, options.model, options.data_dir)
    try:
        exported = build_c(model, output, options.int8)
    except NetworkError as error:
        raise ModelError(options.model, error.found, error.expected) from error
    lines = check(model, exported, options.int8, options.data_dir) if options.check else []
    with replacing(output) as temporary:
        temporary.write_text(exported.text)
    print(
        *lines,
        f"wrote {output}: {model.summary}, {len(exported.text)} bytes; {exported.weight_bytes} bytes of weights,"
        f" {exported.memory_bytes} bytes of memory",
        sep="\n",
    )


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="export_c", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a .bin or .safetensors of any network for images")
    add("--output", type=Path, metavar="PATH", help="the file to write (default: MODEL with the ending .c)")
    add("--int8", action="store_true", help="weights in 8 bits, a quarter of the size")
    add(
        "--check",
        action="store_true",
        help="compile it, run it on all test images, and print how accurate, how large and how fast it is;"
        f" without --int8, a difference from numpy above {TOLERANCE:g} is an error",
    )
    parser.add_data_dir()
    return parser.parse_args()


def check(model: Model, exported: Exported, int8: bool, data_dir: Path) -> list[str]:
    """What compiling and running it shows, a line each. Raises InputError if it does not give what numpy gives."""
    images, labels = read_images_for(model, data_dir, "t10k")
    run = compile_and_run(exported, model, images)
    accuracy = f"accuracy {percent(run.classes == labels)} on {len(images)} test images"
    if int8:
        floats = compile_and_run(build_c(model, Path("float.c")), model, images)
        line = f"int8: {accuracy} (float: {percent(floats.classes == labels)})"
    else:
        expected = logits(model, images[:COMPARED] / 255)
        # Of large logits the difference is a relative one: float has seven digits.
        scale = np.maximum(1, np.abs(expected).max(axis=1, keepdims=True))
        difference = np.max(np.abs(run.probabilities[:COMPARED] - softmax(expected)) / scale)
        if not difference <= TOLERANCE:
            raise InputError("--check", f"the file and numpy differ by {difference:.1e}", f"at most {TOLERANCE:g}")
        line = f"check: the file equals numpy within {difference:.1e} on {len(expected)} test images; {accuracy}"
    return [line, f"cc -O3: an object file of {run.object_bytes} bytes, {1e6 * run.seconds:.0f} us an image"]


def percent(right: np.ndarray) -> str:
    return f"{100 * np.mean(right):.2f} %"


if __name__ == "__main__":
    sys.exit(run_tool("export_c", main))
