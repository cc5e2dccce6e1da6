"""How well a network does on labelled images: accuracy and its interval, by class, calibration, bad labels.

Letters: N images, K classes.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

Z95 = 1.959963984540054  # of the normal distribution: 95 % are within as many standard deviations
BINS = 15


class Calibration(NamedTuple):
    """Predictions by their confidence, in BINS bins (m / BINS, (m + 1) / BINS]; nan where a bin has none."""

    count: np.ndarray
    confidence: np.ndarray  # mean
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean of |accuracy - confidence|, a bin counts by its predictions."""
        gap = np.abs(self.accuracy - self.confidence)[self.count > 0]
        return float(gap @ self.count[self.count > 0] / self.count.sum())


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network says, (N, K) logits, beside what is right, (N) labels below K."""

    logits: np.ndarray
    labels: np.ndarray

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(N, K)"""
        return np.exp(self._log_probabilities)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(N): the likeliest class."""
        return self.logits.argmax(axis=1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """(N): the probability of the likeliest class."""
        return self.probabilities.max(axis=1)

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        return float(-self._log_probabilities[np.arange(len(self.labels)), self.labels].mean())

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.predicted == self.labels))

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracies that go with what was found, with 95 % confidence (Wilson 1927)."""
        n, p = len(self.labels), self.accuracy
        middle = p + Z95**2 / (2 * n)
        half = Z95 * math.sqrt(p * (1 - p) / n + (Z95 / (2 * n)) ** 2)
        scale = 1 + Z95**2 / n
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)

    @cached_property
    def confusion(self) -> np.ndarray:
        """(K, K) counts: rows are labels, columns what was predicted."""
        classes = self.logits.shape[1]
        pairs = self.labels.astype(np.int64) * classes + self.predicted
        return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    @property
    def recall(self) -> np.ndarray:
        """(K): of the images of a class, the share that is found; nan if there are none."""
        return _share(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def precision(self) -> np.ndarray:
        """(K): of the predictions of a class, the share that is right; nan if there are none."""
        return _share(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def f1(self) -> np.ndarray:
        """(K): the harmonic mean of precision and recall, 2 right / (images + predictions)."""
        sums = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        return _share(2 * self.confusion.diagonal(), sums)

    @property
    def calibration(self) -> Calibration:
        """After Guo, Pleiss, Sun and Weinberger (2017)."""
        index = np.clip(np.ceil(self.confidence * BINS) - 1, 0, BINS - 1).astype(int)
        count = np.bincount(index, minlength=BINS)
        confidence = np.bincount(index, self.confidence, BINS)
        right = np.bincount(index, self.predicted == self.labels, BINS)
        return Calibration(count, _share(confidence, count), _share(right, count))

    @cached_property
    def mistakes(self) -> np.ndarray:
        """Indices of the images predicted wrong, the most confident first."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")]

    @property
    def suspects(self) -> np.ndarray:
        """Indices of mistakes whose label may be the mistake, in the same order.

        After confident learning (Northcutt, Jiang and Chuang 2021): the network is as sure of another class
        as it is on average of that class in the images which bear its label.
        """
        sums = np.bincount(self.labels, self._of_label, self.logits.shape[1])
        usual = _share(sums, self.confusion.sum(axis=1))  # (K); nothing is as large as nan
        return self.mistakes[self.confidence[self.mistakes] >= usual[self.predicted[self.mistakes]]]

    @cached_property
    def _log_probabilities(self) -> np.ndarray:
        shifted = self.logits - self.logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    @property
    def _of_label(self) -> np.ndarray:
        """(N): the probability of the label."""
        return self.probabilities[np.arange(len(self.labels)), self.labels]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole; nan where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
