"""What a model predicts for a drawing, in numbers and in words.

7 (99.1 %), then 9 (0.5 %), 2 (0.2 %)
not sure: 8 (38.0 %), 3 (31.2 %), 5 (6.6 %)
not a single digit: 3 (2.0 %), 5 (0.7 %), 8 (0.1 %)
nothing drawn

The third is from a network that has learned outliers as a class of their own.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Recognition:
    """What one model predicts for one drawing. Its network is asked only if the drawing looks like one of its
    pictures."""

    class_names: list[str]  # of the K that can be recognised
    network: str  # in words
    status: int  # native.Status
    prediction: str  # the class's name, or why there is none
    label: int | None  # the class; None if there is none
    probabilities: np.ndarray | None  # (K), float32; without that of outliers; None if the network is not asked
    picture: np.ndarray  # uint8 (rows, columns), what the network sees: 0 paper to 255 ink
    attention: np.ndarray | None = None  # (rows, columns) of patches: how much each is looked at, 1 if all alike

    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """Names and probabilities, the largest first; none if the network is not asked."""
        if self.probabilities is None:
            return []
        order = (-self.probabilities).argsort(stable=True)[:count]
        return [(self.class_names[label], float(self.probabilities[label])) for label in order]

    def describe(self) -> str:
        """The prediction with the likeliest three, in the words that the programs' `predict` uses."""
        top = [f"{name} ({100 * p:.1f} %)" for name, p in self.likeliest(3)]
        if not top:
            return self.prediction
        if self.label is None:
            return f"{self.prediction}: {', '.join(top)}"
        return top[0] + (f", then {', '.join(top[1:])}" if top[1:] else "")
