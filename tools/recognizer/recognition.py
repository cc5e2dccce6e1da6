"""What a network predicts for a prepared drawing, in numbers and in words.

7 (99.1 %), then 9 (0.5 %), 2 (0.2 %)
not sure: 8 (38.0 %), 3 (31.2 %), 5 (6.6 %)
not a single digit: 3 (2.0 %), 5 (0.7 %), 8 (0.1 %)
nothing drawn

The third is from a network that has learned outliers as a class of their own.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.preparation import Kind
from drawing.picture_ink import ink_of, read_grey
from drawing.preparation import SIDE, Prepared, prepare_ink, prepare_whole
from drawing.screen import RejectReason
from models import Model, probabilities
from models.attention_maps import attention_layers, attention_maps
from recognizer.confidence import MIN_CONFIDENCE


@dataclass(frozen=True, eq=False)
class Recognition:
    """What one network predicts for one prepared drawing. It is asked only if the drawing looks like one digit."""

    model: Model
    picture: np.ndarray  # (rows, columns), what the network sees
    reject: RejectReason
    probabilities: np.ndarray | None  # (K), sums to 1; None if the network is not asked
    label: int | None  # the likeliest class; None if the network is not asked or not sure

    @property
    def prediction(self) -> str:
        """The class's name, or why there is none."""
        if self.label is not None:
            return self.model.class_names[self.label]
        return "not sure" if self.reject is RejectReason.NONE else str(self.reject)

    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """Names and probabilities, the largest first, outliers aside; none if the network is not asked."""
        if self.probabilities is None:
            return []
        order = (-self.probabilities[: self.model.known_classes]).argsort(stable=True)[:count]
        return [(self.model.class_names[label], float(self.probabilities[label])) for label in order]

    def describe(self) -> str:
        """The prediction with the likeliest three, in the words that the programs' `predict` uses."""
        top = [f"{name} ({100 * p:.1f} %)" for name, p in self.likeliest(3)]
        if not top:
            return self.prediction
        return f"{self.prediction}: {', '.join(top)}" if self.label is None else f"{top[0]}, then {', '.join(top[1:])}"

    def attention(self) -> np.ndarray | None:
        """(rows, columns) of patches: how much the first attention layer looks at each, mean of heads and
        queries; 1 if all alike.

        None if the network has no attention or is not asked.
        """
        if self.probabilities is None or not attention_layers(self.model):
            return None
        return attention_maps(self.model, self.picture).received.mean(axis=0)


def recognise(model: Model, prepared: Prepared, threshold: float = MIN_CONFIDENCE) -> Recognition:
    """Below the probability `threshold` the network is not sure."""
    if prepared.reject is not RejectReason.NONE:
        return Recognition(model, *prepared, probabilities=None, label=None)
    probs = probabilities(model, prepared.picture)[0]
    likeliest = int(probs.argmax())
    if likeliest >= model.known_classes:
        is_digit = model.preparation.kind is Kind.DIGITS
        reject = RejectReason.NOT_ONE_DIGIT if is_digit else RejectReason.NOT_ONE_DRAWING
        return Recognition(model, prepared.picture, reject, probs, label=None)
    return Recognition(model, *prepared, probs, likeliest if probs[likeliest] >= threshold else None)


def describe_picture(model: Model, path: Path, threshold: float = MIN_CONFIDENCE) -> str:
    """A line on a picture file. Raises InputError."""
    return f"{path}: {recognise(model, prepare_picture(model, read_grey(path)), threshold).describe()}"


def prepare_picture(model: Model, grey: np.ndarray, ink: np.ndarray | None = None) -> Prepared:
    """A picture, uint8 (height, width), as those that the model has learned from; `ink` is its ink, if known."""
    preparation, size = model.preparation, model.picture_size
    if preparation.kind is Kind.PICTURES:
        return prepare_whole(grey, size, preparation.invert)
    side = SIDE if preparation.kind is Kind.DIGITS else size[0]
    return prepare_ink(ink_of(grey / 255) if ink is None else ink, preparation, side)
