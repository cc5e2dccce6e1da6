"""What the tools say when an input is bad: one line, and the exit status of the whole suite.

    PROGRAM: error: <path or option>: what was found, what was expected

Exit status: 0 done, 1 failed with that line on stderr, 2 wrong usage (argparse), 130 interrupted,
141 nobody reads what is printed.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path


class InputError(Exception):
    """Bad input: `where` it is (a path or an option), what was `found` there, what was `expected`."""

    def __init__(self, where: str | Path, found: str, expected: str):
        super().__init__(f"{where}: {found}, expected {expected}".replace("\n", " "))


class ModelError(InputError):
    """A model file that is missing, cut short, of another kind, or holds values that are not numbers."""


def os_reason(error: OSError) -> str:
    """The system's own words for a failure, without the path: `no such file or directory`."""
    return (error.strerror or str(error)).lower()


def run_tool(program: str, main: Callable[[], None]) -> int:
    """Runs `main` and returns the exit status; an InputError is reported here and nowhere else."""
    try:
        main()
    except InputError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still has to write
        return 141
    return 0
