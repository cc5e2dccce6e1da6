"""The pictures of a report, each drawn into a figure or a part of one, on light or on dark paper."""

import math
from functools import partial

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import FigureBase

from evaluation.measures import BINS, Evaluation
from figures.attention import draw_map
from figures.comparison import draw_accuracy, draw_loss
from figures.run_groups import RunGroup
from figures.style import Theme, as_letters, frame_picture, set_title, style_axes
from models import Model
from models.attention_maps import attention_layers, attention_maps
from models.chain import IMAGE, all_steps
from models.layers import Conv, Dense

LARGEST_WITH_COUNTS = 20  # classes of a confusion matrix in whose cells a number can be read
MAX_UNITS = 36
MAPS = 6  # images whose attention is shown


def draw_confusion(figure: FigureBase, evaluation: Evaluation, names: list[str], theme: Theme) -> None:
    """Rows are labels, columns predictions; a cell is as dark as its share of the row, small shares raised."""
    axes, confusion = figure.subplots(), evaluation.confusion
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=theme.heat, norm=PowerNorm(0.4, 0, 1))
    frame_picture(axes, theme)
    letters = [as_letters(name) for name in names]
    places, size = range(len(names)), min(9.0, 150 / len(names))
    long = max(map(len, names)) > 3
    axes.set_xticks(places, letters, rotation=90 if long else 0, fontsize=size)
    axes.set_yticks(places, letters, fontsize=size)
    axes.tick_params(length=0, labelcolor=theme.faint)
    axes.set_xlabel("prediction", color=theme.faint)
    axes.set_ylabel("label", color=theme.faint)
    set_title(axes, "Confusion matrix", theme)
    if len(names) <= LARGEST_WITH_COUNTS:
        for (row, column), count in np.ndenumerate(confusion):
            colour = theme.paper if shares[row, column] > 0.2 else theme.text
            text = str(count) if count else ""
            axes.text(column, row, text, color=colour, fontsize=0.85 * size, ha="center", va="center")


def draw_calibration(figure: FigureBase, evaluation: Evaluation, theme: Theme) -> None:
    """Above, accuracy by confidence, on the diagonal if the network knows itself; below, how many images."""
    calibration = evaluation.calibration
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color=theme.faint, linewidth=1, linestyle="--")
    known = calibration.count > 0
    line = {"color": theme.line(0), "marker": "o", "linewidth": 2}
    axes.plot(calibration.confidence[known], calibration.accuracy[known], **line)
    style_axes(axes, f"Calibration error {100 * calibration.error:.2f} points", theme)
    axes.set_ylabel("accuracy")
    below.bar((np.arange(BINS) + 0.5) / BINS, calibration.count, 0.9 / BINS, color=theme.line(0))
    style_axes(below, "", theme)
    below.set_yscale("symlog")
    below.set_xlabel("confidence")
    below.set_ylabel("images")


def draw_inside(
    figure: FigureBase, model: Model, images: np.ndarray, predictions: list[str], theme: Theme
) -> None:
    """What the network has learned to look for, and at: its first layer, attention on the first images.

    `predictions` are what it takes `images` (N, rows, columns) for.
    """
    draws = []
    if first := first_weights(model, images.shape[1:]):
        draws.append(partial(draw_tiles, tiles=first[0], title=first[1], theme=theme))
    if attention_layers(model):
        of = {"model": model, "images": images, "predictions": predictions}
        draws.append(partial(draw_attention, **of, theme=theme))
    if not draws:
        text = "No dense or convolutional layer on pixels, no attention: nothing to draw."
        figure.text(0.5, 0.5, text, color=theme.faint, ha="center")
        return
    for part, draw in zip(figure.subfigures(1, len(draws), squeeze=False).flat, draws, strict=True):
        draw(part)


def first_weights(model: Model, size: tuple[int, int]) -> tuple[np.ndarray, str] | None:
    """Of the first dense or convolutional layer if it is on pixels: (count, rows, columns), and a title."""
    step = next((step for step in all_steps(model.steps) if isinstance(step.layer, Conv | Dense)), None)
    match step and step.layer:
        case Conv(filters):
            return step["weight"][:, 0], f"The {filters} filters of the first layer"
        case Dense(units) if len(step.takes) == IMAGE or step.takes == (math.prod(size),):
            w = step["weight"]  # (I, units)
            strongest = np.argsort(-np.linalg.norm(w, axis=0), kind="stable")[:MAX_UNITS]
            rows, columns = step.takes[:2] if len(step.takes) == IMAGE else size
            tiles = w.T[strongest].reshape(len(strongest), -1, rows, columns)[:, 0]  # the first channel
            return tiles, f"First-layer weights of the {len(tiles)} strongest of {units} units"
    return None


def draw_attention(
    figure: FigureBase, model: Model, images: np.ndarray, predictions: list[str], theme: Theme
) -> None:
    """Of the first attention layer, on the first images."""
    grid = figure.subplots(2, MAPS // 2).ravel()
    for axes in grid[len(images) :]:
        axes.set_visible(False)
    for i, (axes, image) in enumerate(zip(grid, images, strict=False)):
        maps = attention_maps(model, image)
        draw_map(axes, maps, maps.received.mean(axis=0), theme=theme)
        axes.set_xlabel(as_letters(f"image {i}: {predictions[i]}"), color=theme.faint)
    set_title(grid[0], "Attention, mean of heads and queries", theme)


def draw_tiles(figure: FigureBase, tiles: np.ndarray, title: str, theme: Theme) -> None:
    """Small pictures (count, rows, columns) of weights, side by side, in one scale of colours around 0."""
    count, rows, columns = tiles.shape
    across = math.ceil(math.sqrt(count * rows / columns))
    down = math.ceil(count / across)
    canvas = np.full((down * across, rows + 1, columns + 1), np.nan)  # a pixel apart
    canvas[:count, :rows, :columns] = tiles
    canvas = canvas.reshape(down, across, rows + 1, columns + 1).swapaxes(1, 2)
    largest = np.abs(tiles).max()
    axes = figure.subplots()
    axes.imshow(
        canvas.reshape(down * (rows + 1), -1)[:-1, :-1], cmap=theme.signed, vmin=-largest, vmax=largest
    )
    axes.axis("off")
    set_title(axes, title, theme)


def draw_curves(figure: FigureBase, run: RunGroup, theme: Theme) -> None:
    """Loss and accuracy of the training's log."""
    left, right = figure.subplots(1, 2)
    draw_loss(left, [run], "epoch", theme)
    draw_accuracy(right, [run], "epoch", theme)
