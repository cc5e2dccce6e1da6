"""The connected parts of a drawing."""

import numpy as np


def components(inked: np.ndarray) -> np.ndarray:
    """(height, width) of bool -> int: 0 paper, 1, 2, ... the part that a pixel belongs to.

    Pixels that touch, even at a corner, are of one part. They are numbered as they come.
    """
    height, width = inked.shape
    stride = width + 1  # a column of paper keeps the runs of a row from going on in the next
    flat = np.zeros(height * stride + 2, np.int8)
    flat[1:-1].reshape(height, stride)[:, :width] = inked
    starts, ends = np.flatnonzero(np.diff(flat) == 1), np.flatnonzero(np.diff(flat) == -1)
    first = np.searchsorted(ends, starts - stride - 1, side="right")  # runs of the row above that touch
    last = np.searchsorted(starts, ends - stride + 1, side="left")
    parent = list(range(len(starts)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = run = parent[parent[run]]
        return run

    for run, (begin, end) in enumerate(zip(first, last, strict=True)):
        for above in range(begin, end):
            one, other = sorted((root(above), root(run)))
            parent[other] = one
    roots = np.array([root(run) for run in range(len(starts))], np.int64)
    _, numbers = np.unique(roots, return_inverse=True)
    parts = np.zeros(height * stride, np.int64)
    for start, end, number in zip(starts, ends, numbers, strict=True):
        parts[start:end] = number + 1
    return parts.reshape(height, stride)[:, :width]
