"""What the recognizer's window is about, without the window: the drawing, the models, what is asked."""

from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError, ModelError
from common.pictures import read_grey
from drawing.strokes import PEN, Content, Drawing
from recognizer.native import Recognizer, Status, load_recognizer
from recognizer.recognition import Recognition
from recognizer.samples import read_drawing, save_sample

MODEL_SUFFIXES = (".bin", ".safetensors")


@dataclass(frozen=True)
class Question:
    """A drawing as it is at a moment, and whom to ask. It stays when the drawing goes on: for any thread."""

    content: Content
    models: tuple[Recognizer, ...]
    with_attention: bool

    def recognitions(self) -> list[Recognition]:
        """One for each model."""
        return [recognise(model, self.content, self.with_attention) for model in self.models]


class Session:
    """A drawing, the models that can be chosen, by path, and the one or two that are asked."""

    def __init__(self, models: dict[Path, Recognizer], threshold: float | None = None):
        """Below the probability `threshold` a model is not sure; None: as it is."""
        self.drawing = Drawing()
        self.models: dict[Path, Recognizer] = {}
        self._threshold = threshold
        for path, model in models.items():
            self._add(path, model)
        self.asked = [next(iter(models))]

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
        self._add(path, load_recognizer(path))
        self.choose(0, path)

    def open_drawing(self, path: Path) -> None:
        """Puts a picture, or the .json of a sample, in the place of the drawing. Raises InputError."""
        if path.suffix == ".json":
            self.drawing.put(read_drawing(path))
        else:
            self.drawing.put(Content([], read_grey(path)))

    def save_sample(self, folder: Path, label: int) -> Path:
        """Keeps the drawing as a sample of a class of the first model: its path. Raises InputError."""
        model = self.models[self.asked[0]]
        found = recognise(model, self.drawing.content)
        if found.status == Status.NOTHING_DRAWN:
            raise InputError("sample", found.prediction, "a drawing")
        return save_sample(folder, model.class_names[label], found.picture, self.drawing.strokes)

    def question(self, with_attention: bool = False) -> Question:
        """What there is to be recognised now."""
        strokes, picture = self.drawing.content
        content = Content([list(stroke) for stroke in strokes], picture)
        return Question(content, tuple(self.models[path] for path in self.asked), with_attention)

    def _add(self, path: Path, model: Recognizer) -> None:
        if self._threshold is not None:
            model.threshold = self._threshold
        self.models[path] = model


def recognise(model: Recognizer, content: Content, with_attention: bool = False) -> Recognition:
    """A click with a trembling hand is smaller than the pen, and stays a dot."""
    if content.picture is not None:
        return model.picture(content.picture, with_attention)
    return model.strokes(content.strokes, PEN, with_attention)


def models_in(folder: Path) -> dict[Path, Recognizer]:
    """The models for pictures among a folder's files; what is none is passed over."""
    models = {}
    for path in sorted(path for path in folder.glob("*") if path.suffix in MODEL_SUFFIXES):
        try:
            models[path] = load_recognizer(path)
        except ModelError:
            continue
    return models
