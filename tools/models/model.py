"""What every network has: sizes, tensors, metadata, and which images it takes.

Letters: B batch, I inputs, K classes.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from common.text import parse_json

DIGITS = 10
DIGIT_SIZE = (28, 28)  # rows and columns of a digit's picture
OUTLIERS = "none of these"  # what the last class is called if it is of drawings that belong to no other

Shapes = dict[str, tuple[int, ...]]  # of tensors, by name, in the order of a .bin


@dataclass(frozen=True, kw_only=True, eq=False)
class Model(ABC):
    """A network: its sizes, and its tensors, {} as long as only the sizes are known.

    The sizes are fields of the subclasses, each of which has `inputs`, the pixels of an image, as a field or
    as a property.
    """

    kind: ClassVar[str]  # its name in a .safetensors
    program: ClassVar[str]  # the C++ program that trains it
    default_path: ClassVar[str]  # where that program writes it

    classes: int
    tensors: dict[str, np.ndarray] = field(default_factory=dict)  # float32
    metadata: dict[str, str] = field(default_factory=dict)  # what else its file says of it

    @property
    @abstractmethod
    def summary(self) -> str:
        """The network in a few words."""

    @property
    def class_names(self) -> list[str]:
        """What the classes are called: 0, 1, ... if the file does not say."""
        names = self.metadata.get("class_names")
        return parse_json(names) if names else [str(label) for label in range(self.classes)]

    @property
    def answers(self) -> int:
        """How many classes can be an answer: all, less a last one of outliers (`--outliers` in training)."""
        return self.classes - (self.classes > 1 and self.class_names[-1] == OUTLIERS)

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
    @abstractmethod
    def pixels(self) -> str:
        """Those of an image, in words: `784 pixels`, `28 x 28 pixels`."""

    @abstractmethod
    def takes(self, size: tuple[int, int]) -> bool:
        """Whether it is for images of `size`, rows and columns."""

    @abstractmethod
    def shapes(self) -> Shapes: ...

    @abstractmethod
    def contradiction(self) -> tuple[str, str] | None:
        """If the sizes do not go together or are absurd: what was found, what was expected."""

    @abstractmethod
    def logits(self, x: np.ndarray) -> np.ndarray:
        """(B, I) pixels in [0, 1] -> (B, K) scores before the softmax."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageModel(Model):
    """A network for which the pixels have rows and columns."""

    height: int
    width: int

    @property
    def image_size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def inputs(self) -> int:
        return self.height * self.width

    @property
    def pixels(self) -> str:
        return f"{self.height} x {self.width} pixels"

    def takes(self, size: tuple[int, int]) -> bool:
        return tuple(size) == self.image_size
