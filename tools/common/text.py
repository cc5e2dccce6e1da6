"""Reading a text file."""

from pathlib import Path

from common.errors import InputError, os_reason


def read_lines(path: Path, expected: str) -> list[str]:
    """The lines of a text in UTF-8. Raises InputError with what was `expected`."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(path, "not text", expected) from error
    except OSError as error:
        raise InputError(path, os_reason(error), expected) from error
