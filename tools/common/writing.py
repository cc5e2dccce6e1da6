"""Writing: a reader sees the old file or the new one, never a part.

The temporary of NAME is .NAME.<16 random hex digits>.tmp, locked (flock) for as long as its writer lives.
Whoever writes NAME next removes those that nobody has locked: their writers were killed.
include/nn/files/atomic_file.hpp uses the same names and locks.
"""

import dataclasses
import errno
import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import InputError, os_reason


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`; what was written there is flushed to disk and renamed to `path`.

    Missing folders are made, links are followed, and a file keeps its mode; a read-only one is refused, even
    to root. What is no regular file (/dev/null, a pipe) cannot be replaced: its own name is yielded. If the
    body fails, the temporary file is removed and `path` stays as it was. An OSError becomes an InputError.
    """
    try:
        mode = _mode(path)
        if mode is None or stat.S_ISREG(mode):
            _check_writable(path, mode)
            with _beside(Path(os.path.realpath(path)), mode) as temporary:
                yield temporary
        elif stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        elif stat.S_ISFIFO(mode):
            with _pipe(path):
                yield path
        else:
            yield path
    except OSError as error:
        raise InputError(path, f"cannot be written ({os_reason(error)})", "a writable file") from error


def write_json(path: Path, value: object) -> None:
    """Writes a value, which may hold dataclasses, as JSON. Raises InputError."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, default=dataclasses.asdict, indent=2) + "\n")


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


def _check_writable(path: Path, mode: int | None) -> None:
    if mode is not None and mode & 0o222 == 0:
        raise InputError(path, "is read-only", "a writable file")
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def _pipe(path: Path) -> Iterator[None]:
    """Keeps a pipe open that somebody reads, so that opening it does not wait for a reader. Or InputError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise InputError(path, "is a pipe that nobody reads", "one with a reader") from error
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _beside(target: Path, mode: int | None) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    temporary, descriptor = _create_temporary(target)
    try:
        yield temporary
        os.fsync(descriptor)
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(target)
        _sync(target.parent)
    finally:
        with suppress(OSError):  # it is no longer there
            temporary.unlink()
        os.close(descriptor)  # and with it the lock


def _create_temporary(target: Path) -> tuple[Path, int]:
    """A new file and its locked descriptor."""
    for _ in range(100):
        temporary = target.with_name(f".{_shortened(target.name)}.{secrets.token_hex(8)}.tmp")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        # Before it is locked, another writer may take it for a leftover: then it is, or will be, gone. Where
        # the file system has no locks, nobody removes anything.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = False
        except OSError as error:
            taken = error.errno == errno.EWOULDBLOCK
        if not taken and os.path.lexists(temporary):
            return temporary, descriptor
        temporary.unlink(missing_ok=True)
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "other programs remove its temporary files")


def _remove_leftovers(target: Path) -> None:
    """Those of killed writers of `target`; what cannot be looked at or locked stays."""
    pattern = re.compile(rf"\.{re.escape(_shortened(target.name))}\.[0-9a-f]{{16}}\.tmp")
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    _remove_unless_locked(entry.path)


def _remove_unless_locked(path: str) -> None:
    # For writing, as NFS grants exclusive locks on nothing else.
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(descriptor)


def _shortened(name: str) -> str:
    """The part of a file's name that is in its temporaries': a name has 255 bytes at most."""
    encoded = os.fsencode(name)
    size = 255 - len("..0123456789abcdef.tmp")
    if len(encoded) <= size:
        return name
    while size > 0 and encoded[size] & 0xC0 == 0x80:  # within a character
        size -= 1
    return os.fsdecode(encoded[:size])


def _sync(folder: Path) -> None:
    """After a power loss, too, a file in it has the name that it was renamed to, if the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno == errno.EIO:
            raise
    finally:
        os.close(descriptor)
