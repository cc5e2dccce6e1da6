"""Drawings of circles, squares and triangles, as a hand draws them on a page: a data set of someone's own."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("circle", "square", "triangle")
CORNERS = {"circle": 40, "square": 4, "triangle": 3}
ENLARGED = 2  # pictures are drawn larger and reduced: soft edges


def draw_shape(
    canvas: ImageDraw.ImageDraw, name: str, centre: Sequence[float], radius: float, rng: np.random.Generator
) -> None:
    """Its outline with a pen, turned anyhow, the corners a little off; in the canvas's pixels."""
    turn, corners = rng.uniform(0, 2 * math.pi), CORNERS[name]
    stretch = rng.uniform(0.85, 1.15)
    points = []
    for corner in range(corners):
        angle = turn + 2 * math.pi * corner / corners
        away = radius * (1 + rng.normal(0, 0.06 if corners < 5 else 0.02))
        points.append((centre[0] + away * math.cos(angle) * stretch, centre[1] + away * math.sin(angle)))
    pen = max(2, round(radius * rng.uniform(0.06, 0.25)))
    canvas.line([*points, *points[:2]], fill=int(rng.integers(0, 70)), width=pen, joint="curve")


def draw_picture(names: Sequence[str], rng: np.random.Generator) -> Image.Image:
    """One shape anywhere on a page of any size, or several side by side."""
    height = int(rng.integers(120, 300))
    width = int(height * rng.uniform(0.8, 1.4) * len(names))
    large = Image.new("L", (width * ENLARGED, height * ENLARGED), int(rng.integers(225, 256)))
    canvas = ImageDraw.Draw(large)
    place = width / len(names)
    for i, name in enumerate(names):
        radius = min(place, height) * rng.uniform(0.15, 0.38)
        reach = 1.3 * radius
        x = i * place + rng.uniform(reach, max(place - reach, reach + 1))
        y = rng.uniform(reach, max(height - reach, reach + 1))
        draw_shape(canvas, name, (x * ENLARGED, y * ENLARGED), radius * ENLARGED, rng)
    return large.resize((width, height), Image.Resampling.BOX)


def save_shapes(folder: Path, count: int, seed: int) -> list[Path]:
    """`count` pictures of each class in a folder of its name."""
    rng, paths = np.random.default_rng(seed), []
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            paths.append(folder / name / f"{name}{i:03}.png")
            draw_picture([name], rng).save(paths[-1])
    return paths
