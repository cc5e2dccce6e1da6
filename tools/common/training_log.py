"""Reader of the training logs: one row per epoch, columns selected by their name in the first line.

# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate
1,0.804809,0.514523,nan,nan,nan,0.01
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import InputError
from common.text import read_lines

REQUIRED = ("epoch", "loss", "seconds")
OPTIONAL = ("val_loss", "val_accuracy", "test_accuracy", "learning_rate")
COLUMNS = REQUIRED + OPTIONAL

PROGRAMS = {  # whose default logs have these names
    "training_loss_c": "mnist_mlp",
    "training_loss_cnn": "mnist_cnn",
    "training_loss_attention": "mnist_attention_pool",
}


@dataclass(frozen=True)
class TrainingLog:
    """One run. Every column is float64 (epochs); what the run has not measured is nan. Accuracies: 0 to 1."""

    path: Path
    epoch: np.ndarray
    loss: np.ndarray
    seconds: np.ndarray  # of each epoch alone
    val_loss: np.ndarray
    val_accuracy: np.ndarray
    test_accuracy: np.ndarray
    learning_rate: np.ndarray

    @property
    def elapsed(self) -> np.ndarray:
        """Seconds from the start to the end of each epoch."""
        return np.cumsum(self.seconds)


def read_log(path: Path) -> TrainingLog:
    """Reads a log of at least one epoch. Raises InputError with the line of what is wrong."""
    header, *rows = read_lines(path, "a training log") or [""]
    names = _column_names(path, header)
    values = [_row(path, number, line, names) for number, line in enumerate(rows, start=2) if line.strip()]
    if not values:
        raise InputError(path, "no epochs", "at least one row below the header")
    table = dict(zip(names, np.array(values).T, strict=True))
    unknown = np.full(len(values), np.nan)
    log = TrainingLog(path, **{name: table.get(name, unknown) for name in COLUMNS})
    _check(log)
    return log


def _column_names(path: Path, header: str) -> list[str]:
    names = [name.strip() for name in header.removeprefix("#").split(",")]
    missing = [name for name in REQUIRED if name not in names]
    if not header.startswith("#") or missing:
        found = f"first line {header[:60]!r}"
        raise InputError(path, found, f"'# ' and the column names, among them {', '.join(REQUIRED)}")
    return names


def _row(path: Path, number: int, line: str, names: list[str]) -> list[float]:
    fields = line.split(",")
    if len(fields) != len(names):
        raise InputError(path, f"{len(fields)} values in line {number}", f"{len(names)} as in the header")
    try:
        return [float(field) for field in fields]
    except ValueError as error:
        raise InputError(path, f"{line[:60]!r} in line {number}", "numbers") from error


def _check(log: TrainingLog) -> None:
    if not (np.isfinite(log.epoch).all() and (np.diff(log.epoch) > 0).all()):
        raise InputError(log.path, "epochs out of order", "an epoch column that grows from row to row")
    if not (log.seconds >= 0).all() or np.isinf(log.seconds).any():
        raise InputError(log.path, "an epoch without a valid time", "seconds of 0 or more")
    for accuracy in (log.val_accuracy, log.test_accuracy):
        if ((accuracy < 0) | (accuracy > 1)).any():
            raise InputError(log.path, "an accuracy out of range", "accuracies from 0 to 1")
