"""What the classes are called: a text file, one name a line, class 0 first."""

from pathlib import Path

from errors import InputError, os_reason


def read_class_names(path: Path, classes: int) -> list[str]:
    """`classes` names, each once; spaces around them and empty lines at the end do not count.

    Raises InputError.
    """
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(path, "not text", "the name of a class a line") from error
    except OSError as error:
        raise InputError(path, os_reason(error), "the name of a class a line") from error
    for number, name in enumerate(names, start=1):
        found = "is empty" if not name else f"has {name} again" if name in names[: number - 1] else ""
        if found:
            raise InputError(path, f"line {number} {found}", "the name of a class, each once, one a line")
    if len(names) != classes:
        raise InputError(path, f"{len(names)} names", f"{classes}, one for each class")
    return names
