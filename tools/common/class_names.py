"""What the classes are called: a text file, one name a line, class 0 first."""

from pathlib import Path

from common.errors import InputError
from common.text import read_lines


def read_class_names(path: Path, classes: int) -> list[str]:
    """`classes` names, each once; spaces around them and empty lines at the end do not count.

    Raises InputError.
    """
    names = [line.strip() for line in read_lines(path, "the name of a class a line")]
    while names and not names[-1]:
        names.pop()
    for number, name in enumerate(names, start=1):
        found = "is empty" if not name else f"has {name} again" if name in names[: number - 1] else ""
        if found:
            raise InputError(path, f"line {number} {found}", "the name of a class, each once, one a line")
    if len(names) != classes:
        raise InputError(path, f"{len(names)} names", f"{classes}, one for each class")
    return names
