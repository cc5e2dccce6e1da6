"""Training on a disk that is full or broken from some file operation on, or whose power is cut there (faults.c).

A failing operation has to end the run with one line that names the file and the system's reason. Either way every
file is then whole, and the run resumed has the model, bit for bit, of one that nothing happened to.
"""

import errno
import os
import random
import re
import sys
import time

from training import POWER_CUT, Finding, Training, run_campaign

ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
STATUS_OF_POWER_CUT = 99


def fail(training: Training, at: int, error: int) -> str:
    """A new run that fails there, and is resumed. What happened. Raises Finding."""
    training.begin()
    run = training.start(at, error)
    _, said = run.communicate(timeout=600)
    if error == POWER_CUT and run.returncode == STATUS_OF_POWER_CUT:
        what = "power cut"
    elif error != POWER_CUT and run.returncode == 1:
        what = errno.errorcode[error]
        line = rf"mnist_mlp: error: \S+: [\w ]+: {re.escape(os.strerror(error))}\n"
        if not re.fullmatch(line, said):
            raise Finding(f"says {said!r}")
    elif run.returncode == 0:
        what = "not noticed"  # such as a folder's fsync, after which nothing comes
    else:
        raise Finding(f"ends with status {run.returncode} and {said!r}")
    training.check_files()
    training.finish()
    return what


def campaign(training: Training, rng: random.Random, times: int, seconds: float) -> dict[str, int]:
    """So many faults, or for so long: how many of each kind."""
    training.start().communicate()
    operations = training.operations()
    counts: dict[str, int] = {}
    end = time.monotonic() + seconds
    while sum(counts.values()) < times and time.monotonic() < end:
        at, error = rng.randint(1, operations), rng.choice((POWER_CUT, rng.choice(ERRORS)))
        try:
            what = fail(training, at, error)
        except Finding as finding:
            raise Finding(f"operation {at} of {operations}, errno {error}: {finding}") from finding
        counts[what] = counts.get(what, 0) + 1
    return counts


def told(counts: dict[str, int]) -> str:
    return "resumed after " + ", ".join(f"{count} x {what}" for what, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(run_campaign(__doc__, campaign, told))
