"""Running our programs, and other commands, as children: their output, what they took, the words of a failure."""

import dataclasses
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common.errors import InputError, os_reason

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
GRACE = 5.0  # seconds that a child has to end after SIGTERM


@dataclasses.dataclass
class Child:
    """A process that has ended well."""

    stdout: str
    seconds: float
    cpu_seconds: float
    memory: int


class ChildError(InputError):
    """A process that has ended with an exit status other than 0; `words` is its last line on stderr."""

    def __init__(self, name: str, status: int, words: str):
        super().__init__(name, f"exit status {status} ({words})", "a run that ends well")
        self.words = words


def run_child(
    name: str,
    command: list[str | Path],
    environment: dict[str, str] | None = None,
    watch: Callable[[], None] | None = None,
) -> Child:
    """Run a command to its end and measure it. Raises ChildError with its last words if it fails.

    `watch` is called every 50 ms while it runs; whatever that raises stops the child and is raised here.
    """
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        start = time.perf_counter()
        try:
            child = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment)
        except OSError as error:
            raise InputError(command[0], os_reason(error), f"the program {name}") from error
        try:
            ended, status, usage = os.wait4(child.pid, os.WNOHANG if watch else 0)
            while not ended:
                watch()
                time.sleep(0.05)
                ended, status, usage = os.wait4(child.pid, os.WNOHANG)
        except BaseException:  # Ctrl-C, too: nothing is left running
            _stop(child)
            raise
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            stderr.seek(0)
            words = stderr.read().strip().splitlines() or ["no message"]
            raise ChildError(name, child.returncode, words[-1])
        stdout.seek(0)
        memory = usage.ru_maxrss * MAXRSS_UNIT
        return Child(stdout.read(), seconds, usage.ru_utime + usage.ru_stime, memory)


def _stop(child: subprocess.Popen) -> None:
    child.terminate()
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def check_built(program: Path) -> None:
    """Raises InputError if it is not there."""
    if not program.exists():
        raise InputError(program, "no such file", f"a built program (tools/run.sh {program.name} makes it)")


def settings_of(program: Path, options: list[str]) -> dict[str, object]:
    """All settings of a training with these options. Raises InputError if the program does not take them."""
    printed = run_child(program.name, [program, *options, "--save-config", "-"]).stdout
    try:
        return json.loads(printed)
    except ValueError as error:  # --help, predict
        raise InputError(shlex.join(options), "no options of a training", "those of --help") from error
