"""How robust is a network to drawing? Test digits drawn again, and drawings of non-digits.

Run:  tools/run.sh drawn_benchmark MODEL... [--limit N] [--seed N] [--json FILE]

The first table has the accuracy on the test digits as they are, on the same digits drawn again with one
distortion at a time and with everything at once (robustness/redrawn.py gives the limits), and the mean over
these families. All go through the whole preparation, as pictures; one that does not look like a digit after
it counts as wrong. Intervals are 95 %: 1.96 standard errors of the mean over the digits.

The second table is about rejection, at several thresholds: the share of the real test digits that are not
accepted, and how many non-digits are, made as pictures and as strokes. The calibrated threshold is the highest
with at most 2 % false alarms.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np

from common.errors import InputError, ModelError, run_tool
from common.idx import read_dataset
from common.options import OptionParser, number
from common.writing import keep_inputs, write_json
from drawing.strokes import PEN
from evaluation.measures import Z95
from models.model import DIGITS
from recognizer.native import Recognizer, load_recognizer
from recognizer.recognition import Recognition
from robustness.negatives import negative_drawings
from robustness.redrawn import FAMILIES, SIDE, redrawn
from robustness.rejection import Confidences, likeliest

AS_THEY_ARE, AVERAGE = "as they are", "average"
BATCH = 100  # digits drawn again at a time
MARGIN = 4  # pixels of paper around a test digit, so that none of it touches the picture's side
THRESHOLDS = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99}
MAX_FALSE_ALARMS = 0.02

Drawing = TypeVar("Drawing")  # as `ask` takes it
Scores = dict[str, np.ndarray]  # (N) for each family: 1 where a digit is recognised, 0 where it is not


def main() -> None:
    options = parse_options()
    if options.json:
        keep_inputs(options.json, *options.models, options.data_dir)
    models = {str(path): load_digit_recognizer(path) for path in options.models}
    digits, labels = read_digits(options.data_dir)
    chosen = np.random.default_rng(options.seed).permutation(len(digits))[: options.limit]
    progress(f"reading {len(chosen)} digits, and each drawn again in {len(FAMILIES)} ways")
    scores = scores_of(models, digits[chosen], labels[chosen], options.seed)
    print(accuracy_table(scores), flush=True)
    progress(f"reading all {len(digits)} digits, and drawings that are not digits")
    by_model = confidences_of(models, digits, options.seed)
    for path, confidences in by_model.items():
        print(f"\n{rejection_table(path, models[path].threshold, confidences)}")
    if options.json:
        each = {
            path: {**accuracy_json(scores[path]), **rejection_json(models[path].threshold, by_model[path])}
            for path in models
        }
        report = {"seed": options.seed, "digits": len(chosen), "models": each}
        write_json(options.json, report)


def progress(text: str) -> None:
    """What takes its time now, on standard error: also a pipe or a log is not silent for minutes."""
    print(f"drawn_benchmark: {text}", file=sys.stderr, flush=True)


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="drawn_benchmark", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", type=Path, nargs="+", metavar="MODEL", help="a .bin or .safetensors for ten digits")
    add(
        "--limit",
        type=number(int, 1),
        default=1000,
        metavar="N",
        help="digits drawn again (default: %(default)s)",
    )
    add(
        "--seed",
        type=number(int, 0),
        default=1,
        metavar="N",
        help="of all that is random (default: %(default)s)",
    )
    parser.add_data_dir()
    add("--json", type=Path, metavar="FILE", help="write all numbers there, too")
    return parser.parse_args()


def read_digits(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Test images, uint8 (N, 28, 28), and labels (N)."""
    images, labels = read_dataset(folder, "t10k")
    if images.shape[1:] != (SIDE, SIDE):
        found = f"test images of {images.shape[1]} x {images.shape[2]} pixels"
        raise InputError(folder, found, f"{SIDE} x {SIDE}")
    if empty := np.count_nonzero(~images.any(axis=(1, 2))):
        raise InputError(folder, f"{empty} test images without ink", "digits")
    return images, labels


def load_digit_recognizer(path: Path) -> Recognizer:
    """Raises ModelError if it does not tell ten digits."""
    recognizer = load_recognizer(path)
    if (kind := recognizer.preparation) != "digits" or len(recognizer.class_names) != DIGITS:
        found = f"a network of {len(recognizer.class_names)} classes for {kind}"
        raise ModelError(path, found, f"one of {DIGITS} classes for digits")
    return recognizer


