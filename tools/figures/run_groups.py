"""Training logs gathered from files and folders; runs that differ only in their seed are one group."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import InputError
from common.training_log import PROGRAMS, TrainingLog

LOGS = Path("logs")
SEED = r"[-_. ]?seed[-_=. ]?\d+"  # in the path of a log: cnn_seed1.txt, cnn-seed=2.txt, seed3/cnn.txt


class Curve(NamedTuple):
    """A column of a group's logs, (E) each: the mean of its runs, and the lowest and highest of them."""

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class RunGroup:
    """Runs of the same settings, one or more."""

    label: str
    logs: tuple[TrainingLog, ...]

    def curve(self, column: str, x: str) -> Curve:
        """`column` by `x`, both of TrainingLog, at the epochs that all runs have.

        Where one of the runs has NaN, so has the mean: no run drops out of it unseen.
        """
        epochs = reduce(np.intersect1d, (log.epoch for log in self.logs))
        rows = [np.isin(log.epoch, epochs) for log in self.logs]
        xs, ys = (
            np.array([getattr(log, name)[row] for log, row in zip(self.logs, rows, strict=True)])  # (R, E)
            for name in (x, column)
        )
        return Curve(xs.mean(axis=0), ys.mean(axis=0), ys.min(axis=0), ys.max(axis=0))


def find_logs(places: Sequence[Path]) -> list[Path]:
    """The files among `places`, and the logs (*.txt, *.csv) in the folders among them, by name; each once."""
    found: list[Path] = []
    for place in places:
        in_folder = sorted(p for p in place.glob("*") if p.suffix in (".txt", ".csv"))
        found += in_folder if place.is_dir() or place == LOGS else [place]
    return list(dict.fromkeys(found))


def require_logs(places: Sequence[Path]) -> list[Path]:
    """find_logs; raises InputError for a folder that has none."""
    for place in places:
        if not find_logs([place]):
            expected = "a training log; make one with: tools/run.sh mnist_mlp"
            raise InputError(place, "no *.txt or *.csv file there", expected)
    return find_logs(places)


def group_runs(logs: Sequence[TrainingLog], pattern: str = SEED) -> list[RunGroup]:
    """Groups the logs whose paths are the same but for what `pattern` matches; in order of the first of each.

    A group is called as its program or file; with the path where two would be called the same, and with the
    number of its runs where there are several.
    """
    groups: dict[Path, list[TrainingLog]] = {}
    for log in logs:
        name = re.sub(pattern, "", str(log.path.with_suffix("")))
        groups.setdefault(Path(name), []).append(log)
    names = {path: PROGRAMS.get(path.name, path.name) or str(path) for path in groups}
    count = Counter(names.values())
    labels = [name if count[name] == 1 else f"{name} ({path})" for path, name in names.items()]
    return label_groups([RunGroup("", tuple(group)) for group in groups.values()], labels)


def label_groups(groups: Sequence[RunGroup], labels: Sequence[str]) -> list[RunGroup]:
    """The groups under other names, one for each. Raises InputError if there are more or fewer."""
    if len(labels) != len(groups):
        first = ", ".join(group.label for group in groups)
        raise InputError("--labels", f"{len(labels)} labels", f"{len(groups)}, for {first}")
    return [
        replace(group, label=label if len(group.logs) == 1 else f"{label}, {len(group.logs)} runs")
        for group, label in zip(groups, labels, strict=True)
    ]
