"""The picture of training runs beside each other: loss, accuracy, time, and a summary table."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from common.training_log import TrainingLog
from figures.run_groups import RunGroup
from figures.style import LIGHT, Theme, as_letters, percent, set_title, style_axes

INCHES = (12.0, 10.4)
WIDE = 100  # runs of which one reaches this many times as far as another are on a logarithmic axis
FEW = 40  # points of a line that are marked
TABLE_HEADER = ("run", "epochs", "last loss", "best val. loss", "test accuracy", "s / epoch", "total s")
X_AXES = {"epoch": "epoch", "seconds": "elapsed"}  # columns of TrainingLog


def draw_comparison(figure: Figure, groups: Sequence[RunGroup], x: str = "epoch") -> None:
    """Draws all runs into `figure`, by `x` of X_AXES: four panels and the table."""
    figure.set_size_inches(INCHES)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12, wspace=0.03, hspace=0.03)
    panels = figure.subplot_mosaic(
        [["loss", "accuracy"], ["seconds", "progress"], ["table", "table"]],
        height_ratios=(3, 3, 0.6 + 0.32 * len(groups)),
    )
    draw_loss(panels["loss"], groups, x)
    draw_accuracy(panels["accuracy"], groups, x)
    draw_panel(panels["seconds"], "Seconds per epoch", groups, x, ("seconds",), from_zero=True)
    if x == "epoch":
        draw_panel(panels["progress"], "Total seconds", groups, x, ("elapsed",), from_zero=True)
    else:
        draw_panel(panels["progress"], "Epochs", groups, x, ("epoch",), from_zero=True)
    draw_table(panels["table"], groups)


def draw_loss(axes: Axes, groups: Sequence[RunGroup], x: str, theme: Theme = LIGHT) -> None:
    draw_panel(axes, "Loss", groups, x, ("loss", "val_loss"), theme=theme)
    axes.legend(frameon=False, labelcolor=theme.text)


def draw_accuracy(axes: Axes, groups: Sequence[RunGroup], x: str, theme: Theme = LIGHT) -> None:
    """On the test set; on the validation images dashed."""
    draw_panel(axes, "Test accuracy", groups, x, ("test_accuracy", "val_accuracy"), theme=theme)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, symbol=" %"))
    if not any(np.isfinite(line.get_ydata()).any() for line in axes.lines):
        said = "not in these logs;\n--validation or --test-each-epoch measure it"
        axes.text(0.5, 0.5, said, color=theme.faint, ha="center", va="center", transform=axes.transAxes)


def draw_panel(
    axes: Axes,
    title: str,
    groups: Sequence[RunGroup],
    x: str,
    columns: tuple[str] | tuple[str, str],
    from_zero: bool = False,
    theme: Theme = LIGHT,
) -> None:
    """A line for each group, of its runs' mean, in a band from the lowest to the highest of them.

    The second of the columns, where a group has it, is dashed and is said to be of validation.
    """
    curves = {
        (i, column): group.curve(column, X_AXES[x]) for i, group in enumerate(groups) for column in columns
    }
    for (i, column), curve in curves.items():
        first, known = column == columns[0], np.isfinite(curve.mean)
        marker = "o" if np.count_nonzero(known) <= FEW else None
        look = {"color": theme.line(i), "linestyle": "-" if first else "--", "linewidth": 2 if first else 1.5}
        label = as_letters(groups[i].label) if first else "_"
        axes.plot(curve.x, curve.mean, label=label, marker=marker, markersize=4.5 if first else 3, **look)
        axes.dataLim.update_from_data_x(curve.x, ignore=False)  # epochs without a number, too
        if len(groups[i].logs) > 1:
            axes.fill_between(curve.x, curve.low, curve.high, color=theme.line(i), alpha=0.18, linewidth=0)
    dashed = any(np.isfinite(curves[key].mean).any() for key in curves if key[1] != columns[0])
    style_axes(axes, f"{title} (validation: dashed)" if dashed else title, theme)
    axes.set_xlabel(x)
    if is_wide([curve.x for curve in curves.values()]):
        axes.set_xscale("log")
    elif x == "epoch":
        axes.xaxis.get_major_locator().set_params(integer=True)
    if is_wide([curve.mean for curve in curves.values()]):
        axes.set_yscale("log")
    elif from_zero:
        axes.set_ylim(bottom=0)


def is_wide(runs: Sequence[np.ndarray]) -> bool:
    """Whether the largest values of the runs are so far apart that a linear axis would hide some of them."""
    known = (run[np.isfinite(run)] for run in runs)
    largest = [run.max() for run in known if run.size]
    return bool(largest) and 0 < WIDE * min(largest) < max(largest)


def draw_table(axes: Axes, groups: Sequence[RunGroup]) -> None:
    """The summary: a row for each group, in the colour of its lines."""
    axes.axis("off")
    set_title(axes, "Summary (several runs: mean, lowest to highest)")
    rows = [tuple(map(as_letters, summary_row(group))) for group in groups]
    widths = [max(len(cell) for cell in column) + 2 for column in zip(TABLE_HEADER, *rows, strict=True)]
    shares = [width / sum(widths) for width in widths]
    table = axes.table(rows, colLabels=TABLE_HEADER, colWidths=shares, bbox=(0, 0, 1, 1), cellLoc="right")
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    for (row, column), cell in table.get_celld().items():
        cell.visible_edges = "B"
        cell.set_edgecolor(LIGHT.grid)
        colour = LIGHT.faint if row == 0 else LIGHT.line(row - 1) if column == 0 else LIGHT.text
        cell.get_text().set_color(colour)
        cell.get_text().set_horizontalalignment("left" if column == 0 else "right")


def summary_row(group: RunGroup) -> tuple[str, ...]:
    """A group in the columns of TABLE_HEADER; what it has not measured is a dash."""

    def cell(value: Callable[[TrainingLog], float], text: Callable[[float], str]) -> str:
        values = np.array([value(log) for log in group.logs])
        if not np.isfinite(values).all():
            return "-"
        texts = [text(v) for v in (values.mean(), values.min(), values.max())]
        return texts[0] if len(set(texts)) == 1 else f"{texts[0]} ({texts[1]}–{texts[2]})"

    return (
        group.label,
        cell(lambda log: len(log.epoch), "{:.0f}".format),
        cell(lambda log: log.loss[-1], "{:.4f}".format),
        cell(lambda log: np.fmin.reduce(log.val_loss), "{:.4f}".format),
        cell(lambda log: last_measured(log.test_accuracy), percent),
        cell(lambda log: log.seconds.mean(), seconds_text),
        cell(lambda log: log.seconds.sum(), seconds_text),
    )


def last_measured(values: np.ndarray) -> float:
    """The last that is a number; nan if none is."""
    known = values[np.isfinite(values)]
    return known[-1] if known.size else np.nan


def seconds_text(seconds: float) -> str:
    """Hundredths, or two digits of what is shorter: `12.30`, `0.0040`."""
    return f"{seconds:.2f}" if seconds >= 0.1 or seconds == 0 else f"{seconds:#.2g}"
