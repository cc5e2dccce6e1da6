"""Compares training runs in one picture: loss by epoch, seconds by epoch, cumulative time, a summary table.

Run:  tools/run.sh plot_comparison [LOG...] [--output training_comparison.png] [--show]
Without logs it takes all that are in logs/. No display is needed, except for --show.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atomic import replacing
from errors import InputError, OptionParser, run_tool
from training_log import TrainingLog, read_log

LOGS = Path("logs")
INCHES, DPI = (12.0, 7.6), 110
COLOURS = ("#3454d1", "#e0732c", "#14946b", "#b5338a", "#8a6d1b", "#1797b8", "#c23b3b", "#5d6b82")
TEXT, FAINT, GRID = "#17203a", "#71809a", "#e1e7f0"
WIDE = 100  # runs of which one reaches this many times as far as another are on a logarithmic axis
TABLE_HEADER = ("run", "epochs", "last loss", "test accuracy", "s / epoch", "total s")


def main() -> None:
    options = parse_options()
    logs = [read_log(path) for path in options.logs or default_logs()]
    figure = window_figure(options.output) if options.show else Figure()
    draw_comparison(figure, logs)
    with replacing(options.output) as temporary:
        figure.savefig(temporary, format=options.output.suffix[1:], dpi=DPI)
    print(f"wrote {options.output}: {', '.join(names(logs))}")
    if options.show:
        from matplotlib import pyplot

        pyplot.show()


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="plot_comparison", description="Plot training logs beside each other.")
    parser.add_argument(
        "logs", nargs="*", type=Path, metavar="LOG", help=f"training logs (default: {LOGS}/*.txt)"
    )
    parser.add_argument(
        "--output",
        type=picture_path,
        default=Path("training_comparison.png"),
        metavar="PATH",
        help="the picture: .png, .pdf or .svg (default: %(default)s)",
    )
    parser.add_argument("--show", action="store_true", help="open a window, too")
    return parser.parse_args()


def default_logs() -> list[Path]:
    """All logs in logs/, by name. Raises InputError if there is none."""
    paths = sorted(LOGS.glob("*.txt"))
    if not paths:
        raise InputError(LOGS, "no *.txt file there", "a training log; make one with: tools/run.sh mnist_mlp")
    return paths


def picture_path(text: str) -> Path:
    """The path of a picture, of a kind that matplotlib writes."""
    path = Path(text)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a name that ends in .png, .pdf or .svg")
    return path


def window_figure(output: Path) -> Figure:
    """A figure with a window. Raises InputError without tkinter or a display."""
    from matplotlib import pyplot

    try:
        if sys.platform == "linux":
            matplotlib.use("TkAgg")
        return pyplot.figure("Training comparison")
    except ImportError as error:
        expected = f"a display and the Debian package python3-tk; without --show the plot goes to {output}"
        raise InputError("--show", str(error), expected) from error


def names(logs: Sequence[TrainingLog]) -> list[str]:
    """A name for each run: that of its program or file, with the path where two would be called the same."""
    count = Counter(log.name for log in logs)
    return [log.name if count[log.name] == 1 else f"{log.name} ({log.path})" for log in logs]


def draw_comparison(figure: Figure, logs: Sequence[TrainingLog]) -> None:
    """Draws all runs into `figure`: three panels and the table."""
    figure.set_size_inches(INCHES)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12, wspace=0.03, hspace=0.03)
    (top_left, top_right), (bottom_left, bottom_right) = figure.subplots(2, 2)
    epochs, losses = [log.epoch for log in logs], [log.loss for log in logs]
    seconds = [log.seconds for log in logs]
    labels = names(logs)
    draw_lines(top_left, "Loss", epochs, losses, labels)
    draw_lines(top_right, "Seconds an epoch", epochs, seconds, labels, from_zero=True)
    draw_lines(bottom_left, "Seconds in all", epochs, [np.cumsum(s) for s in seconds], labels, from_zero=True)
    draw_table(bottom_right, [summary_row(label, log) for label, log in zip(labels, logs, strict=True)])
    top_left.legend(frameon=False, labelcolor=TEXT)


def draw_lines(
    axes: Axes,
    title: str,
    epochs: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
    labels: Sequence[str],
    from_zero: bool = False,
) -> None:
    """One panel: a line of `values` by epoch for each run."""
    for i, (x, y) in enumerate(zip(epochs, values, strict=True)):
        marker = "o" if len(x) <= 40 else None
        axes.plot(x, y, color=colour(i), label=labels[i], linewidth=2, marker=marker, markersize=4.5)
    axes.set_title(title, loc="left", color=TEXT, fontsize=12, fontweight="bold")
    axes.set_xlabel("epoch", color=FAINT)
    axes.grid(color=GRID)
    axes.tick_params(which="both", color=GRID, labelcolor=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    if is_wide(epochs):
        axes.set_xscale("log")
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    if is_wide(values):
        axes.set_yscale("log")
    elif from_zero:
        axes.set_ylim(bottom=0)


def is_wide(runs: Sequence[np.ndarray]) -> bool:
    """Whether the largest values of the runs are so far apart that a linear axis would hide some of them."""
    known = (run[np.isfinite(run)] for run in runs)
    largest = [run.max() for run in known if run.size]
    return bool(largest) and 0 < WIDE * min(largest) < max(largest)


def draw_table(axes: Axes, rows: Sequence[Sequence[str]]) -> None:
    """The summary: a row for each run, in the colour of its lines."""
    axes.axis("off")
    axes.set_title("Summary", loc="left", color=TEXT, fontsize=12, fontweight="bold")
    widths = [
        max(len(row[column]) for row in (TABLE_HEADER, *rows)) + 2 for column in range(len(TABLE_HEADER))
    ]
    shares = [width / sum(widths) for width in widths]
    table = axes.table(rows, colLabels=TABLE_HEADER, colWidths=shares, loc="upper center", cellLoc="right")
    table.auto_set_font_size(False)
    table.set_fontsize(9.5)
    for (row, column), cell in table.get_celld().items():
        cell.visible_edges = "B"
        cell.set(edgecolor=GRID, height=0.11 if len(rows) < 8 else 0.9 / (len(rows) + 1))
        cell.get_text().set_color(FAINT if row == 0 else colour(row - 1) if column == 0 else TEXT)
        if column == 0:
            cell.get_text().set_horizontalalignment("left")


def summary_row(name: str, log: TrainingLog) -> tuple[str, ...]:
    """A run in the columns of TABLE_HEADER; what it has not measured is a dash."""
    measured = log.test_accuracy[np.isfinite(log.test_accuracy)]
    accuracy = f"{measured[-1]:.2%}" if measured.size else "-"
    times = (seconds_text(log.seconds.mean()), seconds_text(log.seconds.sum()))
    return (name, str(len(log.epoch)), f"{log.loss[-1]:.4f}", accuracy, *times)


def seconds_text(seconds: float) -> str:
    """Hundredths, or two digits of what is shorter: `12.30`, `0.0041`."""
    return f"{seconds:.2f}" if seconds >= 0.1 or seconds == 0 else f"{seconds:.2g}"


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


if __name__ == "__main__":
    sys.exit(run_tool("plot_comparison", main))
