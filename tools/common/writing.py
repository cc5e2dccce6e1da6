"""Writing: a reader sees the old file or the new one, never a part."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import InputError, os_reason


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`; what was written there is flushed to disk and renamed to `path`.

    Missing folders are made, links are followed, and a file keeps its mode. What is no regular file
    (/dev/null, a pipe) cannot be replaced: its own name is yielded. If the body fails, the temporary file is
    removed and `path` stays as it was. An OSError becomes an InputError.
    """
    try:
        mode = _mode(path)
        if mode is None or stat.S_ISREG(mode):
            with _beside(Path(os.path.realpath(path)), mode) as temporary:
                yield temporary
        elif stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        else:
            yield path
    except OSError as error:
        raise InputError(path, f"cannot be written ({os_reason(error)})", "a writable file") from error


def keep_inputs(output: Path, *inputs: Path) -> None:
    """Raises InputError if `output` is one of the `inputs`: files, or folders of IDX files."""
    for path in inputs:
        for file in path.glob("*-ubyte*") if path.is_dir() else [path]:
            if output.exists() and file.exists() and output.samefile(file):
                raise InputError(output, "is read, too, and would be lost", "another file to write to")


def _mode(path: Path) -> int | None:
    """None if there is no such file yet."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


@contextmanager
def _beside(target: Path, mode: int | None) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(target)
    finally:
        with suppress(OSError):  # it is no longer there, or never was
            temporary.unlink()
