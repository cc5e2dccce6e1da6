"""Shows where an attention model looks: its real attention for given pictures, as one picture.

Run:  tools/run.sh visualize_attention MODEL [IMAGE...] [--layer N] [--query R,C] [--head N] [--output PATH]
Each IMAGE is a picture of a digit, prepared as the recognizer does, or IDXFILE:INDEX, taken as it is;
without any it takes the first test digits. A row is a head of one picture: how much each patch is looked at
by all, how undecided each patch is (entropy), and what some patches look at, framed: by default the most
decided.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from common.errors import InputError, ModelError, run_tool
from common.idx import find, read_images
from common.options import OptionParser, number
from common.pictures import read_grey
from common.preparation import Kind
from common.writing import keep_inputs
from figures.attention import draw_map
from figures.style import LIGHT, as_letters, frame_picture, picture_path, save_figure
from models import Model, load_model, probabilities
from models.attention_maps import (
    AttentionMaps,
    attention_layers,
    attention_maps,
    patch_grid,
)
from models.images import check_size
from models.model import DIGIT_SIZE
from recognizer.native import Status, prepare_picture

IMAGES = 3  # that are shown if none is given
QUERIES = 3
INCHES = 2.1  # of one map


class Shown(NamedTuple):
    """A picture, what the network takes it for, and where it looks."""

    name: str
    prediction: str
    maps: AttentionMaps


def main() -> None:
    options = parse_options()
    keep_inputs(options.output, options.model, options.data_dir, *map(Path, options.images))
    model = load_attention_model(options.model)
    check_places(model, options.layer, options.query, options.head)
    names = options.images or test_digits(options.data_dir)
    shown = [show(model, name, options.layer) for name in names]
    heads = range(len(shown[0].maps.weights)) if options.head is None else [options.head]
    figure = Figure()
    draw_attention(figure, shown, heads, options.query)
    save_figure(figure, options.output)
    for one in shown:
        print(describe(one, heads))
    print(f"wrote {options.output}")


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="visualize_attention", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a model with attention, such as mnist_attention_pool's")
    add(
        "images",
        nargs="*",
        metavar="IMAGE",
        help=f"a PNG or other picture, or IDXFILE:INDEX, from 0 (default: the first {IMAGES} test digits)",
    )
    add(
        "--layer",
        type=number(int, 1),
        default=1,
        metavar="N",
        help="the attention layer, from 1 (default: %(default)s)",
    )
    add(
        "--query",
        type=place,
        action="append",
        default=[],
        metavar="R,C",
        help=f"a patch to look from: row and column from 0, can be given again (default: the {QUERIES} most decided)",
    )
    add("--head", type=int, metavar="N", help="one head only, from 0 (default: all)")
    add(
        "--output",
        type=picture_path,
        default=Path("attention_maps.png"),
        metavar="PATH",
        help="the picture: .png, .pdf or .svg (default: %(default)s)",
    )
    parser.add_data_dir()
    return parser.parse_args()


def place(text: str) -> tuple[int, int]:
    """A patch's row and column."""
    if not (match := re.fullmatch(r"(\d+),(\d+)", text)):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a row and a column, such as 3,2")
    return int(match[1]), int(match[2])


def load_attention_model(path: Path) -> Model:
    """Raises ModelError for a network without attention."""
    model = load_model(path)
    if not attention_layers(model):
        found = f"a network without attention ({model.summary})"
        raise ModelError(path, found, "a model with an attention layer, such as mnist_attention_pool's")
    return model


def check_places(model: Model, layer: int, queries: Sequence[tuple[int, int]], head: int | None) -> None:
    """Raises InputError for an attention layer, a patch or a head that the model has not."""
    layers, (rows, columns) = attention_layers(model), patch_grid(model)
    if layer > len(layers):
        raise InputError("--layer", str(layer), f"a number from 1 to {len(layers)}")
    for row, column in queries:
        if row >= rows or column >= columns:
            raise InputError("--query", f"{row},{column}", f"at most {rows - 1},{columns - 1}")
    heads = layers[layer - 1].layer.heads
    if head is not None and not 0 <= head < heads:
        raise InputError("--head", str(head), f"a number from 0 to {heads - 1}")


def test_digits(folder: Path) -> list[str]:
    return [f"{find(folder, 't10k-images', 3)}:{i}" for i in range(IMAGES)]


