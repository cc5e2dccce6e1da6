"""Writes a trained network as an ONNX file, for other programs to run it.

Run:  tools/run.sh export_onnx MODEL [OUTPUT.onnx] [--check] [--quantize int8]
Needs the packages of tools/requirements-export.txt.

The file takes any number of images: input "image" (N, 1, rows, columns), float32, 0 = paper, 1 = ink; outputs
"logits" and "probabilities" (N, classes). Its metadata has the program, the network, the class names, and
how to prepare a picture. `--quantize int8` is calibrated on training images; what it costs is measured on the
test images and printed.
"""

import argparse
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from common.errors import InputError, run_tool
from common.options import OptionParser
from common.writing import keep_inputs, replacing
from models import Model, load_model, logits, softmax
from models.images import read_images_for

if TYPE_CHECKING:
    import onnx

REQUIREMENTS = Path(__file__).with_name("requirements-export.txt")
TOLERANCE = 1e-5
CALIBRATION_IMAGES = 1000


def main() -> None:
    options = parse_options()
    graph, runtime = onnx_packages()
    model = load_model(options.model)
    output = options.output or options.model.with_suffix(".int8.onnx" if options.quantize else ".onnx")
    keep_inputs(output, options.model, options.data_dir)
    exported = graph.build_onnx(model)
    lines = [check(runtime, model, exported, options.data_dir)] if options.check else []
    if options.quantize:
        exported, line = quantize(runtime, model, exported, options.data_dir)
        lines.append(line)
    data = exported.SerializeToString()
    with replacing(output) as temporary:
        temporary.write_bytes(data)
    print(*lines, f"wrote {output}: {model.summary}, {len(data)} bytes", sep="\n")


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="export_onnx", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a .bin or .safetensors of any network for images")
    add(
        "output",
        type=Path,
        nargs="?",
        metavar="OUTPUT",
        help="the file to write (default: MODEL with the ending .onnx, or .int8.onnx)",
    )
    add(
        "--check",
        action="store_true",
        help=f"compare with numpy on all test images; a difference above {TOLERANCE:g} is an error",
    )
    add("--quantize", choices=["int8"], help="weights and what flows between them in 8 bits")
    parser.add_data_dir()
    return parser.parse_args()


def onnx_packages() -> tuple[ModuleType, ModuleType]:
    """onnx_export's graph and runtime. Raises InputError if a package that they need is not installed."""
    try:
        from onnx_export import graph, runtime
    except ImportError as error:
        command = f"{sys.executable} -m pip install -r {REQUIREMENTS}"
        raise InputError(
            error.name or "onnx", f"cannot be imported ({error})", f"it installed: {command}"
        ) from error
    return graph, runtime


def check(runtime: ModuleType, model: Model, exported: "onnx.ModelProto", data_dir: Path) -> str:
    """Compares onnxruntime with numpy on the test images. Raises InputError if they differ."""
    images, labels = read_images_for(model, data_dir, "t10k")
    images = images / 255
    expected = logits(model, images)
    found, probs = runtime.run(exported, images)
    # Of large logits the difference is a relative one: float32 has seven digits.
    difference = np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected)))
    difference = max(difference, np.max(np.abs(probs - softmax(expected))))
    if not difference <= TOLERANCE:
        found = f"onnxruntime and numpy differ by {difference:.1e}"
        raise InputError("--check", found, f"at most {TOLERANCE:g}")
    return (
        f"check: onnxruntime equals numpy within {difference:.1e} on {len(images)} test images,"
        f" accuracy {accuracy(probs, labels):.2f} %"
    )


def quantize(
    runtime: ModuleType, model: Model, exported: "onnx.ModelProto", data_dir: Path
) -> tuple["onnx.ModelProto", str]:
    """The model in int8, and what that costs."""
    calibration, _ = read_images_for(model, data_dir, "train")
    images, labels = read_images_for(model, data_dir, "t10k")
    small = runtime.quantized(exported, calibration[:CALIBRATION_IMAGES] / 255)
    before, after = (accuracy(runtime.run(onnx, images / 255)[1], labels) for onnx in (exported, small))
    line = (
        f"int8: accuracy {after:.2f} % on {len(images)} test images (float32: {before:.2f} %),"
        f" {small.ByteSize()} bytes (float32: {exported.ByteSize()})"
    )
    return small, line


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """In percent."""
    return 100 * float(np.mean(probabilities.argmax(axis=1) == labels))


if __name__ == "__main__":
    sys.exit(run_tool("export_onnx", main))
