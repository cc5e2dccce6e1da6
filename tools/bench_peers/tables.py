"""From runs to numbers to Markdown."""

import dataclasses
import statistics
from collections.abc import Iterable, Sequence

from bench_peers.runs import Run

# Multiply-adds of an image from the dense definition of a network. A product of the forward pass has two of
# its size backward, one for its input and one for its weights; the first layer has none for its input.
_TOKEN = 2 * 16 * 64 + 3 * (64 * 192 + 2 * 49 * 64 + 64 * 128 + 128 * 64)
MULTIPLY_ADDS = {
    "mnist_mlp": 2 * 784 * 512 + 3 * 512 * 10,
    "mnist_cnn": 2 * 8 * 9 * 28 * 28 + 3 * 1568 * 10,
    "mnist_attention_pool": 49 * _TOKEN + 3 * 64 * 10,
}
IMAGES = 60_000


def gflop_per_epoch(program: str) -> float | None:
    """Work of an epoch in GFLOP, two for a multiply-add; None where products are not what it is about."""
    return 2 * MULTIPLY_ADDS[program] * IMAGES / 1e9 if program in MULTIPLY_ADDS else None


@dataclasses.dataclass
class Result:
    """All rounds of one program by one contender."""

    program: str
    by: str
    epochs: int
    median: float  # seconds per epoch
    minimum: float
    ratio: float  # median / our median
    gflops: float | None
    share: float | None  # of the machine's sgemm peak
    memory: int  # bytes: the largest of the rounds
    memory_is_bound: bool  # the benchmark's own peak hides a smaller one
    test_accuracy: float | None
    losses: list[float]
    seconds: list[list[float]]  # by round and epoch
    cpu_seconds: list[float]  # by round, the whole process


def summarize(
    program: str, epochs: int, runs: dict[str, list[Run]], peak: float | None, own_memory: int
) -> list[Result]:
    """One result for each contender of a program; the first contender is ours."""
    medians = {name: median(rounds) for name, rounds in runs.items()}
    ours = next(iter(medians.values()))
    work = gflop_per_epoch(program)
    results = []
    for name, rounds in runs.items():
        gflops = work / medians[name] if work else None
        memory = max(run.memory for run in rounds)
        results.append(Result(
            program, rounds[0].version or name, epochs, medians[name],
            minimum=min(s for run in rounds for s in run.seconds),
            ratio=medians[name] / ours,
            gflops=gflops,
            share=gflops / peak if gflops and peak else None,
            memory=memory,
            memory_is_bound=memory <= own_memory,
            test_accuracy=rounds[-1].test_accuracy,
            losses=rounds[-1].losses,
            seconds=[run.seconds for run in rounds],
            cpu_seconds=[run.cpu_seconds for run in rounds],
        ))  # fmt: skip
    return results


RESULT_COLUMNS = (
    "program", "by", "seconds per epoch", "times ours",
    "GFLOP/s", "of sgemm peak", "memory, MB", "test accuracy",
)  # fmt: skip


def results_table(results: Sequence[Result]) -> str:
    """The main table: a row for each contender of each program."""
    return table(RESULT_COLUMNS, [result_row(r) for r in results], words=2)


def result_row(r: Result) -> tuple[str, ...]:
    whole_run = r.program == "mlp_simple"  # its epochs are too short to time one by one
    return (
        f"{r.program}, {r.epochs:,} epoch{'s' if r.epochs > 1 else ''}",
        r.by,
        significant(r.median) + (" in all" if whole_run else ""),
        f"{r.ratio:.2f}",
        "-" if r.gflops is None else f"{r.gflops:.0f}",
        "-" if r.share is None else f"{100 * r.share:.0f} %",
        ("< " if r.memory_is_bound else "") + f"{r.memory / 1e6:.0f}",
        "-" if r.test_accuracy is None else f"{r.test_accuracy:.2f} %",
    )


@dataclasses.dataclass
class Comparison:
    """Our program under two conditions, run in turn."""

    program: str
    base: float  # median seconds per epoch
    other: float
    ratio: float  # other / base


def compare(program: str, base: Iterable[Run], other: Iterable[Run]) -> Comparison:
    medians = median(base), median(other)
    return Comparison(program, *medians, medians[1] / medians[0])


def median(rounds: Iterable[Run]) -> float:
    """Seconds per epoch over all epochs of all rounds."""
    return statistics.median(seconds for run in rounds for seconds in run.seconds)


def comparison_table(names: tuple[str, str, str], comparisons: Sequence[Comparison]) -> str:
    rows = [(c.program, significant(c.base), significant(c.other), f"{c.ratio:.2f}") for c in comparisons]
    return table(("program, seconds per epoch", *names), rows, words=1)


@dataclasses.dataclass
class Network:
    """Ours and PyTorch on one network: the minimum over all epochs of all rounds, scaled to IMAGES."""

    command: str
    images: int  # that an epoch really had
    ours: float
    torch: float | None
    version: str | None
    losses: list[list[float]]  # ours and PyTorch's


def compare_networks(command: str, images: int, ours: Sequence[Run], torch: Sequence[Run]) -> Network:
    def fastest(rounds: Sequence[Run]) -> float:
        return min(seconds for run in rounds for seconds in run.seconds) * IMAGES / images

    theirs = (fastest(torch), torch[-1].version) if torch else (None, None)
    losses = [rounds[-1].losses for rounds in (ours, torch) if rounds]
    return Network(command, images, fastest(ours), *theirs, losses)


def networks_table(networks: Sequence[Network]) -> str:
    rows = [
        (f"`{n.command}`", significant(n.ours), *(
            (significant(n.torch), f"{n.torch / n.ours:.2f}") if n.torch else ("-", "-")
        ))
        for n in networks
    ]  # fmt: skip
    return table(("network", "this project", networks[0].version or "PyTorch", "times ours"), rows, words=1)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> str:
    """A Markdown table: `words` columns to the left, then numbers to the right."""
    rule = ["---" if i < words else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def significant(value: float) -> str:
    """Three significant digits without an exponent."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
