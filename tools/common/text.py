"""Reading a text file, and JSON in it."""

import json
from pathlib import Path

from common.errors import InputError, os_reason

LARGEST = 1 << 26  # bytes: a log of half a million epochs


def read_lines(path: Path, expected: str) -> list[str]:
    """The lines of a text in UTF-8, without their ends. Raises InputError with what was `expected`."""
    return read_text(path, expected).removesuffix("\n").split("\n")


def read_text(path: Path, expected: str) -> str:
    """A text in UTF-8 of at most LARGEST bytes. Raises InputError with what was `expected`."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise InputError(path, f"more than {LARGEST >> 20} MiB", expected)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, "not text", expected) from error
    except OSError as error:
        raise InputError(path, os_reason(error), expected) from error


def parse_json(text: str) -> object:
    """The value of a JSON text. Raises ValueError, for one that is nested too deep as well."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
