"""A trial: the program is trained once for each seed and fold, and followed by its log.

What decides is the loss on the training images that are held out, at its best epoch. The test images have no
part in it: one of them is tested, as the program wants one, and nothing reads what that gives.
"""

import itertools
import json
import shutil
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna

from common.programs import ChildError, run_child
from sweeping.search_space import Parameter, as_option

RUN = 1_000_000  # steps between the first epochs of two runs of a trial: the most epochs that one can have
# What a sweep sets, and a program's options may not.
OWN_OPTIONS = (
    *("output", "log", "log-json", "log-every", "checkpoint-dir", "checkpoint-every", "checkpoint-keep", "resume"),
    *("save-config", "show-network", "quiet", "threads", "seed", "validation", "fold", "test-limit", "test-each-epoch"),
)


def runs_of(seeds: int, folds: int, validation: float) -> list[list[str]]:
    """The options of each run of a trial: every seed with every fold, or with `validation` if there are no folds."""
    held_out = [f"--fold={k}/{folds}" for k in range(1, folds + 1)] or [f"--validation={validation:g}"]
    return [[f"--seed={seed}", part] for seed, part in itertools.product(range(1, seeds + 1), held_out)]


@dataclass(frozen=True)
class Objective:
    """The mean validation loss of a program with the parameters of a trial."""

    program: Path
    options: list[str]  # of every trial
    parameters: list[Parameter]
    threads: int
    runs: list[list[str]]  # the options in which the runs of a trial differ
    pruning: bool = True

    def __call__(self, trial: optuna.Trial, check: Callable[[], None]) -> float:
        """`check` may raise what ends the trial early. Raises TrialPruned, or InputError if the program fails."""
        tuned = [as_option(p.name, p.suggest(trial)) for p in self.parameters]
        losses, accuracies = [], []
        with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
            for i, run in enumerate(self.runs):
                if i > 0:
                    self.prune(trial)
                log = Log(Path(folder) / f"{i}.jsonl", trial, i * RUN, losses)
                self.train([*self.options, *tuned, *run], log, trial, check)
                log.report()
                best = min(log.epochs, key=lambda epoch: epoch["val_loss"])
                losses.append(best["val_loss"])
                accuracies.append(best["val_accuracy"])
        trial.set_user_attr("val_losses", losses)
        trial.set_user_attr("val_accuracy", statistics.fmean(accuracies))
        return statistics.fmean(losses)

    def train(self, options: list[str], log: "Log", trial: optuna.Trial, check: Callable[[], None]) -> None:
        def watch() -> None:
            check()
            if log.report():
                self.prune(trial)

        files = ["--output", log.path.with_suffix(".safetensors"), "--log", "", "--log-json", log.path]
        command = [self.program, *options, *files, "--threads", str(self.threads), "--test-limit", "1", "--quiet"]
        if setpriv := shutil.which("setpriv"):  # if the sweep is killed, so is the program
            command = [setpriv, "--pdeathsig", "KILL", *command]
        try:
            run_child(self.program.name, command, watch=watch)
        except ChildError as error:
            if f"{self.program.name}: error: training: " not in error.words:
                raise
            trial.set_user_attr("diverged", True)
            raise optuna.TrialPruned from error

    def prune(self, trial: optuna.Trial) -> None:
        if self.pruning and trial.should_prune():
            raise optuna.TrialPruned


@dataclass
class Log:
    """The JSON log of a run, read as it grows: the program replaces it after every epoch."""

    path: Path
    trial: optuna.Trial
    first_step: int
    before: list[float]  # losses of the trial's earlier runs

    def __post_init__(self) -> None:
        self.epochs: list[dict] = []

    def report(self) -> bool:
        """Tells the trial the best loss so far after each new epoch. False if there is none."""
        if not self.path.exists():
            return False
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        new = [line for line in lines if line["event"] == "epoch"][len(self.epochs) :]
        for epoch in new:
            self.epochs.append(epoch)
            best = min(epoch["val_loss"] for epoch in self.epochs)
            self.trial.report(statistics.fmean([*self.before, best]), self.first_step + epoch["epoch"])
        return bool(new)