def on_paper(digits: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    """Test digits as pictures."""
    return (np.pad(digit, MARGIN) for digit in digits)


def drawn_again(digits: np.ndarray, name: str, seed: int) -> Iterable[np.ndarray]:
    """The pictures of the digits in a family of distortions."""
    rng = np.random.default_rng(seed)
    batches = (digits[start : start + BATCH] for start in range(0, len(digits), BATCH))
    return (picture for batch in batches for picture in redrawn(batch, FAMILIES[name], rng))


def asked(
    models: dict[str, Recognizer], ask: Callable[[Recognizer, Drawing], Recognition], drawings: Iterable[Drawing]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The likeliest digit of each of N drawings (N) and its probability (N), of each model."""
    found = [[likeliest(ask(model, drawing)) for model in models.values()] for drawing in drawings]
    return {
        path: (np.array([label for label, _ in column]), np.array([p for _, p in column]))
        for path, column in zip(models, zip(*found, strict=True), strict=True)
    }


def scores_of(models: dict[str, Recognizer], digits: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, Scores]:
    pictures = {AS_THEY_ARE: on_paper(digits), **{name: drawn_again(digits, name, seed) for name in FAMILIES}}
    scores: dict[str, Scores] = {path: {} for path in models}
    for name, drawings in pictures.items():
        for path, (found, _) in asked(models, Recognizer.picture, drawings).items():
            scores[path][name] = (found == labels).astype(float)
    for of_model in scores.values():
        of_model[AVERAGE] = np.mean([of_model[name] for name in FAMILIES], axis=0)
    return scores


def interval(scores: np.ndarray) -> tuple[float, float]:
    """The mean of (N) scores and the half of its 95 % interval."""
    return float(scores.mean()), float(Z95 * scores.std() / np.sqrt(len(scores)))


def accuracy_table(scores: dict[str, Scores]) -> str:
    """Families down, models across, in percent."""
    rows = [["accuracy, %", *scores]]
    for name in (AS_THEY_ARE, *FAMILIES, AVERAGE):
        cells = (interval(of_model[name]) for of_model in scores.values())
        rows.append([name, *(f"{100 * mean:.1f} +- {100 * half:.1f}" for mean, half in cells)])
    return aligned(rows)


def accuracy_json(scores: Scores) -> dict[str, object]:
    cells = {name: interval(values) for name, values in scores.items()}
    return {"accuracy": {name: {"mean": mean, "half_interval": half} for name, (mean, half) in cells.items()}}


def confidences_of(models: dict[str, Recognizer], digits: np.ndarray, seed: int) -> dict[str, Confidences]:
    """Of all digits, and of drawings of non-digits: as pictures, and those made of strokes as strokes, too."""
    negatives = negative_drawings(digits, seed=seed)
    strokes = [drawing.strokes for drawing in negatives if drawing.strokes is not None]
    real = asked(models, Recognizer.picture, on_paper(digits))
    forms = {
        "pictures": asked(models, Recognizer.picture, (drawing.picture for drawing in negatives)),
        "strokes": asked(models, lambda model, each: model.strokes(each, PEN), strokes),
    }
    return {
        path: Confidences(real[path][1], {form: found[path][1] for form, found in forms.items()}) for path in models
    }


def rejection_table(path: str, default: float, confidences: Confidences) -> str:
    """Thresholds down."""
    headings = [f"accepted of {len(confidence)} {form}" for form, confidence in confidences.negatives.items()]
    rows = [[f"threshold of {path}", "false alarms, %", *headings]]
    calibrated = confidences.calibrated(MAX_FALSE_ALARMS)
    for threshold in sorted({default, *THRESHOLDS, calibrated}):
        notes = {default: " default", calibrated: " calibrated"}
        counts = map(str, confidences.accepted(threshold).values())
        alarms = f"{100 * confidences.false_alarms(threshold):.2f}"
        rows.append([f"{threshold:.3f}{notes.get(threshold, '')}", alarms, *counts])
    return aligned(rows)


def rejection_json(default: float, confidences: Confidences) -> dict[str, object]:
    calibrated = confidences.calibrated(MAX_FALSE_ALARMS)
    rows = [
        {"threshold": t, "false_alarms": confidences.false_alarms(t), "accepted": confidences.accepted(t)}
        for t in sorted({default, *THRESHOLDS, calibrated})
    ]
    negatives = {form: len(confidence) for form, confidence in confidences.negatives.items()}
    return {"negatives": negatives, "calibrated_threshold": calibrated, "thresholds": rows}


def aligned(rows: list[list[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_tool("drawn_benchmark", main))
