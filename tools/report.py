"""Evaluates a model on test images and writes what there is to see as one HTML page.

Run:  tools/run.sh report MODEL [--data-dir data] [--log LOG] [--output report.html]
The page stands alone, pictures are in it: accuracy with its 95 % interval, loss, confusion matrix, precision
and recall by class, calibration, suspected wrong labels and other mistakes, what the network has learned to
look for, and the curves of the training's log.
"""

import argparse
import sys
from pathlib import Path

from common.class_names import read_class_names
from common.errors import run_tool
from common.options import OptionParser
from common.training_log import read_log
from common.writing import keep_inputs, replacing
from evaluation.measures import Evaluation
from evaluation.page import Report, page
from figures.run_groups import group_runs
from figures.style import percent
from models import load_model, logits
from models.images import read_images_for


def main() -> None:
    options = parse_options()
    others = (path for path in (options.log, options.class_names) if path)
    keep_inputs(options.output, options.model, options.data_dir, *others)
    report = make_report(options.model, options.data_dir, options.log, options.class_names, options.transpose)
    with replacing(options.output) as temporary:
        temporary.write_text(page(report), encoding="utf-8", errors="replace")  # a path can be any bytes
    e = report.evaluation
    print(f"accuracy {percent(e.accuracy)}, {len(e.mistakes)} mistakes in {len(e.labels)} images")
    print(f"wrote {options.output}")


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="report", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a .bin or .safetensors of any network for images")
    parser.add_data_dir()
    add(
        "--transpose",
        action="store_true",
        help="swap rows and columns of the images (EMNIST); a model that was trained so says so itself",
    )
    add(
        "--class-names",
        type=Path,
        metavar="PATH",
        help="text file, one class name per line (default: those in the model, or numbers)",
    )
    add("--log", type=Path, metavar="PATH", help="log of the training, to show its curves")
    add(
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="PATH",
        help="the page (default: %(default)s)",
    )
    return parser.parse_args()


def make_report(
    path: Path,
    data_dir: Path,
    log: Path | None = None,
    class_names: Path | None = None,
    transpose: bool = False,
) -> Report:
    """Reads all files, and asks the network for each test image. Raises InputError."""
    model = load_model(path)
    images, labels = read_images_for(model, data_dir, "t10k", transpose)
    images = images / 255
    names = model.class_names
    if class_names:
        names[: model.known_classes] = read_class_names(class_names, model.known_classes)
    run = group_runs([read_log(log)])[0] if log else None
    return Report(path, model, data_dir, images, Evaluation(logits(model, images), labels), names, run)


if __name__ == "__main__":
    sys.exit(run_tool("report", main))
