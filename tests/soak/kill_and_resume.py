"""Kills training with SIGKILL, three times of four within a save, and resumes it.

Within a save: at a random one of its operations on files (faults.c). After every kill each file is read with another
library; a run that comes to its end must have the model, bit for bit, of a run that nobody killed.
"""

import random
import signal
import subprocess
import sys
import time

from training import KILLED, Finding, Training, run_campaign


OPERATIONS = 100  # within about two of a run's twelve epochs


def kill_at_random(training: Training, rng: random.Random) -> str:
    """Starts or resumes the run. Whether it was killed within a "save", at any "other" time, or had "ended"."""
    when = rng.choice(("save", "save", "save", "other"))
    run = training.start(rng.randint(1, OPERATIONS), KILLED) if when == "save" else training.start()
    try:
        _, said = run.communicate(timeout=rng.uniform(0, 0.5) if when == "other" else 600)
    except subprocess.TimeoutExpired:
        run.kill()
        _, said = run.communicate()
    if run.returncode == -signal.SIGKILL:
        return when
    if run.returncode != 0:
        raise Finding(f"a run that was not killed ends with status {run.returncode}: {said}")
    return "ended"


def campaign(training: Training, rng: random.Random, times: int, seconds: float) -> dict[str, int]:
    """So many kills, or for so long: how many of each kind, whole runs and files read."""
    counts = dict.fromkeys(("save", "other", "runs", "files"), 0)
    end = time.monotonic() + seconds
    while counts["save"] + counts["other"] < times and time.monotonic() < end:
        when = kill_at_random(training, rng)
        counts["files"] += training.check_files()
        if when == "ended":
            training.check_result()
            training.begin()
            counts["runs"] += 1
        else:
            counts[when] += 1
    training.finish()
    counts["runs"] += 1
    return counts


def told(counts: dict[str, int]) -> str:
    return (
        f"{counts['save']} kills within a save, {counts['other']} at any time; {counts['files']} files read, "
        f"{counts['runs']} runs ended with the model of an uninterrupted one"
    )


if __name__ == "__main__":
    sys.exit(run_campaign(__doc__, campaign, told))
