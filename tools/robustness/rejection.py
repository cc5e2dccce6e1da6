"""How many non-digits a recognizer rejects, and how many digits with them.

A drawing is accepted if it looks like one digit, if the network, which may know outliers, finds a digit the
likeliest class, and if that has at least the probability `threshold`. A digit that is not accepted is a false
alarm.
"""

from dataclasses import dataclass

import numpy as np

from recognizer.native import Status
from recognizer.recognition import Recognition


def likeliest(found: Recognition) -> tuple[int, float]:
    """The likeliest digit and its probability, sure or not; -1 for both where the network is not asked or finds
    an outlier."""
    if found.status not in (Status.RECOGNIZED, Status.NOT_SURE):
        return -1, -1.0
    label = int(found.probabilities.argmax())
    return label, float(found.probabilities[label])


@dataclass(frozen=True, eq=False)
class Confidences:
    """The probabilities of `likeliest`, of digits and of non-digits."""

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
