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
from pathlib import Path

import numpy as np

from common.errors import InputError, run_tool
from common.idx import read_dataset
from common.options import OptionParser, number
from common.writing import keep_inputs, write_json
from drawing.picture_ink import ink_of
from drawing.preparation import SIDE, prepare_ink, prepare_strokes
from drawing.strokes import PEN
from evaluation.measures import Z95
from models import Model, load_digit_model, logits
from recognizer.confidence import MIN_CONFIDENCE
from robustness.negatives import negative_drawings
from robustness.redrawn import FAMILIES, redrawn
from robustness.rejection import Confidences, Seen

AS_THEY_ARE, AVERAGE = "as they are", "average"
BATCH = 100  # digits drawn again at a time
THRESHOLDS = {MIN_CONFIDENCE, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99}
MAX_FALSE_ALARMS = 0.02

Scores = dict[str, np.ndarray]  # (N) for each family: 1 where a digit is recognised, 0 where it is not


def main() -> None:
    options = parse_options()
    if options.json:
        keep_inputs(options.json, *options.models, options.data_dir)
    models = {str(path): load_digit_model(path) for path in options.models}
    digits, labels = read_digits(options.data_dir)
    chosen = np.random.default_rng(options.seed).permutation(len(digits))[: options.limit]
    drawings = drawn_again(digits[chosen], options.seed)
    scores = {}
    for path, model in models.items():
        progress(f"{path} reads {len(chosen)} digits, each drawn again in {len(drawings)} ways")
        scores[path] = scores_of(model, drawings, labels[chosen])
    print(accuracy_table(scores), flush=True)
    progress(f"preparing all {len(digits)} digits, and drawings that are not digits")
    real = Seen.of(prepare_ink(digit / 255) for digit in digits)
    negatives = drawn_negatives(digits, options.seed)
    by_model = {path: confidences_of(model, real, negatives) for path, model in models.items()}
    for path, confidences in by_model.items():
        print(f"\n{rejection_table(path, confidences)}")
    if options.json:
        each = {path: {**accuracy_json(scores[path]), **rejection_json(by_model[path])} for path in models}
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


def drawn_again(digits: np.ndarray, seed: int) -> dict[str, Seen]:
    """The digits as they are and in every family of distortions, prepared from pictures."""
    drawings = {AS_THEY_ARE: Seen.of(prepare_ink(digit / 255) for digit in digits)}
    for name, family in FAMILIES.items():
        rng = np.random.default_rng(seed)
        batches = (digits[start : start + BATCH] for start in range(0, len(digits), BATCH))
        pictures = (picture for batch in batches for picture in redrawn(batch, family, rng))
        drawings[name] = Seen.of(prepare_ink(ink_of(picture / 255)) for picture in pictures)
    return drawings


def scores_of(model: Model, drawings: dict[str, Seen], labels: np.ndarray) -> Scores:
    scores = {
        name: (seen.looks_right & (logits(model, seen.pictures).argmax(axis=1) == labels)).astype(float)
        for name, seen in drawings.items()
    }
    return scores | {AVERAGE: np.mean([scores[name] for name in FAMILIES], axis=0)}


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


def drawn_negatives(digits: np.ndarray, seed: int) -> dict[str, Seen]:
    """Drawings of non-digits, as pictures, and those made of strokes as strokes, too."""
    drawings = negative_drawings(digits, seed=seed)
    strokes = (drawing.strokes for drawing in drawings if drawing.strokes is not None)
    return {
        "pictures": Seen.of(prepare_ink(drawing.ink) for drawing in drawings),
        "strokes": Seen.of(prepare_strokes(each, PEN) for each in strokes),
    }


def confidences_of(model: Model, digits: Seen, negatives: dict[str, Seen]) -> Confidences:
    by_form = {form: seen.confidence(model) for form, seen in negatives.items()}
    return Confidences(digits.confidence(model), by_form)


def rejection_table(path: str, confidences: Confidences) -> str:
    """Thresholds down."""
    headings = [f"accepted of {len(confidence)} {form}" for form, confidence in confidences.negatives.items()]
    rows = [[f"threshold of {path}", "false alarms, %", *headings]]
    calibrated = confidences.calibrated(MAX_FALSE_ALARMS)
    for threshold in sorted({*THRESHOLDS, calibrated}):
        notes = {MIN_CONFIDENCE: " default", calibrated: " calibrated"}
        counts = map(str, confidences.accepted(threshold).values())
        alarms = f"{100 * confidences.false_alarms(threshold):.2f}"
        rows.append([f"{threshold:.3f}{notes.get(threshold, '')}", alarms, *counts])
    return aligned(rows)


def rejection_json(confidences: Confidences) -> dict[str, object]:
    calibrated = confidences.calibrated(MAX_FALSE_ALARMS)
    rows = [
        {"threshold": t, "false_alarms": confidences.false_alarms(t), "accepted": confidences.accepted(t)}
        for t in sorted({*THRESHOLDS, calibrated})
    ]
    negatives = {form: len(confidence) for form, confidence in confidences.negatives.items()}
    return {"negatives": negatives, "calibrated_threshold": calibrated, "thresholds": rows}


def aligned(rows: list[list[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_tool("drawn_benchmark", main))
