"""Turns a model file into one of another format: .safetensors, .bin or .npz.

Run:  tools/run.sh convert_model MODEL OUTPUT
Tensors keep their names, shapes and values, float32; metadata is kept where the format has a place for it. Of a
checkpoint the network is taken, not the state of its training. A .bin cannot say every network: those it
cannot are refused. An NPZ is for numpy: numpy.load(OUTPUT)["dense1.weight"].
"""

import argparse
import sys
from pathlib import Path

from common.errors import run_tool
from common.options import OptionParser
from common.writing import keep_inputs
from models import load_model, save_model


def main() -> None:
    options = parse_options()
    keep_inputs(options.output, options.model)
    model = load_model(options.model)
    save_model(options.output, model)
    print(f"wrote {options.output}: {model.summary}, {options.output.stat().st_size} bytes")


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="convert_model", description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .bin or .safetensors")
    parser.add_argument(
        "output", type=Path, metavar="OUTPUT", help="a name that ends in .safetensors, .bin or .npz"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(run_tool("convert_model", main))
