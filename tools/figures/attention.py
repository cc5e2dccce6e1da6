"""A picture with what an attention model looks at."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from figures.style import LIGHT, Theme, frame_picture
from models.attention_maps import AttentionMaps

INK = 0.6  # how much of a map a stroke hides


def draw_map(
    axes: Axes,
    maps: AttentionMaps,
    values: np.ndarray,
    largest: float | None = None,
    queries: Sequence[tuple[int, int]] = (),
    theme: Theme = LIGHT,
) -> None:
    """`values` (rows, columns) of patches, from 0 to `largest` or their own, under the picture's ink.

    The patches of `queries` are framed.
    """
    (height, width), (rows, columns) = maps.picture.shape, maps.grid
    extent = (0, width, height, 0)
    axes.imshow(values, cmap=theme.heat, vmin=0, vmax=largest or values.max(), extent=extent)
    ink = np.empty((height, width, 4))
    ink[..., :3], ink[..., 3] = to_rgb(theme.text), INK * maps.picture
    axes.imshow(ink, extent=extent)
    for row, column in queries:
        y, x = row * height / rows, column * width / columns
        frame = {"fill": False, "edgecolor": theme.negative, "linewidth": 2, "clip_on": False}
        axes.add_patch(Rectangle((x, y), width / columns, height / rows, **frame))
    frame_picture(axes, theme)
