"""What the pictures share: colours on light and dark paper, the look of axes, how a picture is saved."""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from common.writing import replacing

DPI = 110
SERIES = ("#3454d1", "#e0732c", "#14946b", "#b5338a", "#8a6d1b", "#1797b8", "#c23b3b", "#5d6b82")


@dataclass(frozen=True)
class Theme:
    """Colours of one paper; `series` are those of the lines, in turn."""

    paper: str
    text: str
    faint: str
    grid: str
    much: str  # of the largest values in a map; none are the paper's
    negative: str
    series: tuple[str, ...]

    @property
    def heat(self) -> LinearSegmentedColormap:
        """From 0 to the largest."""
        return LinearSegmentedColormap.from_list("heat", [self.paper, self.much])

    @property
    def signed(self) -> LinearSegmentedColormap:
        """From negative over 0 to positive; NaN is paper."""
        colours = [self.negative, self.grid, self.much]
        return LinearSegmentedColormap.from_list("signed", colours).with_extremes(bad=self.paper)

    def line(self, index: int) -> str:
        return self.series[index % len(self.series)]


LIGHT = Theme("#ffffff", "#17203a", "#71809a", "#e1e7f0", "#3454d1", "#c2571a", SERIES)
DARK = Theme(
    "#161b26", "#e8ecf4", "#93a0b8", "#2c3547", "#7f9bff", "#f0924f",
    ("#7f9bff", "#f0924f", "#3fc797", "#e06fbb", "#cfae4b", "#4fc3e0", "#ef7676", "#a3b0c6"),
)  # fmt: skip


def as_letters(text: str) -> str:
    """A name for matplotlib to draw as it is: `$` begins no formula, `_` in front hides no line."""
    text = text.encode(errors="replace").decode().replace("$", r"\$")  # a path can be any bytes
    return f"\u200b{text}" if text.startswith("_") else text


def set_title(axes: Axes, title: str, theme: Theme = LIGHT) -> None:
    axes.set_title(title, loc="left", color=theme.text, fontsize=12, fontweight="bold")


def style_axes(axes: Axes, title: str, theme: Theme = LIGHT) -> None:
    """A plot of lines: faint frame and grid, and the title."""
    set_title(axes, title, theme)
    axes.set_facecolor(theme.paper)
    axes.grid(color=theme.grid)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", color=theme.grid, labelcolor=theme.faint)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.grid)
    axes.xaxis.label.set_color(theme.faint)
    axes.yaxis.label.set_color(theme.faint)


def frame_picture(axes: Axes, theme: Theme = LIGHT) -> None:
    """A plot that is a picture: no ticks, a faint frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(theme.grid)


def percent(share: float) -> str:
    """0.9425 as `94.25 %`; NaN as a dash."""
    return f"{100 * share:.2f} %" if math.isfinite(share) else "-"


def picture_path(text: str) -> Path:
    """An option's value: the path of a picture, of a kind that matplotlib writes."""
    path = Path(text)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a name that ends in .png, .pdf or .svg")
    return path


def save_figure(figure: Figure, path: Path) -> None:
    """Writes the picture whole or not at all. Raises InputError."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=DPI)
