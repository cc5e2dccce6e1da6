"""An older commit of this project, built beside the checkout, and whether a program has become slower since."""

import dataclasses
import math
import os
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench_peers import tables
from common.errors import InputError
from common.options import ROOT
from common.programs import ChildError, run_child

MIN_ROUNDS = 6  # of fewer, no interval has 95 %
MIN_CHANGE = 0.02  # less comes from where in memory the same code happens to lie
RULE = (
    "Ratio: median over the rounds of a program's seconds by those of the commit, with its 95 % interval (sign test)."
    f" Slower: the whole interval is above 1 and the median at least {1 + MIN_CHANGE}; faster: the same below 1."
)


@dataclasses.dataclass
class Change:
    """A program now and at the commit, run in turn."""

    program: str
    before: float  # median seconds per epoch
    now: float
    ratio: float  # median over the rounds of now / before
    low: float  # of its 95 % interval
    high: float
    result: str  # "faster", "slower" or "no difference"
    seconds: list[tuple[float, float]]  # by round, before and now: the median epoch


def find_commit(name: str) -> str:
    """The hash of what git calls by this name. Raises InputError."""
    command = ["git", "-C", ROOT, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise InputError("--against", f"found {name!r}", "a commit of this repository")
    return done.stdout.strip()


def build(commit: str, folder: Path, programs: Sequence[str]) -> Path:
    """Build programs of a commit, once; returns the folder that they are in. Raises InputError."""
    source, built = folder / "source", folder / "build"
    if all((built / program).exists() for program in programs):
        return built
    if not source.exists():
        run_child("git", ["git", "-C", ROOT, "worktree", "add", "--quiet", "--force", "--detach", source, commit])
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DNN_BUILD_TESTS=OFF"]
    try:
        run_child("cmake", ["cmake", "-S", source, "-B", built, *options])
        run_child("cmake", ["cmake", "--build", built, "--parallel", str(os.cpu_count() or 1), "--target", *programs])
    except ChildError as error:
        expected = f"a commit that builds on this machine; cmake --build {built} says more"
        raise InputError("--against", f"{commit[:7]}: {error.words}", expected) from error
    return built


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The narrowest pair of values, one as far from its end as the other, with the median between them in 95 %.

    The sign test: of n values, at most k are below the median with the probability of at most k heads in n throws.
    """
    n, k = len(values), 0
    while sum(math.comb(n, heads) for heads in range(k + 2)) / 2**n <= 0.025:
        k += 1
    ordered = sorted(values)
    return ordered[k], ordered[n - 1 - k]


def compare(program: str, seconds: Sequence[tuple[float, float]]) -> Change:
    """What changed for a program, by RULE; `seconds` are those of each round, before and now."""
    ratios = [now / before for before, now in seconds]
    ratio, (low, high) = statistics.median(ratios), interval(ratios)
    result = "no difference"
    if low > 1 and ratio >= 1 + MIN_CHANGE:
        result = "slower"
    if high < 1 and ratio <= 1 - MIN_CHANGE:
        result = "faster"
    before, now = (statistics.median(column) for column in zip(*seconds, strict=True))
    return Change(program, before, now, ratio, low, high, result, list(seconds))


def table(commit: str, changes: Sequence[Change]) -> str:
    header = ("program, seconds per epoch", commit[:7], "now", "ratio", "95 % interval", "")
    rows = [
        (
            c.program + (", the whole run" if c.program == "mlp_simple" else ""),
            *(tables.significant(c.before), tables.significant(c.now)),
            *(f"{c.ratio:.3f}", f"{c.low:.3f} to {c.high:.3f}", c.result),
        )
        for c in changes
    ]
    return tables.table(header, rows, words=1)


def check_none_slower(commit: str, changes: Sequence[Change]) -> None:
    """Raises InputError if one is."""
    slower = [c for c in changes if c.result == "slower"]
    if slower:
        found = ", ".join(f"{c.program} takes {c.ratio:.3f} times the seconds of {commit[:7]}" for c in slower)
        raise InputError("--against", found, "no more")
