"""How many non-digits a recognizer rejects, and how many digits with them.

A drawing is accepted if it looks like one digit (drawing/screen.py), if the network, which may know outliers,
finds a digit the likeliest class, and if that has at least the probability `threshold`
(recognizer/confidence.py). A digit that is not accepted is a false alarm.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from drawing.preparation import Prepared
from drawing.screen import RejectReason
from models import Model, probabilities


@dataclass(frozen=True, eq=False)
class Seen:
    """N prepared drawings."""

    pictures: np.ndarray  # (N, 28, 28)
    looks_right: np.ndarray  # (N), bool: like one digit

    @classmethod
    def of(cls, prepared: Iterable[Prepared]) -> "Seen":
        pictures, reasons = zip(*prepared, strict=True)
        return cls(np.stack(pictures), np.array([reason is RejectReason.NONE for reason in reasons]))

    def confidence(self, model: Model) -> np.ndarray:
        """(N): the probability of the likeliest digit; -1 where the network is not asked or finds an outlier."""
        probs = probabilities(model, self.pictures)
        is_digit = self.looks_right & (probs.argmax(axis=1) < model.known_classes)
        return np.where(is_digit, probs.max(axis=1), -1)


@dataclass(frozen=True, eq=False)
class Confidences:
    """`Seen.confidence` of digits and of non-digits."""

    digits: np.ndarray  # (N)
    negatives: dict[str, np.ndarray]  # by how they were made

    def false_alarms(self, threshold: float) -> float:
        """Share of the digits that are not accepted."""
        return float(np.mean(self.digits < threshold))

    def accepted(self, threshold: float) -> dict[str, int]:
        """How many non-digits are accepted, by how they were made."""
        return {name: int((confidence >= threshold).sum()) for name, confidence in self.negatives.items()}

    def calibrated(self, max_false_alarms: float) -> float:
        """The highest threshold with at most that share of false alarms; 0 if there is none."""
        threshold = np.sort(self.digits)[int(max_false_alarms * len(self.digits))]
        return max(0.0, float(threshold))
