"""What the tools say when an input is bad: one line, and the exit status of the whole suite.

    PROGRAM: error: <path or option>: what was found, what was expected

Exit status: 0 done, 1 failed with that line on stderr, 2 wrong usage (argparse), 130 interrupted,
141 nobody reads what is printed.
"""

import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path


class InputError(Exception):
    """Bad input: `where` it is (a path or an option), what was `found` there, what was `expected`."""

    def __init__(self, where: str | Path, found: str, expected: str):
        super().__init__(one_line(f"{where}: {found}, expected {expected}"))


class ModelError(InputError):
    """A model file that is missing, cut short, of another kind, or holds values that are not numbers."""


def one_line(text: str) -> str:
    """`text` without what begins a new line or commands a terminal: a name can hold anything."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)


def os_reason(error: OSError) -> str:
    """The system's own words for a failure, without the path: `no such file or directory`."""
    return (error.strerror or str(error)).lower()


def run_tool(program: str, main: Callable[[], None]) -> int:
    """Runs `main` and returns the exit status; what is wrong is reported here and nowhere else."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # None if the shell closed it
    sys.stdout.reconfigure(errors="backslashreplace")  # a name need not be UTF-8
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of packages say nothing to a user
    try:
        try:
            main()
        finally:
            sys.stdout.flush()  # a full disk shows now, --help's too
    except InputError as error:
        return _report(program, error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `| head` has read enough
        _print_no_more()
        return 141
    except OSError as error:  # a path that cannot even be looked at, or what is printed has no space left
        if error.filename is None:
            _print_no_more()
        where = "standard output" if error.filename is None else os.fsdecode(error.filename)
        return _report(program, InputError(where, os_reason(error), "one that can be used"))
    except (MemoryError, RecursionError):
        return _report(program, InputError("memory", "not enough for what is read", "smaller files"))
    return 0


def _report(program: str, error: InputError) -> int:
    print(f"{program}: error: {error}", file=sys.stderr)
    return 1


def _print_no_more() -> None:
    """What Python still has to write goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
