"""The numbers of a report, against their definitions written out."""

import math

import numpy as np
import pytest

from evaluation.measures import BINS, Evaluation


def random_evaluation(count: int = 500, classes: int = 4, seed: int = 1) -> Evaluation:
    """Predictions that are right more often than not, some of them confidently wrong."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count).astype(np.uint8)
    logits = rng.normal(0, 2, (count, classes))
    logits[np.arange(count), labels] += 2
    return Evaluation(logits, labels)


def test_loss_and_accuracy() -> None:
    e = random_evaluation()
    probs = [[math.exp(v) / sum(map(math.exp, row)) for v in row] for row in e.logits.tolist()]
    losses = [-math.log(row[label]) for row, label in zip(probs, e.labels, strict=True)]
    right = [row.index(max(row)) == label for row, label in zip(probs, e.labels, strict=True)]
    np.testing.assert_allclose(e.probabilities, probs)
    assert e.loss == pytest.approx(sum(losses) / 500) and e.accuracy == sum(right) / 500
    assert e.mistakes.size == 500 - sum(right)


def test_loss_of_large_logits() -> None:
    e = Evaluation(np.array([[0.0, 2000.0]]), np.array([0]))
    assert e.loss == 2000 and e.confidence[0] == 1


@pytest.mark.parametrize(("right", "count"), [(9425, 10000), (1, 2), (9, 10), (10, 10), (0, 10)])
def test_wilson(right: int, count: int) -> None:
    """At the interval's ends the share found is 1.96 standard deviations from the accuracy there."""
    labels = (np.arange(count) >= right).astype(np.uint8)
    interval = Evaluation(np.tile([1.0, 0.0], (count, 1)), labels).interval
    share = right / count
    for end, sign in zip(interval, (1, -1), strict=True):
        if share in (0, 1) and end == pytest.approx(share, abs=1e-9):
            continue  # no accuracy is below 0 or above 1
        deviations = sign * (share - end) / math.sqrt(end * (1 - end) / count)
        assert deviations == pytest.approx(1.95996, abs=1e-4)


def test_confusion_precision_recall_f1() -> None:
    labels, predictions = np.array([0, 0, 0, 1, 1, 2], np.uint8), [0, 0, 1, 1, 2, 1]
    e = Evaluation(np.eye(4)[predictions], labels)
    assert e.confusion.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(e.precision, [1, 1 / 3, 0, np.nan])
    np.testing.assert_allclose(e.recall, [2 / 3, 1 / 2, 0, np.nan])
    np.testing.assert_allclose(e.f1, [4 / 5, 2 / 5, 0, np.nan])


def test_calibration() -> None:
    e = random_evaluation()
    found, total = e.calibration, 0.0
    for m in range(BINS):
        inside = (e.confidence > m / BINS) & (e.confidence <= (m + 1) / BINS)
        assert found.count[m] == inside.sum()
        if inside.any():
            right = (e.predicted == e.labels)[inside]
            assert found.accuracy[m] == pytest.approx(right.mean())
            assert found.confidence[m] == pytest.approx(e.confidence[inside].mean())
            total += abs(right.mean() - e.confidence[inside].mean()) * inside.sum() / 500
    assert found.error == pytest.approx(total) and found.count.sum() == 500
    assert np.isnan(found.accuracy[found.count == 0]).all()


def test_mistakes_are_ordered_by_confidence() -> None:
    e = random_evaluation()
    assert (np.diff(e.confidence[e.mistakes]) <= 0).all() and (e.predicted != e.labels)[e.mistakes].all()


def test_wrong_labels_are_suspected() -> None:
    """A network that is sure of what is there, shown 20 wrong labels among 1000."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 5, 1000)
    logits = rng.normal(0, 0.5, (1000, 5))
    logits[np.arange(1000), truth] += rng.uniform(3, 6, 1000)
    wrong = rng.choice(1000, 20, replace=False)
    labels = truth.copy()
    labels[wrong] = (truth[wrong] + 1) % 5
    e = Evaluation(logits, labels)
    assert (np.diff(e.confidence[e.suspects]) <= 0).all()  # the most confident first
    usual = [e.probabilities[labels == k, k].mean() for k in range(5)]
    assert (
        set(e.suspects) == {i for i in wrong if e.confidence[i] >= usual[truth[i]]} and e.suspects.size > 10
    )


def test_a_class_without_images_is_nobodys_right_label() -> None:
    assert Evaluation(np.array([[0.0, 9.0]]), np.array([0])).suspects.size == 0
