"""What the recognizer's window is about, without the window: the drawing, the models, what is asked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import InputError, ModelError
from common.preparation import Kind
from drawing.picture_ink import ink_of, read_grey
from drawing.preparation import Prepared, paint, prepare_strokes, prepare_whole
from drawing.screen import RejectReason
from drawing.strokes import CANVAS_SIDE, PEN, Content, Drawing
from models import Model, load_picture_model
from recognizer.confidence import MIN_CONFIDENCE
from recognizer.recognition import Recognition, prepare_picture, recognise
from recognizer.samples import read_drawing, save_sample

MODEL_SUFFIXES = (".bin", ".safetensors")


@dataclass(frozen=True)
class Question:
    """A drawing as it is at a moment, and whom to ask. It stays when the drawing goes on: for any thread."""

    content: Content
    models: tuple[Model, ...]
    threshold: float

    def recognitions(self) -> list[Recognition]:
        """One for each model."""
        return [recognise(model, prepare(model, self.content), self.threshold) for model in self.models]


class Session:
    """A drawing, the models that can be chosen, by path, and the one or two that are asked."""

    def __init__(self, models: dict[Path, Model], threshold: float = MIN_CONFIDENCE):
        self.drawing = Drawing()
        self.models = models
        self.asked = [next(iter(models))]
        self._threshold = threshold

    def choose(self, place: int, path: Path) -> None:
        """`path`, one of `models`, is asked in the first (0) or second (1) place."""
        self.asked[place] = path

    def compare(self, on: bool) -> None:
        """A second model is asked, too: the one after the first, or the same if there is no other."""
        paths = list(self.models)
        second = paths[(paths.index(self.asked[0]) + 1) % len(paths)]
        self.asked = [self.asked[0], second] if on else self.asked[:1]

    def open_model(self, path: Path) -> None:
        """Reads a model, again if it was read before, and asks it in the first place. Raises ModelError."""
        self.models[path] = load_picture_model(path)
        self.choose(0, path)

    def open_drawing(self, path: Path) -> None:
        """Puts a picture, or the .json of a sample, in the place of the drawing. Raises InputError."""
        if path.suffix == ".json":
            self.drawing.put(read_drawing(path))
        else:
            grey = read_grey(path)
            self.drawing.put(Content([], ink_of(grey / 255), grey))

    def save_sample(self, folder: Path, label: int) -> Path:
        """Keeps the drawing as a sample of a class of the first model: its path. Raises InputError."""
        model = self.models[self.asked[0]]
        picture, reject = prepare(model, self.drawing.content)
        if reject is RejectReason.NOTHING_DRAWN:
            raise InputError("sample", str(reject), "a drawing")
        name = model.class_names[label]
        return save_sample(folder, name, picture, self.drawing.strokes)

    def question(self) -> Question:
        """What there is to be recognised now."""
        strokes, ink, grey = self.drawing.content
        content = Content([list(stroke) for stroke in strokes], ink, grey)
        return Question(content, tuple(self.models[path] for path in self.asked), self._threshold)


def prepare(model: Model, content: Content) -> Prepared:
    """What the model is shown. A click with a trembling hand is smaller than the pen, and stays a dot."""
    strokes, ink, grey = content
    if grey is not None:
        return prepare_picture(model, grey, ink)
    preparation, size = model.preparation, model.picture_size
    if preparation.kind is not Kind.PICTURES:
        return prepare_strokes(strokes, PEN, preparation, size[0])
    canvas = np.zeros((CANVAS_SIDE, CANVAS_SIDE))
    for stroke in strokes:
        paint(canvas, stroke, PEN)
    prepared = prepare_whole(np.rint(255 * canvas).astype(np.uint8), size, invert=False)
    return prepared if strokes else Prepared(prepared.picture, RejectReason.NOTHING_DRAWN)


def models_in(folder: Path) -> dict[Path, Model]:
    """The models for pictures among a folder's files; what is none is passed over."""
    models = {}
    for path in sorted(path for path in folder.glob("*") if path.suffix in MODEL_SUFFIXES):
        try:
            models[path] = load_picture_model(path)
        except ModelError:
            continue
    return models
