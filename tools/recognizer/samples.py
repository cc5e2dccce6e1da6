"""Drawings kept as labelled samples, for a data set of one's own hand.

A sample is FOLDER/CLASS/TIME.png, the picture that a network sees, and, if it was drawn, TIME.json with
what the hand did:

    {"label": "7", "size": 280, "strokes": [[[x, y], ...], ...]}

in units of which the canvas has `size` a side, x to the right, y down. `tools/run.sh make_idx FOLDER DATA`
makes a data set of the pictures, on which the programs train with `--data-dir DATA`.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from common.errors import InputError
from common.text import parse_json, read_text
from common.writing import replacing
from drawing.painting import Stroke
from drawing.strokes import CANVAS_SIDE, Content

EXPECTED = 'a drawing saved by the recognizer: {"size": ..., "strokes": [[[x, y], ...], ...]}'


def save_sample(folder: Path, label: str, picture: np.ndarray, strokes: Sequence[Stroke]) -> Path:
    """Writes a prepared picture, uint8 (rows, columns), and its strokes; returns the picture's path."""
    place = folder / _folder_name(label)
    path = place / f"{datetime.now():%Y%m%d-%H%M%S-%f}.png"
    if strokes:
        points = [[(round(x, 2), round(y, 2)) for x, y in stroke] for stroke in strokes]
        with replacing(path.with_suffix(".json")) as temporary:
            temporary.write_text(json.dumps({"label": label, "size": CANVAS_SIDE, "strokes": points}) + "\n")
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    return path


def read_drawing(path: Path) -> Content:
    """The strokes of a sample's .json, in units of the canvas. Raises InputError."""
    text = read_text(path, EXPECTED)
    try:
        sample = parse_json(text)
        scale = CANVAS_SIDE / float(sample["size"])
        strokes = [[(float(x) * scale, float(y) * scale) for x, y in line] for line in sample["strokes"]]
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise InputError(path, "not such a drawing", EXPECTED) from error
    if not all(np.isfinite(line).all() and len(line) > 0 for line in strokes):
        raise InputError(path, "a stroke without points or with a coordinate that is not finite", EXPECTED)
    return Content(strokes)


def _folder_name(label: str) -> str:
    """A class's name as a folder's name: letters, digits and - only, where others could lead elsewhere."""
    return re.sub(r"[^\w+]+", "-", label) or "-"
