"""A network: the images it takes, its layers, its tensors, and what its file says of it.

Letters: B batch, I pixels of an image, K classes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from common.preparation import Preparation, parse_preparation
from common.text import parse_json
from models.chain import Layer, Shape, Shapes, Step, all_steps, place, run
from models.layers import Attention, Conv, softmax, text_of
from models.limits import MAX_PIXELS, MAX_SIDE, MAX_SIZE, NetworkError, Rule, whole

DIGITS = 10
DIGIT_SIZE = (28, 28)  # rows and columns of a digit's picture
OUTLIERS = "none of these"  # what the last class is called if it is of drawings that belong to no other


def is_input(value: object) -> bool:
    match value:
        case (pixels,):
            return whole(MAX_PIXELS).allows(pixels)
        case (rows, columns):
            return whole(MAX_SIDE).allows(rows) and whole(MAX_SIDE).allows(columns)
    return False


INPUT = Rule(is_input, f"[N], at most {MAX_PIXELS}, or [rows, columns], at most {MAX_SIDE} each")


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Layers are checked as they are put together. Raises NetworkError."""

    input: tuple[int, ...]  # (I), pixels in a row, or (rows, columns) of a grey image
    layers: tuple[Layer, ...]
    tensors: dict[str, np.ndarray] = field(default_factory=dict)  # float32; {} if only the layers are known
    metadata: dict[str, str] = field(default_factory=dict)  # what else its file says of it

    def __post_init__(self) -> None:
        INPUT.check("the network's input", self.input)
        makes = self.steps[-1].makes if self.steps else self.shape
        if len(makes) != 1 or makes[0] > MAX_SIZE:
            found = f"{' x '.join(map(str, makes))} values from the last layer"
            raise NetworkError(found, f"a vector of 1 to {MAX_SIZE} classes")

    @property
    def shape(self) -> Shape:
        """What the first layer takes."""
        return (*self.input, 1) if len(self.input) == 2 else self.input

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return place(self.layers, self.shape, self.tensors)

    def find(self, kind: type[Layer]) -> Iterator[Step]:
        """The layers of that kind, also those in others, in the order of their tensors."""
        return (step for step in all_steps(self.steps) if isinstance(step.layer, kind))

    @property
    def shapes(self) -> Shapes:
        """Of all tensors, in the order of a file."""
        return {name: shape for step in all_steps(self.steps) for name, shape in step.shapes.items()}

    @property
    def parameters(self) -> int:
        """How many values are trained."""
        buffers = {f"{step.name}.{name}" for step in all_steps(self.steps) for name in step.layer.buffers}
        return sum(math.prod(shape) for name, shape in self.shapes.items() if name not in buffers)

    @property
    def summary(self) -> str:
        return text_of(self.layers)

    @property
    def program(self) -> str:
        """The program that trained it; if its file does not say, the one whose default is most like it."""
        attention, conv = any(self.find(Attention)), any(self.find(Conv))
        likely = "mnist_attention_pool" if attention else "mnist_cnn" if conv else "mnist_mlp"
        return self.metadata.get("program", likely)

    @property
    def inputs(self) -> int:
        return math.prod(self.input)

    @property
    def classes(self) -> int:
        return self.steps[-1].makes[0]

    @property
    def class_names(self) -> list[str]:
        """What the classes are called: 0, 1, ... if the file does not say."""
        names = self.metadata.get("class_names")
        return parse_json(names) if names else [str(label) for label in range(self.classes)]

    @property
    def known_classes(self) -> int:
        """How many classes can be a prediction: all, less a last one of outliers (`--outliers`)."""
        return self.classes - (self.classes > 1 and self.class_names[-1] == OUTLIERS)

    @cached_property
    def preparation(self) -> Preparation:
        """How its pictures were prepared: as MNIST's if the file does not say."""
        text = self.metadata.get("preparation")
        return parse_preparation(text) if text else Preparation()

    @property
    def picture_size(self) -> tuple[int, int]:
        """Rows and columns of the images that it takes; those of a square if the file does not say."""
        side = math.isqrt(self.inputs)
        return self.input if len(self.input) == 2 else (side, side)

    @property
    def settings(self) -> dict[str, object]:
        """The options that it was trained with; {} if its file does not say."""
        try:
            settings = parse_json(self.metadata.get("options", "{}"))
        except ValueError:
            return {}
        return settings if isinstance(settings, dict) else {}

    @property
    def transposed(self) -> bool:
        """Whether it was trained with `--transpose`: rows and columns of a data set's images are swapped."""
        return self.settings.get("transpose") is True

    @property
    def pixels(self) -> str:
        """Those of an image, in words: `784 pixels`, `28 x 28 pixels`."""
        return f"{' x '.join(map(str, self.input))} pixels"

    def takes(self, size: tuple[int, int]) -> bool:
        """Whether it is for images of `size`, rows and columns."""
        return self.input in (tuple(size), (math.prod(size),))


def logits(model: Model, pixels: np.ndarray, batch: int = 100) -> np.ndarray:
    """Pixels in [0, 1], one image or many in any shape, -> (B, K) scores before the softmax; float64."""
    x = np.asarray(pixels, np.float64).reshape(-1, *model.shape)
    parts = [run(model.steps, x[i : i + batch]) for i in range(0, len(x), batch)]
    return np.concatenate(parts) if parts else np.empty((0, model.classes))


def probabilities(model: Model, pixels: np.ndarray, batch: int = 100) -> np.ndarray:
    """Pixels in [0, 1], one image or many in any shape, -> (B, K) probabilities of the classes; float64."""
    return softmax(logits(model, pixels, batch))
