"""What a sweep tries: `lr=1e-4:1e-2:log`, a range, and `hidden=256|512|1024`, a list of choices."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import optuna

from common.programs import ChildError, settings_of

Value = str | int | float


@dataclass(frozen=True)
class Tune:
    """A parameter as --tune has it: `low` to `high`, or one of `choices`."""

    text: str  # "1e-4:1e-2:log"
    name: str  # an option of the program, without the dashes
    low: float = 0
    high: float = 0
    log: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """A parameter as the program takes it: whole numbers only where it takes no others."""

    tune: Tune
    default: Value | None  # what the program has if nothing is tuned; None if that is not among the values
    is_whole: bool = False

    @property
    def name(self) -> str:
        return self.tune.name

    def suggest(self, trial: optuna.Trial) -> Value:
        tune = self.tune
        if tune.choices:
            return trial.suggest_categorical(tune.name, tune.choices)
        if self.is_whole:
            return trial.suggest_int(tune.name, int(tune.low), int(tune.high), log=tune.log)
        return trial.suggest_float(tune.name, tune.low, tune.high, log=tune.log)


def parse_tune(text: str) -> Tune:
    """The type of --tune."""
    name, equals, values = text.partition("=")
    name = name.removeprefix("--")
    if not (name and equals and values):
        raise argparse.ArgumentTypeError(_refusal(text))
    numbers = values.removesuffix(":log")
    low, colon, high = numbers.partition(":")
    if not colon:
        choices = tuple(values.split("|"))
        if len(choices) < 2 or len(set(choices)) < len(choices) or "" in choices:
            raise argparse.ArgumentTypeError(_refusal(text))
        return Tune(values, name, choices=choices)
    try:
        tune = Tune(values, name, float(low), float(high), log=numbers != values)
    except ValueError as error:
        raise argparse.ArgumentTypeError(_refusal(text)) from error
    if not tune.low < tune.high < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a lower number before a higher one")
    if tune.log and tune.low <= 0:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected numbers above 0 for a logarithmic scale")
    return tune


def _refusal(text: str) -> str:
    return f"found {text!r}, expected NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=A|B|..."


def as_option(name: str, value: Value) -> str:
    return f"--{name}={value!r}" if isinstance(value, float) else f"--{name}={value}"


def check_with_program(tune: Tune, program: Path, options: list[str]) -> Parameter:
    """Raises InputError, with the program's words, if it does not take a value that may be tried."""
    before = settings_of(program, options)

    def settings(value: Value) -> dict[str, object]:
        return settings_of(program, [*options, as_option(tune.name, value)])

    if tune.choices:
        found = {choice: settings(choice) for choice in tune.choices}
        return Parameter(tune, next((choice for choice in tune.choices if found[choice] == before), None))
    is_whole = tune.low.is_integer() and tune.high.is_integer()
    for end in (tune.low, tune.high):
        settings(int(end) if is_whole else end)
    if is_whole:  # as well as 0:1 for a share
        try:
            settings(tune.low + 0.382 * (tune.high - tune.low))
            is_whole = False
        except ChildError:
            pass
    try:
        default = int(str(before.get(tune.name))) if is_whole else float(str(before.get(tune.name)))
    except ValueError:
        return Parameter(tune, None, is_whole)
    return Parameter(tune, default if tune.low <= default <= tune.high else None, is_whole)
