"""Photos of a pen-drawn digit, with what is beside it on a desk: an edge, a finger, ruled or squared paper."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from drawing.painting import paint
from drawing.ten_digits import digit_strokes

ROWS, COLUMNS = 480, 640
MAX_TILT = 3  # degrees, of the lines


def page(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Brightness of the paper (ROWS, COLUMNS): lines of "ruled" or "squared" paper, maybe "askew"."""
    paper = Image.new("L", (COLUMNS, ROWS), 255)
    draw, gap, tone = ImageDraw.Draw(paper), int(rng.integers(35, 60)), int(rng.integers(140, 200))
    slope = math.tan(math.radians(rng.uniform(-MAX_TILT, MAX_TILT))) if "askew" in kind else 0
    if "ruled" in kind or "squared" in kind:
        for y in range(gap // 2 - gap, ROWS + gap, gap):
            draw.line([(0, y), (COLUMNS, y + slope * COLUMNS)], fill=tone, width=2)
    if "squared" in kind:
        for x in range(gap // 2 - gap, COLUMNS + gap, gap):
            draw.line([(x, 0), (x - slope * ROWS, ROWS)], fill=tone, width=2)
    return np.asarray(paper) / 255


def add_desk(photo: np.ndarray, kind: str, rng: np.random.Generator) -> None:
    """Something dark at one side ("strip"), at all ("table"), or at a corner ("finger"), in place."""
    width, dark = int(rng.integers(10, 50)), rng.uniform(0.1, 0.4)
    sides = [np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:]]
    if "strip" in kind:
        photo[sides[rng.integers(4)]] = dark
    if "table" in kind:
        for side in sides:
            photo[side] = dark
    if "finger" in kind:
        y, x = np.ogrid[:ROWS, :COLUMNS]
        photo[(y - ROWS) ** 2 + (x - COLUMNS) ** 2 < 70**2] = dark


def photo_of(digit: int, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Grey, uint8 (ROWS, COLUMNS); light comes from any side."""
    down, across = rng.uniform(-0.2, 0.2, 2)
    light = 0.8 + across * np.linspace(-0.5, 0.5, COLUMNS) + down * np.linspace(-0.5, 0.5, ROWS)[:, None]
    height, ink = rng.uniform(150, 280), np.zeros((ROWS, COLUMNS))
    left, top = rng.uniform(80, COLUMNS - 80 - 0.7 * height), rng.uniform(60, ROWS - 60 - height)
    pen = rng.uniform(9, 16)
    for stroke in digit_strokes(digit, left, top, height):
        paint(ink, stroke, pen)
    photo = light * page(kind, rng) * (1 - 0.75 * ink)
    add_desk(photo, kind, rng)
    blurred = Image.fromarray(np.rint(255 * photo.clip(0, 1)).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.2))
    grainy = np.asarray(blurred) + rng.normal(0, 3, photo.shape)
    return np.rint(grainy.clip(0, 255)).astype(np.uint8)
