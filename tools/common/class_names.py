"""What the classes are called: a text file, one name per line, class 0 first."""

from pathlib import Path

from common.errors import InputError
from common.text import read_lines


def is_class_name(text: str) -> bool:
    """Something to print on one line, as the C++ programs ask for it, that can be said in UTF-8."""
    return bool(text) and not any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in text)


def read_class_names(path: Path, classes: int) -> list[str]:
    """`classes` names, each once; spaces around them and empty lines at the end do not count.

    Raises InputError.
    """
    names = [line.strip(" \t\r") for line in read_lines(path, "one class name per line")]
    while names and not names[-1]:
        names.pop()
    for number, name in enumerate(names, start=1):
        if not name:
            found = "is empty"
        elif not is_class_name(name):
            found = "holds control characters"
        elif name in names[: number - 1]:
            found = f"has {name} again"
        else:
            continue
        raise InputError(path, f"line {number} {found}", "the name of a class, each once, one a line")
    if len(names) != classes:
        raise InputError(path, f"{len(names)} names", f"{classes}, one for each class")
    return names
