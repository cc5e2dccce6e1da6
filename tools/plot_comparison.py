"""Compares training runs in one picture: loss, accuracy and time by epoch or second, and a summary table.

Run:  tools/run.sh plot_comparison [LOG...] [--output training_comparison.png] [--show] [--live]
Each LOG is a file or a folder of them; without any it takes all that are in logs/. Runs whose names differ
only in a seed (cnn_seed1.txt, cnn_seed2.txt) are one line, their mean, in a band from the lowest to the
highest. `--live` follows runs that are still training: in a window if there is a display, and in the file.
"""

import argparse
import math
import re
import sys
import time
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from common.errors import InputError, run_tool
from common.options import OptionParser
from common.training_log import read_log
from common.writing import keep_inputs
from figures.comparison import X_AXES, draw_comparison
from figures.run_groups import LOGS, SEED, find_logs, group_runs, label_groups, require_logs
from figures.style import picture_path, save_figure

TICK = 0.05  # seconds between two looks at the window
LOOK = 0.25  # seconds between two looks at the logs


def main() -> None:
    options = parse_options()
    if options.live:
        follow(options)
        return
    logs = require_logs(options.logs)
    figure = window_figure(options.output) if options.show else Figure()
    draw(figure, logs, options)
    if options.show:
        from matplotlib import pyplot

        pyplot.show()


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="plot_comparison", description="Plot training logs beside each other.")
    add = parser.add_argument
    add(
        "logs",
        nargs="*",
        type=Path,
        default=[LOGS],
        metavar="LOG",
        help="training logs, or folders of them (default: logs)",
    )
    add(
        "--output",
        type=picture_path,
        default=Path("training_comparison.png"),
        metavar="PATH",
        help="the picture: .png, .pdf or .svg (default: %(default)s)",
    )
    add("--x", choices=X_AXES, default="epoch", help="the horizontal axis (default: %(default)s)")
    add(
        "--labels",
        type=line_names,
        metavar="A,B,...",
        help="names of the lines, in their order (default: those of the programs or files)",
    )
    add(
        "--group",
        type=pattern,
        default=SEED,
        metavar="REGEX",
        help="what to leave out of the logs' paths; those that are then the same are one line,"
        " '$' for a line each (default: a seed, %(default)s)",
    )
    add("--show", action="store_true", help="open a window, too")
    add("--live", action="store_true", help="draw again whenever a log changes, until Ctrl-C")
    add("--for", type=positive, dest="seconds", metavar="SECONDS", help="end --live after so long")
    options = parser.parse_args()
    if options.seconds and not options.live:
        parser.error("--for: found without --live, expected both")
    return options


def line_names(text: str) -> list[str]:
    """Names, separated by commas."""
    names = text.split(",")
    if not all(name.strip() for name in names):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected names with commas between them")
    return names


def pattern(text: str) -> str:
    """A regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        found = f"found {text!r} ({error})"
        raise argparse.ArgumentTypeError(f"{found}, expected a regular expression") from error
    return text


def positive(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number above 0")
    return value


def draw(figure: Figure, paths: list[Path], options: argparse.Namespace) -> None:
    """Draws the logs into `figure`, and saves it."""
    keep_inputs(options.output, *paths)
    groups = group_runs([read_log(path) for path in paths], options.group)
    if options.labels:
        groups = label_groups(groups, options.labels)
    draw_comparison(figure, groups, options.x)
    save_figure(figure, options.output)
    print(f"wrote {options.output}: {'; '.join(group.label for group in groups)}", flush=True)


def follow(options: argparse.Namespace) -> None:
    """Draws again whenever a log changes or another comes, until time is up or the window is closed."""
    try:
        figure = window_figure(options.output)
        figure.show()
    except InputError:  # no display: the file is what there is to look at
        figure = Figure()
    end = time.monotonic() + (options.seconds or math.inf)
    seen: dict[Path, int] = {}
    while time.monotonic() < end:
        logs = {path: path.stat().st_mtime_ns for path in find_logs(options.logs) if path.is_file()}
        if logs != seen:
            figure.clear()
            draw(figure, list(logs), options)
            figure.canvas.draw()
            seen = logs
        if not stays_open(figure):
            return


def stays_open(figure: Figure) -> bool:
    """Lets LOOK seconds pass, in which the window, if there is one, is alive; whether it is still there."""
    has_window = figure.canvas.manager is not None
    for _ in range(round(LOOK / TICK)):
        time.sleep(TICK)
        if has_window:
            from matplotlib import pyplot

            figure.canvas.flush_events()
            if not pyplot.fignum_exists(figure.number):
                return False
    return True


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


if __name__ == "__main__":
    sys.exit(run_tool("plot_comparison", main))
