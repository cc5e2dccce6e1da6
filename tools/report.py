"""Evaluates a model on test images and writes what there is to see as one HTML page.

Run:  tools/run.sh report MODEL [--data-dir data] [--log LOG] [--output report.html]
The page stands alone, pictures are in it: accuracy with its 95 % interval, loss, confusion matrix, precision
and recall by class, calibration, suspected wrong labels and other mistakes, what the network has learned to
look for, and the curves of the training's log.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from atomic import replacing
from class_names import read_class_names
from errors import InputError, OptionParser, run_tool
from evaluation import Evaluation
from figure_style import percent
from idx import read_dataset
from models import ImageModel, Model, load_model, logits
from report_page import Report, page, settings_of
from run_groups import group_runs
from training_log import read_log

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    options = parse_options()
    report = make_report(options.model, options.data_dir, options.log, options.class_names, options.transpose)
    with replacing(options.output) as temporary:
        temporary.write_text(page(report), encoding="utf-8")
    e = report.evaluation
    print(f"accuracy {percent(e.accuracy)}, {len(e.mistakes)} mistakes in {len(e.labels)} images")
    print(f"wrote {options.output}")


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="report", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a .bin or .safetensors of one of the MNIST programs")
    add(
        "--data-dir",
        type=Path,
        default=ROOT / "data",
        metavar="PATH",
        help="folder with IDX test images, plain or .gz (default: data)",
    )
    add(
        "--transpose",
        action="store_true",
        help="swap rows and columns of the images (EMNIST); a model that was trained so says so itself",
    )
    add(
        "--class-names",
        type=Path,
        metavar="PATH",
        help="text file, the name of a class a line (default: those in the model, or numbers)",
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
    transpose = transpose or settings_of(model).get("transpose") is True
    images, labels = read_test_images(model, data_dir, transpose)
    names = read_class_names(class_names, model.classes) if class_names else model.class_names
    run = group_runs([read_log(log)])[0] if log else None
    return Report(path, model, data_dir, images, Evaluation(logits(model, images), labels), names, run)


def read_test_images(model: Model, folder: Path, transpose: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, rows, columns) in [0, 1] that the network can take, and labels (N) that it can answer."""
    images, labels = read_dataset(folder, "t10k")
    if transpose:
        images = images.swapaxes(1, 2)
    size = images.shape[1:]
    fits = size == model.image_size if isinstance(model, ImageModel) else images[0].size == model.inputs
    if not fits:
        expected = f"{model.inputs} pixels an image, as the network takes ({model.summary})"
        raise InputError(folder, "images of {} x {} pixels".format(*size), expected)
    if labels.max() >= model.classes:
        found = f"the label {labels.max()}"
        raise InputError(folder, found, f"labels from 0 to {model.classes - 1}, as the network answers")
    return images / 255, labels


if __name__ == "__main__":
    sys.exit(run_tool("report", main))
