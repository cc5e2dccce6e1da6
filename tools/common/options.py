"""The command line of a tool: wrong usage in one line, numbers with a range, the folder of the data."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import IO, NoReturn, TypeVar

from common.errors import one_line

ROOT = Path(__file__).resolve().parents[2]  # of the checkout

Number = TypeVar("Number", int, float)


class OptionParser(argparse.ArgumentParser):
    """An argparse that reports wrong usage in one line, too."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {one_line(message.removeprefix('argument '))} (see --help)\n")

    def print_help(self, file: IO[str] | None = None) -> None:
        """Unlike argparse's, fails where nothing can be written."""
        print(self.format_help(), end="", file=file)

    def add_data_dir(self) -> None:
        self.add_argument(
            "--data-dir",
            type=Path,
            default=ROOT / "data",
            metavar="PATH",
            help="folder of the IDX files, plain or .gz (default: data)",
        )


def number(kind: type[Number], low: Number, high: Number | None = None) -> Callable[[str], Number]:
    """An option's type: whole numbers (int) or any (float), from `low` to `high`, if given."""
    what = "a whole number" if kind is int else "a number"
    limits = f"from {low}" if high is None else f"from {low} to {high}"

    def read(text: str) -> Number:
        try:
            value = kind(text)
            if low <= value and (high is None or value <= high):
                return value
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {what} {limits}")

    return read
