"""A screen for programs with windows where there is none: Xvfb, for as long as it is needed."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import InputError

SECONDS_TO_START = 20


@contextmanager
def display(virtual: bool = False) -> Iterator[str | None]:
    """Gives windows a display and yields its name, e.g. ":5"; None where the system has a screen without X.

    The display that is there is used, unless `virtual` asks for one of its own. Raises InputError.
    """
    if sys.platform in ("darwin", "win32"):
        yield None
    elif os.environ.get("DISPLAY") and not virtual:
        yield os.environ["DISPLAY"]
    else:
        with _xvfb() as name:
            before = os.environ.get("DISPLAY")
            os.environ["DISPLAY"] = name
            try:
                yield name
            finally:
                os.environ.pop("DISPLAY")
                if before is not None:
                    os.environ["DISPLAY"] = before


@contextmanager
def _xvfb() -> Iterator[str]:
    """Starts Xvfb on a free display, yields the name and stops it."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    try:
        server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise InputError(
            "Xvfb", "not installed", "the Debian package xvfb (or a display in $DISPLAY)"
        ) from error
    finally:
        os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], SECONDS_TO_START)
        number = os.read(reader, 16).decode().strip() if ready else ""
        if not number:
            raise InputError("Xvfb", f"no display within {SECONDS_TO_START} s", "a server that starts")
        yield f":{number}"
    finally:
        os.close(reader)
        server.terminate()
        server.wait()