def show(model: Model, name: str, layer: int = 1) -> Shown:
    picture = read_picture(name, model)
    probs = probabilities(model, picture)[0]
    best = int(probs.argmax())
    prediction = f"{model.class_names[best]} ({100 * probs[best]:.1f} %)"
    return Shown(name, prediction, attention_maps(model, picture, layer))


def read_picture(name: str, model: Model) -> np.ndarray:
    """(rows, columns) as the network is shown it, ink 0 to 1. Raises InputError."""
    match = re.fullmatch(r"(.+):(\d+)", name)
    if match and not Path(name).exists():
        images, index = read_images(Path(match[1])), int(match[2])
        if index >= len(images):
            raise InputError(name, f"image {index} of {len(images)}", f"one from 0 to {len(images) - 1}")
        picture, what = images[index] / 255, "an image"
        picture = picture.T if model.transposed else picture
    else:
        size = DIGIT_SIZE if model.preparation.kind is Kind.DIGITS else model.picture_size
        pixels, status = prepare_picture(read_grey(Path(name)), model.preparation, size)
        if status is Status.NOTHING_DRAWN:
            raise InputError(name, "an empty picture", "a drawing")
        picture, what = pixels / 255, "a picture, prepared,"
    check_size(model, name, picture.shape, what)
    return picture


def describe(shown: Shown, heads: Sequence[int]) -> str:
    """e.g. `7.png: 7 (99.1 %); head 0: most looked at 3,2 (2.9 x the mean), entropy 4.92 of 5.61 bits`."""
    parts = [f"{shown.name}: {shown.prediction}"]
    for head in heads:
        received, entropy = shown.maps.received[head], shown.maps.entropy[head]
        row, column = np.unravel_index(received.argmax(), received.shape)
        parts.append(
            f"head {head}: most looked at {row},{column} ({received.max():.1f} x the mean),"
            f" entropy {entropy.mean():.2f} of {shown.maps.max_entropy:.2f} bits"
        )
    return "; ".join(parts)


def draw_attention(
    figure: Figure, shown: Sequence[Shown], heads: Sequence[int], queries: Sequence[tuple[int, int]]
) -> None:
    """A row for each head of each picture; see the head of this file."""
    columns, rows = 3 + (len(queries) or QUERIES), len(shown) * len(heads)
    figure.set_size_inches(INCHES * columns, 0.5 + (INCHES + 0.35) * rows)
    figure.set_layout_engine("constrained")
    figure.suptitle("Attention (darker is more)", x=0.01, ha="left", color=LIGHT.text, fontweight="bold")
    grid = figure.subplots(rows, columns, squeeze=False)
    for i, one in enumerate(shown):
        for j, head in enumerate(heads):
            draw_head(grid[i * len(heads) + j], one, head, queries or one.maps.decided_queries(QUERIES))


def draw_head(row: np.ndarray, shown: Shown, head: int, queries: Sequence[tuple[int, int]]) -> None:
    """The axes of one row."""
    maps = shown.maps
    look = {"color": LIGHT.faint, "fontsize": 9}
    row[0].imshow(maps.picture, cmap="gray_r", vmin=0, vmax=1)
    frame_picture(row[0])
    row[0].set_title(as_letters(f"{shown.prediction}, head {head}"), color=LIGHT.text, fontsize=10)
    row[0].set_xlabel(as_letters(Path(shown.name).name), **look)
    received, entropy = maps.received[head], maps.entropy[head]
    draw_map(row[1], maps, received)
    row[1].set_title("looked at by all", color=LIGHT.text, fontsize=10)
    row[1].set_xlabel(f"up to {received.max():.1f} x the mean", **look)
    draw_map(row[2], maps, entropy, largest=maps.max_entropy)
    row[2].set_title("entropy", color=LIGHT.text, fontsize=10)
    row[2].set_xlabel(f"{entropy.min():.1f} to {entropy.max():.1f} of {maps.max_entropy:.1f} bits", **look)
    for axes, query in zip(row[3:], queries, strict=True):
        values = maps.of_query(*query)[head]
        draw_map(axes, maps, values, queries=[query])
        axes.set_title("from patch {},{}".format(*query), color=LIGHT.text, fontsize=10)
        axes.set_xlabel(f"up to {values.max():.1f} x the mean", **look)


if __name__ == "__main__":
    sys.exit(run_tool("visualize_attention", main))
